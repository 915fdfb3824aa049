"""kill -9 of the writer between any two steps, and at any moment: nothing lost, nothing doubled, views equal to their
base.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.errors import PayloadRejected
from cior_store import rollups
from cior_store.engine import Store
from cior_store.migrate import migrate
from cior_store.sink import Sink, SinkSettings
from cior_store.writers import Writers
from engines.clickhouse_lite import ClickHouseLite
from engines.long_runs import often
from integration.store import city
from integration.store.engines_here import empty
from integration.store.sink_child import UNFIT, life

MESSAGES = 1500
DAY = datetime.fromtimestamp(city.NOON_MS / 1000, UTC).date()
STEPS = [f"{when}-{what}" for what in ("plan", "insert", "bury", "commit") for when in ("before", "after")]
TESTS = Path(__file__).resolve().parents[2]
CHILD_PATH = os.pathsep.join(part for part in (str(TESTS), os.environ.get("PYTHONPATH", "")) if part)


def wanted() -> tuple[set[str], int]:
    """Ids of the events that can be read, and how many messages cannot."""
    good: set[str] = set()
    bad = 0
    for message in life(MESSAGES):
        for part in codec.split(Kind.EVENT, message.value or b""):
            try:
                read = codec.decode(Kind.EVENT, bytes(part))
            except PayloadRejected:
                bad += 1
                continue
            if read.raw is not None and read.raw.index == UNFIT:
                bad += 1
            else:
                good.add(read.id)
    return good, bad


class Life:
    """The partition's consumer over many lives."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.dsn, self.commit, self.buried = dsn, folder / "committed", folder / "buried"
        self.lives = self.killed = 0

    def live(self, *, step: str = "", passes: int = 0, kill_after_s: float | None = None) -> bool:
        """One life; True when it reached the end of the partition."""
        self.lives += 1
        argv = [
            sys.executable,
            str(TESTS / "integration/store/sink_child.py"),
            self.dsn,
            str(self.commit),
            str(self.buried),
            str(MESSAGES),
            str(self.lives),
        ]
        child = subprocess.Popen(
            [*argv, step, str(passes)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": CHILD_PATH},
        )
        if kill_after_s is not None:
            assert child.stdout is not None
            while "READY" not in (line := child.stdout.readline()):
                assert line, (child.communicate()[1] or "")[-800:]
            time.sleep(kill_after_s)
            child.kill()
        _, err = child.communicate(timeout=90)
        assert child.returncode in {0, -9}, err[-1500:]
        self.killed += child.returncode == -9
        return child.returncode == 0


def assert_balanced(store: Store, buried: Path) -> None:
    good, bad = wanted()
    plain, final, unique = (
        store.rows("SELECT count() AS n FROM ops.events")[0]["n"],
        store.value("SELECT count() FROM ops.events FINAL"),
        store.value("SELECT uniqExact(event_id) FROM ops.events"),
    )
    assert (final, unique) == (len(good), len(good)), "lost or doubled"
    assert plain == len(good), "a doubled row that only merging hides"
    stored = {str(row["event_id"]) for row in store.rows("SELECT event_id FROM ops.events FINAL")}
    assert stored == good
    assert rollups.check(store, DAY) == (), "a view drifted from its base"
    assert len(set(buried.read_text().split())) == bad


@pytest.mark.crash
@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("where", ["chdb", "lite"])
def test_law_4_a_writer_killed_between_any_two_steps_loses_and_doubles_nothing(
    where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    for seed in range(7, 7 + often(1, long=25)):
        folder = tmp_path / str(seed)
        folder.mkdir()
        dsn = f"chdb://{folder / 'db'}" if where == "chdb" else _clean(request.getfixturevalue("lite"))
        _kill_at_every_step(dsn, folder, seed)


def _kill_at_every_step(dsn: str, folder: Path, seed: int) -> None:
    consumer, dice = Life(dsn, folder), random.Random(seed)
    for step in STEPS:
        assert not consumer.live(step=step, passes=dice.randint(0, 4)), f"the partition ended before {step}"
    for _ in range(3):
        consumer.live(kill_after_s=dice.uniform(0.01, 0.12))
    assert consumer.killed >= len(STEPS)
    assert consumer.live()
    if not dsn.startswith("chdb:"):
        with Store.open(dsn) as store:
            assert_balanced(store, consumer.buried)
    else:
        _judge_embedded(dsn, consumer.buried)


def _judge_embedded(dsn: str, buried: Path) -> None:
    """In a process of its own: this one may have another chDB path open."""
    code = (
        "import sys; from pathlib import Path; from cior_store.engine import Store; from "
        "integration.store.test_store_crash import assert_balanced\nwith Store.open(sys.argv[1]) as s: "
        "assert_balanced(s, Path(sys.argv[2]))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, dsn, str(buried)],
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
        env={**os.environ, "PYTHONPATH": CHILD_PATH},
    )
    assert ran.returncode == 0, ran.stdout[-500:] + ran.stderr[-1500:]


def _clean(lite: ClickHouseLite) -> str:
    with Store.open(lite.start().dsn()) as store:
        migrate(store)
        empty(store)
    return lite.dsn()


@pytest.mark.crash
@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_server_killed_under_the_writer_loses_and_doubles_nothing(
    lite: ClickHouseLite, tmp_path: Path
) -> None:
    dsn = _clean(lite)
    buried: list[str] = []
    log, dice = life(MESSAGES), random.Random(3)
    with Store.open(dsn) as store:
        sink = Sink(Writers(store), on_dead=lambda letter: buried.append(letter.id),
                    settings=SinkSettings(max_messages=60, backoff_s=0.05, backoff_limit_s=0.2))  # fmt: skip
        ended = threading.Event()

        def tormentor() -> None:
            for _ in range(4):
                if ended.wait(dice.uniform(0.15, 0.4)):
                    return
                lite.kill()
                lite.start()

        thread = threading.Thread(target=tormentor)
        thread.start()
        position, count = 0, 0
        while position < len(log):
            batch = log[position : position + 40]
            written = sink.write_batch("cior.events.urgent.v1", 3, batch)
            assert written.next_offset == batch[-1].offset + 1
            position = written.next_offset
            count += written.records
        ended.set()
        thread.join()
        lite.start()
        file = tmp_path / "buried"
        file.write_text("\n".join(buried))
        assert_balanced(store, file)


@pytest.mark.frozen
@pytest.mark.crash
@pytest.mark.slow
@pytest.mark.timeout(150)
def test_the_store_is_away_for_sixty_seconds_and_nothing_is_lost(lite: ClickHouseLite) -> None:
    dsn = _clean(lite)
    with Store.open(dsn) as store:
        sink = Sink(Writers(store), on_dead=lambda _: None)
        assert (
            sink.write_batch(
                "cior.events.urgent.v1",
                0,
                city.messages("cior.events.urgent.v1", [city.event(n) for n in range(100)]),
            ).next_offset
            == 100
        )
        lite.stop()
        back = threading.Timer(60.0, lite.start)
        started = time.monotonic()
        back.start()
        written = sink.write_batch(
            "cior.events.urgent.v1",
            0,
            city.messages("cior.events.urgent.v1", [city.event(n) for n in range(100, 300)], first=100),
        )
        waited_s = time.monotonic() - started
        back.join()
        assert written.next_offset == 300
        assert 60.0 <= waited_s < 75.0
        assert store.value("SELECT count() FROM ops.events") == 300
        assert rollups.check(store, DAY) == ()
