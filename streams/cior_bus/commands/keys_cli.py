"""``cior keys``: its words and options. What it does is loaded when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click


@click.group()
def keys() -> None:
    """Keys: the response team's pair (on its own computer), new ones for old ones, what is lost with one."""


_language = click.option(
    "--lang", "language", type=click.Choice(["es", "en"]), default="es", show_default=True
)


def _on_keys(command: Any) -> Any:
    for option in (
        _language,
        click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Its data folder."),
        click.option(
            "--config", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Centre file."
        ),
    ):
        command = option(command)
    return command


def _keys_folder(config: Path, data: Path | None) -> Path:
    from cior_bus.centre import load

    return load(config, data).data / "keys"


@keys.command("team")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@_language
def keys_team(folder: Path, language: str) -> None:
    """Make the response team's key pair, on the team's own computer. The public half goes to the centre."""
    from cior_bus.commands.keys import make

    sys.exit(make(folder, language=language))


@keys.command("keeper")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@_language
def keys_keeper(folder: Path, language: str) -> None:
    """Make a second keeper's pair, on a computer that is kept offline: it opens what the team opens."""
    from cior_bus.commands.keys import make

    sys.exit(make(folder, language=language, role="keeper"))


@keys.command("repair")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@_language
def keys_repair(folder: Path, language: str) -> None:
    """Make the key pair of whoever mends decoders, on a computer of theirs: what nobody could read is for them too."""
    from cior_bus.commands.keys import make
    from cior_bus.public_key import REPAIR

    sys.exit(make(folder, language=language, role=REPAIR))


@keys.command("rotate")
@click.argument("what", type=click.Choice(["actions", "centre", "team", "wall"]))
@click.option("--public", type=click.Path(path_type=Path, dir_okay=False), help="The team's new team.public.")
@click.option("--stolen", is_flag=True, help="The old key is in wrong hands: it is honoured no longer.")
@_on_keys
def keys_rotate(*, what: str, public: Path | None, stolen: bool, language: str, **where: Any) -> None:
    """A new key for an old one: of signed actions, of pseudonyms (centre), of the team, of the wall."""
    from cior_bus.commands.keys import What, rotate

    folder = _keys_folder(**where)
    sys.exit(rotate(folder, What(what), public=public, stolen=stolen, language=language))


@keys.command("lost")
@click.argument("name", required=False)
@_on_keys
def keys_lost(*, name: str | None, language: str, **where: Any) -> None:
    """Say what is gone with a private key of the team that was lost, and who can still open what."""
    from cior_bus.commands.keys import lost

    sys.exit(lost(_keys_folder(**where), name, language=language))


@keys.command("list")
@_on_keys
def keys_list(*, language: str, **where: Any) -> None:
    """Every public key of this centre and its time."""
    from cior_bus.commands.keys import show

    sys.exit(show(_keys_folder(**where), language=language))
