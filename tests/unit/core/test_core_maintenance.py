"""Silences for maintenance: with a name, a reason and an end, and never over a life at risk."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from cior_core import maintenance
from cior_core.maintenance import Silence
from cior_core.strict_toml import ConfigFault

ZONE = ZoneInfo("America/Argentina/Cordoba")
TEXT = """
[[silence]]
target = "device:panel-7"
by = "ana"
reason = "cambio de batería"
starts = 2026-11-27T08:00:00
ends = 2026-11-27T12:00:00
"""


def covering(at: str, *, life_safety: bool = False, name: str = "device:panel-7") -> Silence | None:
    return maintenance.silence_of(
        maintenance.load(TEXT),
        names=frozenset({name}),
        life_safety=life_safety,
        at=datetime.fromisoformat(at).replace(tzinfo=ZONE),
        zone=ZONE,
    )


def test_it_lasts_from_its_start_to_its_end_and_covers_what_it_names() -> None:
    assert covering("2026-11-27T07:59:59") is None
    assert covering("2026-11-27T08:00:00") is not None
    assert covering("2026-11-27T12:00:00") is None
    assert covering("2026-11-27T09:00:00", name="device:panel-8") is None


def test_law_2_no_silence_covers_a_life_at_risk() -> None:
    assert covering("2026-11-27T09:00:00") is not None
    assert covering("2026-11-27T09:00:00", life_safety=True) is None


def test_what_lasts_now_is_shown() -> None:
    at = datetime(2026, 11, 27, 9, tzinfo=ZONE)
    assert [each.target for each in maintenance.active(maintenance.load(TEXT), at, ZONE)] == [
        "device:panel-7"
    ]


@pytest.mark.parametrize(
    ("wrong", "right", "code"),
    [
        ("device:panel-7", "team:police", "silence.target"),
        ("device:panel-7", "panel-7", "silence.target"),
        ("ends = 2026-11-27T12:00:00", "ends = 2026-11-27T08:00:00", "silence.span"),
        ("ends = 2026-11-27T12:00:00", "ends = 2027-11-27T12:00:00", "silence.span"),
        ('by = "ana"', 'by = "  "', "config.wrong_value"),
        ('reason = "cambio de batería"\n', "", "config.missing_key"),
    ],
)
def test_without_name_reason_or_end_nothing_is_silenced(wrong: str, right: str, code: str) -> None:
    with pytest.raises(ConfigFault) as told:
        maintenance.load(TEXT.replace(wrong, right))
    assert told.value.code == code
