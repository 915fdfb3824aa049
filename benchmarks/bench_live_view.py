"""How far behind a live picture is, and what many who watch one camera cost the console.

    python benchmarks/bench_live_view.py [--quick] [--viewers 200] [--seconds 30]

*Behind*: a camera over RTSP (another party's server) that shows its own picture numbers, the real recorder as a
process, the real console, the page in Chromium; the number is read off the picture on the screen and compared with
when the recorder took it. *Viewers*: one camera of 2 Mbit/s, as many sessions as asked, each with a connection and a
view of its own, that ask the playlist each second and every piece once, as a player does, from another process;
processor time is the console's alone, kernel included.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import resource
import shutil
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from bench_recorder import clip_of  # noqa: E402
from cior_console.conversions import Start  # noqa: E402
from cior_console.ring_files import Rings  # noqa: E402
from cior_core.privacy import Role  # noqa: E402
from engines.browser import open_browser  # noqa: E402
from engines.registers import RegisterPlace  # noqa: E402
from engines.rtsp import RtspServer  # noqa: E402
from integration.console import footage_rig as rig  # noqa: E402
from integration.console.api_rig import Office, office  # noqa: E402
from integration.console.page_rig import Screen, room  # noqa: E402
from integration.console.wall_rig import alert  # noqa: E402
from measured import Clocked, Row, Table, latency, quantile, write  # noqa: E402

BEHIND_AIM_MS = 6_000
SEGMENT_S = 2.0
"""A recorder's default."""
VIEWS = "/api/v1/footage/views"
_TOLD = re.compile(r"#EXT-X-PROGRAM-DATE-TIME:(\S+)\n#EXTINF:([\d.]+),\n(\S+)")


def now_ms() -> int:
    """The host's clock, which the browser shares."""
    return time.time_ns() // 1_000_000


# --- behind -------------------------------------------------------------------------------------------------


async def behind(folder: Path, *, samples: int, converter: Start | None = None) -> list[float]:
    """Age of the picture on the screen, ms, twice a second once it is settled. ``converter``: the camera sends H.265,
    which is watched converted.
    """
    codec, segment_s = ("libx264", 1.0) if converter is None else ("libx265", SEGMENT_S)
    clip = rig.clock_clip(folder / "clock" / "plaza.mp4", codec=codec)
    with (
        RtspServer(clip.parent, folder / "rtsp.log") as camera,
        rig.recorder(camera.url("plaza.mp4"), folder / "ring", folder / "counts", segment_s=segment_s),
    ):
        await asyncio.to_thread(rig.wait_for_segments, folder / "ring", 2)
        rings = Rings(lambda: {rig.CAMERA: folder / "ring"})
        place = RegisterPlace.of_file(folder / "register.db")
        async with room(place, cameras=rig.cameras(), rings=rings, converter=converter) as here:
            chrome = await asyncio.to_thread(_browser, folder)
            try:
                screen = Screen(chrome, here)
                await _watching(screen, is_converted=converter is not None)
                return await _ages(screen, folder / "ring", samples)
            finally:
                await asyncio.to_thread(chrome.quit)


def _browser(folder: Path) -> Any:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium is not None, "apt-get install chromium chromium-driver"
    assert driver is not None, "apt-get install chromium chromium-driver"
    return open_browser(Path(chromium), Path(driver), folder / "profile")


async def _watching(screen: Screen, *, is_converted: bool) -> None:
    at_ms = now_ms()
    screen.room.feed.apply(alert(1, opened_ms=at_ms, updated_ms=at_ms))
    await screen.signed_in("agomez", Role.OPERATOR)
    await screen.go("alerts/a1")
    await screen.until(".cameras", "Plaza")
    await screen.press(".cameras .watch button")
    if is_converted:
        await screen.until(".player", "Ver convertido")
        await screen.press(".player > button")
    await screen.until(".player .good", "Imagen de hace")
    await asyncio.sleep(5.0)


async def _ages(screen: Screen, ring: Path, samples: int) -> list[float]:
    ages: list[float] = []
    while len(ages) < samples:
        code, shown_ms, _ = await screen.run(rig.READ_CODE)
        age = int(shown_ms) - await asyncio.to_thread(rig.shown_at_ms, ring, int(code))
        if age > 0:  # the clip began anew between the picture and the reckoning
            ages.append(age)
        await asyncio.sleep(0.5)
    return ages


# --- viewers ------------------------------------------------------------------------------------------------


async def viewers(folder: Path, *, count: int, seconds: float) -> dict[str, Any]:
    """What they got, and the console's share of a core."""
    (folder / "video").mkdir()
    clip, mbit = clip_of(folder / "video")
    with (
        RtspServer(folder / "video", folder / "rtsp2.log") as camera,
        rig.recorder(camera.url(clip.name), folder / "wide", folder / "counts2"),
    ):
        await asyncio.to_thread(rig.wait_for_segments, folder / "wide", 2)
        async with office() as here:
            here.rings = {rig.CAMERA: folder / "wide"}
            who = [here.known(Role.OPERATOR, login=f"op{n}") for n in range(count)]
            found = await _watched(here, who, seconds)
    return found | {"mbit": mbit}


async def _watched(here: Office, who: list[str], seconds: float) -> dict[str, Any]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--watch", here.url, "--seconds", str(seconds), "--viewers", str(len(who)),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    await child.stdout.readline()  # all views are open
    began_s, before = time.monotonic(), _cpu_s()
    told = await child.stdout.readline()
    spent, wall_s = _cpu_s() - before, time.monotonic() - began_s
    await child.wait()
    return {**json.loads(told), "cpu": 100 * spent / wall_s, "wall_s": wall_s}


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def watch(url: str, count: int, seconds: float) -> None:
    """The viewers' process."""
    lates: list[float] = []
    sizes: list[int] = []
    opened = asyncio.Semaphore(10)
    ready: list[int] = []
    begin = asyncio.Event()

    async def one(number: int) -> None:
        headers = {"Origin": url, "Cior-Reason": "medir"}
        cookies = {"who": f"op{number}"}
        async with aiohttp.ClientSession(url, cookies=cookies, headers=headers) as http:
            async with opened, http.post(VIEWS, json={"camera": rig.CAMERA, "reason": "medir"}) as answer:
                assert answer.status == 201, await answer.text()
                view = await answer.json()
            ready.append(number)
            if len(ready) == count:
                print("open", flush=True)
                begin.set()
            await begin.wait()
            await _follow(http, view["playlist"], time.monotonic() + seconds, (lates, sizes))

    await asyncio.gather(*(one(number) for number in range(count)))
    told = {"late_p50": quantile(lates, 0.5), "late_p95": quantile(lates, 0.95), "pieces": len(lates)}
    print(json.dumps(told | {"mib": sum(sizes) / 2**20}), flush=True)


async def _follow(
    http: aiohttp.ClientSession, playlist: str, ends_s: float, found: tuple[list[float], list[int]]
) -> None:
    seen: set[str] = set()
    while time.monotonic() < ends_s:
        began_s = time.monotonic()
        async with http.get(playlist) as answer:
            text = await answer.text()
        for at, length, name in _TOLD.findall(text):
            if name in seen:
                continue
            async with http.get(f"{playlist.rpartition('/')[0]}/{name}") as answer:
                body = await answer.read()
                assert answer.status == 200, body
            if seen:
                begun_ms = datetime.fromisoformat(at).timestamp() * 1000
                found[0].append(now_ms() - begun_ms - float(length) * 1000)
                found[1].append(len(body))
            seen.add(name)
        await asyncio.sleep(max(0.0, 1.0 - (time.monotonic() - began_s)))


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--watch", default="")
    options = parser.parse_args()
    if options.watch:
        asyncio.run(watch(options.watch, options.viewers, options.seconds))
        return
    clocked = Clocked("live_view", "Live view", quick=options.quick)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "clock").mkdir()
        ages = asyncio.run(behind(folder, samples=20 if options.quick else 60))
        many = asyncio.run(viewers(folder, count=options.viewers, seconds=options.seconds))
    tables = [
        Table(
            title="Age of the live picture on an operator's screen",
            rows=(latency("picture taken to picture seen", ages, p95_aim=BEHIND_AIM_MS),),
        ),
        Table(title=f"{options.viewers} who watch one camera of {many['mbit']:.1f} Mbit/s", rows=_rows(many)),
    ]
    path = write(clocked.result(tables))
    print(tables)
    print(path)


def _rows(many: dict[str, Any]) -> tuple[Row, ...]:
    return (
        Row(
            label="last picture of a piece taken to the piece at its viewer",
            unit="ms",
            median=round(many["late_p50"]),
            p95=round(many["late_p95"]),
            n=many["pieces"],
        ),
        Row(label="sent, all viewers", unit="Mbit/s", median=round(many["mib"] * 8.389 / many["wall_s"], 1)),
        Row(label="console's processor time", unit="% of a core", median=round(many["cpu"], 1)),
    )


if __name__ == "__main__":
    main()
