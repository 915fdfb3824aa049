"""kill -9 amid a look that an alert asked for: the worker's next start ends it, with what was seen until then."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from cior_core import codec, correlate
from cior_core.model import (
    DEFAULT_AREA,
    Alert,
    Command,
    CommandKind,
    Effect,
    Event,
    EventItem,
    IssueCommand,
    Item,
    UpsertAlert,
)
from cior_core.rules import RulePack
from cior_core.scenario import Signal, make_event
from cior_core.watching import BURST_TYPE
from cior_vision.look_journal import LookJournal
from cior_vision.synthetic import Scene, Walker, encode
from engines.process import EngineProcess
from engines.rtsp_street import Street
from integration.vision.soak_judge import heard
from integration.vision.soak_plan import lines_of
from unit.correlate.conftest import pack

__all__ = ["pack"]

SETTINGS = """[worker]
name = "plaza"
health_every_s = 1
[detector]
engine = "none"
[[camera]]
id = "plaza"
source = { backoff_s = 0.2, backoff_max_s = 1.0 }
"""
CATALOGUE = """[[camera]]
id = "plaza"
name = "Plaza"
place = {{ lat = -32.95, lon = -60.64 }}
azimuth_deg = 0.0
stream = "{url}"
"""
WITHIN_S = 60.0


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    """Somebody stands in the middle."""
    folder = tmp_path / "street"
    folder.mkdir()
    walker = Walker(path=((0.0, 0.5, 0.9), (30.0, 0.5, 0.9)))
    encode(Scene(walkers=(walker,), duration_s=6.0), folder / "street.mp4")
    with Street(folder / "street.mp4", folder / "rtsp.log") as running:
        yield running


class Centre:
    """The area's log, as far as one alert needs it."""

    def __init__(self, pack: RulePack) -> None:
        self._pack, self._states = pack, {DEFAULT_AREA: correlate.initial(DEFAULT_AREA)}
        self._count = 0
        self.alert: Alert | None = None

    def hear(self, event: Event) -> list[Effect]:
        self._count += 1
        item: Item = EventItem(
            id=f"item-{self._count}", area=DEFAULT_AREA, at_ms=time.time_ns() // 1_000_000, event=event
        )
        effects = list(correlate.play([item], self._pack, states=self._states))
        self.alert = next(
            (each.alert for each in reversed(effects) if isinstance(each, UpsertAlert)), self.alert
        )
        return effects


def pressed(centre: Centre) -> Command:
    """A press whose alert asks the camera to look."""
    press = make_event(Signal(at_s=0, event="panic.stop", source="stop-9", attributes={"in_view": ["plaza"]}))
    now_ms = time.time_ns() // 1_000_000
    effects = centre.hear(msgspec.structs.replace(press, occurred_ms=now_ms, received_ms=now_ms))
    [asked] = [
        each.command
        for each in effects
        if isinstance(each, IssueCommand) and each.command.kind is CommandKind.BURST
    ]
    return asked


def worker(folder: Path, *, command: Path | None = None) -> EngineProcess:
    """The real worker as a process of its own."""
    argv = [
        sys.executable,
        "-m",
        "integration.vision.soak_process",
        str(folder / "camaras.toml"),
        str(folder),
    ]
    argv += [repr(time.time()), "1.0", *([] if command is None else [str(command)])]
    tests = str(Path(__file__).parents[2])
    return EngineProcess(
        "looking", argv, log_path=folder / "worker.log", env=os.environ | {"PYTHONPATH": tests}
    )


def answers(folder: Path) -> list[Event]:
    return [each.event for each in heard(lines_of(folder)) if each.event.type == BURST_TYPE]


def test_a_look_of_a_killed_worker_is_ended_by_its_next_start_with_what_was_seen_until_then(
    tmp_path: Path, street: Street, pack: RulePack
) -> None:
    (tmp_path / "camaras.toml").write_text(SETTINGS)
    (tmp_path / "cameras.toml").write_text(CATALOGUE.format(url=street.url("plaza")))
    centre = Centre(pack)
    asked = pressed(centre)
    (tmp_path / "command.json").write_bytes(codec.encode(asked))
    looking = worker(tmp_path, command=tmp_path / "command.json")
    looking.start(
        lambda: any(each.attributes.get("counts") for each in answers(tmp_path)), timeout_s=WITHIN_S
    )
    looking.kill()
    before = answers(tmp_path)
    assert not any(each.attributes.get("is_last") for each in before), "the look goes on for a minute"
    again = worker(tmp_path)
    again.start(lambda: len(answers(tmp_path)) > len(before), timeout_s=WITHIN_S)
    again.stop(timeout_s=15)
    last = answers(tmp_path)[-1]
    assert (last.attributes["is_last"], last.attributes["why"]) == (True, "interrupted")
    assert last.attributes["sequence"] == before[-1].attributes["sequence"] + 1
    assert last.attributes["counts"] == before[-1].attributes["counts"]
    assert len({each.id for each in answers(tmp_path)}) == len(before) + 1
    for answer in answers(tmp_path):
        centre.hear(answer)
    assert centre.alert is not None
    [look] = [each for each in centre.alert.watchings if each.camera == "plaza"]
    assert (look.state, look.why) == ("ended", "interrupted")
    assert look.counts == {"person": 1}
    assert list(LookJournal(tmp_path / "state" / "looks").left_over()) == [], "told once"
