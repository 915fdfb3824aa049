"""A real ClickHouse server for tests, over HTTP and native TCP, without Docker and without root.

It is libchdb from the npm registry, whose clickhouse-local entry can ``SYSTEM START LISTEN`` (research: store,
section 0). Users, grants, read-only limits and the query log are those of a server: it loads the deployed
``deploy/clickhouse/users.d`` as it stands, with passwords of its own. It ends when its standard input ends, so no
orphan outlives the tests.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from string import Template
from types import TracebackType
from typing import Self

import msgspec

from cior_bus.embedded.tansu import LOOPBACK, free_port
from engines import cache
from engines.process import EngineFailed, EngineProcess

PACKAGE = "@chdb/lib-linux-x64-gnu"
VERSION = "26.7.3-stable.1"
SHA512 = "XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw=="
ADMIN, WRITER, READER = "cior_admin", "cior_writer", "cior_read"
DEPLOYED_USERS = Path(__file__).resolve().parents[2] / "deploy" / "clickhouse" / "users.d" / "cior.xml"
_DEPLOYED_USER = re.compile(r'<(\w+)>\s*<password_sha256_hex from_env="(\w+)"/>')

_CONFIG = Template("""\
<clickhouse>
  <logger><level>warning</level><console>1</console></logger>
  <listen_host>$host</listen_host>
  <http_port>$http_port</http_port>
  <tcp_port>$tcp_port</tcp_port>
  <users_config>$users</users_config>
  <user_directories><users_xml><path>$users</path></users_xml></user_directories>
  <!-- As the configuration that a packaged server comes with. -->
  <access_control_improvements><table_engines_require_grant>true</table_engines_require_grant></access_control_improvements>
  <query_log>
    <database>system</database><table>query_log</table>
    <flush_interval_milliseconds>500</flush_interval_milliseconds>
  </query_log>
</clickhouse>
""")

_USERS = Template("""\
<clickhouse>
  <profiles>
    <default/>
    <reader>
      <readonly>1</readonly>
      <max_execution_time>30</max_execution_time>
      <constraints><max_execution_time><changeable_in_readonly/></max_execution_time></constraints>
    </reader>
  </profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <no_password/><networks><ip>$host</ip></networks><profile>default</profile><quota>default</quota>
      <grants><query>GRANT SYSTEM LISTEN ON *.*</query></grants>
    </default>
$users
  </users>
</clickhouse>
""")

_USER = Template("""\
    <$name>
      <password_sha256_hex>$digest</password_sha256_hex>
      <networks><ip>$host</ip></networks><profile>$profile</profile><quota>default</quota>$grants
    </$name>
""")


class UserSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A user of the server besides the deployed ones.

    No grants means all rights; ``read_only`` is readonly=1 with a changeable max_execution_time.
    """

    name: str
    grants: tuple[str, ...] = ()
    read_only: bool = False


class ClickHouseLiteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the test server knows. ``database`` is only granted here; a migration creates it.

    ``users_d``: texts of further files of ``users.d``, as a centre may add them.
    """

    database: str = "cior"
    extra_users: tuple[UserSpec, ...] = ()
    users_d: tuple[str, ...] = ()
    ready_timeout_s: float = 30.0
    stop_timeout_s: float = 20.0
    download_timeout_s: float = 400.0

    def users(self) -> tuple[UserSpec, ...]:
        """Administrator, writer, reader and those the test adds."""
        return (
            UserSpec(name=ADMIN),
            UserSpec(name=WRITER, grants=(f"GRANT SELECT, INSERT ON {self.database}.*",)),
            UserSpec(name=READER, grants=(f"GRANT SELECT ON {self.database}.*",), read_only=True),
            *self.extra_users,
        )


def library(settings: ClickHouseLiteSettings) -> Path:
    """libchdb.so of the pinned version and digest; fetched once by npm into the cache."""
    target = cache.cache_dir() / f"libchdb-{VERSION}" / "libchdb.so"
    if target.exists():
        return target
    npm = cache.command("npm", "npm")
    with cache.only_one(target.parent.name):
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
                _extract(_download(npm, Path(scratch), settings.download_timeout_s), target)
    return target


def _download(npm: str, folder: Path, timeout_s: float) -> Path:
    argv = [npm, "pack", "--silent", f"--cache={folder / 'npm'}", f"{PACKAGE}@{VERSION}"]
    ran = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False, timeout=timeout_s)
    archives = list(folder.glob("*.tgz"))
    if ran.returncode or len(archives) != 1:
        raise cache.EngineAbsent(f"npm could not fetch {PACKAGE} {VERSION}: {ran.stderr[-600:]}")
    with archives[0].open("rb") as packed:
        digest = hashlib.file_digest(packed, "sha512").digest()
    if base64.b64encode(digest).decode() != SHA512:
        raise EngineFailed(f"{PACKAGE} {VERSION} does not have the pinned digest: refused")
    return archives[0]


def _extract(archive: Path, target: Path) -> None:
    partial = target.with_suffix(".partial")
    with tarfile.open(archive) as packed:
        member = packed.extractfile("package/libchdb.so")
        if member is None:
            raise EngineFailed(f"{archive.name} holds no libchdb.so")
        with partial.open("wb") as out:
            while chunk := member.read(1 << 20):
                out.write(chunk)
    partial.rename(target)


class ClickHouseLite:
    """One server. ``folder`` holds its configuration, log and data; its passwords are new in every instance."""

    def __init__(self, folder: Path, settings: ClickHouseLiteSettings | None = None) -> None:
        self.settings = settings or ClickHouseLiteSettings()
        self.host = LOOPBACK
        self.http_port, self.tcp_port = free_port(), free_port()
        self._deployed = dict(_DEPLOYED_USER.findall("".join(self._users_d())))
        names = [*(user.name for user in self.settings.users()), *self._deployed]
        self._passwords = {name: secrets.token_urlsafe(16) for name in names}
        self._process = EngineProcess(
            "ClickHouse lite server",
            [
                sys.executable,
                str(Path(__file__).with_name("libchdb_server.py")),
                str(library(self.settings)),
                *self._write(folder),
            ],
            log_path=folder / "server.log",
            env=os.environ | {variable: self._digest(name) for name, variable in self._deployed.items()},
            farewell=b"SELECT 1;\n",
        )

    @property
    def pid(self) -> int | None:
        """The process id while the server runs, else None."""
        return self._process.pid

    def password(self, user: str = ADMIN) -> str:
        """This run's password of a user."""
        return self._passwords[user]

    def dsn(self, user: str = ADMIN, *, database: str = "") -> str:
        """For ``clickhouse_connect.get_client(dsn=...)``."""
        return f"clickhouse://{user}:{self._passwords[user]}@{self.host}:{self.http_port}/{database}"

    def query(self, sql: str, user: str = ADMIN) -> str:
        """One statement over bare HTTP, for set-up and for seeing what the server itself says.

        Raises HTTPError with its answer.
        """
        headers = {"X-ClickHouse-User": user, "X-ClickHouse-Key": self._passwords[user]}
        request = urllib.request.Request(
            f"http://{self.host}:{self.http_port}/", data=sql.encode(), headers=headers
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            text: str = reply.read().decode()
            return text

    def start(self) -> Self:
        """Start on the same ports and data as before and wait until it answers."""
        if self.pid is None:
            self._process.start(self._answers, timeout_s=self.settings.ready_timeout_s)
        return self

    def stop(self) -> None:
        """Clean shutdown."""
        self._process.stop(timeout_s=self.settings.stop_timeout_s)

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()

    def restart(self) -> Self:
        """Clean shutdown, then start: same ports, passwords and data."""
        self.stop()
        return self.start()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.host}:{self.http_port}/ping", timeout=1) as reply:
                return bool(reply.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def _users_d(self) -> tuple[str, ...]:
        return DEPLOYED_USERS.read_text(encoding="utf-8"), *self.settings.users_d

    def _digest(self, user: str) -> str:
        return hashlib.sha256(self._passwords[user].encode()).hexdigest()

    def _write(self, folder: Path) -> list[str]:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "users.d").mkdir(exist_ok=True)
        for number, text in enumerate(self._users_d()):
            (folder / "users.d" / f"{number}.xml").write_text(text, encoding="utf-8")
        config, users, start = folder / "config.xml", folder / "users.xml", folder / "start.sql"
        config.write_text(
            _CONFIG.substitute(host=self.host, http_port=self.http_port, tcp_port=self.tcp_port, users=users)
        )
        users.write_text(
            _USERS.substitute(host=self.host, users="".join(map(self._user_xml, self.settings.users())))
        )
        users.chmod(0o600)
        start.write_text("SYSTEM START LISTEN HTTP;\nSYSTEM START LISTEN TCP;\n")
        queries = [f"--queries-file={start}", "--queries-file=/dev/stdin"]
        return [f"--config-file={config}", f"--path={folder / 'data'}", *queries]

    def _user_xml(self, user: UserSpec) -> str:
        grants = "".join(f"<query>{grant}</query>" for grant in user.grants)
        return _USER.substitute(
            name=user.name,
            digest=self._digest(user.name),
            host=self.host,
            profile="reader" if user.read_only else "default",
            grants=f"\n      <grants>{grants}</grants>" if grants else "",
        )

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
