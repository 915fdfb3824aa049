"""Golden samples: ``samples/<case>/{raw*, expected.json, provenance.toml}``, or the cases in a connector's one file."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from cior_connectors._runtime.guard import DecodeResult
from cior_connectors.contract import Facts
from cior_connectors.papers import Papers, Provenance
from cior_core import codec, strict_toml
from cior_core.errors import ConfigInvalid


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One case, read. ``expected`` is None until a golden is written; ``partial``: it names what matters alone."""

    name: str
    raw: bytes
    provenance: Provenance
    expected: Mapping[str, Any] | None
    folder: Path
    partial: bool = False

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


def of_papers(papers: Papers) -> tuple[Sample, ...]:
    """The cases of a connector that is one file, by name."""
    return tuple(
        Sample(
            name=name,
            raw=case.raw,
            provenance=case.origin,
            expected={"events": list(case.says), "rejected": [], "code": case.code},
            folder=Path(),
            partial=True,
        )
        for name, case in sorted(papers.cases.items())
    )


def read(package: str) -> tuple[Sample, ...]:
    """All cases of a connector that is a folder, by name. Raises ``ConfigInvalid`` (``sample.broken``)."""
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


def differs(told_now: Mapping[str, Any], sample: Sample) -> bool:
    """Whether a result is not what the sample expects; of a partial one what it names is compared."""
    expected = sample.expected or {}
    if not sample.partial:
        return told_now != expected
    events, wanted = told_now["events"], expected["events"]
    return (
        told_now["code"] != expected["code"]
        or len(events) != len(wanted)
        or not all(_says(event, want) for event, want in zip(events, wanted, strict=True))
    )


def _says(found: Any, wanted: Any) -> bool:
    """Whether ``found`` has all that ``wanted`` names."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return all(key in found and _says(found[key], value) for key, value in wanted.items())
    return bool(found == wanted)


def write_expected(sample: Sample, decoded: DecodeResult) -> None:
    """Write the golden. A human reads the diff before committing: a golden nobody read proves nothing."""
    body = msgspec.json.format(msgspec.json.encode(told(decoded)), indent=1)
    (sample.folder / "expected.json").write_bytes(body + b"\n")
