"""Who is rung is what the register's part says, over a real broker: who writes to the topic without its key rings
nobody, is a dead letter, and somebody hears of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import msgspec
import pytest
import structlog

from cior_bus import topics
from cior_bus.admin import Topics
from cior_bus.message import MessageOut
from cior_bus.producer import Bus
from cior_bus.rights import Part, user_of
from cior_bus.settings import BusSettings, Profile
from cior_connectors._runtime.duty_told import DutyTold
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.duty import DutyBook, DutyPerson, PublishedDuty, Shift, Team, published
from cior_core.model import DEFAULT_AREA, DeadLetter, Event
from doubles.signing import SINK, SINK_KEY, STRANGER, on_duty, opens
from integration.bus.brokers import Broker, broker

__all__ = ["broker"]


def until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def told(login: str, *, at_ms: int) -> PublishedDuty:
    turn = Shift(starts="00:00", ends="00:00", people=(login,))
    team = Team(id="police", name_es="Policía", name_en="Police", shift=(turn,))
    book = DutyBook(person=(DutyPerson(id=login, name=login),), team=(team,))
    return published(book, area=DEFAULT_AREA, at_ms=at_ms)


class Noted:
    """A real bus, and what it was given: on a broker that others use too, nobody reads through what they wrote."""

    def __init__(self, bus: Bus) -> None:
        self._bus, self.messages = bus, list[MessageOut]()

    def publish_sync(self, messages: Sequence[MessageOut]) -> None:
        """It is durable before it counts as said."""
        self._bus.publish_sync(messages)
        self.messages += messages


class Centre:
    """A topic of duty, the family that rings people, and what that said. On a broker that others used before: its
    instants are its own.
    """

    def __init__(self, settings: BusSettings, bus: Bus) -> None:
        self.bus, self.at_ms = bus, time.time_ns() // 1_000_000
        self.noted = Noted(bus)
        rights = user_of(Part.CONNECTORS, family="notify").rights
        self.duty = DutyTold(settings, rights, opens=opens, bus=self.noted, now_ms=lambda: self.at_ms + 1_000)

    def buried(self, word: bytes) -> list[DeadLetter]:
        letters = [
            codec.decode(Kind.DEAD, each.value)
            for each in self.noted.messages
            if each.topic == topics.DEAD.name
        ]
        return [each for each in letters if isinstance(each, DeadLetter) and word in each.payload]

    def said(self) -> list[Event]:
        events = [
            codec.decode(Kind.EVENT, each.value)
            for each in self.noted.messages
            if each.topic == topics.URGENT.name
        ]
        return [each for each in events if isinstance(each, Event) and each.subject == "bus:duty"]

    def write(self, *each: PublishedDuty) -> None:
        self.bus.publish_sync([MessageOut.of(one) for one in each])

    def rung(self) -> list[str]:
        return [] if self.duty.book is None else [each.id for each in self.duty.book.person]


@pytest.fixture
def centre(broker: Broker) -> Iterator[Centre]:
    settings = broker.patient
    Topics(settings).ensure(partitions=1)
    with Bus(settings) as bus:
        made = Centre(settings, bus)
        with made.duty:
            yield made


def test_law_13_who_writes_the_directory_without_the_consoles_key_chooses_nobody(centre: Centre) -> None:
    at_ms = centre.at_ms
    centre.write(on_duty(told("ana", at_ms=at_ms)))
    until(lambda: centre.rung() == ["ana"], "what the console told is in force")
    by_console, by_mallory = on_duty(told("eva", at_ms=at_ms + 1)), told("mallory", at_ms=at_ms + 2)
    forged = (
        by_mallory,
        on_duty(by_mallory, key=STRANGER),
        on_duty(by_mallory, signer=SINK, key=SINK_KEY),
        msgspec.structs.replace(by_console, directory=by_mallory.directory),
        msgspec.structs.replace(on_duty(by_mallory), at_ms=at_ms + 3),
    )
    centre.write(*forged)
    until(lambda: len(centre.buried(b"mallory")) == len(forged), "each is a dead letter with its bytes")
    assert centre.rung() == ["ana"]
    assert sorted(each.code for each in centre.buried(b"mallory")) == [
        "action.kind_not_allowed", "action.signature", "action.signature", "action.signer_unknown", "action.unsigned",
    ]  # fmt: skip
    assert {each.type for each in centre.said()} == {"integrity.action"}
    assert len(centre.said()) == len({each.attributes["reason"] for each in centre.said()}), (
        "each reason is told once"
    )
    assert {each.code for each in centre.buried(b"")} == {each.attributes["reason"] for each in centre.said()}
    centre.write(by_console)
    until(lambda: centre.rung() == ["eva"], "the console goes on")


def test_law_13_an_older_directory_that_somebody_plays_again_does_not_come_back(centre: Centre) -> None:
    at_ms = centre.at_ms
    before, after = on_duty(told("ana", at_ms=at_ms)), on_duty(told("eva", at_ms=at_ms + 1))
    centre.write(before, after)
    until(lambda: centre.rung() == ["eva"], "the newest is in force")
    centre.write(before, told("mark", at_ms=at_ms + 2))
    until(lambda: len(centre.buried(b"mark")) == 1, "what came behind it was read")
    assert centre.rung() == ["eva"]


def test_a_console_whose_clock_ran_ahead_is_heard_when_it_is_right_again(centre: Centre) -> None:
    centre.write(on_duty(told("ana", at_ms=centre.at_ms + 86_400_000)))
    until(lambda: centre.rung() == ["ana"], "it is the console's")
    centre.write(on_duty(told("eva", at_ms=centre.at_ms + 2_000)))
    until(lambda: centre.rung() == ["eva"], "the day is not waited for")


def test_a_topic_that_comes_after_whoever_reads_it_is_read_all_the_same(broker: Broker) -> None:
    settings = broker.patient
    with Bus(settings) as bus:
        centre = Centre(settings, bus)
        with structlog.testing.capture_logs() as lines, centre.duty:
            if broker.profile is Profile.KAFKA:  # Tansu does not say that it has no such topic
                until(
                    lambda: "feed_interrupted" in {each["event"] for each in lines},
                    "it was looked for in vain",
                )
            Topics(settings).ensure(partitions=1)
            centre.write(on_duty(told("ana", at_ms=centre.at_ms)))
            until(lambda: centre.rung() == ["ana"], "it is read")
