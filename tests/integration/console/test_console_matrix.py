"""The whole matrix over real HTTP: every endpoint with every role, and with nobody, denials included."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cior_console import openapi
from cior_console.acts import act_rules
from cior_console.endpoints import Endpoint, Table
from cior_console.table import all_endpoints
from cior_core.agreements import Agreement, Terms
from cior_core.errors import ConfigInvalid
from cior_core.model import ActionKind
from cior_core.people import Grant, LedgerEntry, Person, Scope
from cior_core.privacy import Role, Share
from cior_register import agreements, people
from integration.console.api_rig import POLICY, Office, act, office
from integration.console.wall_rig import alert

NAMED = {"alert_id": "a1", "name": "wall.css", "question": "latency"}
WHY = {"Cior-Reason": "prueba"}
ENDPOINTS = all_endpoints()
GUARDED = tuple(each for each in ENDPOINTS if not each.is_open)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as running:
        running.feed.apply(alert(1))
        yield running


def address(here: Office, endpoint: Endpoint) -> str:
    values = {name: NAMED.get(name, "none") for name in endpoint.parameters}
    return here.url + endpoint.path.format_map(values)


async def asked(
    here: Office, browser: aiohttp.ClientSession, endpoint: Endpoint, **headers: str
) -> tuple[int, str]:
    """Status and problem code; of a stream its beginning is enough."""
    body: Any = {"json": {}} if endpoint.body is not None else {}
    async with browser.request(
        endpoint.method, address(here, endpoint), headers=headers, allow_redirects=False, **body
    ) as answer:
        if endpoint.streams and answer.status == 200:
            return 200, ""
        found: Any = await answer.json(content_type=None) if "json" in answer.content_type else {}
        return answer.status, found.get("code", "") if isinstance(found, dict) else ""


async def test_law_9_nobody_gets_anything_that_is_not_open_to_all(here: Office) -> None:
    async with aiohttp.ClientSession(headers={"Origin": here.url}) as nobody:
        statuses = {each.name: (await asked(here, nobody, each))[0] for each in GUARDED}
    assert {name: status for name, status in statuses.items() if status != 401} == {}
    assert here.register.rows == []


MINISTRY = Scope(agencies=("ministerio",))


async def agreed(here: Office) -> None:
    """The ministry has an agreement that shares everything of a district."""
    now_ms = here.clock.now_ms
    terms = Terms(
        document="Convenio 1",
        agency="ministerio",
        purpose="Ensayo",
        kinds=frozenset(Share),
        starts_ms=now_ms,
        ends_ms=now_ms + 3_600_000,
        districts=("sur",),
    )
    made = Agreement(
        id="a", terms=terms, proposed_by="p-ana", proposed_ms=now_ms, approved_by="p-eva", approved_ms=now_ms
    )

    def work(connection: Any) -> None:
        people.add(connection, Person("p-ana", "ana", "Ana", grants=(Grant(Role.SUPERVISOR),)), now_ms=now_ms)
        agreements.propose(connection, made)

    await here.register.act(LedgerEntry(at_ms=now_ms, actor="test", act="test.agreed"), work)


@pytest.mark.parametrize("role", Role)
async def test_law_9_every_endpoint_answers_a_role_as_the_matrix_says(here: Office, role: Role) -> None:
    wrong: list[tuple[str, Any]] = []
    refused = 0
    await agreed(here)
    async with here.signed_in(role, MINISTRY if role is Role.PARTNER else Scope()) as browser:
        for endpoint in GUARDED:
            bare, said = (
                openapi.judged(endpoint, role, POLICY),
                openapi.judged(endpoint, role, POLICY, reason="x"),
            )
            status, code = await asked(here, browser, endpoint, **WHY)
            is_denied = said.outcome == "deny"
            if is_denied != (code.startswith("access.")) or is_denied != (status == 403):
                wrong.append((endpoint.name, (status, code, said.code)))
            refused += is_denied
            if bare.outcome == "deny" and not is_denied and endpoint.body is None:
                status, code = await asked(here, browser, endpoint)
                refused += 1
                if (status, code) != (403, "access.reason_missing"):
                    wrong.append((endpoint.name, (status, code, "without a reason")))
    assert wrong == []
    denied = [
        row for row in here.register.rows if row.outcome.value == "refused" and row.rule.startswith("deny.")
    ]
    assert len(denied) == refused


def test_law_9_no_row_of_the_table_names_a_role_that_the_privacy_table_refuses() -> None:
    dead = [
        (each.name, role.value)
        for each in GUARDED
        for role in each.roles
        if openapi.judged(each, role, POLICY, reason="x").outcome == "deny"
    ]
    assert dead == []


def test_law_13_whatever_changes_something_writes_its_row() -> None:
    asking = {"session.passkey_asked", "factor.passkey_asked", "factor.code_asked"}
    found = {each.name for each in GUARDED if each.is_unsafe and each.ledgered.value != "act"}
    assert found <= asking, "what asks for a challenge changes nothing; all else writes its row"


def test_an_endpoint_that_names_nobody_is_not_served() -> None:
    first = GUARDED[0]
    changes: tuple[dict[str, Any], ...] = ({"roles": frozenset()}, {"is_open": True})
    for change in changes:
        values = {name: getattr(first, name) for name in Endpoint.__struct_fields__} | change
        with pytest.raises(ConfigInvalid, match=r"endpoint\.invalid"):
            Table([Endpoint(**values)])
    with pytest.raises(ConfigInvalid, match="twice"):
        Table([first, first])


def test_every_act_has_a_row_that_says_who_may_take_it() -> None:
    assert set(act_rules()) == set(ActionKind)
    assert [
        kind for kind, rule in act_rules().items() if not rule.roles or not rule.sealed <= rule.roles
    ] == []


@pytest.mark.parametrize(
    "kind",
    [kind for kind in ActionKind if kind not in ("open", "set_posture", "hand_over", "silence", "unsilence")],
)
async def test_law_13_every_act_is_refused_to_every_role_that_its_row_does_not_name(
    here: Office, kind: ActionKind
) -> None:
    for role in (Role.OPERATOR, Role.DISPATCHER, Role.SUPERVISOR, Role.RESPONSE_TEAM, Role.AGENCY):
        scope = Scope(agencies=("provincial",)) if role is Role.AGENCY else Scope()
        async with here.signed_in(role, scope) as browser:
            url = f"{here.url}/api/v1/alerts/a1/acts"
            _, answer = await act(browser, url, {"kind": kind.value}, Prefer="wait=0")
        assert (answer.get("code") == "act.not_yours") is (role not in act_rules()[kind].roles), (
            role,
            answer,
        )
