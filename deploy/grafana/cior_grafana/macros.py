"""From a board's SQL to what ClickHouse gets: dashboard variables, then the data source plugin's macros.

Equal to grafana-clickhouse-datasource 4.20.0 for its expression macros (115 expansions of its own code judge it in
``tests/unit/grafana``). Macros that rewrite a whole statement, ``$__interval`` (a text no SQL can use) and what only
Grafana's browser part expands raise ``ConfigInvalid``: boards of ours do without.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from cior_core.errors import ConfigInvalid
from cior_core.model import Struct

FORBIDDEN = frozenset(
    {
        "columns", "rateColumns", "perSecondColumns", "increaseColumns", "deltaColumns", "rate", "perSecond", "lttb",
        "interval", "conditionalAll", "adHocFilters", "table", "column",
    }
)  # fmt: skip
"""Names after ``$__`` that no board of ours may use."""

_STEPS_S = (
    1,
    2,
    5,
    10,
    15,
    20,
    30,
    60,
    120,
    300,
    600,
    900,
    1200,
    1800,
    3600,
    7200,
    10800,
    21600,
    43200,
    86400,
    604800,
)
_UNIT_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(\d+)(ms|[smhdw])")
# A quoted text (backslash escapes as in ClickHouse), a comment, or a macro's name.
_PIECE = re.compile(
    r"""(?P<quoted>'(?:\\.|[^'\\])*(?:'|\Z)|"(?:\\.|[^"\\])*(?:"|\Z)|`(?:\\.|[^`\\])*(?:`|\Z))"""
    r"""|(?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))|\$__(?P<macro>[A-Za-z_][A-Za-z0-9_]*)""",
    re.DOTALL,
)
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}")
_LEFT_OVER = re.compile(r"\$__\w+|\$\{[^}]*\}?|\[\[\w+")


class Window(Struct, frozen=True, kw_only=True):
    """The time range of a dashboard and the width of one point, as Grafana hands them to the plugin."""

    from_ms: int
    to_ms: int
    interval_ms: int

    @classmethod
    def of(cls, from_ms: int, to_ms: int, *, points: int = 400) -> Window:
        """A range drawn with about ``points`` points: the next round width at or above what that needs."""
        wanted_s = (to_ms - from_ms) / 1000 / points
        step_s = next((step for step in _STEPS_S if step >= wanted_s), _STEPS_S[-1])
        return cls(from_ms=from_ms, to_ms=to_ms, interval_ms=step_s * 1000)

    @property
    def interval_s(self) -> int:
        """Whole seconds, at least one: the plugin cuts, it does not round."""
        return max(1, self.interval_ms // 1000)


def ready(sql: str, window: Window, variables: Mapping[str, str] | None = None) -> str:
    """The statement as ClickHouse gets it. Raises ``ConfigInvalid`` for what would stay unexpanded."""
    done = expand(substitute(sql, variables or {}), window)
    blanked = _PIECE.sub(lambda piece: piece[0] if piece["macro"] else "", done)
    if left := _LEFT_OVER.search(blanked):
        raise _invalid(f"{left[0]} is nothing that Grafana or the plugin expands")
    return done


def substitute(sql: str, variables: Mapping[str, str]) -> str:
    """Put dashboard variables in, as Grafana's ``:singlequote`` does: quotes are escaped, backslashes are NOT.

    So a hostile value can leave its quotes, here as there: variables choose, only grants protect.
    """

    def value(found: re.Match[str]) -> str:
        name, form = found.groups()
        if name not in variables:
            raise _invalid(f"the variable {name} has no value")
        if form != "singlequote":
            raise _invalid(f"the variable {name} is not written as ${{{name}:singlequote}}")
        return "'" + variables[name].replace("'", "\\'") + "'"

    return _VARIABLE.sub(value, sql)


def used_variables(sql: str) -> tuple[str, ...]:
    """Names of the dashboard variables in ``sql``, each once, in order."""
    return tuple(dict.fromkeys(found[1] for found in _VARIABLE.finditer(sql)))


def expand(sql: str, window: Window) -> str:
    """Expand the expression macros as the plugin does; an unknown one stays as it is.

    Quoted text is left alone, comments become blanks. Raises ``ConfigInvalid`` for a macro of :data:`FORBIDDEN`, a
    wrong number of arguments or a missing bracket.
    """
    done, at = [], 0
    while found := _PIECE.search(sql, at):
        done.append(sql[at : found.start()])
        at = found.end()
        if name := found["macro"]:
            text, at = _macro(sql, name, at, window)
            done.append(text)
        else:
            done.append(found["quoted"] or _blank(found["comment"]))
    return "".join(done) + sql[at:]


def _macro(sql: str, name: str, at: int, window: Window) -> tuple[str, int]:
    """The expansion of ``$__name``, whose arguments (if any) begin at ``at``, and where the rest begins."""
    if name in FORBIDDEN:
        raise _invalid(f"$__{name} is not for our boards")
    if name not in _MACROS:
        return f"$__{name}", at
    count, make = _MACROS[name]
    arguments: list[str] = []
    if sql[at : at + 1] == "(":
        arguments, at = _arguments(sql, at + 1)
    if len(arguments) != count and count:
        raise _invalid(
            f"unexpected number of arguments: $__{name} expected {count} argument(s), received {len(arguments)}"
        )
    return make(window, [expand(argument, window) for argument in arguments]), at


def _arguments(sql: str, at: int) -> tuple[list[str], int]:
    """What stands between commas of the outermost brackets, and where the text after them begins."""
    depth, parts, begin = 1, [], at
    while at < len(sql):
        if (piece := _PIECE.match(sql, at)) and not piece["macro"]:
            at = piece.end()
            continue
        mark = sql[at]
        depth += (mark == "(") - (mark == ")")
        if depth == 0 or (mark == "," and depth == 1):
            parts.append(sql[begin:at].strip())
            begin = at + 1
        at += 1
        if depth == 0:
            return ([] if parts == [""] else parts), at
    raise _invalid("a macro's closing bracket is missing")


def _blank(comment: str) -> str:
    return re.sub(r"[^\n]", " ", comment)


def _second(at_ms: int) -> str:
    return f"toDateTime({at_ms // 1000})"


def _milli(at_ms: int) -> str:
    return f"fromUnixTimestamp64Milli({at_ms})"


def _day(at_ms: int) -> str:
    return f"toDate('{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d}')"


def _between(column: str, window: Window, instant: Callable[[int], str]) -> str:
    return f"{column} >= {instant(window.from_ms)} AND {column} <= {instant(window.to_ms)}"


def _date_and_time(window: Window, given: list[str]) -> str:
    day, second = given
    return f"({_between(day, window, _day)}) AND ({_between(second, window, _second)})"


def _start_of(column: str, seconds: int) -> str:
    return f"toStartOfInterval(toDateTime({column}), INTERVAL {seconds} second)"


def _start_of_ms(column: str, millis: int) -> str:
    return f"toStartOfInterval(toDateTime64({column}, 3), INTERVAL {millis} millisecond)"


def _group(_: Window, given: list[str]) -> str:
    found = _DURATION.fullmatch(given[1].strip("'\""))
    if found is None:
        raise _invalid(f"{given[1]} is no duration such as 5m")
    return _start_of(given[0], max(1, int(int(found[1]) * _UNIT_S[found[2]])))


# By name: how many arguments (0: any are ignored) and what becomes of them.
_MACROS: dict[str, tuple[int, Callable[[Window, list[str]], str]]] = {
    "fromTime": (0, lambda w, _: _second(w.from_ms)),
    "toTime": (0, lambda w, _: _second(w.to_ms)),
    "fromTime_ms": (0, lambda w, _: _milli(w.from_ms)),
    "toTime_ms": (0, lambda w, _: _milli(w.to_ms)),
    "timeFilter": (1, lambda w, given: _between(given[0], w, _second)),
    "timeFilter_ms": (1, lambda w, given: _between(given[0], w, _milli)),
    "timeFrom": (1, lambda w, given: f"{given[0]} >= {_second(w.from_ms)}"),
    "timeTo": (1, lambda w, given: f"{given[0]} <= {_second(w.to_ms)}"),
    "dateFilter": (1, lambda w, given: _between(given[0], w, _day)),
    "dateTimeFilter": (2, _date_and_time),
    "dt": (2, _date_and_time),
    "timeInterval": (1, lambda w, given: _start_of(given[0], w.interval_s)),
    "timeInterval_ms": (1, lambda w, given: _start_of_ms(given[0], max(1, w.interval_ms))),
    "timeGroup": (2, _group),
    "interval_s": (0, lambda w, _: str(w.interval_s)),
    "interval_ms": (0, lambda w, _: str(w.interval_ms)),
}
EXPRESSIONS = frozenset(_MACROS)
"""Names after ``$__`` that boards may use."""


def _invalid(sentence: str) -> ConfigInvalid:
    return ConfigInvalid(
        "grafana.macro",
        sentence,
        cure="mend the board's SQL: deploy/grafana/README.md lists what may stand there",
    )
