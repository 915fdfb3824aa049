"""Where the agencies' units are, on real engines: the register's alone, their latest word, and nobody protected."""

from __future__ import annotations

from typing import Any

import msgspec

from cior_core.catalogue import Kind
from cior_core.model import DataClass, Lane, Place, PlaceMethod
from cior_store.centre_facts import UnitFacts, write_facts
from cior_store.engine import Store
from cior_store.questions import ConsoleQuestions
from cior_store.writers import Writers
from integration.store import city
from integration.store.city import NOON_MS
from integration.store.test_store_centre_facts import FACTS

CAR = UnitFacts(unit="movil-7", name="Móvil 7", agency="police", kind="patrol", fresh_s=120.0)
AMBULANCE = UnitFacts(unit="sies-2", name="SIES 2", agency="ambulance", kind="ambulance", fresh_s=60.0)


def at(lat: float, lon: float = -60.64) -> Place:
    return Place(method=PlaceMethod.GPS, lat=lat, lon=lon, district="sur")


def report(store: Store, number: int, subject: str, place: Place, **more: Any) -> None:
    """A position that came, as the sink writes it."""
    values: dict[str, Any] = {"type": "position", "lane": Lane.TELEMETRY, "life_safety": False} | more
    made = city.event(number, subject=subject, place=place, **({"source": "traccar"} | values))
    assert Writers(store).write(Kind.EVENT, city.entries([made], first=number), token=f"units-{number}") == ()


def test_a_unit_is_where_it_said_last_and_nothing_that_is_no_unit_is_there(store: Store) -> None:
    write_facts(store, msgspec.structs.replace(FACTS, units=(CAR, AMBULANCE)), now_ms=NOON_MS)
    report(store, 1, "movil-7", at(-32.90))
    report(store, 2, "movil-7", at(-32.95), at_ms=NOON_MS + 5_000)
    report(store, 3, "bus-101", at(-32.96))
    [unit] = ConsoleQuestions(store).units()
    assert (unit.unit, unit.name, unit.agency, unit.lat, unit.district) == (
        "movil-7",
        "Móvil 7",
        "police",
        -32.95,
        "sur",
    )
    assert (unit.seen_ms, unit.fresh_s) == (NOON_MS + 4_600, 120.0)


def test_a_clock_ahead_makes_no_unit_fresher_than_its_word_is(store: Store) -> None:
    write_facts(store, msgspec.structs.replace(FACTS, units=(CAR,)), now_ms=NOON_MS)
    report(store, 1, "movil-7", at(-32.90), occurred_ms=NOON_MS + 3_600_000)
    assert [unit.seen_ms for unit in ConsoleQuestions(store).units()] == [NOON_MS]


def test_what_was_ever_sealed_and_what_left_the_register_is_on_no_map(store: Store) -> None:
    write_facts(store, msgspec.structs.replace(FACTS, units=(CAR, AMBULANCE)), now_ms=NOON_MS)
    report(store, 1, "movil-7", at(-32.90))
    report(store, 2, "sies-2", at(-32.91))
    report(
        store,
        3,
        "sies-2",
        at(-32.92).district_only(),
        data_class=DataClass.SEALED,
        source="silent",
        at_ms=NOON_MS + 1,
    )
    assert [unit.unit for unit in ConsoleQuestions(store).units()] == ["movil-7"]
    write_facts(store, FACTS, now_ms=NOON_MS + 2)
    assert ConsoleQuestions(store).units() == ()


def test_units_of_an_exercise_are_shown_in_exercises(store: Store) -> None:
    drill = msgspec.structs.replace(CAR, drill=True)
    write_facts(store, msgspec.structs.replace(FACTS, units=(drill,)), now_ms=NOON_MS)
    report(store, 1, "movil-7", at(-32.90), drill=True)
    assert ConsoleQuestions(store).units() == ()
    assert [unit.drill for unit in ConsoleQuestions(store).units(drills=True)] == [True]
