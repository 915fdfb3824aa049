"""SIGKILL between sending and writing it down: everybody is told at least once, and the copy has the same key."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from integration.notify.peers import HttpPeer, until

PROCESS = Path(__file__).with_name("ringing_process.py")
ROOT = Path(__file__).resolve().parents[3]


async def ringing(folder: Path, url: str, *, is_told: bool) -> asyncio.subprocess.Process:
    path = os.pathsep.join([str(ROOT / "tests"), *filter(None, sys.path)])
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROCESS),
        str(folder),
        url,
        str(int(is_told)),
        env={**os.environ, "PYTHONPATH": path},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )


@pytest.mark.crash
@pytest.mark.parametrize("is_told", [True, False], ids=["handed over again", "found in the book"])
async def test_law_4_a_kill_between_send_and_journal_sends_again_with_the_same_key(
    tmp_path: Path, is_told: bool
) -> None:
    async with HttpPeer("hang") as peer:
        first = await ringing(tmp_path, peer.url, is_told=True)
        await until(lambda: len(peer.calls) == 1, within_s=60)
        first.send_signal(signal.SIGKILL)
        await first.wait()
        second = await ringing(tmp_path, peer.url, is_told=is_told)
        output, _ = await second.communicate()
    assert output.decode().split()[-1] == "done"
    assert len(peer.calls) >= 2
    assert len({call.headers["idempotency-key"] for call in peer.calls}) == 1
    assert len({call.json["link"] for call in peer.calls}) == 1
