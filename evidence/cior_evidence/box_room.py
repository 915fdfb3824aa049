"""What is kept of the boxes of one request until its package is sealed: the closed ones, and what was handed back.

A folder that its owner alone reads, and that the console and who builds packages share. Handed back is the key of
single boxes, so nothing here opens any other; it is in no database, so no copy of one has it, and
:meth:`BoxRoom.forget` ends it. ``OSError`` passes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from nacl.public import PrivateKey

from cior_bus import durable_file
from cior_bus.sealed_content import SealedContent, unlocked
from cior_core.canonical import canonical
from cior_core.errors import AccessDenied, CiorError, IntegrityBroken, PayloadRejected
from cior_core.model import Struct
from cior_evidence.box_files import (
    CLOSED,
    BoxesFile,
    ClosedBox,
    Opened,
    OpenedFile,
    handed_back,
    read_closed,
    refuse_reserved,
)

_KEY: Final = "llave"
_BOXES: Final = "cerrados.json"
_OPENED: Final = ".abierto"
_FOLDER: Final = ".sobres"


class Handed(Struct, frozen=True, kw_only=True):
    """An opening that was accepted: by whom it was handed back, and when."""

    opened: Opened
    by: str
    at_ms: int


class Judged(Struct, frozen=True):
    """One opening of a file, or the code of why it is refused. ``record`` is empty where it could not be read."""

    record: str
    opened: Opened | None = None
    code: str = ""


class BoxRoom:
    """Of one request, below ``shared``."""

    def __init__(self, shared: Path, request: str) -> None:
        self.request, self._folder = request, shared / f"{request}{_FOLDER}"

    def lay_out(self, boxes: Iterable[ClosedBox], *, sealed: bool) -> BoxesFile:
        """The file of these boxes; the same key for a request however often."""
        laid = BoxesFile(
            format=CLOSED, request=self.request, sealed=sealed, to=bytes(PrivateKey(self._key()).public_key),
            boxes=tuple(boxes),
        )  # fmt: skip
        content = canonical(laid) + b"\n"
        if not self.path.is_file() or self.path.read_bytes() != content:
            durable_file.replace(self.path, content)
        return laid

    @property
    def path(self) -> Path:
        """The file of closed boxes."""
        return self._folder / _BOXES

    def closed(self) -> BoxesFile | None:
        """What was laid out; None: nothing yet, or it was forgotten."""
        try:
            return read_closed(self.path.read_bytes())
        except FileNotFoundError:
            return None

    def _key(self) -> bytes:
        path = self._folder / _KEY
        if not path.is_file():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with suppress(FileExistsError):
                durable_file.create(path, bytes(PrivateKey.generate()))
        return path.read_bytes()

    def judged(self, file: OpenedFile) -> list[Judged]:
        """Each opening of a file that was handed back, against the boxes of this request.

        Raises ``PayloadRejected`` (``boxes.other_request``, ``boxes.none``).
        """
        closed = self.closed()
        if closed is None:
            raise PayloadRejected(
                "boxes.none",
                "no box of this request waits to be opened",
                cure="boxes are laid out once it is approved, until its package is sealed",
            )
        if file.request != self.request:
            raise PayloadRejected(
                "boxes.other_request", "this is the answer to another request", cure="hand it back there"
            )
        mine = {each.record: each for each in closed.boxes}
        return [self._judged(each, mine, sealed=closed.sealed) for each in file.opened]

    def _judged(self, answer: bytes, mine: Mapping[str, ClosedBox], *, sealed: bool) -> Judged:
        try:
            opened = handed_back(answer, self._key())
        except PayloadRejected as error:
            return Judged("", code=error.code)
        try:
            self._check(opened, mine, sealed=sealed)
        except CiorError as error:
            return Judged(opened.record, code=error.code)
        return Judged(opened.record, opened)

    def _check(self, opened: Opened, mine: Mapping[str, ClosedBox], *, sealed: bool) -> None:
        box = mine.get(opened.record)
        if opened.request != self.request or box is None:
            raise AccessDenied("boxes.not_asked", "this record is none of what the request needs")
        if not (opened.who.strip() and opened.reason.strip()):
            raise AccessDenied("opening.unnamed", "nobody opens without a name and a reason")
        check_box(box.box, opened, sealed=sealed)

    def keep(self, opened: Opened, *, by: str, at_ms: int) -> bool:
        """Keep an opening that was judged, once: the first stays. Its ledger row is written before."""
        path = self._folder / f"{hashlib.sha256(opened.record.encode()).hexdigest()[:32]}{_OPENED}"
        try:
            durable_file.create(path, msgspec.msgpack.encode(Handed(opened=opened, by=by, at_ms=at_ms)))
        except FileExistsError:
            return False
        return True

    def handed(self) -> dict[str, Handed]:
        """What was kept, by record."""
        found = (
            msgspec.msgpack.decode(path.read_bytes(), type=Handed)
            for path in sorted(self._folder.glob(f"*{_OPENED}"))
        )
        return {each.opened.record: each for each in found}

    def forget(self) -> None:
        """The package is sealed: what was handed back is in it, and nowhere else from now on."""
        if os.path.lexists(self._folder):
            shutil.rmtree(self._folder)


def rooms_in(shared: Path) -> list[BoxRoom]:
    """Of every request that has one."""
    return [BoxRoom(shared, path.name.removesuffix(_FOLDER)) for path in sorted(shared.glob(f"*{_FOLDER}"))]


def check_box(box: bytes, opened: Opened, *, sealed: bool) -> SealedContent:
    """What the box gives with the key that was handed back: only what was sealed at receipt opens.

    Raises ``IntegrityBroken`` (``boxes.other_box``, ``boxes.other_bytes``) and ``AccessDenied`` (``boxes.reserved``).
    """
    if hashlib.sha256(box).hexdigest() != opened.box:
        raise IntegrityBroken(
            "boxes.other_box", "this is the key of another box than the one that was received"
        )
    try:
        content = unlocked(box, opened.key)
    except PayloadRejected as error:
        raise IntegrityBroken(
            "boxes.other_bytes", "the box that was received does not open to what was handed back"
        ) from error
    if not sealed:
        refuse_reserved(content)
    return content
