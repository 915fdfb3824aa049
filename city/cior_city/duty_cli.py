"""``cior duty``: its words and options. What it does is loaded when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click


@click.group()
def duty() -> None:
    """Who is on duty by the city's file: show it, check that nobody is missing."""


def _on_duty(command: Any) -> Any:
    for option in (
        click.option("--lang", "language", type=click.Choice(["es", "en"]), default="es", show_default=True),
        click.option(
            "--zone", default="America/Argentina/Cordoba", show_default=True, help="IANA time zone."
        ),
        click.option(
            "--directory", type=click.Path(path_type=Path, dir_okay=False), required=True, help="duty.toml"
        ),
    ):
        command = option(command)
    return command


@duty.command("show")
@_on_duty
def duty_show(**where: Any) -> None:
    """Every team now: who, their deputies, until when."""
    from cior_city import duty_command

    sys.exit(duty_command.show(duty_command.Desk(**where)))


@duty.command("check")
@_on_duty
@click.option(
    "--contacts", type=click.Path(path_type=Path, dir_okay=False), help="Whether all can be reached."
)
@click.option("--days", type=click.IntRange(1, 366), default=28, show_default=True, help="How far to look.")
@click.option("--rules", default="", help="Rule pack folder; default: the installed pack.")
def duty_check(*, contacts: Path | None, days: int, rules: str, **where: Any) -> None:
    """Times without anybody, teams that protocols tell of and nobody keeps. Exit 0, or 2 when something is missing."""
    from cior_city import duty_command

    sys.exit(duty_command.check(duty_command.Desk(**where), contacts=contacts, days=days, rules=rules))
