"""Unit tests have no network: the guard in conftest works, also where the code under test swallows OSError."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

import pytest


def test_connecting_fails_loudly() -> None:
    with (
        socket.socket() as caller,
        pytest.raises(AssertionError, match="tests/integration"),
        contextlib.suppress(OSError),
    ):
        caller.connect(("127.0.0.1", 9))


def test_listening_fails_loudly() -> None:
    with socket.socket() as listener, pytest.raises(AssertionError, match="tests/integration"):
        listener.bind(("127.0.0.1", 0))


async def test_an_event_loop_still_works() -> None:
    await asyncio.sleep(0)


def test_one_worker_judges_the_house(request: pytest.FixtureRequest) -> None:
    """Without it each worker parses every source anew, and nothing says so."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("not run beside others here; `make test` does")
    assert request.node.nodeid.endswith("@house")
