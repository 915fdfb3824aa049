"""Unit tests have no network: the guard in conftest works, also where the code under test swallows OSError."""

from __future__ import annotations

import asyncio
import contextlib
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
