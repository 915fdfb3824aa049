"""What every deleter does at the register (law 7): ask what stands, claim what is about to go, and take no answer for a
reason to keep.

It makes no register: where there is none, nobody knows what is held. On a server it signs in as a role that may read
holds, claim, and write into the ledger that it deletes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cior_core.errors import SourceUnavailable
from cior_core.people import LedgerEntry
from cior_register import holds
from cior_register.dsn import RegisterDsn
from cior_register.holds import Deletion, Standing
from cior_register.register import Register, RegisterLimits
from cior_register.roles import DELETES

_PATIENCE_S = 30.0


class Deleter:
    """``dsn`` is asked when the register is needed. ``actor``: who deletes, as the ledger names it. One thread."""

    def __init__(self, dsn: Callable[[], str], *, actor: str, now_ms: Callable[[], int]) -> None:
        self._dsn, self._actor, self._now_ms = dsn, actor, now_ms
        self._register: Register | None = None
        self._file: tuple[int, int] | None = None

    def standing(self) -> Standing:
        """All that stand now. Raises ``SourceUnavailable`` (``register.away``, ``register.absent``), ``ConfigInvalid``,
        ``CredentialsRefused``, ``IntegrityBroken``: then nothing may go.
        """
        now_ms = self._now_ms()
        return self._opened().read_now(lambda each: holds.standing(each, now_ms=now_ms))

    def claim(self, claimed: Sequence[Deletion], *, mark: int, subject: str) -> None:
        """Write down what is about to go, with an entry in the ledger about ``subject``. What is raised keeps it:
        ``AccessDenied`` (``hold.placed_meanwhile``) when a hold came since ``mark`` was told, and what :meth:`standing`
        raises.
        """
        entry = LedgerEntry(at_ms=self._now_ms(), actor=self._actor, act=DELETES, subject=subject)
        done = self._opened().submit(entry, lambda each: holds.claim(each, *claimed, mark=mark))
        try:
            done.result(_PATIENCE_S)
        except TimeoutError:
            raise SourceUnavailable("register.slow", "the register did not answer in time") from None

    def close(self) -> None:
        """Let the register go; idempotent."""
        if self._register is not None:
            self._register.close()
            self._register = None

    def _opened(self) -> Register:
        dsn = self._dsn()
        file = _file_of(dsn)
        if file != self._file:
            self.close()  # another file lies there now: what is open is nobody's any more
        if self._register is None:
            self._register, self._file = Register.open(dsn, limits=RegisterLimits(readers=1)), file
        return self._register


def _file_of(dsn: str) -> tuple[int, int] | None:
    """Which file it is; None: a server. Raises ``SourceUnavailable`` (``register.absent``)."""
    path = RegisterDsn.parse(dsn).path
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        raise SourceUnavailable(
            "register.absent",
            "there is no register where holds would stand, so nothing is deleted",
            cure="give this part the address of the centre's register: [register] dsn, or CIOR_REGISTER",
        ) from None
    return found.st_dev, found.st_ino
