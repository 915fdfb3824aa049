"""A rule of a camera that is mostly wrong asks for a person, once, on a real broker; nothing silences it."""

from __future__ import annotations

from pathlib import Path

from cior_bus.admin import Topics
from cior_bus.embedded.tansu import Tansu
from cior_bus.producer import Bus
from cior_bus.settings import BusSettings
from cior_core.catalogue import Kind
from cior_sink.reviewing import WINDOW_MS, RuleReviewer
from cior_store.engine import Store
from cior_store.migrate import migrate
from cior_vision.rule_settings import StoppedRule
from integration.sink.test_sink_reconciling import urgent_events
from integration.store import city
from integration.store.camera_rules import Told

NOW_MS = city.NOON_MS


def rule(name: str, **more: float) -> StoppedRule:
    return StoppedRule(id=name, zone="z", **more)  # type: ignore[arg-type]  # any field, by name


def test_a_rule_that_is_mostly_wrong_asks_for_a_review_once_and_a_new_version_starts_afresh(
    tansu: Tansu, tmp_path: Path
) -> None:
    settings = BusSettings.from_dsn(f"kafka://{tansu.bootstrap}?profile=tansu")
    Topics(settings).ensure()
    now = [NOW_MS]
    with Store.open(f"chdb://{tmp_path / 'store'}") as store, Bus(settings) as bus:
        migrate(store)
        told = Told(store, now_ms=NOW_MS)
        told.judged("cam-1", rule("wrong"), confirmed=0, false=18)
        told.judged("cam-1", rule("too-few-to-know"), confirmed=0, false=12)
        told.judged("cam-1", rule("right"), confirmed=15, false=3)
        told.judged("cam-1", rule("never-asks", review_above=0.0), confirmed=0, false=18)
        told.judged("cam-1", rule("strict", review_above=0.3), confirmed=6, false=14)
        press = city.event(77, at_ms=NOW_MS - 1000)
        told.judged("cam-1", rule("with-others"), confirmed=0, false=18, beside=press)
        told.judged("cam-1", rule("exercise"), confirmed=0, false=18, drill=True)
        reviewer = RuleReviewer(store, bus, now_ms=lambda: now[0])
        assert [(one.rule, one.judged, one.false_alarms) for one in reviewer.look()] == [
            ("strict", 20, 14),
            ("wrong", 18, 18),
        ]
        assert reviewer.look() == ()
        asked = urgent_events(settings, count=2)
        assert {event.type for event in asked} == {"supervision.camera_rule"}
        assert {(event.subject, event.attributes["rule"]) for event in asked} == {
            ("cam-1", "strict"),
            ("cam-1", "wrong"),
        }
        assert all(event.attributes["false_share_low"] > event.attributes["review_above"] for event in asked)

        # Another process, once these are stored: it says nothing again, but of a new version it does.
        for event in asked:
            told.write(Kind.EVENT, event)
        after = RuleReviewer(store, bus, now_ms=lambda: now[0])
        assert after.look() == ()
        told.judged("cam-1", rule("wrong", version=2), confirmed=0, false=18)
        assert [(one.rule, one.rule_version) for one in after.look()] == [("wrong", 2)]

        # A window later the old judgements count no more.
        now[0] += WINDOW_MS
        assert after.look() == ()
