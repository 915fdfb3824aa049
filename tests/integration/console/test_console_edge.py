"""The console's sockets: half-open requests, slow bodies, readers that do not read, guessed tokens, other names."""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import aiohttp
import pytest

from cior_console.edge import EdgeLimits, within_descriptors
from integration.console.wall_rig import TOKEN, Wall, alert, served, shown

QUICK = EdgeLimits(idle_s=1.0, linger_s=0.5, stall_s=1.5, strangers_a_peer=20, strangers=40, known=8)


@pytest.fixture
async def wall() -> AsyncIterator[Wall]:
    async with served(QUICK) as running:
        yield running


@asynccontextmanager
async def line(wall: Wall) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", wall.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def asked(wall: Wall, request: bytes) -> tuple[int, bytes]:
    """Status and the whole answer to raw bytes."""
    async with line(wall) as (reader, writer):
        writer.write(request)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        length = next(
            (int(row[15:]) for row in head.split(b"\r\n") if row.lower().startswith(b"content-length:")), 0
        )
        return int(head.split()[1]), head + await asyncio.wait_for(reader.readexactly(length), 10)


async def goes(reader: asyncio.StreamReader, within_s: float) -> bool:
    """Whether the other side ends the connection in time."""
    try:
        await asyncio.wait_for(reader.read(), within_s)
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


HALVES = [
    b"",
    b"GET /api/wall HT",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ",
    b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999999999\r\n\r\nabc",
    b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
]


@pytest.mark.parametrize("half", HALVES)
async def test_what_is_not_finished_does_not_stay(wall: Wall, half: bytes) -> None:
    async with line(wall) as (reader, writer):
        writer.write(half)
        assert await goes(reader, 8)


async def test_a_head_that_comes_byte_by_byte_does_not_buy_time(wall: Wall) -> None:
    async with line(wall) as (reader, writer):
        gone = asyncio.create_task(goes(reader, 8))
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        while not gone.done():
            writer.write(b"X-Slow: 1\r\n")
            await asyncio.sleep(0.2)
        assert gone.result()


async def test_four_hundred_half_open_requests_do_not_keep_a_screen_out(wall: Wall) -> None:
    async with AsyncExitStack() as stack, shown() as session:
        screen = await stack.enter_async_context(session.get(f"{wall.url}/api/feed"))
        for _ in range(400):
            _, writer = await stack.enter_async_context(line(wall))
            writer.write(b"GET /api/wall HTTP/1.1\r\n")
        assert len(wall.connections()) <= QUICK.strangers_a_peer + 2
        async with shown() as other, other.get(f"{wall.url}/api/wall") as answer:
            assert answer.status == 200
        wall.feed.apply(alert(1))
        heard = b""
        while b"event: alert" not in heard:
            heard += await asyncio.wait_for(screen.content.readany(), 10)


async def test_pages_beyond_the_limit_are_told_to_come_back(wall: Wall) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(QUICK.known):
            session = await stack.enter_async_context(shown())
            assert (await stack.enter_async_context(session.get(f"{wall.url}/api/feed"))).status == 200
        session = await stack.enter_async_context(shown())
        async with session.get(f"{wall.url}/api/wall") as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


async def test_a_page_that_goes_leaves_the_feed_at_once() -> None:
    async with served(
        QUICK, keepalive_s=60
    ) as wall:  # the next sign of life would find nobody there, a minute later
        async with shown() as session, session.get(f"{wall.url}/api/feed") as stream:
            await stream.content.readany()
            assert wall.feed.watchers == 1
        await asyncio.sleep(1)
        assert wall.feed.watchers == 0


@pytest.mark.parametrize("sip", [0, 4096], ids=["never", "a little"])
async def test_a_reader_that_does_not_read_is_let_go(wall: Wall, sip: int) -> None:
    for n in range(6_000):
        wall.feed.apply(alert(n))
    await asyncio.sleep(0)
    with socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.setblocking(False)
        await asyncio.get_running_loop().sock_connect(lazy, ("127.0.0.1", wall.port))
        request = f"GET /api/feed HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        await asyncio.get_running_loop().sock_sendall(lazy, request.encode())
        until_s = time.monotonic() + 15
        came = False
        while time.monotonic() < until_s and not (came and not wall.connections()):
            came = came or bool(wall.feed.watchers)
            with suppress(OSError):
                if sip:
                    lazy.recv(sip)
            await asyncio.sleep(0.6)
        assert came
        assert not wall.connections()
        assert wall.feed.watchers == 0


def test_where_few_files_may_be_open_half_of_them_are_left_to_the_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (256, 256))
    narrow = within_descriptors(EdgeLimits())
    assert narrow.strangers + narrow.known <= 128
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (1024, 4096))
    assert within_descriptors(EdgeLimits()) == EdgeLimits()


async def test_the_session_that_a_page_gets_is_not_the_token_and_is_enough(wall: Wall) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.get(f"{wall.url}/?token={TOKEN}&lang=en", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/?lang=en")
            given = answer.cookies["cior_wall"]
        assert TOKEN not in given.value
        assert (given["httponly"], given["samesite"], given["max-age"]) == (True, "Strict", str(7 * 86_400))
        async with session.get(f"{wall.url}/api/wall") as answer:
            assert (await answer.json())["session_ends_ms"] == wall.clock.now_ms + 7 * 86_400_000
        wall.clock.now_ms += 7 * 3_600_000
        async with session.get(f"{wall.url}/api/ask/latency") as answer:
            assert answer.cookies["cior_wall"].value != given.value, "who uses it keeps it"
        wall.clock.now_ms += 13 * 3_600_000
        async with session.get(f"{wall.url}/api/wall") as answer:
            assert answer.status == 401
    async with (
        aiohttp.ClientSession(cookies={"cior_wall": TOKEN}) as session,
        session.get(f"{wall.url}/api/wall") as answer,
    ):
        assert answer.status == 401, "the token is no cookie"


async def test_a_feed_ends_with_its_session(wall: Wall) -> None:
    async with shown() as session, session.get(f"{wall.url}/api/feed") as stream:
        await stream.content.readany()
        wall.clock.now_ms += 7 * 86_400_000
        await asyncio.wait_for(stream.content.read(), 5)
        assert stream.content.at_eof()


@pytest.mark.parametrize(
    "show", [b"GET /?token=%b HTTP/1.1", b"GET /api/wall HTTP/1.1\r\nAuthorization: Bearer %b"]
)
async def test_guessing_is_answered_429_with_the_wait_and_screens_go_on(wall: Wall, show: bytes) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as screen:
        async with screen.get(f"{wall.url}/?token={TOKEN}") as answer:
            assert answer.status == 200
        for n in range(10):
            assert (await asked(wall, show % b"guess%d" % n + b"\r\nHost: localhost\r\n\r\n"))[0] == 401
        status, answered = await asked(wall, show % TOKEN.encode() + b"\r\nHost: localhost\r\n\r\n")
        assert status == 429
        assert 1 <= int(answered.split(b"Retry-After: ")[1].split(b"\r\n")[0]) <= 60
        async with screen.get(f"{wall.url}/api/wall") as answer:
            assert answer.status == 200


BAD_TEXT = [
    (b"/api/wall", b"Cookie: cior_wall=\xff\xfe\xfd"),
    (b"/api/wall", b"Cookie: \xff=\xff; cior_wall=\xc3\x28"),
    (b"/api/wall", b"Authorization: Bearer \xff\xfe"),
    (b"/?token=%ff%fe", b"X-A: 1"),
    (b"/?token=%ED%A0%80", b"X-A: \xff"),
    (b"/api/ask/%ff", b"Cookie: cior_wall=1.2.3.4"),
]


@pytest.mark.parametrize(("path", "header"), BAD_TEXT)
async def test_bytes_that_are_no_text_are_nobody_and_no_error(wall: Wall, path: bytes, header: bytes) -> None:
    status, _ = await asked(wall, b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n" + header + b"\r\n\r\n")
    assert status in {400, 401}


HOSTS = [
    (b"Host: localhost:8400", 200),
    (b"Host: 127.0.0.1", 200),
    (b"Host: [::1]:99", 200),
    (b"Host: Muro.Ciudad.Example.:443", 200),
    (b"Host: evil.example", 421),
    (b"Host: 127.0.0.1.evil.example", 421),
    (b"Host: localhost:80:evil", 421),
    (b"Host: localhost@evil.example", 421),
    (b"Host: \xff", 421),
    (b"Host:", 421),
    (b"X-None: 1", 400),
    (b"Host: localhost\r\nHost: evil.example", 400),
]


@pytest.mark.parametrize(("host", "status"), HOSTS)
@pytest.mark.parametrize("path", [b"/healthz", b"/static/wall.js", b"/api/wall"])
async def test_a_request_for_another_name_is_misdirected(host: bytes, status: int, path: bytes) -> None:
    async with served(QUICK, names=frozenset({"muro.ciudad.example"})) as wall:
        request = b"GET " + path + b" HTTP/1.1\r\nAuthorization: Bearer " + TOKEN.encode() + b"\r\n"
        assert (await asked(wall, request + host + b"\r\n\r\n"))[0] == status


async def test_a_target_with_another_host_in_it_is_refused(wall: Wall) -> None:
    request = b"GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert (await asked(wall, request))[0] == 400


ORIGINS = [
    (b"", 403),
    (b"Origin: null\r\n", 403),
    (b"Origin: http://evil.example\r\n", 403),
    (b"Origin: http://localhost.evil.example\r\n", 403),
    (b"Origin: http://localhost:1\r\n", 403),
    (b"Origin: http://localhost\r\n", 401),
    (b"Authorization: Bearer " + TOKEN.encode() + b"\r\n", 405),
]


@pytest.mark.parametrize(("header", "status"), ORIGINS)
@pytest.mark.parametrize("method", [b"POST", b"DELETE", b"PATCH"])
async def test_what_may_change_something_must_come_from_our_own_page(
    wall: Wall, method: bytes, header: bytes, status: int
) -> None:
    request = method + b" /api/wall HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n" + header + b"\r\n"
    assert (await asked(wall, request))[0] == status


async def test_no_log_line_repeats_what_was_sent(wall: Wall, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = b"CANARY-Maria-San-Lorenzo-1234"
    broken = [
        b"GET /" + secret + b" HTTP/1.1\r\n" + secret + b"\r\n\r\n",
        secret + b" / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + secret + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + secret + b"\r\n",
    ]
    for request in broken * 3:
        async with line(wall) as (reader, writer):
            writer.write(request)
            assert await goes(reader, 8)
    said = [record.getMessage() + str(record.exc_info or "") for record in caplog.records]
    assert not [each for each in said if secret.decode() in each]
    assert len([each for each in said if "a request failed" in each]) <= len(broken)


async def test_an_answer_names_what_is_wrong_and_what_to_do(wall: Wall) -> None:
    status, answered = await asked(wall, b"GET /api/wall HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    body = json.loads(answered.split(b"\r\n\r\n")[1])
    assert (status, body["title"]) == (421, "wall.host_unknown")
    assert "names" in body["detail"]


PATHS = [
    *(
        b"/static/" + up + b"etc/passwd"
        for up in (
            b"../" * 8,
            b"%2e%2e/" * 8,
            b"..%2f" * 8,
            b"%252e%252e%252f" * 8,
            b"....//" * 8,
            b"..\\" * 8,
        )
    ),
    b"/static/..%5c..%5cweb.py",
    b"/static/../web.py",
    b"/static//etc/passwd",
    b"/static/%00wall.js",
    b"/static/wall.js%00",
    b"/static/wall.js/..",
    b"//etc/passwd",
    b"/api/wall;/static/",
    b"/static/../api/wall",
    b"/healthz/../api/wall",
    b"/API/wall",
]
INNER = b"0\r\n\r\nGET /api/wall HTTP/1.1\r\nHost: localhost\r\n\r\n"
SMUGGLED = b"Content-Length: 44\r\nTransfer-Encoding: chunked\r\n\r\n" + INNER


@pytest.mark.parametrize("path", PATHS)
async def test_traversals_smuggling_and_huge_heads_give_nothing(wall: Wall, path: bytes) -> None:
    status, answered = await asked(wall, b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert status in {400, 401, 404}
    assert b"root:" not in answered
    assert (await asked(wall, b"POST /healthz HTTP/1.1\r\nHost: localhost\r\n" + SMUGGLED))[0] in {400, 403}
    huge = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 20_000 + b"\r\n\r\n"
    assert (await asked(wall, huge))[0] in {400, 431}
