"""Every query of a board as Grafana's own page would send it to ``/api/ds/query``, and what came of it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any

from cior_core.errors import ConfigInvalid, SourceUnavailable
from cior_core.model import Struct
from cior_grafana.macros import substitute
from cior_grafana.needed_views import views_in
from cior_grafana.port import Answer, BoardJson, GrafanaPort

DEFAULT_SLOW_MS = 1000
_INTERVAL_MS = 30_000
_POINTS = 1000
_ALL = "$__all"
_TEXTS = ("rawSql", "expr")
_NO_TABLE = re.compile(r"UNKNOWN_(TABLE|DATABASE)|\bcode:?\s*(60|81)\b", re.IGNORECASE)


class State(StrEnum):
    """How one thing stands."""

    OK = "ok"
    EMPTY = "empty"
    SLOW = "slow"
    FAILING = "failing"
    MISSING = "missing"
    DIFFERS = "differs"
    UNREAD = "unread"


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was looked at. ``ms`` and ``rows`` are a query's; ``what`` says what to know or do."""

    kind: str
    name: str
    state: State
    ms: int | None = None
    rows: int | None = None
    what: str = ""


class Target(Struct, frozen=True, kw_only=True):
    """One query of a panel, with the data source that it goes to."""

    panel: str
    query: Mapping[str, Any]

    @property
    def text(self) -> str:
        """Its SQL or PromQL."""
        return str(self.query.get("rawSql") or self.query.get("expr") or "")


class Asking(Struct, frozen=True, kw_only=True):
    """Runs a board's queries; what takes longer than ``slow_ms`` is slow, Grafana and the way to it included."""

    port: GrafanaPort
    slow_ms: int = DEFAULT_SLOW_MS
    clock_s: Callable[[], float] = time.perf_counter

    def board(self, board: BoardJson) -> Iterator[Finding]:
        """A finding a variable and a query of the board."""
        chosen: dict[str, str] = {}
        for variable in (board.get("templating") or {}).get("list") or ():
            value, finding = self._choose(board, variable, chosen)
            chosen[str(variable.get("name", ""))] = value
            if finding:
                yield finding
        for target in targets(board):
            yield self._ask(board, target, chosen)[0]

    def _choose(
        self, board: BoardJson, variable: Mapping[str, Any], chosen: Mapping[str, str]
    ) -> tuple[str, Finding | None]:
        """What a person who just opened the board would have chosen."""
        current = (variable.get("current") or {}).get("value")
        if isinstance(current, str) and current and current != _ALL:
            return current, None
        if variable.get("type") != "query":
            return str(variable.get("query") or "").split(",", maxsplit=1)[0].strip(), None
        query = variable.get("query")
        asked = query if isinstance(query, dict) else {"rawSql": str(query or "")}
        target = Target(
            panel=f"${variable.get('name')}",
            query={"refId": "A", "format": 1, **asked, "datasource": variable.get("datasource")},
        )
        finding, answer = self._ask(board, target, chosen)
        return _first_cell(answer), finding

    def _ask(
        self, board: BoardJson, target: Target, chosen: Mapping[str, str]
    ) -> tuple[Finding, Answer | None]:
        name, span = f"{board.get('uid')} / {target.panel}", board.get("time") or {}
        began_s = self.clock_s()
        try:
            query = {**filled(target.query, chosen), "intervalMs": _INTERVAL_MS, "maxDataPoints": _POINTS}
            answers = self.port.query(
                [query], since=str(span.get("from", "now-6h")), until=str(span.get("to", "now"))
            )
        except (ConfigInvalid, SourceUnavailable) as error:
            # Nobody there, or a client that cannot ask: that is no finding about this panel.
            if error.code in {"grafana.down", "grafana.not_offered"}:
                raise
            return Finding(kind="query", name=name, state=State.FAILING, what=error.sentence), None
        ms = round((self.clock_s() - began_s) * 1000)
        answer = answers.get(str(query.get("refId", "A")), Answer(error="no answer for this query"))
        return judged(name, target, answer, ms=ms, slow_ms=self.slow_ms), answer


def targets(board: BoardJson) -> Iterator[Target]:
    """Every query of every panel, those inside folded rows too."""
    for panel in _panels(board.get("panels") or ()):
        for number, query in enumerate(panel.get("targets") or ()):
            if query.get("hide"):
                continue
            source = query.get("datasource") or panel.get("datasource")
            title = str(panel.get("title") or panel.get("id"))
            yield Target(panel=title, query={"refId": chr(ord("A") + number), **query, "datasource": source})


def _panels(panels: Any) -> Iterator[Mapping[str, Any]]:
    for panel in panels:
        yield panel
        yield from _panels(panel.get("panels") or ())


def filled(query: Mapping[str, Any], chosen: Mapping[str, str]) -> dict[str, Any]:
    """The query with the board's variables in it, as the page puts them in. Raises ``ConfigInvalid`` for one that the
    board does not have.
    """
    texts = {key: substitute(str(query[key]), chosen) for key in _TEXTS if key in query}
    return {**query, **texts}


def judged(name: str, target: Target, answer: Answer, *, ms: int, slow_ms: int) -> Finding:
    """What an answer means. A view that the database lacks is named."""
    if answer.error and _NO_TABLE.search(answer.error):
        # The engine names first what it did not find, which may be a view below the one that the panel reads.
        views = views_in(answer.error)[:1] or views_in(target.text)
        return Finding(kind="query", name=name, state=State.MISSING, ms=ms, what=lacking(views))
    if answer.error:
        return Finding(kind="query", name=name, state=State.FAILING, ms=ms, what=answer.error[:300])
    state = State.SLOW if ms > slow_ms else State.OK if answer.rows else State.EMPTY
    return Finding(kind="query", name=name, state=state, ms=ms, rows=answer.rows)


def lacking(views: list[str]) -> str:
    """The sentence for views that a board needs and the database lacks."""
    return f"the database lacks {', '.join(views) or 'a table of it'}: run `cior store migrate`"


def _first_cell(answer: Answer | None) -> str:
    for frame in (answer.frames if answer else None) or ():
        for column in frame.data.values:
            if column:
                return str(column[0])
    return ""
