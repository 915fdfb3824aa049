"""Checks with the real runtime around the connector's ``decode``: order of acknowledgement, faults, limits, secrecy,
numbers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, cast

import msgspec
import structlog

from cior_bus.sealed_content import SealedContent
from cior_bus.sealed_content import opened as unsealed
from cior_connectors._runtime import codes
from cior_connectors._runtime import metrics as m
from cior_connectors._runtime.guard import guarded
from cior_connectors._runtime.health import State
from cior_connectors._runtime.stored_facts import facts_of
from cior_connectors.contract import Accepted, Facts, Refused
from cior_connectors.kit.checks_decode import undecodable
from cior_connectors.kit.samples import Sample
from cior_connectors.kit.scripted import Aborted, Marker, ScriptedSource, Step
from cior_connectors.kit.subject import Bench, CheckFailed, NotApplicable, Subject
from cior_core.model import DataClass, DeadLetter, Device, Place, PlaceMethod, RawRecord

WAIT_S = 20.0
STOP_LIMIT_S = 2.0


async def ack_after_durable(subject: Subject, sample: Sample) -> None:
    """While the sink is held nobody is answered; when it is released everybody is."""
    source = _scripted(subject, [sample, sample])
    with subject.bench(source) as bench:
        bench.sink.hold()
        async with running(bench):
            await until(lambda: bench.sink.waiting > 0, "the runtime never published")
            await asyncio.sleep(0.02)
            if source.answers:
                raise CheckFailed("answered before the bytes were durable (law 1)")
            bench.sink.release()
            await until(lambda: len(source.answers) == 2, "not answered after the bytes were durable")
        if len(bench.sink.raws()) != 2:
            raise CheckFailed("answered, and the raw records are not there")


async def refused_when_full(subject: Subject) -> None:
    """With neither broker nor spool, payloads are refused, not accepted; afterwards work goes on."""
    sample = subject.first_decodable()
    source = _scripted(subject, [sample])
    with subject.bench(source) as bench:
        bench.sink.full = True
        async with running(bench):
            await until(lambda: len(source.answers) == 1, "not answered")
            if not isinstance(source.answers[0], Refused) or bench.sink.messages:
                raise CheckFailed("a payload that is not durable was not refused")


async def crash_redelivers(subject: Subject) -> None:
    """The process dies after publishing and before answering; the far side sends again; the copies have the same ids,
    nothing is missing.
    """
    sample = subject.first_decodable()
    with subject.bench(_Dying(subject, sample)) as bench:
        with suppress(Aborted):
            async with running(bench):
                scripted = cast("ScriptedSource", bench.instance.source)
                await until(lambda: scripted.answers != {}, "the crash never came")
        first = [event.id for event in bench.sink.decoded()]
    source = _scripted(subject, [sample])
    with subject.bench(source) as bench:
        async with running(bench):
            await until(lambda: len(source.answers) == 1, "not taken after the restart")
        again = [event.id for event in bench.sink.decoded()]
    if not first or set(first) != set(again):
        raise CheckFailed(f"before the crash {first}, after it {again}: not the same ids")


class _Dying(ScriptedSource):
    """Dies in its first answer, that is: after durability, before the device hears."""

    def __init__(self, subject: Subject, sample: Sample) -> None:
        super().__init__(
            subject.source().decode, [(sample.raw, sample.facts(subject.source_urn))], on_answer=self._die
        )

    def _die(self, _position: int, _outcome: object) -> None:
        self.answers[-1] = Refused(code="died")
        raise Aborted


async def reconnects(subject: Subject) -> None:
    """After the far side ends, drops, or is away at opening, the next payloads are taken."""
    sample = subject.first_decodable()
    step: Step = (sample.raw, sample.facts(subject.source_urn))
    source = ScriptedSource(subject.source().decode, [step, Marker.EOF, step, Marker.DROP, step])
    source.down = 2
    with subject.bench(source) as bench:
        async with running(bench):
            await until(lambda: len(source.answers) == 3, "work did not go on after the line dropped")
        if source.opened < 3 or source.closed < 3:
            raise CheckFailed(f"opened {source.opened} and closed {source.closed} times over three sessions")


async def bounded_memory(subject: Subject) -> None:
    """With the sink blocked, the runtime stops asking for more."""
    sample = subject.first_decodable()
    source = _scripted(subject, [sample] * 600)
    with subject.bench(source, max_in_flight=32) as bench:
        bench.sink.hold()
        async with running(bench):
            await until(lambda: bench.sink.waiting > 0, "the runtime never published")
            await _settled(lambda: source.asked)
            if source.asked > 32 + 200 + 2:
                raise CheckFailed(f"{source.asked} payloads in memory while nothing becomes durable")
            bench.sink.release()
            await until(
                lambda: len(source.answers) == 600, "not all payloads were taken after the sink came back"
            )


async def log_once(subject: Subject) -> None:
    """Twenty failed connections are one line down and one line up, and the state has reason and since."""
    source = _scripted(subject, [subject.first_decodable()])
    source.down = 20
    with structlog.testing.capture_logs() as lines, subject.bench(source) as bench:
        async with running(bench):
            await until(lambda: len(source.answers) == 1, "never came back")
            health = bench.instance.book.health
    states = [line["state"] for line in lines if line["event"] == "connector_state_changed"]
    if states != ["down", "up"]:
        raise CheckFailed(f"logged {states}, not one line down and one line up")
    if health.state is not State.UP or health.since_ms <= 0:
        raise CheckFailed("state without since")


async def metrics_emitted(subject: Subject) -> None:
    """Received, answered, events and state are counted under this instance's name."""
    sample = subject.first_decodable()
    source = _scripted(subject, [sample])
    with subject.bench(source) as bench:
        async with running(bench):
            await until(lambda: len(source.answers) == 1, "not answered")
            values = {
                "received": bench.metrics.value(m.RECEIVED, "kit"),
                "answered": bench.metrics.value(m.ANSWERED, "kit", "accepted"),
                "events": bench.metrics.value(m.EVENTS, "kit"),
                "state": bench.metrics.value(m.STATE, "kit"),
            }
    expected = {"received": 1, "answered": 1, "events": len(subject.events(sample)), "state": 1}
    if values != expected:
        raise CheckFailed(f"counted {values}, happened {expected}")


async def undecodable_kept(subject: Subject) -> None:
    """Bytes that cannot be decoded: raw record and dead letter with the bytes, boxed where presses can come; there also
    an urgent event.
    """
    payload, decoded = undecodable(subject)
    facts = subject.first_decodable().facts(subject.source_urn)
    source = ScriptedSource(subject.source().decode, [(payload, facts)])
    with subject.bench(source) as bench:
        async with running(bench):
            await until(lambda: len(source.answers) == 1, "not answered")
        raws, dead, events = bench.sink.raws(), bench.sink.dead(), bench.sink.decoded()
    kept = [[_bytes_of(subject, each) for each in found] for found in (raws, dead)]
    if kept != [[payload], [payload]]:
        raise CheckFailed("the undecodable bytes are not in raw record and dead letter")
    if dead[0].code != decoded.code or not dead[0].reason:
        raise CheckFailed("the dead letter does not say why")
    wanted = [codes.UNDECODED] if subject.kind.manifest.life_safety else []
    if [event.type for event in events] != wanted:
        raise CheckFailed("an undecodable payload of a life-safety channel did not raise the urgent event")


def _bytes_of(subject: Subject, kept: RawRecord | DeadLetter) -> bytes:
    """As received: where presses can come, what could not be read lies in a box (law 17)."""
    is_boxed = kept.data_class is DataClass.SEALED
    return opened(subject, kept.payload).payload if is_boxed else kept.payload


async def no_filter(subject: Subject) -> None:
    """Forty times each life-safety sample, at one event an hour allowed, from a device that nobody registered: nothing
    is missing (law 2).
    """
    counts = [
        (sample, sum(event.life_safety for event in subject.events(sample))) for sample in subject.samples
    ]
    found = [(sample, count * 40) for sample, count in counts if count]
    if not found:
        raise (
            CheckFailed("no life-safety sample")
            if subject.kind.manifest.life_safety
            else NotApplicable("carries no life-safety signals")
        )
    for sample, wanted in found:
        source = _scripted(subject, [sample] * 40)
        with subject.bench(source, max_events_per_s=1 / 3600) as bench:
            async with running(bench):
                await until(partial(_answered, source, 40), "not all presses were answered")
            got = sum(event.life_safety for event in bench.sink.decoded())
        if got != wanted:
            raise CheckFailed(
                f"samples/{sample.name}: {got} of {wanted} life-safety events left the connector"
            )


async def replay_equals_live(subject: Subject, sample: Sample) -> None:
    """Decoding the stored record gives the events that were published live."""
    source = _scripted(subject, [sample])
    with subject.bench(source, devices=_open(sample.provenance.device_registry)) as bench:
        async with running(bench):
            await until(lambda: len(source.answers) == 1, "not answered")
        record, live = bench.sink.raws()[0], bench.sink.decoded()
    if record.sealed:
        raise NotApplicable("sealed: only the response team can replay it")
    context = msgspec.structs.replace(
        subject.context(sample.provenance.device_registry), producer=record.producer
    )
    again = guarded(subject.source().decode, record.payload, facts_of(record, context))
    own = [event for event in live if event.type != codes.UNDECODED]
    if [(event.id, event.type, event.occurred_ms) for event in again.events] != [
        (event.id, event.type, event.occurred_ms) for event in own
    ]:
        raise CheckFailed(f"samples/{sample.name}: replaying the stored record gives other events than live")


def _open(devices: Sequence[Device]) -> list[Device]:
    return [device for device in devices if device.data_class is not DataClass.SEALED]


async def sealed_canary(subject: Subject) -> None:
    """All samples and undecodable bytes over a sealed channel: no identity, place or run of bytes outside the box; the
    team can open all of it.
    """
    garbage, _ = undecodable(subject)
    steps = [(sample.raw, _sealed_facts(subject, sample)) for sample in subject.samples]
    steps.append((garbage + b"CANARY-UNDECODABLE-7731", steps[0][1]))
    canaries = _canaries(subject) | {b"CANARY-UNDECODABLE-7731", b"canary-subject-4417", b"198.51.100.77"}
    source = ScriptedSource(subject.source().decode, list(steps))
    with structlog.testing.capture_logs() as lines, subject.bench(source, sealed=True) as bench:
        async with running(bench):
            await until(lambda: len(source.answers) == len(steps), "not all payloads were answered")
        leaks = _leaks(bench, lines, canaries)
        boxes = [opened(subject, record.payload) for record in bench.sink.raws()]
    if leaks:
        raise CheckFailed(f"outside the sealed box: {leaks}")
    if sorted(content.payload for content in boxes) != sorted(payload for payload, _ in steps):
        raise CheckFailed("the box does not hold the exact bytes")


def _sealed_facts(subject: Subject, sample: Sample) -> Facts:
    facts = sample.facts(subject.source_urn)
    return msgspec.structs.replace(
        facts, subject=facts.subject or "canary-subject-4417", peer="198.51.100.77"
    )


def _canaries(subject: Subject) -> set[bytes]:
    """What would betray somebody: device ids, coordinates, and runs of the raw bytes."""
    found: set[bytes] = set()
    for sample in subject.samples:
        for event in subject.events(sample):
            found |= {event.subject.encode(), event.subject.rpartition(":")[2].encode()}
            found |= {
                str(value).encode() for value in (event.place.lat, event.place.lon) if value is not None
            }
            found |= {event.summary.encode()} if event.summary else set()
        middle = len(sample.raw) // 2
        found.add(sample.raw[middle : middle + 24])
    return {each for each in found if len(each) >= 5}


def _leaks(bench: Bench, lines: list[Any], canaries: set[bytes]) -> list[str]:
    boxes = [record.payload for record in bench.sink.raws()] + [
        letter.payload for letter in bench.sink.dead()
    ]
    places = {f"{message.topic} value": message.value for message in bench.sink.messages}
    seen: list[tuple[str, bytes]] = list(places.items())
    seen += [(message.topic, message.value) for message in bench.sink.messages]
    seen += [(f"{message.topic} key", message.key) for message in bench.sink.messages]
    seen += [
        (f"{message.topic} header", value) for message in bench.sink.messages for _, value in message.headers
    ]
    seen += (
        [("log", repr(line).encode()) for line in lines]
        + [("metrics", bench.metrics.text().encode())]
        + [("box", box) for box in boxes]
    )
    return [
        f"{canary!r} in {where}"
        for where, value in seen
        for canary in canaries
        if canary in value or canary.hex().encode() in value
    ]


def opened(subject: Subject, box: bytes) -> SealedContent:
    """What the team of the examined centre reads in a box."""
    return unsealed(box, bytes(subject.key))


async def registered_gate(subject: Subject) -> None:
    """An unregistered device's event is published, marked and counted; a registered one is marked so and gets its site
    when it has no place.
    """
    sample = subject.first_decodable()
    event = subject.events(sample)[0]
    device = Device(
        id=event.subject, kind="kit", place=Place(method=PlaceMethod.SITE, lat=-32.95, lon=-60.64)
    )
    for devices, expected in (((), False), ((device,), True)):
        source = _scripted(subject, [sample])
        with subject.bench(source, devices=devices) as bench:
            async with running(bench):
                await until(partial(_answered, source, 1), "not answered")
            published = next((each for each in bench.sink.decoded() if each.subject == event.subject), None)
            counted = bench.metrics.value(m.UNREGISTERED, "kit")
        if published is None or published.registered is not expected or (counted > 0) is expected:
            raise CheckFailed(
                f"registered={expected}: published {published and published.registered}, counted {counted}"
            )


async def stops_in_time(subject: Subject) -> None:
    """Stopping takes less than two seconds even while nothing becomes durable, and what nobody judged is refused."""
    sample = subject.first_decodable()
    source = _scripted(subject, [sample] * 300)
    with subject.bench(source, max_in_flight=50) as bench:
        bench.sink.hold()
        began = time.monotonic()
        async with running(bench):
            await until(lambda: bench.sink.waiting > 0, "the runtime never published")
            began = time.monotonic()
        took_s = time.monotonic() - began
    if took_s > STOP_LIMIT_S + 0.5:
        raise CheckFailed(f"stopping took {took_s:.1f} s")
    if any(isinstance(outcome, Accepted) for outcome in source.answers.values()):
        raise CheckFailed("something was accepted that never became durable")


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[None]:
    """The instance, running inside the block. A crash of the script comes out as itself."""
    task = asyncio.ensure_future(bench.instance.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool], otherwise: str, *, within_s: float = WAIT_S) -> None:
    """Wait for ``condition``. Raises :class:`CheckFailed` with ``otherwise``."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise CheckFailed(otherwise)
        await asyncio.sleep(0.002)


async def _settled(number: Callable[[], int]) -> None:
    """Until a number has not changed for a fifth of a second (it may never: then the check that follows sees how far it
    got).
    """
    for _ in range(50):
        before = number()
        await asyncio.sleep(0.2)
        if number() == before:
            return


def _answered(source: ScriptedSource, count: int) -> bool:
    return len(source.answers) == count


def _scripted(subject: Subject, found: Sequence[Sample]) -> ScriptedSource:
    return ScriptedSource(
        subject.source().decode, [(sample.raw, sample.facts(subject.source_urn)) for sample in found]
    )
