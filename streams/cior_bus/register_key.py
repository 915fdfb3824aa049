"""The key that seals second factors in the register, made at the first start; it never goes into the database or its
backups.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

from cior_bus import durable_file
from cior_core.errors import ConfigInvalid

NAME = "register.key"
_BYTES = 32


def register_key(folder: Path) -> bytes:
    """This installation's 32 bytes. Raises ``ConfigInvalid`` when others may read the file, or when it is none."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / NAME
    if not path.exists():
        with suppress(FileExistsError):  # another process was first
            durable_file.create(path, secrets.token_bytes(_BYTES))
    if path.stat().st_mode & 0o077:
        raise ConfigInvalid(
            "keys.readable_by_others",
            f"{NAME} may be read by others",
            cure=f"chmod 600 {NAME}; if anyone did read it, cior users reset everybody's second factors",
        )
    key = path.read_bytes()
    if len(key) != _BYTES:
        raise ConfigInvalid("keys.register", f"{NAME} is no key", cure=f"restore {NAME} from its copy")
    return key
