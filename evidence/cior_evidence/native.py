"""A sealed package as it stands on the shelf, read again for what is derived from it: nothing is believed that its tag
manifest does not cover, and nothing of it is written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from cior_core.errors import IntegrityBroken, SourceUnavailable
from cior_core.model import Struct
from cior_core.rfc3339 import from_rfc3339
from cior_evidence.bag import TAG_MANIFEST, sha256_of
from cior_evidence.recoding import Stretch

_CURE: Final = "keep the disk as it is, tell the auditor, and bring the package back from its copy"


class NativeClip(Struct, frozen=True, kw_only=True):
    """One native file, as its package's list tells of it. ``row``: the whole line of ``segmentos.jsonl``."""

    row: dict[str, Any]

    @property
    def path(self) -> str:
        """Within the bag."""
        return str(self.row["archivo"])

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """When its pictures were taken."""
        return tuple(
            Stretch(start_ms=from_rfc3339(part["desde"]), frames=part["cuadros"])
            for part in self.row["partes"]
        )


class Native:
    """The package in ``folder``, whose tag manifest has the SHA-256 ``digest``."""

    def __init__(self, folder: Path, digest: str) -> None:
        self._bag = folder / "bag"
        if not (self._bag / TAG_MANIFEST).is_file():
            raise SourceUnavailable(
                "copy.native_away",
                "the sealed package is not on the shelf, so nothing can be made of it",
                cure="put its folder back where packages stand; this goes on by itself",
            )
        tags = (self._bag / TAG_MANIFEST).read_bytes()
        if hashlib.sha256(tags).hexdigest() != digest:
            raise _changed(TAG_MANIFEST)
        self._digests = dict(_lines(tags))
        self._digests |= dict(_lines(self._checked("manifest-sha256.txt")))
        self.clips = tuple(
            NativeClip(row=msgspec.json.decode(line))
            for line in self._checked("meta/segmentos.jsonl").splitlines()
        )

    def meta(self, name: str) -> dict[str, Any]:
        """A file of ``meta/``. Raises ``IntegrityBroken`` (``copy.native_changed``)."""
        found: dict[str, Any] = msgspec.json.decode(self._checked(f"meta/{name}"))
        return found

    def lines(self, path: str) -> list[dict[str, Any]]:
        """A file of lines, anywhere in the bag; raises as :meth:`meta` does."""
        return [msgspec.json.decode(line) for line in self._checked(path).splitlines()]

    def file(self, clip: NativeClip) -> Path:
        """A clip's file, which is, byte for byte, what was sealed. Raises ``IntegrityBroken``."""
        path = self._bag / clip.path
        known = self._digests.get(clip.path)
        if known is None or known != clip.row["sha256"] or not path.is_file() or sha256_of(path) != known:
            raise _changed(clip.path)
        return path

    def _checked(self, path: str) -> bytes:
        content = (self._bag / path).read_bytes() if (self._bag / path).is_file() else b""
        if hashlib.sha256(content).hexdigest() != self._digests.get(path):
            raise _changed(path)
        return content


def _lines(manifest: bytes) -> Iterator[tuple[str, str]]:
    for line in manifest.decode().splitlines():
        digest, _, path = line.partition("  ")
        yield path, digest


def _changed(path: str) -> IntegrityBroken:
    return IntegrityBroken(
        "copy.native_changed", f"{path} of the sealed package is not what was sealed", cure=_CURE
    )
