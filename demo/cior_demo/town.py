"""The city that is played in: the drawn one, or one of a pack; a city's own folder is made into a pack first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
import msgspec

from cior_city.city_of_centre import city_of, pack_texts
from cior_core.city_pack import MANIFEST, read_manifest
from cior_core.errors import ConfigInvalid
from cior_core.geo import City
from cior_demo.roster import Line, Way

SHORTEST = 4
"""Corners of a line that is worth driving along."""


class Town(msgspec.Struct, frozen=True, kw_only=True):
    """A city with its name, its bus lines (else its streets), and the pack that it is of (None: drawn)."""

    city: City
    name: str
    lines: tuple[Line, ...] = ()
    pack: Path | None = None


def drawn_town() -> Town:
    """The bundled city."""
    return Town(city=City.demo(), name="Ciudad simulada")


def imported_town(folder: Path, pack: Path) -> Town:
    """The city of a pack, or of a folder that is imported into ``pack``. Raises ``ConfigInvalid``."""
    if not (folder / MANIFEST).is_file():
        _import(folder, pack)
        folder = pack
    texts = pack_texts(folder)
    manifest = read_manifest((folder / MANIFEST).read_bytes())
    return Town(city=city_of(texts), name=f"{manifest.name} (simulada)", lines=_lines(texts), pack=folder)


def _import(folder: Path, pack: Path) -> None:
    from cior_city.importing import import_city
    from cior_city.mapping import read_mapping
    from cior_city.packing import write_pack
    from cior_city.report import lines

    imported = import_city(folder, read_mapping(folder, None))
    for line in lines(imported, "es", whole=False):
        click.echo(line)
    if imported.manifest is None:
        raise ConfigInvalid(
            "city.errors",
            f"{folder.name} cannot be imported as it is",
            cure="correct what is called ERROR above",
        )
    write_pack(pack, imported.manifest, imported.files)


class _Line(msgspec.Struct, frozen=True, tag_field="type", tag="LineString"):
    coordinates: tuple[tuple[float, float], ...]


class _Lines(msgspec.Struct, frozen=True, tag_field="type", tag="MultiLineString"):
    coordinates: tuple[tuple[tuple[float, float], ...], ...]


class _Way(msgspec.Struct, frozen=True):
    properties: dict[str, str]
    geometry: _Line | _Lines


class _Ways(msgspec.Struct, frozen=True):
    features: tuple[_Way, ...]


def _lines(texts: Mapping[str, str]) -> tuple[Line, ...]:
    for layer, called in (("routes", "line"), ("streets", "")):
        ways = msgspec.json.decode(texts[layer], type=_Ways).features if layer in texts else ()
        found = [(way.properties.get(called, ""), _path(way.geometry)) for way in ways]
        if lines := tuple(line for line in found if len(line[1]) >= SHORTEST):
            return lines
    return ()


def _path(shape: _Line | _Lines) -> Way:
    """The longest part, as (lat, lon) of six decimals: what a tracker says."""
    longest = shape.coordinates if isinstance(shape, _Line) else max(shape.coordinates, key=len)
    return tuple((round(lat, 6), round(lon, 6)) for lon, lat in longest)
