"""Which privacy masks a camera had, and since when: noted whenever they are others than before, in a file of this room
and in the register's ledger, so that a copy covers what was covered while it was recorded. Whose file they are in is
told by the composition root; what cannot be read is never taken for "none".
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec
import structlog

from cior_bus import durable_file
from cior_core.canonical import canonical
from cior_core.errors import ConfigInvalid, IntegrityBroken, PayloadRejected, SourceUnavailable
from cior_core.model import Struct
from cior_core.people import LedgerEntry
from cior_core.picture_masks import InForce, MaskNote, Masks, changed_since, check_masks, in_force

log = structlog.get_logger("cior.evidence")
ACT: Final = "camera.masks"
_CURE: Final = "bring the files that [[vision]] names to the machine of the part evidence, and set them right"


class MasksNow(Struct, frozen=True, kw_only=True):
    """What holds now. ``cameras``: each that somebody watches, with its masks or none; ``stored``: those whose masks
    are of the picture as it is stored; ``written_ms``: when the files that say so were written.
    """

    cameras: Mapping[str, Masks] = {}
    stored: frozenset[str] = frozenset()
    written_ms: tuple[int, ...] = ()


class MaskHistory:
    """The notes in ``path``. ``read`` raises ``ConfigInvalid`` where it cannot be told; ``tell`` writes an entry into
    the ledger and raises ``SourceUnavailable``. One process of a centre keeps it; its threads may share it.
    """

    def __init__(
        self,
        path: Path,
        *,
        read: Callable[[], MasksNow],
        tell: Callable[[LedgerEntry], None],
        now_ms: Callable[[], int],
        actor: str,
    ) -> None:
        self._path, self._read, self._tell, self._now_ms, self._actor = path, read, tell, now_ms, actor
        self._lock = threading.Lock()
        self._looked_ms: int | None = None

    def look(self) -> None:
        """Note what is other than before. Raises ``ConfigInvalid`` (``copy.masks_unread``), ``IntegrityBroken``
        (``copy.mask_history``) and ``SourceUnavailable``.
        """
        try:
            with self._lock:
                self._compare(self._now())
        except OSError as error:
            raise SourceUnavailable(
                "copy.masks_disk",
                f"{self._path.name} cannot be read or written: {error.strerror or type(error).__name__}",
                cure="see the disk of the part evidence; this goes on by itself",
            ) from error

    def _compare(self, now: MasksNow) -> None:
        at_ms = self._now_ms()
        last = {each.camera: each for each in self._notes()}
        for camera in sorted({*now.cameras, *last}):
            masks = now.cameras.get(camera, ())
            fresh = MaskNote(
                camera=camera,
                since_ms=0,
                seen_ms=at_ms,
                masks=masks,
                is_stored=bool(masks) and camera in now.stored,
            )
            before = last.get(camera)
            if before is None or (before.masks, before.is_stored) != (fresh.masks, fresh.is_stored):
                self._note(self._dated(fresh, before, now.written_ms))
        self._looked_ms = at_ms

    def in_force(self, camera: str, span: tuple[int, int]) -> InForce:
        """What must be covered of what ``camera`` recorded in ``span``. Raises ``IntegrityBroken``, ``OSError``."""
        with self._lock:
            return in_force([each for each in self._notes() if each.camera == camera], span)

    def _now(self) -> MasksNow:
        try:
            now = self._read()
            for camera, masks in now.cameras.items():
                check_masks(camera, masks)
        except (ConfigInvalid, PayloadRejected) as error:
            raise ConfigInvalid(
                "copy.masks_unread",
                f"the privacy masks of cameras cannot be told: {error}",
                cure=f"{_CURE} ({error.cure})",
            ) from error
        return now

    def _dated(self, fresh: MaskNote, before: MaskNote | None, written_ms: tuple[int, ...]) -> MaskNote:
        """Since when what is seen now holds."""
        last_ms = None if before is None else max(before.seen_ms, self._looked_ms or 0)
        since_ms = changed_since(written_ms, last_seen_ms=last_ms, now_ms=fresh.seen_ms)
        return msgspec.structs.replace(fresh, since_ms=since_ms)

    def _note(self, note: MaskNote) -> None:
        """In the ledger first: what counts here, whoever audits has."""
        detail: dict[str, str | int] = {
            "since_ms": note.since_ms,
            "as_stored": int(note.is_stored),
            "masks": canonical(note.masks).decode(),
        }
        self._tell(
            LedgerEntry(at_ms=note.seen_ms, actor=self._actor, act=ACT, subject=note.camera, detail=detail)
        )
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, msgspec.json.encode(note) + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)
        durable_file.sync_folder(self._path.parent)
        log.info("camera_masks_noted", camera=note.camera, masks=len(note.masks))

    def _notes(self) -> list[MaskNote]:
        """All of them; what a kill left of a line is cut off first."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) != len(data):
            os.truncate(self._path, len(whole))
        try:
            notes = [msgspec.json.decode(line, type=MaskNote) for line in whole.splitlines()]
            for each in notes:
                check_masks(each.camera, each.masks)
        except (msgspec.MsgspecError, PayloadRejected) as error:
            raise IntegrityBroken(
                "copy.mask_history",
                f"{self._path.name} has a line that is none",
                cure=f"restore it from its copy, or from the entries {ACT} of the ledger; nothing is copied meanwhile",
            ) from error
        return notes
