"""The register in a backup: people, sessions and the ledger name everybody who works here, so they are locked like the
keys (:mod:`cior_sink.backup_box`), in a box of their own, since a ledger outgrows a message.

The register's own copy (``cior register backup``) and what lies beside it in its folder: the journal, the key of its
pages. In the clear it exists only in the register's folder, where the register itself is, while it is made.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cior_bus import durable_file
from cior_core.backup_manifest import FileOf
from cior_core.errors import IntegrityBroken
from cior_core.integrity import unsafe_path
from cior_sink import backup_box, backup_files
from cior_sink.backup_box import Holder, Passphrase, Recipient

COPY, BESIDE = "register.copy", "beside"
"""In the box: the copy, with its facts in ``register.copy.json``; and what lay in the register's folder."""
COPYING = "copying"
_PIECE_BYTES = 8 * 1_048_576
_DATABASE = "register.db"


def lock_up(
    path: Path, folder: Path, *, copy: Callable[[Path], None], lock: Passphrase | Recipient, name: str
) -> FileOf:
    """Lock what ``copy`` makes at the path that it is given, and what lies in ``folder``, into ``path``."""
    with _plain(folder) as plain:
        # The journal first: what the register takes in meanwhile is in its copy, and is taken in once.
        backup_files.copy_folder(folder, plain / BESIDE, without=_is_database)
        copy(plain / COPY)
        backup_box.write(path, _pieces(plain), lock=lock, name=_bound(name))
    return backup_files.digest_of(path)


def unlock(path: Path, folder: Path, *, key: Passphrase | Holder, name: str) -> Path | None:
    """What lay in the register's folder, into ``folder``; where the register's copy lies there, if there is one.

    Raises ``CredentialsRefused`` or ``IntegrityBroken`` (``backup.box``).
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for below, piece in backup_box.read(path, key=key, name=_bound(name)):
        if unsafe_path(below):
            raise IntegrityBroken(
                "backup.box", "a name in the register's box leads elsewhere", cure="take another backup"
            )
        target = folder / below.removeprefix(f"{BESIDE}/")
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as file:
            file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    durable_file.sync_folder(folder)
    return folder / COPY if (folder / COPY).is_file() else None


@contextmanager
def _plain(folder: Path) -> Iterator[Path]:
    """A folder for the copy in the clear, gone at the end; one that a kill left is deleted first."""
    plain = folder / COPYING
    shutil.rmtree(plain, ignore_errors=True)
    plain.mkdir(parents=True, mode=0o700)
    try:
        yield plain
    finally:
        shutil.rmtree(plain, ignore_errors=True)


def _is_database(name: Path) -> bool:
    return name.parts[0] == COPYING or (len(name.parts) == 1 and name.name.startswith(_DATABASE))


def _pieces(plain: Path) -> Iterator[tuple[str, bytes]]:
    for name in backup_files.all_files(plain):
        with (plain / name).open("rb") as file:
            piece = file.read(_PIECE_BYTES)
            while True:
                yield Path(name).as_posix(), piece
                if not (piece := file.read(_PIECE_BYTES)):
                    break


def _bound(name: str) -> str:
    """Another box than that of the keys: neither opens in the other's place."""
    return f"{name}/register"
