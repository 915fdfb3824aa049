"""What a bucket's server may say, and what it means to whoever copies: by a server that says exactly that."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cior_core.errors import (
    CapacityExhausted,
    CiorError,
    ConfigInvalid,
    CredentialsRefused,
    IntegrityBroken,
    SourceUnavailable,
)
from cior_store.locked import BucketPlace, Lock, LockedBucket

CONTENT = b"pictures"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
UNTIL_MS = 4_000_000_000_000
Answer = tuple[int, str, bytes]
XML = "application/xml"


def refusal(status: int, code: str) -> Answer:
    return status, XML, f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode()


def retained(mode: str, until: str) -> Answer:
    body = f"<Retention><Mode>{mode}</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>"
    return 200, XML, body.encode()


FITTING: dict[tuple[str, str], Answer] = {
    ("HEAD", ""): (404, XML, b""),
    ("PUT", ""): (200, XML, b""),
    ("GET", ""): (200, "video/mp4", CONTENT),
    ("GET", "retention"): retained("COMPLIANCE", "2096-10-02T07:06:40Z"),
    ("PUT", "retention"): (200, XML, b""),
    ("GET", "legal-hold"): refusal(404, "NoSuchObjectLockConfiguration"),
}
"""A server that takes an object, gives it back and says that it is locked."""


@contextmanager
def server(**said: Answer) -> Iterator[LockedBucket]:
    """Says what a fitting one says, and otherwise what the test gives: ``PUT``, ``GET_retention``."""
    table = FITTING | {tuple(name.partition("_")[::2]): answer for name, answer in said.items()}

    class Says(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = self.path.partition("?")[2].partition("=")[0]
            status, kind, body = table[self.command, query]
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_HEAD = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Says) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        place = BucketPlace(
            endpoint=f"http://127.0.0.1:{http.server_port}", bucket="held", region="r", key_id="k", secret="s"
        )
        bucket = LockedBucket(place)
        try:
            yield bucket
        finally:
            bucket.close()
            http.shutdown()
            thread.join()


def keep(bucket: LockedBucket) -> None:
    kept = bucket.keep(
        "a",
        io.BytesIO(CONTENT),
        size_bytes=len(CONTENT),
        sha256=SHA256,
        lock=Lock(until_ms=UNTIL_MS),
        told={},
    )
    assert (kept.sha256, kept.lock.until_ms) == (SHA256, UNTIL_MS)


def test_what_is_taken_given_back_and_locked_is_kept() -> None:
    with server() as bucket:
        keep(bucket)


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (refusal(507, "InsufficientStorage"), CapacityExhausted, "copies.full"),
        (refusal(403, "QuotaExceeded"), CapacityExhausted, "copies.full"),
        (refusal(507, "Anything"), CapacityExhausted, "copies.full"),
        ((507, "text/html", b"<h1>full</h1>"), CapacityExhausted, "copies.full"),
        (refusal(403, "AccessDenied"), CredentialsRefused, "copies.credentials"),
        (refusal(403, "ExpiredToken"), CredentialsRefused, "copies.credentials"),
        ((401, "text/html", b"who?"), CredentialsRefused, "copies.credentials"),
        (refusal(403, "RequestTimeTooSkewed"), SourceUnavailable, "copies.clock"),
        (refusal(503, "SlowDown"), SourceUnavailable, "copies.away"),
        ((502, "text/html", b"<h1>bad gateway</h1>"), SourceUnavailable, "copies.away"),
        ((500, XML, b"half of a word <"), SourceUnavailable, "copies.away"),
        (refusal(404, "NoSuchBucket"), ConfigInvalid, "copies.no_bucket"),
    ],
)
def test_each_answer_means_what_somebody_can_do_about_it(
    answer: Answer, kind: type[CiorError], code: str
) -> None:
    with server(PUT=answer) as bucket, pytest.raises(kind) as told:
        keep(bucket)
    assert told.value.code == code
    assert told.value.cure
    assert isinstance(told.value, CapacityExhausted) == (kind is CapacityExhausted)


def test_other_bytes_that_come_back_are_never_taken_for_a_copy() -> None:
    with (
        server(GET=(200, "video/mp4", b"picturez")) as bucket,
        pytest.raises(IntegrityBroken, match="changed"),
    ):
        keep(bucket)


@pytest.mark.parametrize(
    "lock",
    [
        refusal(404, "NoSuchObjectLockConfiguration"),
        retained("GOVERNANCE", "2096-10-02T07:06:40Z"),
        retained("COMPLIANCE", "2096-10-02T07:06:39Z"),
    ],
    ids=["none", "one that its owner can undo", "a second short"],
)
def test_an_object_that_the_server_says_is_not_locked_as_wanted_is_no_copy(lock: Answer) -> None:
    with server(GET_retention=lock) as bucket, pytest.raises(ConfigInvalid, match=r"copies\.no_lock"):
        keep(bucket)
