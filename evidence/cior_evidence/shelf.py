"""Where packages of requests stand, and how far each has come, in one small file beside it: what who builds writes and
who shows reads. Nothing here opens a package.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from cior_bus import durable_file
from cior_core.canonical import canonical
from cior_core.judicial.copies import CopyOrder
from cior_core.judicial.state import Request
from cior_core.model import Struct
from cior_evidence.bag import sha256_of
from cior_evidence.stored_archive import archives

_ID_LETTERS: Final = 12


class Making(StrEnum):
    """``ORDERED``: nobody began. ``WAITING``: for what its code says, and it goes on by itself. ``STOPPED``: a person
    must do something; ordered again it is made anew.
    """

    ORDERED = "ordered"
    BUILDING = "building"
    WAITING = "waiting"
    READY = "ready"
    STOPPED = "stopped"


class Phase(StrEnum):
    """What is being done."""

    NONE = ""
    FOOTAGE = "footage"
    PICTURES = "pictures"
    RECORDS = "records"
    CLOSING = "closing"
    SEAL = "seal"
    ARCHIVE = "archive"


class Zip(Struct, frozen=True, kw_only=True):
    """One file that is downloaded, as it was written: a renewal makes the first of a package anew, and larger."""

    name: str
    size_bytes: int
    sha256: str


def zips_of(paths: Iterable[Path]) -> tuple[Zip, ...]:
    """These files, read once more: the digest is of what lies on the disk."""
    return tuple(
        Zip(name=path.name, size_bytes=path.stat().st_size, sha256=sha256_of(path)) for path in paths
    )


class Progress(Struct, frozen=True, kw_only=True):
    """Of one package. ``size_bytes``: what is in it so far, of the ZIP once it is ready; ``code``, ``cure``: why it
    waits or stopped; ``parts``: how many ZIPs it is; ``zips``: those, once it is ready; ``pictures``, ``pictures_of``:
    of a copy, how many are made and how many it has.
    """

    name: str
    state: Making
    phase: Phase = Phase.NONE
    digest: str = ""
    size_bytes: int = 0
    code: str = ""
    cure: str = ""
    pictures: int = 0
    pictures_of: int = 0
    parts: int = 1
    zips: tuple[Zip, ...] = ()


def package_id(request: Request) -> str:
    """The id of the package that was ordered last; another for each order."""
    return _numbered(request, request.builds)


def copy_id(request: Request, copy: CopyOrder) -> str:
    """The id of a copy: that of the package that it is made of, and its number."""
    return f"{native_id(request, copy)}-C{copy.n}"


def native_id(request: Request, copy: CopyOrder) -> str:
    """The id of the package that a copy is made of."""
    return _numbered(request, copy.build)


def _numbered(request: Request, build: int) -> str:
    year = datetime.fromtimestamp(request.received_ms / 1000, UTC).year
    return f"CIOR-{year}-{request.id[:_ID_LETTERS]}-{build}"


class Shelf:
    """A folder of packages."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def folder(self, package: str) -> Path:
        """A sealed package, unpacked."""
        return self.out / package.lower()

    def workplace(self, package: str) -> Path:
        """Where clips of a copy wait, finished one by one, until all of them are in its bag."""
        return self.out / f".{package.lower()}.copiando"

    def archive(self, package: str, *, part: int = 1, parts: int = 1) -> Path:
        """The ZIP of a package that is ready, or one of its ``parts``."""
        return archives(self.out / f"{package.lower()}.zip", parts)[part - 1]

    def zips(self, progress: Progress) -> tuple[Zip, ...]:
        """What of a ready package is downloaded, as it lies there now: without a digest what was made anew since."""
        found = []
        for n, path in enumerate(archives(self.out / f"{progress.name.lower()}.zip", progress.parts)):
            size_bytes = path.stat().st_size if path.is_file() else 0
            told = progress.zips[n] if n < len(progress.zips) else None
            is_same = told is not None and told.size_bytes == size_bytes
            found.append(
                Zip(name=path.name, size_bytes=size_bytes, sha256=told.sha256 if told and is_same else "")
            )
        return tuple(found)

    def order_file(self, package: str) -> Path:
        """The order that a package was begun with: what is looked up later may read otherwise."""
        return self.out / f".{package.lower()}.orden"

    def tell(self, progress: Progress) -> None:
        """Durable on return."""
        self.out.mkdir(parents=True, exist_ok=True)
        durable_file.replace(self._file(progress.name), canonical(progress) + b"\n")

    def progress(self, package: str) -> Progress:
        """How it stands; what nobody began is ordered. What is no record of ours is none."""
        try:
            return msgspec.json.decode(self._file(package).read_bytes(), type=Progress)
        except (OSError, msgspec.MsgspecError):
            return Progress(name=package, state=Making.ORDERED)

    def _file(self, package: str) -> Path:
        return self.out / f".{package.lower()}.avance"
