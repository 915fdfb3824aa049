"""Passwords: hashes (``cior_register.passwords``) on one thread of low priority, and what a new one must be.

A hash costs 24 ms of one core. Two threads at once would make the
console's loop late by a tenth of a second on a machine of two cores, so there is one, and who comes when its queue is
full is told to come again.
"""

from __future__ import annotations

import asyncio
import os
import queue
import secrets
import threading
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from importlib import resources
from typing import Any, TypeVar

from argon2.exceptions import HashingError

from cior_core.errors import CapacityExhausted
from cior_core.model import Struct
from cior_register import passwords

LONGEST = 1024
"""Bytes; what is longer is no password and costs nothing."""
SHORTEST = 12
_T = TypeVar("_T")
_NICE = 10
_STOP_WAIT_S = 5.0
_FEW_KINDS = 4
_PART_OF_NAME = 4


class Verdict(Struct, frozen=True):
    """Whether the password was right. ``fresh``: its hash at today's cost, where the stored one has another."""

    is_right: bool
    fresh: str | None = None


def canonical(password: str) -> str:
    """The same password from every keyboard (RFC 8265 §4.2: spaces of any kind are one, NFC)."""
    spaced = "".join(" " if unicodedata.category(each) == "Zs" else each for each in password)
    return unicodedata.normalize("NFC", spaced)


def weakness(password: str, *, login: str, name: str = "") -> str | None:
    """Why this may not become a password: the code of a sentence, None when it may.

    Length and what everybody tries; no rule about kinds of characters (NIST SP 800-63B-4 §3.1.1.2).
    """
    given = canonical(password)
    if not _is_text(given) or len(given.encode()) > LONGEST:
        return "sign_in.password_no_text"
    if len(given) < SHORTEST:
        return "sign_in.password_short"
    folded = given.casefold()
    if _is_worn(folded) or len(set(folded)) < _FEW_KINDS:
        return "sign_in.password_common"
    parts = (login, *name.split())
    if any(len(part) >= _PART_OF_NAME and part.casefold() in folded for part in parts):
        return "sign_in.password_personal"
    return None


def _is_text(given: str) -> bool:
    try:
        given.encode()
    except UnicodeEncodeError:
        return False
    return not any(unicodedata.category(each) == "Cc" for each in given)


def _is_worn(folded: str) -> bool:
    """Whether it is one of the list, or what is left of it without digits and signs at its ends is."""
    core = folded.strip("0123456789.,;:!?¡¿*+-_#$%&/()= ")
    return folded in _WORN or core in _WORN or folded in _ROWS or folded[::-1] in _ROWS


def _listed() -> frozenset[str]:
    text = resources.files("cior_console.sign_in").joinpath("worn_passwords.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


_WORN = _listed()
_ROWS = (
    "01234567890123456789 abcdefghijklmnñopqrstuvwxyz abcdefghijklmnopqrstuvwxyz qwertyuiopasdfghjklñzxcvbnm"
)


class Passwords:
    """The one thread that makes and checks hashes. ``waiting``: so many may stand in its queue."""

    def __init__(self, *, waiting: int = 40) -> None:
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(maxsize=waiting)
        self._nobody = ""
        self._thread = threading.Thread(target=self._work, name="passwords", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let the thread end with what stands in its queue."""
        with suppress(queue.Full):
            self._jobs.put(None, timeout=_STOP_WAIT_S)
            self._thread.join(_STOP_WAIT_S)

    async def make(self, password: str) -> str:
        """The hash to keep. Raises ``CapacityExhausted`` (``sign_in.busy``)."""
        return await self._ask(lambda: passwords.hashed(canonical(password)))

    async def check(self, password: str, stored: str | None) -> Verdict:
        """Whether ``stored`` is this password's hash. None (no such account) costs the same. Raises
        ``CapacityExhausted`` (``sign_in.busy``).
        """
        return await self._ask(lambda: self._verdict(canonical(password), stored))

    def _verdict(self, password: str, stored: str | None) -> Verdict:
        is_possible = stored is not None and _is_text(password) and len(password.encode()) <= LONGEST
        against, shown = (stored or "", password) if is_possible else (self._of_nobody(), "")
        if not passwords.is_right(against, shown):
            return Verdict(is_right=False)
        is_old = passwords.is_stale(against)
        return Verdict(is_right=True, fresh=passwords.hashed(password) if is_old else None)

    def _of_nobody(self) -> str:
        """A hash that no password has, of today's cost."""
        self._nobody = self._nobody or passwords.hashed(secrets.token_hex(32))
        return self._nobody

    async def _ask(self, work: Callable[[], _T]) -> _T:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_T] = loop.create_future()
        try:
            self._jobs.put_nowait(lambda: _work_out(work, answer, loop))
        except queue.Full:
            raise CapacityExhausted(
                "sign_in.busy",
                "too many people sign in at once",
                cure="try again in a few seconds",
                retry_after_s=2.0,
            ) from None
        return await answer

    def _work(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        self._of_nobody()
        while (job := self._jobs.get()) is not None:
            job()


def _work_out(work: Callable[[], _T], answer: asyncio.Future[_T], loop: asyncio.AbstractEventLoop) -> None:
    """Do it in this thread and tell the loop; whoever waited may have gone, and the loop with him."""
    if answer.cancelled():
        return
    result: _T | None = None
    failure: BaseException | None = None
    try:
        result = work()
    except (MemoryError, HashingError) as error:
        failure = error
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(_tell, answer, result, failure)


def _tell(answer: asyncio.Future[Any], result: Any, failure: BaseException | None) -> None:
    if answer.done():
        return
    if failure is not None:
        answer.set_exception(failure)
    else:
        answer.set_result(result)
