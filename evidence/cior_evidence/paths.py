"""Names of files in a package: lower-case ASCII that means one file on every system. Original names are in the
metadata.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from cior_core.errors import PayloadRejected

LONGEST_PATH: Final = 180
_PART: Final = re.compile(r"[a-z0-9_-][a-z0-9._-]*(?<!\.)")
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")


def is_sound(path: str) -> bool:
    """Whether the profile allows this path, relative and with ``/``."""
    return len(path) <= LONGEST_PATH and all(
        _PART.fullmatch(part) and not _RESERVED.fullmatch(part) for part in path.split("/")
    )


def checked(path: str) -> str:
    """``path``. Raises ``PayloadRejected`` (``package.path``) when the profile does not allow it."""
    if not is_sound(path):
        raise PayloadRejected(
            "package.path", "a file of the package would have a name that some systems cannot keep"
        )
    return path


def folder_name(name: str) -> str:
    """A name as a folder of a package: lower case, what is not allowed becomes ``-``, never empty or reserved."""
    made = re.sub(r"[^a-z0-9._-]+", "-", name.lower())[:80].strip(".-") or "sin-nombre"
    return f"_{made}" if _RESERVED.fullmatch(made) else made


def folders_of(cameras: Iterable[str]) -> dict[str, str]:
    """A folder of its own for each camera, whatever it is called."""
    made: dict[str, str] = {}
    for camera in sorted(set(cameras)):
        base, number = folder_name(camera), 1
        name = base
        while name in made.values():
            number += 1
            name = f"{base}-{number}"
        made[camera] = name
    return made
