"""A sealed box leaves only after a signed page outside the database covers the row of who opened it (law 15)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from cior_core.model import DataClass, RawId, RawPointer
from cior_core.privacy import Role
from cior_store.answers import RawRow
from integration.console.api_rig import Office, act, office
from integration.console.wall_rig import alert

WHY = {"reason": "acompañamiento"}
BOX = RawRow(
    raw_id="r-1", source="p-1", received_ms=1, sha256="0" * 64, content_type="x", others=0, payload=b"closed box"
)  # fmt: skip


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as running:
        member = msgspec.structs.replace(
            alert(9).members[0], raw=RawPointer(raw_id=RawId("r-1"), sha256="0" * 64)
        )
        running.feed.apply(alert(9, silent=True, data_class=DataClass.SEALED, members=(member,)))
        running.store.boxes["r-1"] = BOX
        await asyncio.sleep(0.02)
        yield running


async def test_law_15_the_box_leaves_after_a_page_has_the_row_of_its_opening(here: Office) -> None:
    async with here.signed_in(Role.RESPONSE_TEAM, login="mar") as team:
        status, answer = await act(team, f"{here.url}/api/v1/sealed/a9/openings", WHY)
    assert (status, len(answer["boxes"])) == (200, 1)
    opened = here.register.read_now(lambda _c: here.register.head)
    assert opened is not None
    assert here.pages.heads[-1].seq == opened.seq, "the page was there before the answer"
    assert here.register.rows[0].act == "sealed.open"


async def test_law_15_no_page_no_box_and_the_answer_says_the_cure(here: Office) -> None:
    here.pages.is_full = True
    async with here.signed_in(Role.RESPONSE_TEAM, login="mar") as team:
        status, answer = await act(team, f"{here.url}/api/v1/sealed/a9/openings", WHY)
        assert (status, answer["code"]) == (503, "checkpoint.unwritten")
        assert "checkpoints/register" in answer["detail_es"]
        assert here.store.asked == [], "the store was not even asked"
        assert here.register.rows[0].act == "sealed.open", "that somebody tried stands there"

        here.pages.is_full = False
        status, answer = await act(team, f"{here.url}/api/v1/sealed/a9/openings", WHY)
        assert (status, len(answer["boxes"])) == (200, 1)


async def test_law_15_where_nobody_signs_pages_nothing_is_opened(here: Office) -> None:
    await asyncio.to_thread(here.signing.stop)
    async with here.signed_in(Role.RESPONSE_TEAM, login="mar") as team:
        status, answer = await act(team, f"{here.url}/api/v1/sealed/a9/openings", WHY)
    assert (status, answer["code"]) == (503, "checkpoint.unwritten")
