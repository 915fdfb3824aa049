"""``cior topics|bus|record|tls``: their words and options. What they do is loaded when one of them runs."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.option("--bus", required=True, help="kafka://host:port?profile=kafka|tansu")
@click.option("--create", is_flag=True, help="Create what is missing.")
def topics(bus: str, *, create: bool) -> None:
    """Compare the broker's topics with the catalogue."""
    from cior_bus.commands.topics import show_topics

    sys.exit(show_topics(bus, create=create))


@click.group("bus")
def bus() -> None:
    """A broker that lets nobody in without a key: its certificates, users, rights and topics."""


@bus.command("keys")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--broker-host", "hosts", multiple=True, required=True, help="Name of the broker; may repeat.")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Centre: passwords too.")
def bus_keys(folder: Path, hosts: tuple[str, ...], config: Path | None) -> None:
    """Make certificates (again when they end soon) and passwords, a folder for each service."""
    from cior_bus.commands.bus import make_keys

    sys.exit(make_keys(folder, hosts, config))


@bus.command("provision")
@click.option("--bus", required=True, envvar="CIOR_BUS", help="kafkas://host:port of the admin's listener")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Centre.")
@click.option("--passwords", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder.")
def bus_provision(bus: str, config: Path, passwords: Path) -> None:
    """Users, topics, changelogs and rights, with the administrator's key. Again: only what changed."""
    from cior_bus.commands.bus import provision_broker

    sys.exit(provision_broker(bus, config, passwords))


@click.command()
@click.option("--bus", required=True, help="kafka://host:port?profile=kafka|tansu")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="NDJSON file to write."
)
def record(bus: str, out: Path) -> None:
    """Write the area log of a running centre to a file that `cior replay` reads."""
    from cior_bus.recording import record_log

    click.echo(f"{record_log(bus, out)} items")


_on_a_centre = (
    click.option(
        "--config", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Centre file (TOML)."
    ),
    click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Its data folder."),
)


@click.group()
def tls() -> None:
    """A certificate of our own for the console, where the city has none."""


@tls.command("init")
@_on_a_centre[0]
@_on_a_centre[1]
@click.option("--host", "hosts", multiple=True, help="Name or address that browsers use; may repeat.")
def tls_init(config: Path, data: Path | None, hosts: tuple[str, ...]) -> None:
    """Make an authority for the console's names alone, and the console's certificate."""
    from cior_bus.commands.tls import init

    sys.exit(init(config, data, hosts))


@tls.command("renew")
@_on_a_centre[0]
@_on_a_centre[1]
def tls_renew(config: Path, data: Path | None) -> None:
    """A new certificate from the same authority: browsers need nothing new."""
    from cior_bus.commands.tls import renew

    sys.exit(renew(config, data))
