"""What a backup takes while others write: databases with their log, spools so that nothing falls between, keys without
those that open what is sealed.
"""

from __future__ import annotations

import base64
import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from nacl import pwhash
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from cior.cli import main
from cior_bus.keys import make_pair, open_keys
from cior_bus.segments import SegmentLog
from cior_bus.spool import Entry, Spool, SpoolClass
from cior_core.backup_manifest import BOX, Tables, read
from cior_core.errors import ConfigInvalid, CredentialsRefused, IntegrityBroken
from cior_sink import backup_box
from cior_sink.backing_up import Source, Work, back_up, never_taken
from cior_sink.backup_box import Holder, Passphrase, Recipient
from cior_sink.backup_files import NO_FILE, copy_file, copy_folder, digest_of
from cior_sink.backup_keys import key_files
from cior_sink.commands.backup_locks import Keyed, holder_of, lock_of

WORDS = Passphrase("cuatro palabras bien largas")


def press(number: int) -> Entry:
    return Entry(topic="cior.raw.v1", key=b"panel", value=f"press {number}".encode())


def test_a_database_that_is_open_is_copied_with_what_stands_in_its_log_only(tmp_path: Path) -> None:
    source = tmp_path / "state" / "marks.sqlite"
    source.parent.mkdir()
    writer = sqlite3.connect(source)
    writer.executescript("pragma journal_mode=wal; create table marks (n integer);")
    writer.execute("insert into marks values (7)")
    writer.commit()
    assert sqlite3.connect(f"file:{source}?immutable=1", uri=True).execute(
        "select count(*) from sqlite_master"
    ).fetchone() == (0,)
    copied = copy_folder(source.parent, tmp_path / "copy")
    writer.execute("insert into marks values (8)")
    writer.commit()
    assert set(copied) == {"marks.sqlite"}
    assert copied["marks.sqlite"] == digest_of(tmp_path / "copy" / "marks.sqlite")
    assert sqlite3.connect(tmp_path / "copy" / "marks.sqlite").execute("select n from marks").fetchall() == [
        (7,)
    ]
    writer.close()


def test_a_spool_in_use_is_copied_with_every_press_that_was_answered(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path / "spool" / "dc09")
    for number in range(3):
        spool.append(SpoolClass.LIFE_SAFETY, [press(number)]).result(timeout=10)
    copy_folder(tmp_path / "spool", tmp_path / "copy")
    spool.append(SpoolClass.LIFE_SAFETY, [press(3)]).result(timeout=10)
    spool.close()
    restored = Spool.open(tmp_path / "copy" / "dc09")
    try:
        waiting = restored.read(SpoolClass.LIFE_SAFETY)
    finally:
        restored.close()
    assert [each.entries[0].value for each in waiting] == [b"press 0", b"press 1", b"press 2"]


def test_law_1_a_record_drained_while_its_spool_is_copied_is_sent_again_and_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cursor is copied before the segments: what it passes meanwhile is in the copy, and comes again."""
    log = SegmentLog(tmp_path / "spool" / "life_safety", segment_bytes=1 << 20)
    for payload in (b"sent long ago", b"press"):
        log.append(payload, at_ms=1)
    log.advance(1)
    copied: list[str] = []

    def copy_and_drain(source: Path, target: Path) -> object:
        made = copy_file(source, target)
        copied.append(source.name)
        log.advance(2)
        return made

    monkeypatch.setattr("cior_sink.backup_files.copy_file", copy_and_drain)
    copy_folder(tmp_path / "spool", tmp_path / "copy")
    log.close()
    assert len(copied) == 2
    restored = SegmentLog(tmp_path / "copy" / "life_safety", segment_bytes=1 << 20)
    assert [payload for _, payload in restored.read(max_records=9, max_bytes=999)] == [b"press"]


def test_links_and_what_is_no_file_stay_behind(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "secret").write_text("elsewhere")
    (tmp_path / "state" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "state" / "folder").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "state" / "pipe")
    (tmp_path / "state" / "mark").write_text("1")
    assert set(copy_folder(tmp_path / "state", tmp_path / "copy")) == {"mark"}
    assert digest_of(tmp_path / "state" / "link") == NO_FILE


def test_law_17_the_teams_private_key_is_known_by_what_it_is_and_never_taken(tmp_path: Path) -> None:
    ring = open_keys(tmp_path / "keys", own_team=True)
    (tmp_path / "repair").mkdir()
    make_pair(tmp_path / "repair", "repair")  # its public half alone belongs here
    (tmp_path / "repair" / "repair.public").rename(tmp_path / "keys" / "repair.public")
    (tmp_path / "repair" / "repair.private").rename(tmp_path / "keys" / "decoder-key.txt")
    private = (tmp_path / "keys" / "team.private").read_bytes()
    (tmp_path / "keys" / "harmless.txt").write_bytes(base64.b64decode(private).hex().encode() + b"\n")
    (tmp_path / "keys" / "raw.bin").write_bytes(base64.b64decode(private))
    (tmp_path / "keys" / "team.private.old").write_bytes(base64.b64encode(bytes(PrivateKey.generate())))
    (tmp_path / "keys" / "console.signing").write_bytes(base64.b64encode(bytes(32)))
    found = key_files(tmp_path / "keys")
    assert {path.name for path in found.kept} == {
        "keys.json",
        "console.signing",
        "team.public",
        "repair.public",
    }
    assert {path.name for path in found.never} == {
        "team.private",
        "team.private.old",
        "harmless.txt",
        "raw.bin",
        "decoder-key.txt",
    }
    assert ring.keys.team_public in found.sealed_for


def centre_of(folder: Path) -> Source:
    """A centre whose team's private key somebody left in four places, under other names."""
    data = folder / "home" / "data"
    open_keys(data / "keys", own_team=True)
    private = (data / "keys" / "team.private").read_bytes()
    (data / "state" / "dc09").mkdir(parents=True)
    (data / "state" / "dc09" / "mark").write_bytes(b"7")
    (data / "state" / "dc09" / "old").write_bytes(base64.b64decode(private))
    (data / "notes").write_bytes(private + b"\n")
    (folder / "home" / "tls.key").write_bytes(private)
    (folder / "home" / "centre.toml").write_text("[centre]")
    return Source(
        data=data,
        config={name: folder / "home" / name for name in ("centre.toml", "tls.key")},
        origin="cior/prueba",
        program="0",
        key=SigningKey(bytes(32)),
    )


def work(copy_tables: Callable[[Path], Tables] = lambda _folder: Tables("26.9", (), ())) -> Work:
    return Work(settle=lambda: True, copy_tables=copy_tables, now_ms=lambda: 1_000)


def test_law_17_a_private_key_that_lies_anywhere_in_the_centre_is_named_and_not_taken(tmp_path: Path) -> None:
    source, private = centre_of(tmp_path), PrivateKey.generate()
    never = {path.relative_to(tmp_path / "home").as_posix() for path in never_taken(source)}
    assert never == {"data/keys/team.private", "data/state/dc09/old", "data/notes", "tls.key"}
    back_up(source, tmp_path / "made", lock=Recipient(bytes(private.public_key)), work=work())
    name = read((tmp_path / "made" / "manifest.json").read_bytes()).backup
    locked = dict(backup_box.read(tmp_path / "made" / BOX, key=Holder(bytes(private)), name=name))
    secret = (source.data / "keys" / "team.private").read_bytes()
    clear = [path.read_bytes() for path in (tmp_path / "made").rglob("*") if path.is_file()]
    assert not [
        each for each in (*locked.values(), *clear) if secret in each or base64.b64decode(secret) in each
    ]
    assert (tmp_path / "made" / "data" / "state" / "dc09" / "mark").read_bytes() == b"7"
    assert "config/centre.toml" in locked


def test_media_on_a_linked_disk_is_taken_and_any_other_link_is_said(tmp_path: Path) -> None:
    source, lock = centre_of(tmp_path), Recipient(bytes(PrivateKey.generate().public_key))
    (tmp_path / "disk" / "sha256").mkdir(parents=True)
    (tmp_path / "disk" / "sha256" / "clip").write_bytes(b"clip")
    (source.data / "media").symlink_to(tmp_path / "disk")
    (source.data / "elsewhere").symlink_to(tmp_path)
    (source.data / "passwd").symlink_to("/etc/passwd")
    made = back_up(source, tmp_path / "made", lock=lock, work=work())
    assert "data/media/sha256/clip" in made.files
    assert made.left_out == ("data/elsewhere", "data/passwd")
    assert not [name for name in made.files if "elsewhere" in name or "passwd" in name]


def test_a_backup_into_what_it_copies_and_a_restore_into_its_backup_are_refused(tmp_path: Path) -> None:
    source, lock = centre_of(tmp_path), Recipient(bytes(PrivateKey.generate().public_key))
    (tmp_path / "link").symlink_to(source.data)
    for target in (source.data / "made", tmp_path / "link" / "made"):
        with pytest.raises(ConfigInvalid, match=r"backup\.inside"):
            back_up(source, target, lock=lock, work=work())
    assert not list(source.data.glob("made*"))
    back_up(source, tmp_path / "made", lock=lock, work=work())
    told = CliRunner().invoke(
        main,
        ["restore", str(tmp_path / "made"), "--to", str(tmp_path / "made" / "home"), *passphrase(tmp_path)],
    )
    assert (told.exit_code, "restore.inside" in told.stderr) == (2, True)


def test_a_passphrase_or_private_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    words, private = tmp_path / "words", tmp_path / "private"
    words.write_text(WORDS.text)
    private.write_bytes(base64.b64encode(bytes(PrivateKey.generate())))
    for path in (words, private):
        path.chmod(0o640)
    with pytest.raises(ConfigInvalid, match="may be read by others"):
        lock_of(Keyed(passphrase_file=words))
    with pytest.raises(ConfigInvalid, match="may be read by others"):
        holder_of(Keyed(key=str(private)))
    for path in (words, private):
        path.chmod(0o600)
    assert lock_of(Keyed(passphrase_file=words)) == WORDS
    assert isinstance(holder_of(Keyed(key=str(private))), Holder)


def passphrase(folder: Path) -> list[str]:
    (folder / "words").write_text(WORDS.text)
    (folder / "words").chmod(0o600)
    return ["--passphrase-file", str(folder / "words")]


def test_a_backup_that_fails_leaves_nothing_there_and_the_next_one_has_its_name(tmp_path: Path) -> None:
    source, lock = centre_of(tmp_path), Recipient(bytes(PrivateKey.generate().public_key))

    def full(folder: Path) -> Tables:
        (folder / "half").write_bytes(b"x")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        back_up(source, tmp_path / "made", lock=lock, work=work(full))
    assert not list(tmp_path.glob("made*"))
    back_up(source, tmp_path / "made", lock=lock, work=work())
    assert (tmp_path / "made" / "manifest.json").is_file()


def test_the_box_opens_with_its_passphrase_and_with_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        pwhash.argon2id, "MEMLIMIT_MODERATE", pwhash.argon2id.MEMLIMIT_MIN
    )  # the real one takes 256 MB
    files = [("keys/keys.json", b"secret" * 1000), ("config/centre.toml", b"")]
    backup_box.write(tmp_path / "box", files, lock=WORDS, name="0011")
    content = (tmp_path / "box").read_bytes()
    assert b"secret" not in content
    assert (tmp_path / "box").stat().st_mode & 0o777 == 0o600
    assert list(backup_box.read(tmp_path / "box", key=WORDS, name="0011")) == files
    with pytest.raises(CredentialsRefused):
        list(backup_box.read(tmp_path / "box", key=Passphrase("otras palabras largas"), name="0011"))
    with pytest.raises(CredentialsRefused):
        list(backup_box.read(tmp_path / "box", key=Holder(bytes(PrivateKey.generate())), name="0011"))
    with pytest.raises(ConfigInvalid):
        Passphrase("corta").lock(bytes(32))


def test_a_box_for_a_public_key_opens_with_its_private_half_only(tmp_path: Path) -> None:
    private = PrivateKey.generate()
    lock = Recipient(bytes(private.public_key))
    backup_box.write(tmp_path / "box", [("a", b"1")], lock=lock, name="0011")
    assert list(backup_box.read(tmp_path / "box", key=Holder(bytes(private)), name="0011")) == [("a", b"1")]
    with pytest.raises(IntegrityBroken):
        list(backup_box.read(tmp_path / "box", key=Holder(bytes(private)), name="another"))
    for wrong in (WORDS, Holder(bytes(PrivateKey.generate()))):
        with pytest.raises(CredentialsRefused):
            list(backup_box.read(tmp_path / "box", key=wrong, name="0011"))


def test_a_box_that_was_cut_lengthened_or_changed_anywhere_does_not_open(tmp_path: Path) -> None:
    private = PrivateKey.generate()
    lock = Recipient(bytes(private.public_key))
    backup_box.write(tmp_path / "box", [("a", b"1" * 40), ("b", b"2" * 40)], lock=lock, name="0011")
    whole = (tmp_path / "box").read_bytes()
    cut = [whole[:n] for n in range(0, len(whole), 3)]
    changed = [whole[:n] + bytes([whole[n] ^ 1]) + whole[n + 1 :] for n in range(len(whole))]
    for data in (*cut, *changed, whole + b"x"):
        (tmp_path / "bad").write_bytes(data)
        with pytest.raises((IntegrityBroken, CredentialsRefused)):
            list(backup_box.read(tmp_path / "bad", key=Holder(bytes(private)), name="0011"))


def test_a_box_with_a_lock_that_would_cost_all_memory_is_refused_at_once(tmp_path: Path) -> None:
    lock = {"locked": b"x" * 72, "salt": b"s" * 16, "opslimit": 2**31, "memlimit": 2**40}
    packed = msgspec.msgpack.encode(lock)
    (tmp_path / "box").write_bytes(b"CIORBOX1" + len(packed).to_bytes(4, "big") + packed + bytes(24))
    with pytest.raises(CredentialsRefused):
        list(backup_box.read(tmp_path / "box", key=WORDS, name="0011"))
