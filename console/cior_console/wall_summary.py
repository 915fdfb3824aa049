"""What the operators' wall would show at the demo's end, by the wall's own queries on the demo's own store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cior_core.model import Struct
from cior_grafana.board import layout
from cior_grafana.boards import muro
from cior_grafana.preview import Look, draw
from cior_grafana.preview_page import Number, Panel
from cior_store.engine import Store

TABLES = frozenset({"open_by_level"})
"""Tables that are short enough to print; the others have a line a thing."""


class WallSummary(Struct, frozen=True, kw_only=True):
    """The block to print, and the panels that could not be asked."""

    lines: tuple[str, ...]
    faults: tuple[str, ...]


def wall_summary(dsn: str, zone: str) -> WallSummary:
    """Ask the wall's queries. The store must have no other owner any more; raises what opening it raises."""
    look = Look(now=datetime.now(UTC), zone=ZoneInfo(zone))
    with Store.open(dsn) as store:
        page = draw(store, muro.BOARD, look)
    names = [placed.panel.name if placed.panel else "" for placed in layout(muro.BOARD)]
    lines = [line for name, panel in zip(names, page.panels, strict=True) for line in _told(name, panel)]
    faults = [
        f"the wall's panel {panel.title!r} fails: {panel.error}" for panel in page.panels if panel.error
    ]
    return WallSummary(lines=tuple(lines), faults=tuple(faults))


def _told(name: str, panel: Panel) -> Iterator[str]:
    if panel.numbers:
        yield f"{panel.title}: {', '.join(map(_number, panel.numbers))}"
    elif name in TABLES:
        yield f"{panel.title}:" if panel.rows else f"{panel.title}: {panel.empty}"
        for row in panel.rows:
            yield "  " + ", ".join(
                f"{head.text} {cell.text}" for head, cell in zip(panel.head, row, strict=True)
            )


def _number(number: Number) -> str:
    state = f" ({number.state})" if number.state else ""
    return f"{number.name} {number.text}{state}".strip()
