"""Rows of a kind that has no mapping of its own: fields become columns by one rule."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cior_core.catalogue import KINDS, Kind
from cior_core.errors import PayloadRejected
from cior_core.model import AlertId, AreaId, Command, CommandKind, DataClass, Receipt, Struct
from cior_store.kinds import Entry, Origin
from cior_store.plain_rows import plain_row


class Meeting(Struct, frozen=True, kw_only=True):
    """One of each field."""

    id: str
    at_ms: int
    kind: CommandKind
    wait_s: float | None = None
    note: str | None = None
    until_ms: int | None = None
    who: tuple[CommandKind, ...] = ()
    where: Receipt | None = None
    facts: dict[str, Any] = msgspec.field(default_factory=dict)
    data_class: DataClass = DataClass.RESTRICTED


MEETING = msgspec.structs.replace(KINDS[Kind.COMMAND], record=Meeting)


def cells(record: Any, kind: Any = MEETING) -> dict[str, Any]:
    columns, row = plain_row(kind)
    entry = Entry(record=record, body=b"{}", origin=Origin(topic="t", partition=2, offset=3))
    return dict(zip(columns, row(entry), strict=True))


def test_fields_become_columns_and_what_has_no_column_stays_in_the_body() -> None:
    meeting = Meeting(
        id="m", at_ms=5, kind=CommandKind.TASK, who=(CommandKind.NOTIFY,), wait_s=1.5, facts={"a": {"b": 1}}
    )
    assert cells(meeting) == {
        "command_id": "m",
        "at": 5,
        "kind": "task",
        "wait_s": 1.5,
        "note": "",
        "until": None,
        "who": ["notify"],
        "data_class": "restricted",
        "body": b"{}",
        "topic": "t",
        "part": 2,
        "pos": 3,
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_a_number_that_is_none_is_stored_as_none(value: float | None) -> None:
    assert cells(Meeting(id="m", at_ms=5, kind=CommandKind.TASK, wait_s=value))["wait_s"] is None


def test_law_9_a_sealed_record_is_refused_where_no_mapping_knows_what_may_stand_there() -> None:
    with pytest.raises(PayloadRejected) as refused:
        cells(Meeting(id="m", at_ms=5, kind=CommandKind.TASK, data_class=DataClass.SEALED))
    assert refused.value.code == "store.sealed_unmapped"


def test_a_command_has_the_columns_of_its_table() -> None:
    command = Command(
        id="c",
        kind=CommandKind.SIREN_ON,
        alert_id=AlertId("a"),
        area=AreaId("city"),
        target="device:siren-1",
        issued_ms=1,
        expires_ms=2,
        protocol="panic",
        step="ring",
        parameters={"seconds": 60},
    )
    found = cells(command, KINDS[Kind.COMMAND])
    assert (found["command_id"], found["issued"], found["expires"]) == ("c", 1, 2)
    assert (found["kind"], found["target"], found["drill"]) == ("siren_on", "device:siren-1", False)
    assert "parameters" not in found
