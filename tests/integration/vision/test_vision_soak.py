"""Cameras that are killed, hang, freeze, are covered, turned and damaged, whose time runs wrong and over which night
falls, on real sockets: each fault is named and over within a minute, nothing else is said, nobody is rung, no camera
starves another, and memory is kept.

The short form plays six cameras at three times the speed of time; the long one (``make long``) twelve for an hour, or
for ``CIOR_SOAK_S`` seconds. ``benchmarks/bench_vision_soak.py`` plays the same and writes the page.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.model import Event, Phase
from cior_core.rules import RulePack
from cior_core.scenario import Signal, make_event
from cior_vision.events import source_of
from engines.faulty_cameras import Tempo
from engines.long_runs import LONG, TIMEOUT_S
from integration.vision.soak_judge import judged, levels, memory, report, strange
from integration.vision.soak_plan import Fault, Late, Line, Sample, name_of, overlapping, planned
from integration.vision.soaking import Rig
from unit.correlate.conftest import pack

__all__ = ["pack"]

SHORT_SPEED = 3.0


@pytest.mark.alone
@pytest.mark.long
@pytest.mark.timeout(TIMEOUT_S if LONG else 240)
def test_each_fault_is_named_and_over_within_a_minute_and_nothing_else_is_said(
    tmp_path: Path, pack: RulePack
) -> None:
    lasts_s = float(os.environ["CIOR_SOAK_S"]) if LONG and "CIOR_SOAK_S" in os.environ else None
    plan, faults = planned("hour" if LONG else "short", lasts_s=lasts_s)
    rig = Rig(plan, faults, tmp_path, tempo=Tempo(time.time(), 1.0 if LONG else SHORT_SPEED))
    asyncio.run(rig.run(early=not LONG))
    found = report(tmp_path, pack)
    assert found.faults == [], found.table()
    assert {each.fault.kind for each in found.named} == {each.kind for each in plan.fault}


@pytest.mark.parametrize("name", ["short", "hour"])
def test_two_faults_of_one_camera_are_a_minute_apart_and_each_kind_is_in_the_hour(name: str) -> None:
    plan, faults = planned(name)
    assert overlapping(faults) == []
    assert max(each.ends_s for each in faults) <= plan.lasts_s
    if name == "hour":
        assert (plan.cameras, plan.lasts_s) == (12, 3600.0)
        met = {each.camera for each in faults if each.kind not in {"fast", "slow"}} - {None}
        assert met == set(range(12))


# --- the judge ------------------------------------------------------------------------------------------------------

ZERO_S = 1_000.0
[COVERED] = [each for each in planned("short")[1] if each.kind == "covered"]


def said(code: str, at_s: float, phase: Phase, *, camera: int | None = None) -> Line:
    event = make_event(Signal(at_s=at_s, event=code, source="x"))
    event = msgspec.structs.replace(
        event, source=source_of(name_of(COVERED.camera or 0 if camera is None else camera)), phase=phase
    )
    return Line(at_s=ZERO_S + at_s, kind=Kind.EVENT, record=msgspec.Raw(codec.encode(event)))


def verdict(lines: Sequence[Line], faults: Sequence[Fault] = (COVERED,)) -> tuple[bool, list[str]]:
    [one] = judged(lines, faults, ZERO_S)
    return one.is_right, strange(lines, faults, ZERO_S)


def test_a_fault_is_right_when_its_own_camera_tells_it_and_its_end_within_a_minute() -> None:
    new, over = said("camera.obstructed", 10, Phase.NEW), said("camera.obstructed", 20, Phase.RESTORE)
    assert verdict([new, over]) == (True, [])
    assert verdict([new])[0] is False, "it is not over"
    late = said("camera.obstructed", COVERED.at_s + 61, Phase.NEW)
    assert verdict([late, said("camera.obstructed", 80, Phase.RESTORE)])[0] is False
    other = [
        said("camera.obstructed", at_s, phase, camera=0)
        for at_s, phase in ((10, Phase.NEW), (20, Phase.RESTORE))
    ]
    right, odd = verdict(other)
    assert right is False
    assert odd == ["camera-00 at 10 s: camera.obstructed"]


def test_another_condition_of_that_camera_or_one_before_its_time_has_no_reason() -> None:
    assert verdict([said("camera.frozen", 10, Phase.NEW)])[1] == ["camera-01 at 10 s: camera.frozen"]
    assert verdict([said("camera.obstructed", 1, Phase.NEW)])[1] == ["camera-01 at 1 s: camera.obstructed"]


def test_a_signal_that_this_machine_did_not_send_was_lost_and_no_other_condition_is_excused() -> None:
    late = [Late(camera="camera-00", at_s=ZERO_S + 12, by_s=8.0)]
    lost, frozen = (said(code, 10, Phase.NEW, camera=0) for code in ("camera.signal_loss", "camera.frozen"))
    assert strange([lost, frozen], (), ZERO_S, late=late) == ["camera-00 at 10 s: camera.frozen"]
    assert len(strange([said("camera.signal_loss", 10, Phase.NEW, camera=1)], (), ZERO_S, late=late)) == 1


def test_an_alert_that_rings_is_seen(pack: RulePack) -> None:
    press: Event = make_event(Signal(at_s=1, event="panic.stop", source="stop-9"))
    line = Line(at_s=ZERO_S, kind=Kind.EVENT, record=msgspec.Raw(codec.encode(press)))
    assert levels([line], pack) == {"P1": 1}


def test_memory_that_grows_is_measured_after_the_warm_up_of_the_process_that_lived_longest() -> None:
    def life(pid: int, from_s: int, to_s: int, mib_an_hour: float) -> list[Sample]:
        return [
            Sample(at_s=at_s, pid=pid, mib=200 + (at_s - from_s) * mib_an_hour / 3600, cpu_s=0)
            for at_s in range(from_s, to_s, 5)
        ]

    steady = memory([*life(1, 0, 100, 9_000), *life(2, 100, 3_600, 0)], warm_up_s=600)
    growing = memory(life(1, 0, 3_600, 100), warm_up_s=600)
    assert steady is not None
    assert growing is not None
    assert (steady.mib_an_hour, growing.mib_an_hour) == (0.0, 100.0)
    assert memory(life(1, 0, 60, 0), warm_up_s=600) is None
