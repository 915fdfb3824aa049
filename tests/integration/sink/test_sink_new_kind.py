"""A developer adds a kind of record: an entry in the catalogue, its struct, its migration. Nothing else, and it
travels and is stored.

The edits below are made to copies of ``cior_core`` and ``cior_store``; bus, sink and documents are those of the
checkout.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import cior_core
import cior_store
from cior_bus.embedded.tansu import Tansu

KIND = '    DEAD = "dead"\n'
STRUCT = '''

class GateReading(Struct, frozen=True, kw_only=True):
    """How many people went through a gate."""

    id: str
    gate: str
    at_ms: int
    people: int
    open_share: float | None = None
    remarks: tuple[str, ...] = ()
    note: str | None = None
'''
IMPORT = "    Event,\n"
ENTRY = """    RecordKind(
        kind=Kind.GATE,
        record=GateReading,
        codec=_json_codec(GateReading),
        topics=(
            TopicSpec(
                name="cior.gates.v1",
                key="gate",
                value="GateReading or envelope",
                retention_s=7 * DAY_S,
                purpose="people through gates",
            ),
        ),
        key=lambda reading: str(reading.gate),
        bucket=lambda reading: str(reading.gate),
        lane=lambda _reading: Lane.NORMAL,
        table="ops.gates",
    ),
"""
MIGRATION = """CREATE TABLE IF NOT EXISTS ops.gates
(
    gate_id String,
    gate LowCardinality(String),
    at DateTime64(3, 'UTC'),
    people UInt32,
    open_share Nullable(Float64),
    remarks Array(String),
    note String,
    body String,
    topic LowCardinality(String),
    part UInt16,
    pos UInt64,
    stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(at)
ORDER BY (gate, at, gate_id)
SETTINGS non_replicated_deduplication_window = 10000;
"""
CHILD = Path(__file__).with_name("new_kind_child.py")


def insert(path: Path, text: str, *, before: str = "", after: str = "") -> None:
    """``text`` into a copied source, at a mark that it holds exactly once."""
    old, mark = path.read_text(encoding="utf-8"), before or after
    assert old.count(mark) == 1, f"{path.name} has {mark!r} {old.count(mark)} times"
    path.write_text(old.replace(mark, text + mark if before else mark + text), encoding="utf-8")


@pytest.fixture
def house_with_gates(tmp_path: Path) -> Path:
    """A folder whose copies of core and store know the kind ``gate``."""
    for package in (cior_core, cior_store):
        folder = Path(package.__path__[0])
        shutil.copytree(folder, tmp_path / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
    core, store = tmp_path / "cior_core", tmp_path / "cior_store"
    model = core / "model.py"
    model.write_text(model.read_text(encoding="utf-8") + STRUCT, encoding="utf-8")
    insert(core / "catalogue.py", '    GATE = "gate"\n', after=KIND)
    insert(core / "catalogue.py", "    GateReading,\n", after=IMPORT)
    insert(core / "catalogue.py", ENTRY, before=')\n"""The table, in the order')
    number = len(list((store / "migrations").glob("*.sql"))) + 1
    (store / "migrations" / f"{number:03d}_gates.sql").write_text(MIGRATION, encoding="utf-8")
    return tmp_path


def test_a_kind_added_in_the_catalogue_travels_and_is_stored_and_documented(
    tansu: Tansu, house_with_gates: Path
) -> None:
    child = subprocess.run(
        [sys.executable, str(CHILD), tansu.bootstrap, str(house_with_gates / "db")],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(house_with_gates)},
    )
    assert child.returncode == 0, child.stderr[-3000:]
    told = json.loads(child.stdout.splitlines()[-1])
    assert told["core"] == str(house_with_gates / "cior_core"), "it ran without the new kind"
    assert told["topic"] == "cior.gates.v1"
    assert told["records"] == [f"reading-{n}" for n in range(3)]
    assert told["rows"] == [
        ["reading-0", "north", 1_795_262_400_000, 0, 0.5, ["wet"], ""],
        ["reading-1", "north", 1_795_262_400_001, 1, 0.5, ["wet"], ""],
        ["reading-2", "north", 1_795_262_400_002, 2, 0.5, ["wet"], ""],
    ]
    assert told["twin"] == told["rows"]
    assert told["schema"] == "urn:cior:schema:gate:v1"
    assert "cior_gates_v1" in told["channels"]
