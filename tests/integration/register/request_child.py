"""Files requests and publishes their states until somebody kills it: ``request_child.py DSN FILE``. Says each request
once it was answered; what is published is appended to the file, durable before it counts as sent.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Sequence
from functools import partial
from threading import Thread
from zoneinfo import ZoneInfo

import msgspec

from cior_core.judicial import acts as a
from cior_core.judicial.asking import Filing, WrittenItem
from cior_core.judicial.jurisdiction import Rules, bundled_jurisdiction
from cior_core.people import LedgerEntry
from cior_core.privacy import LegalBasis
from cior_core.requests import RequestState
from cior_register import requests
from cior_register.register import Register
from cior_register.request_clock import RequestClock

RULES = Rules(bundled_jurisdiction("santa_fe"), ZoneInfo("America/Argentina/Cordoba"))
ITEM = WrittenItem("c", "2026-11-26T21:00Z", "2026-11-26T22:00Z")
NOW_MS = 1_795_780_800_000


def file(register: Register, request_id: str) -> None:
    """One request, held and taken up."""
    filing = Filing("fiscalia", "F", request_id, "O", "motivo", (ITEM,), order=LegalBasis.PROSECUTOR_ORDER)
    told: list[a.Act] = [
        a.File("p", NOW_MS, request_id, filing, ("c",)),
        a.TakeUp("clerk", NOW_MS + 1),
    ]
    for act in told:
        entry = LedgerEntry(at_ms=act.at_ms, actor=act.by, act="request.act", subject=request_id)
        register.submit(entry, partial(requests.take, request_id=request_id, act=act, rules=RULES)).result(60)


def main(dsn: str, path: str) -> None:
    register = Register.open(dsn)
    out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def publish(states: Sequence[RequestState]) -> None:
        os.write(out, b"".join(msgspec.json.encode(each) + b"\n" for each in states))
        os.fsync(out)

    clock = RequestClock(register, RULES, publish, now_ms=lambda: NOW_MS)

    def publishing() -> None:
        while True:
            clock.look()
            time.sleep(0.002)

    Thread(target=publishing, daemon=True).start()
    while True:
        request_id = secrets.token_hex(8)
        file(register, request_id)
        sys.stdout.write(f"did {request_id}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
