"""Schemas: they say what the code does, they are fresh, and version 1 can only grow."""

from __future__ import annotations

import copy
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import msgspec
import pytest

from cior_bus.topics import CATALOGUE
from cior_core import cloudevents, duty, schemas
from cior_core.canonical import canonical
from cior_core.ledger_copy import copy_of
from cior_core.model import (
    DEFAULT_AREA,
    Action,
    ActionKind,
    Alert,
    AlertId,
    AlertStatus,
    Command,
    CommandKind,
    DataClass,
    DeadLetter,
    Event,
    EventId,
    EventItem,
    Level,
    Member,
    Phase,
    Place,
    PlaceMethod,
    Producer,
    RawId,
    RawPointer,
    RawRecord,
    Reason,
    Receipt,
    Silence,
    SilenceScope,
    Transition,
    TypeCode,
)
from cior_core.requests import Answer, AuthorityKind, RequestState, RequestStatus
from doubles.signing import signed

ROOT = Path(__file__).parents[3]
Schema = dict[str, Any]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE = generator()

# --- one of each --------------------------------------------------------------------------------------------

PLACE = Place(method=PlaceMethod.GPS, lat=-32.95, lon=-60.66, accuracy_m=8.0)
PRESS = Event(
    id=EventId("e1"),
    source="urn:cior:dc09:r1",
    type=TypeCode("panic.bus"),
    subject="bus-1",
    occurred_ms=1_795_310_961_123,
    received_ms=1_795_310_961_623,
    place=PLACE,
    raw=RawPointer(raw_id=RawId("r1"), sha256="a" * 64),
    attributes={"zone": "003"},
)
REASON = Reason(code="base", points=10, text_es="botón", text_en="button", events=(EventId("e1"),))
ALERT = Alert(
    id=AlertId("a1"),
    area=DEFAULT_AREA,
    version=1,
    type=TypeCode("panic.bus"),
    level=Level.P1,
    score=90,
    status=AlertStatus.OPEN,
    reasons=(REASON,),
    members=(
        Member(
            event_id=EventId("e1"),
            type=TypeCode("panic.bus"),
            source="s",
            subject="bus-1",
            phase=Phase.NEW,
            occurred_ms=1,
            received_ms=2,
            place=PLACE,
            life_safety=True,
            independence="bus-1",
        ),
    ),
    opened_ms=1,
    updated_ms=2,
    first_occurred_ms=1,
    last_occurred_ms=1,
    place=PLACE,
    data_class=DataClass.RESTRICTED,
    life_safety=True,
    protocol="p",
    protocol_version=1,
    rules_version="r",
    timers=(("escalate", 5),),
)
SAMPLES: dict[str, bytes] = {
    "event": cloudevents.encode(PRESS),
    "raw": msgspec.json.encode(
        RawRecord(
            id=RawId("r1"),
            source="s",
            subject="bus-1",
            received_ms=2,
            payload=b"\x00\xff",
            sha256="a" * 64,
            producer=Producer(connector="dc09", version="1"),
        )
    ),
    "dead": msgspec.json.encode(
        DeadLetter(id="d", stage="decode", code="x", reason="y", payload=b"z", at_ms=3, source="s")
    ),
    "alert": msgspec.json.encode(ALERT),
    "transition": msgspec.json.encode(
        Transition(
            id="a1:1:0",
            alert_id=AlertId("a1"),
            area=DEFAULT_AREA,
            version=1,
            at_ms=2,
            kind="opened",
            actor="cior",
            level=Level.P1,
            status=AlertStatus.OPEN,
            reasons=(REASON,),
        )
    ),
    "silence": msgspec.json.encode(
        Silence(
            id="k",
            area=DEFAULT_AREA,
            scope=SilenceScope(devices=("panel-1",)),
            by="op",
            reason="works",
            since_ms=1,
            until_ms=9,
            version=2,
            hidden=("a1",),
            held_back=1,
            ended_ms=5,
            ended_by="op",
            ending="early",
        )
    ),
    "duty": msgspec.json.encode(duty.published(duty.DutyBook(), area=DEFAULT_AREA, at_ms=1)),
    "action": msgspec.json.encode(signed(Action(id="k", kind=ActionKind.ACKNOWLEDGE, actor="op", at_ms=4))),
    "command": msgspec.json.encode(
        Command(
            id="c",
            kind=CommandKind.SIREN_ON,
            alert_id=AlertId("a1"),
            area=DEFAULT_AREA,
            target="device:panel-1",
            issued_ms=1,
            expires_ms=2,
            protocol="p",
            step="s",
        )
    ),
    "receipt": msgspec.json.encode(Receipt(command_id="c", device="panel-1", at_ms=5, outcome="done")),
    "request": msgspec.json.encode(
        RequestState(
            id="q1",
            authority_kind=AuthorityKind.PROSECUTOR,
            authority="Fiscalía Regional 2",
            state=RequestStatus.DELIVERED,
            version=7,
            received_ms=1,
            held_ms=2,
            items_asked=3,
            answer=Answer.PARTIAL,
        )
    ),
    "ledger": msgspec.json.encode(
        copy_of(
            seq=7, previous="a" * 64, hashed="b" * 64, entry=canonical({"act": "alert.read", "actor": "p-1"})
        )
    ),
    "item": msgspec.json.encode(EventItem(id="i", area=DEFAULT_AREA, at_ms=6, event=PRESS)),
}


def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schemas.schema(name), format_checker=jsonschema.FormatChecker())


def test_every_wire_form_has_a_sample_here() -> None:
    assert set(SAMPLES) == set(schemas.WIRE_FORMS)


@pytest.mark.parametrize("name", schemas.WIRE_FORMS)
def test_what_we_write_is_valid_by_our_own_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schemas.schema(name))
    tree = json.loads(SAMPLES[name])
    validator(name).validate(tree)
    for member in [*tree]:
        spoiled = {**tree, member: {"neither": "this nor that"}}
        if member not in {"data", "scope"}:  # open to unknown members, all of their own are optional
            assert not validator(name).is_valid(spoiled), f"{member} of the wrong type must not pass"


@pytest.mark.parametrize("name", schemas.WIRE_FORMS)
def test_law_12_no_schema_closes_an_object(name: str) -> None:
    assert '"additionalProperties": false' not in json.dumps(schemas.schema(name))
    validator(name).validate({**json.loads(SAMPLES[name]), "from_version_2": [1]})


def test_a_foreign_event_that_we_can_decode_is_valid_and_one_without_time_is_not() -> None:
    foreign = {
        "specversion": "1.0",
        "id": "1",
        "source": "urn:x",
        "type": "ar.cior.panic.app.v1",
        "subject": "app-1",
        "time": "2026-11-22T01:02:03Z",
    }
    validator("event").validate(foreign)
    assert cloudevents.decode(json.dumps(foreign).encode()).type == "panic.app"
    assert not validator("event").is_valid({key: value for key, value in foreign.items() if key != "time"})
    assert not validator("event").is_valid({**foreign, "type": "com.example.x"})


# --- version 1 only grows -----------------------------------------------------------------------------------


def test_the_code_still_speaks_version_1_as_it_was_frozen() -> None:
    assert {path.name for path in GENERATE.BASELINE.glob("*.json")} == {
        f"{name}.v1.json" for name in schemas.WIRE_FORMS
    }
    assert GENERATE.broken_baseline() == {}


def planted(change: Callable[[Schema], object], name: str = "alert") -> list[tuple[str, str]]:
    """The breaches found when ``change`` is done to the schema of today."""
    new = copy.deepcopy(schemas.schema(name))
    change(new)
    return [(breach.path, breach.change) for breach in schemas.breaches(schemas.schema(name), new)]


def fields(tree: Schema, definition: str = "Alert") -> Schema:
    found: Schema = tree["$defs"][definition]["properties"]
    return found


PLANTED: dict[str, tuple[Callable[[Schema], object], list[tuple[str, str]]]] = {
    "nothing": (lambda tree: tree, []),
    "an optional field added": (
        lambda tree: fields(tree).update(colour={"type": "string", "default": ""}),
        [],
    ),
    "a definition added": (lambda tree: tree["$defs"].update(Colour={"enum": ["red"]}), []),
    "a better description": (lambda tree: tree["$defs"]["Alert"].update(description="Better."), []),
    "a field removed": (lambda tree: fields(tree).pop("assignee"), [("Alert.assignee", "field removed")]),
    "a field renamed": (
        lambda tree: fields(tree).update(owner=fields(tree).pop("assignee")),
        [("Alert.assignee", "field removed")],
    ),
    "a field retyped": (
        lambda tree: fields(tree).update(score={"type": "string"}),
        [("Alert.score", "type changed")],
    ),
    "a required field added": (
        lambda tree: (
            fields(tree).update(colour={"type": "string"}),
            tree["$defs"]["Alert"]["required"].append("colour"),
        ),
        [("Alert.colour", "required field added")],
    ),
    "an optional field made required": (
        lambda tree: tree["$defs"]["Alert"]["required"].append("assignee"),
        [("Alert.assignee", "field became required")],
    ),
    "a required field made optional": (
        lambda tree: tree["$defs"]["Alert"]["required"].remove("score"),
        [("Alert.score", "field became optional")],
    ),
    "a default changed": (
        lambda tree: fields(tree)["drill"].update(default=True),
        [("Alert.drill", "default changed")],
    ),
    "a value added to an enumeration": (
        lambda tree: tree["$defs"]["Level"]["enum"].append("P6"),
        [("Level", "values changed")],
    ),
    "a value taken from an enumeration": (
        lambda tree: tree["$defs"]["Phase"]["enum"].remove("still"),
        [("Phase", "values changed")],
    ),
    "a nested field removed": (
        lambda tree: fields(tree, "Place").pop("accuracy_m"),
        [("Place.accuracy_m", "field removed")],
    ),
    "a definition removed": (
        lambda tree: tree["$defs"].pop("Suppression"),
        [("Suppression", "definition removed")],
    ),
    "another root": (lambda tree: tree.update({"$ref": "#/$defs/Member"}), [("", "type changed")]),
}


@pytest.mark.parametrize("case", PLANTED)
def test_each_planted_change_is_judged(case: str) -> None:
    change, expected = PLANTED[case]
    assert planted(change) == expected


def test_the_kinds_of_acts_may_grow_and_lose_none() -> None:
    def kinds(tree: Schema) -> list[str]:
        found: list[str] = tree["$defs"]["ActionKind"]["enum"]
        return found

    assert planted(lambda tree: kinds(tree).append("whistle"), "action") == []
    assert planted(lambda tree: kinds(tree).remove("note"), "action") == [("ActionKind", "values changed")]


def test_an_item_may_get_a_new_member_of_the_union_but_not_lose_one() -> None:
    assert planted(lambda tree: tree["anyOf"].append({"$ref": "#/$defs/NewItem"}), "item") == []
    assert planted(lambda tree: tree["anyOf"].pop(), "item") == [("", "type changed")]


def test_freezing_a_breaking_change_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = schemas.schema("receipt")
    fields(old, "Receipt")["signature"] = {"type": "string"}
    (tmp_path / "receipt.v1.json").write_text(json.dumps(old))
    monkeypatch.setattr(GENERATE, "BASELINE", tmp_path)
    assert GENERATE.main(["--freeze"]) == 1
    assert "receipt: Receipt.signature: field removed" in capsys.readouterr().out
    assert json.loads((tmp_path / "receipt.v1.json").read_text()) == old


# --- AsyncAPI -----------------------------------------------------------------------------------------------


def references(tree: object) -> list[str]:
    match tree:
        case {"$ref": str(found)}:
            return [found]
        case dict():
            return [found for value in tree.values() for found in references(value)]
        case list():
            return [found for value in tree for found in references(value)]
        case _:
            return []


def test_the_asyncapi_document_describes_every_topic_and_every_reference_leads_somewhere() -> None:
    document = json.loads((ROOT / "docs" / "schemas" / "asyncapi.json").read_text())
    assert document["asyncapi"] == "3.0.0"
    assert {channel["address"] for channel in document["channels"].values()} == {
        topic.name for topic in CATALOGUE
    }
    found = references(document)
    assert len(found) > 2 * len(CATALOGUE)
    for reference in found:
        if reference.startswith("#/"):
            node = document
            for part in reference.removeprefix("#/").split("/"):
                node = node[part]
        else:
            assert (ROOT / "docs" / "schemas" / reference).is_file(), reference
    alerts = document["channels"]["cior_alerts_v1"]["bindings"]["kafka"]["topicConfiguration"]
    assert alerts["cleanup.policy"] == ["compact"]
    assert "retention.ms" not in alerts


# --- freshness ----------------------------------------------------------------------------------------------


def test_generated_documents_are_fresh() -> None:
    assert GENERATE.stale() == [], "run: make docs"


def test_a_stale_document_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = ROOT / "docs" / "taxonomy.md"
    fresh = GENERATE.files()
    monkeypatch.setattr(GENERATE, "files", lambda: {**fresh, path: fresh[path] + "x"})
    assert GENERATE.main(["--check"]) == 1
    assert "docs/taxonomy.md" in capsys.readouterr().out
