"""Sealed boxes at the desk, over real HTTP: closed ones leave for who may build, what was opened where the key
is comes back, and the ledger has each before it is kept.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from nacl.public import PrivateKey

from cior_bus import sealed_box
from cior_bus.openings import Openings
from cior_bus.sealed_content import SealedContent
from cior_console.judicial_desk import PackageRoom
from cior_core.identity import payload_sha256
from cior_core.privacy import Role
from cior_evidence.box_files import ClosedBox, Keeper, opened_by, read_closed
from cior_evidence.box_room import BoxRoom
from cior_evidence.shelf import Shelf
from integration.console.api_rig import Office, office
from integration.console.test_console_packages import NOW_MS, acted, filed
from integration.console.test_console_requests import Desk

TEAM = PrivateKey.generate()
FRAME = b"[#4711|NPA01]"


def box(record: str) -> ClosedBox:
    content = SealedContent(payload=FRAME, sha256=payload_sha256(FRAME), source="urn:cior:dc09:norte")
    sealed = sealed_box.seal(msgspec.msgpack.encode(content), [bytes(TEAM.public_key)])
    return ClosedBox(record=record, received_ms=NOW_MS, sha256=payload_sha256(sealed), box=sealed)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    return tmp_path / "sobres"


@pytest.fixture
async def here(tmp_path: Path, shared: Path) -> AsyncIterator[Office]:
    room = PackageRoom(shelf=Shelf(tmp_path / "paquetes"), boxes=shared)
    async with office(tmp_path, packages=room) as running:
        running.clock.now_ms = NOW_MS
        yield running


@pytest.fixture
async def people(here: Office) -> AsyncIterator[dict[str, Desk]]:
    told = {
        "fiscal": Role.PROSECUTOR, "mesa": Role.CUSTODIAN, "jefa": Role.CUSTODIAN, "archivo": Role.CUSTODIAN,
    }  # fmt: skip
    desks = {login: Desk(here, role, login) for login, role in told.items()}
    yield desks
    for each in desks.values():
        await each.close()


async def approved(here: Office, people: dict[str, Desk]) -> str:
    request_id = await filed(here, people, alerts=["alert-1"])
    await acted(people, request_id, ("mesa", "take_up", {}), ("jefa", "approve", {}))
    return request_id


def opened(folder: Path, closed: bytes) -> dict[str, Any]:
    """Where the key is."""
    record = Openings.open(folder / "aperturas.ndjson")
    keeper = Keeper(
        who="Ana Paz", reason="oficio 12", private_key=bytes(TEAM), openings=record, now_ms=lambda: NOW_MS
    )
    answer, refused = opened_by(keeper, read_closed(closed))
    record.close()
    assert refused == {}
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer))
    return found


async def test_law_9_boxes_leave_and_come_back_with_a_row_each_and_the_page_counts_them(
    here: Office, people: dict[str, Desk], shared: Path, tmp_path: Path
) -> None:
    request_id = await approved(here, people)
    status, page = await people["archivo"].get(f"requests/{request_id}/boxes")
    assert (status, page["is_laid_out"], page["may"]) == (200, False, True)
    assert (await people["archivo"].get(f"requests/{request_id}/boxes/closed"))[1]["code"] == "boxes.none"
    room = BoxRoom(shared, request_id)
    room.lay_out([box("raw-1"), box("raw-2")], sealed=False)
    status, page = await people["archivo"].get(f"requests/{request_id}/boxes")
    assert (page["closed"], page["opened"], [each["record"] for each in page["boxes"]]) == (
        2, 0, ["raw-1", "raw-2"],
    )  # fmt: skip
    status, closed = await people["archivo"].get(f"requests/{request_id}/boxes/closed")
    assert status == 200
    answer = opened(tmp_path, msgspec.json.encode(closed))
    part = answer | {"opened": answer["opened"][:1]}
    status, handed = await people["archivo"].post(f"requests/{request_id}/boxes/opened", part)
    assert (status, handed["handed"]) == (200, [{"record": "raw-1", "code": ""}]), handed
    assert (handed["page"]["closed"], handed["page"]["opened"]) == (1, 1)
    line = handed["page"]["boxes"][0]
    assert (line["opened_by"], line["reason"], line["handed_ms"]) == ("Ana Paz", "oficio 12", NOW_MS)
    assert room.handed().keys() == {"raw-1"}
    rows = [each for each in here.register.rows if each.act in ("request.boxes_out", "request.box_opened")]
    assert [(each.act, each.actor, each.outcome, each.subject) for each in rows] == [
        ("request.boxes_out", "p-archivo", "refused", request_id),
        ("request.boxes_out", "p-archivo", "allowed", request_id),
        ("request.box_opened", "p-archivo", "allowed", request_id),
    ]
    assert (rows[-1].detail["record"], rows[-1].detail["opened_by"], rows[-1].reason) == (
        "raw-1", "Ana Paz", "oficio 12",
    )  # fmt: skip


async def test_law_13_only_who_may_build_touches_boxes_and_each_try_is_a_row(
    here: Office, people: dict[str, Desk], shared: Path, tmp_path: Path
) -> None:
    request_id = await approved(here, people)
    laid = BoxRoom(shared, request_id).lay_out([box("raw-1")], sealed=False)
    answer = opened(tmp_path, msgspec.json.encode(laid))
    assert (await people["jefa"].get(f"requests/{request_id}/boxes"))[1]["why"] == "request.two_persons"
    for path in ("closed", "opened"):
        where = f"requests/{request_id}/boxes/{path}"
        asked = people["jefa"].get(where) if path == "closed" else people["jefa"].post(where, answer)
        assert (await asked)[1]["code"] == "request.two_persons"
        asked = people["fiscal"].get(where) if path == "closed" else people["fiscal"].post(where, answer)
        assert (await asked)[0] == 403
    assert BoxRoom(shared, request_id).handed() == {}
    refused = [each.actor for each in here.register.rows if each.outcome == "refused"]
    assert refused == ["p-jefa", "p-fiscal"] * 2


async def test_law_9_another_requests_answer_and_a_changed_one_are_refused_and_named(
    here: Office, people: dict[str, Desk], shared: Path, tmp_path: Path
) -> None:
    request_id = await approved(here, people)
    BoxRoom(shared, request_id).lay_out([box("raw-1")], sealed=False)
    elsewhere = BoxRoom(shared, "f" * 32).lay_out([box("raw-1")], sealed=False)
    answer = opened(tmp_path, msgspec.json.encode(elsewhere))
    where = f"requests/{request_id}/boxes/opened"
    status, said = await people["archivo"].post(where, answer)
    assert (status, said["code"]) == (409, "boxes.other_request")
    status, said = await people["archivo"].post(where, answer | {"request": request_id})
    assert (status, said["handed"]) == (200, [{"record": "", "code": "boxes.other_request"}])
    assert BoxRoom(shared, request_id).handed() == {}
    row = [each for each in here.register.rows if each.act == "request.box_opened"][-1]
    assert (row.outcome, row.rule) == ("refused", "boxes.other_request")
