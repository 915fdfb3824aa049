"""Simple pictures of a preview, as SVG text: lines, bars, states over time, points over districts.

Everything that came from data is escaped; colours are attributes, so that no style needs to be allowed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, tzinfo
from html import escape

from cior_core.model import Struct

PALETTE = (
    "#73bf69",
    "#5794f2",
    "#f2cc0c",
    "#ff9830",
    "#b877d9",
    "#f2495c",
    "#37bbca",
    "#e0b4a4",
    "#8ab8ff",
    "#c8c8c8",
)
INK, FAINT, LAND, BORDER = "#ccccdc", "#4a4d57", "#23262e", "#6e7583"
_LINE_PX, _CHAR_PX, _TEXT_PX = 18, 6.8, 12
_STEPS_MS = tuple(
    minutes * 60_000
    for minutes in (1, 5, 10, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080, 20_160, 43_200, 87_840, 175_680)
)

Size = tuple[int, int]
"""Width and height in pixels."""


class Line(Struct, frozen=True, kw_only=True):
    """One series: instants in Unix milliseconds with values; None is a gap."""

    name: str
    points: tuple[tuple[int, float | None], ...]
    colour: str


class Bar(Struct, frozen=True, kw_only=True):
    """One bar; ``text`` is the value as it is read."""

    name: str
    value: float
    text: str
    colour: str


class Stretch(Struct, frozen=True, kw_only=True):
    """A state from one instant to another."""

    from_ms: int
    to_ms: int
    text: str
    colour: str


class Lane(Struct, frozen=True, kw_only=True):
    """What one thing was, over time."""

    name: str
    stretches: tuple[Stretch, ...]


class Spot(Struct, frozen=True, kw_only=True):
    """A point of the map in degrees; ``label`` stands above it, ``name`` is told where it is pointed at."""

    lat: float
    lon: float
    name: str
    colour: str
    label: str = ""


class Mark(Struct, frozen=True, kw_only=True):
    """A limit, drawn as a dashed line across."""

    value: float
    text: str
    colour: str


class Ring(Struct, frozen=True, kw_only=True):
    """A district's outline as (lat, lon)."""

    name: str
    corners: tuple[tuple[float, float], ...]


class Span(Struct, frozen=True, kw_only=True):
    """The range that a picture over time shows, and the clock that its marks are read on."""

    from_ms: int
    to_ms: int
    zone: tzinfo

    def share(self, at_ms: float) -> float:
        """Where an instant stands: 0 at the begin, 1 at the end, never outside."""
        return min(1.0, max(0.0, (at_ms - self.from_ms) / max(1, self.to_ms - self.from_ms)))


class Axis(Struct, frozen=True, kw_only=True):
    """How values of the scale are written."""

    told: Callable[[float], str]


class _Plot(Struct, frozen=True, kw_only=True):
    """Where in a picture the values are drawn, in pixels."""

    left: int
    top: int
    width: int
    height: int


def lines(found: Sequence[Line], span: Span, size: Size, *, axis: Axis, marks: Sequence[Mark] = ()) -> str:
    """Lines over time with a scale from zero (or the lowest value below it) to a round number."""
    width, height = size
    foot = _LINE_PX * (1 + (len(found) > 1)) + 22
    values = [value for line in found for _, value in line.points if value is not None]
    values += [mark.value for mark in marks]
    low, high = min([0.0, *values]), _round_up(max([0.0, *values]))
    scale = [low + (high - low) * part / 4 for part in range(5)]
    left = int(16 + _CHAR_PX * max(len(axis.told(value)) for value in scale))
    plot = _Plot(left=left, top=6, width=width - left - 8, height=max(20, height - foot - 6))

    def spot(at_ms: int, value: float) -> str:
        y = plot.top + plot.height * (1 - (value - low) / max(1e-9, high - low))
        return f"{plot.left + span.share(at_ms) * plot.width:.1f},{y:.1f}"

    drawn = [_scale([axis.told(value) for value in scale], plot), _clock(span, plot)]
    drawn += [_mark(mark, spot(span.from_ms, mark.value), spot(span.to_ms, mark.value)) for mark in marks]
    for line in found:
        parts = _unbroken(line.points)
        drawn += [_curve([spot(at, value) for at, value in part], line.colour) for part in parts]
    if len(found) > 1:
        drawn.append(_legend(found, plot, height - 6))
    return _svg(size, drawn)


def bars(found: Sequence[Bar], size: Size) -> str:
    """Bars side by side from the left, longest scale of all; what has no room is counted."""
    width, height = size
    room = max(1, height // (_LINE_PX + 6))
    shown = found if len(found) <= room else found[: room - 1]
    names = min(width // 2, int(18 + _CHAR_PX * max((len(bar.name) for bar in shown), default=0)))
    texts = int(8 + _CHAR_PX * max((len(bar.text) for bar in shown), default=0))
    most = max((bar.value for bar in shown), default=0.0) or 1.0
    drawn = []
    for row, bar in enumerate(shown):
        y = row * (_LINE_PX + 6)
        long = max(1.0, (width - names - texts - 8) * max(0.0, bar.value) / most)
        drawn += [
            _text(names - 6, y + 14, _cut(bar.name, names), anchor="end"),
            f'<rect x="{names}" y="{y + 2}" width="{long:.1f}" height="{_LINE_PX - 2}" fill="{escape(bar.colour)}"/>',
            _text(names + long + 6, y + 14, bar.text),
        ]
    if len(shown) < len(found):
        drawn.append(
            _text(names - 6, len(shown) * (_LINE_PX + 6) + 14, f"+ {len(found) - len(shown)}", anchor="end")
        )
    return _svg(size, drawn)


def lanes(found: Sequence[Lane], span: Span, size: Size) -> str:
    """States over time, one lane a thing; a state is written where its stretch has room."""
    width, height = size
    top, bottom = 2, 22
    room = max(1, (height - bottom - top) // 22)
    shown = found if len(found) <= room else found[: room - 1]
    left = min(width // 3, int(18 + _CHAR_PX * max((len(lane.name) for lane in shown), default=0)))
    plot = _Plot(left=left, top=top, width=width - left - 8, height=height - bottom - top)
    drawn = [_clock(span, plot)]
    for row, lane in enumerate(shown):
        y = top + row * 22
        drawn.append(_text(left - 6, y + 14, _cut(lane.name, left), anchor="end"))
        drawn += [_stretch(stretch, span, plot, y) for stretch in lane.stretches]
    if len(shown) < len(found):
        drawn.append(
            _text(left - 6, top + len(shown) * 22 + 14, f"+ {len(found) - len(shown)}", anchor="end")
        )
    return _svg(size, drawn)


def chart_map(rings: Sequence[Ring], spots: Sequence[Spot], size: Size) -> str:
    """Points over the districts' outlines; no other map is asked of anybody."""
    width, height = size
    places = [corner for ring in rings for corner in ring.corners] or [(spot.lat, spot.lon) for spot in spots]
    if not places:
        return _svg(size, [])
    south, north = min(lat for lat, _ in places), max(lat for lat, _ in places)
    west, east = min(lon for _, lon in places), max(lon for _, lon in places)
    squeeze = math.cos(math.radians((south + north) / 2))
    scale = min((width - 24) / max(1e-6, (east - west) * squeeze), (height - 24) / max(1e-6, north - south))
    x_0 = (width - (east - west) * squeeze * scale) / 2
    y_0 = (height - (north - south) * scale) / 2

    def spot(lat: float, lon: float) -> tuple[float, float]:
        return x_0 + (lon - west) * squeeze * scale, y_0 + (north - lat) * scale

    drawn = [_land([spot(*corner) for corner in ring.corners]) for ring in rings]
    drawn += [_name(ring, [spot(*corner) for corner in ring.corners]) for ring in rings]
    drawn += [_point(one, *spot(one.lat, one.lon)) for one in spots]
    return _svg(size, drawn)


def _svg(size: Size, parts: Iterable[str]) -> str:
    width, height = size
    return f'<svg viewBox="0 0 {width} {height}" role="img" font-size="{_TEXT_PX}">{"".join(parts)}</svg>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", colour: str = INK) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{escape(colour)}">{escape(text)}</text>'
    )


def _cut(text: str, width: float) -> str:
    room = max(3, int((width - 10) / _CHAR_PX))
    return text if len(text) <= room else text[: room - 1] + "…"


def _round_up(value: float) -> float:
    if not math.isfinite(value) or value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * 0.999)


def _scale(told: Sequence[str], plot: _Plot) -> str:
    marks, right = [], plot.left + plot.width
    for part, text in enumerate(told):
        y = plot.top + plot.height * (1 - part / (len(told) - 1))
        marks += [
            f'<line x1="{plot.left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="{FAINT}" stroke-width="0.5"/>',
            _text(plot.left - 6, y + 4, text, anchor="end"),
        ]
    return "".join(marks)


def _clock(span: Span, plot: _Plot) -> str:
    long_ms = span.to_ms - span.from_ms
    step_ms = next((step for step in _STEPS_MS if long_ms / step <= max(2, plot.width // 110)), _STEPS_MS[-1])
    form = "%H:%M" if long_ms <= 36 * 3_600_000 else "%d/%m %H:%M" if step_ms < 86_400_000 else "%d/%m/%y"
    offset = datetime.fromtimestamp(span.from_ms / 1000, span.zone).utcoffset()
    shift_ms = int(offset.total_seconds() * 1000) if offset else 0
    first = -(-(span.from_ms + shift_ms) // step_ms) * step_ms - shift_ms
    marks = []
    for at_ms in range(first, span.to_ms + 1, step_ms):
        x = plot.left + span.share(at_ms) * plot.width
        told = datetime.fromtimestamp(at_ms / 1000, span.zone).strftime(form)
        half = _CHAR_PX * len(told) / 2
        x = min(max(x, plot.left + half - 8), plot.left + plot.width - half + 8)
        marks.append(_text(x, plot.top + plot.height + 16, told, anchor="middle"))
    return "".join(marks)


def _unbroken(points: Sequence[tuple[int, float | None]]) -> list[list[tuple[int, float]]]:
    parts: list[list[tuple[int, float]]] = [[]]
    for at_ms, value in points:
        if value is None:
            parts.append([])
        else:
            parts[-1].append((at_ms, value))
    return [part for part in parts if part]


def _mark(mark: Mark, begin: str, end: str) -> str:
    x, y = (float(part) for part in end.split(","))
    colour = escape(mark.colour)
    line = f'<polyline points="{begin} {end}" fill="none" stroke="{colour}" stroke-dasharray="8 6"/>'
    return line + _text(x - 4, y - 4, mark.text, anchor="end", colour=mark.colour)


def _curve(spots: Sequence[str], colour: str) -> str:
    if len(spots) == 1:
        x, y = spots[0].split(",")
        return f'<circle cx="{x}" cy="{y}" r="2.5" fill="{escape(colour)}"/>'
    return f'<polyline points="{" ".join(spots)}" fill="none" stroke="{escape(colour)}" stroke-width="1.6"/>'


def _legend(found: Sequence[Line], plot: _Plot, y: int) -> str:
    parts, x, more = [], float(plot.left), 0
    for line in found:
        long = 26 + _CHAR_PX * len(line.name)
        if more or x + long > plot.left + plot.width - 40:
            more += 1
            continue
        parts.append(f'<rect x="{x:.1f}" y="{y - 9}" width="12" height="4" fill="{escape(line.colour)}"/>')
        parts.append(_text(x + 16, y - 2, line.name))
        x += long
    return "".join(parts) + (_text(x, y - 2, f"+ {more}") if more else "")


def _stretch(stretch: Stretch, span: Span, plot: _Plot, y: int) -> str:
    x, end = (plot.left + span.share(at) * plot.width for at in (stretch.from_ms, stretch.to_ms))
    long = max(1.0, end - x)
    box = f'<rect x="{x:.1f}" y="{y}" width="{long:.1f}" height="20" fill="{escape(stretch.colour)}">'
    told = f"<title>{escape(stretch.text)}</title></rect>"
    fits = long > _CHAR_PX * len(stretch.text) + 8
    return box + told + (_text(x + 4, y + 14, stretch.text, colour="#111217") if fits else "")


def _land(spots: Sequence[tuple[float, float]]) -> str:
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
    return f'<polygon points="{corners}" fill="{LAND}" stroke="{BORDER}" stroke-width="1"/>'


def _name(ring: Ring, spots: Sequence[tuple[float, float]]) -> str:
    x, y = (sum(part) / len(spots) for part in zip(*spots, strict=True))
    return _text(x, y, ring.name, anchor="middle", colour=BORDER)


def _point(spot: Spot, x: float, y: float) -> str:
    told = f"<title>{escape(spot.name)}</title></circle>"
    dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="{escape(spot.colour)}" stroke="{INK}">{told}'
    return dot + _text(x, y - 11, spot.label, anchor="middle")
