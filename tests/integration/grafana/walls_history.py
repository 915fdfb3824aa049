"""What the walls' story needs besides its day: facts of the centre, requests of a year, and months long told."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from cior_city.packs import taxonomy
from cior_core.catalogue import Kind
from cior_core.model import AlertStatus, Disposition, Level, Place, PlaceMethod
from cior_core.requests import Answer, AuthorityKind, RequestState, RequestStatus
from cior_sink.statistics import Statistics
from cior_store.centre_facts import CentreFacts, DistrictFacts, Population, write_facts
from cior_store.engine import Store
from cior_store.writers import Writers
from integration.store import city

DAY_MS = 86_400_000
NAMES = {
    "centro": ("Distrito Centro", 261_047),
    "norte": ("Distrito Norte", 141_292),
    "noroeste": ("Distrito Noroeste", 175_384),
    "oeste": ("Distrito Oeste", 143_684),
    "sudoeste": ("Distrito Sudoeste", 121_879),
    "sur": ("Distrito Sur", 155_683),
}
SOURCE = "cifras inventadas"
FACTS = CentreFacts(
    area="city",
    name="Ciudad de ensayo",
    timezone="America/Argentina/Cordoba",
    population=Population(people=998_969, year=2022, source=SOURCE),
    districts=tuple(
        DistrictFacts(
            district=district, name=name, population=Population(people=people, year=2022, source=SOURCE)
        )
        for district, (name, people) in NAMES.items()
    ),
    response_target_s=420,
    officer_hours_per_dispatch=1 / 3,
    officer_hour_cost=9_500.0,
    currency="ARS",
    cost_source=SOURCE,
    operators=4,
)
AUTHORITIES = (
    ("Fiscalía Regional 2", AuthorityKind.PROSECUTOR),
    ("Juzgado Penal 5", AuthorityKind.JUDGE),
    ("Defensa Pública", AuthorityKind.DEFENCE),
)


def tell_history(store: Store, now_ms: int) -> None:
    """Write the facts, the requests and five months of alerts, and let the sink's own statistics tell the months."""
    writers = Writers(store)
    write_facts(store, FACTS, now_ms=now_ms)
    for kind, records in {Kind.REQUEST: _requests(now_ms), Kind.ALERT: _past_alerts(now_ms)}.items():
        assert writers.write(kind, city.entries(list(records)), token=f"history-{kind}") == ()
    Statistics(store, facts=FACTS, taxonomy=taxonomy(), now_ms=lambda: now_ms).look()


def _requests(now_ms: int) -> Iterator[RequestState]:
    """Two a week for a year; the young ones are still pending, one of them is late."""
    for number in range(60):
        authority, kind = AUTHORITIES[number % 3]
        received_ms = now_ms - number * 6 * DAY_MS - 3_600_000
        done = number > 6
        yield RequestState(
            id=f"pedido-{number}",
            authority_kind=kind,
            authority=authority,
            state=RequestStatus.DELIVERED
            if done
            else RequestStatus.HELD
            if number
            else RequestStatus.RECEIVED,
            version=5,
            received_ms=received_ms,
            held_ms=received_ms + (1 + number % 9) * 600_000 if number else None,
            exported_ms=received_ms + (1 + number % 5) * DAY_MS if done else None,
            delivered_ms=received_ms + (2 + number % 6) * DAY_MS if done else None,
            deadline_ms=received_ms + 10 * DAY_MS,
            earliest_expiry_ms=received_ms + 30 * DAY_MS,
            items_asked=4,
            items_held=4 if number else 0,
            items_delivered=4 if done else 0,
            answer=(Answer.COMPLETE, Answer.PARTIAL, Answer.NEGATIVE)[number % 3] if done else None,
        )


def _past_alerts(now_ms: int) -> Iterator[Any]:
    """About eight a day for five months, the same on every run."""
    chance = Random(26)
    for number in range(1_200):
        opened_ms = now_ms - chance.randint(DAY_MS, 150 * DAY_MS)
        yield city.alert(
            10_000 + number,
            version=5,
            at_ms=opened_ms,
            type=chance.choice(("panic.bus", "robbery.armed", "burglary.alarm", "traffic.injury")),
            level=chance.choice((Level.P1, Level.P2, Level.P3)),
            source=chance.choice(("urn:cior:dc09:receptor-1", "urn:cior:cad:mesa-911")),
            place=Place(method=PlaceMethod.DISTRICT, district=chance.choice(list(NAMES))),
            status=AlertStatus.CLOSED,
            disposition=chance.choices((Disposition.FALSE_ALARM, Disposition.CONFIRMED), (9, 1))[0],
            acknowledged_ms=opened_ms + chance.randint(10_000, 90_000),
            dispatched_ms=opened_ms + chance.randint(90_000, 150_000),
            on_scene_ms=opened_ms + chance.randint(200_000, 800_000) if chance.random() < 0.8 else None,
            closed_ms=opened_ms + 1_800_000,
        )
