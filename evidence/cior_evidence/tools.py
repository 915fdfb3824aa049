"""What built a package: programs with their versions, for ``herramientas.json``."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import av

_DISTRIBUTIONS: Final = ("cior", "av", "cryptography", "pyhanko", "rfc3161-client", "typst")


def programs() -> list[dict[str, str]]:
    """``{"nombre", "version"}`` of Python, of the libraries that touch evidence and of FFmpeg's own, by name."""
    found = {name: known for name in _DISTRIBUTIONS if (known := _version(name))}
    found |= {name: ".".join(map(str, number)) for name, number in av.library_versions.items()}
    found["python"] = platform.python_version()
    return [{"nombre": name, "version": found[name]} for name in sorted(found)]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
