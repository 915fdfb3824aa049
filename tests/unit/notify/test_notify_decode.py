"""What the connector says on the log: its own troubles alone, with a reason and a cure; beats of watchers."""

from __future__ import annotations

import msgspec
import pytest

from cior_connectors.builtin.notify.decode import decode
from cior_connectors.builtin.notify.watchers import Watchers
from cior_connectors.contract import Facts
from cior_connectors.kit.subject import Subject
from cior_core.errors import PayloadRejected
from cior_core.model import Event, Phase

SUBJECT = Subject("cior_connectors.builtin.notify")
NOW_MS = 1_795_305_600_000


def facts(via: str) -> Facts:
    return Facts(
        source="urn:cior:notify:avisos", details={"via": via}, received_ms=NOW_MS, context=SUBJECT.context()
    )


def said(via: str = "own", **told: object) -> Event:
    (event,) = decode(msgspec.json.encode({"at_ms": NOW_MS, **told}), facts(via)).events
    return event


def test_a_team_without_anybody_is_a_degraded_source_with_a_cure() -> None:
    event = said(type="trouble", team="police", code="duty.nobody_on_duty")
    assert (event.type, event.subject, event.phase) == ("source.degraded", "team:police", Phase.NEW)
    assert "cior duty check" in event.attributes["reason_es"]
    assert "cior duty check" in event.attributes["reason"]


def test_and_is_restored_when_somebody_is_there() -> None:
    event = said(type="trouble", team="police")
    assert (event.type, event.subject, event.phase) == ("source.restored", "team:police", Phase.RESTORE)


def test_a_lost_watcher_is_a_silent_source() -> None:
    lost, back = said(type="lost", watcher="torre"), said(type="lost", watcher="torre", is_back=True)
    assert (lost.type, back.type) == ("source.silent", "source.restored")
    assert {lost.subject, back.subject} == {"watcher:torre"}


@pytest.mark.parametrize(
    "told", [{"type": "trouble", "team": "police"}, {"type": "lost", "watcher": "torre"}]
)
def test_a_watcher_cannot_say_that_our_teams_are_in_trouble(told: dict[str, object]) -> None:
    with pytest.raises(PayloadRejected) as refused:
        said("beat", **told)
    assert refused.value.code == "notify.not_own"


def test_a_watcher_is_lost_after_three_beats_and_back_with_the_next() -> None:
    now_s, told = [100.0], list[tuple[str, bool]]()
    watchers = Watchers(
        {"torre": 10.0}, tell=lambda name, is_lost: told.append((name, is_lost)), now_s=lambda: now_s[0]
    )
    for second in range(100, 200):
        now_s[0] = float(second)
        if second < 120 or second == 180:
            watchers.heard("torre")
        watchers.look()
    assert told == [("torre", True), ("torre", False)]
