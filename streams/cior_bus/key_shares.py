"""What of this installation's keys each part gets, and how a part reads its own.

On one machine all parts read the one folder. In containers each service has a folder of its own with its share, made
by the one service that holds them all and ends (deploy/compose/prepare.py). A part makes no key: a second pseudonym key
would give each device a second name, and nobody would notice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NoReturn

import msgspec

from cior_bus import durable_file
from cior_bus.keys import KEYS_FILE, Keys
from cior_bus.signing import refuse_if_shared
from cior_core.errors import ConfigInvalid
from cior_core.keyed import RetiredKey


class Share(msgspec.Struct, frozen=True):
    """What a service holds: fields of :class:`~cior_bus.keys.Keys`, and files beside them where there are any."""

    fields: tuple[str, ...]
    files: tuple[str, ...] = ()


SHARES: Final = {
    "connectors": Share(("centre_hmac", "retired", "team_public"), files=("repair.public", "keeper.public")),
    # It rings people: it takes their answers, and goes by who is on duty only where the console signed it.
    "phones": Share(
        ("centre_hmac", "retired", "team_public"),
        files=("repair.public", "keeper.public", "signers.json", "notify.signing"),
    ),
    "streams": Share(("centre_hmac", "retired"), files=("signers.json",)),
    "sink": Share(("centre_hmac",), files=("signers.json",)),
    "console": Share(("wall_token",), files=("signers.json", "console.signing", "register.key")),
}
"""By service. The team's private key is in none."""


def hand_out(keys: Keys, folder: Path, out: Path) -> None:
    """Write each service's share below ``out``, whatever was there; ``folder`` holds the files."""
    whole = msgspec.to_builtins(keys)
    for service, share in SHARES.items():
        own = out / service
        own.mkdir(parents=True, exist_ok=True, mode=0o700)
        durable_file.replace(
            own / KEYS_FILE, msgspec.json.encode({name: whole[name] for name in share.fields})
        )
        for name in share.files:
            if (folder / name).exists():
                durable_file.replace(own / name, (folder / name).read_bytes())


class _Held(msgspec.Struct, frozen=True):
    centre_hmac: bytes = b""
    team_public: bytes = b""
    wall_token: str = ""
    retired: tuple[RetiredKey, ...] = ()


def centre_hmac(folder: Path) -> bytes:
    """The key that makes pseudonyms. Raises ``ConfigInvalid`` (``keys.not_given``)."""
    return _held(folder).centre_hmac or _refused("centre_hmac")


def retired_keys(folder: Path) -> tuple[RetiredKey, ...]:
    """The keys that made pseudonyms before, oldest first."""
    return _held(folder).retired


def team_public(folder: Path) -> bytes:
    """The response team's public key. Raises ``ConfigInvalid`` (``keys.not_given``)."""
    return _held(folder).team_public or _refused("team_public")


def wall_token(folder: Path) -> str:
    """What opens the wall. Raises ``ConfigInvalid`` (``keys.not_given``)."""
    return _held(folder).wall_token or _refused("wall_token")


def _held(folder: Path) -> _Held:
    path = folder / KEYS_FILE
    if not path.exists():
        return _Held()
    refuse_if_shared(path)
    return msgspec.json.decode(path.read_bytes(), type=_Held)


def _refused(name: str) -> NoReturn:
    raise ConfigInvalid(
        "keys.not_given",
        f"this part was given no {name}",
        cure="cior up makes the keys of one machine, deploy/compose/prepare.py hands them to services",
    )
