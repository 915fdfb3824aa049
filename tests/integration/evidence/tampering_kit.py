"""How a tampering is written down: what is done to a package, by its name in ``tamperings.toml``.

``of_draft`` functions are an insider's: they change what is said and seal it again with the real key. ``of_disk``
functions change a package that was sealed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from integration.evidence.package_rig import (
    Draft,
    draft,
    written,
    zipped,
)

FILM, OTHER_FILM = "bag/data/nativo/cam-a/0001.mp4", "bag/data/nativo/cam-a/0002.mp4"


SHORT, LONG, TAGS = "bag/manifest-sha256.txt", "bag/manifest-sha512.txt", "bag/tagmanifest-sha256.txt"


REQUEST = "bag/meta/solicitud.json"


P7S, TSR, CHAIN = "sello/tagmanifest.p7s", "sello/tagmanifest.p7s.tsr", "sello/cadena.pem"


@dataclass
class Outside:
    """What the reader brings along, where a tampering shows only against it."""

    kept: bytes = b""
    digest: str = ""
    at: str = ""


Made = tuple[Path, Outside]


TAMPERINGS: dict[str, Callable[[Path], Made]] = {}


def of_disk(function: Callable[[Path], None]) -> Callable[[Path], None]:
    def make(folder: Path) -> Made:
        top = written(folder)
        function(top)
        return top, Outside()

    TAMPERINGS[function.__name__] = make
    return function


def of_draft(function: Callable[[Draft], Draft | None]) -> Callable[[Draft], Draft | None]:
    def make(folder: Path) -> Made:
        whole = draft()
        return (function(whole) or whole).write(folder), Outside()

    TAMPERINGS[function.__name__] = make
    return function


def of_zip(function: Callable[[Path], None]) -> Callable[[Path], None]:
    def make(folder: Path) -> Made:
        path = zipped(written(folder))
        function(path)
        return path, Outside()

    TAMPERINGS[function.__name__] = make
    return function


def of_all(function: Callable[[Path], Made]) -> Callable[[Path], Made]:
    TAMPERINGS[function.__name__] = function
    return function


def flip(path: Path, place: int = -20) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(bytes(content))


def edit(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def first_line(path: Path) -> bytes:
    return path.read_bytes().split(b"\n")[0] + b"\n"


def add_line(path: Path, name: str, digest: str) -> None:
    """One more line, in its place."""
    rows = [*path.read_text().splitlines(), f"{digest}  {name}"]
    path.write_text("".join(f"{row}\n" for row in sorted(rows, key=lambda row: row.split("  ", 1)[1])))
