"""Files through the real runtime: acknowledged by the move, resumed after a kill, idempotent when dropped again,
accounted for exactly.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cior_core.model import Phase

ROOT = Path(__file__).resolve().parents[3]
Until = Callable[[Callable[[], bool]], Awaitable[None]]


async def test_a_file_is_acknowledged_only_when_its_last_record_is_durable(desk: Any, until: Until) -> None:
    """Law 1: the move to done/ is the acknowledgement."""
    desk.sink.hold()
    desk.put("a.csv", desk.calls(1, 2, 3))
    async with desk.running():
        await until(lambda: desk.sink.waiting > 0)
        await asyncio.sleep(0.3)
        assert (desk.inbox / "a.csv").exists()
        assert not (desk.inbox / "done").exists()
        desk.sink.release()
        await until((desk.inbox / "done" / "a.csv").exists)
    assert desk.accounted() == (3, 3, 0)
    report = json.loads((desk.inbox / "done" / "a.csv.ack").read_text())
    assert (report["records"], report["events"], report["dead"]) == (3, 3, 0)


async def test_a_refused_record_is_read_again_and_nothing_is_lost(desk: Any, until: Until) -> None:
    desk.sink.full = True
    desk.put("a.csv", desk.calls(*range(20)))
    async with desk.running():
        await asyncio.sleep(0.3)
        assert desk.accounted()[0] == 0
        assert (desk.inbox / "a.csv").exists()
        desk.sink.full = False
        await until((desk.inbox / "done" / "a.csv").exists)
    assert len({event.id for event in desk.sink.decoded()}) == 20


async def test_raw_records_are_the_exact_bytes_of_the_file(desk: Any, until: Until) -> None:
    """Law 8: every byte of every record, as it was, CR, quotes and bad encoding included."""
    rows = [
        b'1,2026-09-21 10:00,"choque ""fuerte"",\r\ncon heridos",-32.9,-60.6\r\n',
        b"2,2026-09-21 10:01,caf\xe9,-32.9,-60.6\n",
        b"3,bad\r\n",
        b"4,2026-09-21 10:02,x,,",
    ]
    desk.put("a.csv", b"\xef\xbb\xbfnumber,created,nature,lat,lon\r\n" + b"".join(rows))
    async with desk.running():
        await until((desk.inbox / "done" / "a.csv").exists)
    assert [record.payload for record in desk.sink.raws()] == rows
    assert [(letter.code, letter.payload) for letter in desk.sink.dead()] == [
        ("cad_drop.columns", b"3,bad\r\n")
    ]
    assert desk.accounted() == (4, 3, 1)


async def test_dropped_again_renamed_or_overlapping_a_file_adds_no_event(desk: Any, until: Until) -> None:
    async with desk.running():
        for name, numbers in (("a.csv", (1, 2, 3)), ("a.csv", (1, 2, 3)), ("b.csv", (2, 3, 4))):
            desk.put(name, desk.calls(*numbers))
            await until(lambda: not list(desk.inbox.glob("*.csv")))
    ids = [event.id for event in desk.sink.decoded()]
    assert len(ids) == 9
    assert len(set(ids)) == 4
    assert {event.phase for event in desk.sink.decoded()} == {Phase.NEW}


async def test_a_late_edit_is_an_update_also_when_the_first_file_comes_again(desk: Any, until: Until) -> None:
    async with desk.running():
        for name, nature in (("1.csv", "choque"), ("2.csv", "choque con heridos"), ("1.csv", "choque")):
            desk.put(name, desk.calls(7, nature=nature))
            await until(lambda: not list(desk.inbox.glob("*.csv")))
    first, edited, again = desk.sink.decoded()
    assert (first.phase, edited.phase, again.phase) == (Phase.NEW, Phase.UPDATE, Phase.NEW)
    assert first.id == again.id != edited.id
    assert first.attributes["incident"] == edited.attributes["incident"] == "2026/7"


async def test_equal_rows_without_a_number_are_two_calls_and_stay_the_same_two(
    desk: Any, until: Until
) -> None:
    desk.configure(columns=msgspec.structs.replace(desk.config.columns, id=()))
    async with desk.running():
        for _ in range(2):
            desk.put("a.csv", desk.calls(5, 5, 6))
            await until(lambda: not list(desk.inbox.glob("*.csv")))
    assert len({event.id for event in desk.sink.decoded()}) == 3


async def test_a_half_written_file_is_left_alone_until_it_rests(desk: Any, until: Until) -> None:
    desk.configure(ready="stable")
    path = desk.inbox / "a.csv"
    data = desk.calls(*range(6))
    async with desk.running():
        for at in range(0, len(data), 40):
            with path.open("ab") as stream:
                stream.write(data[at : at + 40])
            await asyncio.sleep(0.05)
        assert desk.accounted()[0] == 0
        await until((desk.inbox / "done" / "a.csv").exists)
    assert desk.accounted() == (6, 6, 0)


async def test_a_file_waits_for_its_done_mark_and_the_mark_goes_with_it(desk: Any, until: Until) -> None:
    desk.configure(ready="mark")
    desk.put("a.csv", desk.calls(1))
    async with desk.running():
        await asyncio.sleep(0.2)
        assert (desk.inbox / "a.csv").exists()
        (desk.inbox / "a.csv.done").touch()
        await until((desk.inbox / "done" / "a.csv").exists)
        assert not (desk.inbox / "a.csv.done").exists()


async def test_a_read_only_habit_gets_ack_files_and_reads_each_file_once(desk: Any, until: Until) -> None:
    desk.configure(finish="ack_file")
    desk.put("a.csv", desk.calls(1, 2))
    async with desk.running():
        await until((desk.inbox / "a.csv.ack").exists)
        await asyncio.sleep(0.2)
        assert desk.accounted() == (2, 2, 0)
        desk.put("a.csv", desk.calls(1, 2, 3))
        await until(lambda: desk.accounted()[1] == 5)
    assert len({event.id for event in desk.sink.decoded()}) == 3


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("number,created\n1,2\n".encode("utf-16"), "cad_drop.utf16"),
        (b"PK\x03\x04\0\0" + bytes(200_000), "cad_drop.not_text"),
        (b"nummer;datum\n1;2\n", "cad_drop.header"),
        (b"number,number,created,nature,lat,lon\n1,1,2,3,4,5\n", "cad_drop.header"),
    ],
)
async def test_a_file_that_is_something_else_goes_to_quarantine_with_all_its_bytes_as_evidence(
    desk: Any, until: Until, data: bytes, code: str
) -> None:
    desk.put("a.csv", data)
    desk.put("b.csv", desk.calls(1))
    async with desk.running():
        await until(
            lambda: (
                (desk.inbox / "quarantine" / "a.csv").exists() and (desk.inbox / "done" / "b.csv").exists()
            )
        )
    letters = [letter for letter in desk.sink.dead() if letter.code == code]
    assert b"".join(letter.payload for letter in letters) == data
    assert len(desk.sink.dead()) == len(letters)
    assert any(event.type == "source.undecoded" and event.life_safety for event in desk.sink.decoded())


async def test_an_empty_file_is_done(desk: Any, until: Until) -> None:
    desk.put("a.csv", b"")
    async with desk.running():
        await until((desk.inbox / "done" / "a.csv").exists)
    assert desk.accounted() == (0, 0, 0)


async def test_an_alarm_without_a_place_or_time_is_still_published(desk: Any, until: Until) -> None:
    """Law 2."""
    desk.put("a.csv", b"number,created,nature,lat,lon\n1,,disparos,,\n")
    async with desk.running():
        await until(lambda: bool(desk.sink.decoded()))
    (event,) = desk.sink.decoded()
    assert not event.place.located
    assert event.native_type == "disparos"


async def test_the_marks_survive_kill_minus_nine_in_the_middle_of_a_file(
    desk: Any, until: Until, tmp_path: Path
) -> None:
    """A child is killed half-way; what it made durable plus what the next process does is the whole file, under the
    same ids.
    """
    total = 3000
    desk.put("a.csv", desk.calls(*range(total)))
    child = subprocess.Popen(  # a real process: only that can be killed  # noqa: ASYNC220
        [sys.executable, "-c", _CHILD, str(desk.inbox), str(desk.state), str(tmp_path / "durable")],
        cwd=ROOT,
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join(str(ROOT / room) for room in ("core", "streams", "connectors"))},
    )
    durable = tmp_path / "durable"
    try:
        await until(lambda: durable.exists() and durable.stat().st_size > 33 * 900)
        child.send_signal(signal.SIGKILL)
    finally:
        child.kill()
        child.wait()
    before = set(durable.read_text().split())
    assert 0 < len(before) < total
    async with desk.running():
        await until((desk.inbox / "done" / "a.csv").exists)
    after = {event.id for event in desk.sink.decoded()}
    assert len({i for i in before if len(i) == 36} | after) == total
    assert len(after) < total, "the next process went on behind the mark"


_CHILD = textwrap.dedent(
    """
    import asyncio, sys, time
    from pathlib import Path
    from nacl.public import PrivateKey
    from cior_connectors._runtime.seal import Sealer
    from cior_connectors.builtin.cad_drop.config import CadDropConfig, Columns
    from cior_connectors.builtin.cad_drop.source import CadDropSource
    from cior_connectors.contract import Accepted, DecodeContext
    from cior_core import bundled
    from cior_core.model import Producer
    from cior_core.taxonomy import Taxonomy
    import msgspec

    inbox, state, durable = map(Path, sys.argv[1:4])
    state = state / "desk"
    state.mkdir(parents=True, exist_ok=True)
    config = CadDropConfig(folder=str(inbox), format="csv", encoding="detect", zone="America/Argentina/Cordoba",
        ready="rename", poll_s=0.02,
        datetime_formats=("%Y-%m-%d %H:%M",), default_type="call.other",
        columns=Columns(occurred="created", type="nature", id=("number",), lat="lat", lon="lon"))
    context = DecodeContext(config=config, taxonomy=Taxonomy.load(bundled.text("taxonomy.toml")),
        producer=Producer(connector="cad_drop", version="1"))

    class Ctx:
        instance, state_dir, max_payload_bytes = "desk", state, 1_000_000
        now_ms = staticmethod(lambda: time.time_ns() // 1_000_000)
        sealer = Sealer(team_key=bytes(PrivateKey.generate().public_key), hmac_key=b"k" * 32)
        def keyed(self, *words): return self.sealer.pseudonym("mark", "desk", *words)
        def keyed_before(self, *words): return self.sealer.before("mark", "desk", *words, now_ms=0)
        def degraded(self, reason): pass
        def recovered(self): pass

    async def main():
        source = CadDropSource(config)
        await source.open(Ctx())
        with durable.open("a") as log:
            async for unit in source.receive():
                facts = msgspec.structs.replace(unit.facts, context=context, received_ms=1)
                for event in source.decode(unit.payload, facts).events:
                    log.write(event.id + "\\n")
                log.flush()
                await unit.ack(Accepted(events=1))
                await asyncio.sleep(0.001)

    asyncio.run(main())
    """
)
