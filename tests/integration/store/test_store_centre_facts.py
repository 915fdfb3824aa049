"""What boards print about the city, on real engines: written when it differs, replaced whole, gone when it is gone."""

from __future__ import annotations

from typing import Any

import msgspec

from cior_core import bundled
from cior_core.cameras import CameraState
from cior_core.taxonomy import Taxonomy
from cior_store.centre_facts import (
    CameraFacts,
    CentreFacts,
    DistrictFacts,
    Population,
    write_facts,
    write_types,
)
from cior_store.engine import Store
from cior_store.questions import ConsoleQuestions
from integration.store.city import NOON_MS

CENSUS = Population(people=1_000, year=2022, source="INDEC, Censo 2022")
FACTS = CentreFacts(
    area="city",
    name="Ensayo",
    timezone="America/Argentina/Cordoba",
    population=CENSUS,
    districts=(
        DistrictFacts(district="sur", name="Distrito Sur", population=CENSUS),
        DistrictFacts(district="ñorte", name="Distrito Norte"),
    ),
    response_target_s=420,
    officer_hours_per_dispatch=1 / 3,
    officer_hour_cost=9_500.0,
    currency="ARS",
    cost_source="Presupuesto",
    operators=None,
)


def change(**fields: Any) -> CentreFacts:
    return msgspec.structs.replace(FACTS, **fields)


def districts(store: Store, audience: str = "wall") -> list[tuple[object, ...]]:
    found = store.rows(f"SELECT * FROM {audience}.v_districts ORDER BY district")
    return [tuple(row.values()) for row in found]


def test_facts_are_written_once_and_again_only_when_they_differ(store: Store) -> None:
    assert write_facts(store, FACTS, now_ms=NOON_MS)
    assert not write_facts(store, FACTS, now_ms=NOON_MS + 1)
    assert districts(store) == [
        ("sur", "Distrito Sur", 1_000, 2022, "INDEC, Censo 2022"),
        ("ñorte", "Distrito Norte", None, None, ""),
    ]
    assert districts(store, "observatory") == districts(store)
    (centre,) = store.rows("SELECT * FROM wall.v_centre")
    assert (centre["name"], centre["population"], centre["officer_hour_cost"], centre["operators"]) == (
        "Ensayo",
        1_000,
        9_500.0,
        None,
    )
    assert round(103_910 * centre["officer_hours_per_dispatch"]) == 34_637
    (shown,) = store.rows("SELECT * FROM observatory.v_centre")
    assert "officer_hour_cost" not in shown


def test_a_district_that_is_gone_vanishes_even_when_the_clock_went_back(store: Store) -> None:
    write_facts(store, FACTS, now_ms=NOON_MS)
    assert write_facts(store, change(districts=FACTS.districts[:1], name="Otra"), now_ms=NOON_MS - 5_000)
    assert [row[0] for row in districts(store)] == ["sur"]
    assert store.rows("SELECT name FROM wall.v_centre") == [{"name": "Otra"}]


def test_a_camera_of_the_catalogue_of_which_nobody_spoke_is_shown_without_a_word_until_it_is_gone(
    store: Store,
) -> None:
    plaza = CameraFacts(
        camera="C-01", name="Plaza", district="sur", lat=-32.95, lon=-60.64, azimuth_deg=90.0, range_m=80.0
    )
    write_facts(store, change(cameras=(plaza,)), now_ms=NOON_MS)
    assert not write_facts(store, change(cameras=(plaza,)), now_ms=NOON_MS + 1)
    [seen] = store.rows(
        "SELECT camera, name, district, state, reason, since, lat, azimuth_deg FROM supervisor.v_cameras"
    )
    assert tuple(seen.values()) == ("C-01", "Plaza", "sur", 0, "no_word", None, -32.95, 90.0)
    [word] = ConsoleQuestions(store).camera_words()
    assert (word.camera, CameraState.of_state(word.state), word.since_ms) == (
        "C-01",
        CameraState.NO_WORD,
        None,
    )
    assert store.rows("SELECT district, state, cameras FROM wall.v_camera_states") == [
        {"district": "sur", "state": 0, "cameras": 1}
    ]
    assert write_facts(store, FACTS, now_ms=NOON_MS + 2)
    assert not write_facts(store, FACTS, now_ms=NOON_MS + 3)
    assert ConsoleQuestions(store).camera_words() == ()


def test_before_the_first_start_of_a_sink_there_is_nothing(store: Store) -> None:
    assert districts(store) == []
    assert store.rows("SELECT * FROM wall.v_centre") == []


def test_families_of_types_are_written_once_and_replaced_whole(store: Store) -> None:
    kinds = Taxonomy.load(bundled.text("taxonomy.toml"))
    assert write_types(store, kinds, now_ms=NOON_MS)
    assert not write_types(store, kinds, now_ms=NOON_MS + 1)
    asked = "SELECT family, name_es FROM wall.v_event_types WHERE type = 'violence.homicide'"
    assert store.rows(asked) == [{"family": "gun", "name_es": "Homicidio"}]
    fewer = Taxonomy([kind for kind in kinds.values() if kind.family != "gun"])
    assert write_types(store, fewer, now_ms=NOON_MS)
    assert store.rows(asked) == []
