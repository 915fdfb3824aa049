"""A request in a real register on its way to a package: filed, reviewed by two, ordered by a third."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from cior_core import bundled
from cior_core.judicial import acts as a
from cior_core.judicial.asking import Filing, WrittenItem
from cior_core.judicial.state import Request
from cior_core.people import LedgerEntry, Person
from cior_core.privacy import LegalBasis, Policy
from cior_core.rfc3339 import to_rfc3339
from cior_evidence.box_files import ClosedBox
from cior_evidence.box_room import Handed
from cior_evidence.boxes_of_store import Taken, Warrant
from cior_evidence.copying import Copier
from cior_evidence.custody import Deed
from cior_evidence.errands import PART, written
from cior_evidence.footage_in import Footage
from cior_evidence.making import Maker, Workshop
from cior_evidence.mask_history import MaskHistory, MasksNow
from cior_evidence.order import Order
from cior_evidence.packing import Place, Sources
from cior_evidence.shelf import Shelf
from cior_register import people, requests
from cior_register.register import Register
from cior_register.writer import nothing
from doubles.authorities import Authorities
from doubles.packages import START_MS, SomeRecords, idle_ring, place
from unit.judicial.judicial_city import SANTA_FE

PEOPLE = {"p-fiscal": "Fiscal", "p-mesa": "Mesa de entradas", "p-jefa": "Jefa", "p-archivo": "Archivo"}
REQUEST = "0123456789abcdef0123456789abcdef"


def item(camera: str = "cam-7", *, since_s: int = 2, until_s: int = 14) -> WrittenItem:
    """Seconds from the ring's beginning; its third segment (8 to 12) is missing."""
    since, until = (to_rfc3339(START_MS + each * 1000) for each in (since_s, until_s))
    return WrittenItem(camera, since, until)


class SomeContent:
    """Records of two alerts of the city, where any is asked for."""

    def opened(self, alerts: tuple[str, ...], /) -> Mapping[str, int]:
        return dict.fromkeys(alerts, START_MS + 5_000)

    def boxes(self, warrant: Warrant, /) -> tuple[ClosedBox, ...]:
        return ()

    def taken(self, warrant: Warrant, /) -> tuple[Taken, ...]:
        return ()

    def sources(
        self,
        order: Order,
        /,
        *,
        warrant: Warrant,
        taken: tuple[Taken, ...],
        handed: Mapping[str, Handed],
        footage: Footage,
        deeds: tuple[Deed, ...],
    ) -> Sources:
        records = SomeRecords() if order.events is not None else None
        return Sources(footage=footage, deeds=deeds, records=records)


class Court:
    """A register in ``folder``, and a part that builds from ``ring``. ``register``: another file, or an address;
    ``now_ms``: the part's clock.
    """

    def __init__(
        self,
        folder: Path,
        ring: Path,
        authorities: Authorities,
        *,
        register: Path | str | None = None,
        **changes: Any,
    ) -> None:
        self.folder, self.request_id = folder, REQUEST
        file = register or folder / "register.db"
        self.masks: Callable[[], MasksNow] = MasksNow
        self.masks_seen_ms = time.time_ns() // 1_000_000
        self.register = Register.open(file if isinstance(file, str) else f"sqlite:///{file}")
        self.shelf = Shelf(folder / "paquetes")
        self.authorities = authorities
        shop = Workshop(
            register=self.register, rules=SANTA_FE, policy=Policy.load(bundled.text("privacy.toml")),
            shelf=self.shelf, boxes=folder / "data/boxes", rings=(idle_ring(folder / "otro"), ring),
            content=SomeContent(), place=self.place, zone="America/Argentina/Cordoba",
            now_ms=lambda: time.time_ns() // 1_000_000, retry_s=0.0,
            masks=MaskHistory(
                folder / "data/masks.jsonl",
                read=self._masks_now,
                tell=lambda entry: written(self.register, entry, nothing),
                now_ms=lambda: self.masks_seen_ms,
                actor=PART,
            ),
        )  # fmt: skip
        self.shop = msgspec.structs.replace(shop, **changes)
        self.maker = Maker(self.shop)
        self.copier = Copier(self.shop)

    def _masks_now(self) -> MasksNow:
        return self.masks()

    def place(self, **changes: Any) -> Place:
        """Where it is built, with the verifier that travels."""
        beside = {"verify.py": (Path(__file__).parents[2] / "evidence/cior_evidence/verify.py").read_bytes()}
        return place(self.folder, self.authorities, **({"beside": beside} | changes))

    def begin(self, *items: WrittenItem, alerts: tuple[str, ...] = ("al-1",), **more: Any) -> None:
        """Filed, taken up, approved and ordered, by four people."""
        self.join()
        filing = Filing(
            str(more.pop("authority", "fiscalia")), "Fiscalía Regional 2", "21-0000001-1", "Oficio 1",
            "robo a mano armada", items or (item(),),
            alerts=alerts,
        )  # fmt: skip
        filing = msgspec.structs.replace(filing, **({"order": LegalBasis.PROSECUTOR_ORDER} | more))
        known = tuple({each.camera for each in filing.items})
        self.take(
            a.File("p-fiscal", self.shop.now_ms(), self.request_id, filing, known),
            a.TakeUp("p-mesa", self.shop.now_ms()),
        )

    def approved(self, **more: Any) -> None:
        """The rest of the way to the order."""
        self.take(a.Approve("p-jefa", self.shop.now_ms(), **more), a.Build("p-archivo", self.shop.now_ms()))

    def closed(self) -> None:
        """Let the register go."""
        self.register.close()

    def join(self) -> None:
        """The people of the centre."""
        for person_id, name in PEOPLE.items():
            self.join_more(person_id, name)

    def join_more(self, person_id: str, name: str) -> None:
        """One more person of the centre."""
        person = Person(person_id, person_id.removeprefix("p-"), name)
        entry = LedgerEntry(at_ms=1, actor="test", act="people.add", subject=person_id)
        self.register.submit(entry, partial(people.add, person=person, now_ms=1)).result(30)

    def rename(self, person: str, name: str) -> None:
        """Somebody's name is corrected."""
        entry = LedgerEntry(at_ms=2, actor="test", act="people.rename", subject=person)
        renamed = partial(people.rename, person_id=person, name=name, language="es")
        self.register.submit(entry, renamed).result(30)

    def take(self, *acts: a.Act) -> Request:
        """Take acts as the console does."""
        for act in acts:
            entry = LedgerEntry(at_ms=act.at_ms, actor=act.by, act="request.act", subject=self.request_id)
            taking = partial(requests.take, request_id=self.request_id, act=act, rules=SANTA_FE)
            self.register.submit(entry, taking).result(30)
        return self.request

    @property
    def request(self) -> Request:
        """How it stands."""
        return self.register.read_now(lambda each: requests.the(each, self.request_id))

    @property
    def acts(self) -> list[a.Act]:
        """Its story."""
        return [each.act for each in self.register.read_now(lambda c: requests.acts(c, self.request_id))]

    @property
    def is_replayed(self) -> bool:
        """Whether its acts make what stands in the register."""
        return self.register.read_now(lambda c: requests.replayed(c, self.request_id, SANTA_FE))
