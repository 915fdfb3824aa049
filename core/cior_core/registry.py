"""The register of devices: which sources the centre knows, where they are, how often they speak, their wire names.

A TOML file of ``[[device]]`` tables with the fields of :class:`cior_core.model.Device` and two more::

    [[device]]
    id = "panel:1001"            # the subject of its events
    kind = "panel"
    expected_every_s = 60
    source = "urn:cior:dc09:norte"   # optional: the native names below hold for this channel only
    native = ["1001"]                # optional: its names on the wire; the id itself is always one
    place = {method = "site", lat = -32.95, lon = -60.66}
    block = "block-07"               # optional: whose neighbours are told; with siren = true it has one
    siren = true
    facility = "school-12"           # optional: the facility it stands in
    route = "101"                    # optional: the line that a vehicle serves
    agency = "police"                # optional: a unit of that agency (protocols.toml); the room's map shows it
    cameras = ["camera-plaza"]       # optional: those that see it, beyond the ones that the catalogue finds
    unencrypted = false              # true: it cannot encrypt; without it, plain messages of a panel prove nothing
    registered_people = false        # true: a known person carries it; far from place, the home block stays quiet

Cameras are not here: the catalogue (:mod:`cior_core.cameras`) has them, and they are among the devices.

A device that is not found is *unregistered*: its events go on, marked so (S31); nobody's press is dropped for want of
a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Self

import msgspec

from cior_core.cameras import CAMERA, NO_CAMERAS, Cameras
from cior_core.geo import coordinate_fault
from cior_core.model import DataClass, Device, Place
from cior_core.strict_toml import ConfigFault, locate, parse


class _SitePlace(Place, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place in the file: a misspelt key must not pass."""


class Row(Device, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of the file: a device and its names on the wire."""

    place: _SitePlace | None = None  # type: ignore[assignment]  # narrower: frozen, so read only
    source: str = ""
    native: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    device: tuple[Row, ...] = ()


class Registry(Mapping[str, Device]):
    """Enabled devices by id, the catalogue's cameras among them; :meth:`find` by channel and native name."""

    def __init__(self, rows: Iterable[Row] = (), cameras: Iterable[Device] = ()) -> None:
        self._devices: dict[str, Device] = {each.id: each for each in cameras}
        self._native: dict[tuple[str, str], str] = {}
        for row in rows:
            if row.enabled:
                self._devices[row.id] = _device(row)
                self._native.update({(row.source, name): row.id for name in row.native})

    @classmethod
    def load(cls, text: str, *, file: str = "devices.toml", cameras: Cameras = NO_CAMERAS) -> Self:
        """Read and check. Raises :class:`ConfigFault` with file, line and cure: ``config.*``, ``registry.id_twice``,
        ``registry.native_twice``, ``registry.camera``, ``registry.place``, ``registry.interval``,
        ``registry.sealed_siren``, ``registry.sealed_unit``.
        """
        rows = parse(text, _File, file=file).device
        for code, sentence, path, cure in _faults(rows, cameras):
            raise ConfigFault(code, sentence, file=file, line=locate(text, path), cure=cure)
        return cls(rows, cameras.devices())

    def __getitem__(self, device_id: str) -> Device:
        return self._devices[device_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._devices)

    def __len__(self) -> int:
        return len(self._devices)

    def find(self, source: str, native_id: str) -> Device | None:
        """The device that ``source`` calls ``native_id``: first by its names on that channel, then by its names on
        any channel, then by its id. None when it is not registered or not enabled.
        """
        found = self._native.get((source, native_id)) or self._native.get(("", native_id)) or native_id
        return self._devices.get(found)


def _device(row: Row) -> Device:
    fields = {name: getattr(row, name) for name in Device.__struct_fields__ if name != "place"}
    return (
        Device(**fields)
        if row.place is None
        else Device(**fields, place=Place(**msgspec.structs.asdict(row.place)))
    )


def _faults(rows: tuple[Row, ...], cameras: Cameras) -> Iterator[tuple[str, str, tuple[str | int, ...], str]]:
    ids: set[str] = set()
    names: dict[tuple[str, str], str] = {}
    for n, row in enumerate(rows):
        at = ("device", n)
        if not row.id or row.id in ids:
            yield (
                "registry.id_twice",
                f"device id '{row.id}' is empty or given twice",
                (*at, "id"),
                "give every device its own id",
            )
        ids.add(row.id)
        if row.kind == CAMERA or row.id in cameras:
            yield (
                "registry.camera",
                f"device '{row.id}' is a camera",
                (*at, "id"),
                "cameras are listed once: write it in the file that the centre file names as cameras",
            )
        for name in row.native:
            if (row.source, name) in names:
                yield (
                    "registry.native_twice",
                    f"'{name}' names both '{names[row.source, name]}' and '{row.id}' on one channel",
                    (*at, "native"),
                    "two units with one name cannot be told apart: correct one, or give each its source",
                )
            names[row.source, name] = row.id
        yield from _device_faults(row, at)


def _device_faults(
    row: Row, at: tuple[str | int, ...]
) -> Iterator[tuple[str, str, tuple[str | int, ...], str]]:
    place = row.place
    if (
        place is not None
        and place.lat is not None
        and place.lon is not None
        and coordinate_fault(place.lat, place.lon) is not None
    ):
        yield (
            "registry.place",
            f"device '{row.id}' stands at no place on earth",
            (*at, "place"),
            "give latitude and longitude, or leave the place out",
        )
    if place is not None and (place.lat is None) is not (place.lon is None):
        yield (
            "registry.place",
            f"device '{row.id}' has half a pair of coordinates",
            (*at, "place"),
            "give both or none",
        )
    if row.expected_every_s is not None and not 1 <= row.expected_every_s <= 2_592_000:
        yield (
            "registry.interval",
            f"device '{row.id}' has an impossible expected_every_s",
            (*at, "expected_every_s"),
            "give seconds from 1 to 2592000 (30 days), or leave it out",
        )
    if row.agency is not None and row.data_class is DataClass.SEALED:
        yield (
            "registry.sealed_unit",
            f"sealed device '{row.id}' is a unit of an agency",
            (*at, "agency"),
            "whoever is protected stands on no map: take 'agency' out, or correct data_class",
        )
    if row.siren and row.data_class is DataClass.SEALED:
        yield (
            "registry.sealed_siren",
            f"sealed device '{row.id}' has a siren",
            (*at, "siren"),
            "a sealed device is never loud: set siren = false",
        )
