"""Judicial requests on real engines: the newest version stands, half and nine tenths per authority, overdue ones, and
nothing where nothing was asked yet.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cior_core.catalogue import Kind
from cior_core.requests import Answer, AuthorityKind, RequestState, RequestStatus
from cior_store.engine import Store
from cior_store.writers import Writers
from integration.store import city

NOON_MS = city.NOON_MS
DAY_MS = 86_400_000
LONG_PAST_MS = NOON_MS - 3_000 * DAY_MS
FAR_OFF_MS = NOON_MS + 30_000 * DAY_MS


def request(number: int, **change: Any) -> RequestState:
    plain = RequestState(
        id=f"req-{number}",
        authority_kind=AuthorityKind.PROSECUTOR,
        authority="Fiscalía Regional 2",
        state=RequestStatus.RECEIVED,
        version=1,
        received_ms=NOON_MS,
    )
    return msgspec.structs.replace(plain, **change)


def put(store: Store, *requests: RequestState) -> None:
    writers = Writers(store)
    for offset, one in enumerate(requests):
        token = f"{one.id}-{one.version}"
        assert writers.write(Kind.REQUEST, city.entries([one], first=offset), token=token) == ()


def test_a_late_copy_of_an_older_version_changes_nothing(store: Store) -> None:
    put(
        store,
        request(1, version=3, state=RequestStatus.DELIVERED, delivered_ms=NOON_MS + DAY_MS),
        request(1, version=2, state=RequestStatus.UNDER_REVIEW),
    )
    (row,) = store.rows("SELECT request_id, version, state, pending FROM supervisor.v_requests")
    assert row == {"request_id": "req-1", "version": 3, "state": "entregada", "pending": 0}


def test_each_step_is_timed_and_an_authority_has_its_half_and_its_nine_tenths(store: Store) -> None:
    put(
        store,
        *(
            request(
                number,
                state=RequestStatus.DELIVERED,
                held_ms=NOON_MS + number * 1_000,
                exported_ms=NOON_MS + number * 60_000,
                delivered_ms=None if number == 10 else NOON_MS + number * 3_600_000,
                answer=Answer.PARTIAL if number > 8 else Answer.COMPLETE,
            )
            for number in range(1, 11)
        ),
        request(
            11, authority="Defensa Pública", authority_kind=AuthorityKind.DEFENCE, state=RequestStatus.QUERIED
        ),
        request(12, drill=True),
    )
    rows = store.rows("SELECT * FROM supervisor.v_requests_by_authority ORDER BY requests DESC")
    prosecutor, defence = rows
    assert (prosecutor["authority"], prosecutor["requests"], prosecutor["pending_requests"]) == (
        "Fiscalía Regional 2",
        10,
        0,
    )
    assert (prosecutor["complete"], prosecutor["partial"], prosecutor["negative"]) == (8, 2, 0)
    assert (prosecutor["held_p50_s"], prosecutor["exported_p50_s"]) == pytest.approx((6, 360), abs=1)
    assert prosecutor["held_p90_s"] == pytest.approx(10, abs=1)
    assert prosecutor["delivered_p50_s"] == 5 * 3_600, "the one that was not delivered is in no time"
    assert (defence["pending_requests"], defence["held_p50_s"], defence["delivered_p90_s"]) == (1, None, None)
    states = store.rows(
        "SELECT authority_kind, state, requests FROM supervisor.v_requests_by_state ORDER BY requests"
    )
    assert [tuple(row.values()) for row in states] == [
        ("defence", "observada", 1),
        ("prosecutor", "entregada", 10),
    ]


def test_a_pending_request_shows_its_two_clocks_and_an_answered_one_is_never_overdue(store: Store) -> None:
    put(
        store,
        request(1, deadline_ms=LONG_PAST_MS, earliest_expiry_ms=FAR_OFF_MS),
        request(2, deadline_ms=LONG_PAST_MS, state=RequestStatus.CLOSED),
        request(
            3,
            deadline_ms=FAR_OFF_MS,
            earliest_expiry_ms=FAR_OFF_MS,
            held_ms=NOON_MS,
            state=RequestStatus.HELD,
        ),
        request(4, state=RequestStatus.PROVISIONAL),
    )
    rows = store.rows(
        "SELECT overdue, deadline_in_s, expiry_in_s FROM supervisor.v_requests ORDER BY request_id"
    )
    assert [row["overdue"] for row in rows] == [1, 0, 0, 0]
    late, closed, held, provisional = rows
    assert late["deadline_in_s"] < 0 < late["expiry_in_s"]
    assert (closed["deadline_in_s"], closed["expiry_in_s"]) == (None, None)
    assert held["deadline_in_s"] > 0
    assert held["expiry_in_s"] is None, "what is on hold does not expire"
    assert (provisional["deadline_in_s"], provisional["expiry_in_s"]) == (None, None)


def test_before_anybody_asked_every_view_is_empty(store: Store) -> None:
    for view in ("v_requests", "v_requests_by_authority", "v_requests_by_state"):
        assert store.rows(f"SELECT * FROM supervisor.{view}") == []
