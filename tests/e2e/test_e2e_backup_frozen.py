"""A running centre is backed up while its broker hangs, and is lost; it starts again elsewhere from its backup.

Story: somebody presses, the alert stands on the wall. The broker freezes; a second person presses, the panel is
answered, the press waits in the spool. `cior backup` runs against the running centre and says that it cannot know what
was on its way. Then the machine is gone (SIGKILL of every part). The backup is restored into another home and started:
the first alert is still open, and the press that waited rings, once.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import msgspec
import pytest
from nacl.public import PrivateKey

from cior.keys import open_keys
from cior.settings import load
from cior.stack import Stack
from cior_bus import durable_file
from cior_core.model import Alert, AlertStatus
from cior_demo.roster import Actor
from cior_sink.restore_check import waiting_in
from cior_store.engine import Store
from e2e.running_centre import RunningCentre, until
from e2e.test_e2e_backup import cior

pytestmark = [
    pytest.mark.frozen,
    pytest.mark.tansu,
    pytest.mark.slow,
    pytest.mark.crash,
    pytest.mark.timeout(900),
]
FIRST, SECOND = "panel:B001", "panel:B002"


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """``alerts``: by the subjects of their members. ``waited``: raw records in the restored spool before the start."""

    backup: subprocess.CompletedProcess[str]
    restore: subprocess.CompletedProcess[str]
    verified: subprocess.CompletedProcess[str]
    waited: int
    before: dict[str, str]
    after: dict[str, str]
    alerts: Counter[str]


def pressed(wall: Any) -> int:
    """How many alerts of pressed buttons stand on a wall."""
    return sum(each["life_safety"] for each in wall["alerts"])


def stored(centre: RunningCentre) -> int:
    """Events in the store; none while it does not answer yet."""
    with contextlib.suppress(HTTPError):
        return centre.summary().balance.events
    return 0


def press(centre: RunningCentre, subject: str) -> None:
    """Answered when this returns."""
    native = subject.removeprefix("panel:")
    actor = Actor(name=native, kind="panel", native=native, subject=subject, lat=0.0, lon=0.0)

    async def go() -> None:
        panels = centre.panels()
        try:
            assert (await panels.alarm(actor, "120")).acked_ms is not None
        finally:
            await panels.close()

    asyncio.run(go())


def alerts_of(path: Path) -> list[Alert]:
    """What the store of a stopped centre has."""
    with Store.open(f"chdb://{path}") as store:
        rows = store.rows("SELECT body FROM ops.alert_current FINAL")
    return [msgspec.json.decode(row["body"], type=Alert) for row in rows]


def open_of(alerts: list[Alert]) -> dict[str, str]:
    """The open alert that a subject is a member of."""
    return {
        m.subject: str(each.id) for each in alerts if each.status is AlertStatus.OPEN for m in each.members
    }


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("frozen")
    home, made, elsewhere = folder / "centre", folder / "made", folder / "elsewhere"
    private = PrivateKey.generate()
    durable_file.create(folder / "private", base64.b64encode(bytes(private)))
    public = base64.b64encode(bytes(private.public_key)).decode()
    config, data = str(home / "centre.toml"), str(home / "data")
    with RunningCentre(home) as centre:
        press(centre, FIRST)
        until(
            lambda: pressed(centre.ask("/api/wall")) >= 1, within_s=90, what="the first alert is on the wall"
        )
        until(lambda: stored(centre) >= 1, within_s=60, what="and in the store")
        centre.pause("broker")
        press(centre, SECOND)
        backup = cior("backup", str(made), "--config", config, "--data", data, "--recipient", public)
        for name in list(centre.stack.supervisor.parts):
            os.kill(centre.pid(name), 9)
    restore = cior("restore", str(made), "--to", str(elsewhere), "--private-key", str(folder / "private"))
    waited = sum(len(each) for each in waiting_in(elsewhere / "data" / "spool").values())
    before = alerts_of(elsewhere / "data" / "store")
    new = load(elsewhere / "centre.toml", elsewhere / "data")
    centre.keys = open_keys(new.data / "keys").keys
    centre.stack = Stack(new, centre.keys)
    with centre:
        until(
            lambda: pressed(centre.ask("/api/wall")) >= 2, within_s=120, what="both alerts stand on the wall"
        )
        until(lambda: stored(centre) >= 2, within_s=60, what="and in the store")
    after = alerts_of(elsewhere / "data" / "store")
    verified = cior("verify-log", "--config", str(elsewhere / "centre.toml"))
    return Story(
        backup=backup,
        restore=restore,
        verified=verified,
        waited=waited,
        before=open_of(before),
        after=open_of(after),
        alerts=Counter(m.subject for each in after for m in each.members),
    )


def test_a_running_centre_whose_broker_hangs_is_backed_up_and_says_what_it_does_not_know(
    story: Story,
) -> None:
    assert story.backup.returncode == 1, story.backup.stdout + story.backup.stderr
    assert "copia terminada" in story.backup.stdout
    assert "ATENCIÓN: no se pudo saber si lo que estaba en camino" in story.backup.stdout


def test_law_15_the_restore_is_proven_with_what_waits_in_the_spools(story: Story) -> None:
    assert story.restore.returncode == 0, story.restore.stdout + story.restore.stderr
    assert "Todo coincide" in story.restore.stdout
    assert "esperan en las colas" in story.restore.stdout
    assert story.waited >= 1


def test_law_1_an_open_alert_is_still_there_and_the_press_that_waited_rings_once(story: Story) -> None:
    assert story.before[FIRST] == story.after[FIRST]
    assert SECOND not in story.before
    assert (story.alerts[FIRST], story.alerts[SECOND]) == (1, 1)


def test_law_15_the_log_holds_after_what_waited_was_stored(story: Story) -> None:
    assert story.verified.returncode == 0, story.verified.stdout + story.verified.stderr
