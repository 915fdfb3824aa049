"""From a panel's rows to what the preview draws: numbers with their step, tables, lines, bars, states, a map."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from cior_core.model import Struct
from cior_grafana import pictures, preview_page, thresholds
from cior_grafana.panels import Draw, Panel
from cior_grafana.preview_page import Box, Cell
from cior_grafana.preview_values import instant_ms, moment, number, written
from cior_grafana.queries import Column, Kind, Query
from cior_grafana.thresholds import Thresholds
from cior_grafana.words import NO_DATA, TYPE_COLUMN, Language, PanelWords, type_names

_GREY = "#6E7280"
_MARKDOWN = ((re.compile(r"\[([^\]]*)\]\([^)]*\)"), r"\1"), (re.compile(r"\*\*|`|^#+ *", re.MULTILINE), ""))
_MOST_ROWS = 200

Row = dict[str, Any]


class Asked(Struct, frozen=True, kw_only=True):
    """A panel with its words, its query and what that answered. ``rings``: the districts, for a map."""

    panel: Panel
    words: PanelWords
    query: Query
    rows: tuple[Row, ...]
    span: pictures.Span
    rings: tuple[pictures.Ring, ...]
    language: Language

    def label(self, column: str) -> str:
        """What a column is called."""
        word = self.words.columns.get(column)
        return word[self.language] if word else column

    def unit(self, column: str) -> str:
        """The unit of a column."""
        return self.panel.units.get(column, self.panel.unit)

    @property
    def steps(self) -> Thresholds | None:
        """The panel's own set of thresholds."""
        return thresholds.load()[self.panel.thresholds] if self.panel.thresholds else None

    def columns(self, *kinds: Kind) -> list[Column]:
        """The query's columns of these kinds, in order."""
        return [column for column in self.query.columns if column.kind in kinds]


def shown(asked: Asked, box: Box) -> preview_page.Panel:
    """The panel as the page draws it."""
    made = preview_page.Panel(
        box=box, title=asked.words.title[asked.language], description=asked.words.description[asked.language]
    )
    if not asked.rows:
        empty = asked.words.empty or NO_DATA
        return _with(made, empty=empty[asked.language])
    match asked.panel.draw:
        case Draw.NUMBER:
            return _with(made, numbers=tuple(_numbers(asked)))
        case Draw.TABLE:
            return _with(made, head=_head(asked), rows=_cells(asked))
        case _:
            return _with(made, picture=_picture(asked, box.inside))


def note(words: PanelWords, language: Language, box: Box) -> preview_page.Panel:
    """A text; its Markdown becomes plain words."""
    text = words.text[language] if words.text else ""
    for pattern, kept in _MARKDOWN:
        text = pattern.sub(kept, text)
    return preview_page.Panel(box=box, title=words.title[language], text=text)


def _with(panel: preview_page.Panel, **parts: Any) -> preview_page.Panel:
    return preview_page.Panel(box=panel.box, title=panel.title, description=panel.description, **parts)


def _picture(asked: Asked, size: tuple[int, int]) -> str:
    match asked.panel.draw:
        case Draw.SERIES:
            axis = pictures.Axis(told=lambda value: written(value, asked.panel.unit, asked.language))
            return pictures.lines(_lines(asked), asked.span, size, axis=axis, marks=_marks(asked))
        case Draw.BARS:
            return pictures.bars(_bars(asked), size)
        case Draw.STATES:
            return pictures.lanes(_lanes(asked), asked.span, size)
        case _:
            return pictures.chart_map(asked.rings, _spots(asked), size)


def _numbers(asked: Asked) -> list[preview_page.Number]:
    made = []
    columns = asked.columns(Kind.NUMBER)
    for place, column in enumerate(columns):
        value = number(asked.rows[-1].get(column.name))
        name = asked.label(column.name) if len(columns) > 1 else ""
        text = written(value, asked.unit(column.name), asked.language)
        step = asked.steps.step(value) if asked.steps and value is not None and place == 0 else None
        state, colour = (step.says(asked.language), step.colour) if step else ("", "")
        if value is None:
            state, colour = (NO_DATA[asked.language], _GREY) if place == 0 else ("", "")
        if place:
            colour = _own_colour(asked, column.name, value)
        made.append(preview_page.Number(text=text, name=name, state=state, colour=colour))
    return made


def _own_colour(asked: Asked, column: str, value: float | None) -> str:
    """The colour of a number beside the first, where the panel gives its column one."""
    name = asked.panel.colours.get(column, "")
    step = thresholds.load()[name].step(value) if name and value is not None else None
    return step.colour if step else ""


def _head(asked: Asked) -> tuple[Cell, ...]:
    return tuple(
        Cell(text=asked.label(column.name), number=column.kind is Kind.NUMBER)
        for column in asked.query.columns
    )


def _cells(asked: Asked) -> tuple[tuple[Cell, ...], ...]:
    return tuple(
        tuple(_cell(asked, column, row.get(column.name)) for column in asked.query.columns)
        for row in asked.rows[:_MOST_ROWS]
    )


def _cell(asked: Asked, column: Column, value: Any) -> Cell:
    match column.kind:
        case Kind.TIME:
            return Cell(text=moment(value, asked.span.zone))
        case Kind.STRING:
            text = "" if value is None else str(value)
            text = type_names(asked.language).get(text, text) if column.name == TYPE_COLUMN else text
        case _:
            text = written(number(value), asked.unit(column.name), asked.language)
    name = asked.panel.colours.get(column.name, "")
    step = thresholds.load()[name].step(_as_stepped(value)) if name and value is not None else None
    if step and step.value is not None:
        text = step.says(asked.language)
    is_number = column.kind is not Kind.STRING and not (step and step.value is not None)
    return Cell(text=text, number=is_number, colour=step.colour if step else "")


def _as_stepped(value: Any) -> str | float:
    found = number(value)
    if found is None:
        return str(value)
    return int(found) if found.is_integer() else found


def _named(asked: Asked, row: Row, column: Column) -> str:
    """The name of a line or lane: its labels, and the column's words where there are several numbers."""
    labels = [str(row.get(each.name)) for each in asked.columns(Kind.STRING)]
    several = len(asked.columns(Kind.NUMBER)) > 1 or not labels
    return " ".join([*labels, asked.label(column.name)] if several else labels)


def _points(asked: Asked) -> dict[str, list[tuple[int, float | None]]]:
    """Values over time by name of line, each in the order of time."""
    found: dict[str, list[tuple[int, float | None]]] = {}
    for row in asked.rows:
        at_ms = instant_ms(row.get("time"))
        for column in asked.columns(Kind.NUMBER) if at_ms is not None else ():
            name = _named(asked, row, column)
            found.setdefault(name, []).append((at_ms or 0, number(row.get(column.name))))
    return {name: sorted(points, key=lambda point: point[0]) for name, points in found.items()}


def _colour(asked: Asked, name: str, place: int) -> str:
    by_value = asked.steps if asked.steps and asked.steps.by_value else None
    step = by_value.step(name) if by_value else None
    return step.colour if step else pictures.PALETTE[place % len(pictures.PALETTE)]


def _lines(asked: Asked) -> list[pictures.Line]:
    return [
        pictures.Line(name=name, points=tuple(points), colour=_colour(asked, name, place))
        for place, (name, points) in enumerate(_points(asked).items())
    ]


def _marks(asked: Asked) -> list[pictures.Mark]:
    steps = asked.steps.steps if asked.panel.line and asked.steps else ()
    return [
        pictures.Mark(
            value=step.at,
            text=f"{step.says(asked.language)} {written(step.at, asked.panel.unit, asked.language)}",
            colour=step.colour,
        )
        for step in steps
        if step.at is not None
    ]


def _bars(asked: Asked) -> list[pictures.Bar]:
    names = asked.columns(Kind.STRING) or asked.columns(Kind.TIME)
    numbers = asked.columns(Kind.NUMBER)
    made = []
    for row in asked.rows:
        name = _bar_name(asked, names, row)
        for place, column in enumerate(numbers):
            value = number(row.get(column.name))
            made.append(
                pictures.Bar(
                    name=name if len(numbers) == 1 else f"{name} · {asked.label(column.name)}",
                    value=value or 0.0,
                    text=written(value, asked.unit(column.name), asked.language),
                    colour=pictures.PALETTE[(place + 1) % len(pictures.PALETTE)],
                )
            )
    return made


def _bar_name(asked: Asked, names: Sequence[Column], row: Row) -> str:
    if not names:
        return ""
    value = row.get(names[0].name)
    return moment(value, asked.span.zone) if names[0].kind is Kind.TIME else str(value)


def _lanes(asked: Asked) -> list[pictures.Lane]:
    return [
        pictures.Lane(name=name, stretches=tuple(_stretches(asked, points)))
        for name, points in _points(asked).items()
    ]


def _stretches(asked: Asked, points: Sequence[tuple[int, float | None]]) -> list[pictures.Stretch]:
    """Each state until the next; the same one again goes on."""
    ends = [at_ms for at_ms, _ in points[1:]] + [asked.span.to_ms]
    made: list[pictures.Stretch] = []
    for (at_ms, value), end_ms in zip(points, ends, strict=True):
        step = asked.steps.step(_as_stepped(value)) if asked.steps and value is not None else None
        text = step.says(asked.language) if step else NO_DATA[asked.language]
        begin_ms = made.pop().from_ms if made and made[-1].text == text else at_ms
        colour = step.colour if step else _GREY
        made.append(pictures.Stretch(from_ms=begin_ms, to_ms=end_ms, text=text, colour=colour))
    return made


def _spots(asked: Asked) -> list[pictures.Spot]:
    latitude, longitude = (asked.columns(kind)[0].name for kind in (Kind.LATITUDE, Kind.LONGITUDE))
    (chosen, steps_name), *_ = asked.panel.colours.items()
    made = []
    for row in asked.rows:
        lat, lon = number(row.get(latitude)), number(row.get(longitude))
        if lat is None or lon is None:
            continue
        label = str(row.get(chosen))
        step = thresholds.load()[steps_name].step(label)
        told = " · ".join(str(row.get(column.name)) for column in asked.columns(Kind.STRING))
        colour = step.colour if step else _GREY
        made.append(pictures.Spot(lat=lat, lon=lon, name=told, colour=colour, label=label))
    return made
