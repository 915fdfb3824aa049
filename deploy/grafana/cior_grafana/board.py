"""A board as frozen data, where its panels stand, and what its panels ask."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cior_core.errors import ConfigInvalid
from cior_core.model import Struct
from cior_grafana import queries
from cior_grafana.panels import Panel
from cior_grafana.queries import Audience, PromQuery, Query

GRID_COLUMNS = 24
TIMEZONE = "America/Argentina/Buenos_Aires"
"""Of the committed boards; a centre elsewhere builds its own."""
PROMETHEUS_UID = "cior-prometheus"
# Since 11.3 `kiosk` alone leaves the time picker, the variables and the links on the screen.
KIOSK = "kiosk&_dash.hideTimePicker=true&_dash.hideVariables=true&_dash.hideLinks=true"


def zone(name: str) -> ZoneInfo:
    """The time zone of that name. Raises :class:`ConfigInvalid` when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        sentence = f"'{name}' is no time zone"
        cure = "give an IANA name such as America/Argentina/Cordoba"
        raise ConfigInvalid("board.timezone", sentence, cure=cure) from error


class Variable(Struct, frozen=True, kw_only=True):
    """One choice on the board; its query gives the values. It chooses, it never protects, and there is no "All"."""

    name: str
    query: str


class Row(Struct, frozen=True, kw_only=True):
    """Panels side by side, ``height`` in grid rows (30 pixels each); ``title`` names the words of a heading."""

    panels: tuple[Panel, ...]
    height: int = 8
    title: str = ""


class Board(Struct, frozen=True, kw_only=True):
    """One board. ``since`` and ``until`` are Grafana's relative times; a ``kiosk`` board is made for a wall."""

    name: str
    audience: Audience
    rows: tuple[Row, ...]
    refresh_s: int = 30
    since: str = "now-24h"
    until: str = "now"
    variables: tuple[Variable, ...] = ()
    links: tuple[str, ...] = ()
    prometheus: tuple[PromQuery, ...] = ()
    kiosk: bool = False

    @property
    def uid(self) -> str:
        """The same in every language and for ever: walls have its address."""
        return f"cior-{self.name}"

    @property
    def address(self) -> str:
        """Its path on a Grafana; a wall's hides everything but the panels."""
        return f"/d/{self.uid}?{KIOSK}" if self.kiosk else f"/d/{self.uid}"

    def panels(self) -> Iterator[Panel]:
        """All its panels in order."""
        for row in self.rows:
            yield from row.panels

    def question(self, name: str) -> Query | PromQuery:
        """The query called ``name``. Raises :class:`ConfigInvalid` when there is none."""
        found = {query.name: query for query in self.prometheus}.get(name) or queries.load(self.name).get(
            name
        )
        if found is None:
            sentence = f"board {self.name} asks for the query {name}, which is not written"
            raise ConfigInvalid("board.no_query", sentence, cure=f"write it in sql/{self.name}.sql")
        return found

    def questions(self) -> tuple[Query, ...]:
        """Every ClickHouse query of its panels and variables, each once."""
        names = dict.fromkeys(
            (*(panel.asks for panel in self.panels()), *(each.query for each in self.variables))
        )
        found = [self.question(name) for name in names if name]
        return tuple(query for query in found if isinstance(query, Query))


class Placed(Struct, frozen=True, kw_only=True):
    """A panel, or the heading of a row, with its place on the grid."""

    x: int
    y: int
    w: int
    h: int
    panel: Panel | None = None
    title: str = ""


def layout(board: Board) -> list[Placed]:
    """Where everything stands, from the top. Raises :class:`ConfigInvalid` when a row is wider than the grid."""
    placed: list[Placed] = []
    top = 0
    for row in board.rows:
        if row.title:
            placed.append(Placed(x=0, y=top, w=GRID_COLUMNS, h=1, title=row.title))
            top += 1
        placed.extend(_side_by_side(board, row, top))
        top += row.height
    return placed


def _side_by_side(board: Board, row: Row, top: int) -> Iterator[Placed]:
    left = 0
    for panel in row.panels:
        if left + panel.width > GRID_COLUMNS:
            sentence = f"board {board.name}: panel {panel.name} ends at column {left + panel.width} of {GRID_COLUMNS}"
            raise ConfigInvalid(
                "board.too_wide", sentence, cure="make the row's panels narrower, or begin a new row"
            )
        yield Placed(x=left, y=top, w=panel.width, h=row.height, panel=panel)
        left += panel.width
