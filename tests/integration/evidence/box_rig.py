"""A real store with alarms whose bytes lie in real boxes, the request for them, and who keeps the key elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner, Result
from nacl.public import PrivateKey

from cior.cli import main
from cior_connectors._runtime.seal import Sealer
from cior_connectors.contract import Facts
from cior_core.bundled_policy import privacy_policy
from cior_core.catalogue import Kind
from cior_core.judicial import acts as a
from cior_core.model import (
    DataClass,
    Event,
    EventId,
    Member,
    Place,
    PlaceMethod,
    Producer,
    RawId,
    RawPointer,
    RawRecord,
)
from cior_core.people import Grant, LedgerEntry
from cior_core.privacy import Role
from cior_evidence.records_of_store import StoreContent
from cior_register import ledger, people
from cior_register.ledger import LedgerQuestion
from cior_store.engine import Store
from cior_store.migrate import migrate
from cior_store.writers import Writers
from doubles.authorities import Authorities
from doubles.packages import START_MS
from doubles.requested import Court
from integration.store import city

TEAM = PrivateKey.generate()
FRAME = b'\n1A2B0030"SIA-DCS"0001L0#4711[#4711|NPA01]_12:00:05,11-21-2026\r'
"""A loud press of panel 4711, as its line carried it."""
DURESS = b'\n9C9C0030"SIA-DCS"0002L0#VICTIMA[#VICTIMA|NHA01]\r'
MIXED = b"two calls in one frame"
OTHER = b'\n8B8B0030"SIA-DCS"0003L0#OTRAMUJER[#OTRAMUJER|NHA01]\r'
NAME, STREET = "VICTIMA", "Pasaje Coronda 1840"
"""Who pressed in silence, and where: in her box alone."""
WITNESS = "p-" + "3" * 32
"""What a sealed event of alert-2 tells beside a pseudonym: it was not stripped as a connector strips."""
AT_MS = START_MS + 5_000


def boxed(number: int, payload: bytes, *events: Event) -> RawRecord:
    """A record as a line that may carry silent alarms leaves it."""
    sealer = Sealer(team_key=bytes(TEAM.public_key), hmac_key=b"k" * 32)
    facts = Facts(source="urn:cior:dc09:norte", subject="4711", peer="198.51.100.9", received_ms=AT_MS)
    box = sealer.box(facts, payload, events=events)
    return city.raw(number, payload=box, at_ms=AT_MS, sealed=True, data_class=DataClass.SEALED)


def fill(store: Store) -> None:
    """alert-1 is loud: raw-1 is in the open, raw-3 in a box, and raw-4 in one that also holds something sealed of
    nobody's alert. alert-2 is reserved: raw-5 is the box of its event-2, and its event-5 was not stripped to the bone.
    alert-6 is somebody else's: raw-6; alert-3 another reserved one: raw-7.
    """
    migrate(store)
    press = city.event(1, at_ms=AT_MS, data_class=DataClass.RESTRICTED)
    other = city.event(6, at_ms=AT_MS, data_class=DataClass.RESTRICTED)
    stripped: dict[str, Any] = {
        "at_ms": AT_MS, "type": "silent.alarm", "data_class": DataClass.SEALED, "subject": "p-" + "0" * 32,
        "source": "urn:cior:sealed:p-" + "1" * 32, "place": Place(method=PlaceMethod.UNKNOWN, district="centro"),
    }  # fmt: skip
    stripped["producer"] = Producer(connector="dc09", version="1.0")
    hidden, second, third = (city.event(n, **stripped) for n in (2, 4, 3))
    wordy = city.event(5, **stripped, summary=f"vio a {WITNESS}")
    home = Place(method=PlaceMethod.SITE, lat=-32.94, lon=-60.65, accuracy_m=10.0, text=STREET)
    told = city.event(
        92, at_ms=AT_MS, type="panic.gender_violence", subject=NAME, place=home, data_class=DataClass.SEALED
    )
    raws = {
        1: city.raw(1, payload=b"in the open", at_ms=AT_MS), 3: boxed(3, FRAME, press),
        4: boxed(4, MIXED, press, second), 5: boxed(5, DURESS, told), 6: boxed(6, b"of another alarm", other),
        7: boxed(7, OTHER, third),
    }  # fmt: skip
    carried = [(press, 1, 0), (press, 3, 0), (press, 4, 0), (second, 4, 1), (hidden, 5, 0), (other, 6, 0)]
    carried += [(third, 7, 0), (wordy, 5, 1)]
    reserved: dict[str, Any] = {"type": "silent.alarm", "silent": True, "data_class": DataClass.SEALED}
    digests = {n: each.sha256 for n, each in raws.items()}
    made: dict[Kind, list[Any]] = {
        Kind.RAW: [raws.pop(1)],
        Kind.SEALED: list(raws.values()),
        Kind.EVENT: [
            msgspec.structs.replace(event, raw=RawPointer(raw_id=RawId(f"raw-{n}"), sha256=digests[n], index=index))
            for event, n, index in carried
        ],
        Kind.ALERT: [
            city.alert(1, at_ms=AT_MS), city.alert(6, at_ms=AT_MS),
            city.alert(2, at_ms=AT_MS, members=_members(2, 5), **reserved), city.alert(3, at_ms=AT_MS, **reserved),
        ],
    }  # fmt: skip
    book = Writers(store)
    for number, (kind, records) in enumerate(made.items()):
        refused = book.write(kind, city.entries(records, first=number * 100), token=f"made-{number}")
        assert refused == (), str(refused)[:3000]


def _members(*numbers: int) -> tuple[Member, ...]:
    (member,) = city.alert(1, at_ms=AT_MS).members
    return tuple(msgspec.structs.replace(member, event_id=EventId(f"event-{each}")) for each in numbers)


class Keeping:
    """A request on its way, at a centre whose files are in ``folder``; the keeper's computer is ``folder / equipo``."""

    def __init__(self, folder: Path, ring: Path, quick: Authorities, store: Store) -> None:
        (folder / "data/register").mkdir(parents=True)
        self.away = folder / "equipo"
        self.away.mkdir()
        self.centre = folder / "centre.toml"
        self.centre.write_text(
            '[centre]\nname = "Rosario"\n[evidence]\nseal = "sello.toml"\nout = "paquetes"\n'
        )
        self.court = Court(folder, ring, quick, register=folder / "data/register/register.db")
        content = StoreContent(store, privacy_policy(), (), now_ms=self.court.shop.now_ms)
        self.court = Court(
            folder, ring, quick, register=folder / "data/register/register.db", content=content
        )
        self.keep_key(TEAM)

    def keep_key(self, key: PrivateKey) -> None:
        """The private key, on the other computer alone."""
        path = self.away / "team.private"
        path.write_bytes(base64.b64encode(bytes(key)))
        path.chmod(0o600)

    def granted(self, *alerts: str, **more: Any) -> None:
        """Filed and approved, its closed boxes laid out by the part."""
        self.court.begin(alerts=alerts or ("alert-1",), **more)
        for person in ("p-mesa", "p-jefa", "p-archivo"):
            given = partial(people.grant, person_id=person, given=Grant(Role.CUSTODIAN))
            entry = LedgerEntry(at_ms=1, actor="test", act="people.grant", subject=person)
            self.court.register.submit(entry, given).result(30)
        self.court.take(a.Approve("p-jefa", self.court.shop.now_ms()))

    def boxes(self, by: str = "archivo", name: str = "cerrados.json") -> Result:
        return self._centre("boxes", self.court.request_id, str(self.away / name), by=by)

    def open(
        self, name: str = "cerrados.json", *, who: str = "Ana Paz", out: str = "abiertos.json"
    ) -> Result:
        """Where the key is: nothing of the centre is given."""
        return run(
            "open-boxes", str(self.away / name), "--key", str(self.away / "team.private"), "--who", who,
            "--reason", "oficio 12", "--openings", str(self.away / "aperturas.ndjson"), "--out", str(self.away / out),
        )  # fmt: skip

    def hand_back(self, by: str = "archivo", name: str = "abiertos.json") -> Result:
        return self._centre("hand-back", self.court.request_id, str(self.away / name), by=by)

    def approve_more(self) -> None:
        """A second person approves, and the part looks."""
        self.court.join_more("p-otra", "Otra")
        self.court.take(a.Approve("p-otra", self.court.shop.now_ms()))
        self.court.maker.look()

    def built(self) -> Path:
        """The package, by the part."""
        self.court.take(a.Build("p-archivo", self.court.shop.now_ms()))
        self.court.maker.look()
        return self.court.shelf.out / self.package

    @property
    def package(self) -> str:
        from cior_evidence.shelf import package_id

        return package_id(self.court.request).lower()

    def _centre(self, command: str, *words: str, by: str) -> Result:
        return run(command, *words, "--config", str(self.centre), "--by", by)

    @property
    def rows(self) -> list[LedgerEntry]:
        """The ledger, oldest first."""
        found = self.court.register.read_now(lambda c: ledger.rows(c, LedgerQuestion()))
        return [each.entry for each in reversed(found)]


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["evidence", *words])


def lines(folder: Path, path: str) -> list[dict[str, Any]]:
    found = folder / "bag" / path
    return [msgspec.json.decode(line) for line in found.read_bytes().splitlines()] if found.is_file() else []


def told(folder: Path, path: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = msgspec.json.decode((folder / "bag" / path).read_bytes())
    return found
