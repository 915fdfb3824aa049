"""Whatever a wire can say, a page says and never runs: scripts in every text that an alert, a question, the city, the
taxonomy and the centre's name have, in a real browser.
"""

from __future__ import annotations

import asyncio
import json
import time
import typing
from typing import Any

import msgspec
import pytest
from selenium import webdriver
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from cior_core.model import Alert, AlertId, AlertStatus, Level, Place, PlaceMethod, Suppression, TypeCode
from integration.console.wall_rig import CITY, NOW_MS, TOKEN, Wall, alert, served

RUN = "window.ran=1"
SCRIPTS = {
    "script": f"<script>{RUN}</script>",
    "closed": f"</script></style></title></textarea><script>{RUN}</script>",
    "image": f"<img src=x onerror={RUN}>",
    "svg": f"<svg onload={RUN}><animate onbegin={RUN} attributeName=x dur=1s></svg>",
    "svg script": f'<svg><script href="data:text/javascript,{RUN}"/></svg>',
    "attribute": f'"><b autofocus onfocus={RUN} tabindex=1>',
    "attribute without brackets": f"' onmouseover='{RUN}' onfocus='{RUN}' autofocus x='",
    "address": f"javascript:{RUN}",
    "link": f'<a href="javascript:{RUN}" id=x>a</a><iframe src="javascript:parent.{RUN}"></iframe>',
    "data": f"data:text/html,<script>parent.{RUN}</script>",
    "template": "${window.ran=1} {{constructor.constructor('window.ran=1')()}} <%= window.ran=1 %> #{window.ran=1}",
    "style": "<style>@import 'javascript:window.ran=1'</style><link rel=stylesheet href=x>",
    "object": f'<object data="data:text/html,<script>parent.{RUN}</script>"></object><embed src=x>',
    "meta": f'<meta http-equiv=refresh content="0;url=javascript:{RUN}"><base href=//x>',
    "math": f'<math><mtext><mglyph><style><!--</style><img title="--><img src=x onerror={RUN}>">',
    "half": f"<img src=x onerror={RUN} ",
    "coded": "&lt;img src=x onerror=window.ran=1&gt; \\u003cscript\\u003ewindow.ran=1\\u003c/script\\u003e",
    "prototype": "__proto__",
    "lines": f"\u2028</script>\u2029<script>\r\n{RUN}</script>\0",
    "event": f"\n\nevent: alert\ndata: <script>{RUN}</script>\n\n",
}
"""Ways of writing something that would set ``window.ran``."""
FORBIDDEN = (
    "img, svg script, iframe, object, embed, a[href^='javascript'], base, meta[http-equiv=refresh], "
    "[onerror], [onload], [onfocus], [onmouseover]"
)


def said_everywhere(record: Any, text: str, **keep: Any) -> Any:
    """``record`` with ``text`` in every text that it has, its parts' included; ``keep`` stays as given."""
    hints = typing.get_type_hints(type(record))
    changes: dict[str, Any] = {}
    for name in record.__struct_fields__:
        value = getattr(record, name)
        kind = getattr(hints[name], "__supertype__", hints[name])
        if isinstance(value, msgspec.Struct):
            changes[name] = said_everywhere(value, text)
        elif isinstance(value, tuple):
            changes[name] = tuple(_said(each, text) for each in value)
        elif isinstance(value, str) and type(value) is str and kind in (str, str | None):
            changes[name] = text
    return msgspec.structs.replace(record, **{**changes, **keep})


def _said(part: Any, text: str) -> Any:
    if isinstance(part, msgspec.Struct):
        return said_everywhere(part, text)
    return text if type(part) is str else part


def loud(number: int, text: str, **change: Any) -> Alert:
    place = Place(method=PlaceMethod.GPS, lat=-32.95, lon=-60.64, district=text)
    made: Alert = said_everywhere(
        alert(number), text, id=AlertId(f"{number}-{text}"), type=TypeCode(f"t-{text}"), place=place, **change
    )
    return made


def city_of(text: str) -> bytes:
    found = json.loads(CITY)
    for feature in found["features"]:
        feature["properties"] = {"id": text, "name": text, "note": text}
        text += "2"
    return json.dumps(found).encode()


def questions_of(text: str) -> dict[str, Any]:
    spot = {"name": text, "state_es": text, "state_en": text, "since_ms": NOW_MS, "late": True}
    return {
        "latency": lambda: {"n": text, "p50_ms": text, "p95_ms": text, "p99_ms": text},
        "balance": lambda: {"accepted": text, "raw": text, "events": text, "dead": text, "gap": text},
        "blind": lambda: [spot],
        "sources": lambda: [{"source": text, "signals": text, "dead": text}],
    }


def wall_of(kind: str) -> Any:
    text = SCRIPTS[kind]
    return served(centre=text, city=city_of(text), questions=questions_of(text))


def fill(wall: Wall, text: str) -> None:
    """Alerts in every state that the page draws in its own way."""
    muted = Suppression(by=text, reason=text, since_ms=NOW_MS, until_ms=NOW_MS + 60_000)
    shapes: list[dict[str, Any]] = [
        {},
        {"status": AlertStatus.ACKNOWLEDGED, "assignee": text},
        {"silent": True, "level": Level.P1},
        {"degraded": True, "drill": True},
        {"suppression": muted, "level": Level.P3, "life_safety": False},
        {"group": text},
        {"group": text},
    ]
    for number, shape in enumerate(shapes):
        wall.feed.apply(loud(number, text, **{"group": ""} | shape))


def _said_by(browser: Any) -> list[dict[str, Any]]:
    """What the browser's console has said since it was last asked."""
    lines: list[dict[str, Any]] = browser.get_log("browser")
    return lines


def nothing_ran(browser: webdriver.Chrome) -> None:
    assert browser.execute_script("return window.ran") is None
    with pytest.raises(NoAlertPresentException):
        browser.switch_to.alert.dismiss()
    made = browser.find_elements(By.CSS_SELECTOR, FORBIDDEN)
    assert [each.get_attribute("outerHTML") for each in made] == [], "a text became a part of the page"
    inline = browser.execute_script("return [...document.scripts].filter((each) => !each.src).length")
    assert inline == 0
    blocked = [line["message"] for line in _said_by(browser) if "Content Security Policy" in line["message"]]
    assert blocked == [], "the browser had to hold back what the page would have run"


@pytest.mark.parametrize("kind", SCRIPTS)
async def test_a_script_in_whatever_a_page_shows_is_shown_and_not_run(
    kind: str, browser: webdriver.Chrome
) -> None:
    text = SCRIPTS[kind]
    async with wall_of(kind) as wall:

        def look() -> None:
            _said_by(browser)
            browser.get(f"{wall.url}/?token={TOKEN}")
            WebDriverWait(browser, 15).until(lambda d: d.find_elements(By.CSS_SELECTOR, "#map .district"))
            fill(wall, text)
            WebDriverWait(browser, 15).until(lambda d: len(d.find_elements(By.CSS_SELECTOR, "#list li")) >= 5)
            WebDriverWait(browser, 15).until(lambda d: d.find_element(By.ID, "blind").text)
            browser.execute_script(
                "document.querySelectorAll('#list li, #list button').forEach((row) => { row.focus(); row.click(); })"
            )
            browser.find_element(By.ID, "lang").click()
            time.sleep(0.2)
            nothing_ran(browser)

        await asyncio.to_thread(look)


async def test_a_page_that_ran_one_would_be_seen(browser: webdriver.Chrome) -> None:
    """The look itself: a text that is put into the page as HTML is found."""
    async with wall_of("image") as wall:

        def look() -> None:
            browser.get(f"{wall.url}/?token={TOKEN}")
            browser.execute_script(
                "document.body.insertAdjacentHTML('beforeend', arguments[0])", SCRIPTS["image"]
            )
            with pytest.raises(AssertionError, match="a part of the page"):
                nothing_ran(browser)
            _said_by(browser)

        await asyncio.to_thread(look)
