"""``cior tls init`` and ``cior tls renew``: a certificate of our own for the console, where a city has none.

Off loopback a browser gives a page without TLS no passkeys, no WebCrypto and no ``Secure`` cookies, so the console
serves no sign-in there. The authority is for the console's own names and for nothing else, so that whoever steals its
key can pretend to be this console at most; browsers of the room trust ``authority.pem``.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click
from cryptography.hazmat.primitives import hashes

from cior_bus import durable_file
from cior_bus.centre import load
from cior_bus.certificates import SERVER, Authority
from cior_bus.signing import refuse_if_shared
from cior_core.centre_file import Centre
from cior_core.errors import ConfigInvalid

FOLDER: Final = "tls"
AUTHORITY: Final = "authority.pem"
AUTHORITY_KEY: Final = "authority.key"
SERVER_FILE: Final = "server.pem"
_AUTHORITY_DAYS: Final = 3650
_SERVER_DAYS: Final = 397
_OPEN_ADDRESSES: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - told apart, not bound


def init(config: Path, data: Path | None, hosts: Sequence[str], *, now: dt.datetime | None = None) -> int:
    """Make authority and certificate, once. Raises ``ConfigInvalid`` (``tls.exists``, ``tls.no_names``)."""
    centre = load(config, data)
    folder = centre.data / FOLDER
    if (folder / AUTHORITY).exists():
        raise ConfigInvalid(
            "tls.exists",
            f"{folder / AUTHORITY} is there, and browsers may trust it already",
            cure="cior tls renew makes a new server certificate from it; move the folder away to begin anew",
        )
    at = now or dt.datetime.now(dt.UTC)
    names = _names(centre, hosts)
    authority = Authority.new(f"CIOR {centre.file.centre.name}", at, days=_AUTHORITY_DAYS, only=names)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    durable_file.create(folder / AUTHORITY_KEY, authority.key_pem)
    _sign(folder, authority, names, at)
    durable_file.create(
        folder / AUTHORITY, authority.pem, mode=0o644
    )  # last: it says that the others are there
    _tell(centre, authority, names)
    return 0


def renew(config: Path, data: Path | None, *, now: dt.datetime | None = None) -> int:
    """A new server certificate, for the names of the old authority. Raises ``ConfigInvalid`` (``tls.no_authority``)."""
    folder = load(config, data).data / FOLDER
    key = folder / AUTHORITY_KEY
    if not (key.exists() and (folder / AUTHORITY).exists()):
        raise ConfigInvalid(
            "tls.no_authority",
            f"there is no authority in {folder}",
            cure="put authority.pem and authority.key back for this moment, or begin with cior tls init",
        )
    refuse_if_shared(key)
    authority = Authority.read(key.read_bytes(), (folder / AUTHORITY).read_bytes())
    _sign(folder, authority, authority.only, now or dt.datetime.now(dt.UTC))
    click.echo(f"{folder / SERVER_FILE}: new, {_SERVER_DAYS} days; the console takes it within five minutes")
    return 0


def _names(centre: Centre, hosts: Sequence[str]) -> tuple[str, ...]:
    console = centre.file.console
    in_the_bar = urlsplit(console.origin).hostname or ""
    found = dict.fromkeys((*hosts, *console.names, in_the_bar, console.host, "localhost"))
    names = tuple(name for name in found if name not in _OPEN_ADDRESSES)
    if all(_is_loopback(name) for name in names):
        raise ConfigInvalid(
            "tls.no_names",
            "a certificate needs the name or the address by which browsers call the console",
            cure="give --host, or name it: [console] names = [...]",
        )
    return names


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _sign(folder: Path, authority: Authority, names: Sequence[str], at: dt.datetime) -> None:
    pair = authority.sign(names[0], at, hosts=names, usages=(SERVER,), days=_SERVER_DAYS)
    durable_file.replace(folder / SERVER_FILE, pair + authority.pem)


def _tell(centre: Centre, authority: Authority, names: Sequence[str]) -> None:
    folder = centre.data / FOLDER
    mark = authority.certificate.fingerprint(hashes.SHA256()).hex(":", 1).upper()
    click.echo(f"certificate for {', '.join(names)}: {folder / SERVER_FILE}")
    click.echo(f'  centre file: [console] certificate = "{folder / SERVER_FILE}"')
    click.echo(f"  browsers of the room trust {folder / AUTHORITY}; its SHA-256 is")
    click.echo(f"  {mark}")
    click.echo(f"  {folder / AUTHORITY_KEY} signs the next ones: keep it away from this computer until then")
