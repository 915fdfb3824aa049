"""The register beside the console: opened, checkpointed outside the database, and told to the bus.

An absent server stops nothing: the console starts, refuses what needs a name in the ledger, and the register is tried
again each second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from cior_bus.message import MessageOut
from cior_bus.metrics import Metrics
from cior_bus.producer import Bus
from cior_console.ledger_part import CopyQuestions, LedgerWay
from cior_core.centre_file import Centre
from cior_core.chain import Head
from cior_core.errors import SourceUnavailable
from cior_evidence.daily_part import daily_roots
from cior_register.following import checkpoints
from cior_register.place import FOLDER, register_dsn
from cior_register.register import Register
from cior_sink.checkpoints import PageFile, chain_event
from cior_sink.ledger_pages import ledger_place

log = structlog.get_logger("cior_console.register_part")


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
