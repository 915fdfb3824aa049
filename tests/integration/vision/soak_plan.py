"""What a soak is: its schedule (``soak.toml``), and what a run of it leaves in its folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from cior_core.catalogue import Kind
from engines.faulty_cameras import USUAL, Form

HERE = Path(__file__).parent
PUBLISHED, RUN = "published.ndjson", "run.json"
WITHIN_S = 60.0
"""What is promised: a fault is named, and said to be over, within so long."""


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Unknown keys are refused."""


class FaultKind(Strict, frozen=True, kw_only=True):
    """As ``soak.toml`` explains it."""

    does: Literal["kill", "hang", "scene", "damage", "pace", "worker"]
    told: str = ""
    may: tuple[str, ...] = ()
    scene: str = USUAL
    pace: float = 1.0


class Planned(Strict, frozen=True, kw_only=True):
    """One line of a schedule; ``again_s``: it comes again, each time at the next of ``cameras``."""

    kind: str
    at_s: float
    lasts_s: float
    cameras: tuple[int, ...] = ()
    again_s: float = 0.0


class Plan(Strict, frozen=True, kw_only=True):
    """One soak; ``film_s``: after how long the cameras' film comes again."""

    name: str
    cameras: int
    lasts_s: float
    film_s: float
    fault: tuple[Planned, ...]


class _File(Strict, frozen=True, kw_only=True):
    kind: dict[str, FaultKind]
    soak: tuple[Plan, ...]


@dataclass(frozen=True)
class Fault:
    """One fault of a soak, in seconds since all cameras were watched; ``camera`` None: it is the worker's."""

    kind: str
    what: FaultKind
    camera: int | None
    at_s: float
    ends_s: float


def planned(name: str, *, lasts_s: float | None = None) -> tuple[Plan, tuple[Fault, ...]]:
    """The soak of that name and its faults in order. With ``lasts_s`` shorter or longer than the schedule's own, it
    holds what begins and is over in time.
    """
    file = msgspec.toml.decode((HERE / "soak.toml").read_bytes(), type=_File)
    plan = next(each for each in file.soak if each.name == name)
    if lasts_s is not None:
        plan = msgspec.structs.replace(plan, lasts_s=lasts_s)
    faults = [fault for line in plan.fault for fault in _repeated(line, file.kind[line.kind], plan.lasts_s)]
    return plan, tuple(sorted(faults, key=lambda each: each.at_s))


def _repeated(line: Planned, what: FaultKind, until_s: float) -> Iterator[Fault]:
    at_s, turn = line.at_s, 0
    while at_s + line.lasts_s <= until_s:
        camera = line.cameras[turn % len(line.cameras)] if line.cameras else None
        yield Fault(line.kind, what, camera, at_s, at_s + line.lasts_s)
        if not line.again_s:
            return
        at_s, turn = at_s + line.again_s, turn + 1


def overlapping(faults: Sequence[Fault]) -> list[tuple[Fault, Fault]]:
    """Faults of one camera, or of a camera and the worker, that are not a minute apart: nobody could say which of them
    was named.
    """
    pairs = []
    for n, one in enumerate(faults):
        for other in faults[n + 1 :]:
            is_shared = one.camera is None or other.camera is None or one.camera == other.camera
            if is_shared and other.at_s < one.ends_s + WITHIN_S:
                pairs.append((one, other))
    return pairs


def form_of(number: int) -> Form:
    """Every third camera sends single pictures over HTTP."""
    return Form.MJPEG if number % 3 == 2 else Form.RTSP


def name_of(number: int) -> str:
    """Its id."""
    return f"camera-{number:02}"


# --- what a run leaves ------------------------------------------------------------------------------------------------


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One published record and when (the tempo's UTC, s)."""

    at_s: float
    kind: Kind
    record: msgspec.Raw


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """The worker's resident memory, processor time and threads at an instant."""

    at_s: float
    pid: int
    mib: float
    cpu_s: float
    threads: int = 0


class Late(msgspec.Struct, frozen=True, kw_only=True):
    """This machine sent a camera's picture ``by_s`` after it was due: what is said of the camera then is our doing."""

    camera: str
    at_s: float
    by_s: float


class Record(msgspec.Struct, kw_only=True):
    """What a run leaves beside what was published (:data:`RUN` in its folder), so that it can be judged again."""

    soak: str
    lasts_s: float
    speed: float = 1.0
    zero_s: float = 0.0
    samples: list[Sample] = []
    late: list[Late] = []

    @classmethod
    def of(cls, folder: Path) -> Record:
        """As it was left."""
        return msgspec.json.decode((folder / RUN).read_bytes(), type=cls)


def lines_of(folder: Path) -> list[Line]:
    """What the worker of that folder published so far."""
    path = folder / PUBLISHED
    whole = path.read_bytes() if path.exists() else b""
    return [msgspec.json.decode(row, type=Line) for row in whole[: whole.rfind(b"\n") + 1].splitlines()]
