"""The demo's keeper of the response team's key: takes the closed boxes of a request from the console's desk, opens them
with the same command as anybody's keeper, and hands the keys of these boxes back. The demo keeps that key itself, and
says so; in a centre it lies on no server.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from cior_console.judicial_boxes import MOST_OPENINGS
from cior_core.centre_file import Centre
from cior_core.errors import SourceUnavailable
from cior_demo.parties import Party

TEAM_KEY: Final = "team.private"
_LAID_OUT_S: Final = 60.0
_OPEN_S: Final = 120.0
_ASK_EVERY_S: Final = 0.2


class Opened(msgspec.Struct, frozen=True):
    """How many boxes the request needed, and how many of them came back opened."""

    needed: int
    opened: int


def open_boxes(builder: Party, request_id: str, *, centre: Centre, folder: Path) -> Opened:
    """Out, open, back. ``folder``: of the keeper. Raises ``SourceUnavailable`` (``demo.boxes``) when that fails."""
    where, page = f"requests/{request_id}/boxes", _laid_out(builder, request_id)
    if not page["closed"]:
        return Opened(0, 0)
    folder.mkdir(parents=True, exist_ok=True)
    builder.download(f"{where}/closed", folder / "cerrados.json")
    answer = _opened(folder, centre.data / "keys" / TEAM_KEY)
    for at in range(0, len(answer["opened"]), MOST_OPENINGS):
        part = answer | {"opened": answer["opened"][at : at + MOST_OPENINGS]}
        page = builder.post(f"{where}/opened", part)["page"]
    return Opened(int(page["closed"]) + int(page["opened"]), int(page["opened"]))


def _laid_out(builder: Party, request_id: str) -> dict[str, Any]:
    """Once the part that builds has looked which boxes the alarms need."""
    ends_s = time.monotonic() + _LAID_OUT_S
    while True:
        page = builder.get(f"requests/{request_id}/boxes")
        if page["is_laid_out"]:
            return page
        if time.monotonic() > ends_s:
            raise SourceUnavailable("demo.boxes", "nobody looked which boxes the alarms need")
        time.sleep(_ASK_EVERY_S)


def _opened(folder: Path, key: Path) -> dict[str, Any]:
    command: list[str | Path] = [
        sys.executable, "-m", "cior", "evidence", "open-boxes", folder / "cerrados.json", "--key", key,
        "--who", "Guarda de la clave de la demostración", "--reason", "pedido de la demostración",
        "--openings", folder / "aperturas.ndjson", "--out", folder / "abiertos.json",
    ]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_OPEN_S)
    if ran.returncode != 0:
        raise SourceUnavailable("demo.boxes", f"open-boxes: {ran.stderr.strip()[-300:]}")
    found: dict[str, Any] = json.loads((folder / "abiertos.json").read_bytes())
    return found
