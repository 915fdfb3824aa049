"""The centre file, read from the disk: :mod:`cior_core.centre_file` says what is in it."""

from __future__ import annotations

from pathlib import Path

from cior_core import centre_file
from cior_core.centre_file import Centre
from cior_core.errors import ConfigInvalid


def load(path: Path, data: Path | None = None) -> Centre:
    """Read a centre file.

    ``data`` defaults to ``data`` beside it. Raises ``ConfigInvalid`` with file, line, code and cure.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigInvalid(
            "config.unreadable",
            f"{path.name}: {error.strerror}",
            cure="name an existing centre file with --config",
        ) from error
    file = centre_file.parse(text, file=path.name)
    return Centre(file=file, path=path.resolve(), data=(data or path.parent / "data").resolve())
