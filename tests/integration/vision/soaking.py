"""A soak of the vision worker: cameras on real sockets, and what is done to them by a schedule (``soak.toml``).

The worker is a process of its own (``soak_process.py``) whose detector finds the shirts of our drawn figures; what it
published is judged from its file (``soak_judge.py``).
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import msgspec
import numpy as np

from cior_vision.frames import Image
from cior_vision.synthetic import Scene, Walker, render
from engines.faulty_cameras import USUAL, FaultyCamera, Footage, Tempo
from engines.process import EngineProcess
from engines.rtsp_street import cut
from integration.vision.clips import encoded
from integration.vision.soak_judge import heard, judged
from integration.vision.soak_plan import (
    HERE,
    PUBLISHED,
    RUN,
    WITHIN_S,
    Fault,
    Late,
    Plan,
    Record,
    Sample,
    form_of,
    lines_of,
    name_of,
)

FPS = 5
SIZE = (320, 180)


def footage(folder: Path, *, lasts_s: float, scenes: frozenset[str]) -> Footage:
    """A street on which somebody in red walks by, as it is and with something done to it; coded once, and told again
    after ``lasts_s``. That is longer than what the worker remembers of pictures (``stillness.MEMORY``) while most of
    them are damaged: a film that comes again is no frozen one.
    """
    walkers = tuple(
        Walker(path=((at_s, -0.1, 0.86), (at_s + 10.0, 1.1, 0.86)))
        for at_s in np.arange(3.0, lasts_s - 12.0, 30.0)
    )
    scene = Scene(walkers=walkers, duration_s=lasts_s, width_px=SIZE[0], height_px=SIZE[1], fps=FPS)
    usual = list(render(scene))
    rng = np.random.default_rng(5)
    hand = replace(scene, walkers=(), covered=((0.0, lasts_s),))
    drawn: Mapping[str, Callable[[], list[Image]]] = {
        USUAL: lambda: usual,
        "frozen": lambda: [usual[40]] * len(usual),
        "covered": lambda: list(render(hand)),
        "turned": lambda: [_turned(each) for each in usual],
        "unlit": lambda: [_unlit(each, rng) for each in usual],
        "infrared": lambda: [_infrared(each) for each in usual],
    }
    films = {name: drawn[name]() for name in sorted(scenes | {USUAL})}
    coding = {"preset": "veryfast", "tune": "zerolatency", "crf": "25", "x264-params": "scenecut=0"}
    clips = {
        name: cut(encoded(pictures, folder / f"{name}.mp4", fps=FPS, gop=FPS, options=coding))
        for name, pictures in films.items()
    }
    jpegs = {name: [_jpeg(each) for each in pictures] for name, pictures in films.items()}
    return Footage(clips=clips, jpegs=jpegs, fps=FPS, key_every=FPS)


def _turned(picture: Image) -> Image:
    matrix = np.array([[1.0, 0.0, 0.12 * SIZE[0]], [0.0, 1.0, 0.0]], np.float32)
    return np.asarray(cv2.warpAffine(picture, matrix, SIZE, borderMode=cv2.BORDER_REFLECT), np.uint8)


def _unlit(picture: Image, rng: np.random.Generator) -> Image:
    return np.clip(picture * 0.06 + rng.normal(3.0, 1.5, picture.shape), 0, 255).astype(np.uint8)


def _infrared(picture: Image) -> Image:
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
    y, x = np.mgrid[-1 : 1 : SIZE[1] * 1j, -1 : 1 : SIZE[0] * 1j]
    lamp = np.exp(-(x**2 + y**2) / 2)
    lit = np.clip(255 * (grey / 255) ** 0.6 * lamp * 0.9, 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(lit, cv2.COLOR_GRAY2BGR), np.uint8)


def _jpeg(picture: Image) -> bytes:
    _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return coded.tobytes()


SETTINGS = """[worker]
name = "soak"
health_every_s = 2
[detector]
engine = "none"
"""
ONE = """[[camera]]
id = "{id}"
source = {{ fps = 5, stall_s = 6.0, backoff_s = 0.3, backoff_max_s = 4.0 }}
[[zone]]
id = "zone-{id}"
camera = "{id}"
polygon = [[0.3, 0.5], [0.7, 0.5], [0.7, 0.97], [0.3, 0.97]]
[[rule]]
kind = "intrusion"
id = "rule-{id}"
zone = "zone-{id}"
"""
CATALOGUE = """[[camera]]
id = "{id}"
name = "{id}"
place = {{ lat = {lat}, lon = -60.64 }}
stream = "{url}"
"""


class Rig:
    """Cameras and worker of one soak. ``zero_s``: when all cameras were watched, the schedule's zero."""

    def __init__(self, plan: Plan, faults: Sequence[Fault], folder: Path, *, tempo: Tempo) -> None:
        self._faults = faults
        self._plan, self._folder, self.tempo = plan, folder, tempo
        film = footage(folder, lasts_s=plan.film_s, scenes=frozenset(each.what.scene for each in faults))
        self.cameras = [
            FaultyCamera(name_of(n), form_of(n), film, tempo, phase=n * 7) for n in range(plan.cameras)
        ]
        self.record = Record(soak=plan.name, lasts_s=plan.lasts_s, speed=tempo.speed)
        names = [each.name for each in self.cameras]
        (folder / "camaras.toml").write_text(SETTINGS + "".join(ONE.format(id=each) for each in names))
        (folder / "cameras.toml").write_text(
            "".join(
                CATALOGUE.format(id=each.name, url=each.url, lat=-32.9 - n * 0.01)
                for n, each in enumerate(self.cameras)
            )
        )
        path = [str(HERE.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        argv = [sys.executable, "-m", "integration.vision.soak_process", str(folder / "camaras.toml")]
        argv += [str(folder), repr(tempo.base_s), repr(tempo.speed)]
        self._worker = EngineProcess(
            "soak-worker", argv, log_path=folder / "worker.log",
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    async def run(self, *, early: bool) -> None:
        """Play. ``early``: end as soon as every fault is told of and over, not at the plan's end."""
        for camera in self.cameras:
            await camera.start()
        await asyncio.to_thread(self._start_worker)
        sampling = asyncio.create_task(self._sample())
        try:
            await self._until_watched()
            self.record.zero_s = self.tempo.now_s()
            await self._play()
            await self._rest(early=early)
        finally:
            sampling.cancel()
            await asyncio.to_thread(self._worker.stop, timeout_s=15)
            for camera in self.cameras:
                await camera.kill()
            self._write()

    def _start_worker(self) -> None:
        path = self._folder / PUBLISHED
        size = path.stat().st_size if path.exists() else 0
        self._worker.start(lambda: path.exists() and path.stat().st_size > size, timeout_s=60.0)

    async def _until_watched(self) -> None:
        """All cameras are decoded, at their rate, and have been for ten seconds of theirs: views are learned."""
        deadline_s = time.monotonic() + 90.0
        while time.monotonic() < deadline_s:
            good = Counter(
                each.event.source
                for each in heard(lines_of(self._folder))
                if each.health.get("watched_fps", 0.0) >= 3.0
            )
            if len(good) == len(self.cameras) and min(good.values()) >= 5:
                return
            await asyncio.sleep(0.3)
        raise TimeoutError("not every camera was watched within 90 s; see worker.log")

    async def _play(self) -> None:
        steps = [(each.at_s, True, each) for each in self._faults]
        steps += [(each.ends_s, False, each) for each in self._faults]
        for at_s, begins, fault in sorted(steps, key=lambda step: (step[0], step[1])):
            await self.tempo.until(self.record.zero_s + at_s)
            await (self._begin(fault) if begins else self._end(fault))

    async def _begin(self, fault: Fault) -> None:
        if fault.camera is None:
            await asyncio.to_thread(self._worker.kill)
            return
        camera, what = self.cameras[fault.camera], fault.what
        match what.does:
            case "kill":
                await camera.kill()
            case "hang":
                camera.hangs = True
            case "damage":
                camera.damages = True
            case "pace":
                camera.pace = what.pace
            case _:
                camera.scene = what.scene

    async def _end(self, fault: Fault) -> None:
        if fault.camera is None:
            await asyncio.to_thread(self._start_worker)
            return
        camera = self.cameras[fault.camera]
        camera.hangs, camera.damages, camera.scene = False, False, USUAL
        if fault.what.does == "pace":
            camera.pace = 1.0
            camera.cut_off()
        await camera.start()

    async def _rest(self, *, early: bool) -> None:
        """To the plan's end; what is not over then has its minute."""
        ends_s = self.record.zero_s + self._plan.lasts_s
        last_s = self.record.zero_s + max(each.ends_s for each in self._faults) + WITHIN_S
        while (now_s := self.tempo.now_s()) < max(ends_s, last_s):
            told = judged(lines_of(self._folder), self._faults, self.record.zero_s)
            if (early or now_s >= ends_s) and all(each.is_right for each in told):
                return
            await asyncio.sleep(1.0)

    def _write(self) -> None:
        self.record.late = [
            Late(camera=each.name, at_s=at_s, by_s=round(by_s, 1))
            for each in self.cameras
            for at_s, by_s in each.late
        ]
        (self._folder / RUN).write_bytes(msgspec.json.encode(self.record))

    async def _sample(self) -> None:
        while True:
            if (pid := self._worker.pid) is not None and (
                sample := _sample(pid, self.tempo.now_s())
            ) is not None:
                self.record.samples.append(sample)
                self._write()
            await asyncio.sleep(5.0 / self.tempo.speed)


def _sample(pid: int, at_s: float) -> Sample | None:
    """By proc(5); None: it has just ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return Sample(
        at_s=at_s,
        pid=pid,
        mib=pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        cpu_s=sum(map(int, stat[11:13])) / os.sysconf("SC_CLK_TCK"),
        threads=int(stat[17]),
    )
