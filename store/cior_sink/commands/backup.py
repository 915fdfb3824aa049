"""``cior backup`` and ``cior restore``: which files and stores they work on, said in Spanish or English."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path

import click

from cior_bus.centre import load
from cior_bus.checkpoint_key import NAME, open_checkpoint_key, origin_of
from cior_bus.keys import OWNER_ONLY
from cior_bus.settings import BusSettings
from cior_core import bundled
from cior_core.backup_manifest import Manifest, Tables
from cior_core.centre_file import EMBEDDED, Centre
from cior_core.errors import ConfigInvalid, SourceUnavailable
from cior_core.sentences import SentenceBook
from cior_sink import backing_up, copy_door, restoring
from cior_sink.commands.backup_locks import Keyed, holder_of, lock_of
from cior_sink.commands.verify_log import TAMPERED, blinding_keys, expired, given_public, tell
from cior_sink.log_check import Finding, shown
from cior_sink.register_copy import copier, put_back
from cior_sink.storing import GROUPS
from cior_store.engine import Store
from cior_store.table_copy import copy_tables

PATIENCE_S = 900.0
"""How long a server may take for one partition."""
_CONFIG_SUFFIXES = frozenset({".toml", ".geojson", ".pem", ".crt", ".key"})
_DEEPEST = 3
StreamGroups = Callable[[Centre, BusSettings], Mapping[str, tuple[str, ...]]]
"""What the stream workers of a centre read, by group: they are in a room beside this one."""
_Way = tuple[Callable[[], bool], Callable[[Path], Tables]]
"""How a store comes to rest, and how its tables are copied."""


class Voice:
    """Says sentences of the catalogue in one language."""

    def __init__(self, language: str) -> None:
        self._book = SentenceBook.load(bundled.text("backup.toml"), file="backup.toml")
        self._language = language

    def say(self, code: str, **arguments: object) -> None:
        """Print one."""
        click.echo(getattr(self._book.text(code, arguments), self._language))

    def step(self, name: str) -> None:
        """What is done now."""
        self.say(f"step_{name}")


def backup(
    target: Path,
    *,
    config: Path,
    data: Path | None,
    dsn: str | None,
    lock: Keyed,
    language: str,
    stream_groups: StreamGroups,
) -> int:
    """Back up a centre. 0: done; 1: done, but what was on its way may be missing."""
    os.umask(OWNER_ONLY)
    centre, voice, began_s = load(config, data), Voice(language), time.monotonic()
    if not (centre.data / "keys").is_dir():
        raise ConfigInvalid(
            "backup.no_centre",
            f"{centre.data} is no data folder of a centre",
            cure="give --data, or start it once",
        )
    locked_for, source = lock_of(lock), _source(centre)
    with ExitStack() as running, disk_faults("backup"):
        settled = partial(_settled, centre, stream_groups)
        work = _work(centre, _through(dsn or centre.store_dsn, centre, running, settled), voice)
        made = backing_up.back_up(source, target.absolute(), lock=locked_for, work=work)
    rows, megabytes, rows_s, megabytes_s = backing_up.told_sizes(made, took_s=time.monotonic() - began_s)
    voice.say(
        "done", name=target.name, rows=f"{rows:.0f}", megabytes=f"{megabytes:.1f}",
        took=f"{time.monotonic() - began_s:.1f}", rows_s=f"{rows_s:.0f}", megabytes_s=f"{megabytes_s:.1f}",
    )  # fmt: skip
    voice.say("holds", at=shown(made.begun_ms))
    _tell_left_out(source, made, voice)
    if not made.is_settled:
        voice.say("unsettled", at=shown(made.begun_ms))
    return 0 if made.is_settled else 1


@contextmanager
def disk_faults(what: str) -> Iterator[None]:
    """A full disk or a file of somebody else, said as such. Raises ``SourceUnavailable`` (``….files``)."""
    try:
        yield
    except OSError as error:
        name = Path(error.filename).name if isinstance(error.filename, str) else "the folder"
        raise SourceUnavailable(
            f"{what}.files",
            f"{name}: {error.strerror or type(error).__name__}; what was begun is deleted",
            cure="give the disk room, run it as the centre's own user, and repeat it",
        ) from error


def _tell_left_out(source: backing_up.Source, made: Manifest, voice: Voice) -> None:
    never = backing_up.never_taken(source)
    for path in never:
        voice.say("team_key", name=path.name)
    if not never:
        voice.say("no_team_key")
    for name in made.left_out:
        voice.say("left_out", name=name)


def _source(centre: Centre) -> backing_up.Source:
    origin = origin_of(centre.file.centre.name)
    config, left_out = config_files(centre)
    return backing_up.Source(
        data=centre.data,
        config=config,
        left_out=left_out,
        origin=origin,
        program=version("cior"),
        key=open_checkpoint_key(centre.data / "keys", origin=origin),
    )


def config_files(centre: Centre) -> tuple[dict[str, Path], tuple[str, ...]]:
    """The centre's files by name relative to the centre file, that one first; and those it names elsewhere."""
    root, file = centre.path.parent, centre.file
    named = [file.registry, *(each.file for each in file.connector), *(each.file for each in file.vision)]
    named += [each.file for each in file.recorder]
    detector = file.evidence.detector if file.evidence is not None else ""
    named += [name for name in (file.rules, file.centre.city, detector) if name]
    outside = [name for name in named if not centre.beside(name).resolve().is_relative_to(root)]
    found = {path.relative_to(root).as_posix(): path for path in _beside(root, centre.data)}
    for name in named:
        path = centre.beside(name).resolve()
        if path.is_file() and path.is_relative_to(root):
            found[path.relative_to(root).as_posix()] = path
    found.pop(centre.path.name, None)
    return {centre.path.name: centre.path, **dict(sorted(found.items()))}, tuple(sorted(outside))


def _beside(root: Path, data: Path) -> Iterator[Path]:
    for at, folders, names in os.walk(root):
        here = Path(at)
        deep = len(here.relative_to(root).parts)
        folders[:] = [
            name for name in folders if deep < _DEEPEST and here / name != data and not name.startswith(".")
        ]
        for name in names:
            path = here / name
            if path.suffix in _CONFIG_SUFFIXES and path.is_file() and not path.is_symlink():
                yield path


def _work(centre: Centre, way: _Way, voice: Voice) -> backing_up.Work:
    settle, copy = way
    return backing_up.Work(
        settle=settle, copy_tables=copy, now_ms=_now_ms, copy_register=copier(centre), tell=voice.step
    )


def _through(address: str, centre: Centre, running: ExitStack, settled: Callable[[], bool]) -> _Way:
    """An embedded store belongs to the process that runs, when one does: then that one copies it."""
    run = centre.data / "run"
    try:
        store = running.enter_context(Store.open(address, timeout_s=PATIENCE_S))
    except ConfigInvalid as error:
        if error.code != "store.owned_elsewhere":
            raise
        return (
            lambda: copy_door.ask_owner(run).is_settled,
            lambda folder: _by_owner(run, folder),
        )
    if store.dsn.embedded:
        return lambda: True, lambda folder: copy_tables(store, folder)
    return (
        settled,
        lambda folder: copy_tables(store, folder, settle=settled),
    )


def _by_owner(run: Path, folder: Path) -> Tables:
    tables = copy_door.ask_owner(run, to=str(folder)).tables
    assert tables is not None
    return tables


def _settled(centre: Centre, stream_groups: StreamGroups) -> bool:
    """On a server nobody says whether the centre runs: its topics do."""
    if centre.file.bus.dsn == EMBEDDED:
        return not any(copy_door.is_alive(pid) for pid in _announced(centre.data / "run"))
    bus = BusSettings.from_dsn(centre.file.bus.dsn, client_id="cior-backup")
    return copy_door.settle(bus, {**stream_groups(centre, bus), **GROUPS})


def _announced(run: Path) -> Iterator[int]:
    from cior_bus.readiness import facts

    for path in run.glob("*.ready"):
        if pid := facts(path).get("pid"):
            yield int(pid)


def restore(
    source: Path,
    *,
    to: Path,
    dsn: str | None,
    unlock: Keyed,
    public: str | None,
    checkpoints: Path | None,
    language: str,
) -> int:
    """Restore a backup into an empty home. 0: whole; 2: refused, or restored with something that does not verify."""
    os.umask(OWNER_ONLY)
    voice = Voice(language)
    work = restoring.Work(
        open_store=lambda home, file: _fresh_store(home, file, dsn),
        put_register=put_back,
        blinding=blinding_keys,
        signer=NAME,
        public=given_public(public) if public else None,
        has_expired=expired(_now_ms()),
        outside=checkpoints,
        tell=voice.step,
    )
    try:
        with disk_faults("restore"):
            done = restoring.restore(source.absolute(), to.absolute(), key=holder_of(unlock), work=work)
    except restoring.Refused as refused:
        for fault in refused.faults:
            told = {"path": fault.path, **({"other": fault.other} if fault.code == "moved" else {})}
            voice.say(fault.code, **told)
        raise
    return _told(done, voice, language)


def _fresh_store(home: Path, file: Path, dsn: str | None) -> Store:
    centre = load(file, home / backing_up.DATA)
    return Store.open(dsn or centre.store_dsn, timeout_s=PATIENCE_S)


def _told(done: restoring.Restored, voice: Voice, language: str) -> int:
    manifest = done.manifest
    told = {"name": manifest.backup, "origin": manifest.origin, "files": len(manifest.files)}
    if manifest.tables.first_ms:
        spans = {"first": shown(manifest.tables.first_ms), "last": shown(manifest.tables.last_ms)}
        voice.say("restored", rows=manifest.tables.rows, **spans, **told)
    else:
        voice.say("restored_empty", **told)
    media = [each for each in done.findings if each.code == "media_changed"]
    code = tell(_without(done.findings, media), language=language, say=click.echo)
    for changed in media:
        voice.say(changed.code, **changed.arguments)
    voice.say("blind_since", at=shown(manifest.begun_ms))
    for each in done.lost:
        voice.say("lost", count=each.count, chain=each.chain, at=shown(each.at_ms))
    if done.taken_out:
        voice.say("taken_out", count=done.taken_out)
    if done.waiting:
        voice.say("waiting", count=done.waiting)
    for name in manifest.left_out:
        voice.say("left_out", name=name)
    if not manifest.is_settled:
        voice.say("unsettled", at=shown(manifest.begun_ms))
    home = done.centre_file.parent
    if os.geteuid() == 0 and (owner := home.parent.stat().st_uid) != 0:
        voice.say("owner", home=home.name, owner=owner)
    voice.say("start", file=done.centre_file)
    return TAMPERED if media else code


def _without(findings: tuple[Finding, ...], taken: list[Finding]) -> list[Finding]:
    return [each for each in findings if each not in taken]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
