"""The register in `cior backup`: nobody who works here is named in the clear, and it comes back proven, on a file and
on a server.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from nacl.public import PrivateKey

from cior_bus.centre import load
from cior_bus.checkpoint_key import NAME, open_checkpoint_key, origin_of
from cior_core.backup_manifest import BOX, REGISTER_BOX, Tables
from cior_core.errors import ConfigInvalid, CredentialsRefused, IntegrityBroken
from cior_core.people import Grant, LedgerEntry, Person
from cior_core.privacy import Role
from cior_register import people
from cior_register.place import ADDRESS, OWNER, register_dsn
from cior_register.register import Register
from cior_sink import backing_up, register_box, register_copy, restoring
from cior_sink.backup_box import Holder, Recipient
from cior_sink.checkpoints import PageFile
from cior_sink.commands.verify_log import expired
from cior_sink.ledger_pages import ledger_place
from cior_store.engine import Store
from engines.registers import RegisterPlace

T_MS = 1_795_262_400_000
WHO = "Canaria Del Registro"
OPERATOR = PrivateKey.generate()
on_a_server = pytest.mark.parametrize("register_place", ["postgresql"], indirect=True)


class Home:
    """A small centre with a register that was used: somebody, a row of the ledger, a signed page, a journal."""

    def __init__(self, folder: Path, place: RegisterPlace, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.place, self._patch = folder, place, monkeypatch
        self.data = folder / "data"
        (self.data / "keys").mkdir(parents=True, mode=0o700)
        (folder / "centre.toml").write_text('[centre]\nname = "Prueba"\n', encoding="utf-8")
        open_checkpoint_key(self.data / "keys", origin=origin_of("Prueba"))
        if place.server is not None:
            self.address(place)
        centre = load(folder / "centre.toml", self.data)
        register = Register.open(register_dsn(centre), journal=self.data / "register" / "journal")
        person = Person("p-1", "canaria", WHO, grants=(Grant(role=Role.OPERATOR),))
        entry = LedgerEntry(at_ms=T_MS, actor="cior users", act="people.add", subject="p-1", reason=WHO)
        register.submit(entry, lambda connection: people.add(connection, person, now_ms=T_MS)).result(60)
        assert register.head is not None
        PageFile(ledger_place(centre)).append(heads=[register.head], sealed=(), at_ms=T_MS)
        register.close()
        (self.data / "register" / "journal" / "000001-0000.journal").write_bytes(f"{WHO}\n".encode())

    def address(self, place: RegisterPlace) -> None:
        self._patch.setenv(ADDRESS, place.dsn)
        self._patch.setenv(OWNER, place.owner_dsn)

    def back_up(self, target: Path) -> None:
        centre = load(self.folder / "centre.toml", self.data)
        origin = origin_of("Prueba")
        source = backing_up.Source(
            data=self.data, config={"centre.toml": self.folder / "centre.toml"}, origin=origin, program="1",
            key=open_checkpoint_key(self.data / "keys", origin=origin),
        )  # fmt: skip
        work = backing_up.Work(
            settle=lambda: True, copy_tables=lambda _folder: Tables("none", (), ()), now_ms=lambda: T_MS,
            copy_register=register_copy.copier(centre),
        )  # fmt: skip
        backing_up.back_up(source, target, lock=Recipient(bytes(OPERATOR.public_key)), work=work)

    def restore(self, source: Path, home: Path) -> restoring.Restored:
        work = restoring.Work(
            open_store=lambda fresh, _file: Store.open(f"chdb://{fresh / 'data' / 'store'}"),
            put_register=register_copy.put_back, blinding=lambda _folder: (), signer=NAME, public=None,
            has_expired=expired(T_MS),
        )  # fmt: skip
        return restoring.restore(source, home, key=Holder(bytes(OPERATOR)), work=work)


@pytest.fixture
def home(tmp_path: Path, register_place: RegisterPlace, monkeypatch: pytest.MonkeyPatch) -> Home:
    pytest.importorskip("chdb", reason="the embedded engine is not installed: pip install 'cior[embedded]'")
    return Home(tmp_path / "home", register_place, monkeypatch)


@pytest.fixture
def fresh(home: Home, register_place: RegisterPlace) -> Callable[[], None]:
    """Say where the restored register goes: on a server an empty database."""

    def elsewhere() -> None:
        if register_place.server is not None:
            made = register_place.server.fresh()
            home.address(
                RegisterPlace(
                    made.service_dsn,
                    made.owner_dsn,
                    made.deleter_dsn,
                    made.evidence_dsn,
                    register_place.server,
                )
            )

    return elsewhere


def _in_the_clear(folder: Path) -> list[str]:
    """Files of a backup in which somebody is named; SQLite and dumps keep texts as they are, or deflate them."""
    found = [path for path in folder.rglob("*") if path.is_file() and WHO.encode() in path.read_bytes()]
    return [path.name for path in found]


def test_nobody_is_named_in_the_clear_and_no_copy_is_left_beside_the_register(
    home: Home, tmp_path: Path
) -> None:
    home.back_up(tmp_path / "made")
    assert _in_the_clear(tmp_path / "made") == []
    assert (tmp_path / "made" / REGISTER_BOX).stat().st_size > 4_096
    assert not (tmp_path / "made" / "data" / "register").exists()
    assert not (home.data / "register" / register_box.COPYING).exists()


def test_the_register_comes_back_and_holds_against_its_chain_and_its_pages(
    home: Home, tmp_path: Path, fresh: Callable[[], None]
) -> None:
    home.back_up(tmp_path / "made")
    fresh()
    done = home.restore(tmp_path / "made", tmp_path / "again")
    # This centre never stored a signal, so of the store's own pages there is none.
    assert {each.code for each in done.findings if not each.is_note} == {"no_pages"}
    assert [each.arguments["entries"] for each in done.findings if each.code == "chain"] == [1]
    centre = load(tmp_path / "again" / "centre.toml", tmp_path / "again" / "data")
    register = Register.open(register_dsn(centre))
    try:
        assert [each.name for each in register.read_now(people.everybody)] == [WHO]
    finally:
        register.close()
    folder = tmp_path / "again" / "data" / "register"
    assert (folder / "journal" / "000001-0000.journal").read_text() == f"{WHO}\n"
    assert (folder / NAME).read_bytes() == (home.data / "register" / NAME).read_bytes()
    assert not list(folder.glob("register.copy*"))
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.rglob("*"))


def test_law_15_a_register_that_ends_below_its_pages_is_told_by_the_restore(
    home: Home, tmp_path: Path, fresh: Callable[[], None]
) -> None:
    """Its tail was cut before the backup: the copy verifies in itself, and its pages know more."""
    centre = load(home.folder / "centre.toml", home.data)
    register = Register.open(register_dsn(centre))
    entry = LedgerEntry(at_ms=T_MS, actor="p-1", act="alert.read", subject="a-1")
    register.submit(entry, lambda _connection: None).result(60)
    later = register.head
    register.close()
    home.back_up(tmp_path / "made")
    assert later is not None
    PageFile(ledger_place(centre)).append(
        heads=[type(later)(later.chain, later.seq + 3, "f" * 64)], sealed=(), at_ms=T_MS + 1
    )
    home.back_up(tmp_path / "cut")
    fresh()
    done = home.restore(tmp_path / "cut", tmp_path / "again")
    told = {(each.code, each.arguments["first"]) for each in done.findings if each.code == "tail_cut"}
    assert told == {("tail_cut", 3)}


def test_a_box_of_another_backup_another_key_and_a_box_in_the_other_ones_place_do_not_open(
    home: Home, tmp_path: Path
) -> None:
    home.back_up(tmp_path / "made")
    box, into = tmp_path / "made" / REGISTER_BOX, tmp_path / "into"
    key = Holder(bytes(OPERATOR))
    with pytest.raises(IntegrityBroken):
        register_box.unlock(box, into, key=key, name="another backup")
    with pytest.raises(CredentialsRefused):
        register_box.unlock(box, into, key=Holder(bytes(PrivateKey.generate())), name="x")
    with pytest.raises(IntegrityBroken):
        register_box.unlock(tmp_path / "made" / BOX, into, key=key, name="x")


@on_a_server
def test_a_register_that_holds_something_is_not_written_over(home: Home, tmp_path: Path) -> None:
    home.back_up(tmp_path / "made")
    with pytest.raises(ConfigInvalid, match=r"register\.not_empty"):
        home.restore(tmp_path / "made", tmp_path / "again")
    assert not (tmp_path / "again").exists()
    assert not (tmp_path / "again.unfinished").exists()


@on_a_server
def test_without_the_owners_address_a_servers_copy_waits_for_him(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.back_up(tmp_path / "made")
    monkeypatch.delenv(OWNER)
    done = home.restore(tmp_path / "made", tmp_path / "again")
    assert "register_waits" in {each.code for each in done.findings}
    assert (tmp_path / "again" / "data" / "register" / "register.copy.json").is_file()


def test_a_large_register_goes_through_the_box_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register_box, "_PIECE_BYTES", 1_000)
    content = os.urandom(3_500)
    lock, key = Recipient(bytes(OPERATOR.public_key)), Holder(bytes(OPERATOR))
    (tmp_path / "register").mkdir()
    (tmp_path / "register" / "empty").touch()
    register_box.lock_up(
        tmp_path / "box",
        tmp_path / "register",
        copy=lambda path: void(path.write_bytes(content)),
        lock=lock,
        name="n",
    )
    copy = register_box.unlock(tmp_path / "box", tmp_path / "out", key=key, name="n")
    assert copy is not None
    assert copy.read_bytes() == content
    assert (tmp_path / "out" / "empty").read_bytes() == b""


def void(_value: object) -> None:
    """Nothing."""
