"""Whose page asks, and where people may sign in at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_console.sign_in.cross_site import Origin, refusal
from cior_console.sign_in.tls import Door
from cior_core.errors import ConfigInvalid

OURS = frozenset({Origin("https", "muro.ciudad.example", 8400)})
GOOD = {
    "Origin": "https://muro.ciudad.example:8400",
    "Sec-Fetch-Site": "same-origin",
    "Content-Type": "application/json; charset=utf-8",
}


def test_our_own_page_may_change_things() -> None:
    assert refusal("POST", GOOD, OURS) is None
    assert refusal("DELETE", {"Origin": GOOD["Origin"]}, OURS) is None, "without a body"
    older = {name: value for name, value in GOOD.items() if name != "Sec-Fetch-Site"}
    assert refusal("DELETE", older, OURS) is None, "a browser that does not say where from"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (
            {"Origin": "https://muro.ciudad.example:3000"},
            "sign_in.origin",
        ),  # Grafana on another port: same *site*
        ({"Origin": "http://muro.ciudad.example:8400"}, "sign_in.origin"),
        ({"Origin": "https://muro.ciudad.example:8400.evil.example"}, "sign_in.origin"),
        ({"Origin": "https://muro.ciudad.example:8400@evil.example"}, "sign_in.origin"),
        ({"Origin": "null"}, "sign_in.origin"),
        ({"Origin": ""}, "sign_in.origin"),
        ({"Sec-Fetch-Site": "same-site"}, "sign_in.fetch_site"),
        ({"Sec-Fetch-Site": "cross-site"}, "sign_in.fetch_site"),
        ({"Sec-Fetch-Site": "none"}, "sign_in.fetch_site"),
        ({"Content-Type": "text/plain"}, "sign_in.content_type"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "sign_in.content_type"),
        ({"Content-Type": ""}, "sign_in.content_type"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "QUERY"])
def test_another_page_may_not(method: str, change: dict[str, str], code: str) -> None:
    assert refusal(method, GOOD | change, OURS) == code


@pytest.mark.parametrize("site", ["same-origin", "none", ""])
def test_what_only_reads_is_for_our_own_page_for_programs_and_for_whoever_typed_it(site: str) -> None:
    said = {"Sec-Fetch-Site": site} if site else {}
    assert refusal("GET", said | {"Sec-Fetch-Mode": "cors"}, OURS) is None


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
@pytest.mark.parametrize("mode", ["cors", "no-cors", "websocket", ""])
def test_another_page_asks_nothing_in_her_name_and_may_lead_here(site: str, mode: str) -> None:
    said = {"Sec-Fetch-Site": site} | ({"Sec-Fetch-Mode": mode} if mode else {})
    assert refusal("GET", said, OURS) == "sign_in.fetch_site"
    assert refusal("GET", said | {"Sec-Fetch-Mode": "navigate"}, OURS) is None, "back from the city's sign-in"


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    found = Origin.read(text)
    assert found is None or Origin.read(str(found)) == found


@pytest.mark.parametrize(
    ("host", "origin", "certificate", "may"),
    [
        ("127.0.0.1", "", None, True),  # the demo
        ("0.0.0.0", "", None, False),
        ("10.0.0.5", "http://muro.ciudad.example", None, False),
        ("10.0.0.5", "https://muro.ciudad.example", None, False),  # nobody says who ends TLS
        ("10.0.0.5", "https://muro.ciudad.example", Path("server.pem"), True),
        ("10.0.0.5", "http://muro.ciudad.example", Path("server.pem"), False),
        ("127.0.0.1", "https://muro.ciudad.example", None, True),  # a proxy on this machine ends it
    ],
)
def test_nobody_signs_in_where_the_network_reads_along(
    host: str, origin: str, certificate: Path | None, *, may: bool
) -> None:
    door = Door(host=host, port=8400, origin=origin, certificate=certificate)
    assert (door.refusal() is None) is may


def test_the_demo_has_both_names_and_passkeys_the_one_that_browsers_accept() -> None:
    door = Door(host="127.0.0.1", port=41000)
    assert {str(each) for each in door.origins()} == {"http://localhost:41000", "http://127.0.0.1:41000"}
    assert str(door.origin_of_passkeys()) == "http://localhost:41000"


@pytest.mark.parametrize("text", ["muro.ciudad.example", "https://muro.ciudad.example/consola", "ftp://x"])
def test_an_origin_that_is_none_is_refused_at_start(text: str) -> None:
    with pytest.raises(ConfigInvalid, match=r"console\.origin"):
        Door(host="127.0.0.1", port=1, origin=text).origins()
