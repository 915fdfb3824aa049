"""What is not there, over the portal's HTTP: a camera that never was and footage that has expired end with a signed
negative certificate that anybody verifies; bad orders are answered with what to do, and nothing is half done.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cior_console.judicial_desk import PackageRoom
from cior_core import footage
from cior_core.footage import Removal, RemovalRule, Segment
from cior_core.rfc3339 import to_rfc3339
from cior_register import holds
from doubles.authorities import Authorities
from doubles.packages import START_MS, ring
from doubles.requested import Court
from integration.console.api_rig import Office, office
from integration.console.test_console_requests import Desk, order
from integration.evidence.test_evidence_over_http import BESIDE, WHO, acted, by_openssl, maker

SPAN = {"since": to_rfc3339(START_MS), "until": to_rfc3339(START_MS + 8_000)}


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    return Authorities(tmp_path_factory.mktemp("autoridades"), is_elliptic=True)


@pytest.fixture
def court(tmp_path: Path, quick: Authorities) -> Iterator[Court]:
    """What builds, beside a console of its own register."""
    (tmp_path / "parte").mkdir()
    made = Court(tmp_path / "parte", expired(ring(tmp_path / "anillo", "plaza")), quick)
    yield made
    made.register.close()


@pytest.fixture
async def here(tmp_path: Path, court: Court) -> AsyncIterator[Office]:
    async with office(tmp_path, packages=PackageRoom(shelf=court.shelf, rings=court.shop.rings)) as running:
        running.clock.now_ms = court.shop.now_ms()
        yield running


@pytest.fixture
async def people(here: Office) -> AsyncIterator[dict[str, Desk]]:
    desks = {login: Desk(here, role, login) for login, role in WHO.items()}
    yield desks
    for each in desks.values():
        await each.close()


def expired(folder: Path) -> Path:
    """The ring of "plaza" once retention took its first two segments (eight seconds), as a recorder leaves it."""
    path = folder / footage.index_path("plaza", footage.day_of(START_MS))
    index = footage.read_index(path.read_bytes())
    gone = [
        each.record for each in index.entries if isinstance(each.record, Segment) and each.record.number < 3
    ]
    for each in gone:
        (folder / each.path).unlink()
    size_bytes = sum(each.size_bytes for each in gone)
    removal = Removal(
        camera="plaza",
        first=1,
        last=2,
        size_bytes=size_bytes,
        at_ms=START_MS + 3_600_000,
        rule=RemovalRule.RETENTION,
    )
    entry = footage.entry_after(index.entries[-1].head, removal)
    path.write_bytes(path.read_bytes() + footage.line_of(entry))
    return folder


async def filed(here: Office, people: dict[str, Desk], *items: dict[str, str], **more: Any) -> Any:
    status, page = await people["fiscal"].post("requests", order(here) | {"items": list(items)} | more)
    assert status == 200, page
    return page


async def certificate(
    here: Office, court: Court, people: dict[str, Desk], request_id: str, folder: Path
) -> dict[str, Any]:
    """Ordered, made, given to both parties over HTTP and verified by the program and by openssl; what it says."""
    page = await acted(people, request_id, "archivo", "build")
    await asyncio.to_thread(maker(here, court).look)
    _, page = await people["fiscal"].get(f"requests/{request_id}")
    package = page["package"]
    assert (package["state"], page["line"]["answer"]) == ("ready", "negative"), page
    copies = []
    for who, party in (("fiscal", "fiscalía"), ("defensora", "defensa")):
        given = {"recipient": f"p-{who}", "party": party, "digest": package["digest"]}
        await acted(people, request_id, "archivo", "deliver", **given)
        _, headers, body = await people[who].bytes_of(f"requests/{request_id}/package")
        assert headers["Cior-Package-Digest"] == package["digest"]
        copies.append(body)
    assert copies[0] == copies[1]
    (folder / "copia.zip").write_bytes(copies[0])
    with zipfile.ZipFile(folder / "copia.zip") as packed:
        packed.extractall(folder / "copia")
    there = folder / "copia" / package["name"].lower()
    assert {each.name for each in there.iterdir()} >= {*BESIDE, "bag", "sello"}
    root = court.authorities.folder / "raiz.pem"
    command: list[str | Path] = [sys.executable, "-I", "-S", there / "verify.py", there, "--root", root]
    ran = await asyncio.to_thread(
        subprocess.run,
        [*command, "--digest", package["digest"]],
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout.decode()
    assert await asyncio.to_thread(by_openssl, there, root) == [0, 0, 0]
    assert not (there / "bag/data/nativo").exists()
    assert list((there / "sello").glob("*.pdf")) + list(there.glob("*.pdf")), "there is a signed act"
    said: dict[str, Any] = msgspec.json.decode((there / "bag/meta/solicitud.json").read_bytes())
    assert said["tipo"] == "constancia_negativa"
    return said


async def test_law_15_a_camera_that_never_was_ends_with_a_signed_certificate_that_anybody_verifies(
    here: Office, court: Court, people: dict[str, Desk], tmp_path: Path
) -> None:
    page = await filed(here, people, {"camera": "oroño-y-la-nada", **SPAN})
    line = page["line"]
    assert (line["state"], page["items"][0]["asked_back"]["code"]) == ("observada", "camera_unknown")
    _, page = await people["jefa"].get(f"requests/{line['id']}")
    assert "find_nothing" in page["may"]
    found = {"code": "no_camera", "searched": "catálogo de cámaras, desde 2019"}
    assert (await people["fiscal"].act(line["id"], "find_nothing", **found))[0] == 403
    other = await people["jefa"].act(line["id"], "find_nothing", code="expired", searched="anillos")
    assert (other[0], other[1]["code"]) == (409, "request.asked_back")
    page = await acted(people, line["id"], "jefa", "find_nothing", **found)
    assert (page["line"]["state"], page["answer_said"]["code"]) == ("negativa", "no_camera")
    same = await people["jefa"].act(line["id"], "build")
    assert (same[0], same[1]["code"]) == (403, "request.two_persons")
    said = await certificate(here, court, people, line["id"], tmp_path)
    (negative,) = said["negativas"]
    assert (negative["camara_original"], negative["codigo"]) == ("oroño-y-la-nada", "sin_camara")
    assert (negative["desde"], negative["hasta"]) == (SPAN["since"], SPAN["until"])
    assert "desde 2019" in negative["explicacion"]


async def test_law_15_footage_that_expired_ends_with_a_signed_certificate_that_anybody_verifies(
    here: Office, court: Court, people: dict[str, Desk], tmp_path: Path
) -> None:
    page = await filed(here, people, {"camera": "plaza", **SPAN})
    request_id = page["line"]["id"]
    _, there = await people["mesa"].get(f"requests/{request_id}/availability")
    assert [each["cause"]["code"] for each in there["items"][0]["missing"]] == ["expired"]
    assert there["items"][0]["there"] == []
    for who, kind in (("mesa", "take_up"), ("jefa", "approve"), ("archivo", "build")):
        page = await acted(people, request_id, who, kind)
    await asyncio.to_thread(maker(here, court).look)
    _, page = await people["archivo"].get(f"requests/{request_id}")
    package = page["package"]
    assert (package["state"], package["code"], page["line"]["state"]) == (
        "stopped", "package.nothing_found", "aprobada",
    )  # fmt: skip
    await acted(people, request_id, "archivo", "find_nothing", code="expired", searched="anillo del norte")
    said = await certificate(here, court, people, request_id, tmp_path)
    (negative,) = said["negativas"]
    assert (negative["camara"], negative["codigo"]) == ("plaza", "retencion_vencida")
    assert "anillo del norte" in negative["explicacion"]


async def test_what_is_asked_back_for_another_reason_is_certified_by_nobody(
    here: Office, people: dict[str, Desk]
) -> None:
    bad = [
        ("plaza", "2026-02-31T00:00:00Z", "2026-02-31T01:00:00Z"),
        ("nadie", "2026-02-31T00:00:00Z", "2026-02-31T01:00:00Z"),
        ("nadie", "2023-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("nadie", "2099-01-01T00:00:00Z", "2099-01-01T01:00:00Z"),
        ("nadie", "2026-01-01T00:00:00", "2026-01-01T01:00:00"),
    ]
    for camera, since, until in bad:
        page = await filed(here, people, {"camera": camera, "since": since, "until": until})
        request_id = page["line"]["id"]
        assert page["line"]["state"] == "observada"
        found = {"code": "no_camera", "searched": "catálogo"}
        status, problem = await people["jefa"].act(request_id, "find_nothing", **found)
        assert (status, problem["code"], "no hay cámara" in str(problem)) == (
            409,
            "request.asked_back",
            True,
        ), (
            camera,
            since,
        )
        _, page = await people["fiscal"].get(f"requests/{request_id}")
        assert (page["line"]["state"], page["line"]["version"]) == ("observada", 1)
    both = [{"camera": each, **SPAN} for each in ("plaza", "nadie")]
    page = await filed(here, people, *both)
    _, page = await people["jefa"].get(f"requests/{page['line']['id']}")
    assert ("find_nothing" in page["may"], [each["cameras"] for each in page["holds"]]) == (
        False,
        [["plaza"]],
    )


async def test_an_interval_across_a_change_of_clocks_is_asked_back_where_it_has_two_meanings(
    here: Office, people: dict[str, Desk]
) -> None:
    """Santa Fe changed its clocks last on 14 and 15 March 2009, at midnight back to 23:00."""
    page = await filed(
        here, people, {"camera": "plaza", "since": "2009-03-14T23:30:00", "until": "2009-03-15T00:30:00"}
    )
    item = page["items"][0]
    assert (page["line"]["state"], item["asked_back"]["code"]) == ("observada", "ambiguous")
    told = [(each["since"], each["until"]) for each in item["readings"]]
    assert len(told) == len(set(told)) >= 2
    long = {"camera": "plaza", "since": "2009-03-14T22:00:00-02:00", "until": "2009-03-15T01:00:00-03:00"}
    page = await filed(here, people, long, document="Oficio 2")
    (reading,) = page["items"][0]["readings"]
    assert page["line"]["state"] == "resguardada"
    assert _s(reading["until"]) - _s(reading["since"]) == 4 * 3_600, "an hour longer than its digits"


def _s(text: str) -> float:
    return datetime.fromisoformat(text).astimezone(UTC).timestamp()


async def test_two_orders_that_overlap_keep_what_both_ask_until_the_last_lets_go(
    here: Office, people: dict[str, Desk]
) -> None:
    spans = [(0, 8_000), (4_000, 16_000)]
    ids = []
    for n, (first, last) in enumerate(spans):
        span = {"since": to_rfc3339(START_MS + first), "until": to_rfc3339(START_MS + last)}
        page = await filed(here, people, {"camera": "plaza", **span}, document=f"Oficio {n}")
        ids.append(page["line"]["id"])
    kept = here.register.read_now(lambda each: holds.standing(each, now_ms=here.clock.now_ms)).holds
    assert {each.owner for each in kept} == set(ids)
    await acted(people, ids[0], "mesa", "take_up")
    page = await acted(people, ids[0], "jefa", "reject", code="outside_scope")
    assert page["line"]["state"] == "rechazada"
    _, other = await people["fiscal"].get(f"requests/{ids[1]}")
    assert [each["released_ms"] for each in other["holds"]] == [None]


async def test_an_authority_that_nobody_knows_is_asked_back_and_what_it_asks_is_kept_meanwhile(
    here: Office, people: dict[str, Desk]
) -> None:
    body = order(here) | {"items": [{"camera": "plaza", **SPAN}], "authority": "ovni"}
    status, page = await people["mesa"].post("requests", body)
    assert (status, page["line"]["state"]) == (200, "observada"), page
    assert [each["code"] for each in page["line"]["reasons"]] == ["authority_unknown"]
    assert [each["cameras"] for each in page["holds"]] == [["plaza"]]
    again = await people["mesa"].post("requests", body)
    assert again[1]["line"]["id"] == page["line"]["id"], "the same order is the same request"
    status, problem = await people["jefa"].act(
        page["line"]["id"], "find_nothing", code="no_camera", searched="x"
    )
    assert (status, problem["code"]) == (409, "request.asked_back")
    page = await acted(people, page["line"]["id"], "mesa", "reply", authority="fiscalia")
    assert page["line"]["state"] == "resguardada"
    assert json.dumps(page["holds"]).count('"plaza"') == 1
