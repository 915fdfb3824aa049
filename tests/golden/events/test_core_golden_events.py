"""Frozen bytes: what version 1 wrote is read, and written, the same for ever."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cior_core import cloudevents
from cior_core.errors import PayloadRejected

HERE = Path(__file__).parent


def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("golden_make_events", HERE / "make_events.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GOLDEN = maker().GOLDEN


@pytest.mark.parametrize("name", GOLDEN)
def test_frozen_bytes_read_as_the_event_they_were_written_from(name: str) -> None:
    assert cloudevents.decode((HERE / "events" / f"{name}.json").read_bytes()) == GOLDEN[name]


@pytest.mark.parametrize("name", GOLDEN)
def test_the_same_event_is_still_written_with_the_same_bytes(name: str) -> None:
    assert cloudevents.encode(GOLDEN[name]) == (HERE / "events" / f"{name}.json").read_bytes()


SPEC: dict[str, dict[str, Any]] = {  # CloudEvents 1.0 JSON format, the values of its two examples
    "section_3_2_binary": {
        "specversion": "1.0",
        "type": "com.example.someevent",
        "source": "/mycontext",
        "id": "A234-1234-1234",
        "time": "2018-04-05T17:31:00Z",
        "comexampleextension1": "value",
        "comexampleothervalue": 5,
        "datacontenttype": "application/vnd.apache.thrift.binary",
        "data_base64": "AAAA",
    },
    "section_3_2_json": {
        "specversion": "1.0",
        "type": "com.example.someevent",
        "source": "/mycontext",
        "subject": None,
        "id": "C234-1234-1234",
        "time": "2018-04-05T17:31:00Z",
        "comexampleextension1": "value",
        "comexampleothervalue": 5,
        "datacontenttype": "application/json",
        "data": {"appinfoA": "abc", "appinfoB": 123, "appinfoC": True},
    },
}


@pytest.mark.parametrize(
    ("name", "code"), [("section_3_2_binary", "event.content_type"), ("section_3_2_json", "event.field")]
)
def test_a_stranger_s_event_is_refused_with_a_reason_and_read_once_it_speaks_our_type(
    name: str, code: str
) -> None:
    with pytest.raises(PayloadRejected) as refused:
        cloudevents.decode(json.dumps(SPEC[name]).encode())
    assert refused.value.code == code


def test_the_json_example_with_our_type_and_a_subject_keeps_everything_it_said() -> None:
    tree = SPEC["section_3_2_json"] | {"type": "ar.cior.call.other.v1", "subject": "desk-1"}
    event = cloudevents.decode(json.dumps(tree).encode())
    assert event.extra == {
        "comexampleextension1": "value",
        "comexampleothervalue": 5,
        "data": {"appinfoA": "abc", "appinfoB": 123, "appinfoC": True},
    }
    again = json.loads(cloudevents.encode(event))
    assert again["comexampleothervalue"] == 5
    assert again["data"]["appinfoC"] is True
    assert event.occurred_ms == event.received_ms == 1_522_949_460_000
