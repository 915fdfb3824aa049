"""Law 17, everywhere: people with canaries press on all wires, and nothing outside the sealed boxes tells of them.

The short form in every run; ``make canary`` over ten thousand events. The run is longer than three missed reports of
the sealed devices, and what the centre then says of them is searched as well.
"""

from __future__ import annotations

import itertools
import os
import time
from collections import Counter
from collections.abc import Iterable

import msgspec
import pytest
from confluent_kafka import Producer

from cior_bus.admin import Topics
from e2e.canary_city import MISSED_EVERY_S, CanaryCity, run
from e2e.canary_forms import LAT, NAME, Canaries, Person
from e2e.running_centre import until

EVENTS = int(os.environ.get("CIOR_CANARY_EVENTS", "84"))
pytestmark = [pytest.mark.tansu, pytest.mark.slow, pytest.mark.timeout(600 + EVENTS)]


class Searched(msgspec.Struct, kw_only=True):
    """What was found where, of a centre that was searched running and stopped, and again with leaks laid into it."""

    events: int
    places: Counter[str]
    hits: dict[str, list[str]]
    planted: dict[str, list[str]]
    missed: int


def searched(
    pieces: Iterable[tuple[str, bytes]], canaries: Canaries, places: Counter[str]
) -> dict[str, list[str]]:
    hits: dict[str, list[str]] = {}
    for where, content in pieces:
        places[where.split(" ", maxsplit=1)[0]] += 1
        if found := canaries.found(content):
            hits.setdefault(where, []).extend(found)
    return {where: sorted(set(found))[:5] for where, found in hits.items()}


def plant(city: CanaryCity) -> None:
    """A line of a log, a value of a changelog, a key, a header, and the digest of an account."""
    bus = city.centre.stack.bus
    changelog = next(name for name in sorted(Topics(bus).existing()) if "changelog" in name)
    producer = Producer(bus.client())
    somebody = Person(number=3)
    producer.produce(changelog, value=b'{"place": "' + LAT.encode() + b'17"}', key=b"a")
    producer.produce("cior.dead.v1", value=b"{}", key=somebody.account.encode())
    producer.produce("cior.telemetry.v1", value=b"{}", headers=[("who", NAME.lower().encode("utf-16-le"))])
    assert producer.flush(20) == 0
    (city.folder / "data" / "log" / "planted.log").write_text(f"seen {somebody.name}\n", encoding="utf-8")


def _missed(city: CanaryCity) -> bool:
    return any(spot["since_ms"] is None for spot in city.asked("/api/ask/blind") or ())


def _settled(city: CanaryCity) -> bool:
    balance = (city.asked("/api/ask/summary") or {}).get("balance")
    return balance is not None and balance["missing_raw"] == balance["missing_outcomes"] == 0 < balance["raw"]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    city = CanaryCity(tmp_path_factory.mktemp("canary"), events=EVENTS)
    places: Counter[str] = Counter()
    with city.centre as centre:
        began_s = time.monotonic()
        run(city)
        inbox, patience_s = centre.world.cad_folder, 180 + EVENTS / 20
        until(lambda: not list(inbox.glob("*.csv")), within_s=patience_s, what="the files are taken")
        until(lambda: _missed(city), within_s=180, what="sealed devices are missed")
        time.sleep(max(0.0, 4 * MISSED_EVERY_S - (time.monotonic() - began_s)))
        until(lambda: _settled(city), within_s=patience_s, what="what was accepted is stored")
        alerts = len(centre.ask("/api/wall")["alerts"])
        hits = searched(city.looked_into(), city.canaries, places)
        plant(city)
        planted = searched(itertools.chain(city.topics(), city.files()), city.canaries, Counter())
        (city.folder / "data" / "log" / "planted.log").unlink()
    hits |= searched(city.files(), city.canaries, places) | searched(city.stored(), city.canaries, places)
    return Searched(events=EVENTS, places=places, hits=hits, planted=planted, missed=alerts)


def test_law_17_no_identity_is_anywhere_outside_the_sealed_boxes(result: Searched) -> None:
    assert result.hits == {}, msgspec.json.format(msgspec.json.encode(result.hits)).decode()


def test_law_17_everything_was_looked_into(result: Searched) -> None:
    assert result.missed > 0, "nobody was heard: then nothing was proven"
    assert result.places["topic"] > result.events
    assert {"topic", "page", "metrics", "file", "view"} <= result.places.keys()
    assert {name: result.places[f"{name}:"] for name in ("sink-console", "streams-urgent")} == {
        "sink-console": 2,
        "streams-urgent": 2,
    }


def test_a_leak_that_is_laid_anywhere_is_found(result: Searched) -> None:
    leaking = {where for where in result.planted if where not in result.hits}
    assert {"topic cior.dead.v1", "topic cior.telemetry.v1", "file data/log/planted.log"} <= leaking
    assert any("changelog" in where for where in leaking)


@pytest.mark.parametrize("person", [Person(number=7), Person(number=4321)])
def test_every_value_is_found_in_every_way_of_writing_it(person: Person) -> None:
    import base64
    import hashlib

    canaries = Canaries([person])
    for value in person.values:
        word = value.encode()
        written = [word, word.upper(), value.encode("utf-16-le"), word.hex().encode()]
        written += [b"x" * n + base64.b64encode(b"y" * n + word) for n in range(3)]
        for made in (hashlib.sha256, hashlib.md5, hashlib.sha512):
            written += [
                made(word).hexdigest().encode()[:32],
                b" " + base64.b64encode(made(word).digest()) + b" ",
            ]
        for one in written:
            assert canaries.found(b'{"a": "' + one + b'"}'), (value, one)
    for number in (person.lat, person.lon):
        assert canaries.found(msgspec.msgpack.encode(number))


def test_what_everybody_may_know_is_no_canary() -> None:
    open_text = b'{"subject": "p-0123456789abcdef0123456789abcdef", "district": "centro", "lat": -32.9468}'
    assert Canaries([Person(number=1)]).found(open_text) == []
