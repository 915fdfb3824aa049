"""Which program made a record."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def program_version() -> str:
    """This installation's version."""
    try:
        return version("cior")
    except PackageNotFoundError:
        return "0+unknown"
