"""A thread that looks at something every so often, in the process that owns the store.

What it meets is logged, and the next look comes anyway.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from cior_core.errors import CiorError, SourceUnavailable

log = structlog.get_logger("cior_sink.periodic")


class Periodic:
    """Calls ``look`` after ``first_s`` and then every ``every_s``. ``stopping`` is for long looks to ask."""

    def __init__(
        self, name: str, look: Callable[[], object], *, every_s: float, first_s: float | None = None
    ) -> None:
        self._name, self._look = name, look
        self._every_s, self._first_s = every_s, every_s if first_s is None else first_s
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to wait."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; idempotent."""
        self.stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        wait_s = self._first_s
        while not self.stopping.wait(wait_s):
            wait_s = self._every_s
            try:
                self._look()
            except SourceUnavailable as error:
                log.warning("look_postponed", what=self._name, code=error.code)
            except CiorError as error:
                log.exception("look_failed", what=self._name, code=error.code)
