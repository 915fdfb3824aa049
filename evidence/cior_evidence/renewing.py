"""Renews by itself what is due (:mod:`renewal`), and counts what could not be renewed and for how long.

Nothing is remembered: when a package became due stands in its own files, so a centre that was off for a month, a part
that was killed and a renewal by hand all leave the same question to the next look.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from cior_bus.metrics import Metrics
from cior_core.errors import CiorError, SourceUnavailable
from cior_evidence import metrics as m
from cior_evidence.package_state import BUSY
from cior_evidence.renewal import Need, Standing, mend_archive, packages_in, renew, standing
from cior_evidence.seal_settings import SealSettings
from cior_evidence.time_stamping import Ask

log = structlog.get_logger("cior.evidence")
UNREADABLE: Final = "unreadable"
_DAY_MS: Final = 86_400_000
_STATES: Final = (*(each.value for each in Need), UNREADABLE)


class Renewer:
    """:meth:`look` renews every package of ``out`` that is due. ``settings``: read anew at each look, so that a
    corrected seal file counts; ``ask``: of its authority.
    """

    def __init__(
        self,
        out: Path,
        settings: Callable[[], SealSettings],
        ask: Callable[[SealSettings], Ask],
        *,
        now_ms: Callable[[], int],
        metrics: Metrics,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._out, self._settings, self._ask = out, settings, ask
        self._now_ms, self._metrics, self._stopping = now_ms, metrics, stopping
        self._due_ms: int | None = None
        self._given_up: dict[str, int] = {}
        self._mended: set[str] = set()
        metrics.read_at_scrape(lambda: {(m.RENEWAL_OVERDUE.name, ()): self.overdue_days})

    @property
    def overdue_days(self) -> float:
        """How long the package that waits longest has been due, by the last look; 0: none is."""
        return 0.0 if self._due_ms is None else max(0.0, (self._now_ms() - self._due_ms) / _DAY_MS)

    def look(self) -> None:
        """All that is due, what waits longest first. Raises ``ConfigInvalid`` (``seal.*``), ``SourceUnavailable``
        (``seal.tsa_*``, ``renewal.disk``): what was not renewed is due at the next look.
        """
        if self._stopping():
            return
        try:
            self._look(self._settings(), self._now_ms())
        except OSError as error:
            raise SourceUnavailable(
                "renewal.disk",
                f"the folder of packages cannot be read or written ({error.strerror or type(error).__name__})",
                cure="see its disk and its rights; this goes on by itself",
            ) from error

    def _look(self, settings: SealSettings, now_ms: int) -> None:
        found = {each: self._standing(each, settings) for each in packages_in(self._out)}
        known = [each for each in found.values() if each is not None]
        due = sorted((each for each in known if each.need(now_ms) is Need.DUE), key=lambda each: each.due_ms)
        try:
            for each in due:
                if self._stopping():
                    return
                self._renew(each, settings, now_ms)
        finally:
            found |= {each.folder: self._standing(each.folder, settings) for each in due}
            self._count(found.values(), now_ms)

    def _standing(self, folder: Path, settings: SealSettings) -> Standing | None:
        """None: it cannot be read."""
        try:
            if folder.name not in self._mended:  # a kill leaves a ZIP without its renewal, once
                with suppress(SourceUnavailable):  # somebody is at work on it
                    mend_archive(folder)
                    self._mended.add(folder.name)
            return standing(folder, settings)
        except CiorError as error:
            self._tell(folder.name, error.code)
            return None

    def _renew(self, found: Standing, settings: SealSettings, now_ms: int) -> None:
        """What is wrong with one package is told, and the others go on; who stamps being away ends the look."""
        name = found.folder.name
        if now_ms < self._given_up.get(name, 0):
            return
        try:
            renew(found, settings, self._ask(settings), now_ms=self._now_ms())
        except SourceUnavailable as error:
            if error.code != BUSY:
                raise
        except CiorError as error:
            self._tell(name, error.code)
            self._given_up[name] = now_ms + _DAY_MS  # its payload is read to find that out
        else:
            self._given_up.pop(name, None)
            self._metrics.add(m.RENEWED)

    def _count(self, found: Collection[Standing | None], now_ms: int) -> None:
        known = [each for each in found if each is not None]
        stands = Counter(UNREADABLE if each is None else each.need(now_ms).value for each in found)
        for state in _STATES:
            self._metrics.set(m.RENEWALS, state, value=stands[state])
        waiting = (each.due_ms for each in known if each.need(now_ms) is not Need.FRESH)
        self._due_ms = min(waiting, default=None)

    def _tell(self, package: str, code: str) -> None:
        log.warning("package_not_renewed", package=package, code=code)
