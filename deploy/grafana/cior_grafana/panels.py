"""The kinds of panel, as frozen data. A panel is one call; its query and its words have the panel's name."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from cior_core.model import Struct


class Draw(StrEnum):
    """Grafana's panel plugins that we use."""

    NUMBER = "stat"
    TABLE = "table"
    SERIES = "timeseries"
    BARS = "barchart"
    MAP = "geomap"
    STATES = "state-timeline"
    NOTE = "text"


class Panel(Struct, frozen=True, kw_only=True):
    """One panel. ``width`` is in columns of 24; threshold sets are names in ``thresholds.toml``, units are Grafana's.

    ``query`` is the panel's name unless two panels share one. ``colours`` gives a column its threshold set, ``links``
    a column the board that its value opens. ``line`` draws the thresholds into a series.
    """

    draw: Draw
    name: str
    width: int
    query: str = ""
    thresholds: str = ""
    unit: str = ""
    units: dict[str, str] = msgspec.field(default_factory=dict)
    colours: dict[str, str] = msgspec.field(default_factory=dict)
    links: dict[str, str] = msgspec.field(default_factory=dict)
    stacked: bool = False
    line: bool = False

    @property
    def asks(self) -> str:
        """The name of its query; empty for a note."""
        return "" if self.draw is Draw.NOTE else self.query or self.name


def number(
    name: str,
    *,
    width: int,
    thresholds: str = "plain",
    unit: str = "short",
    units: dict[str, str] | None = None,
    query: str = "",
) -> Panel:
    """Large numbers: each numeric column one; the first is coloured, with the step's shape and text beside it."""
    return Panel(
        draw=Draw.NUMBER,
        name=name,
        width=width,
        thresholds=thresholds,
        unit=unit,
        units=units or {},
        query=query,
    )


def table(
    name: str,
    *,
    width: int = 24,
    colours: dict[str, str] | None = None,
    units: dict[str, str] | None = None,
    links: dict[str, str] | None = None,
    query: str = "",
) -> Panel:
    """Rows as the query orders them."""
    return Panel(
        draw=Draw.TABLE,
        name=name,
        width=width,
        colours=colours or {},
        units=units or {},
        links=links or {},
        query=query,
    )


def series(
    name: str,
    *,
    width: int,
    unit: str = "short",
    stacked: bool = False,
    thresholds: str = "",
    line: bool = False,
) -> Panel:
    """Numbers over time: one line a numeric column, or a label where the query has a string column.

    ``stacked``: counts of intervals, drawn as bars on each other.
    ``thresholds`` by value colour the labels; by number, with ``line``, they are drawn as dashed lines.
    """
    return Panel(
        draw=Draw.SERIES, name=name, width=width, unit=unit, stacked=stacked, thresholds=thresholds, line=line
    )


def bars(name: str, *, width: int, unit: str = "short", stacked: bool = False, query: str = "") -> Panel:
    """A bar a row, named by the first string (or time) column; a colour a numeric column."""
    return Panel(draw=Draw.BARS, name=name, width=width, unit=unit, stacked=stacked, query=query)


def points_map(name: str, *, width: int, colour: str = "level", thresholds: str = "level") -> Panel:
    """The city's districts and a point a row, coloured and labelled by the column ``colour``. Never sealed rows."""
    return Panel(draw=Draw.MAP, name=name, width=width, colours={colour: thresholds})


def state_timeline(name: str, *, width: int, thresholds: str) -> Panel:
    """States over time: the query is a series of numeric codes; the set gives each code its text and colour."""
    return Panel(draw=Draw.STATES, name=name, width=width, thresholds=thresholds)


def age(name: str = "data_age", *, width: int = 4) -> Panel:
    """Seconds since the newest stored data, red when old: a dead source must not look alive."""
    return number(name, width=width, thresholds="data_age", unit="s")


def note(name: str, *, width: int = 24) -> Panel:
    """A text in Markdown."""
    return Panel(draw=Draw.NOTE, name=name, width=width)
