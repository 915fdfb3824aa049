"""The register beside the console: opened, checkpointed outside the database, and told to the bus.

An absent server stops nothing: the console starts, refuses what needs a name in the ledger, and the register is tried
again each second.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import structlog

from cior.daily_part import daily_roots
from cior.ledger_part import CopyQuestions, LedgerWay
from cior_bus.checkpoint_key import CHECKPOINTS, open_checkpoint_key, origin_of
from cior_bus.message import MessageOut
from cior_bus.metrics import Metrics
from cior_bus.producer import Bus
from cior_core.centre_file import EMBEDDED, Centre
from cior_core.chain import Head
from cior_core.errors import ConfigInvalid, SourceUnavailable
from cior_register.deleting import Deleter
from cior_register.dsn import RegisterDsn
from cior_register.following import checkpoints
from cior_register.register import Register
from cior_register.roles import SERVICE_ROLE
from cior_sink.checkpoints import CheckpointPlace, PageFile, chain_event

log = structlog.get_logger("cior.register_part")
ADDRESS, OWNER = "CIOR_REGISTER", "CIOR_REGISTER_OWNER"
"""Environment: the service's address, and the owner's, for migrations, backups and restores."""
OF_PASSWORD = "_PASSWORD_FILE"  # noqa: S105 - the end of a variable's name
"""Behind one of these names: the file that holds the password of its address."""
FOLDER = "register"


def register_dsn(centre: Centre, *, as_owner: bool = False) -> str:
    """Where this centre's register is."""
    name = OWNER if as_owner and os.environ.get(OWNER) else ADDRESS
    dsn = os.environ.get(name, "") or centre.file.register.dsn
    if dsn == EMBEDDED:
        return f"sqlite:///{centre.data / FOLDER / 'register.db'}"
    return _with_password(dsn, os.environ.get(name + OF_PASSWORD, ""))


def _with_password(dsn: str, file: str) -> str:
    """With the password of a file, where the address has none.

    Raises ``ConfigInvalid`` (``register.password_file``).
    """
    parts = urlsplit(dsn)
    if not file or parts.scheme != "postgresql" or parts.password:
        return dsn
    try:
        password = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(
            "register.password_file",
            f"the file with the register's password cannot be read ({type(error).__name__})",
            cure=f"see {ADDRESS}{OF_PASSWORD} and {OWNER}{OF_PASSWORD}",
        ) from error
    user, _, place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user or SERVICE_ROLE}:{quote(password, safe='')}@{place}"))


def deleter_of(centre: Centre, *, actor: str, now_ms: Callable[[], int]) -> Deleter:
    """Who asks the register before it deletes. Opened when something is to be asked: a part without its address goes on
    with all else, and deletes nothing.
    """
    return Deleter(lambda: register_dsn(centre), actor=actor, now_ms=now_ms)


def ledger_place(centre: Centre) -> CheckpointPlace:
    """Where the pages of the ledger go: a folder, a name and a key of their own, since each folder has one writer, and
    a centre's services are shown their keys to read only.
    """
    origin = origin_of(centre.file.centre.name) + "/register"
    return CheckpointPlace(
        folder=pages_folder(centre),
        origin=origin,
        key=open_checkpoint_key(centre.data / FOLDER, origin=origin),
        blinding=bytes(32),  # nothing sealed has a head of its own in these pages
    )


def pages_folder(centre: Centre) -> Path:
    """The folder of the ledger's pages."""
    return centre.data / CHECKPOINTS / FOLDER


@asynccontextmanager
async def opened_register(
    centre: Centre, bus: Bus, *, copy: CopyQuestions, metrics: Metrics, now_ms: Callable[[], int]
) -> AsyncIterator[Register]:
    """The register of a console, while it runs. ``copy``: what the store knows of the ledger's copy."""
    register = await asyncio.to_thread(
        Register.open,
        register_dsn(centre),
        journal=centre.data / FOLDER / "journal",
        must_answer=False,
    )
    pages = _Pages(PageFile(ledger_place(centre)), bus, now_ms=now_ms, drill=centre.file.centre.drill)
    way = LedgerWay(register, bus, copy, metrics)
    followers = (
        checkpoints(register, pages.keep),
        *way.followers(),
        daily_roots(centre, register, now_ms=now_ms),
    )
    for each in followers:
        each.start()
    try:
        yield register
    finally:
        for each in followers:
            await asyncio.to_thread(each.stop)
        await asyncio.to_thread(register.close)


class _Pages:
    """Signs what the ledger ends with. One that ends below its last page was cut: that is told once, on the bus."""

    def __init__(self, file: PageFile, bus: Bus, *, now_ms: Callable[[], int], drill: bool) -> None:
        self._file, self._bus, self._now_ms, self._drill = file, bus, now_ms, drill
        self._is_told = False

    def keep(self, head: Head) -> None:
        """One page."""
        last = self._file.last.heads[-1:] if self._file.last is not None else ()
        if any(head.seq < each.seq or (head.seq == each.seq and head.hash != each.hash) for each in last):
            self._tell(last[0])
        try:
            self._file.append(heads=[head], sealed=(), at_ms=self._now_ms())
        except OSError as error:
            raise SourceUnavailable(
                "checkpoint.unwritten",
                f"the ledger's checkpoint could not be written ({type(error).__name__})",
                cure="give the folder `checkpoints/register` room and the console the right to write there",
            ) from error

    def _tell(self, last: Head) -> None:
        if not self._is_told:
            self._is_told = True
            log.error("ledger_below_its_checkpoint", page=last.seq)
            self._bus.publish_sync(
                [MessageOut.of(chain_event([last], now_ms=self._now_ms(), drill=self._drill))]
            )


def refuse_wrong_address(centre: Centre) -> None:
    """Raises ``ConfigInvalid`` (``register.dsn``) before anything runs, not when a part starts again at night."""
    dsn = register_dsn(centre)
    try:
        RegisterDsn.parse(dsn)
    except ConfigInvalid as error:
        raise ConfigInvalid(error.code, f"[register] dsn: {error.sentence}", cure=error.cure) from None
