"""Sends three records of the new kind over a real broker into a real store through the real sink, and prints what
came of it.

argv: bootstrap of a Tansu broker, folder of the store. Run by ``test_sink_new_kind`` on sources that know the kind
``gate``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import cior_core
from cior_bus.admin import Topics
from cior_bus.message import MessageOut
from cior_bus.producer import Bus
from cior_bus.settings import BusSettings, Profile
from cior_core import codec, model, schemas
from cior_core.catalogue import Kind
from cior_sink.storing import StoreSink
from cior_store import migrate
from cior_store.engine import Store
from cior_store.kinds import Entry, Origin
from cior_store.memory import MemoryStore

NOON_MS = 1_795_262_400_000
GATE = Kind("gate")
COLUMNS = ("gate_id", "gate", "at", "people", "open_share", "remarks", "note")


def readings() -> list[Any]:
    """Three readings of one gate."""
    return [
        model.GateReading(  # type: ignore[attr-defined]  # the struct that the test adds
            id=f"reading-{n}", gate="north", at_ms=NOON_MS + n, people=n, open_share=0.5, remarks=("wet",)
        )
        for n in range(3)
    ]


def through_the_sink(settings: BusSettings, folder: str) -> tuple[list[Any], list[str]]:
    """The rows of the real store, and the records read back from their bytes."""
    Topics(settings).ensure()
    store = Store.open(f"chdb://{folder}")
    migrate.migrate(store)
    with Bus(settings) as bus:
        sink = StoreSink(settings, store, bus)
        sink.start()
        bus.publish_sync([MessageOut.of(each) for each in readings()])
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline and store.value("SELECT count() FROM ops.gates") < 3:
            time.sleep(0.1)
        sink.stop()
    instants = "gate_id, gate, toUnixTimestamp64Milli(at) AS at, people, open_share, remarks, note"
    found = store.rows(f"SELECT {instants} FROM ops.gates FINAL ORDER BY at")
    bodies = store.blobs("SELECT body FROM ops.gates FINAL ORDER BY at")
    store.close()
    return [list(row.values()) for row in found], [codec.decode(GATE, body).id for (body,) in bodies]


def in_the_twin() -> list[Any]:
    """The rows of the store in memory, after the same records came twice."""
    twin = MemoryStore()
    entries = [
        Entry(
            record=each, body=codec.encode(each), origin=Origin(topic="cior.gates.v1", partition=0, offset=n)
        )
        for n, each in enumerate(readings())
    ]
    for token in ("one", "two"):
        assert twin.write(GATE, entries, token=token) == ()
    return [[row[name] for name in COLUMNS] for row in twin.tables["ops.gates"].values()]


def main() -> None:
    """Print one line of JSON."""
    rows, records = through_the_sink(BusSettings(bootstrap=sys.argv[1], profile=Profile.TANSU), sys.argv[2])
    told = {
        "core": str(Path(cior_core.__path__[0])),
        "topic": MessageOut.of(readings()[0]).topic,
        "rows": rows,
        "records": records,
        "twin": in_the_twin(),
        "schema": schemas.schema("gate")["$id"],
        "channels": list(schemas.asyncapi(version="0")["channels"]),
    }
    print(json.dumps(told))


main()
