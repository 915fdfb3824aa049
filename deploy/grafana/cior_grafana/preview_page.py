"""One board as one HTML file that needs nothing else: no script, no address, a policy that allows only its own style.

It shows what the board's queries answer, in the board's own grid. It is not Grafana and says so on every page.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from html import escape

from cior_core.model import Struct

COLUMNS, ROW_PX, GAP_PX, PAGE_PX = 24, 30, 8, 1888
"""Grafana's grid: 24 columns, rows of 30 pixels with gaps of 8; drawn for a screen 1920 pixels wide."""
_HEAD_PX = 38
_FONTS_PX = (34, 26, 20, 16)

NOT_GRAFANA = {"es": "Vista previa: no es Grafana", "en": "Preview: this is not Grafana"}
_FAILED = {"es": "La consulta falló", "en": "The query failed"}
_BOARDS = {"es": "Tableros", "en": "Boards"}

_STYLE = """
*{box-sizing:border-box}
html{color-scheme:dark}
body{margin:0;padding:0 16px 16px;background:#111217;color:#ccccdc;font:14px/1.35 "Liberation Sans",Arial,sans-serif}
header{display:flex;gap:24px;align-items:baseline;padding:10px 0 6px;flex-wrap:wrap}
h1{font-size:22px;margin:0}
header p{margin:0;color:#9a9fb0}
.banner{background:#f2cc0c;color:#111217;font-weight:bold;padding:4px 12px;border-radius:3px}
nav{display:flex;gap:14px;flex-wrap:wrap;padding:0 0 8px}
a{color:#6e9fff;text-decoration:none}
.here{color:#ccccdc;font-weight:bold}
main{display:grid;grid-template-columns:repeat(24,minmax(0,1fr));grid-auto-rows:30px;gap:8px}
section{background:#181b1f;border:1px solid #2a2d35;border-radius:3px;overflow:hidden;min-width:0;
  display:flex;flex-direction:column}
section.heading{background:none;border:none}
h2{font-size:14px;margin:0;padding:6px 10px 2px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;flex:none}
h2 small{color:#9a9fb0;font-weight:normal;padding-left:8px}
.body{flex:1;min-height:0;overflow:auto;padding:2px 8px 6px}
.body svg{width:100%;height:100%;display:block;font-family:"Liberation Sans",Arial,sans-serif}
.plain{overflow:hidden}
.numbers{display:flex;gap:8px;height:100%;align-items:stretch}
.number{flex:1;min-width:0;display:flex;flex-direction:column;justify-content:center;align-items:center;border-radius:3px;
  text-align:center}
.number b{line-height:1.1;white-space:nowrap}
.f34 b{font-size:34px}.f26 b{font-size:26px}.f20 b{font-size:20px}.f16 b{font-size:16px}
.number span{font-size:13px;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:13px}
th{text-align:left;color:#9a9fb0;font-weight:normal;position:sticky;top:0;background:#181b1f}
th,td{padding:3px 10px 3px 6px;border-bottom:1px solid #24272e;vertical-align:top;overflow-wrap:break-word}
th{overflow-wrap:normal}td.n{white-space:nowrap}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.error{color:#ff7383;overflow-wrap:anywhere}
.nothing{color:#9a9fb0;height:100%;display:flex;align-items:center;justify-content:center;font-size:18px}
.text{white-space:pre-wrap;overflow-wrap:anywhere}
dl{max-width:1100px}dt{margin-top:14px;font-size:17px}dd{margin:2px 0 0;color:#9a9fb0}
"""


class Box(Struct, frozen=True, kw_only=True):
    """Where a panel stands, in Grafana's grid units."""

    x: int
    y: int
    width: int
    height: int

    @property
    def inside(self) -> tuple[int, int]:
        """Pixels that a picture in it has, on a screen 1920 wide."""
        column = (PAGE_PX - (COLUMNS - 1) * GAP_PX) / COLUMNS
        wide = int(self.width * column + (self.width - 1) * GAP_PX) - 20
        return wide, self.height * ROW_PX + (self.height - 1) * GAP_PX - _HEAD_PX


class Number(Struct, frozen=True, kw_only=True):
    """One large figure; its state is told by colour and by word."""

    text: str
    name: str = ""
    state: str = ""
    colour: str = ""


class Cell(Struct, frozen=True, kw_only=True):
    """One cell of a table."""

    text: str
    number: bool = False
    colour: str = ""


class Panel(Struct, frozen=True, kw_only=True):
    """What one panel shows: one of its contents, or why there is none. ``picture`` is SVG, already
    escaped; a ``heading`` has a title alone."""

    box: Box
    title: str
    description: str = ""
    numbers: tuple[Number, ...] = ()
    head: tuple[Cell, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    picture: str = ""
    text: str = ""
    empty: str = ""
    error: str = ""
    heading: bool = False


class Page(Struct, frozen=True, kw_only=True):
    """One board. ``told`` says when it was asked and for which range."""

    name: str
    title: str
    description: str
    told: str
    language: str
    panels: tuple[Panel, ...]


def html(page: Page, boards: Sequence[tuple[str, str]]) -> str:
    """The whole file; ``boards``: names and titles of all pages, for the links."""
    grid, colours = [], _Colours()
    for number, panel in enumerate(page.panels):
        box = panel.box
        grid.append(
            f"#p{number}{{grid-column:{box.x + 1}/span {box.width};grid-row:{box.y + 1}/span {box.height}}}"
        )
    body = "".join(
        _section(number, panel, page.language, colours) for number, panel in enumerate(page.panels)
    )
    links = [
        f'<a href="{escape(name)}.html">{escape(title)}</a>'
        if name != page.name
        else f'<span class="here">{escape(title)}</span>'
        for name, title in boards
    ]
    return _document(
        page.title,
        page.language,
        style=_STYLE + "\n".join(grid) + colours.style(),
        body=(
            f"{_header(page.title, page.told, page.language)}"
            f'<nav><a href="index.html">{_BOARDS[page.language]}</a>{"".join(links)}</nav><main>{body}</main>'
        ),
    )


def index(pages: Sequence[Page], language: str) -> str:
    """The page with a link to each board."""
    entries = [
        f'<dt><a href="{escape(page.name)}.html">{escape(page.title)}</a></dt><dd>{escape(page.description)}</dd>'
        for page in pages
    ]
    body = f"{_header(_BOARDS[language], '', language)}<dl>{''.join(entries)}</dl>"
    return _document(_BOARDS[language], language, style=_STYLE, body=body)


class _Colours:
    """Colours that data chose, as classes: the policy allows no style on an element."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def of(self, colour: str) -> str:
        """The class that fills with ``colour``; none for what is no colour."""
        if not re.fullmatch(r"#[0-9A-Fa-f]{6}", colour):
            return ""
        return self._names.setdefault(colour, f"c{len(self._names)}")

    def style(self) -> str:
        """A rule a colour, with the ink that is read on it."""
        return "\n" + "\n".join(
            f".{name}{{background:{colour};color:{_ink(colour)}}}" for colour, name in self._names.items()
        )


def _ink(colour: str) -> str:
    """Dark on bright colours, white on the others (weights of ITU-R BT.601)."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#111217" if 299 * red + 587 * green + 114 * blue > 150_000 else "#ffffff"


def _document(title: str, language: str, *, style: str, body: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f"<title>{escape(title)} · CIOR</title><style>{style}</style></head><body>{body}</body></html>\n"
    )


def _header(title: str, told: str, language: str) -> str:
    banner = f'<span class="banner">{NOT_GRAFANA[language]}</span>'
    return f"<header><h1>{escape(title)}</h1>{banner}<p>{escape(told)}</p></header>"


def _section(number: int, panel: Panel, language: str, colours: _Colours) -> str:
    told = f"<small>{escape(panel.description)}</small>" if panel.description else ""
    title = f'<h2 title="{escape(panel.description)}">{escape(panel.title)}{told}</h2>'
    kind = ' class="heading"' if panel.heading else ""
    return f'<section id="p{number}"{kind}>{title}{_content(panel, language, colours)}</section>'


def _content(panel: Panel, language: str, colours: _Colours) -> str:
    if panel.heading:
        return ""
    if panel.error:
        return f'<div class="body error">{_FAILED[language]}: {escape(panel.error)}</div>'
    if panel.rows:
        return f'<div class="body">{_table(panel, colours)}</div>'
    if panel.text:
        return f'<div class="body text">{escape(panel.text)}</div>'
    return f'<div class="body plain">{_drawn(panel, colours)}</div>'


def _drawn(panel: Panel, colours: _Colours) -> str:
    if panel.numbers:
        size = _font_px(panel)
        figures = "".join(_number(one, colours) for one in panel.numbers)
        return f'<div class="numbers f{size}">{figures}</div>'
    return panel.picture or f'<div class="nothing">{escape(panel.empty)}</div>'


def _font_px(panel: Panel) -> int:
    """The largest size in which the longest figure has room on one line."""
    room = (panel.box.inside[0] - 8 * len(panel.numbers)) / len(panel.numbers)
    longest = max(len(one.text) for one in panel.numbers)
    return next((size for size in _FONTS_PX if longest * size * 0.6 <= room), _FONTS_PX[-1])


def _number(one: Number, colours: _Colours) -> str:
    name = f"<span>{escape(one.name)}</span>" if one.name else ""
    state = f"<span>{escape(one.state)}</span>" if one.state else ""
    filled = colours.of(one.colour) if one.colour else ""
    return f'<div class="number {filled}">{name}<b>{escape(one.text)}</b>{state}</div>'


def _table(panel: Panel, colours: _Colours) -> str:
    head = "".join(f"<th{_classes(cell, colours)}>{escape(cell.text)}</th>" for cell in panel.head)
    rows = "".join(
        "<tr>" + "".join(f"<td{_classes(cell, colours)}>{escape(cell.text)}</td>" for cell in row) + "</tr>"
        for row in panel.rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _classes(cell: Cell, colours: _Colours) -> str:
    names = (["n"] if cell.number else []) + ([colours.of(cell.colour)] if cell.colour else [])
    return f' class="{" ".join(names)}"' if names else ""
