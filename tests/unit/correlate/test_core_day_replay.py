"""A whole day of the city, replayed in other processes: the same log and rules give the same bytes (law 5)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from cior_core.model import ActionItem, EventItem, IssueCommand, ReceiptItem, TickItem, UpsertAlert
from cior_core.rules import RulePack
from unit.correlate import city_day

_REPLAY = """
import sys
from pathlib import Path
from cior_city import packs
from cior_streams import replay
print(replay.replay(Path(sys.argv[1]), packs.rule_pack(), Path(sys.argv[2])).sha256)
"""
_lines = msgspec.json.Encoder(order="sorted")


@pytest.fixture(scope="module")
def day(pack: RulePack, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """The log of the day as a file, and what came of it while it was lived."""
    items, effects = city_day.lived(2026, pack)
    log = tmp_path_factory.mktemp("day") / "area.ndjson"
    log.write_bytes(b"".join(msgspec.json.encode(item) + b"\n" for item in items))
    kinds = Counter(type(item) for item in items)
    assert items[-1].at_ms - items[0].at_ms >= 23 * 3_600_000
    assert min(kinds[EventItem], kinds[ActionItem], kinds[ReceiptItem], kinds[TickItem]) > 1000
    assert len({effect.alert.id for effect in effects if isinstance(effect, UpsertAlert)}) > 500
    assert {effect.command.kind.value for effect in effects if isinstance(effect, IssueCommand)} >= {
        "siren_on",
        "siren_off",
        "notify",
        "request_clip",
        "hold_video",
    }
    return log, b"".join(_lines.encode(effect) + b"\n" for effect in effects)


@pytest.mark.parametrize("seed", ["0", "424242"])
def test_law_5_a_day_of_the_city_replays_byte_for_byte_in_another_process(
    day: tuple[Path, bytes], seed: str, tmp_path: Path
) -> None:
    log, lived = day
    out = tmp_path / "effects.ndjson"
    subprocess.run(
        [sys.executable, "-c", _REPLAY, str(log), str(out)],
        env={**os.environ, "PYTHONHASHSEED": seed},
        check=True,
        capture_output=True,
        timeout=120,
    )
    assert out.read_bytes() == lived
