"""A centre with people who press in silence: what each wire says of them, and everything that may then be looked into.

All wires: DC-09 encrypted, plain and undecodable, Traccar readable and not, files of the emergency desk, a camera whose
address holds a password, and a registry of sealed devices of which some never speak.
"""

from __future__ import annotations

import asyncio
import csv
import io
import itertools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from cior_bus import readiness
from cior_bus.admin import Topics
from cior_bus.message import RecordIn
from cior_bus.recording import read_so_far
from cior_connectors.builtin.dc09.panel import Panel, PanelSettings, encode
from cior_store.engine import Store
from cior_store.tracing import tables_holding
from e2e.canary_forms import NAME, PHONE, Canaries, Person
from e2e.running_centre import RunningCentre, now_ms

REGISTERED = 24
"""How many are in the registry, each with a panel and a tracker; every fourth never speaks."""
MISSED_EVERY_S = 3.0
ROWS_A_FILE = 25
AT_ONCE = 6
_COLUMNS = (
    "numero",
    "creado",
    "modificado",
    "tipo",
    "lat",
    "lon",
    "direccion",
    "prioridad",
    "estado",
    "nombre",
)


class CanaryCity:
    """The centre, its people and their wires. Made before it is started."""

    def __init__(self, folder: Path, *, events: int) -> None:
        self.people = [Person(number=n) for n in range(events)]
        self.centre = RunningCentre(folder, with_camera=True)
        self.canaries = Canaries([*self.people, *(Person(number=n) for n in range(REGISTERED))])
        self.folder = folder
        self._traccar = self.centre.traccar()
        self._rows: list[Person] = []
        self._files = 0
        self._few = asyncio.Semaphore(AT_ONCE)
        self._write_files()

    def _write_files(self) -> None:
        place = self.centre.world.centre_file.with_name
        with place("registry.toml").open("a", encoding="utf-8") as registry:
            registry.write("\n\n".join(_rows(Person(number=n)) for n in range(REGISTERED)))
        calls = place("calls.toml")
        text = calls.read_text(encoding="utf-8")
        sealing = '[[config.types]]\ncode = "silent.gbv"\npattern = "g[eé]nero"\n\n[[config.types]]\n'
        calls.write_text(text.replace("[[config.types]]\n", sealing, 1), encoding="utf-8")
        camera = place("cameras.toml")
        secret = f"rtsp://{NAME}:{PHONE}@"
        camera.write_text(camera.read_text(encoding="utf-8").replace("rtsp://", secret, 1), encoding="utf-8")

    async def happen(self) -> None:
        """Each of the people speaks once, on one wire after another; the registered panels test their line too."""
        try:
            tests = [self._tests_its_line(Person(number=number)) for number in range(0, REGISTERED, 2)]
            await asyncio.gather(*(self._speaks(person) for person in self.people), *tests)
            self._drop()
        finally:
            await self._traccar.close()

    async def _speaks(self, person: Person) -> None:
        async with self._few:
            await self._wires()[person.number % 7](person)

    async def _tests_its_line(self, person: Person) -> None:
        async with self._few:
            panel = self._panel(person)
            await panel.supervise()
            await panel.close()

    def _wires(self) -> Sequence[Callable[[Person], Any]]:
        return (
            self._encrypted, self._plain, self._damaged, self._tracked, self._unreadable, self._called, self._foreign,
        )  # fmt: skip

    def _panel(self, person: Person, *, encrypted: bool = True) -> Panel:
        key = bytes.fromhex(self.centre.keys.dc09_key) if encrypted else None
        settings = PanelSettings(
            account=person.account,
            port=self.centre.world.dc09_port,
            key=key,
            attempts=2,
            answer_timeout_s=3.0,
        )
        return Panel(settings, now_ms=now_ms, sequence=person.number % 9999 + 1)

    async def _encrypted(self, person: Person) -> None:
        panel = self._panel(person)
        await panel.contact_id(
            "121", blocks=(f"I{person.name} {person.phone}", f"X{person.lat}", f"Y{person.lon}")
        )
        await panel.close()

    async def _plain(self, person: Person) -> None:
        panel = self._panel(person, encrypted=False)
        await panel.sia(f"Nri1/HA001*{person.name} {person.address}")
        await panel.close()

    async def _damaged(self, person: Person) -> None:
        settings = PanelSettings(account=person.account, port=self.centre.world.dc09_port)
        raw = encode(
            settings, token="ADM-CID", sequence=9, data=f"#{person.account}|1121 00 001",
            blocks=(f"I{person.name} {person.phone}",),
        )  # fmt: skip
        broken = raw.replace(raw[1:5], b"0000" if raw[1:5] != b"0000" else b"FFFF", 1)
        await self.centre.panels().noise(broken, listen_s=0.05)

    async def _tracked(self, person: Person) -> None:
        owner = Person(number=person.number % REGISTERED)
        at = datetime.fromtimestamp(now_ms() / 1000, UTC).isoformat(timespec="milliseconds")
        position = {
            "id": person.number, "deviceId": 9000 + owner.number, "protocol": "osmand", "serverTime": at,
            "deviceTime": at, "fixTime": at, "valid": True, "latitude": owner.lat, "longitude": owner.lon,
            "altitude": 1.0, "speed": 0.0, "course": 0.0, "accuracy": 5.0, "address": person.address,
            "attributes": {"alarm": "sos" if person.number % 2 else "general", "driver": person.name},
        }  # fmt: skip
        device = {
            "id": 9000 + owner.number, "name": owner.name, "uniqueId": f"tracker-{owner.account}",
            "phone": person.phone, "contact": person.name, "attributes": {},
        }  # fmt: skip
        await self._traccar.raw(json.dumps({"position": position, "device": device}).encode())

    async def _unreadable(self, person: Person) -> None:
        body = (
            f'{{"device": {{"uniqueId": "tracker-{person.account}", "name": "{person.name}", {person.phone}'
        )
        await self._traccar.raw(body.encode())

    async def _called(self, person: Person) -> None:
        self._rows.append(person)
        if len(self._rows) == ROWS_A_FILE:
            self._drop()

    async def _foreign(self, person: Person) -> None:
        """A panel that nobody registered, in clear, with a duress code."""
        panel = self._panel(Person(number=person.number + 50_000 % 90_000), encrypted=False)
        await panel.contact_id("122")
        await panel.close()

    def _drop(self) -> None:
        """The calls so far as one file, written aside and renamed; its name tells somebody's name."""
        if not self._rows:
            return
        text = io.StringIO()
        rows = csv.writer(text, delimiter=";")
        rows.writerow(_COLUMNS)
        at = datetime.now(UTC).strftime("%d/%m/%Y %H:%M:%S")
        for one in self._rows:
            place = [str(each).replace(".", ",") for each in (one.lat, one.lon)]
            kind = f"violencia de género: {one.name}"
            # A separator that nobody quoted: what the row says of its kind cannot be trusted.
            loose = ["y más"] if one.number % 3 == 0 else []
            rows.writerow(
                [
                    one.account,
                    at,
                    at,
                    kind,
                    *loose,
                    *place,
                    one.address,
                    "1",
                    "abierto",
                    f"{one.name} {one.phone}",
                ]
            )
        name = f"llamadas {self._rows[0].name} {self._files:05d}"
        aside = self.centre.world.cad_folder / f"{name}.tmp"
        aside.write_bytes(text.getvalue().encode("cp1252", "replace"))
        aside.rename(aside.with_suffix(".csv"))
        self._rows, self._files = [], self._files + 1

    def looked_into(self) -> Iterator[tuple[str, bytes]]:
        """Of a running centre: topics with keys, headers and changelogs, processes, metrics, pages and the feed."""
        yield from self.topics()
        for name, part in self.centre.stack.supervisor.parts.items():
            if part.pid:
                for about in ("cmdline", "environ"):
                    yield f"{name}: {about}", Path(f"/proc/{part.pid}/{about}").read_bytes()
        yield from self._pages()
        yield from self.files()

    def topics(self) -> Iterator[tuple[str, bytes]]:
        """Every record of every topic: key, headers and value."""
        found: list[RecordIn] = []
        names = sorted(Topics(self.centre.stack.bus).existing())
        assert any("changelog" in name for name in names), names
        read_so_far(self.centre.stack.bus, names, found.append)
        for record in found:
            heads = b"\0".join(name.encode() + b"=" + value for name, value in record.headers)
            yield f"topic {record.topic}", (record.key or b"") + b"\0" + heads + b"\0" + (record.value or b"")

    def _pages(self) -> Iterator[tuple[str, bytes]]:
        wall = self.centre.stack.wall_url.split("/?", maxsplit=1)[0]
        asked = ("latency", "balance", "blind", "sources", "summary")
        for path in ("/", "/api/wall", "/api/city", "/healthz"):
            yield f"page {path}", self._get(wall + path)
        for each in asked:
            answer = next(said for _ in range(20) if (said := self.asked(f"/api/ask/{each}")) is not None)
            yield f"page {each}", json.dumps(answer, ensure_ascii=False).encode()
        yield "page /api/feed", self._get(f"{wall}/api/feed", most=200_000_000)
        for ready in (self.folder / "data").rglob("*.ready"):
            if url := readiness.facts(ready).get("metrics"):
                yield f"metrics {ready.stem}", self._get(url)

    def asked(self, path: str) -> Any:
        """JSON of a path of the wall; None while the store is slow."""
        try:
            return self.centre.ask(path)
        except HTTPError as slow:
            slow.close()
            return None

    def _get(self, url: str, *, most: int = -1) -> bytes:
        """A page; of the feed what comes until its first sign of life."""
        request = Request(url, headers={"Authorization": f"Bearer {self.centre.keys.wall_token}"})
        with urlopen(request, timeout=20) as answer:
            if most < 0:
                return bytes(answer.read())
            heard = b""
            while b"event: alive" not in heard and len(heard) < most:
                heard += answer.readline()
            return heard

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Everything below the centre's data and the desk's folder, names included."""
        for root in (self.folder / "data", self.centre.world.cad_folder):
            for path in sorted(root.rglob("*")):
                name = str(path.relative_to(self.folder))
                content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
                yield f"file {re.sub(r'[0-9]{2,}', 'N', name)}", name.encode() + b"\0" + content

    def stored(self) -> Iterator[tuple[str, bytes]]:
        """Tables by name with how many rows hold a canary, and all that the views say. The centre must be stopped."""
        with Store.open(f"chdb://{self.folder / 'data' / 'store'}") as store:
            needles = [each.decode() for each in self.canaries.needles if each.isascii()]
            for table, rows in tables_holding(store, needles).items():
                yield f"table {table}", f"{rows} rows: {NAME}".encode()
            views = store.rows(
                "SELECT concat(database, '.', name) AS name, create_table_query AS text FROM system.tables "
                "WHERE engine = 'View' ORDER BY name"
            )
            assert len(views) > 60
            alerts = [
                str(row["alert_id"]) for row in store.rows("SELECT DISTINCT alert_id FROM ops.alert_log")
            ]
            assert alerts
            for view in views:
                for asked in _asked(str(view["name"]), str(view["text"]), alerts):
                    yield f"view {view['name']}", repr(store.rows(f"SELECT * FROM {asked}")).encode()


def _asked(name: str, text: str, alerts: list[str]) -> list[str]:
    """A view as it is asked: for the last hour, for every alert (reserved ones too), for all numbers, or as it is."""
    until_ms = now_ms() + 60_000
    values: dict[str, list[str]] = {"since_ms": [str(until_ms - 3_600_000)], "until_ms": [str(until_ms)]}
    values |= {each.replace("_ms", "_s"): [str(int(value) // 1000)] for each, (value,) in values.items()}
    values |= {"alert": [f"'{each}'" for each in alerts], "after": ["0"], "until": [str(2**62)]}
    taken = sorted(set(re.findall(r"\{(\w+):\s*\w+\}", text)))
    told = itertools.product(*(values[each] for each in taken))
    pairs = (zip(taken, chosen, strict=True) for chosen in told)
    return [
        f"{name}({', '.join(f'{each} = {value}' for each, value in row)})" if taken else name for row in pairs
    ]


def _rows(person: Person) -> str:
    """The registry's two rows of somebody: a panel at home and a tracker."""
    rows = []
    for subject, kind in (
        (f"panel:{person.account}", "panel"),
        (f"vehicle:tracker-{person.account}", "tracker"),
    ):
        rows.append(
            f'[[device]]\nid = "{subject}"\nkind = "{kind}"\nname = "{person.name} {person.phone}"\n'
            f'expected_every_s = {MISSED_EVERY_S}\ndata_class = "sealed"\n'
            f'[device.place]\nmethod = "site"\nlat = {person.lat}\nlon = {person.lon}\naccuracy_m = 15.0\n'
            f'district = "centro"\ntext = "{person.address}"\n'
        )
    return "\n".join(rows)


def run(city: CanaryCity) -> None:
    """All of the story, in a centre that runs."""
    asyncio.run(city.happen())
