"""What every board keeps, as pure functions over rendered boards: each finding has a code, a place and a cure.

The reasons are lessons of people who hang boards on walls (large numbers, an age, a third state, text beside colour)
and of this house: sealed things, statistics without arrests, queries that the engine can bound.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from cior_core.model import Struct
from cior_grafana.board import GRID_COLUMNS, PROMETHEUS_UID
from cior_grafana.macros import EXPRESSIONS, FORBIDDEN
from cior_grafana.panels import Draw
from cior_grafana.queries import Audience, Bound, Format, Kind, Query
from cior_grafana.rendering import CLICKHOUSE, Rendered

FASTEST_REFRESH_S = 10
_IN_THE_BROWSER = frozenset({"interval", "conditionalAll", "adHocFilters"})


def _any_of(names: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"\$__({'|'.join(sorted(names))})\b")


_STATEMENT = _any_of(FORBIDDEN - _IN_THE_BROWSER)
_BROWSER_ONLY = _any_of(_IN_THE_BROWSER)
_MACRO = _any_of(EXPRESSIONS)
_VARIABLE = re.compile(r"\$\{(?P<name>\w+):singlequote\}")
_BY_TIME = re.compile(r"\$__(time|from|to|date|dt)|\b(now|now64|today|yesterday)\s*\(", re.IGNORECASE)
# What stands after FROM and JOIN, and whatever names a database that holds tables.
_READS = re.compile(
    r"\b(?:FROM|JOIN)\s+([a-z_]\w*\.\w+)|\b((?:ops|raw|sealed|ledger|system|default|information_schema)\.\w+)",
    re.IGNORECASE,
)
_QUOTES = str.maketrans("", "", '`"')
_HEX = re.compile(r"#[0-9A-Fa-f]{6}")
_BOARD_LINK = re.compile(r"/d/([\w-]+)")
# An id or a text would say which sealed alert it is; a wall is photographed.
_TELLS = re.compile(
    r"^(alert_id|event_id|raw_id|item_id|member_ids|person|phone|address|plate|payload|text|summary|note|detail)$"
)
_LISTS_OPEN = re.compile(r"\bFROM\s+wall\.v_open_alerts\b", re.IGNORECASE)
_CAP = re.compile(r"\bLIMIT\s+\d+|\bTOP\s+\d+|\bFETCH\s+(FIRST|NEXT)\b", re.IGNORECASE)
_MASKED = re.compile(r"\b(NOT\s+(\w+\.)?reserved|if\((\w+\.)?reserved)\b", re.IGNORECASE)
# S55: what a city counts, its people chase. Words of both languages; a bus stop is a place and not meant.
_COERCIVE = re.compile(
    r"\b(detenci[oó]n(es)?|detenid[oa]s?|arrest\w*|aprehen(di|si)\w*|requisas?|cacheos?|identificaciones"
    r"|identificad[oa]s|demorad[oa]s por averiguaci\w*|capturad[oa]s?|frisk\w*|detainees?|detention\w*|body searches"
    r"|(?<!bus )(?<!safe )(?<!transport )stops|stop and search|stopped persons?)\b",
    re.IGNORECASE,
)


class Finding(Struct, frozen=True, kw_only=True):
    """One broken rule."""

    code: str
    where: str
    message: str
    cure: str

    def __str__(self) -> str:
        return f"{self.where}: {self.code}: {self.message} — {self.cure}"


Rule = Callable[[Rendered], Iterator[Finding]]


def lint(boards: Sequence[Rendered]) -> list[Finding]:
    """Every broken rule in ``boards`` (one language)."""
    alone = [finding for board in boards for rule in RULES for finding in rule(board)]
    return [*alone, *_unique(boards), *_links(boards)]


def lint_alert_sql(name: str, sql: str) -> list[Finding]:
    """What an alert rule's SQL may not hold: nobody fills in a variable on the server."""
    text = _MACRO.sub("", sql)
    if "$" not in text and "[[" not in text:
        return []
    cure = "write the value itself, or the macros $__timeFilter, $__fromTime and $__toTime"
    return [
        Finding(code="alert.variable", where=name, message="a variable stands in an alert rule", cure=cure)
    ]


def _panels(board: Rendered) -> Iterator[dict[str, Any]]:
    yield from (panel for panel in board.body["panels"] if panel["type"] != "row")


def _data_panels(board: Rendered) -> Iterator[dict[str, Any]]:
    yield from (panel for panel in _panels(board) if panel["type"] != Draw.NOTE)


def _at(board: Rendered, panel: dict[str, Any]) -> str:
    return f"{board.board.name} ({board.language.value}), panel '{panel.get('title', panel.get('id'))}'"


def _in(query: Query) -> str:
    return f"{query.file}:{query.line}, query {query.name}"


def statement_macros(board: Rendered) -> Iterator[Finding]:
    """Statement macros rewrite the whole query in the plugin; ours are proven without it."""
    for query in board.queries:
        if found := _STATEMENT.search(query.sql):
            message = f"{found[0]} rewrites the whole statement"
            yield Finding(
                code="macro.statement", where=_in(query), message=message, cure="write the SQL itself"
            )


def browser_macros(board: Rendered) -> Iterator[Finding]:
    """Macros that only the browser expands, or that follow the screen's width."""
    for query in board.queries:
        if found := _BROWSER_ONLY.search(query.sql):
            message = f"{found[0]} is filled in by the browser"
            cure = "use $__timeInterval(column) or a fixed step"
            yield Finding(code="macro.browser", where=_in(query), message=message, cure=cure)


def leftovers(board: Rendered) -> Iterator[Finding]:
    """Nothing with a dollar may be left once known macros and the board's own variables are taken away."""
    own = {each.name for each in board.board.variables}
    for query in board.queries:
        rest = _MACRO.sub("", _STATEMENT.sub("", _BROWSER_ONLY.sub("", query.sql)))
        rest = _VARIABLE.sub(lambda found: "" if found["name"] in own else found[0], rest)
        if found := re.search(r"\$\S+|\[\[\S+", rest):
            cure = "write an expression macro, or ${name:singlequote} of a variable of this board"
            yield Finding(
                code="macro.leftover", where=_in(query), message=f"{found[0]} stays as it is", cure=cure
            )


def numeric_states(board: Rendered) -> Iterator[Finding]:
    """A state timeline gets numbers with mappings: strings stay one long frame."""
    for panel in board.board.panels():
        query = board.board.question(panel.asks) if panel.draw is Draw.STATES else None
        if isinstance(query, Query) and not (query.format is Format.SERIES and query.named(Kind.NUMBER)):
            message = "a state timeline needs a series of numeric codes"
            cure = "select time, a label and a number; name the codes in thresholds.toml"
            yield Finding(code="state.text", where=_in(query), message=message, cure=cure)


def explicit_colours(board: Rendered) -> Iterator[Finding]:
    """Colours are ours: thresholds in hex, one fixed hex, or a colour a name; never by order of appearance."""
    for panel in _data_panels(board):
        defaults = panel["fieldConfig"]["defaults"]
        colour = defaults.get("color", {})
        steps = defaults.get("thresholds", {}).get("steps", [])
        named = colour.get("mode") in {"thresholds", "palette-classic-by-name"}
        is_hex = colour.get("mode") == "fixed" and _HEX.fullmatch(colour.get("fixedColor", ""))
        if not (named or is_hex) or not steps or any(not _HEX.fullmatch(step["color"]) for step in steps):
            message = "its colours are Grafana's own choice"
            yield Finding(
                code="colour.implicit", where=_at(board, panel), message=message, cure="name a threshold set"
            )


def no_data_state(board: Rendered) -> Iterator[Finding]:
    """What has no data must not look good: a text for no rows and a grey mapping for null and NaN."""
    for panel in _data_panels(board):
        defaults = panel["fieldConfig"]["defaults"]
        special = [each for each in defaults.get("mappings", []) if each["type"] == "special"]
        if not defaults.get("noValue") or not any(each["options"]["match"] == "null+nan" for each in special):
            cure = "make it with panels.py, which adds both"
            message = "nothing tells that it has no data"
            yield Finding(code="panel.no_state", where=_at(board, panel), message=message, cure=cure)


def refresh(board: Rendered) -> Iterator[Finding]:
    """Browsers on walls die of fast refreshes."""
    found = re.fullmatch(r"(\d+)(s|m|h)", str(board.body.get("refresh", "")))
    seconds = int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]] if found else 0
    if seconds < FASTEST_REFRESH_S:
        message = f"it refreshes every {seconds} s"
        cure = f"refresh_s at least {FASTEST_REFRESH_S}"
        yield Finding(code="refresh.fast", where=board.board.name, message=message, cure=cure)


def said(board: Rendered) -> Iterator[Finding]:
    """The board and every panel have a title and a description."""
    parts = [(board.board.name, board.body), *((_at(board, panel), panel) for panel in _panels(board))]
    for where, part in parts:
        for key in ("title", "description"):
            if not str(part.get(key) or "").strip():
                cure = "write it in words/"
                yield Finding(code="words.missing", where=where, message=f"it has no {key}", cure=cure)


def timezone(board: Rendered) -> Iterator[Finding]:
    """Times are the centre's, whoever looks."""
    if board.body.get("timezone") in {None, "", "browser"}:
        message = "times follow the browser"
        cure = "cior grafana build --timezone Area/City"
        yield Finding(code="timezone.missing", where=board.board.name, message=message, cure=cure)


def no_all(board: Rendered) -> Iterator[Finding]:
    """No "All", no repeated panels: such a board takes minutes."""
    for variable in board.body["templating"].get("list", []):
        if variable.get("includeAll"):
            where = f"{board.board.name}, variable {variable['name']}"
            cure = "choose one value; write a panel over all of them"
            yield Finding(code="variable.all", where=where, message="it offers All", cure=cure)
    for panel in board.body["panels"]:
        if panel.get("repeat"):
            message = f"it repeats over {panel['repeat']}"
            cure = "one panel with a label a line"
            yield Finding(code="panel.repeat", where=_at(board, panel), message=message, cure=cure)


def grid(board: Rendered) -> Iterator[Finding]:
    """Nothing stands on another or over the edge."""
    taken: dict[tuple[int, int], str] = {}
    for panel in board.body["panels"]:
        pos = panel["gridPos"]
        cells = [
            (x, y) for x in range(pos["x"], pos["x"] + pos["w"]) for y in range(pos["y"], pos["y"] + pos["h"])
        ]
        if pos["x"] < 0 or pos["x"] + pos["w"] > GRID_COLUMNS or not cells:
            message = f"it reaches over the grid's {GRID_COLUMNS} columns"
            yield Finding(code="grid.edge", where=_at(board, panel), message=message, cure="make it narrower")
        if found := next((taken[cell] for cell in cells if cell in taken), None):
            yield Finding(
                code="grid.overlap", where=_at(board, panel), message=f"it covers '{found}'", cure="move it"
            )
        taken |= dict.fromkeys(cells, str(panel.get("title")))


def targets(board: Rendered) -> Iterator[Finding]:
    """Every target names its data source and the form of its answer."""
    known = {each.source_uid for each in Audience}
    for panel in _data_panels(board):
        if not panel.get("targets"):
            cure = "give it a query"
            yield Finding(code="target.none", where=_at(board, panel), message="it asks nothing", cure=cure)
        for target in panel.get("targets") or []:
            source = target.get("datasource") or {}
            if source.get("type") == CLICKHOUSE:
                whole = source.get("uid") in known and target.get("format") in {0, 1}
            else:
                whole = source.get("uid") == PROMETHEUS_UID and target.get("expr") and target.get("format")
            if not whole:
                message = "a target lacks its data source's uid or its format"
                cure = "make it from a Query or a PromQuery"
                yield Finding(code="target.vague", where=_at(board, panel), message=message, cure=cure)


def bounded(board: Rendered) -> Iterator[Finding]:
    """A wall never scans history: a time, the state "open", or a small rollup bounds each query."""
    for query in board.queries:
        if query.bound is Bound.TIME and not _BY_TIME.search(query.sql):
            cure = "add $__timeFilter(column); or say '-- @bounded state' or '-- @bounded rollup' where that is so"
            yield Finding(code="sql.unbounded", where=_in(query), message="no time bounds it", cure=cure)


def reads(sql: str) -> tuple[str, ...]:
    """The views and tables with a database that ``sql`` names, each once."""
    return tuple(dict.fromkeys(found[1] or found[2] for found in _READS.finditer(sql.translate(_QUOTES))))


def reach(board: Rendered) -> Iterator[Finding]:
    """A board asks what its audience may see, and a query reads views of its audience's database only."""
    for query in board.queries:
        if not board.board.audience.covers(query.audience):
            message = f"a board for {board.board.audience.value} asks as {query.audience.value}"
            cure = "move the panel to a board of that audience"
            yield Finding(code="audience.above", where=_in(query), message=message, cure=cure)
        for name in reads(query.sql):
            database, _, view = name.partition(".")
            if not (view.startswith("v_") and database in {each.value for each in Audience}):
                message = f"it reads {name}, which is no view of an audience"
                cure = "make a view with a migration"
                yield Finding(code="sql.table", where=_in(query), message=message, cure=cure)
            elif not query.audience.covers(Audience(database)):
                message = f"as {query.audience.value} it cannot read {name}"
                cure = "ask as the audience of that view"
                yield Finding(code="sql.reach", where=_in(query), message=message, cure=cure)


def capped(board: Rendered) -> Iterator[Finding]:
    """Law 16: no cap hides an alert that waits; a list of open alerts ends where its WHERE says."""
    for query in board.queries:
        if _LISTS_OPEN.search(query.sql) and _CAP.search(query.sql):
            message = "a LIMIT over open alerts would hide those that wait beyond it"
            cure = "write WHERE turn <= n OR (life_safety AND NOT acknowledged)"
            yield Finding(code="sql.cap", where=_in(query), message=message, cure=cure)


def sealed(board: Rendered) -> Iterator[Finding]:
    """On the wall no column tells which sealed alert a row is."""
    for query in board.queries:
        told = [column.name for column in query.columns if _TELLS.match(column.name)]
        masked = _MASKED.search(query.sql)
        if query.audience is Audience.WALL and told and not masked:
            message = f"the column {told[0]} could tell which sealed alert it is"
            cure = "add WHERE NOT reserved, or leave it to the supervisor's boards"
            yield Finding(code="sealed.column", where=_in(query), message=message, cure=cure)
        if query.named(Kind.LATITUDE) and re.search(r"\.v_\w*alerts", query.sql) and not masked:
            message = "points are drawn without leaving reserved alerts out"
            cure = "add WHERE NOT reserved: they are shown as districts"
            yield Finding(code="sealed.point", where=_in(query), message=message, cure=cure)


def no_coercion_counts(board: Rendered) -> Iterator[Finding]:
    """S55: nothing on a board counts arrests, searches or stops."""
    cure = "count alerts, times and outcomes for people, never coercion"
    seen = [board.body.get("title"), board.body.get("description")]
    for panel in board.body["panels"]:
        config = panel.get("fieldConfig", {})
        seen += [panel.get("title"), panel.get("description"), panel.get("options", {}).get("content")]
        seen += [each["value"] for rule in config.get("overrides", []) for each in rule["properties"]]
    for text in seen:
        if isinstance(text, str) and (found := _COERCIVE.search(text)):
            yield Finding(
                code="kpi.coercion", where=board.board.name, message=f"it says '{found[0]}'", cure=cure
            )
    for query in board.queries:
        names = " ".join([query.name, query.sql, *(column.name for column in query.columns)]).replace(
            "_", " "
        )
        if found := _COERCIVE.search(names):
            yield Finding(
                code="kpi.coercion", where=_in(query), message=f"it asks for '{found[0]}'", cure=cure
            )


def _unique(boards: Sequence[Rendered]) -> Iterator[Finding]:
    """A second uid or title in the folder stops all provisioning."""
    for key in ("uid", "title"):
        counted = Counter(str(board.body.get(key)) for board in boards)
        for value in (value for value, times in counted.items() if times > 1):
            message = f"two boards have the {key} '{value}'"
            yield Finding(code=f"{key}.twice", where=value, message=message, cure="change one")


def _links(boards: Sequence[Rendered]) -> Iterator[Finding]:
    """A link to a board leads to one that exists."""
    known = {board.body.get("uid") for board in boards}
    for board in boards:
        for address in _addresses(board.body):
            target = _BOARD_LINK.search(address)
            if (target is None or target[1] not in known) and not address.startswith("https://"):
                message = f"'{address}' leads to no board"
                yield Finding(
                    code="link.lost", where=board.board.name, message=message, cure="correct the name"
                )


def _addresses(body: dict[str, Any]) -> Iterator[str]:
    yield from (link["url"] for link in body.get("links") or [])
    for panel in body["panels"]:
        for rule in panel.get("fieldConfig", {}).get("overrides", []):
            links = [each["value"] for each in rule["properties"] if each["id"] == "links"]
            yield from (link["url"] for group in links for link in group)


RULES: tuple[Rule, ...] = (
    statement_macros,
    browser_macros,
    leftovers,
    numeric_states,
    explicit_colours,
    no_data_state,
    refresh,
    said,
    timezone,
    no_all,
    grid,
    targets,
    bounded,
    reach,
    capped,
    sealed,
    no_coercion_counts,
)


def told(findings: Iterable[Finding]) -> str:
    """The findings as lines."""
    return "\n".join(str(finding) for finding in findings)
