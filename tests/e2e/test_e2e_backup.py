"""A running centre is backed up while its broker hangs, and is lost; it starts again elsewhere from its backup.

Story: somebody presses, the alert stands on the wall. The broker freezes; a second person presses, the panel is
answered, the press waits in the spool. `cior backup` runs against the running centre and says that it cannot know what
was on its way. Then the machine is gone (SIGKILL of every part). The backup is restored into another home and started:
the first alert is still open, and the press that waited rings, once.
"""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import sys
from collections import Counter
from typing import Any
from urllib.request import Request, urlopen

import msgspec
import pytest
from nacl.public import PrivateKey

from cior.keys import open_keys
from cior.settings import load
from cior.stack import Stack
from cior_bus.spool import Spool, SpoolClass
from cior_core.model import Alert
from cior_demo.roster import Actor
from cior_store.engine import Store
from e2e.running_centre import RunningCentre, until

pytestmark = [
    pytest.mark.frozen,
    pytest.mark.tansu,
    pytest.mark.slow,
    pytest.mark.crash,
    pytest.mark.timeout(600),
]
FIRST, SECOND = "panel:B001", "panel:B002"


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """``alerts``: by the subjects of their members. ``waited``: presses in the restored spool before the start."""

    backup: subprocess.CompletedProcess[str]
    restore: subprocess.CompletedProcess[str]
    waited: int
    alerts: Counter[str]
    open_before: set[str]
    open_after: set[str]


def panics(wall: Any) -> int:
    """How many alerts of pressed buttons stand on a wall."""
    return sum("Panic alarm" in each["name_en"] for each in wall["alerts"])


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


def cior(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cior", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
        stdin=subprocess.DEVNULL,
    )


def open_alerts(stack: Stack) -> dict[str, str]:
    """Id of the open alert by the subject that it is of, as the store of a stopped centre has it."""
    with Store.open(stack.addresses.store_dsn) as store:
        rows = store.rows("SELECT body FROM ops.alert_current FINAL")
    alerts = [msgspec.json.decode(row["body"], type=Alert) for row in rows]
    return {member.subject: str(each.id) for each in alerts for member in each.members}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("backup")
    home, made, elsewhere = folder / "centre", folder / "made", folder / "elsewhere"
    private = PrivateKey.generate()
    (folder / "private").write_bytes(base64.b64encode(bytes(private)))
    public = base64.b64encode(bytes(private.public_key)).decode()
    config, data = str(home / "centre.toml"), str(home / "data")
    with RunningCentre(home) as centre:
        press(centre, FIRST)
        until(
            lambda: FIRST in str(centre.ask("/api/wall")), within_s=60, what="the first alert is on the wall"
        )
        centre.pause("broker")
        press(centre, SECOND)
        backup = cior("backup", str(made), "--config", config, "--data", data, "--recipient", public)
        for name in list(centre.stack.supervisor.parts):
            os.kill(centre.pid(name), 9)
    restore = cior("restore", str(made), "--to", str(elsewhere), "--private-key", str(folder / "private"))
    spool = Spool.open(elsewhere / "data" / "spool" / "dc09")
    waited = sum(len(each.entries) for each in spool.read(SpoolClass.LIFE_SAFETY))
    waited += sum(len(each.entries) for each in spool.read(SpoolClass.UNPROVEN))
    spool.close()
    new = load(elsewhere / "centre.toml")
    stack = Stack(new, open_keys(new.data / "keys").keys)
    before = open_alerts(stack)
    return Story(
        backup=backup,
        restore=restore,
        waited=waited,
        alerts=started(stack),
        open_before=set(before.values()),
        open_after=set(open_alerts(stack).values()),
    )


def started(stack: Stack) -> Counter[str]:
    """The restored centre runs until the press that waited is stored; how many alerts each person has."""
    try:
        stack.start()
        request = Request(
            stack.wall_address + "api/wall", headers={"Authorization": f"Bearer {stack.keys.wall_token}"}
        )

        def said() -> Any:
            with urlopen(request, timeout=10) as answer:
                return msgspec.json.decode(answer.read())

        until(lambda: panics(said()) >= 2, within_s=90, what="both alerts stand on the wall")
    finally:
        stack.stop()
    with Store.open(stack.addresses.store_dsn) as store:
        rows = store.rows("SELECT body FROM ops.alert_current FINAL")
    alerts = [msgspec.json.decode(row["body"], type=Alert) for row in rows]
    return Counter(member.subject for each in alerts for member in each.members)


def test_a_running_centre_whose_broker_hangs_is_backed_up_and_says_what_it_does_not_know(
    story: Story,
) -> None:
    assert story.backup.returncode == 1, story.backup.stdout + story.backup.stderr
    assert "copia terminada" in story.backup.stdout
    assert "ATENCIÓN: no se pudo saber si lo que estaba en camino" in story.backup.stdout


def test_the_restore_is_whole_and_proven(story: Story) -> None:
    assert story.restore.returncode == 0, story.restore.stdout + story.restore.stderr
    assert "Todo coincide" in story.restore.stdout
    assert story.waited >= 1


def test_law_1_an_open_alert_is_still_there_and_the_press_that_waited_rings_once(story: Story) -> None:
    assert story.open_before <= story.open_after
    assert (story.alerts[FIRST], story.alerts[SECOND]) == (1, 1)
