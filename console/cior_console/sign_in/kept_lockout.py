"""``lockout`` with the register behind it: a restart gives nobody new tries, and who knocks makes no commit more.

What changed travels in the transaction of the next row of sign-in, which a refusal writes anyway; where that row is
undone (a wrong code) or there is none, as bookkeeping with whatever the writer does next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import structlog

from cior_console.problems import Refused
from cior_console.sign_in.lockout import FORGET_S, Attempt, Lockout
from cior_core.errors import CiorError
from cior_core.people import LedgerEntry
from cior_register import lockouts
from cior_register.register import Register

log = structlog.get_logger("cior.console.sign_in")
_FORGET_MS: Final = int(FORGET_S * 1000)


class KeptLockout:
    """``digest``: keyed, of whatever is counted. ``now_s`` is a clock that never goes back."""

    def __init__(
        self,
        register: Register,
        digest: Callable[[str], str],
        *,
        now_ms: Callable[[], int],
        now_s: Callable[[], float],
    ) -> None:
        self._register, self._now_ms, self._now_s = register, now_ms, now_s
        self._lockout = Lockout(digest=digest)
        self._is_loaded = False
        self._loading = asyncio.Lock()

    async def may_try(self, attempt: Attempt) -> None:
        """Count it. Raises ``Refused`` (``sign_in.wait``), ``SourceUnavailable`` before the register was ever there."""
        await self._load()
        wait_s = self._lockout.begin(attempt, self._now_s())
        if wait_s:
            raise Refused("sign_in.wait", retry_after_s=wait_s)

    def wait_s(self, attempt: Attempt) -> int:
        """Whole seconds until this may be tried again."""
        return self._lockout.wait_s(attempt, self._now_s())

    def spared(self, attempt: Attempt) -> None:
        """It was not looked at after all."""
        self._lockout.spared(attempt)

    def was_right(self, attempt: Attempt) -> None:
        """It counts as a failure no longer."""
        self._lockout.succeeded(attempt)
        self.keep()

    async def was_wrong(self, entry: LedgerEntry) -> None:
        """Write the refusal down, and in the same transaction what it counts."""
        rows = self._lockout.changed(self._now_s(), self._now_ms())
        try:
            await self._register.act(entry, lambda connection: lockouts.keep(connection, rows))
        except CiorError:
            self._lockout.unkept(rows)
            raise

    def keep(self) -> None:
        """What changed, with whatever the register writes next; nothing when nothing did."""
        rows = self._lockout.changed(self._now_s(), self._now_ms())
        if rows:
            self._do_some_time(lambda connection: lockouts.keep(connection, rows))

    def sweep(self) -> None:
        """Forget what nobody touched for an hour; called once a minute."""
        self.keep()
        before_ms = self._now_ms() - _FORGET_MS
        self._do_some_time(lambda connection: lockouts.forget(connection, before_ms=before_ms))

    def _do_some_time(self, work: Callable[[Any], None]) -> None:
        try:
            self._register.keep(work)
        except CiorError as error:  # the counters of this process stand
            log.warning("lockouts_not_kept", code=error.code)

    async def _load(self) -> None:
        if self._is_loaded:
            return
        async with self._loading:
            if not self._is_loaded:
                rows = await self._register.read(
                    lambda connection: lockouts.newest(connection, most=self._lockout.most)
                )
                self._lockout.remember(rows, self._now_s(), self._now_ms())
                self._is_loaded = True
