"""A centre at a broker that lets nobody in without a key: its keys, and its parts as `cior run` starts them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import msgspec
from confluent_kafka.admin import AclBinding, AdminClient  # type: ignore[attr-defined]

from cior_bus.commands.bus import make_passwords
from cior_bus.credentials import read_scram
from cior_bus.embedded.tansu import free_port
from cior_bus.keys import open_keys
from cior_bus.provisioning import Provisioned, exactly, provision
from cior_bus.rights import User, access_list, users
from cior_bus.settings import BusSettings
from engines.secured_kafka import SecuredKafka

SECRET = "a secret long enough to stay one"
FAMILIES = ("dc09", "traccar")


def until(holds: Callable[[], bool], *, within_s: float = 60.0) -> bool:
    deadline_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.1)
    return True


class SecuredCentre:
    """``users``: everybody; ``keys_of`` is the folder with one part's keys, as its service would mount it."""

    def __init__(self, folder: Path, broker: SecuredKafka) -> None:
        self.folder, self.broker, self.port = folder, broker, free_port()
        self.users = {user.name: user for user in users(FAMILIES)}
        make_passwords(broker.keys, self.users.values())
        self.config = folder / "centre.toml"
        self.config.write_text(
            f'[centre]\nname = "Ensayo"\n[bus]\ndsn = "{broker.dsn}"\n[[connector]]\nfile = "traccar.toml"\n'
        )
        (folder / "registry.toml").write_text("")
        (folder / "traccar.toml").write_text(
            f'kind = "traccar"\nname = "vehicles"\n[config]\nport = {self.port}\nshared_secret = "{SECRET}"\n'
        )
        open_keys(folder / "data" / "keys", own_team=True)

    @property
    def passwords(self) -> Path:
        return self.broker.keys / "passwords"

    def provision(self, wanted: Iterable[User] | None = None) -> Provisioned:
        return provision(self.broker.admin, wanted or self.users.values(), self.passwords)

    def keys_of(self, name: str) -> Path:
        return self.broker.keys / name

    def settings(self, name: str, **overrides: Any) -> BusSettings:
        """Under the name of a part, in this process."""
        settings = BusSettings.from_dsn(self.broker.dsn, **overrides)
        return msgspec.structs.replace(settings, credentials=read_scram(name, self.keys_of(name)))

    def withdraw(self, name: str, is_taken: Callable[[AclBinding], bool]) -> None:
        """Take some of a part's rights away."""
        client = AdminClient(self.broker.admin.client())
        taken = [each for each in access_list(self.users[name]) if is_taken(each)]
        assert taken
        for future in client.delete_acls([exactly(each) for each in taken]).values():
            assert future.result(20)

    def start(
        self, *words: str, user: str, dsn: str = "", keys: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """``cior run <words>``; what it says goes to ``<user>.log``."""
        argv = [
            sys.executable, "-m", "cior", "run", *words, "--config", str(self.config), "--data",
            str(self.folder / "data"), "--store", "clickhouse://none", "--ready", str(self.folder / f"{user}.ready"),
        ]  # fmt: skip
        environment = os.environ | {
            "CIOR_BUS": dsn or self.broker.dsn,
            "CIOR_BUS_KEYS": str(keys or self.keys_of(user)),
        }
        with (self.folder / f"{user}.log").open("wb") as log:
            return subprocess.Popen(argv, stdout=log, stderr=log, env=environment)

    def connector(self, **where: Any) -> subprocess.Popen[bytes]:
        words = ("connectors", str(self.folder / "traccar.toml"), "--family", "traccar")
        return self.start(*words, user="connectors-traccar", **where)

    def worker(self, role: str = "urgent") -> subprocess.Popen[bytes]:
        return self.start("streams", "--role", role, user=f"streams-{role}")

    def log(self, user: str) -> str:
        return (self.folder / f"{user}.log").read_text(errors="replace")

    def press(self, device: str) -> int:
        """A press through the connector's own port; the answer's status, 0: nobody answered."""
        fix = time.strftime("%Y-%m-%dT%H:%M:%S.000+00:00", time.gmtime())
        position = {
            "id": 1, "deviceId": 1, "protocol": "osmand", "deviceTime": fix, "fixTime": fix, "serverTime": fix,
            "valid": True, "latitude": -32.95, "longitude": -60.65, "altitude": 0.0, "speed": 0.0, "course": 0.0,
            "accuracy": 8.0, "attributes": {"alarm": "sos"},
        }  # fmt: skip
        body = {
            "position": position,
            "device": {"id": 1, "uniqueId": device, "name": device, "category": "bus"},
        }
        request = Request(
            f"http://127.0.0.1:{self.port}/traccar", data=json.dumps(body).encode(), method="POST"
        )
        request.add_header("Content-Type", "application/json")
        request.add_header("X-CIOR-Token", SECRET)
        try:
            with urlopen(request, timeout=15) as answer:
                return int(answer.status)
        except HTTPError as refused:
            return refused.code
        except (URLError, OSError):
            return 0

    def copy_of_keys(self, name: str, into: Path) -> Path:
        return shutil.copytree(self.keys_of(name), into)


def ended(process: subprocess.Popen[bytes], *, within_s: float = 60.0) -> int | None:
    """Its exit code, or None when it goes on (it is then ended)."""
    try:
        return process.wait(within_s)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
