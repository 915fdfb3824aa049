"""`cior backup` and `cior restore` with real engines: a home that was lost comes back, whole and proven, from the
embedded store and from a server; what was done to a backup is refused with its place; a kill leaves nothing that looks
finished.
"""

from __future__ import annotations

import base64
import errno
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from nacl.public import PrivateKey

from cior.cli import main
from cior_bus import durable_file
from cior_bus.checkpoint_key import NAME, origin_of
from cior_bus.keys import Keys
from cior_bus.spool import Entry, Spool, SpoolClass
from cior_core import backup_manifest, checkpoint
from cior_core.backup_manifest import FileOf
from cior_core.errors import AccessDenied, IntegrityBroken
from cior_sink.restoring import Refused, proven
from cior_store.engine import Store
from cior_store.media import FolderMedia
from cior_store.migrate import migrate
from cior_store.table_copy import slices, tables
from engines.cache import EngineAbsent
from engines.clickhouse_lite import ClickHouseLite
from integration.sink import test_sink_verify_log as verified
from integration.store.engines_here import empty

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("cior_backup")]

CLIP = b"\x00\x00\x00\x18ftyp a clip that must not change"
VICTIM = "Nombre-De-La-Victima"


class World:
    """A stopped centre with three minutes of presses, its backup's lock, and the command."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home, self.made = folder, folder / "home", folder / "made"
        self.operator, self.team = PrivateKey.generate(), PrivateKey.generate()
        durable_file.create(folder / "operator.private", base64.b64encode(bytes(self.operator)))

    def cior(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One command, in a process of its own."""
        return subprocess.run(
            self.argv(*arguments),
            capture_output=True,
            text=True,
            check=False,
            timeout=500,
            stdin=subprocess.DEVNULL,
        )

    @staticmethod
    def here(*arguments: str) -> Result:
        """One command that opens no store, in this process."""
        return CliRunner().invoke(main, list(arguments))

    @staticmethod
    def argv(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "cior", *arguments]

    def backup(self, target: Path) -> list[str]:
        public = base64.b64encode(bytes(self.operator.public_key)).decode()
        return ["backup", str(target), "--config", str(self.home / "centre.toml"), "--recipient", public]

    def restore(self, source: Path, home: Path) -> list[str]:
        private = str(self.folder / "operator.private")
        return ["restore", str(source), "--to", str(home), "--private-key", private, "--key", self.public]

    @property
    def public(self) -> str:
        return checkpoint.verifier_key(origin_of("Prueba"), bytes(verified.KEY.verify_key))

    def build(self) -> None:
        data = self.home / "data"
        (data / "keys").mkdir(parents=True, mode=0o700)
        registry = f'[[device]]\nid = "panel:1"\nnote = "{VICTIM}"\n'
        for name, text in {"centre.toml": '[centre]\nname = "Prueba"\n', "registry.toml": registry}.items():
            (self.home / name).write_text(text, encoding="utf-8")
        self._keys(data / "keys")
        with Store.open(f"chdb://{data / 'store'}") as store:
            migrate(store)
            centre = verified.Centre(store, self.home)
            for minute in range(3):
                for n in range(4):
                    centre.press("panels", f"panel {minute} {n}")
                centre.press("buses", f"bus {minute}")
                centre.press("sealed", f"box {minute}")
                centre.minute()
        (self.home / "pages").rename(data / "checkpoints")
        shutil.rmtree(self.home / "state")
        FolderMedia(data / "media").put(CLIP)
        self._left_by_connectors(data)

    def _keys(self, folder: Path) -> None:
        keys = Keys(
            centre_hmac=verified.BLINDING,
            team_public=bytes(self.team.public_key),
            wall_token="wall-token-of-this-centre",
            traccar_secret="traccar-secret-of-this-centre",
            dc09_key="00" * 16,
        )
        for name, content in {
            "keys.json": msgspec.json.encode(keys),
            NAME: base64.b64encode(bytes(verified.KEY)),
            "team.private": base64.b64encode(bytes(self.team)),
        }.items():
            (folder / name).write_bytes(content)
            (folder / name).chmod(0o600)

    @staticmethod
    def _left_by_connectors(data: Path) -> None:
        spool = Spool.open(data / "spool" / "dc09")
        spool.append(SpoolClass.LIFE_SAFETY, [Entry("cior.raw.v1", b"panel", b"a press that waits")]).result(
            10
        )
        spool.close()
        (data / "state" / "panels" / "chains").mkdir(parents=True)
        (data / "state" / "panels" / "chains" / "clear.0").write_bytes(b"the chain went on elsewhere")
        database = sqlite3.connect(data / "state" / "panels" / "marks.sqlite")
        database.executescript(
            "pragma journal_mode=wal; create table marks (n integer); insert into marks values (7)"
        )
        database.commit()
        shutil.copytree(
            data / "state" / "panels", data / "state" / "killed"
        )  # as a kill leaves it: with its log
        database.close()
        (data / "log").mkdir()
        (data / "log" / "sink.log").write_text("not taken")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A backup was killed in the middle, then one was finished."""
    pytest.importorskip("chdb", reason="the embedded engine is not installed: pip install 'cior[embedded]'")
    made = World(tmp_path_factory.mktemp("backup"))
    made.build()
    killed_once(made.argv(*made.backup(made.folder / "killed")), made.folder / "killed.unfinished" / "tables")
    told = made.cior(*made.backup(made.made))
    assert told.returncode == 0, told.stdout + told.stderr
    assert "copia terminada: made" in told.stdout
    assert "NO va en la copia (team.private)" in told.stdout
    return made


def killed_once(argv: list[str], begun: Path) -> None:
    """SIGKILL as soon as something lies at ``begun``."""
    process = subprocess.Popen(
        argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )
    deadline_s = time.monotonic() + 300
    while not (begun.is_dir() and any(begun.iterdir())):
        assert process.poll() is None, "it ended before it was killed"
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_a_backup_that_was_killed_has_no_name_and_no_manifest_and_is_refused(world: World) -> None:
    assert not (world.folder / "killed").exists()
    assert not (world.folder / "killed.unfinished" / "manifest.json").exists()
    told = world.here(*world.restore(world.folder / "killed.unfinished", world.folder / "nowhere"))
    assert told.exit_code == 2
    assert "backup.unfinished" in told.stderr
    again = world.cior(*world.backup(world.folder / "killed"))
    assert again.returncode == 2
    assert "backup.unfinished_there" in again.stderr
    assert not (world.folder / "nowhere").exists()


def test_a_backup_is_for_its_owner_and_tells_no_name_no_key_and_no_team(world: World) -> None:
    content = {path: path.read_bytes() for path in world.made.rglob("*") if path.is_file()}
    secrets = [VICTIM.encode(), b"wall-token", b"traccar-secret", base64.b64encode(verified.BLINDING)]
    secrets += [bytes(key) for key in (world.team, verified.KEY)]
    secrets += [base64.b64encode(bytes(key)) for key in (world.team, verified.KEY)]
    for path, data in content.items():
        assert not [each for each in secrets if each in data], path.name
        assert path.stat().st_mode & 0o077 == 0, path.name
    assert all(
        path.stat().st_mode & 0o077 == 0 for path in (world.made, *world.made.rglob("*")) if path.is_dir()
    )
    assert not [path for path in content if "chains" in path.parts or path.name == "sink.log"]


@pytest.fixture(scope="module")
def restored(world: World) -> Path:
    """A restore was killed in the middle, refused, its leavings deleted, and done again."""
    home = world.folder / "restored"
    unfinished = home.with_name("restored.unfinished")
    killed_once(world.argv(*world.restore(world.made, home)), unfinished / "data" / "store" / "metadata")
    assert not home.exists()
    refused = world.here(*world.restore(world.made, home))
    assert refused.exit_code == 2
    assert "restore.unfinished_there" in refused.stderr
    shutil.rmtree(unfinished)
    told = world.cior(*world.restore(world.made, home))
    assert told.returncode == 0, told.stdout + told.stderr
    assert "Todo coincide: nada cambió, falta, sobra ni fue movido." in told.stdout
    assert "FALTA todo lo que llegó después de" in told.stdout
    return home


def test_law_15_a_restored_centre_has_every_row_and_holds_against_its_chains(
    world: World, restored: Path
) -> None:
    told = world.cior(
        "verify-log", "--config", str(restored / "centre.toml"), "--key", world.public, "--lang", "en"
    )
    assert told.returncode == 0, told.stdout
    assert "12 records, 0 newer" in told.stdout
    manifest, _ = proven(world.made)
    with Store.open(f"chdb://{restored / 'data' / 'store'}") as store:
        assert {each.table for each in slices(store)} == {each.table for each in manifest.tables.portions}
        for each in manifest.tables.portions:
            assert store.value(f"SELECT count() FROM {each.table}") == each.rows, each.table


def test_what_connectors_had_left_is_there_and_no_chain_goes_on_twice(restored: Path) -> None:
    spool = Spool.open(restored / "data" / "spool" / "dc09")
    try:
        (waiting,) = spool.read(SpoolClass.LIFE_SAFETY)
    finally:
        spool.close()
    assert waiting.entries[0].value == b"a press that waits"
    for name in ("panels", "killed"):
        marks = sqlite3.connect(restored / "data" / "state" / name / "marks.sqlite").execute(
            "select n from marks"
        )
        assert marks.fetchall() == [(7,)], name
    assert not (restored / "data" / "state" / "panels" / "chains").exists()
    (clip,) = FolderMedia(restored / "data" / "media").list()
    assert FolderMedia(restored / "data" / "media").get(clip.sha256) == CLIP


def test_keys_and_registry_come_back_for_their_owner_and_the_teams_key_does_not(restored: Path) -> None:
    keys = restored / "data" / "keys"
    assert {path.name for path in keys.iterdir()} == {"keys.json", NAME}
    assert VICTIM in (restored / "registry.toml").read_text(encoding="utf-8")
    for path in (restored, *restored.iterdir(), *keys.iterdir()):
        assert path.stat().st_mode & 0o077 == 0, path.name


def test_a_home_that_is_not_empty_is_not_touched(world: World, restored: Path) -> None:
    told = world.here(*world.restore(world.made, restored))
    assert told.exit_code == 2
    assert "restore.not_empty" in told.stderr
    assert "writes over nothing" in told.stderr


def test_a_full_disk_is_said_and_leaves_nothing_of_backup_or_home(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> FileOf:
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere/clip")

    with monkeypatch.context() as patched:
        patched.setattr("cior_sink.backup_files._copy_bytes", full)
        told = world.here(*world.backup(tmp_path / "full"))
        assert (told.exit_code, "backup.files: clip: No space left" in told.stderr) == (1, True)
        told = world.here(*world.restore(world.made, tmp_path / "home"))
        assert (told.exit_code, "restore.files: clip: No space left" in told.stderr) == (1, True)
    monkeypatch.setattr(
        "cior_sink.restoring.shutil.disk_usage", lambda _path: shutil._ntuple_diskusage(9, 8, 1)
    )
    told = world.here(*world.restore(world.made, tmp_path / "home"))
    assert (told.exit_code, "restore.no_room" in told.stderr) == (1, True)
    assert not list(tmp_path.iterdir())


RAW, EVENTS = "tables/ops.raw/20261118.native.gz", "tables/ops.events/20261118.native.gz"
PAGE = "data/checkpoints/2026-11-18.ndjson"


def _exchange(folder: Path) -> None:
    (folder / RAW).rename(folder / "x")
    (folder / EVENTS).rename(folder / RAW)
    (folder / "x").rename(folder / EVENTS)


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


TAMPERINGS: dict[str, tuple[Callable[[Path], object], set[tuple[str, str]]]] = {
    "a table changed": (lambda it: _flip(it / RAW), {("altered", RAW)}),
    "a table cut": (lambda it: os.truncate(it / RAW, 100), {("truncated", RAW)}),
    "a table gone": (lambda it: (it / RAW).unlink(), {("missing", RAW)}),
    "a table renamed": (
        lambda it: (it / RAW).rename(it / "tables/ops.raw/20261119.native.gz"),
        {("moved", "tables/ops.raw/20261119.native.gz"), ("unlisted", "tables/ops.raw/20261119.native.gz")},
    ),
    "tables exchanged": (_exchange, {("moved", RAW), ("moved", EVENTS)}),
    "a file added": (
        lambda it: (it / "data/state/extra").write_text("x"),
        {("unlisted", "data/state/extra")},
    ),
    "a link": (lambda it: (it / "data/link").symlink_to("/etc/passwd"), {("unlisted", "data/link")}),
    "checkpoints cut": (lambda it: os.truncate(it / PAGE, 100), {("truncated", PAGE)}),
    "keys changed": (lambda it: _flip(it / "secrets.box"), {("altered", "secrets.box")}),
}


@pytest.fixture
def copy(world: World, tmp_path: Path) -> Path:
    shutil.copytree(world.made, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_was_done_to_a_backup_is_refused_with_its_place(copy: Path, name: str) -> None:
    tamper, told = TAMPERINGS[name]
    tamper(copy)
    with pytest.raises(Refused) as refused:
        proven(copy)
    assert {(each.code, each.path) for each in refused.value.faults} == told


def test_a_file_of_another_backup_of_the_same_centre_is_refused_and_nothing_is_written(
    world: World, copy: Path, tmp_path: Path
) -> None:
    other = world.cior(*world.backup(tmp_path / "other"))
    assert other.returncode == 0, other.stderr
    shutil.copy(tmp_path / "other" / "secrets.box", copy / "secrets.box")
    told = world.here(*world.restore(copy, tmp_path / "home"), "--lang", "en")
    assert told.exit_code == 2
    assert "ALTERED: secrets.box is not the file that was copied." in told.stdout
    assert not list(tmp_path.glob("home*"))
    # Its manifest made to fit by somebody who has no key: the signature is of another manifest.
    data = (copy / "manifest.json").read_bytes()
    manifest = backup_manifest.read(data)
    manifest.files["secrets.box"] = backup_manifest.read(
        (tmp_path / "other" / "manifest.json").read_bytes()
    ).files["secrets.box"]
    (copy / "manifest.json").write_bytes(backup_manifest.encode(manifest))
    told = world.here(*world.restore(copy, tmp_path / "home"))
    assert told.exit_code == 2
    assert "backup.box" in told.stderr  # the box is bound to the name of its own backup
    shutil.copy(world.made / "secrets.box", copy / "secrets.box")
    (copy / "manifest.json").write_bytes(
        backup_manifest.encode(msgspec.structs.replace(manifest, begun_ms=1))
    )
    with pytest.raises(IntegrityBroken):
        proven(copy)
    (copy / "manifest.json").write_bytes(data.replace(b'"begun_ms":', b'"begun_ms":1'))
    told = world.here(*world.restore(copy, tmp_path / "home"))
    assert told.exit_code == 2
    assert "backup.signature" in told.stderr
    assert not list(tmp_path.glob("home*"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseLite]:
    try:
        lite = ClickHouseLite(tmp_path_factory.mktemp("backup-lite"))
    except EngineAbsent as missing:
        if os.environ.get("CI"):
            pytest.fail(f"CI must have it: {missing}", pytrace=False)
        pytest.skip(str(missing))
    with lite:
        yield lite


@pytest.mark.clickhouse_lite
def test_an_embedded_backup_goes_into_a_server_out_of_it_and_in_again(
    world: World, server: ClickHouseLite, tmp_path: Path
) -> None:
    """With the deployed user for backups, and an administrator for the restore; every row and its chains each time."""
    admin = server.dsn()
    told = world.cior(*world.restore(world.made, tmp_path / "one"), "--store", admin)
    assert told.returncode == 0, told.stdout + told.stderr
    dsn = server.dsn("cior_backup")
    told = world.cior(*world.backup(tmp_path / "made"), "--store", dsn)
    assert told.returncode == 0, told.stdout + told.stderr
    there, _ = proven(tmp_path / "made")
    here, _ = proven(world.made)
    assert {(each.table, each.rows) for each in there.tables.portions} >= {
        (each.table, each.rows) for each in here.tables.portions
    }
    refused = world.cior(*world.restore(tmp_path / "made", tmp_path / "two"), "--store", admin)
    assert refused.returncode == 2
    assert "restore.store_not_empty" in refused.stderr
    assert not (tmp_path / "two.unfinished").exists(), "what fails leaves nothing of the new home"
    with Store.open(admin) as store:
        empty(store)
        told = world.cior(*world.restore(tmp_path / "made", tmp_path / "two"), "--store", admin)
        assert told.returncode == 0, told.stdout + told.stderr
        assert "Todo coincide" in told.stdout
        assert store.value("SELECT count() FROM ops.raw") == 15
        assert store.value("SELECT count() FROM sealed.raw") == 3


@pytest.mark.clickhouse_lite
def test_law_9_a_user_that_may_not_read_everything_makes_no_backup_that_lacks_it(
    server: ClickHouseLite,
) -> None:
    for user in ("cior_sink", "cior_console", "cior_ledger"):
        with Store.open(server.dsn(user)) as store, pytest.raises(AccessDenied):
            slices(store)
    with Store.open(server.dsn("cior_backup")) as store:
        assert slices(store)
        assert "sealed.raw" in tables(store)
        for sql in (
            "INSERT INTO ops.raw (raw_id) VALUES ('x')",
            "TRUNCATE TABLE ops.raw",
            "DROP TABLE sealed.raw",
        ):
            with pytest.raises(AccessDenied):
                store.command(sql)
