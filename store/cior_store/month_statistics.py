"""A month's counts read from the alerts, and the editions that the observatory may see.

What is read here is exact and goes to no view; what is written has been suppressed by its caller
(``cior_core.suppression``). Drills, merged copies, tests and duplicates are no incidents and count nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from cior_core.model import Struct
from cior_store.engine import Store

_INCIDENTS = """FROM ops.alert_current FINAL
    WHERE NOT drill AND status != 'merged' AND disposition NOT IN ('test', 'duplicate')
    AND opened >= fromUnixTimestamp64Milli({since:Int64}) AND opened < fromUnixTimestamp64Milli({until:Int64})"""
_RESERVED = "(silent OR is_reserved(data_class, type))"
_KIND = "splitByChar(':', replaceOne(source, 'urn:cior:', ''))[1]"
"""``urn:cior:dc09:norte`` is of the kind ``dc09``."""


class Typed(Struct, frozen=True):
    """Alerts that are not reserved, by type and district."""

    type: str
    district: str
    n: int


class Judged(Struct, frozen=True):
    """Closed alerts that are not reserved, by kind of source and disposition; one of two kinds counts for both."""

    kind: str
    disposition: str
    n: int


class Responses(Struct, frozen=True):
    """Seconds from the first signal to somebody on scene of the alerts of one district, in no order."""

    district: str
    seconds: tuple[int, ...]


class Month(Struct, frozen=True):
    """All exact counts of one month. ``cells``: alerts in each H3 cell of resolution 9 that had any."""

    typed: tuple[Typed, ...]
    judged: tuple[Judged, ...]
    responses: tuple[Responses, ...]
    cells: tuple[int, ...]
    reserved: int


def read_month(store: Store, *, since_ms: int, until_ms: int) -> Month:
    """The incidents opened from ``since_ms`` until before ``until_ms``. Raises ``SourceUnavailable``."""
    span = {"since": since_ms, "until": until_ms}
    return Month(
        typed=store.ask(
            Typed,
            f"SELECT type, district, count() AS n {_INCIDENTS} AND NOT {_RESERVED} GROUP BY type, district",
            span,
        ),
        judged=store.ask(
            Judged,
            f"""SELECT kind, disposition, count() AS n FROM
            (SELECT disposition, arrayJoin(arrayDistinct(arrayMap(source -> {_KIND}, sources))) AS kind {_INCIDENTS}
            AND NOT {_RESERVED} AND status = 'closed' AND disposition IN ('confirmed', 'false_alarm', 'unfounded'))
            GROUP BY kind, disposition""",
            span,
        ),
        responses=store.ask(
            Responses,
            f"""SELECT district, groupArray(dateDiff('second', first_received, assumeNotNull(on_scene))) AS seconds
            {_INCIDENTS} AND NOT {_RESERVED} AND on_scene IS NOT NULL AND on_scene >= first_received
            GROUP BY district""",
            span,
        ),
        cells=tuple(
            int(row["n"])
            for row in store.rows(
                f"SELECT count() AS n {_INCIDENTS} AND NOT {_RESERVED} AND h3_9 != 0 GROUP BY h3_9", span
            )
        ),
        reserved=int(store.value(f"SELECT count() {_INCIDENTS} AND {_RESERVED}", span)),
    )


def first_alert_ms(store: Store) -> int | None:
    """When the first alert opened (UTC ms); None while there is none."""
    found = store.value("SELECT toUnixTimestamp64Milli(min(opened)) FROM ops.alert_current")
    return int(found) or None


class Edition(Struct, frozen=True):
    """What was told of one statistic, by row and column (None: hidden), and when."""

    at_ms: int
    cells: dict[tuple[str, str], int | None]


def told(store: Store, month: date) -> dict[str, Edition]:
    """The last edition of every statistic of ``month``."""
    rows = store.rows(
        """SELECT statistic, row_key, column_key, n, toUnixTimestamp64Milli(edition) AS at_ms
        FROM ops.stat_month FINAL WHERE month = {m:Date} AND (statistic, edition) IN
        (SELECT statistic, max(edition) FROM ops.stat_month WHERE month = {m:Date} GROUP BY statistic)""",
        {"m": month},
    )
    found: dict[str, Edition] = {}
    for row in rows:
        edition = found.setdefault(str(row["statistic"]), Edition(at_ms=int(row["at_ms"]), cells={}))
        edition.cells[str(row["row_key"]), str(row["column_key"])] = row["n"]
    return found


def tell(
    store: Store, month: date, statistic: str, cells: Mapping[tuple[str, str], int | None], *, edition_ms: int
) -> None:
    """A new edition of one statistic, in one insert: it replaces the one before as a whole."""
    rows = [(month, statistic, row, column, n, n is None, edition_ms) for (row, column), n in cells.items()]
    store.insert(
        "ops.stat_month",
        ("month", "statistic", "row_key", "column_key", "n", "suppressed", "edition"),
        list(zip(*rows, strict=True)),
        token=f"stat-{statistic}-{month}-{edition_ms}",
    )


def tell_figures(
    store: Store, month: date, figures: Sequence[tuple[str, str, float]], *, edition_ms: int
) -> None:
    """A new edition of all figures of a month: name, key, value."""
    rows = [(month, name, key, value, edition_ms) for name, key, value in figures]
    store.insert(
        "ops.stat_month_figure",
        ("month", "figure", "key", "value", "edition"),
        list(zip(*rows, strict=True)),
        token=f"figures-{month}-{edition_ms}",
    )
