"""Golden samples: ``samples/<case>/{raw*, expected.json, provenance.toml}``."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import msgspec

from cior_connectors._runtime.guard import DecodeResult
from cior_connectors.contract import Facts
from cior_core import codec, strict_toml
from cior_core.errors import ConfigInvalid
from cior_core.model import Device

RECEIVED_MS = 1_795_305_600_000
"""2026-11-22T00:00:00Z, the receipt instant of samples that name none."""


class Provenance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a sample's bytes come from, and the facts that came with them.

    ``origin``: ``captured`` from a device, ``published`` by someone, or ``shaped`` (a published shape with values of
    our own). ``second_press_of`` names the case whose press this one follows: another press of the same device.
    """

    origin: Literal["captured", "published", "shaped"]
    source: str
    device: str
    date: str
    anonymised_by: str
    note: str = ""
    received_ms: int = RECEIVED_MS
    subject: str = ""
    content_type: str = "application/octet-stream"
    details: dict[str, str] = {}
    second_press_of: str = ""
    device_registry: tuple[Device, ...] = ()


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One case, read. ``expected`` is None until a golden is written."""

    name: str
    raw: bytes
    provenance: Provenance
    expected: Mapping[str, Any] | None
    folder: Path

    def facts(self, source: str) -> Facts:
        """The facts as the source gives them, before the runtime stamps them."""
        told = self.provenance
        return Facts(
            source=source,
            peer="192.0.2.1",
            subject=told.subject,
            content_type=told.content_type,
            details=told.details,
        )


def read(package: str) -> tuple[Sample, ...]:
    """All cases of a connector, by name. Raises ``ConfigInvalid`` (``sample.broken``)."""
    root = Path(str(files(package).joinpath("samples")))
    if not root.is_dir():
        return ()
    return tuple(
        _read(folder)
        for folder in sorted(root.iterdir())
        if folder.is_dir() and not folder.name.startswith(("_", "."))
    )


def _read(folder: Path) -> Sample:
    raws = sorted(folder.glob("raw*"))
    provenance = folder / "provenance.toml"
    if len(raws) != 1 or not provenance.is_file():
        raise ConfigInvalid(
            "sample.broken",
            f"{folder.name}: needs one raw file and provenance.toml",
            cure="see connectors/README.md, samples",
        )
    expected = folder / "expected.json"
    return Sample(
        name=folder.name,
        raw=raws[0].read_bytes(),
        provenance=strict_toml.parse(
            provenance.read_text(encoding="utf-8"), Provenance, file=str(provenance)
        ),
        expected=msgspec.json.decode(expected.read_bytes()) if expected.is_file() else None,
        folder=folder,
    )


def told(decoded: DecodeResult) -> dict[str, Any]:
    """A result as it stands in ``expected.json``: events in wire form, codes of rejected parts, and the code of a
    rejected payload.
    """
    events = [msgspec.json.decode(codec.encode(event)) for event in decoded.events]
    return {"events": events, "rejected": [part.code for part in decoded.rejected], "code": decoded.code}


def write_expected(sample: Sample, decoded: DecodeResult) -> None:
    """Write the golden. A human reads the diff before committing: a golden nobody read proves nothing."""
    body = msgspec.json.format(msgspec.json.encode(told(decoded)), indent=1)
    (sample.folder / "expected.json").write_bytes(body + b"\n")
