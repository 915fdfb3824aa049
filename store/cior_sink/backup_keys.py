"""Which files of the keys' folder a backup takes: all but private halves of keys that content is sealed for.

Whoever holds a backup and its passphrase must not be able to open what is sealed: that is for the team, whose key is
backed up by the team.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from nacl.public import PrivateKey

from cior_core.model import Struct

_KEY_BYTES = 32
_LONGEST_BYTES = 1_024
"""What a file with a key in it and blanks around it may have."""
_NAMED = re.compile(r"(team|keeper|repair|equipo).*(private|secret|share|clave)", re.IGNORECASE)


class KeyFiles(Struct, frozen=True):
    """``kept`` go into the backup; ``never`` are what opens sealed content and must not lie here. ``sealed_for``: what
    may be a public key that content is sealed for.
    """

    kept: tuple[Path, ...]
    never: tuple[Path, ...]
    sealed_for: frozenset[bytes]


def key_files(folder: Path) -> KeyFiles:
    """Sorted by name; links are not followed."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    sealed_for = frozenset(key for path in files for key in _keys_in(path.read_bytes()))
    never = tuple(path for path in files if opens_sealed(path, sealed_for))
    return KeyFiles(
        kept=tuple(path for path in files if path not in never), never=never, sealed_for=sealed_for
    )


def opens_sealed(path: Path, sealed_for: frozenset[bytes]) -> bool:
    """Whether a file is the private half of a key of ``sealed_for``, or says so by its name."""
    if _NAMED.match(path.name):
        return True
    if path.stat().st_size > _LONGEST_BYTES:
        return False
    halves = (bytes(PrivateKey(key).public_key) for key in _whole(path.read_bytes()))
    return any(half in sealed_for for half in halves)


def halves_below(folders: Iterable[Path], sealed_for: frozenset[bytes]) -> Iterator[Path]:
    """Such files below other folders, where nobody should have put one; and folders that are files themselves."""
    for folder in folders:
        for path in (folder, *sorted(folder.rglob("*"))):
            # What a running part deletes meanwhile is no key.
            with contextlib.suppress(FileNotFoundError):
                if path.is_file() and not path.is_symlink() and opens_sealed(path, sealed_for):
                    yield path


def _keys_in(content: bytes) -> Iterator[bytes]:
    """What could be a public key: the whole file, a line with it, or a text of a JSON file."""
    yield from _whole(content)
    yield from _whole(content.split(b"+", 2)[-1])  # a line that people carry: <whose>+<id>+<base64>
    try:
        found = msgspec.json.decode(content)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return
    for text in _texts(found):
        yield from _whole(text.encode())
        yield from _whole(text.encode().split(b"+", 2)[-1])


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from _texts(each)
        case list():
            for each in value:
                yield from _texts(each)
        case _:
            pass


def _whole(content: bytes) -> Iterator[bytes]:
    """The 32 bytes that a file is, as they are, in hex or in base64."""
    if len(content) == _KEY_BYTES:
        yield content
    bare = b"".join(content.split())
    for decode in (binascii.unhexlify, lambda text: base64.b64decode(text, validate=True)):
        try:
            key = decode(bare)
        except (binascii.Error, ValueError):
            continue
        if len(key) == _KEY_BYTES:
            yield key
