"""A public key for sealing as one line that people carry: ``cior-<role>+<key id>+<base64>``. The id is its checksum."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from cior_bus import durable_file
from cior_core.errors import ConfigInvalid
from cior_core.signatures import key_name

KEY_BYTES = 32
TEAM, KEEPER = "team", "keeper"
REPAIR = "repair"
"""Who mends decoders: the second recipient of what nobody could read."""


def line_of(role: str, public: bytes) -> str:
    """The line."""
    return f"cior-{role}+{key_name(public)}+{base64.b64encode(public).decode()}"


def read_line(path: Path, role: str) -> bytes:
    """The 32 bytes of the line in ``path``.

    Raises ``ConfigInvalid`` (``keys.public``): not there, damaged on its way, or the key of another role.
    """
    try:
        said, name, text = path.read_text(encoding="ascii").strip().split("+", 2)
        public = base64.b64decode(text, validate=True)
    except (OSError, ValueError, binascii.Error) as error:
        raise _unfit(path, role) from error
    if said != f"cior-{role}" or len(public) != KEY_BYTES or name != key_name(public):
        raise _unfit(path, role)
    return public


def take_line(folder: Path, role: str, line: str) -> None:
    """Keep a line that came by other ways than a file, unless there is one: another key is a rotation."""
    path = folder / f"{role}.public"
    if line and not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        durable_file.create(path, f"{line}\n".encode())


def _unfit(path: Path, role: str) -> ConfigInvalid:
    return ConfigInvalid(
        "keys.public",
        f"{path.name} holds no public key of a {role}",
        cure=f"carry the {role}.public that `cior keys {role}` made",
    )
