"""The two chains of an instance: its clear records and its sealed ones (law 15).

The head of the clear chain is stated each minute in the accounts. Nothing is ever said of the sealed one: its length
would tell how many sealed records there were. It stands in the sealed records themselves, under a pseudonym, and the
centre's checkpoint covers it blinded.

A chain that cannot be written (the disk is full) does not stop a press: its records go on without a place, and an
alarm says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import structlog

from cior_bus.receipt_chain import ReceiptChain
from cior_connectors._runtime.seal import Sealer
from cior_core.chain_place import ChainPlace
from cior_core.model import RawRecord
from cior_core.raw_chain import content_of

_LOG = structlog.get_logger(__name__)


class Chains:
    """``folder`` belongs to one instance and is durable. Opened with the first record."""

    def __init__(
        self, folder: Path, *, instance: str, sealer: Sealer, on_fault: Callable[[str], None]
    ) -> None:
        self._folder, self._on_fault = folder, on_fault
        self._names = {False: instance, True: f"sealed/{sealer.lasting('chain', instance)}"}
        self._open: dict[bool, ReceiptChain] = {}
        self._is_faulty = False

    def placed(self, records: Sequence[RawRecord]) -> list[RawRecord]:
        """The records with their places, in this order; without them when the chain cannot be written."""
        placed = list(records)
        for sealed in (False, True):
            mine = [n for n, record in enumerate(records) if record.sealed is sealed]
            contents = [content_of(records[n]) for n in mine]
            for n, place in zip(mine, self._append(contents, sealed=sealed), strict=False):
                placed[n] = msgspec.structs.replace(records[n], chain=place)
        return placed

    def _append(self, contents: Sequence[str], *, sealed: bool) -> tuple[ChainPlace, ...]:
        if not contents:
            return ()
        try:
            places = self._chain(sealed=sealed).append(contents)
        except OSError as error:
            self._faulty(error)
            return ()
        self._is_faulty = False
        return places

    def settled(self, records: Sequence[RawRecord]) -> None:
        """They are durable."""
        for sealed, places in self._places(records):
            self._written(self._chain(sealed=sealed).settled, places)

    def abandoned(self, records: Sequence[RawRecord]) -> None:
        """They were refused, and their source was told so."""
        for sealed, places in self._places(records):
            self._written(self._chain(sealed=sealed).abandoned, places)

    @staticmethod
    def _places(records: Sequence[RawRecord]) -> list[tuple[bool, list[ChainPlace]]]:
        """The places of records by their chain, where there are any."""
        found: dict[bool, list[ChainPlace]] = {}
        for record in records:
            if record.chain is not None:
                found.setdefault(record.sealed, []).append(record.chain)
        return list(found.items())

    def stated(self) -> dict[str, str | int]:
        """The head of the clear chain for the accounts; nothing while it is empty."""
        head = None if False not in self._open else self._open[False].head
        if head is None or not head.seq:
            return {}
        return {"chain": head.chain, "chain_seq": head.seq, "chain_head": head.hash}

    def close(self) -> None:
        """An orderly end."""
        for chain in self._open.values():
            try:
                chain.close()
            except OSError as error:
                self._faulty(error)

    def _chain(self, *, sealed: bool) -> ReceiptChain:
        if sealed not in self._open:
            path = self._folder / ("sealed" if sealed else "clear")
            self._open[sealed] = ReceiptChain.open(path, name=self._names[sealed])
        return self._open[sealed]

    def _written(self, write: Callable[[Sequence[ChainPlace]], None], places: Sequence[ChainPlace]) -> None:
        try:
            write(places)
        except OSError as error:
            self._faulty(error)

    def _faulty(self, error: OSError) -> None:
        if not self._is_faulty:
            self._is_faulty = True
            _LOG.error("chain_unwritten", error=type(error).__name__)
            self._on_fault(type(error).__name__)
