"""H.265 out of a real ring as every browser can show it: the same door as the native view, the same pictures at the
same times, made once for as many as ask, by processes that end with who looks.
"""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import av
import pytest

from cior_console import metrics as m
from cior_console.conversions import ConversionLimits
from cior_core.model import DataClass, Place, PlaceMethod
from cior_core.people import LedgerOutcome
from cior_core.privacy import Role
from engines.source_tree import ROOT
from integration.console.api_rig import Office, got, office
from integration.console.converting_rig import Started, file_of, gone, is_alive, scramble
from integration.console.footage_rig import clock_clip, code_of
from integration.console.held_ring import Ring, now_ms
from integration.console.wall_rig import alert

pytestmark = pytest.mark.slow
SOUTH = Place(method=PlaceMethod.GPS, lat=-33.0, lon=-60.65, district="sur")
VIEWS = "/api/v1/footage/views"
CONSOLE = ROOT / "tests" / "integration" / "console" / "converting_console.py"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clock_clip(tmp_path_factory.mktemp("clips") / "plaza.mp4", seconds=8, codec="libx265")


@pytest.fixture
async def empty() -> AsyncIterator[Office]:
    async with office() as running:
        running.converter = Started()
        yield running
    assert isinstance(running.converter, Started)
    await gone(running.converter.pids)


@pytest.fixture
def ring(empty: Office, tmp_path: Path, clip: Path) -> Iterator[Ring]:
    assert empty.url
    made = Ring(tmp_path / "ring", clip)
    yield made
    made.fed.kill()


@pytest.fixture
async def here(empty: Office, ring: Ring) -> Office:
    empty.rings = {"plaza": ring.path}
    empty.feed.apply(alert(1, place=SOUTH, opened_ms=ring.began_ms + 2_000, updated_ms=now_ms()))
    await asyncio.sleep(0.05)
    return empty


def started(here: Office) -> Started:
    assert isinstance(here.converter, Started)
    return here.converter


async def opened(browser: aiohttp.ClientSession, here: Office, **asked: Any) -> tuple[int, Any]:
    body = {"camera": "plaza", "converted": True, "alert_id": "a1"} | asked
    async with browser.post(f"{here.url}{VIEWS}", json=body) as answer:
        return answer.status, await answer.json(content_type=None)


def whole(ring: Ring) -> dict[str, int]:
    return {"from_ms": ring.began_ms, "to_ms": ring.began_ms + 60_000}


async def piece(browser: aiohttp.ClientSession, here: Office, view: Any, name: str) -> tuple[int, bytes]:
    async with browser.get(f"{here.url}{view['playlist'].rpartition('/')[0]}/{name}") as answer:
        return answer.status, await answer.read()


async def sent(browser: aiohttp.ClientSession, here: Office, view: Any) -> tuple[str, list[bytes]]:
    """The playlist, and each segment with its header."""
    async with browser.get(here.url + view["playlist"]) as answer:
        assert answer.status == 200, await answer.text()
        text = await answer.text()
    found, init = [], b""
    for line in text.splitlines():
        if line.startswith("#EXT-X-MAP"):
            status, init = await piece(browser, here, view, line.split('"')[1])
            assert status == 200
        elif line and not line.startswith("#"):
            status, body = await piece(browser, here, view, line)
            assert status == 200
            found.append(init + body)
    return text, found


def pictures(content: bytes) -> list[tuple[float, int]]:
    """When each picture is shown, in the camera's own time, and the number that stands in it."""
    with av.open(io.BytesIO(content), "r") as container:
        return [
            (round(float(each.pts * each.time_base), 4), code_of(each.to_ndarray(format="bgr24")))
            for each in container.decode(video=0)
            if each.pts is not None and each.time_base is not None
        ]


def outcomes(here: Office) -> dict[str, int]:
    names = ("made", "kept", "blank", "failed", "busy")
    return {each: int(found) for each in names if (found := here.metrics.value(m.CONVERSIONS, each))}


async def test_law_9_a_converted_clip_is_in_the_ledger_as_such_and_shows_the_same_pictures_at_the_same_times(
    here: Office, ring: Ring
) -> None:
    async with here.signed_in(Role.OPERATOR, login="agomez") as browser:
        status, view = await opened(browser, here, **whole(ring))
        assert (status, view["converted"], view["codec"]) == (201, True, "avc1.640028")
        first = here.register.rows[-1]
        assert (first.actor, first.act, first.subject, first.detail["shown"], first.detail["alert"]) == (
            "p-agomez", "footage.open", "plaza", "converted", "a1",
        )  # fmt: skip
        text, segments = await sent(browser, here, view)
        status, native = await opened(browser, here, **whole(ring), converted=False)
        assert (status, native["converted"], native["convertible"]) == (201, False, True)
        assert native["codec"].startswith("hev1.")
        assert "shown" not in here.register.rows[-1].detail
        _, recorded = await sent(browser, here, native)
        async with browser.delete(f"{here.url}{VIEWS}/{view['view_id']}") as answer:
            assert answer.status == 204
    assert text.count("#EXT-X-DISCONTINUITY\n") == 1, "where the camera was away"
    shown = [pictures(each) for each in segments]
    assert [code for each in shown for _, code in each] == list(range(60)), "but of the file that is written"
    told = [pictures(each) for each in recorded][: len(shown)]
    assert shown == told
    assert all(b"avc1" in each and b"hvc1" not in each and b"hev1" not in each for each in segments)
    assert b"plaza" not in b"".join(segments), "what the file says of itself stays behind"
    ended = here.register.rows[-1]
    assert (ended.act, ended.detail["shown"]) == ("footage.end", "converted")
    assert ended.detail["sent_from_ms"] == ring.began_ms


async def test_live_is_whole_segments_and_nobody_left_is_nobody_converting(here: Office, ring: Ring) -> None:
    async with here.signed_in(Role.OPERATOR) as browser:
        status, view = await opened(browser, here)
        assert (status, view["state"], view["codec"]) == (201, "live", "avc1.640028")
        text, segments = await sent(browser, here, view)
        assert "#EXT-X-ENDLIST" not in text
        assert [code for _, code in pictures(segments[-1])] == list(range(50, 60))
        pids = started(here).running
        assert len(pids) == 1
        assert os.getpriority(os.PRIO_PROCESS, pids[0]) == 19, "after everything else"
        ring.fed.connection(10, first=65)
        status, body = await piece(browser, here, view, "99.mp4")
        assert (status, b"footage.gone" in body) == (404, True)
        async with browser.delete(f"{here.url}{VIEWS}/{view['view_id']}") as answer:
            assert answer.status == 204
        await gone(pids)
        assert here.views.conversions.unused_s is None, "nothing of it is kept"


async def test_fifty_who_ask_for_the_same_segment_at_once_get_it_made_once(here: Office, ring: Ring) -> None:
    async with here.signed_in(Role.OPERATOR) as browser:
        _, view = await opened(browser, here, **whole(ring))
        answers = await asyncio.gather(
            *(piece(browser, here, view, "init-3.mp4" if n % 2 else "3.mp4") for n in range(50))
        )
    assert {status for status, _ in answers} == {200}
    assert len({body for _, body in answers}) == 2, "a header and a piece"
    assert outcomes(here)["made"] == 1


async def test_who_comes_when_there_is_enough_to_do_is_told_when_to_come_again_and_others_are_not_slowed(
    here: Office, ring: Ring
) -> None:
    here.views.conversions._limits = ConversionLimits(at_once=1, waiting=1)
    async with here.signed_in(Role.OPERATOR) as browser:
        _, view = await opened(browser, here, **whole(ring))
        pid = started(here).running[0]
        os.kill(pid, signal.SIGSTOP)
        try:
            waiting = [asyncio.create_task(piece(browser, here, view, f"{n}.mp4")) for n in (1, 2)]
            async with asyncio.timeout(30):
                while len(here.views.conversions._making) < 2:  # noqa: ASYNC110  (they come over HTTP)
                    await asyncio.sleep(0.02)
            base = f"{here.url}{view['playlist'].rpartition('/')[0]}"
            async with browser.get(f"{base}/3.mp4") as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
                assert (await answer.json(content_type=None))["code"] == "footage.converting"
            assert (await opened(browser, here))[1]["code"] == "footage.converting"
            status, native = await opened(browser, here, converted=False)
            assert status == 201, "the native view waits for nobody"
            assert (await got(browser, here.url + f"{VIEWS}/{native['view_id']}"))[0] == 200
        finally:
            os.kill(pid, signal.SIGCONT)
        assert [status for status, _ in await asyncio.gather(*waiting)] == [200, 200]
        assert (await piece(browser, here, view, "3.mp4"))[0] == 200


async def test_what_takes_too_long_is_given_up_and_the_next_one_is_made(here: Office, ring: Ring) -> None:
    here.views.conversions._limits = ConversionLimits(longest_s=0.5)
    async with here.signed_in(Role.OPERATOR) as browser:
        _, view = await opened(browser, here, **whole(ring))
        first = started(here).running[0]
        os.kill(first, signal.SIGSTOP)
        assert (await piece(browser, here, view, "1.mp4"))[0] == 503
        here.views.conversions._limits = ConversionLimits()
        assert (await piece(browser, here, view, "1.mp4"))[0] == 200
        assert not is_alive(first)


async def test_of_a_broken_segment_the_whole_part_is_shown_and_black_is_said(
    here: Office, ring: Ring
) -> None:
    scramble(file_of(ring.path, 2)[1])
    scramble(file_of(ring.path, 3)[1], keep=4)
    record, path = file_of(ring.path, 5)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    async with here.signed_in(Role.OPERATOR) as browser:
        _, view = await opened(browser, here, **whole(ring))
        _, segments = await sent(browser, here, view)
        _, told = await got(browser, here.url + f"{VIEWS}/{view['view_id']}")
    black, partly, cut = pictures(segments[1]), pictures(segments[2]), pictures(segments[4])
    assert {code for _, code in black} == {0}
    since_ms = file_of(ring.path, 2)[0].start_ms
    assert told["blank"] == [{"from_ms": since_ms, "to_ms": since_ms + 1_000}]
    assert [code for _, code in partly][:4] == [20, 21, 22, 23]
    assert [code for _, code in cut] == list(range(40, 40 + len(cut)))
    assert 0 < len(cut) < record.frames
    assert [code for _, code in pictures(segments[5])] == list(range(50, 60)), "and the next one follows"


async def test_a_process_that_was_killed_is_another_one_at_the_next_piece(here: Office, ring: Ring) -> None:
    async with here.signed_in(Role.OPERATOR) as browser:
        _, view = await opened(browser, here, **whole(ring))
        os.kill(started(here).running[0], signal.SIGKILL)
        assert (await piece(browser, here, view, "1.mp4"))[0] == 200
    assert len(started(here).pids) == 2


async def test_where_nothing_can_convert_it_is_said_before_a_view_is_open(here: Office, ring: Ring) -> None:
    here.converter = None
    async with here.signed_in(Role.OPERATOR) as browser:
        status, told = await opened(browser, here)
        assert (status, told["code"]) == (503, "footage.no_converter")
        here.views.conversions._start = None
        status, told = await opened(browser, here)
        assert (status, told["code"]) == (404, "footage.not_converted")
        _, native = await opened(browser, here, converted=False)
        assert native["convertible"] is False
    here.converter = Started()


async def test_law_9_who_may_not_look_gets_no_conversion_either_and_no_process_is_started(
    here: Office, ring: Ring
) -> None:
    here.feed.apply(alert(9, place=SOUTH, silent=True, data_class=DataClass.SEALED))
    await asyncio.sleep(0.05)
    for role in (Role.WALL, Role.PROSECUTOR, Role.ANALYST, Role.AUDITOR):
        async with here.signed_in(role) as browser:
            assert (await opened(browser, here, reason="mirar"))[0] == 403
        assert here.register.rows[-1].outcome is LedgerOutcome.REFUSED
    async with here.signed_in(Role.OPERATOR) as browser, here.signed_in(Role.OPERATOR) as other:
        assert (await opened(browser, here, alert_id="a9"))[1]["code"] == "footage.reserved"
        assert "plaza" not in str(here.register.rows[-1])
        assert (await opened(browser, here, alert_id=""))[1]["code"] == "access.reason_missing"
        assert started(here).pids == []
        _, view = await opened(browser, here, **whole(ring))
        assert (await piece(other, here, view, "1.mp4"))[0] == 404, "a view is its session's alone"
        assert outcomes(here) == {}


@pytest.mark.parametrize("is_asked", [False, True], ids=["idle", "converting"])
async def test_a_console_that_is_killed_leaves_nobody_converting(ring: Ring, is_asked: bool) -> None:
    paths = [str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    console = await asyncio.create_subprocess_exec(
        sys.executable, str(CONSOLE), str(ring.path), env=env,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert console.stdout is not None
        lines = console.stdout
        url = await _line(lines, "http")
        async with aiohttp.ClientSession(cookies={"who": "agomez"}, headers={"Origin": url}) as browser:
            body = {"camera": "plaza", "converted": True, "reason": "mirar"} | whole(ring)
            async with browser.post(f"{url}{VIEWS}", json=body) as answer:
                assert answer.status == 201, await answer.text()
                view = await answer.json()
            pid = int(await _line(lines, ""))
            assert is_alive(pid)
            base, asked = f"{url}{view['playlist'].rpartition('/')[0]}", set[asyncio.Task[Any]]()
            if is_asked:
                asked = {asyncio.create_task(browser.get(f"{base}/{n}.mp4")) for n in range(1, 6)}
                await asyncio.wait(asked, timeout=20.0, return_when=asyncio.FIRST_COMPLETED)
            console.kill()
            await console.wait()
            await gone([pid])
            await asyncio.gather(*asked, return_exceptions=True)
    finally:
        if console.returncode is None:
            console.kill()
        await console.wait()


async def _line(lines: asyncio.StreamReader, start: str) -> str:
    """The next line that begins so; its log stands between."""
    while line := (await lines.readline()).decode().strip():
        if line.startswith(start) and (start or line.isdigit()):
            return line
    raise AssertionError("the console ended")
