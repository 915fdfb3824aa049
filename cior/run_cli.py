"""``cior run PART``: what the supervisor calls, one process each."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from cior.cli import configure_logs


def _part_options(command: Any) -> Any:
    for option in (
        click.option("--config", "config_file", type=click.Path(path_type=Path), required=True),
        click.option("--data", type=click.Path(path_type=Path), required=True),
        click.option("--bus", required=True, envvar="CIOR_BUS"),
        click.option("--store", required=True, envvar="CIOR_STORE"),
        click.option("--ready", type=click.Path(path_type=Path), required=True),
        click.option("--log-level", default="info"),
    ):
        command = option(command)
    return command


def _arguments(*, config_file: Path, data: Path, bus: str, store: str, ready: Path, log_level: str) -> Any:
    from cior.parts import PartArguments
    from cior_bus.centre import load

    configure_logs(log_level)
    return PartArguments(centre=load(config_file, data), bus_dsn=bus, store_dsn=store, ready=ready)


@click.group(hidden=True)
def run() -> None:
    """One part of a centre; the supervisor calls these."""
    from cior_bus.keys import OWNER_ONLY

    os.umask(OWNER_ONLY)


@run.command("sink")
@click.option("--with-console", is_flag=True, help="Serve the wall too: an embedded store has one owner.")
@_part_options
def run_sink_part(*, with_console: bool, **options: Any) -> None:
    """Topics to tables."""
    from cior.store_parts import run_sink

    sys.exit(run_sink(_arguments(**options), with_console=with_console))


@run.command("console")
@_part_options
def run_console_part(**options: Any) -> None:
    """The wall."""
    from cior.store_parts import run_console

    sys.exit(run_console(_arguments(**options)))


@run.command("streams")
@click.option("--role", type=click.Choice(["urgent", "bulk"]), required=True)
@_part_options
def run_streams_part(role: str, **options: Any) -> None:
    """A Faust worker."""
    from cior.parts import run_streams

    sys.exit(run_streams(_arguments(**options), role))


@run.command("connectors")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--family", required=True)
@_part_options
def run_connectors_part(files: tuple[Path, ...], family: str, **options: Any) -> None:
    """All instances of one connector kind."""
    from cior.parts import run_connectors

    sys.exit(run_connectors(_arguments(**options), files, family))


@run.command("vision")
@click.argument("settings_file", type=click.Path(path_type=Path))
@_part_options
def run_vision_part(settings_file: Path, **options: Any) -> None:
    """One vision worker."""
    from cior.parts import run_vision

    sys.exit(run_vision(_arguments(**options), settings_file))


@run.command("evidence")
@_part_options
def run_evidence_part(**options: Any) -> None:
    """Packages that custodians ordered: built and sealed."""
    from cior.evidence_part import run_evidence

    sys.exit(run_evidence(_arguments(**options)))


@run.command("recorder")
@click.argument("settings_file", type=click.Path(path_type=Path))
@_part_options
def run_recorder_part(settings_file: Path, **options: Any) -> None:
    """One recorder."""
    from cior.recorder_part import run_recorder

    sys.exit(run_recorder(_arguments(**options), settings_file))
