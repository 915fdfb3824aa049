"""The API under schemathesis: what our own OpenAPI document says, tried with what it allows and what it does not.

A stream has no end, so the feed is not asked here; sign-in has tests of its own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi import checks as openapi_checks

from cior_console import openapi
from cior_console.endpoints import Endpoint
from cior_console.sign_in.endpoints import sign_in_endpoints
from cior_console.table import people_endpoints
from cior_core.people import LedgerEntry
from cior_core.privacy import Role
from cior_register import people
from integration.console.api_rig import Office, office
from integration.console.wall_rig import SILENT, alert

EXAMPLES = 12
_SIGN_IN = {each.name for each in sign_in_endpoints()}
ASKED = tuple(
    each
    for each in people_endpoints()
    if each.path.startswith("/api/") and not each.streams and each.name not in _SIGN_IN
)
CHECKS: tuple[CheckFunction, ...] = (
    schemathesis.checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
)


class Served:
    """A console in a thread of its own: the fuzzer blocks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self.office: Office | None = None
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()))

    async def _serve(self) -> None:
        async with office(self._folder) as here:
            here.feed.apply(alert(1))
            here.feed.apply(SILENT)
            self.office = here
            self._ready.set()
            await self._stop.wait()

    def __enter__(self) -> Office:
        self._thread.start()
        assert self._ready.wait(60)
        assert self.office is not None
        return self.office

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        self._loop.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with Served(tmp_path_factory.mktemp("fuzz")) as here:
        yield here


@pytest.mark.parametrize("endpoint", ASKED, ids=lambda each: each.name)
def test_no_request_that_anybody_can_think_of_breaks_the_server(served: Office, endpoint: Endpoint) -> None:
    document: dict[str, Any] = openapi.document(ASKED)
    schema = schemathesis.openapi.from_dict(document)
    role = Role.SUPERVISOR if Role.SUPERVISOR in endpoint.roles or not endpoint.roles else min(endpoint.roles)
    name = served.known(Role(role))
    who = served.who[name].person
    added = LedgerEntry(at_ms=1, actor="test", act="people.add")
    served.register.submit(added, lambda each: people.add(each, who, now_ms=1)).result(10)

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
    @given(case=schema[endpoint.path][endpoint.method].as_strategy())
    def ask(case: Any) -> None:
        headers = {"Origin": served.url, "Cior-Reason": "prueba", "Idempotency-Key": "one-key-for-fuzzing"}
        case.headers.update(headers)
        sent = case.as_transport_kwargs(base_url=served.url)
        # Not with case.call: it counts connections of the urllib3 that is not the one installed here.
        answer = requests.request(**(sent | {"cookies": {"who": name}, "timeout": 30}))
        case.validate_response(answer, checks=CHECKS)

    ask()
