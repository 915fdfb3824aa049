"""Questions to the server as a wall's user asks them: over HTTP, within its deployed profile, with the one setting that
the plugin's driver sends.
"""

from __future__ import annotations

import json
import math
import re
import urllib.error
import urllib.request
from typing import Any

import msgspec

from engines.clickhouse_lite import ClickHouseLite

USERS = {
    "wall": "cior_grafana_wall",
    "supervisor": "cior_grafana_supervisor",
    "observatory": "cior_grafana_observatory",
}
_TIME = re.compile(r"DateTime|Date")
_NUMBER = re.compile(r"U?Int\d+$|Float\d+$|Decimal")
_STRING = re.compile(r"String$|Enum\d+")
_WRAPPED = re.compile(r"^(?:Nullable|LowCardinality)\((.*)\)$")
_COORDINATES = {"latitude": 90.0, "longitude": 180.0}


class Refused(Exception):
    """The server's own error: ``code`` is ClickHouse's number."""

    def __init__(self, text: str) -> None:
        found = re.search(r"Code:\s*(\d+)", text)
        self.code = int(found[1]) if found else 0
        super().__init__(text[:2000])


class Answer(msgspec.Struct, frozen=True):
    """Names and types of the columns, and the rows; NaN comes as None."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[list[Any]]


def ask(server: ClickHouseLite, user: str, sql: str) -> Answer:
    """Run one statement. Raises :class:`Refused`."""
    request = urllib.request.Request(
        f"http://{server.host}:{server.http_port}/?default_format=JSONCompact&max_execution_time=25",
        data=sql.encode(),
        headers={"X-ClickHouse-User": user, "X-ClickHouse-Key": server.password(user)},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            found = json.loads(reply.read().decode(errors="replace"))
    except urllib.error.HTTPError as error:
        raise Refused(error.read().decode(errors="replace")) from None
    meta = found["meta"]
    return Answer(tuple(one["name"] for one in meta), tuple(one["type"] for one in meta), found["data"])


def bare(type_name: str) -> str:
    """The type inside ``Nullable`` and ``LowCardinality``."""
    while found := _WRAPPED.match(type_name):
        type_name = found[1]
    return type_name


def fits(kind: str, type_name: str) -> bool:
    """Whether a panel that needs ``kind`` can use a column of this type."""
    inner = bare(type_name)
    match kind:
        case "time":
            return bool(_TIME.match(inner))
        case "string":
            return bool(_STRING.match(inner))
        case _:
            return bool(_NUMBER.match(inner))


def faults(answer: Answer, columns: tuple[tuple[str, str], ...]) -> list[str]:
    """What of an answer a panel with these (name, kind) columns could not draw."""
    names = tuple(name for name, _ in columns)
    if answer.names != names:
        return [f"columns are {answer.names}, declared {names}"]
    wrong = [
        f"{name} is {type_name}, its panel needs {kind}"
        for (name, kind), type_name in zip(columns, answer.types, strict=True)
        if not fits(kind, type_name)
    ]
    for row in answer.rows:
        for (name, kind), cell in zip(columns, row, strict=True):
            if kind in _COORDINATES and cell is not None and not abs(float(cell)) <= _COORDINATES[kind]:
                wrong.append(f"{name} holds {cell}")
            if kind == "number" and isinstance(cell, float) and not math.isfinite(cell):
                wrong.append(f"{name} holds {cell}")
            if name == "time" and cell is None:
                wrong.append("a point of a series has no time")
    return wrong
