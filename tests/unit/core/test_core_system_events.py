"""What CIOR says of its own parts: one maker, the same id for the same finding, urgent unless told otherwise."""

from __future__ import annotations

from hashlib import sha256

from cior_core import cloudevents, devices
from cior_core.model import DataClass, Device, Event, Lane, Phase
from cior_core.system_events import system_event


def gap(*, at_ms: int = 2_000, key: str = "panels:1000", lane: Lane = Lane.URGENT) -> Event:
    return system_event(
        "accounting.gap",
        source="urn:cior:test",
        subject="connector:panels",
        key=key,
        at_ms=at_ms,
        lane=lane,
        drill=False,
    )


def test_the_same_finding_found_later_is_the_same_event_and_another_finding_is_another() -> None:
    assert gap().id == gap(at_ms=9_000).id
    assert gap().id != gap(key="panels:2000").id


def test_it_is_urgent_restricted_and_happened_when_it_was_found_unless_it_says_otherwise() -> None:
    event = gap()
    assert (event.lane, event.data_class, event.life_safety) == (Lane.URGENT, DataClass.RESTRICTED, False)
    assert (event.occurred_ms, event.received_ms, event.phase) == (2_000, 2_000, Phase.NEW)
    assert gap(lane=Lane.TELEMETRY).lane is Lane.TELEMETRY


def test_its_bytes_are_those_it_always_had() -> None:
    assert cloudevents.encode(gap()).decode() == (
        '{"specversion":"1.0","id":"ac88bd71-7f20-82a8-b177-38b14155cf1b","source":"urn:cior:test",'
        '"type":"ar.cior.accounting.gap.v1","subject":"connector:panels","time":"1970-01-01T00:00:02.000Z",'
        '"receivedtime":"1970-01-01T00:00:02.000Z","dataclassification":"restricted","lane":"urgent",'
        '"partitionkey":"connector:panels","datacontenttype":"application/json",'
        '"dataschema":"urn:cior:schema:event:v1","data":{}}'
    )


def test_a_silent_device_keeps_the_id_and_the_bytes_it_always_had() -> None:
    state = devices.enroll(Device(id="panel-7", kind="panel", expected_every_s=60.0), 1_767_225_600_000)
    _, (silent,) = devices.sweep({"panel-7": state}, 1_767_225_600_000 + 600_000)
    assert silent.id == "ecfca44c-d7bb-8fef-8b74-27676b9e9dca"
    assert (
        sha256(cloudevents.encode(silent)).hexdigest()
        == "f662b0884e2e5e8d2cec644cc16b36a50cae652aedafabc95f750acaf7e04aba"
    )
