"""One backup of a centre: a folder that has its name only when it is whole.

It grows as ``<name>.unfinished``; the manifest is its last file, and the new name its last act, so what a kill leaves
is recognisably none. The order makes it consistent while the centre runs:

1. keys and configuration, locked; 2. connectors' state (marks move only after their records are durable);
3. spools; 4. wait until what had left them is in the store; 5. signed checkpoints (all they name is stored);
6. raw records, then, once what they became is stored, the other tables; 7. media (stored before the rows that name
them); 8. the register, locked: last, so that it holds every entry that a page or the ledger's copy names.

So a signal that was acknowledged before the backup began is in a spool, in a table or in both. One that came during it
is in it whole, or a restore takes out what there is of it (:mod:`cior_store.halves`). Not taken: logs,
addresses of running parts, local tables of the stream workers (each start reads its changelog), and the state of the
receipt chains: a restored connector begins a new chain, because the old one went on elsewhere after the backup.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from nacl.signing import SigningKey

from cior_bus import durable_file
from cior_core import backup_manifest, checkpoint
from cior_core.backup_manifest import BOX, FORMAT, MANIFEST, NOTE, REGISTER_BOX, FileOf, Manifest, Tables
from cior_core.chain import Head
from cior_core.errors import ConfigInvalid
from cior_core.model import Struct
from cior_sink import backup_box, backup_files, register_box
from cior_sink.backup_box import Passphrase, Recipient
from cior_sink.backup_keys import halves_below, key_files, opens_sealed
from cior_sink.checkpoints import pages

DATA, TABLES = "data", "tables"
"""Folders of a backup: what lay in the data folder, and the store."""
CONFIG, KEYS = "config/", "keys/"
"""First parts of names in the locked box."""
SPOOL, CHECKPOINTS, MEDIA, REGISTER = "spool", "checkpoints", "media", "register"
_ELSEWHERE = frozenset({"keys", "store", SPOOL, CHECKPOINTS, MEDIA, REGISTER})
_NOT_TAKEN = frozenset({"log", "run", "streams"})
_MAY_BE_LINKED = frozenset({SPOOL, CHECKPOINTS, MEDIA})
"""Folders that people put on another disk and link; any other link is left out, and said."""
UNFINISHED = ".unfinished"


class Source(Struct, frozen=True, kw_only=True):
    """A centre to back up. ``config``: its files by name relative to the centre file, which is the first one;
    ``left_out``: those that lie elsewhere. ``key`` signs (the key of the checkpoints).
    """

    data: Path
    config: Mapping[str, Path]
    origin: str
    program: str
    key: SigningKey
    left_out: tuple[str, ...] = ()


class Work(Struct, frozen=True, kw_only=True):
    """What of a backup depends on who runs: ``settle`` waits and tells whether all that had left the spools is stored,
    ``copy_tables`` fills a folder that is there and empty, ``copy_register`` writes the register's copy at a path;
    None: this centre has no register.
    """

    settle: Callable[[], bool]
    copy_tables: Callable[[Path], Tables]
    now_ms: Callable[[], int]
    copy_register: Callable[[Path], None] | None = None
    tell: Callable[[str], None] = lambda _step: None


def back_up(source: Source, target: Path, *, lock: Passphrase | Recipient, work: Work) -> Manifest:
    """Make a backup at ``target``, which is not there. Raises ``ConfigInvalid`` when it is, or when one that was begun
    and not finished is; ``OSError`` (a full disk) passes through. What fails leaves nothing there.
    """
    begun_ms, name = work.now_ms(), secrets.token_hex(8)
    if target.resolve().is_relative_to(source.data.resolve()):
        raise ConfigInvalid(
            "backup.inside", "a backup cannot lie in the folder that it copies", cure="name another disk"
        )
    with ExitStack() as undo:
        folder = _begun(target)
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        never = frozenset(never_taken(source))
        work.tell("secrets")
        backup_box.write(folder / BOX, _secrets(source, never), lock=lock, name=name)
        files = {BOX: backup_files.digest_of(folder / BOX)}
        work.tell("state")
        for top in (*_tops(source.data), SPOOL):
            files |= _copied(source.data, folder, top, never)
        work.tell("settle")
        is_settled = work.settle()
        files |= _copied(source.data, folder, CHECKPOINTS, never)
        work.tell("tables")
        (folder / TABLES).mkdir(mode=0o700)
        tables = work.copy_tables(folder / TABLES)
        for each in tables.portions:
            backup_files.sync(folder / each.file)
            files[each.file] = backup_files.digest_of(folder / each.file)
        work.tell("media")
        files |= _copied(source.data, folder, MEDIA, never)
        if work.copy_register is not None:
            work.tell("register")
            files[REGISTER_BOX] = register_box.lock_up(
                folder / REGISTER_BOX, source.data / REGISTER, copy=work.copy_register, lock=lock, name=name
            )
        manifest = Manifest(
            format=FORMAT,
            backup=name,
            origin=source.origin,
            program=source.program,
            begun_ms=begun_ms,
            ended_ms=work.now_ms(),
            is_settled=is_settled and tables.is_whole,
            tables=tables,
            files=files,
            heads=_heads(folder / DATA / CHECKPOINTS),
            left_out=(*source.left_out, *_linked(source.data)),
        )
        _finish(folder, target, manifest, source)
        undo.pop_all()
    return manifest


def never_taken(source: Source) -> tuple[Path, ...]:
    """What opens sealed content, wherever in the centre's folders it lies. Told, so that it goes away from there."""
    found = key_files(source.data / "keys")
    tops = (source.data / top for top in (*_tops(source.data), REGISTER))
    beside = [
        path
        for path in source.config.values()
        if path.suffix != ".toml" and opens_sealed(path, found.sealed_for)
    ]
    return (*found.never, *halves_below(tops, found.sealed_for), *beside)


def _begun(target: Path) -> Path:
    folder = target.with_name(target.name + UNFINISHED)
    if target.exists() or target.is_symlink():
        raise ConfigInvalid(
            "backup.there", f"{target.name} is there already", cure="name a folder that is not there"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        raise ConfigInvalid(
            "backup.unfinished_there",
            f"{folder.name} is there: a backup of that name was begun and not finished, or still runs",
            cure="when none runs, delete it; it is of no use",
        ) from None
    return folder


def _secrets(source: Source, never: Collection[Path]) -> Iterator[tuple[str, bytes]]:
    folder = source.data / "keys"
    for path in key_files(folder).kept:
        yield KEYS + path.relative_to(folder).as_posix(), path.read_bytes()
    for name, path in source.config.items():
        if path not in never:
            yield CONFIG + name, path.read_bytes()


def _tops(data: Path) -> list[str]:
    """Whatever a part keeps in the data folder, known here or not: what nobody thought of is not left behind."""
    names = sorted(path.name for path in data.iterdir()) if data.is_dir() else []
    return [name for name in names if name not in _ELSEWHERE | _NOT_TAKEN]


def _linked(data: Path) -> Iterator[str]:
    for top in _tops(data):
        if (data / top).is_symlink():
            yield f"{DATA}/{top}"


def _copied(data: Path, folder: Path, top: str, never: Collection[Path]) -> dict[str, FileOf]:
    """A folder or file of the data folder; its digests by path in the backup."""
    source, target, prefix = data / top, folder / DATA / top, f"{DATA}/{top}"
    if source.is_dir() and (top in _MAY_BE_LINKED or not source.is_symlink()):
        made = backup_files.copy_folder(
            source, target, without=lambda name: _is_chain_state(name) or source / name in never
        )
        return {f"{prefix}/{name}": file for name, file in made.items()}
    is_taken = source.is_file() and not source.is_symlink() and source not in never
    one = backup_files.copy_file(source, target) if is_taken else None
    return {} if one is None else {prefix: one}


def _is_chain_state(name: Path) -> bool:
    return "chains" in name.parts[:-1]


def _heads(folder: Path) -> tuple[Head, ...]:
    newest = None
    for page in pages(folder):
        newest = page or newest
    return () if newest is None else newest.heads


def _finish(folder: Path, target: Path, manifest: Manifest, source: Source) -> None:
    data = backup_manifest.encode(manifest)
    over = [backup_manifest.leaf(data)]
    text = checkpoint.text_of(f"{source.origin}/backup", over, at_ms=manifest.ended_ms)
    note = checkpoint.signed(
        text,
        name=source.origin,
        public=bytes(source.key.verify_key),
        signature=source.key.sign(text.encode()).signature,
    )
    durable_file.replace(folder / NOTE, note.encode())
    _sync_folders(folder)
    durable_file.replace(folder / MANIFEST, data)
    durable_file.sync_folder(folder)
    folder.rename(target)
    durable_file.sync_folder(target.parent)


def _sync_folders(folder: Path) -> None:
    for at, _, _ in os.walk(folder, topdown=False):
        durable_file.sync_folder(Path(at))


def told_sizes(manifest: Manifest, *, took_s: float) -> Sequence[float]:
    """Rows, megabytes, and both a second."""
    megabytes = manifest.size_bytes / 1e6
    took_s = max(took_s, 1e-3)
    return manifest.tables.rows, megabytes, manifest.tables.rows / took_s, megabytes / took_s
