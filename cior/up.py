"""``cior up``: a centre on this machine, until it is told to stop."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import click

from cior.stack import Stack
from cior.supervisor import PartState
from cior_bus.centre import instance_kinds, load
from cior_bus.commands.keys import key_sentences
from cior_bus.keys import OWNER_ONLY, KeyRing, open_keys, refuse_team_private
from cior_bus.recipients import note_recipients
from cior_city.city_of_centre import load_cameras, load_city
from cior_console.first_people import FirstAccount, first_people
from cior_core.centre_file import Centre
from cior_core.errors import ConfigInvalid
from cior_register.place import refuse_wrong_address


def up(config: Path, data: Path | None) -> int:
    """Start, tell where the wall is, watch, stop cleanly on SIGINT or SIGTERM."""
    from cior.figures import centre_facts

    centre = load(config, data)
    # What is wrong is refused before anything runs, not when a part starts again at night.
    centre_facts(centre)
    refuse_unknown(centre)
    refuse_wrong_address(centre)
    os.umask(OWNER_ONLY)
    centre.data.mkdir(parents=True, exist_ok=True)
    trial = centre.file.centre.test_mode
    ring = open_keys(centre.data / "keys", own_team=trial)
    if not trial:
        refuse_team_private(ring)
    note_recipients(ring.file.parent, ring.keys.team_public, now_ms=time.time_ns() // 1_000_000)
    accounts = first_people(centre)
    stack = Stack(centre, ring.keys)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        stack.start(lambda text: click.echo(f"starting {text} ..."))
        tell_keys(ring)
        tell_accounts(accounts)
        click.echo(f"wall: {told_wall(stack, ring)}")
        click.echo(f"console: {stack.console_address}")
        watch(stack, stop)
    finally:
        click.echo("stopping ...")
        stack.stop()
    return 0


def refuse_unknown(centre: Centre) -> None:
    """Devices that nobody can read, connectors that nobody installed.

    Raises ``ConfigInvalid`` (``registry.missing``, ``connector.unknown`` and what their files say), one line.
    """
    from cior_connectors import registry
    from cior_connectors._runtime.settings import read_registry

    devices = centre.beside(centre.file.registry)
    if not devices.exists():
        raise ConfigInvalid(
            "registry.missing",
            f"there is no device registry {centre.file.registry} beside {centre.path.name}",
            cure="write it (cior/README.md; an empty file is a registry without devices), or name it: registry = ...",
        )
    read_registry(devices, load_cameras(centre, load_city(centre)))
    for kind in instance_kinds(centre):
        registry.load(kind)


def tell_keys(ring: KeyRing) -> None:
    """What was made at first start, said once; later, where it is. A trial that holds the team's private key says so
    each time.
    """
    if not ring.fresh:
        click.echo(f"keys: in {ring.file} (readable by its owner only); told at the first start, not again")
    else:
        click.echo(
            "keys made for this installation (told once; kept in the data folder, readable by its owner only):"
        )
        click.echo(f"  wall token          {ring.keys.wall_token}")
        click.echo(f"  Traccar secret      {ring.keys.traccar_secret}")
        click.echo(f"  DC-09 default key   {ring.keys.dc09_key}")
    if ring.team_private_file is not None:
        text = key_sentences().text("own_team", {"private": ring.team_private_file})
        click.echo(f"{text.es} / {text.en}")


def tell_accounts(accounts: Sequence[FirstAccount]) -> None:
    """A trial's first accounts, once. The second factor is made at the first sign-in."""
    if accounts:
        click.echo(
            "accounts of this trial (told once; a telephone's code or a passkey is made at the first sign-in):"
        )
    for each in accounts:
        click.echo(f"  {each.login:<12} {each.password}   {each.role.value}")


def told_wall(stack: Stack, ring: KeyRing) -> str:
    """The wall's address; with its token at the first start only."""
    return stack.wall_url if ring.fresh else f"{stack.wall_address} (its token: wall_token in {ring.file})"


def watch(stack: Stack, stop: threading.Event) -> None:
    """Until ``stop``, say when a part leaves or comes back."""
    last: dict[str, PartState] = {}
    while not stop.wait(0.5):
        for name, (state, _pid, restarts) in stack.supervisor.status().items():
            if last.get(name, PartState.READY) is not state:
                click.echo(f"{name}: {state.value} (restarts: {restarts})")
            last[name] = state
