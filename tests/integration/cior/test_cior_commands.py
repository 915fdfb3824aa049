"""The command line against real things: doctor, lint, topics on a broker, a recorded log replayed elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from cior.cli import main
from cior_bus import topics
from cior_bus.admin import Topics
from cior_bus.embedded.tansu import Tansu
from cior_bus.message import MessageOut
from cior_bus.producer import Bus
from cior_bus.recording import record_log
from cior_bus.settings import BusSettings
from cior_city import packs
from cior_core import codec, identity
from cior_core.model import (
    AreaId,
    DataClass,
    Event,
    EventId,
    EventItem,
    Item,
    Lane,
    Place,
    PlaceMethod,
    TickItem,
    TypeCode,
)
from cior_demo import asked_by_court, roster, world
from cior_demo.court import Court
from cior_demo.town import drawn_town
from cior_sink.reconciling import gap_event
from cior_store.reconcile import Gap

AREA = AreaId("city")
START_MS = 1_795_000_000_000


def press(number: int) -> Event:
    place = Place(
        method=PlaceMethod.GPS, lat=-32.95 + number * 0.0001, lon=-60.65, accuracy_m=10.0, district="centro"
    )
    return Event(
        id=EventId(f"press-{number}"),
        source="urn:test",
        type=TypeCode("panic.bus"),
        subject=f"bus-{number % 3}",
        occurred_ms=START_MS + number * 700,
        received_ms=START_MS + number * 700,
        place=place,
        life_safety=True,
        lane=Lane.URGENT,
        data_class=DataClass.RESTRICTED,
        registered=True,
    )


def log() -> list[Item]:
    items: list[Item] = []
    for number in range(30):
        at_ms = START_MS + number * 700
        items.append(
            EventItem(
                id=identity.item_id("event", AREA, f"press-{number}"),
                area=AREA,
                at_ms=at_ms,
                event=press(number),
            )
        )
        items.append(
            TickItem(id=identity.item_id("tick", AREA, str(at_ms + 300)), area=AREA, at_ms=at_ms + 300)
        )
    return items


def run(*arguments: str, seed: str = "0", cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    return subprocess.run(
        [sys.executable, "-m", "cior", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_law_5_a_recorded_log_replays_byte_for_byte_in_any_process(tmp_path: Path) -> None:
    path = tmp_path / "log.ndjson"
    path.write_bytes(b"".join(msgspec.json.encode(item) + b"\n" for item in log()))
    outputs = []
    for seed in ("1", "2", "31337"):
        out = tmp_path / f"{seed}.ndjson"
        done = run("replay", str(path), "--out", str(out), seed=seed, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "alerts" in done.stdout
        outputs.append(out.read_bytes())
    assert len(outputs[0]) > 1000
    assert outputs[0] == outputs[1] == outputs[2]


def test_a_broken_line_of_a_log_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.ndjson"
    path.write_bytes(msgspec.json.encode(log()[0]) + b"\nnot json\n")
    done = run("replay", str(path), cwd=tmp_path)
    assert done.returncode == 1
    assert "replay.line" in done.stderr
    assert "log.ndjson:2" in done.stderr


def test_what_was_recorded_from_a_broker_is_what_was_sequenced(tansu: Tansu, tmp_path: Path) -> None:
    settings = BusSettings.from_dsn(f"kafka://{tansu.bootstrap}?profile=tansu")
    Topics(settings).ensure()
    items = log()
    with Bus(settings) as bus:
        values = [codec.join([codec.encode(item) for item in items[:2]]), *map(codec.encode, items[2:])]
        bus.publish_sync(
            [MessageOut(topic=topics.AREA.name, key=AREA.encode(), value=value) for value in values]
        )
    out = tmp_path / "recorded.ndjson"
    assert record_log(settings.dsn, out, quiet_s=2.0) == len(items)
    assert [msgspec.json.decode(line, type=Item) for line in out.read_bytes().splitlines()] == items


def test_topics_are_shown_made_and_shown_again(tansu: Tansu) -> None:
    dsn = f"kafka://{tansu.bootstrap}?profile=tansu"
    missing = CliRunner().invoke(main, ["topics", "--bus", dsn])
    assert missing.exit_code == 1
    assert "missing" in missing.output
    assert "cure" in missing.output
    assert CliRunner().invoke(main, ["topics", "--bus", dsn, "--create"]).exit_code == 0
    assert CliRunner().invoke(main, ["topics", "--bus", dsn]).exit_code == 0


def test_doctor_finds_this_machine_fit() -> None:
    import faust

    # Its module object replaces itself and loses its spec: the doctor must not stumble over that.
    assert faust.App is not None
    done = CliRunner().invoke(main, ["doctor"])
    assert done.exit_code == 0, done.output
    assert "taxonomy of" in done.output


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    town = drawn_town()
    world.write_world(tmp_path, roster=roster.build(town.city, seed=1), town=town, model=None)
    return tmp_path / "centre.toml"


def test_lint_passes_the_simulated_centre_and_names_each_fault_of_a_broken_one(centre: Path) -> None:
    with Court(centre.parent / asked_by_court.FOLDER, at=datetime.now(UTC)).open():
        assert CliRunner().invoke(main, ["config", "lint", str(centre)]).exit_code == 0
    panels = centre.with_name("panels.toml")
    panels.write_text(panels.read_text().replace("port =", "prot ="))
    registry = centre.with_name("registry.toml")
    registry.write_text(registry.read_text().replace('method = "site"', 'method = "gues"', 1))
    done = CliRunner().invoke(main, ["config", "lint", str(centre)])
    assert done.exit_code == 2
    faults = [line for line in done.output.splitlines() if line.startswith("FAIL")]
    assert any("unknown key 'prot'" in line and "panels.toml:5" in line for line in faults)
    assert any("registry.toml:" in line for line in faults)


def test_the_simulated_world_is_files_that_a_real_centre_would_have(centre: Path) -> None:
    names = {path.name for path in centre.parent.iterdir()}
    assert names == {
        "centre.toml",
        "recorder.toml",
        "registry.toml",
        "cameras.toml",
        "panels.toml",
        "vehicles.toml",
        "calls.toml",
        "camera.toml",
        "cad-inbox",
    }


def test_two_instances_on_one_port_are_refused_before_anything_starts(centre: Path) -> None:
    panels = centre.with_name("panels.toml")
    centre.with_name("panels2.toml").write_text(
        panels.read_text().replace('name = "panels"', 'name = "panels2"')
    )
    centre.write_text(centre.read_text() + '\n[[connector]]\nfile = "panels2.toml"\n')
    done = CliRunner().invoke(main, ["config", "lint", str(centre)])
    assert done.exit_code == 2
    assert "connector.conflict" in done.output


def test_a_gap_found_twice_is_one_event_and_a_grown_gap_another() -> None:
    gap = Gap(
        minute_ms=START_MS, connector="dc09", instance="panels", missing_raw=2, missing_outcomes=0, accepted=9
    )
    grown = msgspec.structs.replace(gap, missing_raw=3)
    one, again, other = (gap_event(each, now_ms=now) for each, now in ((gap, 1), (gap, 2), (grown, 2)))
    assert one.id == again.id != other.id
    assert packs.taxonomy()[one.type].lane is Lane.URGENT


@pytest.mark.parametrize(
    ("connectors", "code", "named"),
    [
        ("", "registry.missing: ", "registry.toml"),
        ('[[connector]]\nfile = "x.toml"\n', "connector.unknown: ", "zeppelin"),
    ],
)
def test_up_without_a_registry_or_with_a_stranger_says_so_in_one_line_and_starts_nothing(
    tmp_path: Path, connectors: str, code: str, named: str
) -> None:
    """Seen before: the part that reads it started, died and was started again, and the reason was in its log alone."""
    centre = tmp_path / "centre.toml"
    centre.write_text(f'[centre]\nname = "x"\n{connectors}')
    if connectors:
        (tmp_path / "registry.toml").write_text("")
        (tmp_path / "x.toml").write_text('kind = "zeppelin"\nname = "x"\n[config]\n')
    told = CliRunner().invoke(main, ["up", "--config", str(centre)])
    assert told.exit_code == 2
    (line,) = told.output.strip().splitlines()
    assert line.startswith(code)
    assert named in line
    assert " — " in line, "no cure"
    assert not (tmp_path / "data").exists()
