"""``cior grafana preview``: every board's queries asked of a store, drawn as HTML files: a look, not Grafana.

A query that fails shows its error in its panel; the others are drawn all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from cior_core.errors import CiorError, ConfigInvalid
from cior_core.geo import City
from cior_core.model import Struct
from cior_grafana import preview_page, words
from cior_grafana.board import TIMEZONE, Board, Placed, layout, zone
from cior_grafana.boards import BOARDS
from cior_grafana.macros import Window, ready
from cior_grafana.panels import Draw
from cior_grafana.pictures import Ring, Span
from cior_grafana.preview_page import Box, Page
from cior_grafana.preview_panels import Asked, Row, note, shown
from cior_grafana.preview_values import moment_of
from cior_grafana.queries import Query
from cior_grafana.words import Language
from cior_store.engine import Store

_PROMETHEUS = words.Word(
    es="Viene de Prometheus: la vista previa no la consulta.",
    en="Comes from Prometheus: the preview does not ask it.",
)
_RANGE = words.Word(
    es="de {0:%d/%m/%Y %H:%M} a {1:%d/%m/%Y %H:%M}", en="from {0:%d/%m/%Y %H:%M} to {1:%d/%m/%Y %H:%M}"
)


class Look(Struct, frozen=True, kw_only=True):
    """How to look: at which moment, on whose clock; ``chosen`` are values of variables, by name."""

    now: datetime
    zone: ZoneInfo = ZoneInfo(TIMEZONE)
    language: Language = Language.ES
    rings: tuple[Ring, ...] = ()
    chosen: dict[str, str] = msgspec.field(default_factory=dict)


class Asking(Struct, frozen=True, kw_only=True):
    """What ``cior grafana preview`` was asked; ``choose`` holds ``variable=value``."""

    boards: tuple[str, ...]
    dsn: str
    language: str
    timezone: str = ""
    city: Path | None = None
    choose: tuple[str, ...] = ()


def preview_files(asking: Asking, folder: Path) -> list[Path]:
    """Draw the named boards, or all. Raises ``ConfigInvalid`` for what does not exist, and what the store raises."""
    city = City.load(districts=asking.city.read_text(encoding="utf-8")) if asking.city else City.demo()
    look = Look(
        now=datetime.now(UTC),
        zone=zone(asking.timezone or TIMEZONE),
        language=Language(asking.language),
        rings=rings(city),
        chosen=dict(pair.split("=", 1) for pair in asking.choose if "=" in pair),
    )
    boards = [_board(name) for name in asking.boards] or list(BOARDS)
    with Store.open(asking.dsn) as store:
        return write_pages(store, boards, look, folder)


def rings(city: City) -> tuple[Ring, ...]:
    """The outlines that the map draws."""
    return tuple(
        Ring(name=district.name if ring is district.ring else "", corners=ring)
        for district in city.districts
        for ring in district.rings
    )


def _board(name: str) -> Board:
    found = next((board for board in BOARDS if board.name == name), None)
    if found is None:
        known = ", ".join(board.name for board in BOARDS)
        raise ConfigInvalid("grafana.no_board", f"there is no board {name}", cure=f"one of {known}")
    return found


def write_pages(store: Store, boards: Sequence[Board], look: Look, folder: Path) -> list[Path]:
    """One file a board and ``index.html``; their paths, the index first."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = [draw(store, board, look) for board in boards]
    titles = [(page.name, page.title) for page in pages]
    files = {folder / "index.html": preview_page.index(pages, look.language)}
    files |= {folder / f"{page.name}.html": preview_page.html(page, titles) for page in pages}
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return list(files)


def draw(store: Store, board: Board, look: Look) -> Page:
    """Ask what the board asks and arrange it as the board does."""
    desk = _Desk(store, board, look)
    title, description = (
        words.load(board.name)[words.BOARD].title,
        words.load(board.name)[words.BOARD].description,
    )
    chosen = "".join(f" · {name}: {value}" for name, value in desk.chosen.items())
    return Page(
        name=board.name,
        title=title[look.language],
        description=description[look.language],
        told=_RANGE[look.language].format(desk.since, desk.until) + chosen,
        language=look.language,
        panels=tuple(desk.panel(placed) for placed in layout(board)),
    )


def answers(store: Store, board: Board, look: Look) -> Mapping[str, tuple[Row, ...]]:
    """What the board's panels would be given, by the panel's name. Raises what the store raises."""
    desk = _Desk(store, board, look)
    asked = [(panel.name, board.question(panel.asks)) for panel in board.panels() if panel.asks]
    return {name: desk.ask(query) for name, query in asked if isinstance(query, Query)}


class _Desk:
    """One board being asked."""

    def __init__(self, store: Store, board: Board, look: Look) -> None:
        self._store, self._board, self._look = store, board, look
        self.since, self.until = (
            moment_of(text, look.now.astimezone(look.zone)) for text in (board.since, board.until)
        )
        self.window = Window.of(*(round(at.timestamp() * 1000) for at in (self.since, self.until)))
        self.chosen: dict[str, str] = {}
        for variable in board.variables:
            self.chosen[variable.name] = look.chosen.get(variable.name) or self._first(variable.query)

    def _first(self, name: str) -> str:
        """The value that Grafana would choose too: the first that the variable's query gives."""
        query = self._board.question(name)
        try:
            rows = self.ask(query) if isinstance(query, Query) else ()
        except CiorError:
            return ""
        return str(next(iter(rows[0].values()))) if rows else ""

    def ask(self, query: Query) -> tuple[Row, ...]:
        """The query's rows over the board's range."""
        return tuple(self._store.rows(ready(query.sql, self.window, self.chosen)))

    def panel(self, placed: Placed) -> preview_page.Panel:
        """One panel, drawn, or with the reason why not."""
        look, told = self._look, words.load(self._board.name)
        box = Box(x=placed.x, y=placed.y, width=placed.w, height=placed.h)
        if placed.panel is None:
            return preview_page.Panel(box=box, title=told[placed.title].title[look.language], heading=True)
        named = told[placed.panel.name]
        if placed.panel.draw is Draw.NOTE:
            return note(named, look.language, box)
        query = self._board.question(placed.panel.asks)
        if not isinstance(query, Query):
            return preview_page.Panel(
                box=box, title=named.title[look.language], empty=_PROMETHEUS[look.language]
            )
        try:
            rows = self.ask(query)
        except CiorError as error:
            return preview_page.Panel(
                box=box, title=named.title[look.language], error=f"{query.name}: {error}"
            )
        span = Span(from_ms=self.window.from_ms, to_ms=self.window.to_ms, zone=look.zone)
        asked = Asked(
            panel=placed.panel,
            words=named,
            query=query,
            rows=rows,
            span=span,
            rings=look.rings,
            language=look.language,
        )
        return shown(asked, box)
