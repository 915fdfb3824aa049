"""What an agreement is worth when: two persons, an end, hours of a day, and never more than it names."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cior_core.agreements import (
    Agreement,
    AgreementState,
    Hours,
    Terms,
    approve,
    open_for,
    propose,
    scope_of,
    withdraw,
)
from cior_core.cameras import Camera, Cameras
from cior_core.errors import AccessDenied, PayloadRejected
from cior_core.people import Scope
from cior_core.privacy import Share

ZONE = ZoneInfo("America/Argentina/Cordoba")
DAY_MS = 86_400_000
CAMERAS = Cameras(
    [
        Camera(id="plaza", lat=-33.0, lon=-60.6, district="sur"),
        Camera(id="puente", lat=-33.0, lon=-60.6, district="norte"),
        Camera(id="suelta", lat=-33.0, lon=-60.6),
    ]
)


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1000)


NOON = ms("2026-11-27T12:00:00")


def terms(**change: Any) -> Terms:
    values: dict[str, Any] = {
        "document": "Convenio 12/2026", "agency": "ministerio", "purpose": "Delitos complejos",
        "kinds": frozenset(Share), "starts_ms": NOON - DAY_MS, "ends_ms": NOON + DAY_MS, "districts": ("sur",),
    }  # fmt: skip
    return Terms(**values | change)


def made(agreement_id: str = "a", **change: Any) -> Agreement:
    return Agreement(id=agreement_id, terms=terms(**change), proposed_by="p-ana", proposed_ms=NOON - DAY_MS)


def standing(agreement_id: str = "a", **change: Any) -> Agreement:
    return approve(made(agreement_id, **change), (), by="p-eva", now_ms=NOON - DAY_MS)


def test_law_9_one_person_is_not_two_and_nothing_stands_before_the_second() -> None:
    assert made().state(NOON) is AgreementState.PROPOSED
    assert not made().is_open(NOON, ZONE)
    with pytest.raises(AccessDenied, match="does not approve"):
        approve(made(), (), by="p-ana", now_ms=NOON)
    assert standing().is_open(NOON, ZONE)


def test_it_begins_and_ends_at_its_instants_and_withdrawn_it_is_over() -> None:
    one = standing()
    told = [
        one.state(at_ms) for at_ms in (NOON - DAY_MS - 1, NOON - DAY_MS, NOON + DAY_MS - 1, NOON + DAY_MS)
    ]
    assert told == [
        AgreementState.COMING, AgreementState.STANDING, AgreementState.STANDING, AgreementState.EXPIRED,
    ]  # fmt: skip
    gone = withdraw(one, by="p-ana", why="Venció el decreto", now_ms=NOON)
    assert (gone.state(NOON), gone.is_open(NOON, ZONE)) == (AgreementState.WITHDRAWN, False)
    for over in (gone, one):
        with pytest.raises(PayloadRejected, match="over already"):
            withdraw(over, by="p-ana", why="otra vez", now_ms=NOON + DAY_MS)
        with pytest.raises(PayloadRejected, match="does not wait"):
            approve(over, (), by="p-eva", now_ms=NOON)


@pytest.mark.parametrize(
    ("at", "is_open", "closes"),
    [
        ("2026-11-27T21:59:59", False, ""),
        ("2026-11-27T22:00:00", True, "2026-11-28T06:00:00"),
        ("2026-11-28T00:00:00", True, "2026-11-28T06:00:00"),
        ("2026-11-28T05:59:59", True, "2026-11-28T06:00:00"),
        ("2026-11-28T06:00:00", False, ""),
    ],
)
def test_hours_over_midnight_are_hours_of_the_citys_clock(at: str, is_open: bool, closes: str) -> None:
    one = standing(hours=Hours(22 * 60, 6 * 60))
    assert one.is_open(ms(at), ZONE) is is_open
    if is_open:
        assert one.closes_ms(ms(at), ZONE) == ms(closes)


def test_it_closes_with_its_end_when_that_comes_before_its_hours_do() -> None:
    one = standing(hours=Hours(0, 23 * 60), ends_ms=NOON + 60_000)
    assert one.closes_ms(NOON, ZONE) == NOON + 60_000
    assert standing().closes_ms(NOON, ZONE) == NOON + DAY_MS


@pytest.mark.parametrize(
    ("since", "until", "is_covered"),
    [
        ("2026-11-27T22:00:00", "2026-11-27T22:10:00", True),
        ("2026-11-27T23:55:00", "2026-11-28T00:05:00", True),
        ("2026-11-27T21:59:00", "2026-11-27T22:10:00", False),
        ("2026-11-28T05:55:00", "2026-11-28T06:01:00", False),
        ("2026-11-25T23:00:00", "2026-11-25T23:10:00", False),
    ],
)
def test_footage_is_shared_of_its_time_and_its_hours(since: str, until: str, is_covered: bool) -> None:
    assert terms(hours=Hours(22 * 60, 6 * 60)).covers((ms(since), ms(until)), ZONE) is is_covered


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kinds": frozenset()}, "agreement.nothing"),
        ({"districts": ()}, "agreement.nowhere"),
        ({"cameras": ("plaza", "otra")}, "agreement.camera_unknown"),
        ({"cameras": ("suelta",)}, "agreement.no_district"),
        ({"ends_ms": NOON - DAY_MS}, "agreement.interval"),
        ({"ends_ms": NOON + 6 * 366 * DAY_MS}, "agreement.interval"),
        ({"hours": Hours(60, 60)}, "agreement.hours"),
    ],
)
def test_what_could_not_be_kept_is_not_proposed(change: dict[str, Any], code: str) -> None:
    with pytest.raises(PayloadRejected) as raised:
        propose(made(**change), CAMERAS)
    assert raised.value.code == code


def test_an_organisation_has_one_that_stands_so_that_each_read_names_it() -> None:
    one, other = standing("a"), made("b")
    with pytest.raises(PayloadRejected, match="another agreement"):
        approve(other, (one, other), by="p-eva", now_ms=NOON)
    later = made("c", starts_ms=one.terms.ends_ms, ends_ms=one.terms.ends_ms + DAY_MS)
    for fine in (later, made("d", agency="gendarmeria")):
        assert approve(fine, (one, fine), by="p-eva", now_ms=NOON).approved_by == "p-eva"
    gone = withdraw(one, by="p-eva", why="se reemplaza", now_ms=NOON)
    assert approve(other, (gone, other), by="p-eva", now_ms=NOON).approved_ms == NOON
    assert open_for((one, standing("z", agency="otra")), ("ministerio",), now_ms=NOON, zone=ZONE) == one
    for agencies in ((), ("provincia",)):
        assert open_for((one,), agencies, now_ms=NOON, zone=ZONE) is None


def test_law_9_its_scope_is_never_wider_than_what_it_names() -> None:
    """An empty scope narrows nothing, so what names nothing there is no scope at all."""
    assert scope_of(terms(), CAMERAS) == Scope(districts=("sur",), cameras=("plaza",))
    assert scope_of(terms(districts=("centro",)), CAMERAS) == Scope(districts=("centro",))
    assert scope_of(terms(districts=("sur",), cameras=("puente",)), CAMERAS) == Scope(
        districts=("norte", "sur"), cameras=("plaza", "puente")
    )
    assert scope_of(terms(districts=(), cameras=("quitada",)), CAMERAS) is None
    assert scope_of(terms(districts=(), cameras=("suelta",)), CAMERAS) is None
