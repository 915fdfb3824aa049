"""The audit trail of a request and of a camera's footage, over real HTTP out of a real register: what the ledger has,
by whom it may be taken, and that taking it is a row.
"""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
import zlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from cior_core.people import LedgerEntry
from cior_core.privacy import Role
from cior_register import holds, ledger
from cior_register.holds import Deletion, footage_of
from cior_register.roles import DELETES
from engines.verapdf import VeraPdf
from integration.console.api_rig import Office, office
from integration.console.test_console_requests import Desk, filed

HOUR_MS = 3_600_000
REVIEW = {"Cior-Reason": quote("revisión pedida")}


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as running:
        yield running


@pytest.fixture
async def people(here: Office) -> AsyncIterator[dict[str, Desk]]:
    told = {
        "fiscal": Role.PROSECUTOR, "fiscal2": Role.PROSECUTOR, "mesa": Role.CUSTODIAN, "auditor": Role.AUDITOR,
        "sala": Role.OPERATOR,
    }  # fmt: skip
    desks = {login: Desk(here, role, login) for login, role in told.items()}
    yield desks
    for each in desks.values():
        await each.close()


def rows_of(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


def attached(pdf: bytes) -> list[bytes]:
    """The streams of a PDF, inflated where that can be done."""
    found = []
    for match in re.finditer(rb"stream\r?\n(.*?)\r?\n?endstream", pdf, re.DOTALL):
        try:
            found.append(zlib.decompress(match[1]))
        except zlib.error:
            found.append(match[1])
    return found


def words_of(pdf: bytes, folder: Path) -> str:
    """The printed words, as a reader has them, without the places where lines end."""
    reader = shutil.which("pdftotext")
    if reader is None:
        pytest.skip("pdftotext (poppler) is not on this machine")
    (folder / "trail.pdf").write_bytes(pdf)
    ran = subprocess.run(
        [reader, "-raw", folder / "trail.pdf", "-"], capture_output=True, check=True, timeout=60
    )
    return " ".join(ran.stdout.decode().replace("\u200b", "").split())


async def test_law_9_the_trail_tells_who_when_what_for_and_under_which_end_of_the_chain(
    here: Office, people: dict[str, Desk]
) -> None:
    request_id = (await filed(people, here, reason="=HYPERLINK(1)"))["line"]["id"]
    await people["mesa"].get(f"requests/{request_id}")
    status, headers, body = await people["mesa"].bytes_of(f"requests/{request_id}/trail")
    rows, head = rows_of(body), here.register.read_now(ledger.head)
    assert (status, headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    told = [(row["act"], row["actor"], row["role"], row["purpose"], row["outcome"]) for row in rows]
    assert told == [
        ("request.file", "p-fiscal", "prosecutor", "request_handling", "allowed"),
        ("requests.read", "p-mesa", "custodian", "request_handling", "allowed"),
        ("requests.trail", "p-mesa", "custodian", "request_handling", "allowed"),
    ]
    assert rows[0]["reason"] == "'=HYPERLINK(1)", "no spreadsheet computes it"
    assert {(row["head_seq"], row["head_hash"]) for row in rows} == {(str(head.seq), head.hash)}
    assert rows[-1]["hash"] == head.hash, "asking for it is its last row"
    assert rows[0]["at"].endswith("Z")
    assert rows[0]["at_local"] != rows[0]["at"]


async def test_the_pdf_has_the_same_rows_both_clocks_and_a_validator_takes_it(
    here: Office, people: dict[str, Desk], verapdf: VeraPdf, tmp_path: Path
) -> None:
    hostile = '#read("/etc/passwd") *x* $ @ref <label> ]'
    strange = "ñandú 😀 漢 «ÿ»"
    request_id = (await filed(people, here, reason=hostile))["line"]["id"]
    why = {"Cior-Reason": quote(strange)}
    status, headers, pdf = await people["auditor"].bytes_of(f"requests/{request_id}/trail.pdf", **why)
    assert (status, headers["Content-Type"]) == (200, "application/pdf")
    [inside] = [each for each in attached(pdf) if each.startswith(b"seq,at,")]
    assert [row["act"] for row in rows_of(inside)] == ["request.file", "requests.trail_pdf"]
    (tmp_path / "registro.pdf").write_bytes(pdf)
    said = verapdf.check(tmp_path / "registro.pdf", "3a", "ua1")
    assert said.split() == ["3a", "PASS", "ua1", "PASS"], said
    printed = words_of(pdf, tmp_path)
    head = here.register.read_now(ledger.head)
    for words in (
        hostile,
        "auditoría",
        "ñandú [U+1F600] [U+6F22] «ÿ»",
        "(UTC ",
        f"N.º {head.seq}",
        "cior evidence inclusion",
    ):
        assert words in printed, words
    assert head.hash[:8] in printed


async def test_law_9_whose_request_it_is_not_gets_no_trail_in_either_form(
    here: Office, people: dict[str, Desk]
) -> None:
    request_id = (await filed(people, here))["line"]["id"]
    for form in ("", ".pdf"):
        assert (await people["fiscal2"].get(f"requests/{request_id}/trail{form}"))[0] == 404
        assert (await people["sala"].get(f"requests/{request_id}/trail{form}"))[0] == 403
        status, problem = await people["auditor"].get(f"requests/{request_id}/trail{form}")
        assert (status, problem["code"]) == (403, "access.reason_missing")
    refused = [row.rule for row in here.register.rows if row.outcome == "refused"]
    assert refused == ["deny.not_theirs", "deny.role", "deny.reason_missing"] * 2


async def viewed(here: Office, camera: str, at_ms: int, **detail: Any) -> None:
    said = LedgerEntry(at_ms=at_ms, actor="p-sala", act="footage.open", subject=camera, detail=detail)
    await here.register.act(said, lambda _connection: None)


def _claim(connection: Any, *, gone: Deletion, mark: int) -> None:
    holds.claim(connection, gone, mark=mark)


async def test_a_cameras_trail_has_who_looked_asked_and_deleted_and_nothing_of_another_hour(
    here: Office, people: dict[str, Desk]
) -> None:
    now_ms = here.clock.now_ms
    since, until = now_ms - 3 * HOUR_MS, now_ms - 2 * HOUR_MS
    clip = {"kind": "clip", "from_ms": since - 2_000, "to_ms": since + 4_000}
    asked = {"asked_from_ms": since, "asked_to_ms": since + 2_000}
    await viewed(here, "plaza", now_ms, **clip, **asked)
    await viewed(here, "plaza", now_ms, kind="clip", asked_from_ms=until, asked_to_ms=until + 1_000)
    await viewed(here, "esquina", now_ms, **clip, **asked)
    await viewed(here, "plaza", since + 60_000, kind="live")
    await viewed(here, "plaza", now_ms, kind="live")
    await viewed(here, "plaza", now_ms, answer="access.reason_missing")
    request_id = (await filed(people, here))["line"]["id"]
    await filed(people, here, camera="esquina")
    gone = [
        Deletion(footage_of(each), "2026-01-01T00:00:00", since, since + 1, now_ms)
        for each in ("plaza", "puente")
    ]
    for each in gone:
        entry = LedgerEntry(at_ms=now_ms, actor="recorder", act=DELETES, subject=each.target)
        mark = here.register.read_now(lambda c: holds.standing(c, now_ms=now_ms)).mark
        await here.register.act(entry, partial(_claim, gone=each, mark=mark))
    query = f"since_ms={since}&until_ms={until}"
    status, _, body = await people["mesa"].bytes_of(f"cameras/plaza/trail?{query}")
    rows = rows_of(body)
    assert status == 200
    assert [(row["act"], row["subject"]) for row in rows] == [
        ("footage.open", "plaza"),
        ("footage.open", "plaza"),
        ("footage.open", "plaza"),
        ("request.file", request_id),
        ("retention.delete", footage_of("plaza")),
        ("footage.trail", "plaza"),
    ]
    assert [row["detail"].partition("=")[2] for row in rows[:3]] == [
        f"{since}; asked_to_ms={since + 2_000}; from_ms={since - 2_000}; kind=clip; to_ms={since + 4_000}",
        "live",
        "access.reason_missing",
    ]
    status, _, pdf = await people["auditor"].bytes_of(f"cameras/plaza/trail.pdf?{query}", **REVIEW)
    assert (status, pdf[:5]) == (200, b"%PDF-")


@pytest.mark.parametrize(
    ("since_h", "until_h", "code"), [(2, 2, "footage.interval"), (24 * 32, 0, "trail.too_wide")]
)
async def test_an_interval_that_is_none_or_too_wide_is_said(
    here: Office, people: dict[str, Desk], since_h: int, until_h: int, code: str
) -> None:
    now_ms = here.clock.now_ms
    query = f"since_ms={now_ms - since_h * HOUR_MS}&until_ms={now_ms - until_h * HOUR_MS}"
    status, problem = await people["mesa"].get(f"cameras/plaza/trail?{query}")
    assert (status, problem["code"]) == (422, code)
