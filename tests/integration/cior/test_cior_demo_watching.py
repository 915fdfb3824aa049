"""The demo asks the wall over HTTP: a wall that does not answer is told with what to do, and does not end the play."""

from __future__ import annotations

import socket

import pytest

from cior_core.errors import SourceUnavailable
from cior_demo.watching import WallWatch


async def test_a_wall_that_is_not_there_is_an_answer_that_says_what_to_do() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        with pytest.raises(SourceUnavailable, match=r"wall\.no_answer.*summary") as caught:
            await WallWatch(f"http://127.0.0.1:{port}/?token=x").ask("summary")
    assert "log" in (caught.value.cure or "")
