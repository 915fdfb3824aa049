"""The hash-chained ledger: every change, gap or second writer is found."""

from __future__ import annotations

import hashlib

import pytest

from cior_core.errors import IntegrityBroken
from cior_store.engine import Store
from cior_store.ledger import GENESIS, Head, Ledger, LedgerEntry, canonical, chained, verify
from integration.store import city


def _five(store: Store) -> Ledger:
    ledger = Ledger(store, stream="evidence")
    for n in range(5):
        ledger.append(
            at_ms=city.NOON_MS + n,
            actor="perito ñ",
            action="read",
            object=f"alert-{n}",
            payload='{"why":"orden"}',
        )
    return ledger


def test_a_chain_grows_and_verifies_and_is_taken_up_by_the_next_process(store: Store) -> None:
    ledger = _five(store)
    assert verify(store, "evidence") == ledger.head
    assert ledger.head.seq == 5
    heir = Ledger(store, stream="evidence")
    assert heir.append(at_ms=1, actor="a", action="b", object="c").seq == 6
    assert verify(store, "another stream") == Head(seq=0, hash_hex=GENESIS.hex())


def test_the_canonical_form_is_pinned() -> None:
    """Golden: these bytes are what every stored hash covers; changing them breaks every ledger in the world."""
    entry = LedgerEntry(stream="s", seq=1, at_ms=5, actor="ñ", action="read", object='a"b', payload="")
    assert canonical(entry) == '["s",1,5,"ñ","read","a\\"b",""]'.encode()
    assert chained(GENESIS, entry) == hashlib.sha256(bytes(32) + canonical(entry)).digest()


@pytest.mark.parametrize("change", ["actor = 'otro'", "payload = ''", "at = at + 1", "object = 'alert-9'"])
def test_a_changed_line_is_found(store: Store, change: str) -> None:
    _five(store)
    store.command(
        f"ALTER TABLE ledger.evidence_ledger UPDATE {change} WHERE seq = 3 SETTINGS mutations_sync = 2"
    )
    with pytest.raises(IntegrityBroken, match=r"ledger\.changed.*line 3"):
        Ledger(store, stream="evidence")


def test_a_removed_line_is_found(store: Store) -> None:
    _five(store)
    store.command("DELETE FROM ledger.evidence_ledger WHERE seq = 2")
    with pytest.raises(IntegrityBroken, match=r"ledger\.gap.*1 to 3"):
        verify(store, "evidence")


def test_a_second_writer_is_found_at_its_first_line(store: Store) -> None:
    first, second = Ledger(store, stream="evidence"), Ledger(store, stream="evidence")
    first.append(at_ms=1, actor="a", action="read", object="x")
    with pytest.raises(IntegrityBroken, match=r"ledger\.second_writer"):
        second.append(at_ms=1, actor="b", action="read", object="x")
