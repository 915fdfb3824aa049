"""What every background job of this room does beside its work: tells where people look how it stands, waits for what is
away, stops for what a person must see to, and writes to the register in the name of who ordered it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from cior_bus import durable_file
from cior_core.errors import CiorError, ConfigInvalid, SourceUnavailable
from cior_core.people import LedgerEntry
from cior_evidence.order import Order, read_order
from cior_evidence.packing import Watch
from cior_evidence.shelf import Making, Phase, Progress, Shelf
from cior_register.register import Register

log = structlog.get_logger("cior.evidence")
PART: Final = "cior.evidence"
"""The hand of what is done in somebody's name."""
_PATIENCE_S: Final = 30.0
_TOLD_EVERY_S: Final = 0.5
_WAITS: Final = (SourceUnavailable, ConfigInvalid, OSError)
"""What goes by itself, or when somebody has set a clock or a file right; anything else stops the package."""
_DEFECTS: Final = (ValueError, LookupError, TypeError, RuntimeError, ArithmeticError, msgspec.MsgspecError)
"""What is nobody's fault but ours: that package stops and says so, the others go on."""
FAILURES: Final = (CiorError, OSError, *_DEFECTS)


class Errands:
    """The jobs of one part, by the name of their package. ``retry_s``: how long what waits is left alone."""

    def __init__(self, shelf: Shelf, stopping: Callable[[], bool], *, retry_s: float) -> None:
        self.shelf = shelf
        self._stopping, self._retry_s = stopping, retry_s
        self._again_s: dict[str, float] = {}

    def is_due(self, name: str) -> bool:
        """Whether it may be tried now: it has not stopped, and it was not tried just before."""
        told = self.shelf.progress(name)
        return told.state is not Making.STOPPED and time.monotonic() >= self._again_s.get(name, 0.0)

    def go_on(self) -> None:
        """Raises ``SourceUnavailable`` (``package.stopping``) when this part is to end: a package waits anywhere."""
        if self._stopping():
            raise SourceUnavailable(
                "package.stopping", "this part ends", cure="it goes on when it runs again"
            )

    def done(self, name: str) -> None:
        """It stands."""
        self._again_s.pop(name, None)

    def failed(self, name: str, error: Exception, size_bytes: int = 0) -> None:
        """It waits or has stopped: why, and what to do, where people look."""
        code, cure = reason_of(error)
        waits = isinstance(error, _WAITS)
        self._again_s[name] = time.monotonic() + self._retry_s
        before = self.shelf.progress(name)
        told = msgspec.structs.replace(
            before, name=name, state=Making.WAITING if waits else Making.STOPPED, code=code, cure=cure,
            size_bytes=size_bytes or before.size_bytes,
        )  # fmt: skip
        self.shelf.tell(told)
        if before.code != code:
            log.warning(
                "request_package_waits" if waits else "request_package_stopped", package=name, code=code
            )


class Telling(Watch):
    """Tells each change of phase at once, and bytes and pictures twice a second."""

    def __init__(self, errands: Errands, name: str) -> None:
        self._errands = errands
        self._told = Progress(name=name, state=Making.BUILDING)
        self._next_s, self.size_bytes = 0.0, 0

    def phase(self, phase: Phase, size_bytes: int = 0) -> None:
        """Raises ``SourceUnavailable`` when this part is to end."""
        self._errands.go_on()
        self.size_bytes = size_bytes or self.size_bytes
        is_other = phase is not self._told.phase or not self._next_s
        self._tell(msgspec.structs.replace(self._told, phase=phase, size_bytes=self.size_bytes), now=is_other)

    def pictures(self, done: int, of: int) -> None:
        """The last one is told at once."""
        self._tell(msgspec.structs.replace(self._told, pictures=done, pictures_of=of), now=done == of)

    def _tell(self, progress: Progress, *, now: bool) -> None:
        self._told, now_s = progress, time.monotonic()
        if now or now_s >= self._next_s:
            self._next_s = now_s + _TOLD_EVERY_S
            self._errands.shelf.tell(progress)


def kept(path: Path, make: Callable[[], Order]) -> Order:
    """The order as it was when this package was begun: a name that was corrected since makes no other package of it."""
    if path.is_file():
        return read_order(path.read_bytes())
    order = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    durable_file.replace(path, msgspec.json.encode(order.told))
    return order


def written(register: Register, entry: LedgerEntry, work: Callable[[Any], None]) -> None:
    """Do ``work`` in the transaction of its row. Raises what it does, and ``SourceUnavailable`` (``register.slow``)."""
    try:
        register.submit(entry, work).result(_PATIENCE_S)
    except TimeoutError:
        raise SourceUnavailable(
            "register.slow", "the register did not answer in time", cure="see why; this goes on by itself"
        ) from None


def reason_of(error: Exception) -> tuple[str, str]:
    """Its code, and what to do."""
    match error:
        case CiorError():
            return error.code, error.cure
        case OSError():
            why = error.strerror or type(error).__name__
            return "package.disk", f"see the folders of packages and recordings ({why})"
        case _:
            log.error("request_package_failed", kind=type(error).__name__, exc_info=error)
            return "package.failed", "report this as a defect of CIOR, with the log of the part evidence"
