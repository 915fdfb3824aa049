"""The state of a judicial request goes over a real broker into a real store, and an older copy that comes late changes
nothing.
"""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from cior_bus.admin import Topics
from cior_bus.embedded.tansu import Tansu
from cior_bus.message import MessageOut
from cior_bus.producer import Bus
from cior_bus.settings import BusSettings, Profile
from cior_core.requests import Answer, AuthorityKind, RequestState, RequestStatus
from cior_sink.storing import StoreSink
from cior_store.engine import Store
from cior_store.migrate import migrate

NOON_MS = 1_795_262_400_000
DELIVERED = RequestState(
    id="req-7",
    authority_kind=AuthorityKind.JUDGE,
    authority="Juzgado Penal 3",
    state=RequestStatus.DELIVERED,
    version=5,
    received_ms=NOON_MS,
    held_ms=NOON_MS + 400,
    items_asked=3,
    items_delivered=2,
    answer=Answer.PARTIAL,
)
OLDER = msgspec.structs.replace(DELIVERED, state=RequestStatus.UNDER_REVIEW, version=4, answer=None)
OTHER = msgspec.structs.replace(DELIVERED, id="req-8")


def rows(store: Store) -> list[tuple[object, ...]]:
    found = store.rows(
        "SELECT request_id, version, state, answer, items_delivered FROM supervisor.v_requests ORDER BY 1"
    )
    return [tuple(row.values()) for row in found]


def test_the_newest_state_stands_in_the_store(tansu: Tansu, tmp_path: Path) -> None:
    settings = BusSettings(bootstrap=tansu.bootstrap, profile=Profile.TANSU)
    Topics(settings).ensure()
    with Store.open(f"chdb://{tmp_path / 'store'}") as store, Bus(settings) as bus:
        migrate(store)
        sink = StoreSink(settings, store, bus)
        sink.start()
        for each in (DELIVERED, OLDER, OTHER):
            bus.publish_sync([MessageOut.of(each)])
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and len(rows(store)) < 2:
            time.sleep(0.1)
        sink.stop()
        assert rows(store) == [
            ("req-7", 5, "entregada", "partial", 2),
            ("req-8", 5, "entregada", "partial", 2),
        ]
        assert store.value("SELECT count() FROM ops.requests") >= 2
