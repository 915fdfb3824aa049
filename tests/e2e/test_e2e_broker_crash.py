"""The embedded broker dies and comes back with nothing: the one crash in which records can be lost, so what must not
be lost is said exactly.

Story: people press all the time; the broker is killed with SIGKILL; the supervisor starts it again, empty; the
workers notice that their log is gone. A press that was acknowledged before the crash and had reached the store stays;
every press acknowledged from the crash on arrives.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from cior_core.model import Alert
from cior_store.engine import Store
from e2e.pressing_city import Presser
from e2e.running_centre import RunningCentre, now_ms, until

STORED_WITHIN_MS = 3_000
"""What was acknowledged longer before the crash than this had reached the store (measured: about 0.3 s on a quiet
machine).
"""

pytestmark = [
    pytest.mark.frozen,
    pytest.mark.tansu,
    pytest.mark.slow,
    pytest.mark.crash,
    pytest.mark.timeout(300),
]


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """``kept``: presses that must be found. ``members``: how often a subject stands in alerts."""

    kept: set[str]
    unanswered: list[str]
    stored: Counter[str]
    members: Counter[str]
    crashes: int


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("crash")
    with RunningCentre(folder) as centre:
        with Presser(centre, first=0) as presser:
            time.sleep(STORED_WITHIN_MS / 1_000 + 5)
            killed_ms = now_ms()
            centre.kill("broker")
            time.sleep(1)
            centre.wait_ready("broker")
            time.sleep(10)
        sure = [
            one.subject
            for one in presser.pressed
            if one.sent.acked_ms is not None
            and not killed_ms - STORED_WITHIN_MS < one.sent.acked_ms < killed_ms
        ]
        settle(centre, len(sure))
        crashes = centre.stack.supervisor.parts["broker"].restarts
    return read(folder / "data" / "store", sure, presser, crashes)


def settle(centre: RunningCentre, pressed: int) -> None:
    """Until the presses and their alerts are stored: five times in a row the console counts the same of both."""
    seen: list[tuple[int, int]] = []

    def quiet() -> bool:
        time.sleep(2)
        summary = centre.summary()
        seen.append((summary.balance.events, sum(level.alerts for level in summary.levels)))
        return len(set(seen[-5:])) == 1 and len(seen) >= 5 and seen[-1][0] >= pressed

    until(quiet, within_s=120, what="the presses and their alerts are stored")


def read(path: Path, sure: list[str], presser: Presser, crashes: int) -> Story:
    store = Store.open(f"chdb://{path}")
    try:
        rows = store.rows(
            "SELECT subject, uniqExact(event_id) AS n FROM ops.events WHERE startsWith(type, 'panic.') GROUP BY subject"
        )
        bodies = store.rows("SELECT body FROM ops.alert_current FINAL")
    finally:
        store.close()
    alerts = [msgspec.json.decode(row["body"], type=Alert) for row in bodies]
    members = Counter(m.subject for a in alerts if a.merged_into is None for m in a.members)
    return Story(
        kept=set(sure),
        unanswered=[one.subject for one in presser.pressed if not one.acknowledged],
        stored=Counter({str(row["subject"]): int(row["n"]) for row in rows}),
        members=members,
        crashes=crashes,
    )


def test_the_story_happened(story: Story) -> None:
    assert story.crashes == 1
    assert len(story.kept) >= 25


def test_devices_are_answered_while_the_broker_is_dead(story: Story) -> None:
    assert story.unanswered == []


def test_law_1_no_press_is_lost_that_the_dead_broker_did_not_hold_alone(story: Story) -> None:
    assert story.kept - set(story.stored) == set()


def test_presses_before_and_after_stand_in_an_alert(story: Story) -> None:
    assert story.kept - set(story.members) == set()
