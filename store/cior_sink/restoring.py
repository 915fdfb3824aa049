"""A backup back into a centre: an empty home, everything checked before and held against its chains after.

The home grows as ``<name>.unfinished`` and gets its name last. A backup that is not whole, or not what its signed
manifest says, is refused before anything is written.
"""

from __future__ import annotations

import base64
import binascii
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path, PurePosixPath

import structlog
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from cior_bus import durable_file
from cior_core import backup_manifest, checkpoint
from cior_core.backup_manifest import BOX, MANIFEST, NOTE, REGISTER_BOX, Fault, FileOf, Manifest
from cior_core.errors import CapacityExhausted, ConfigInvalid, IntegrityBroken, PayloadRejected
from cior_core.integrity import unsafe_path
from cior_core.model import Struct
from cior_sink import backup_box, backup_files, register_box
from cior_sink.backing_up import CHECKPOINTS, CONFIG, DATA, KEYS, MEDIA, REGISTER, SPOOL, UNFINISHED
from cior_sink.backup_box import Holder, Passphrase
from cior_sink.log_check import Finding
from cior_sink.restore_check import Lost, Witness, changed_media, findings, lost, waiting_in
from cior_store import table_copy
from cior_store.engine import Store
from cior_store.halves import take_out
from cior_store.migrate import bundled, history, migrate

_SKEW_MS = 5_000
"""How far the clocks of a centre's machines may be apart: a signal that came during the backup may look older."""
log = structlog.get_logger("cior_sink.restoring")


class Refused(IntegrityBroken):
    """The backup is not what its manifest says: each fault is named."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(
            "backup.refused",
            f"{len(faults)} files of the backup are not as its manifest says",
            cure="take another copy of this backup, or an older one; nothing was restored",
        )
        self.faults = faults


class Work(Struct, frozen=True, kw_only=True):
    """What of a restore depends on who runs. ``open_store``: the store of a home whose files stand at the path given,
    with its centre file; ``signer``: the file of the key that signed; ``public``: the key as it was handed out, None:
    only the one in the backup is known; ``blinding``: the centre's HMAC keys of a home; ``outside``: signed pages that
    were kept away from the centre and its backups; ``put_register``: brings the register back from its copy (home,
    centre file, copy) and says what its check found.
    """

    open_store: Callable[[Path, Path], AbstractContextManager[Store]]
    put_register: Callable[[Path, Path, Path], Sequence[Finding]]
    blinding: Callable[[Path], tuple[bytes, ...]]
    signer: str
    public: bytes | None
    has_expired: Callable[[str, int], bool]
    outside: Path | None = None
    tell: Callable[[str], None] = lambda _step: None


class Restored(Struct, frozen=True, kw_only=True):
    """What was restored, where its centre file is, and what the check of the chains found. ``taken_out``: signals that
    came during the backup, were in it in part and were not restored; ``waiting``: raw records that wait in spools and
    are stored at the start; ``lost``: what pages kept elsewhere have beyond the backup.
    """

    manifest: Manifest
    centre_file: Path
    findings: tuple[Finding, ...]
    taken_out: int
    waiting: int
    lost: tuple[Lost, ...]


def restore(backup: Path, home: Path, *, key: Passphrase | Holder, work: Work) -> Restored:
    """Restore into ``home``, which is not there or an empty folder. What fails leaves nothing of it there.

    Raises ``Refused`` or ``IntegrityBroken`` (the backup), ``CredentialsRefused`` (its lock), ``ConfigInvalid`` (the
    home or the store is not empty), ``CapacityExhausted`` (no room).
    """
    _refuse_full(home)
    if home.resolve().is_relative_to(backup.resolve()):
        raise ConfigInvalid("restore.inside", "the new home lies in the backup", cure="name another folder")
    work.tell("check")
    manifest, files = proven(backup)
    locked = dict(backup_box.read(backup / BOX, key=key, name=manifest.backup))
    public = _signed_by(backup, manifest, locked, work)
    _refuse_small(home, manifest)
    with ExitStack() as undo:
        fresh = _begun(home)
        undo.callback(shutil.rmtree, fresh, ignore_errors=True)
        work.tell("files")
        centre_name = _unlocked(fresh, locked)
        _copy_data(backup, fresh, manifest)
        waiting = waiting_in(fresh / DATA / SPOOL)
        witness = Witness(
            inside=fresh / DATA / CHECKPOINTS,
            public=public,
            blinding=work.blinding(fresh / DATA / "keys"),
            has_expired=work.has_expired,
            outside=work.outside,
        )
        work.tell("tables")
        with work.open_store(fresh, fresh / centre_name) as store:
            _load(store, backup, manifest)
            taken_out = take_out(store, since_ms=manifest.begun_ms - _SKEW_MS, waiting=waiting)
            work.tell("verify")
            found = [
                *findings(store, witness, manifest, waiting),
                *changed_media(files, f"{DATA}/{MEDIA}"),
            ]
            beyond = lost(store, witness)
        found += _register(backup, fresh, fresh / centre_name, manifest, key=key, work=work)
        os.sync()  # the engine leaves its files to the kernel
        if home.is_dir():
            home.rmdir()
        fresh.rename(home)
        undo.pop_all()
    durable_file.sync_folder(home.parent)
    return Restored(
        manifest=manifest,
        centre_file=home / centre_name,
        findings=tuple(found),
        taken_out=taken_out,
        waiting=sum(len(each) for each in waiting.values()),
        lost=beyond,
    )


def _register(
    backup: Path, fresh: Path, centre_file: Path, manifest: Manifest, *, key: Passphrase | Holder, work: Work
) -> Sequence[Finding]:
    """Last: on a server it is the one thing that a refused restore could leave behind."""
    if REGISTER_BOX not in manifest.files:
        return ()
    work.tell("register")
    folder = fresh / DATA / REGISTER
    copy = register_box.unlock(backup / REGISTER_BOX, folder, key=key, name=manifest.backup)
    return () if copy is None else work.put_register(fresh, centre_file, copy)


def proven(backup: Path) -> tuple[Manifest, Mapping[str, FileOf]]:
    """The manifest of a backup and its files, each read whole and as the manifest says. Raises ``Refused``."""
    if not (backup / MANIFEST).is_file() or backup.name.endswith(UNFINISHED):
        raise IntegrityBroken(
            "backup.unfinished",
            f"{backup.name} is no finished backup: it was interrupted, still runs, or its manifest was taken away",
            cure="use one that was finished",
        )
    try:
        manifest = backup_manifest.read((backup / MANIFEST).read_bytes())
    except PayloadRejected as error:
        raise IntegrityBroken(error.code, error.sentence, cure="take another copy of this backup") from error
    names = (name for name in backup_files.all_files(backup) if name not in {MANIFEST, NOTE})
    files = {PurePosixPath(name).as_posix(): backup_files.digest_of(backup / name) for name in names}
    if faults := backup_manifest.faults(manifest, files):
        raise Refused(faults)
    return manifest, files


def _signed_by(backup: Path, manifest: Manifest, locked: Mapping[str, bytes], work: Work) -> bytes:
    """The public key under which the manifest is signed. The box proves the key: who cannot open it cannot have put
    another one there (with a passphrase; a box for a public key anybody could have made, so then hand the key over).
    """
    try:
        own = bytes(SigningKey(base64.b64decode(locked[KEYS + work.signer])).verify_key)
    except (KeyError, ValueError, binascii.Error):
        raise _unsigned("the key that signs is not in it") from None
    if work.public is not None and work.public != own:
        raise _unsigned("it was signed with another key than the one that was handed out")
    try:
        note = checkpoint.read_note((backup / NOTE).read_text(encoding="utf-8"))
        VerifyKey(own).verify(note.text.encode(), note.signature)
    except (OSError, ValueError, PayloadRejected, BadSignatureError):
        raise _unsigned("its signature is missing or wrong") from None
    over = [backup_manifest.leaf(backup_manifest.encode(manifest))]
    said = checkpoint.text_of(f"{manifest.origin}/backup", over, at_ms=note.at_ms)
    if note.text != said:
        raise _unsigned("its signature belongs to another backup")
    return own


def _unsigned(why: str) -> IntegrityBroken:
    return IntegrityBroken(
        "backup.signature", f"the manifest is not proven: {why}", cure="take another copy of this backup"
    )


def _refuse_full(home: Path) -> None:
    if home.is_symlink() or (home.exists() and (not home.is_dir() or any(home.iterdir()))):
        raise ConfigInvalid(
            "restore.not_empty",
            f"{home.name} is not empty: a restore writes over nothing",
            cure="name a folder that is not there, or an empty one; move the old centre aside, do not delete it",
        )


def _refuse_small(home: Path, manifest: Manifest) -> None:
    """Before anything is written: a disk that fills up in the middle costs an hour at the worst time."""
    there = next(path for path in (home, *home.parents) if path.is_dir())
    if (free := shutil.disk_usage(there).free) < manifest.size_bytes:
        raise CapacityExhausted(
            "restore.no_room",
            f"the backup has {manifest.size_bytes / 1e6:.0f} MB, the disk has {free / 1e6:.0f} MB free",
            cure="name a home on a larger disk",
        )


def _begun(home: Path) -> Path:
    fresh = home.with_name(home.name + UNFINISHED)
    home.parent.mkdir(parents=True, exist_ok=True)
    try:
        fresh.mkdir(mode=0o700)
    except FileExistsError:
        raise ConfigInvalid(
            "restore.unfinished_there",
            f"{fresh.name} is there: a restore was begun and killed, or still runs",
            cure="when none runs, delete it and restore again; the backup is untouched",
        ) from None
    return fresh


def _unlocked(fresh: Path, locked: Mapping[str, bytes]) -> str:
    """Write keys and configuration; the centre file's name."""
    names = [name.removeprefix(CONFIG) for name in locked if name.startswith(CONFIG)]
    for name, content in locked.items():
        if unsafe_path(name):
            raise Refused((Fault("unsafe", name),))
        below = f"{DATA}/{name}" if name.startswith(KEYS) else name.removeprefix(CONFIG)
        (fresh / below).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        durable_file.create(fresh / below, content)
    if not names:
        raise IntegrityBroken("backup.no_centre", "the backup has no centre file", cure="take another backup")
    return names[0]


def _copy_data(backup: Path, fresh: Path, manifest: Manifest) -> None:
    (fresh / DATA).mkdir(exist_ok=True, mode=0o700)
    for name, wanted in manifest.files.items():
        if name.startswith(f"{DATA}/") and backup_files.copy_proven(backup / name, fresh / name) != wanted:
            raise Refused((Fault("altered", name),))
    for at, _, _ in os.walk(fresh, topdown=False):
        durable_file.sync_folder(Path(at))


def _load(store: Store, backup: Path, manifest: Manifest) -> None:
    """The schema that the store had, its rows, then what this program's schema is ahead."""
    told = manifest.tables.schema
    known = bundled()[: len(told)]
    if [(each.version, each.sha256) for each in told] != [(each.version, each.sha256) for each in known]:
        raise ConfigInvalid(
            "restore.schema",
            f"the backup's schema has {len(told)} migrations that are not this program's",
            cure=f"use the version of CIOR that made it ({manifest.program}) or a newer one",
        )
    if not table_copy.is_empty(store) or len(history(store)) > len(known):
        raise ConfigInvalid(
            "restore.store_not_empty",
            "the store has rows or a newer schema: a restore writes over nothing",
            cure="give an empty server, or drop its databases of CIOR after keeping a copy",
        )
    migrate(store, known)
    names = sorted({each.table for each in manifest.tables.portions})
    with table_copy.loading(store, names):
        for portion in manifest.tables.portions:
            table_copy.copy_in(store, portion, backup / portion.file)
            log.info("portion_restored", table=portion.table, rows=portion.rows)
    migrate(store)
