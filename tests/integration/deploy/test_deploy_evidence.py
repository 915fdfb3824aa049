"""The service ``evidence`` of docker-compose.yml, by its very command, against servers with the deployed users: it
waits for its seal and says so, builds what was ordered, and the console of the same file serves those bytes.

As in test_deploy_centre.py, addresses and folders alone are replaced: those in which it finds its volumes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cior_bus.centre import load
from cior_console.evidence_place import package_room
from cior_core.model import DataClass, RawPointer
from cior_core.requests import RequestStatus
from cior_evidence.shelf import Making, package_id
from cior_store.engine import Store
from cior_store.migrate import migrate
from cior_store.sink import Sink
from cior_store.writers import Writers
from doubles.authorities import Authorities, tsa_over_http
from doubles.packages import START_MS, ring
from doubles.requested import Court
from engines.clickhouse_lite import ClickHouseLite
from engines.postgresql import PASSWORD, PostgreSql
from engines.process import EngineProcess
from engines.registers import RegisterPlace
from engines.source_tree import ROOT
from integration.store import city
from integration.store.engines_here import empty, lite

__all__ = ["lite"]

COMPOSE = ROOT / "deploy" / "compose"
FILE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICE, SECRETS = FILE["services"]["evidence"], FILE["secrets"]
WITHIN_S = 120.0


class Deployed:
    """The service as a process of this machine; each of its volumes is a folder."""

    def __init__(self, folder: Path, store: ClickHouseLite, register: RegisterPlace) -> None:
        self.folder, self.store, self.register = folder, store, register
        # A container's folders lie where its file says; here below one folder, the data folder elsewhere.
        self.config, self.data = folder / "etc", folder / "data"
        self.seal, self.key, self.footage = (folder / each for each in ("seal", "seal-key", "footage"))
        for each in (self.data, self.seal, self.key):
            each.mkdir()
        (folder / "secrets").mkdir()
        (folder / "secrets" / "register_evidence_password").write_text(PASSWORD, encoding="utf-8")
        shutil.copytree(COMPOSE / "centre", self.config)
        text = (self.config / "centre.toml").read_text(encoding="utf-8")
        (self.config / "centre.toml").write_text(
            self.here(text).replace('"0.0.0.0"', '"127.0.0.1"').replace("9400", "0")
        )
        self.process: EngineProcess | None = None

    def here(self, words: str) -> str:
        """As it reads on this machine."""
        address = self.register.evidence_dsn.replace(f":{PASSWORD}@", "@")
        for old, new in (
            ("postgresql://cior_evidence@postgresql:5432/cior", address), ("/var/lib/cior", str(self.data)),
            ("/etc/cior", str(self.config)), ("/srv/seal-key", str(self.key)), ("/srv/seal", str(self.seal)),
            ("/srv/footage", str(self.footage)), ("/run/secrets", str(self.folder / "secrets")),
            ("/opt/cior/compose", str(COMPOSE)),
        ):  # fmt: skip
            words = words.replace(old, new)
        return words

    @property
    def environment(self) -> dict[str, str]:
        told = {name: self.here(value) for name, value in SERVICE["environment"].items()}
        assert told["CIOR_STORE"].startswith("clickhouse://cior_evidence:")
        return {**os.environ, **told, "CIOR_STORE": self.store.dsn("cior_evidence")}

    def is_well(self) -> bool:
        words = [self.here(word) for word in SERVICE["healthcheck"]["test"]]
        ran = subprocess.run([sys.executable, *words[2:]], check=False, capture_output=True, timeout=30)
        return ran.returncode == 0

    def start(self) -> None:
        words = [self.here(word) for word in SERVICE["command"]]
        self.process = EngineProcess(
            "evidence", [sys.executable, "-m", "cior", *words], log_path=self.folder / "evidence.log",
            env=self.environment,
        )  # fmt: skip
        self.process.start(self.is_well, timeout_s=WITHIN_S)

    def sealed_with(self, authorities: Authorities, url: str) -> None:
        """What the guide asks for: the public part in one folder, the key in another."""
        for name in ("sello.pem", "raiz.pem", "intermedia.pem", "ca.crl"):
            shutil.copy(authorities.folder / name, self.seal / name)
        (self.key / "sello.key").write_bytes((authorities.folder / "sello.key").read_bytes())
        (self.key / "sello.key").chmod(0o600)
        said = (
            (authorities.folder / "sello.toml")
            .read_text(encoding="utf-8")
            .replace("http://127.0.0.1:9/", url)
        )
        (self.seal / "sello.toml").write_text(
            said.replace('"sello.key"', f'"{self.key}/sello.key"'), encoding="utf-8"
        )

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop(timeout_s=30)


def until(condition: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < ends_s
        time.sleep(0.1)


@pytest.fixture
def stored(lite: ClickHouseLite) -> ClickHouseLite:
    """A city's server that has an alert with its bytes, and one whose bytes lie in a box."""
    with Store.open(lite.start().dsn()) as admin:
        migrate(admin)
        empty(admin)
    at_ms = START_MS + 5_000
    with Store.open(lite.dsn("cior_sink")) as store:
        sink = Sink(Writers(store), on_dead=lambda letter: pytest.fail(letter.code))
        clear = city.raw(1, payload=b"\x00\xff the press", at_ms=at_ms)
        boxed = city.raw(2, at_ms=at_ms, sealed=True, data_class=DataClass.SEALED)
        told: dict[str, list[Any]] = {
            "cior.raw.v1": [clear],
            "cior.sealed.v1": [boxed],
            "cior.events.urgent.v1": [
                city.event(n, at_ms=at_ms, raw=RawPointer(raw_id=each.id, sha256=each.sha256))
                for n, each in ((1, clear), (2, boxed))
            ],
            "cior.alerts.v1": [city.alert(n, at_ms=at_ms) for n in (1, 2)],
            "cior.transitions.v1": [city.transition(1, at_ms=at_ms)],
        }
        for topic, records in told.items():
            sink.write_batch(topic, 0, city.messages(topic, records))
    return lite


@pytest.fixture
def centre(tmp_path: Path, stored: ClickHouseLite, postgresql: PostgreSql) -> Iterator[Deployed]:
    made = Deployed(tmp_path, stored, RegisterPlace.of_server(postgresql.start()))
    ring(made.footage / "footage" / "recorder")
    yield made
    made.stop()


@pytest.mark.timeout(300)
def test_the_service_waits_for_its_seal_and_then_builds_what_the_console_serves(
    centre: Deployed, tmp_path: Path
) -> None:
    authorities = Authorities(tmp_path / "autoridades", is_elliptic=True)
    court = Court(tmp_path / "oficina", tmp_path / "nobody", authorities, register=centre.register.dsn)
    try:
        court.begin(alerts=("alert-1", "alert-2"))
        court.approved()
        name = package_id(court.request)
        # The console's mount of the volume of packages is below its own data folder, where it looks.
        room = package_room(load(centre.config / "centre.toml", centre.data))
        shelf = room.shelf
        assert shelf is not None
        centre.start()
        until(lambda: shelf.progress(name).state is Making.WAITING)
        assert shelf.progress(name).code == "seal.file"
        with tsa_over_http(authorities) as url:
            centre.sealed_with(authorities, url)
            until(lambda: court.request.state is RequestStatus.SEALED)
        told = shelf.progress(name)
        assert (told.state, told.digest) == (Making.READY, court.request.package)
        assert court.is_replayed
        package = shelf.out / name.lower()
        verified = subprocess.run(
            [sys.executable, "-I", package / "verify.py", package, "--root", authorities.folder / "raiz.pem"],
            capture_output=True, text=True, check=False, timeout=WITHIN_S,
        )  # fmt: skip
        assert verified.returncode == 0, verified.stdout
        raws = sorted((package / "bag/data/crudo").glob("*.bin"))
        assert [each.read_bytes() for each in raws] == [b"\x00\xff the press"]
        assert list((package / "bag/data/nativo/cam-7").glob("*.mp4"))
        # A second part finds the key of its ledger where the first left it, and the ledger goes on.
        assert (centre.data / "evidence/ledger/clave.pub").is_file()
        centre.stop()
        assert not centre.is_well()
    finally:
        court.closed()


def test_the_register_gives_the_role_its_password_and_rights(postgresql: PostgreSql, tmp_path: Path) -> None:
    """By the command of the service ``register``, as an owner who may make roles."""
    server = postgresql.start()
    made, words = server.fresh(), FILE["services"]["register"]["command"]
    for file in ("register_password", "register_deleter_password", "register_evidence_password"):
        (tmp_path / file).write_text(PASSWORD, encoding="utf-8")
        assert SECRETS[file]["file"] == f"./secrets/{file}"
    (tmp_path / "centre.toml").write_text('[centre]\nname = "Ensayo"\n', encoding="utf-8")
    said = [each.replace("/run/secrets", str(tmp_path)).replace("/etc/cior", str(tmp_path)) for each in words]
    said = [each.replace("/var/lib/cior", str(tmp_path / "data")) for each in said]
    ran = subprocess.run(
        [sys.executable, "-m", "cior", *said], capture_output=True, text=True, check=False, timeout=WITHIN_S,
        env={**os.environ, "CIOR_REGISTER_OWNER": server.dsn("postgres", made.name)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    court = Court(
        tmp_path, tmp_path, Authorities(tmp_path / "ac", is_elliptic=True), register=made.service_dsn
    )
    theirs = Court(tmp_path, tmp_path, court.authorities, register=made.evidence_dsn)
    court.begin(alerts=())
    assert theirs.request == court.request
    theirs.closed()
    court.closed()
