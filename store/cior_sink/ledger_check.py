"""The copy of the ledger against its chain, and its chain against the register's signed pages (law 15). Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cior_core.chain import verify
from cior_core.people import REGISTER_CHAIN
from cior_sink.log_check import Finding
from cior_store import ledger_rows
from cior_store.engine import Store

_SAID = {
    "removed": "ledger_copy_missing", "tail_cut": "ledger_copy_missing", "beginning": "ledger_copy_missing",
    "detached": "ledger_copy_missing", "inserted": "ledger_copy_inserted",
}  # fmt: skip
"""What else is found about the copy is that an entry was changed."""


def check_ledger_copy(store: Store, pins: Mapping[int, str]) -> Iterator[Finding]:
    """Every finding. ``pins``: number → hash, from the register's pages; without any the copy is checked in itself.

    Nothing is said of a centre that has neither a copy nor pages: nobody signs in there.
    """
    walked = verify(REGISTER_CHAIN, ledger_rows.falling(store), pins=pins)
    for each in walked.defects:
        told = {"first": each.first, "last": each.last}
        yield Finding(_SAID.get(each.code, "ledger_copy_changed"), told)
    if misfiled := ledger_rows.misfiled(store):
        yield Finding("ledger_copy_misfiled", {"names": ", ".join(map(str, misfiled))})
    if walked.entries:
        yield Finding("ledger_copy", {"entries": walked.entries, "newer": walked.newer})
