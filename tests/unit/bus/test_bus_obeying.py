"""Commands obeyed: at most once through any kill, never after they expired, always answered."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cior_bus import command_journal, obeying, topics
from cior_bus import metrics as m
from cior_bus.command_journal import CommandJournal
from cior_bus.consumer import Batch
from cior_bus.message import MessageOut, RecordIn
from cior_bus.obeying import Actuator, Obeyer
from cior_bus.settings import BusSettings
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.errors import CredentialsRefused, SourceUnavailable
from cior_core.model import AlertId, AreaId, Command, CommandKind, Receipt, Target, TargetKind
from doubles.bus import MemoryBus
from doubles.clock import T0_MS as T0
from doubles.clock import FakeClock

SIREN, OTHER = (Target(kind=TargetKind.BLOCK, id=name) for name in ("b-1", "b-2"))
AWAY = SourceUnavailable("siren.away", "no connection")


class Killed(BaseException):
    """Not an Exception: nothing may catch it, as nothing catches kill -9."""


class Fuse:
    """Lets ``left`` steps pass, then kills."""

    def __init__(self, left: int = 10**9) -> None:
        self.left = left

    def burn(self) -> None:
        if self.left <= 0:
            raise Killed
        self.left -= 1


class Siren:
    """Remembers what it did. ``answers``: what it says or raises, one a call; then it does what it is told."""

    def __init__(self, *answers: str | Exception, targets: Sequence[Target] = (SIREN,)) -> None:
        self.targets = targets
        self.did: list[str] = []
        self.fuse = Fuse()
        self._answers = list(answers)

    async def act(self, command: Command, /) -> Receipt:
        self.fuse.burn()
        answer = self._answers.pop(0) if self._answers else "done"
        if isinstance(answer, Exception):
            raise answer
        if answer == "hangs":
            await asyncio.Event().wait()
        self.did.append(command.id)
        self.fuse.burn()
        return Receipt(command_id="as the device calls it", device="siren-7", at_ms=T0 + 5, outcome="done")


class Bus(MemoryBus):
    """Wakes whoever waits for what it is sent."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__(around=fuse.burn)
        self._arrived = asyncio.Condition()

    async def publish(self, messages: Sequence[MessageOut]) -> None:
        async with self._arrived:
            await super().publish(messages)
            self._arrived.notify_all()

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(30), self._arrived:
            await self._arrived.wait_for(done)

    @property
    def outcomes(self) -> list[tuple[str, str, str]]:
        receipts = [codec.decode(Kind.RECEIPT, each.value) for each in self.on(topics.RECEIPTS.name)]
        return [(receipt.command_id, receipt.outcome, receipt.detail) for receipt in receipts]


class Topic:
    """The commands topic with its reader: what the handler took is committed, the rest is handed out again."""

    def __init__(self, *values: bytes) -> None:
        self.values, self.committed = values, 0

    def __call__(self, *_settings: Any, **_options: Any) -> Topic:
        return self

    def run(self, handler: Callable[[Batch], None], *, stop: threading.Event) -> None:
        while not stop.wait(0.001):
            records = tuple(
                RecordIn(
                    topic="cior.commands.v1", partition=0, offset=n, timestamp_ms=T0, key=b"k", value=value
                )
                for n, value in enumerate(self.values)
                if n >= self.committed
            )
            if records:
                with contextlib.suppress(SourceUnavailable):
                    handler(Batch(topic="cior.commands.v1", partition=0, records=records))
                    self.committed += len(records)


def command(name: str, *, target: str = str(SIREN), expires_in_s: float = 60.0) -> Command:
    return Command(
        id=name,
        kind=CommandKind.SIREN_ON,
        alert_id=AlertId("a-1"),
        area=AreaId("norte"),
        target=target,
        issued_ms=T0,
        expires_ms=T0 + round(expires_in_s * 1000),
        protocol="panic",
        step="siren",
    )


class House:
    """A folder, a bus and a topic that outlive the processes which obey in them."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch = folder, patch
        self.fuse = Fuse()
        self.bus, self.metrics, self.clock = Bus(self.fuse), m.Metrics(), FakeClock()
        self.topic = Topic()

    def holds(self, *commands: Command | bytes) -> None:
        self.topic = Topic(*(each if isinstance(each, bytes) else codec.encode(each) for each in commands))

    @contextlib.asynccontextmanager
    async def obeyed_by(self, actuator: Actuator, **kind: Any) -> AsyncIterator[asyncio.Task[None]]:
        self.patch.setattr(obeying, "BatchConsumer", self.topic)
        obeyer = Obeyer(
            actuator,
            name="test",
            broker=BusSettings(bootstrap="nowhere:1"),
            bus=self.bus,
            folder=self.folder,
            now_ms=self.clock.now_ms,
            metrics=self.metrics,
            **kind,
        )
        task = asyncio.create_task(obeyer.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def answers(self, actuator: Actuator, count: int = 1) -> list[tuple[str, str, str]]:
        """The outcomes once ``count`` commands have one. Who is ended between telling one and noting that it is told
        tells it again: each counts once.
        """
        async with self.obeyed_by(actuator):
            await self.bus.until(lambda: len({name for name, *_ in self.bus.outcomes}) >= count)
        return list(dict.fromkeys(self.bus.outcomes))


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(obeying, "_FIRST_WAIT_S", 0.01)
    return House(tmp_path, monkeypatch)


async def test_a_command_is_carried_out_and_answered_in_its_area(house: House) -> None:
    siren = Siren()
    house.holds(command("on"))
    assert await house.answers(siren) == [("on", "done", "")]
    assert siren.did == ["on"]
    [message] = house.bus.sent
    assert (message.topic, message.key) == (topics.RECEIPTS.name, b"norte")
    assert house.metrics.value(m.OBEYED, "siren_on", "done") == 1


async def test_what_a_drill_asks_of_people_is_answered_and_reaches_no_siren_and_no_phone(
    house: House,
) -> None:
    siren = Siren()
    drill, heard = (msgspec.structs.replace(command(name), drill=True) for name in ("quiet", "heard"))
    house.holds(
        drill,
        msgspec.structs.replace(heard, rings=True),
        msgspec.structs.replace(command("off"), drill=True, kind=CommandKind.SIREN_OFF),
    )
    told = [("quiet", "done", "drill.quiet"), ("heard", "done", ""), ("off", "done", "")]
    assert await house.answers(siren, 3) == told
    assert siren.did == ["heard", "off"], "what is switched off is always switched off"


async def test_what_is_meant_for_others_is_left_to_them(house: House) -> None:
    siren = Siren()
    house.holds(command("theirs", target=str(OTHER)), command("mine"))
    assert await house.answers(siren) == [("mine", "done", "")]
    assert siren.did == ["mine"]


async def test_a_command_that_comes_twice_acts_once(house: House) -> None:
    siren = Siren()
    house.holds(command("on"), command("on"), command("off"))
    assert [name for name, *_ in await house.answers(siren, 2)] == ["on", "off"]
    house.holds(command("on"), command("last"))  # a reader that lost its place reads from the start
    await house.answers(siren, 3)
    assert siren.did == ["on", "off", "last"]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b"{nonsense", "codec.malformed"),
        (codec.encode(command("x", target="the siren")), "command.target_unreadable"),
    ],
)
async def test_what_nobody_can_read_is_a_dead_letter_with_its_bytes_and_holds_nobody_up(
    house: House, bad: bytes, code: str
) -> None:
    house.bus.away = 1
    house.holds(bad, command("on"))
    assert await house.answers(Siren()) == [("on", "done", "")]
    letters = [codec.decode(Kind.DEAD, each.value) for each in house.bus.on(topics.DEAD.name)]
    assert {(letter.code, letter.payload, letter.offset) for letter in letters} == {(code, bad, 0)}


async def test_an_expired_command_is_not_carried_out(house: House) -> None:
    siren = Siren()
    house.holds(command("late", expires_in_s=-1), command("in time"))
    assert await house.answers(siren, 2) == [("late", "expired", ""), ("in time", "done", "")]
    assert siren.did == ["in time"]


async def test_a_device_that_is_away_is_asked_again_until_it_is_there(house: House) -> None:
    siren = Siren(AWAY, AWAY)
    house.holds(command("on"))
    assert await house.answers(siren) == [("on", "done", "")]
    assert siren.did == ["on"]


async def test_a_command_that_found_nobody_is_still_open_for_the_next_process(house: House) -> None:
    class Never(Siren):
        async def act(self, _command: Command, /) -> Receipt:
            raise SourceUnavailable("siren.away", "no connection", retry_after_s=600.0)

    noted, note = threading.Event(), CommandJournal.not_done

    def not_done(journal: CommandJournal, name: str) -> None:
        note(journal, name)
        noted.set()

    house.patch.setattr(CommandJournal, "not_done", not_done)
    house.holds(command("on"))
    async with house.obeyed_by(Never()):
        assert await asyncio.to_thread(noted.wait, 30), "it ends while it waits for the next try"
    assert await house.answers(Siren()) == [("on", "done", "")]


async def test_a_device_that_stays_away_lets_the_command_expire(house: House) -> None:
    class Away(Siren):
        async def act(self, _command: Command, /) -> Receipt:
            house.clock.advance(20_000)
            raise AWAY

    siren = Away()
    house.holds(command("on"))
    assert await house.answers(siren) == [("on", "expired", "")]
    assert house.clock.at_ms == T0 + 60_000


async def test_a_device_that_is_away_delays_no_other(house: House) -> None:
    class OneAway(Siren):
        async def act(self, command: Command, /) -> Receipt:
            if command.target == str(SIREN):
                raise AWAY
            return await super().act(command)

    siren = OneAway(targets=(SIREN, OTHER))
    house.holds(command("waits"), command("behind it"), command("goes", target=str(OTHER)))
    assert await house.answers(siren) == [("goes", "done", "")]


@pytest.mark.parametrize(
    ("answer", "outcome", "detail"),
    [
        (CredentialsRefused("siren.login", "no"), "refused", "siren.login"),
        (ZeroDivisionError("secret text"), "failed", "bug.ZeroDivisionError"),
        ("hangs", "failed", "command.unanswered"),
    ],
)
async def test_every_way_to_fail_is_an_answer_and_holds_nothing_up(
    house: House, answer: str | Exception, outcome: str, detail: str
) -> None:
    house.holds(command("on", expires_in_s=0.2), command("next"))
    assert await house.answers(Siren(answer), 2) == [("on", outcome, detail), ("next", "done", "")]


async def test_commands_for_one_target_keep_their_order(house: House) -> None:
    siren = Siren(AWAY)
    house.holds(command("on"), command("off"))
    await house.answers(siren, 2)
    assert siren.did == ["on", "off"]


STEPS = 22
"""One line for both commands, then for each: began, asked, ended, published, told; before and after each."""


@pytest.mark.parametrize("last", range(STEPS + 1))
async def test_law_4_a_kill_between_any_two_steps_acts_at_most_once_and_answers_with_one_voice(
    house: House, last: int
) -> None:
    fuse, siren = house.fuse, Siren()
    really = command_journal._write

    def write(file: int, data: bytes) -> None:
        fuse.burn()
        really(file, data)
        fuse.burn()

    house.patch.setattr(command_journal, "_write", write)
    siren.fuse, fuse.left = fuse, last
    house.holds(command("on"), command("off"))
    async with house.obeyed_by(siren) as task:
        await asyncio.wait({task}, timeout=30 if last < STEPS else 0.5)
        assert task.done() is (last < STEPS), "killed, or nothing left to do"
    fuse.left = 10**9
    house.topic.committed = 0
    async with house.obeyed_by(siren):
        await house.bus.until(lambda: {name for name, *_ in house.bus.outcomes} == {"on", "off"})
    assert sorted(siren.did) == sorted(set(siren.did)), "a command acted twice"
    said = set(house.bus.outcomes)
    assert len(said) == 2, f"one command, two answers: {said}"
    for name, outcome, detail in said:
        done_unheard = (outcome, detail) == ("failed", "command.interrupted")
        assert outcome == "done" or done_unheard
        assert (name in siren.did) or done_unheard


async def test_nothing_is_done_while_the_journal_cannot_be_written(house: House) -> None:
    really, full = command_journal._write, 3

    def write(file: int, data: bytes) -> None:
        nonlocal full
        if full:
            full -= 1
            really(file, data[:5])
            raise OSError(28, "No space left on device")
        really(file, data)

    house.patch.setattr(command_journal, "_write", write)
    siren = Siren()
    house.holds(command("on"))
    assert await house.answers(siren) == [("on", "done", "")]
    assert siren.did == ["on"]
    journal = CommandJournal(house.folder / "commands.journal", now_ms=lambda: T0)
    assert "on" in journal, "half a line spoils no other"


def test_a_journal_forgets_what_can_never_come_back_and_nothing_else(tmp_path: Path) -> None:
    path, now_ms = tmp_path / "commands.journal", T0
    journal = CommandJournal(path, now_ms=lambda: now_ms)
    journal.take([command("told"), command("open")])
    journal.end(Receipt(command_id="told", device="siren-7", at_ms=T0, outcome="done"))
    journal.told("told")
    journal.close()
    with path.open("ab") as file:
        file.write(b'["taken",{"torn')
    for now_ms, known in ((T0 + 86_400_000, True), (T0 + 3 * 86_400_000, False)):
        journal = CommandJournal(path, now_ms=lambda: now_ms)  # noqa: B023
        assert ("told" in journal, "open" in journal) == (known, True)
        assert [each.id for each in journal.unfinished] == ["open"]
        journal.close()


def test_a_journal_that_grows_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_journal, "_COMPACT_ABOVE_LINES", 20)
    path = tmp_path / "commands.journal"
    journal = CommandJournal(path, now_ms=lambda: T0)
    journal.take([command("open")])
    for _ in range(20):
        journal.begin("open")
        journal.not_done("open")
    grown = path.stat().st_size
    journal.take([command("another")])
    assert path.stat().st_size < grown
    assert [each.id for each in journal.unfinished] == ["open", "another"]
    journal.close()


async def test_what_a_crash_interrupted_is_carried_out_again_where_copies_are_known(house: House) -> None:
    """Such an actuator is never told twice that it failed: it knows the command by its id."""
    house.holds(command("on"))
    async with house.obeyed_by(Siren("hangs"), is_repeatable=True):
        await asyncio.sleep(0.2)
    siren = Siren()
    async with house.obeyed_by(siren, is_repeatable=True):
        await house.bus.until(lambda: len(house.bus.outcomes) == 1)
    assert (house.bus.outcomes, siren.did) == ([("on", "done", "")], ["on"])


async def test_an_actuator_of_some_kinds_leaves_the_others_to_others(house: House) -> None:
    tell = msgspec.structs.replace(command("tell"), kind=CommandKind.NOTIFY)
    house.holds(command("on"), tell)
    siren = Siren()
    async with house.obeyed_by(siren, kinds=(CommandKind.NOTIFY,)):
        await house.bus.until(lambda: len(house.bus.outcomes) == 1)
    assert siren.did == ["tell"]
