"""What there is before it is promised, and the sealed package over real HTTP: the same bytes for both parties, a ledger
row before the first of them, nobody else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cior_console.judicial_desk import PackageRoom
from cior_core.judicial.acts import Assemble, Seal, SealCopy
from cior_core.judicial.asking import Span
from cior_core.people import LedgerEntry
from cior_core.privacy import Role
from cior_core.rfc3339 import to_rfc3339
from cior_evidence.shelf import Making, Phase, Progress, Shelf, package_id
from cior_register import requests
from doubles.packages import START_MS, ring
from integration.console.api_rig import Office, office
from integration.console.test_console_requests import Desk, order

DIGEST = "d" * 64
NOW_MS = START_MS + 3_600_000
ZIP = bytes(range(256)) * 1_000
OTHER, COPY = "e" * 64, b"another package" * 100


@pytest.fixture
async def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "paquetes")


@pytest.fixture
async def here(tmp_path: Path, shelf: Shelf) -> AsyncIterator[Office]:
    room = PackageRoom(
        shelf=shelf, rings=(ring(tmp_path / "otro", "nobody"), ring(tmp_path / "anillo", "plaza"))
    )
    async with office(tmp_path, packages=room) as running:
        running.clock.now_ms = NOW_MS
        yield running


@pytest.fixture
async def people(here: Office) -> AsyncIterator[dict[str, Desk]]:
    told = {
        "fiscal": Role.PROSECUTOR, "fiscal2": Role.PROSECUTOR, "defensora": Role.DEFENDER, "mesa": Role.CUSTODIAN,
        "jefa": Role.CUSTODIAN, "archivo": Role.CUSTODIAN,
    }  # fmt: skip
    desks = {login: Desk(here, role, login) for login, role in told.items()}
    yield desks
    for each in desks.values():
        await each.close()


async def filed(here: Office, people: dict[str, Desk], **changes: Any) -> str:
    """An order for the 14 s of the drawn ring, whose third segment is missing."""
    span = {"since": to_rfc3339(START_MS), "until": to_rfc3339(START_MS + 14_000)}
    items = [{"camera": "plaza", **span}, {"camera": "esquina", **span}]
    status, page = await people["fiscal"].post("requests", order(here) | {"items": items} | changes)
    assert status == 200, page
    return str(page["line"]["id"])


async def acted(people: dict[str, Desk], request_id: str, *steps: tuple[str, str, dict[str, Any]]) -> Any:
    page: Any = None
    for who, kind, more in steps:
        status, page = await people[who].act(request_id, kind, **more)
        assert status == 200, (kind, page)
    return page


async def delivered(here: Office, people: dict[str, Desk], shelf: Shelf) -> str:
    """Sealed as the building part writes it, and given to the prosecutor."""
    request_id = await filed(here, people)
    await acted(
        people, request_id, ("mesa", "take_up", {}), ("jefa", "approve", {}), ("archivo", "build", {})
    )
    rules = here.handling.requests.room.rules
    found = here.register.read_now(lambda each: requests.the(each, request_id))
    span = Span(since_s=START_MS // 1000, until_s=START_MS // 1000 + 14)
    made = Assemble(by="p-archivo", at_ms=NOW_MS, covered={0: (span,), 1: (span,)}, hand="cior.evidence")
    sealed = Seal(by="p-archivo", at_ms=NOW_MS, digest=DIGEST, hand="cior.evidence")
    for act in (made, sealed):
        entry = LedgerEntry(at_ms=NOW_MS, actor="p-archivo", act="request.assemble", subject=request_id)
        here.register.submit(
            entry, partial(requests.take, request_id=request_id, act=act, rules=rules)
        ).result(5)
    shelf.out.mkdir(exist_ok=True)
    shelf.archive(package_id(found)).write_bytes(ZIP)
    shelf.tell(Progress(name=package_id(found), state=Making.READY, digest=DIGEST, size_bytes=len(ZIP)))
    return request_id


async def test_a_custodian_sees_what_there_is_before_anybody_approves(
    here: Office, people: dict[str, Desk]
) -> None:
    request_id = await filed(here, people)
    status, page = await people["mesa"].get(f"requests/{request_id}/availability")
    assert status == 200, page
    plaza, corner = page["items"]
    whole = {"since": to_rfc3339(START_MS), "until": to_rfc3339(START_MS + 14_000)}
    assert plaza["asked"] == plaza["held"] == corner["held"] == [whole]
    assert [(each["since"], each["until"]) for each in plaza["there"]] == [
        (to_rfc3339(START_MS), to_rfc3339(START_MS + 8_000)),
        (to_rfc3339(START_MS + 12_000), to_rfc3339(START_MS + 14_000)),
    ]
    assert [(each["cause"]["code"], each["since"]) for each in plaza["missing"]] == [
        ("camera_down", to_rfc3339(START_MS + 8_000))
    ]
    assert (corner["there"], [each["cause"]["code"] for each in corner["missing"]]) == ([], ["unknown"])
    assert (await people["fiscal"].get(f"requests/{request_id}/availability"))[0] == 403
    rows = [each for each in here.register.rows if each.act == "request.availability"]
    assert [(each.actor, each.outcome, each.subject) for each in rows] == [
        ("p-mesa", "allowed", request_id),
        ("p-fiscal", "refused", request_id),
    ]


async def test_availability_names_a_file_that_is_gone_and_an_index_that_was_changed(
    here: Office, people: dict[str, Desk], tmp_path: Path
) -> None:
    request_id = await filed(here, people)
    first = min((tmp_path / "anillo").rglob("*.mp4"))
    first.unlink()
    _, page = await people["mesa"].get(f"requests/{request_id}/availability")
    assert [each["cause"]["code"] for each in page["items"][0]["missing"]] == ["lost", "camera_down"]
    index = next(
        path for path in (tmp_path / "anillo").rglob("*") if path.is_file() and path.suffix != ".mp4"
    )
    content = index.read_bytes()
    index.write_bytes(content.replace(b'"frames":40', b'"frames":41', 1))
    _, page = await people["mesa"].get(f"requests/{request_id}/availability")
    assert page["items"][0]["code"] == "ring.chain"
    assert (page["items"][0]["there"], page["items"][1]["code"]) == ([], "")


async def test_who_may_build_orders_it_and_the_page_tells_how_it_stands(
    here: Office, people: dict[str, Desk], shelf: Shelf
) -> None:
    request_id = await filed(here, people)
    page = await acted(people, request_id, ("mesa", "take_up", {}), ("jefa", "approve", {}))
    assert page["package"] is None
    assert (await people["jefa"].act(request_id, "build"))[1]["code"] == "request.two_persons"
    page = await acted(people, request_id, ("archivo", "build", {}))
    assert (page["package"]["state"], page["line"]["state"]) == ("ordered", "aprobada")
    assert page["story"][-1]["act"] == "build"
    name = page["package"]["name"]
    shelf.tell(
        Progress(
            name=name, state=Making.WAITING, phase=Phase.SEAL, code="seal.tsa_away", cure="…", size_bytes=7
        )
    )
    _, page = await people["fiscal"].get(f"requests/{request_id}")
    assert page["package"] == {
        "name": name, "digest": "", "size_bytes": 7, "state": "waiting", "code": "seal.tsa_away", "cure": "…",
        "progress": "seal", "parts": 1, "zips": [],
    }  # fmt: skip
    again = await acted(people, request_id, ("mesa", "build", {}))
    assert again["package"]["name"] != name
    assert again["package"]["state"] == "ordered"


async def test_law_9_a_copy_is_given_to_who_was_given_one_and_each_download_is_in_the_ledger_first(
    here: Office, people: dict[str, Desk], shelf: Shelf
) -> None:
    request_id = await delivered(here, people, shelf)
    path = f"requests/{request_id}/package"
    assert (await people["fiscal"].get(path))[1]["code"] == "request.not_delivered"
    assert (await people["fiscal2"].get(path))[1]["code"] == "request.unknown"
    for who, party in (("fiscal", "fiscalía"), ("defensora", "defensa")):
        await acted(
            people, request_id,
            ("archivo", "deliver", {"recipient": f"p-{who}", "party": party, "digest": DIGEST}),
        )  # fmt: skip
    got = {who: await people[who].bytes_of(path) for who in ("fiscal", "defensora", "mesa")}
    assert {status for status, _, _ in got.values()} == {200}
    assert {body for _, _, body in got.values()} == {ZIP}
    headers = got["fiscal"][1]
    assert (headers["Content-Type"], headers["Content-Length"]) == ("application/zip", str(len(ZIP)))
    assert headers["Content-Disposition"].startswith('attachment; filename="cior-2026-')
    status, headers, part = await people["fiscal"].bytes_of(path, Range="bytes=256000-")
    assert status == 416
    status, headers, part = await people["fiscal"].bytes_of(path, Range="bytes=255744-")
    assert (status, headers["Content-Range"], part) == (206, "bytes 255744-255999/256000", bytes(range(256)))
    rows = [(each.actor, each.outcome.value, each.purpose, each.rule) for each in _downloads(here)]
    assert rows[:2] == [
        ("p-fiscal", "refused", "request_handling", "deny.not_delivered"),
        ("p-fiscal2", "refused", "request_handling", "deny.not_theirs"),
    ]
    assert rows[2:5] == [
        ("p-fiscal", "allowed", "judicial_request", "court-restricted"),
        ("p-defensora", "allowed", "judicial_request", "defence-copy"),
        ("p-mesa", "allowed", "judicial_request", "custodian-restricted"),
    ]
    assert _downloads(here)[2].detail["digest"] == DIGEST


async def test_law_9_a_large_package_is_given_part_by_part_each_in_the_ledger(
    here: Office, people: dict[str, Desk], shelf: Shelf
) -> None:
    request_id = await delivered(here, people, shelf)
    name = package_id(here.register.read_now(lambda each: requests.the(each, request_id)))
    second = shelf.archive(name, part=2, parts=2)
    second.write_bytes(COPY)
    shelf.tell(Progress(name=name, state=Making.READY, digest=DIGEST, size_bytes=1, parts=2))
    _, page = await people["mesa"].get(f"requests/{request_id}")
    assert page["package"]["parts"] == 2
    path = f"requests/{request_id}/package"
    assert (await people["mesa"].bytes_of(path))[2] == ZIP
    status, headers, content = await people["mesa"].bytes_of(f"{path}?part=2")
    assert (status, content) == (200, COPY)
    assert f'filename="{second.name}"' in headers["Content-Disposition"]
    assert second.name.endswith(".parte-02-de-02.zip")
    assert [each.detail.get("part", "") for each in _downloads(here)] == ["", "2"]
    assert (await people["fiscal"].bytes_of(f"{path}?part=2"))[0] == 403, "nobody gave it to them yet"
    assert [(await people["mesa"].bytes_of(f"{path}?part={n}"))[0] for n in ("3", "0", "x")] == [
        404,
        422,
        422,
    ]
    second.unlink()
    assert (await people["mesa"].bytes_of(f"{path}?part=2"))[0] == 409


async def test_no_byte_leaves_while_the_ledger_is_away_or_when_the_shelf_has_another_package(
    here: Office, people: dict[str, Desk], shelf: Shelf
) -> None:
    request_id = await delivered(here, people, shelf)
    path = f"requests/{request_id}/package"
    name = shelf.progress(package_id(here.register.read_now(lambda c: requests.the(c, request_id)))).name
    shelf.tell(Progress(name=name, state=Making.READY, digest="e" * 64, size_bytes=len(ZIP)))
    assert (await people["mesa"].get(path))[1]["code"] == "request.package_elsewhere"
    shelf.tell(Progress(name=name, state=Making.READY, digest=DIGEST, size_bytes=len(ZIP)))
    here.register.is_cut = True
    status, _, body = await people["mesa"].bytes_of(path)
    assert (status, ZIP[:64] in body) == (503, False)


async def test_law_9_a_copy_is_ordered_by_who_may_build_and_goes_to_who_was_given_that_one(
    here: Office, people: dict[str, Desk], shelf: Shelf
) -> None:
    request_id = await delivered(here, people, shelf)
    path = f"requests/{request_id}/copies/1"
    assert (await people["fiscal"].act(request_id, "derive", copy="view"))[1]["code"] == "request.not_yours"
    assert (await people["jefa"].act(request_id, "derive", copy="view"))[1]["code"] == "request.two_persons"
    assert (await people["mesa"].bytes_of(path))[0] == 404
    page = await acted(people, request_id, ("archivo", "derive", {"copy": "view"}))
    copy = page["copies"][0]
    assert (copy["kind"], copy["state"], copy["digest"]) == ("view", "ordered", "")
    shelf.tell(
        Progress(name=copy["name"], state=Making.BUILDING, phase=Phase.PICTURES, pictures=30, pictures_of=80)
    )
    _, page = await people["mesa"].get(f"requests/{request_id}")
    copy = page["copies"][0]
    assert (copy["state"], copy["progress"], copy["pictures"], copy["pictures_of"]) == (
        "building", "pictures", 30, 80,
    )  # fmt: skip
    assert (await people["mesa"].get(path))[1]["code"] == "request.not_sealed"
    sealed = SealCopy(by="p-archivo", at_ms=NOW_MS, n=1, digest=OTHER, hand="cior.evidence")
    entry = LedgerEntry(at_ms=NOW_MS, actor="p-archivo", act="request.seal_copy", subject=request_id)
    rules = here.handling.requests.room.rules
    here.register.submit(
        entry, partial(requests.take, request_id=request_id, act=sealed, rules=rules)
    ).result(5)
    shelf.archive(copy["name"]).write_bytes(COPY)
    shelf.tell(Progress(name=copy["name"], state=Making.READY, digest=OTHER, size_bytes=len(COPY)))
    # The package itself was given, and that gives nobody the copy, nor tells of it.
    given = ("archivo", "deliver", {"recipient": "p-fiscal", "party": "fiscalía", "digest": DIGEST})
    await acted(people, request_id, given)
    assert (await people["fiscal"].get(path))[1]["code"] == "request.not_delivered"
    assert (await people["fiscal"].get(f"requests/{request_id}"))[1]["copies"] == []
    given = ("archivo", "deliver", {"recipient": "p-defensora", "party": "defensa", "digest": OTHER})
    page = await acted(people, request_id, given)
    assert page["line"]["state"] == "entregada"
    status, headers, body = await people["defensora"].bytes_of(path)
    assert (status, body, headers["Cior-Package-Digest"]) == (200, COPY, OTHER)
    assert headers["Content-Disposition"].endswith('-c1.zip"')
    # Whoever was given the copy alone does not get the original.
    status, page = await people["defensora"].get(f"requests/{request_id}/package")
    assert (status, page["code"]) == (403, "request.not_delivered")
    rows = [
        (each.actor, each.outcome.value, each.purpose, each.detail.get("digest", ""))
        for each in here.register.rows
        if each.act == "request.copy"
    ]
    assert rows[-2:] == [
        ("p-fiscal", "refused", "request_handling", ""),
        ("p-defensora", "allowed", "judicial_request", OTHER),
    ]


def _downloads(here: Office) -> list[Any]:
    return [each for each in here.register.rows if each.act == "request.package"]
