"""``cior backup`` and ``cior restore``: their options. The work is in :mod:`cior_sink.commands`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

_language = click.option(
    "--lang", "language", type=click.Choice(["es", "en"]), default="es", show_default=True
)
_passphrase_file = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with the passphrase; else CIOR_BACKUP_PASSPHRASE, else it is asked for.",
)


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Centre file.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Its data folder.")
@click.option("--store", "dsn", envvar="CIOR_STORE", help="The store, as a user that reads all of it.")
@_passphrase_file
@click.option("--recipient", help="Public key (X25519, base64) to lock for, or the file it is in.")
@_language
def backup(*, passphrase_file: Path | None, recipient: str | None, target: Path, **options: Any) -> None:
    """Copy a centre, running or stopped, into a new folder TARGET: store, media, keys (locked), spools, state."""
    from cior.stack import stream_groups
    from cior_sink.commands.backup import backup as run_backup
    from cior_sink.commands.backup_locks import Keyed

    lock = Keyed(passphrase_file=passphrase_file, key=recipient)
    sys.exit(run_backup(target, lock=lock, stream_groups=stream_groups, **options))


@click.command()
@click.argument("source", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--to", type=click.Path(path_type=Path), required=True, help="The new home: empty or not there."
)
@click.option("--store", "dsn", envvar="CIOR_STORE", help="An empty server; default: the centre file's.")
@_passphrase_file
@click.option("--private-key", help="File of the private key (X25519, base64) that the backup is locked for.")
@click.option("--key", "public", help="Public key of the checkpoints as it was handed out, or its file.")
@click.option(
    "--checkpoints",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of signed pages that was kept elsewhere: held against too, and it tells what came later.",
)
@_language
def restore(*, passphrase_file: Path | None, private_key: str | None, source: Path, **options: Any) -> None:
    """Restore a backup into an empty home and hold it against its chains. Exit 0: whole; 2: something is not."""
    from cior_sink.commands.backup import restore as run_restore
    from cior_sink.commands.backup_locks import Keyed

    sys.exit(run_restore(source, unlock=Keyed(passphrase_file=passphrase_file, key=private_key), **options))
