"""What cameras saw that were asked to look, in the operator's page: who, how many, which way, from when to when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from cior_core.model import Place, PlaceMethod
from cior_core.privacy import Role
from cior_core.watching import Watching
from engines.registers import RegisterPlace
from integration.console.page_rig import Screen, room
from integration.console.portal_rig import CAMERAS
from integration.console.wall_rig import NOW_MS, alert

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def looks(now_ms: int) -> tuple[Watching, ...]:
    """One that goes on, one that did not look, and one that nobody heard the end of."""
    asked: dict[str, Any] = {"asked_ms": now_ms - 20_000, "until_ms": now_ms + 40_000}
    return (
        Watching(
            camera="plaza", state="watching", text_es="3 personas, 1 moto hacia el norte",
            text_en="3 persons, 1 motorcycle to the north", from_ms=now_ms - 18_000, to_ms=now_ms - 1_000,
            counts={"person": 3, "motorcycle": 1}, event_id="e-1", **asked,
        ),
        Watching(
            camera="puente", state="not_watched", why="signal_lost", text_es="No se miró: sin señal.",
            text_en="Not watched: no signal.", **asked,
        ),
        Watching(
            camera="terminal", state="watching", asked_ms=now_ms - 200_000, until_ms=now_ms - 140_000,
            text_es="nadie a la vista", text_en="nobody seen",
        ),
    )  # fmt: skip


async def test_an_operator_reads_what_the_cameras_saw_in_both_languages(
    browser: Chrome, tmp_path: Path
) -> None:
    async with room(RegisterPlace.of_file(tmp_path / "register.db"), cameras=CAMERAS) as here:
        screen = Screen(browser, here)
        plaza = CAMERAS["plaza"]
        place = Place(method=PlaceMethod.GPS, lat=plaza.lat, lon=plaza.lon, district="centro")
        here.feed.apply(alert(1, place=place, watchings=looks(NOW_MS)))
        await screen.signed_in("agomez", Role.OPERATOR)
        await screen.go("alerts/a1")
        told = await screen.until(".looks", "3 personas, 1 moto hacia el norte")
        assert "Plaza 25 de Mayo" in told
        assert "mirando" in told
        assert "No se miró: sin señal." in told
        assert "sin respuesta final" in told, "its time is over and nobody said how it ended"
        times = await screen.run("return document.querySelector('.looks time').innerText")
        assert "–" in times
        assert await screen.axe() == []
        assert await screen.complaints() == []
        await screen.shot("looks", tmp_path)
