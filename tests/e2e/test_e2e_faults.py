"""The three promises under fire, with every part a real process: people press, parts are killed, the broker and the
store are away for a minute.

One centre plays the whole story (the module's fixture); the tests then ask different questions of what it left
behind. Story, in order: each part is killed with SIGKILL in turn; the broker is frozen for a minute; the process that
owns the store is frozen for a minute.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from cior_console.summary import Balance, Summary
from cior_core.model import Alert
from cior_store.engine import Store
from e2e.pressing_city import Pressed, Presser
from e2e.running_centre import RunningCentre, until

AWAY_S = 60.0
KILLED = (
    "connectors-traccar",
    "connectors-dc09",
    "streams-urgent",
    "streams-bulk",
    "sink-console",
    "streams-urgent",
)

pytestmark = [
    pytest.mark.frozen,
    pytest.mark.tansu,
    pytest.mark.slow,
    pytest.mark.crash,
    pytest.mark.timeout(900),
]


class Aftermath(msgspec.Struct, kw_only=True):
    """What is left when the story is over."""

    pressed: dict[str, list[Pressed]]
    summary: Summary
    subjects: Counter[str]
    alerts: list[Alert]
    commands: list[tuple[str, str, str]]
    restarts: dict[str, int]

    @property
    def acknowledged(self) -> set[str]:
        """Subjects whose press was acknowledged to the device, in any act."""
        return {one.subject for presses in self.pressed.values() for one in presses if one.acknowledged}


def play(centre: RunningCentre) -> dict[str, list[Pressed]]:
    acts: dict[str, list[Pressed]] = {}
    with Presser(centre, first=0) as killing:
        for part in KILLED:
            time.sleep(2)
            centre.kill(part)
            time.sleep(1)
            centre.wait_ready(part)
    acts["killing"] = killing.pressed
    for number, part in ((2000, "broker"), (4000, "sink-console")):
        with Presser(centre, first=number, every_s=1.0) as presser:
            time.sleep(2)
            centre.pause(part)
            time.sleep(AWAY_S)
            centre.resume(part)
            time.sleep(2)
        acts[f"{part} away"] = presser.pressed
    return acts


def settle(centre: RunningCentre, acknowledged: int) -> Summary:
    """Until the store says the same three times in a row and holds as many events as presses were ``acknowledged``.

    The console counts since it was started, and it was killed in the first act: only later presses are in its sum.
    """
    seen: list[int] = []
    told: list[Balance | OSError] = []

    def quiet() -> bool:
        time.sleep(2)
        try:
            summary = centre.summary()
        except OSError as error:
            told.append(error)
            return False
        told.append(summary.balance)
        seen.append(summary.balance.events)
        return (
            len(seen) >= 3
            and len(set(seen[-3:])) == 1
            and summary.balance.lossless
            and summary.balance.events >= acknowledged
        )

    try:
        until(quiet, within_s=120, what="the accounts balance and stand still")
    except AssertionError as never:
        raise AssertionError(
            f"{never}; {acknowledged} were acknowledged; told at last: {told[-3:]}"
        ) from never
    return centre.summary()


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    folder = tmp_path_factory.mktemp("faults")
    with RunningCentre(folder) as centre:
        acts = play(centre)
        acknowledged = sum(
            one.acknowledged for act in ("broker away", "sink-console away") for one in acts[act]
        )
        summary = settle(centre, acknowledged)
        restarts = {name: count for name, (_state, _pid, count) in centre.stack.supervisor.status().items()}
    return read_store(folder / "data" / "store", acts, summary, restarts)


def read_store(
    path: Path, acts: dict[str, list[Pressed]], summary: Summary, restarts: dict[str, int]
) -> Aftermath:
    store = Store.open(f"chdb://{path}")
    try:
        rows = store.rows(
            "SELECT subject, uniqExact(event_id) AS n FROM ops.events WHERE startsWith(type, 'panic.') GROUP BY subject"
        )
        subjects = Counter({str(row["subject"]): int(row["n"]) for row in rows})
        bodies = store.rows("SELECT body FROM ops.alert_current FINAL")
        alerts = [msgspec.json.decode(row["body"], type=Alert) for row in bodies]
        found = store.rows("SELECT DISTINCT command_id, kind, alert_id FROM ops.commands FINAL")
        commands = [(str(row["command_id"]), str(row["kind"]), str(row["alert_id"])) for row in found]
    finally:
        store.close()
    return Aftermath(
        pressed=acts, summary=summary, subjects=subjects, alerts=alerts, commands=commands, restarts=restarts
    )


def test_every_killed_part_was_started_again(aftermath: Aftermath) -> None:
    expected = Counter(KILLED)
    assert {part: aftermath.restarts[part] for part in expected} == dict(expected)


@pytest.mark.parametrize("act", ["killing", "broker away", "sink-console away"])
def test_devices_were_answered_all_the_time(aftermath: Aftermath, act: str) -> None:
    """While the broker is away the spool takes over, while the store is away nobody upstream notices: no press goes
    unacknowledged.
    """
    presses = aftermath.pressed[act]
    assert len(presses) >= 50
    silent = [one.subject for one in presses if not one.acknowledged]
    assert silent == []


def test_law_1_no_acknowledged_press_is_lost(aftermath: Aftermath) -> None:
    assert aftermath.acknowledged - set(aftermath.subjects) == set()


def test_law_4_no_press_is_stored_twice(aftermath: Aftermath) -> None:
    assert {subject: count for subject, count in aftermath.subjects.items() if count != 1} == {}


def test_every_press_stands_in_exactly_one_alert(aftermath: Aftermath) -> None:
    where = Counter(
        member.subject
        for alert in aftermath.alerts
        if alert.merged_into is None
        for member in alert.members
        if member.type.startswith("panic.")
    )
    missing = aftermath.acknowledged - set(where)
    assert missing == set()
    assert {subject: count for subject, count in where.items() if count != 1} == {}


def test_each_neighbours_press_sounds_its_blocks_siren_once_whatever_was_killed(aftermath: Aftermath) -> None:
    sirens = Counter(alert for _command, kind, alert in aftermath.commands if kind == "siren_on")
    neighbours = [
        alert.id
        for alert in aftermath.alerts
        if alert.merged_into is None and any(member.type == "panic.community" for member in alert.members)
    ]
    assert len(neighbours) >= 5
    assert sirens == dict.fromkeys(neighbours, 1)


def test_the_accounts_balance_after_it_all(aftermath: Aftermath) -> None:
    assert aftermath.summary.balance.missing_raw == 0
    assert aftermath.summary.balance.missing_outcomes == 0
    assert aftermath.summary.balance.raw > 0
