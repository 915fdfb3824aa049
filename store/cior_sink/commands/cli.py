"""``cior verify-log``: its words and options. What it does is loaded when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

_store_options = (
    click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Centre file."),
    click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Its data folder."),
    click.option(
        "--store", "dsn", envvar="CIOR_STORE", help="chdb://folder or clickhouse://user:pass@host:port"
    ),
)


def on_a_store(command: Any) -> Any:
    """The options that say which store."""
    for option in reversed(_store_options):
        command = option(command)
    return command


@click.command("verify-log")
@on_a_store
@click.option(
    "--checkpoints",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of checkpoints; default: the centre's. A copy that was kept elsewhere proves more.",
)
@click.option("--key", help="Public key of the checkpoints, or the file it is in, as it was handed out.")
@click.option("--lang", "language", type=click.Choice(["es", "en"]), default="es", show_default=True)
def verify_log_of(**options: Any) -> None:
    """Hold the store against its chains and checkpoints: what was changed, removed, inserted or moved. Exit 0 or 2."""
    from cior_sink.commands.verify_log import verify_log

    sys.exit(verify_log(**options))
