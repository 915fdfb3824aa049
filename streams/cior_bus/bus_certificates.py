"""Certificates for the broker and its administrator, from an authority that signs these two and is forgotten.

The authority's key is never written: nobody can sign a third one. Renewing makes a new authority, and everything that
talks to the broker starts again with it. Each folder below the given one holds what one service needs, and no more:
``ca`` (everybody), ``broker``, ``admin``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cior_bus import durable_file
from cior_bus.certificates import CLIENT, SERVER, Authority, ends
from cior_bus.credentials import ADMIN_FILE, AUTHORITY_FILE, BROKER_FILE
from cior_bus.rights import ADMIN

LIFE_DAYS: Final = 825
RENEW_BEFORE_DAYS: Final = 60
_BROKER: Final = "broker"


def make_certificates(folder: Path, *, broker_hosts: Sequence[str], now: dt.datetime | None = None) -> bool:
    """Write them where there are none, or where they end within 60 days. False: nothing was to be done.

    ``broker_hosts``: the names and addresses under which clients reach the broker (RFC 6125).
    """
    at = now or dt.datetime.now(dt.UTC)
    until = ends(folder / "ca" / AUTHORITY_FILE)
    if until is not None and until - at > dt.timedelta(days=RENEW_BEFORE_DAYS):
        return False
    authority = Authority.new("CIOR bus", at, days=LIFE_DAYS)
    broker = authority.sign(_BROKER, at, hosts=broker_hosts, usages=(SERVER, CLIENT), days=LIFE_DAYS)
    admin = authority.sign(ADMIN, at, hosts=(), usages=(CLIENT,), days=LIFE_DAYS)
    for service, own in (("broker", {BROKER_FILE: broker}), ("admin", {ADMIN_FILE: admin})):
        _write(folder / service, own | {AUTHORITY_FILE: authority.pem})
    _write(folder / "ca", {AUTHORITY_FILE: authority.pem})  # last: it says that the others are there
    return True


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Keys for the owner and the folder's group (the broker's container is in it), the certificate for everybody."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        durable_file.replace(path, content)
        path.chmod(0o444 if name == AUTHORITY_FILE else 0o440)
