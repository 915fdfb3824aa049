"""The durable end of a writer's chain: killed anywhere it goes on without a fork, and says what was under way."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cior_bus.receipt_chain import ReceiptChain
from cior_core.chain import Seen, genesis, verify
from cior_core.chain_place import ChainPlace

CHILD = """
import hashlib, sys
from pathlib import Path
from cior_bus.receipt_chain import ReceiptChain

chain = ReceiptChain.open(Path(sys.argv[1]), name="panels")
log = open(sys.argv[2], "a", buffering=1)
n = 0
while True:
    contents = [hashlib.sha256(b"%d %d" % (n, k)).hexdigest() for k in range(3)]
    n += 1
    for place, content in zip(places := chain.append(contents), contents):
        print(place.chain, place.seq, place.previous, place.void.replace(" ", "+") or "-", content, file=log)
    chain.settled(places) if n % 5 else chain.abandoned(places)
"""


def contents(*texts: str) -> list[str]:
    return [hashlib.sha256(text.encode()).hexdigest() for text in texts]


def seen(places: list[ChainPlace], given: list[str]) -> list[Seen]:
    entries = [Seen.of(place, each, f"raw-{place.seq}") for place, each in zip(places, given, strict=True)]
    return sorted(entries, key=lambda each: -each.place.seq)


def test_numbers_rise_and_each_names_the_one_before(tmp_path: Path) -> None:
    chain = ReceiptChain.open(tmp_path / "clear", name="panels")
    first = chain.append(contents("a", "b"))
    assert [place.seq for place in first] == [1, 2]
    assert first[0].previous == genesis(first[0].chain)
    assert chain.head.seq == 0, "nothing is durable yet"
    chain.settled(first)
    assert chain.head.seq == 2
    assert chain.append(contents("c"))[0].previous == chain.head.hash


def test_law_15_after_a_kill_the_chain_goes_on_and_says_what_was_under_way(tmp_path: Path) -> None:
    killed = ReceiptChain.open(tmp_path / "clear", name="panels")
    durable = killed.append(contents("a", "b"))
    killed.settled(durable)
    flying = killed.append(contents("c", "d"))
    del killed  # nothing more is said: the process died here

    again = ReceiptChain.open(tmp_path / "clear", name="panels")
    (after,) = again.append(contents("e"))
    assert after.seq == 5, "a number is given once, whatever became of its entry"
    assert after.void == f"3-4:{flying[0].previous}"
    again.settled([after])
    texts, pins = contents("a", "b", "e"), {5: again.head.hash}
    assert verify(after.chain, seen([*durable, after], texts), pins=pins).defects == ()
    whole = seen([*durable, *flying, after], contents("a", "b", "c", "d", "e"))
    assert verify(after.chain, whole, pins=pins).defects == ()


def test_a_refusal_is_said_again_until_an_entry_that_says_it_is_durable(tmp_path: Path) -> None:
    chain = ReceiptChain.open(tmp_path / "clear", name="panels")
    chain.abandoned(chain.append(contents("a")))
    second = chain.append(contents("b"))
    assert second[0].void.startswith("1-1:")
    chain.abandoned(second)
    third = chain.append(contents("c"))
    assert third[0].void.startswith("1-2:")
    chain.settled(third)
    assert chain.append(contents("d"))[0].void == ""


def test_after_a_power_cut_another_chain_begins_and_after_an_orderly_end_the_same_goes_on(
    tmp_path: Path,
) -> None:
    """What a power cut took from the page cache would be given out a second time: a fork."""
    first = ReceiptChain.open(tmp_path / "clear", name="panels", boot="monday")
    first.settled(first.append(contents("a")))
    cut = ReceiptChain.open(tmp_path / "clear", name="panels", boot="tuesday")
    assert cut.head.seq == 0
    assert cut.head.chain != first.head.chain
    cut.settled(cut.append(contents("b")))
    cut.close()
    orderly = ReceiptChain.open(tmp_path / "clear", name="panels", boot="wednesday")
    assert orderly.head == cut.head
    nameless = ReceiptChain.open(tmp_path / "other", name="panels", boot="")
    nameless.settled(nameless.append(contents("a")))
    assert ReceiptChain.open(tmp_path / "other", name="panels", boot="").head.chain != nameless.head.chain


def test_a_torn_write_leaves_the_state_before_it(tmp_path: Path) -> None:
    chain = ReceiptChain.open(tmp_path / "clear", name="panels")
    chain.settled(chain.append(contents("a")))
    (place,) = chain.append(contents("b"))
    newest = max(tmp_path.glob("clear.*"), key=lambda path: path.stat().st_mtime_ns)
    framed = newest.read_bytes()
    newest.write_bytes(framed[:40] + bytes(len(framed) - 40))
    again = ReceiptChain.open(tmp_path / "clear", name="panels")
    assert again.head.chain == place.chain
    assert again.head.seq == 1


def test_h2_nobody_else_reads_the_state(tmp_path: Path) -> None:
    chain = ReceiptChain.open(tmp_path / "sealed", name="panels")
    chain.append(contents("a"))
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_an_entry_that_cannot_be_written_down_takes_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = ReceiptChain.open(tmp_path / "clear", name="panels")
    chain.settled(chain.append(contents("a")))

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="No space"):
            chain.append(contents("b"))
    assert chain.append(contents("c"))[0].seq == 2


def test_law_15_killed_at_any_moment_no_number_is_ever_given_twice(tmp_path: Path) -> None:
    """A child chains as fast as it can and notes each place *after* its state; it is killed five times."""
    state, log = tmp_path / "clear", tmp_path / "log"
    for life in range(5):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(state), str(log)])
        try:
            lines = log.read_text().count("\n") if log.exists() else 0
            deadline = time.monotonic() + 20
            while (
                not log.exists() or log.read_text().count("\n") < lines + 30
            ) and time.monotonic() < deadline:
                time.sleep(0.003 * (life + 1))
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
    entries: dict[int, Seen] = {}
    chains = set()
    for line in log.read_text().splitlines():
        with contextlib.suppress(ValueError):  # the last line of a killed child may be cut
            name, seq, previous, void, content = line.split()
            chains.add(name)
            assert len(content) == 64
            assert int(seq) not in entries, "a fork"
            place = ChainPlace(
                chain=name,
                seq=int(seq),
                previous=previous,
                void="" if void == "-" else void.replace("+", " "),
            )
            entries[int(seq)] = Seen.of(place, content, seq)
    assert len(chains) == 1
    ordered = [entries[n] for n in sorted(entries, reverse=True)]
    found = verify(chains.pop(), ordered, pins={ordered[0].place.seq: ordered[0].hash})
    assert found.defects == ()
    assert found.entries > 100
