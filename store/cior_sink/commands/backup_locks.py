"""What locks and opens a backup's keys: a passphrase from a file, the environment or the keyboard, or a key pair.

Never from the command line: every user of the machine can read arguments.
"""

from __future__ import annotations

import base64
import binascii
import os
import sys
from pathlib import Path

import click

from cior_bus.signing import refuse_if_shared
from cior_core.errors import ConfigInvalid
from cior_core.model import Struct
from cior_sink.backup_box import Holder, Passphrase, Recipient

VARIABLE = "CIOR_BACKUP_PASSPHRASE"


class Keyed(Struct, frozen=True, kw_only=True):
    """What was given: ``key`` is a public key or its file for a backup, the private key's file for a restore."""

    passphrase_file: Path | None = None
    key: str | None = None


def lock_of(given: Keyed) -> Passphrase | Recipient:
    """What a backup is locked with. Raises ``ConfigInvalid``."""
    return _passphrase(given, twice=True) if given.key is None else Recipient(_key(given.key))


def holder_of(given: Keyed) -> Passphrase | Holder:
    """What a backup is opened with. Raises ``ConfigInvalid``."""
    if given.key is None:
        return _passphrase(given, twice=False)
    if Path(given.key).is_file():
        refuse_if_shared(Path(given.key))
    return Holder(_key(given.key))


def _passphrase(given: Keyed, *, twice: bool) -> Passphrase:
    if given.passphrase_file is not None:
        if given.passphrase_file.exists():
            refuse_if_shared(given.passphrase_file)
        return Passphrase(_text(given.passphrase_file).strip("\r\n"))
    if text := os.environ.get(VARIABLE):
        return Passphrase(text)
    if not sys.stdin.isatty():
        raise ConfigInvalid(
            "backup.no_lock",
            "the backup's keys have no lock: neither a passphrase nor a key was given",
            cure=f"give --passphrase-file, {VARIABLE}, or --recipient (restore: --private-key)",
        )
    asked: str = click.prompt("contraseña / passphrase", hide_input=True, confirmation_prompt=twice)
    return Passphrase(asked)


def _key(given: str) -> bytes:
    """32 bytes as base64, or the file they are in."""
    text = _text(Path(given)) if Path(given).is_file() else given
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 32:
        raise ConfigInvalid(
            "backup.key", "this is no X25519 key", cure="give 32 bytes as base64, or the file they are in"
        )
    return key


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(
            "backup.key_file", f"{path.name} cannot be read", cure="name a text file"
        ) from error
