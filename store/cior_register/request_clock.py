"""Requests on their way to walls and statistics: what the bus does not have is sent, however often the sender dies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from cior_core.judicial.jurisdiction import Rules
from cior_core.judicial.state import public_state
from cior_core.people import LedgerEntry
from cior_core.requests import RequestState
from cior_register import requests
from cior_register.register import Register

_BATCH = 500
_PATIENCE_S = 30.0
PART = "cior.requests"
"""The actor of what happens to requests by itself."""


class RequestClock:
    """``look`` does what time asks for (notices, lapses, ends of holds), then publishes what changed.

    ``publish`` raises what keeps states from being durable; then they wait in the register, and nothing is lost.
    """

    def __init__(
        self,
        register: Register,
        rules: Rules,
        publish: Callable[[Sequence[RequestState]], object],
        *,
        now_ms: Callable[[], int],
    ) -> None:
        self._register, self._rules, self._publish, self._now_ms = register, rules, publish, now_ms

    def look(self) -> None:
        """All that is due and all that is unsent. Raises ``SourceUnavailable``."""
        self._pass()
        self.send()

    def _pass(self) -> None:
        now_ms = self._now_ms()
        while due := self._register.read_now(lambda each: requests.due(each, now_ms=now_ms)):
            for request_id in due:
                self._pass_one(request_id, now_ms)

    def _pass_one(self, request_id: str, now_ms: int) -> None:
        entry = LedgerEntry(at_ms=now_ms, actor=PART, act="hold.passed", subject=request_id)
        act = requests.passing(now_ms)
        taken = self._register.submit(entry, lambda each: requests.take(each, request_id, act, self._rules))
        taken.result(_PATIENCE_S)

    def send(self) -> None:
        """What the bus does not have, newest version of each."""
        while fresh := self._register.read_now(lambda each: requests.unpublished(each, limit=_BATCH)):
            self._publish([public_state(each, self._rules) for each in fresh])
            versions = [(each.id, each.version) for each in fresh]
            noted = self._register.writer.submit(None, partial(requests.note_published, versions=versions))
            noted.result(_PATIENCE_S)
