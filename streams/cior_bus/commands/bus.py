"""``cior bus``: keys for a broker that lets nobody in without one, and everything that it must hold beforehand."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from cior_bus import durable_file
from cior_bus.access import as_admin
from cior_bus.bus_certificates import make_certificates
from cior_bus.centre import instance_kinds, load
from cior_bus.credentials import AUTHORITY_FILE, password_file
from cior_bus.provisioning import provision
from cior_bus.rights import User, users

_PASSWORD_BYTES = 24


def families_of(config: Path) -> tuple[str, ...]:
    """The kinds of connectors of a centre file. Raises ``ConfigInvalid``."""
    return tuple(sorted(instance_kinds(load(config))))


def make_keys(folder: Path, hosts: Sequence[str], config: Path | None) -> int:
    """Certificates below ``folder``; with a centre file, a folder of keys for each of its parts too."""
    made = make_certificates(folder, broker_hosts=hosts)
    click.echo("certificates made" if made else "certificates there")
    if config is not None:
        fresh = make_passwords(folder, users(families_of(config)))
        click.echo(f"passwords made {len(fresh)}")
    return 0


def make_passwords(folder: Path, wanted: Iterable[User]) -> list[str]:
    """``<user>/<user>.password`` and ``<user>/ca.pem`` for each part, and a copy of the password for who provisions.
    What is there stays. Returns whose password is new.
    """
    authority = (folder / "ca" / AUTHORITY_FILE).read_bytes()
    fresh = []
    for user in wanted:
        own, kept = (folder / place / password_file(user.name) for place in (user.name, "passwords"))
        for path in (own, kept):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not kept.exists():
            durable_file.create(kept, secrets.token_hex(_PASSWORD_BYTES).encode())
            fresh.append(user.name)
        durable_file.replace(own, kept.read_bytes())
        durable_file.replace(own.parent / AUTHORITY_FILE, authority)
    return fresh


def provision_broker(dsn: str, config: Path, passwords: Path) -> int:
    """Users, topics, changelogs and access lists."""
    told = provision(as_admin(dsn, client_id="cior-provision"), users(families_of(config)), passwords)
    click.echo(
        f"users {told.users}  topics created {len(told.topics)}  "
        f"rights given {told.granted}  taken away {told.withdrawn}"
    )
    return 0
