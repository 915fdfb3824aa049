"""The pages of judicial requests in a real browser: three cameras, and people who act over HTTP beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from cior_core import bundled
from cior_core.cameras import Camera, Cameras
from cior_core.privacy import Role
from cior_core.rfc3339 import to_rfc3339
from integration.console.page_rig import Room, Screen
from integration.console.people_rig import Browser

CITY = bundled.text("city/districts.geojson").encode()
HOUR_MS = 3_600_000
CAMERAS = Cameras(
    [
        Camera(id="plaza", name="Plaza 25 de Mayo", lat=-32.9470, lon=-60.6400, azimuth_deg=90.0),
        Camera(
            id="puente",
            name="Puente de la estación",
            lat=-32.9480,
            lon=-60.6390,
            stream="rtsp://u:hunter2@h/1",
        ),
        Camera(
            id="terminal", name="Terminal", lat=-32.9490, lon=-60.6380, azimuth_deg=10.0, field_of_view_deg=60
        ),
    ]
)
"""On one line: what lies in the middle of the map is the bridge."""
WRITE_TIME = """
const box = document.querySelectorAll(`input[name=${arguments[0]}]`)[arguments[2] || 0];
box.value = arguments[1];
box.dispatchEvent(new Event('input', {bubbles: true}));
"""

WHEN_MAP_IS_SEEN = """
const done = arguments[arguments.length - 1], look = () => {
  const map = document.querySelector('section.map');
  map?.scrollIntoView({block: 'end'});
  const box = map?.getBoundingClientRect();
  const there = box && document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  there?.tagName === 'CANVAS' ? done() : setTimeout(look, 50);
};
look();
"""
"""A map has a canvas long before that lies where one looks."""
WHEN_ENABLED = """
const done = arguments[arguments.length - 1], look = () =>
  document.querySelector(arguments[0]).disabled ? setTimeout(look, 50) : done();
look();
"""


class Person:
    """Somebody at another browser, who acts over HTTP."""

    def __init__(self, browser: Browser, secret: str) -> None:
        self._browser, self.secret = browser, secret
        self._keys = 0

    @staticmethod
    async def signed_in(here: Room, login: str, role: Role) -> Person:
        await here.add(login, role, name=login.title())
        browser = here.browser()
        secret = await here.enrolled(browser, login)
        here.pass_s(31)
        return Person(browser, secret)

    async def post(self, path: str, body: Any) -> dict[str, Any]:
        self._keys += 1
        status, page = await self._browser.post(path, body, **{"Idempotency-Key": f"clave-{self._keys:08}"})
        assert status == 200, page
        return dict(page)

    async def get(self, path: str) -> dict[str, Any]:
        status, page = await self._browser.get(path)
        assert status == 200, page
        return dict(page)

    async def act(self, request_id: str, kind: str, **more: Any) -> dict[str, Any]:
        return await self.post(f"requests/{request_id}/acts", {"kind": kind} | more)


def order(here: Room, *, zone: str = "Z", **changes: Any) -> dict[str, Any]:
    since, until = (to_rfc3339(here.clock.now_ms - n * HOUR_MS)[:19] + zone for n in (8, 7))
    return {
        "authority": "fiscalia", "office": "Fiscalía Regional 2", "case": "21-0000001-1", "document": "Oficio 1",
        "reason": "Homicidio", "order": "prosecutor_order",
        "items": [{"camera": "plaza", "since": since, "until": until}],
    } | changes  # fmt: skip


def local(here: Room, hours_ago: float) -> str:
    """As a clock in Santa Fe showed it (UTC-03:00 all year), for a field of the browser."""
    return to_rfc3339(int(here.clock.now_ms - (hours_ago + 3) * HOUR_MS))[:19]


async def picture(screen: Screen, name: str, folder: Path) -> None:
    """To look at; of docs/img when ``CIOR_SHOTS`` names it (``make pictures``)."""
    await screen.shot(name, Path(os.environ.get("CIOR_SHOTS", str(folder))))


async def press_named(screen: Screen, name: str) -> None:
    """The first button of this name."""
    script = "[...document.querySelectorAll('button')].find((one) => one.innerText === arguments[0]).click()"
    await screen.run(script, name)


async def take(screen: Screen, name: str) -> None:
    """An act that needs nothing more."""
    await press_named(screen, name)
    await screen.until("form.hand-over h4", name)
    await screen.press("form.hand-over button[type=submit]")


async def posted(screen: Screen, body: Any) -> dict[str, Any]:
    """Filed by whoever sits at the browser."""
    script = """
    const done = arguments[arguments.length - 1];
    fetch('/api/v1/requests', {method: 'POST', body: JSON.stringify(arguments[0]),
      headers: {'Content-Type': 'application/json', 'Idempotency-Key': 'clave-0001'}})
      .then((answer) => answer.json()).then(done);
    """
    return dict(await screen.do(lambda: screen.chrome.execute_async_script(script, body)))


async def fits(screen: Screen) -> bool:
    """Whether nobody has to scroll sideways."""
    script = "return document.documentElement.scrollWidth <= innerWidth + 1"
    return bool(await screen.run(script))
