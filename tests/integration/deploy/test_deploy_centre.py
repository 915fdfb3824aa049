"""docker-compose.yml without containers: its very commands, against Apache Kafka with its very security and a
ClickHouse server with the deployed users. Each part finds the secrets that its service mounts, and no others.

Only addresses and folders are replaced. What containers add (images, volumes, networks) is not tested here and
deploy/README.md says so.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import yaml

from cior_bus.embedded.tansu import free_port
from cior_bus.keys import open_keys
from cior_bus.public_key import TEAM, line_of
from cior_store.engine import Store
from cior_store.migrate import AUDIENCES
from doubles.phone import Phone
from engines.cache import EngineAbsent
from engines.clickhouse_lite import ClickHouseLite
from engines.postgresql import PASSWORD, SUPERUSER, PostgreSql
from engines.process import EngineProcess
from engines.secured_kafka import SecuredKafka
from integration.store.engines_here import lite

__all__ = ["lite"]

ROOT = Path(__file__).resolve().parents[3]
COMPOSE = ROOT / "deploy" / "compose"
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
SECRETS = {
    "CIOR_DC09_KEY": "00112233445566778899aabbccddeeff",
    "CIOR_TRACCAR_SECRET": "a secret long enough to stay one",
}
SERVICES, SECRET_FILES = (yaml.safe_load(TEXT)[key] for key in ("services", "secrets"))
JEFA = 'person = [{ id = "jefa", name = "Jefa" }]'
QUESTIONS = ("latency", "balance", "blind", "sources", "summary")
PARTS = (
    "sink",
    "console",
    "evidence",
    "streams-urgent",
    "streams-bulk",
    "panels",
    "vehicles",
    "calls",
    "phones",
)


def _services() -> dict[str, str]:
    """Each service's text."""
    body = TEXT[TEXT.index("\nservices:\n") : TEXT.index("\nnetworks:\n")]
    blocks = re.split(r"^  (?=[a-z][a-z-]*:$)", body, flags=re.MULTILINE)[1:]
    return {block.split(":", 1)[0]: block for block in blocks}


def _list_of(service: str, key: str) -> list[str]:
    found = re.search(rf"^ +{key}: (\[.*\])$", _services()[service], re.MULTILINE)
    assert found is not None, f"{service} has no {key}"
    listed: list[str] = json.loads(found[1])
    return listed


class Deployed:
    """The parts of the file as processes of this machine."""

    def __init__(self, folder: Path, kafka: SecuredKafka, store: ClickHouseLite, server: PostgreSql) -> None:
        self.folder, self.store, self.kafka = folder, store, kafka
        self.keys = folder / "volumes" / "keys"
        made = subprocess.run(
            [sys.executable, str(COMPOSE / "make_env.py"), str(folder / "env")], check=False
        )
        assert made.returncode == 0
        # The cluster is the run's, and so are its roles: with their passwords.
        for part in ("owner_password", "password", "deleter_password", "evidence_password"):
            name = f"register_{part}"
            (folder / "secrets" / name).chmod(0o600)
            (folder / "secrets" / name).write_text(PASSWORD, encoding="utf-8")
        database = server.fresh().name
        self.register = f"127.0.0.1:{server.port}/{database}"
        self.wall, self.panels, self.vehicles = free_port(), free_port(), free_port()
        (folder / "cad").mkdir()
        self.config = shutil.copytree(COMPOSE / "centre", folder / "config")
        self._replace("centre.toml", '"0.0.0.0"', '"127.0.0.1"', "8400", str(self.wall), "9400", "0")
        self._replace("centre.toml", "postgresql:5432/cior", self.register)
        self._replace("panels.toml", '"0.0.0.0"', '"127.0.0.1"', "12128", str(self.panels))
        self._replace("vehicles.toml", '"0.0.0.0"', '"127.0.0.1"', "8082", str(self.vehicles))
        self._replace("calls.toml", "/srv/cad", str(folder / "cad"))
        self.phone, self.notices = Phone(), free_port()
        (folder / "contacts").mkdir()
        (folder / "contacts" / "contacts.toml").touch(mode=0o600)
        (folder / "contacts" / "contacts.toml").write_text('[jefa]\nphone = "0003"\n', encoding="utf-8")
        self._replace(
            "phones.toml", '"0.0.0.0"', '"127.0.0.1"', "8470", str(self.notices), "https://change-me.invalid",
            self.phone.url, "/etc/cior-contacts", str(folder / "contacts"), "/etc/cior", str(self.config),
            'public_url = ""', f'public_url = "http://127.0.0.1:{self.notices}"',
        )  # fmt: skip
        self._replace("duty.toml", 'otherwise = "supervisor"\n', f'otherwise = "supervisor"\n{JEFA}\n')
        with (self.config / "duty.toml").open("a", encoding="utf-8") as file:
            file.write('shift = [{ starts = "00:00", ends = "00:00", people = ["jefa"] }]\n')
        self.running: list[EngineProcess] = []

    def _replace(self, name: str, *pairs: str) -> None:
        path = self.config / name
        text = path.read_text(encoding="utf-8")
        for old, new in zip(pairs[::2], pairs[1::2], strict=True):
            assert old in text, f"{old} in {name}"
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")

    def volume(self, name: str) -> Path:
        """A named volume; those with the broker's certificates are as `certificates` made them."""
        if name.startswith("bus-"):
            return self.kafka.keys / name.removeprefix("bus-")
        folder = self.folder / "volumes" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def mounts(self, service: str) -> dict[str, Path]:
        """Place in the container to folder, of the volumes that hold keys."""
        listed = [each.removesuffix(":ro").rsplit(":", 1) for each in SERVICES[service]["volumes"]]
        return {place: self.volume(name) for name, place in listed if name.startswith(("keys", "bus-"))}

    def secrets(self, service: str) -> Path:
        """What the service finds in /run/secrets, laid there once: it may be reading when it is asked for again."""
        folder = self.folder / "secrets-of" / service
        if folder.exists():
            return folder
        folder.mkdir(parents=True)
        for told in SERVICES[service]["secrets"]:
            each = told if isinstance(told, dict) else {"source": told, "target": told}
            shutil.copy(self.folder / SECRET_FILES[each["source"]]["file"], folder / each["target"])
        return folder

    def environment(self, service: str) -> dict[str, str]:
        """What the service is told of the broker, and where its own secrets are."""
        told = {
            name: self.here(value, service)
            for name, value in SERVICES[service]["environment"].items()
            if name.startswith(("CIOR_BUS", "CIOR_REGISTER"))
        }
        return os.environ | SECRETS | told | self.store_of(service)

    def here(self, word: str, service: str) -> str:
        """A word of a command as it reads on this machine."""
        data = self.folder / service
        places = sorted(self.mounts(service).items(), key=lambda each: -len(each[0]))
        changes = (
            *((place, str(folder)) for place, folder in places),
            ("/var/lib/cior/shares", str(data / "shares")), ("/var/lib/cior", str(data)),
            ("/etc/cior", str(self.config)), ("/run/secrets", str(self.secrets(service))),
            ("/opt/cior/compose", str(COMPOSE)), ("kafkas://kafka:19092?profile=kafka", self.kafka.dsn),
            ("kafkas://kafka:19093?profile=kafka", self.kafka.admin_dsn),
            ("127.0.0.1:8400", f"127.0.0.1:{self.wall}"),
            # Who owns the cluster may make roles, as the image's owner may.
            ("cior_owner@postgresql:5432/cior", f"{SUPERUSER}@{self.register}"),
            ("postgresql:5432/cior", self.register),
        )  # fmt: skip
        for old, new in changes:
            word = word.replace(old, new)
        user = re.match(r"clickhouse://(cior_\w+):", word)
        return self.store.dsn(user[1]) if user else word

    def store_of(self, service: str) -> dict[str, str]:
        """The address that a service has in its environment, because it holds a password."""
        found = re.search(r"^      CIOR_STORE: (\S+)$", _services()[service], re.MULTILINE)
        return {} if found is None else {"CIOR_STORE": self.here(found[1], service)}

    def prepare(self) -> subprocess.CompletedProcess[str]:
        words = [self.here(word, "prepare") for word in _list_of("prepare", "entrypoint")]
        assert words[0] == "python"
        shares = self.folder / "prepare" / "shares"
        for place, folder in self.mounts("prepare").items():
            if place.startswith("/var/lib/cior/shares/") and not (shares / Path(place).name).exists():
                shares.mkdir(parents=True, exist_ok=True)
                (shares / Path(place).name).symlink_to(folder)
        return subprocess.run(
            [sys.executable, *words[1:]], check=False, capture_output=True, text=True, timeout=120,
            env=self.environment("prepare") | {"CIOR_TEAM_PUBLIC": line_of(TEAM, bytes(32))},
        )  # fmt: skip

    def migrate_register(self) -> subprocess.CompletedProcess[str]:
        """The one-shot service `register`."""
        words = [self.here(word, "register") for word in _list_of("register", "command")]
        return subprocess.run(
            [sys.executable, "-m", "cior", *words], check=False, capture_output=True, text=True, timeout=120,
            env=self.environment("register"),
        )  # fmt: skip

    def add_somebody(self) -> subprocess.CompletedProcess[str]:
        """As the guide says: with what the console's container has."""
        words = ["users", "add", "ana", "--name", "Ana Pérez", "--role", "operator"]
        where = ["--config", str(self.config / "centre.toml"), "--data", str(self.folder / "console")]
        return subprocess.run(
            [sys.executable, "-m", "cior", *words, *where], check=False, capture_output=True, text=True,
            timeout=120, env=self.environment("console"),
        )  # fmt: skip

    def copied(self, act: str) -> int:
        """How many rows of the ledger's copy are of an act, as its auditor sees them."""
        return int(
            self.store.query(f"SELECT count() FROM auditor.v_ledger WHERE act = '{act}'", "cior_auditor")
        )

    def is_well(self, service: str) -> bool:
        words = [self.here(word, service) for word in _list_of(service, "test")]
        assert words[:2] == ["CMD", "python"]
        return (
            subprocess.run(
                [sys.executable, *words[2:]], check=False, capture_output=True, timeout=30
            ).returncode
            == 0
        )

    def start(self, service: str) -> None:
        data = self.folder / service
        data.mkdir()
        if (own := self.mounts(service).get("/var/lib/cior/keys")) is not None:
            (data / "keys").symlink_to(own)
        words = [self.here(word, service) for word in _list_of(service, "command")]
        part = EngineProcess(
            service,
            [sys.executable, "-m", "cior", *words],
            log_path=self.folder / f"{service}.log",
            env=self.environment(service),
        )
        self.running.append(part)
        part.start(lambda: self.is_well(service), timeout_s=120)

    def stop(self) -> None:
        for part in reversed(self.running):
            part.stop(timeout_s=30)
        self.phone.close()

    def press(self) -> int:
        """One press of the registered bus through Traccar's port; the answer's status."""
        fix = time.strftime("%Y-%m-%dT%H:%M:%S.000+00:00", time.gmtime())
        position = {
            "id": 1,
            "deviceId": 1,
            "protocol": "osmand",
            "deviceTime": fix,
            "fixTime": fix,
            "serverTime": fix,
            "valid": True,
            "latitude": -32.95,
            "longitude": -60.65,
            "altitude": 0.0,
            "speed": 0.0,
            "course": 0.0,
            "accuracy": 8.0,
            "attributes": {"alarm": "sos"},
        }
        body = json.dumps(
            {
                "position": position,
                "device": {"id": 1, "uniqueId": "bus-001", "name": "bus-001", "category": "bus"},
            }
        )
        request = Request(f"http://127.0.0.1:{self.vehicles}/traccar", data=body.encode(), method="POST")
        request.add_header("Content-Type", "application/json")
        request.add_header("X-CIOR-Token", SECRETS["CIOR_TRACCAR_SECRET"])
        with urlopen(request, timeout=15) as answer:
            return int(answer.status)

    def takes(self, link: str) -> None:
        """What the button of a notice's page does."""
        with urlopen(Request(link, method="POST", data=b""), timeout=15) as answer:
            assert answer.status == 200

    def asked(self, path: str) -> Any:
        """What the console answers to somebody with the wall's token."""
        token = open_keys(self.keys).keys.wall_token
        request = Request(f"http://127.0.0.1:{self.wall}{path}", headers={"Authorization": f"Bearer {token}"})
        deadline_s = time.monotonic() + 60
        while True:
            try:
                with urlopen(request, timeout=20) as answer:
                    return json.load(answer)
            except HTTPError as slow:  # a store that is slow on a busy machine says so, and is asked again
                if slow.code != 503 or time.monotonic() > deadline_s:
                    raise
                time.sleep(1)

    def alerts(self) -> list[dict[str, Any]]:
        """What the wall shows."""
        shown: list[dict[str, Any]] = self.asked("/api/wall")["alerts"]
        return shown

    def stored(self, kind: str) -> int:
        """How many events of a type the store has."""
        return int(self.store.query(f"SELECT uniqExact(event_id) FROM ops.events WHERE type = '{kind}'"))


def _eventually(holds: Callable[[], bool], *, within_s: float) -> bool:
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        if holds():
            return True
        time.sleep(0.25)
    return holds()


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[SecuredKafka]:
    """A broker of its own, since the real topic names are used."""
    try:
        broker = SecuredKafka(tmp_path / "broker")
    except EngineAbsent as missing:
        if os.environ.get("CI"):
            pytest.fail(f"CI must have it: {missing}", pytrace=False)
        pytest.skip(str(missing))
    with broker:
        yield broker


@pytest.fixture
def deployed(
    tmp_path: Path, kafka: SecuredKafka, lite: ClickHouseLite, postgresql: PostgreSql
) -> Iterator[Deployed]:
    with Store.open(lite.start().dsn()) as admin:
        for database in ("cior", "ops", "sealed", "ledger", *AUDIENCES):
            admin.command(f"DROP DATABASE IF EXISTS {database} SYNC")
    centre = Deployed(tmp_path, kafka, lite, postgresql)
    yield centre
    centre.stop()


@pytest.mark.timeout(300)  # nine processes and two servers start, one after the other
def test_the_files_commands_make_a_centre_that_shows_and_stores_a_press(deployed: Deployed) -> None:
    first, second = deployed.prepare(), deployed.prepare()
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert first.stdout.startswith("keys made")
    assert second.stdout == (
        "keys there, topics created 0, rights given 0, taken away 0, migrations applied 0\n"
    )
    assert "is not there" not in second.stderr, "a view that Grafana's boards need is lacking"
    made, again = deployed.migrate_register(), deployed.migrate_register()
    assert (made.returncode, again.returncode) == (0, 0), made.stderr + again.stderr
    assert PASSWORD not in made.stdout + made.stderr
    for service in PARTS:
        assert not deployed.is_well(service), f"{service} is called well before it runs"
        deployed.start(service)
    assert deployed.press() == 202
    assert _eventually(lambda: len(deployed.alerts()) == 1, within_s=30)
    assert deployed.alerts()[0]["level"] == "P1"
    assert _eventually(lambda: deployed.stored("panic.bus") == 1, within_s=30)
    # Its phones have a user, keys and a share of their own too: whoever is on duty is rung and takes it by the link.
    assert _eventually(lambda: len(deployed.phone.messages) > 0, within_s=60)
    deployed.takes(deployed.phone.messages[0]["click"])
    assert _eventually(lambda: deployed.alerts()[0]["status"] == "acknowledged", within_s=30)
    # The console's own user of the store may read, and that is enough for every question of the page.
    figures = {name: deployed.asked(f"/api/ask/{name}") for name in QUESTIONS}
    assert figures["latency"]["n"] == 1
    assert figures["summary"]["levels"][0]["alerts"] == 1
    # Somebody is added to the register on its server, and the ledger's row reaches its copy by the deployed rights.
    assert deployed.add_somebody().returncode == 0
    assert _eventually(lambda: deployed.copied("people.add") == 1, within_s=30)
    with pytest.raises(HTTPError):
        urlopen(f"http://127.0.0.1:{deployed.wall}/api/wall", timeout=5)
    for part in deployed.running:
        part.stop(timeout_s=30)
    assert not any(deployed.is_well(service) for service in PARTS), (
        "a health check believes a part that is gone"
    )
