"""The centre file, read from the disk: :mod:`cior_core.centre_file` says what is in it."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Mapping
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


def instance_kinds(centre: Centre) -> Mapping[str, list[Path]]:
    """Instance files by connector kind. Raises ``ConfigInvalid`` when one cannot be read."""
    found: dict[str, list[Path]] = defaultdict(list)
    for section in centre.file.connector:
        path = centre.beside(section.file)
        try:
            kind = tomllib.loads(path.read_text(encoding="utf-8")).get("kind")
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigInvalid(
                "config.instance_unreadable",
                f"{path.name}: {error}",
                cure="correct the file, or its name in the centre file",
            ) from error
        if not isinstance(kind, str):
            raise ConfigInvalid(
                "config.instance_kind",
                f"{path.name}: no kind",
                cure='add kind = "dc09" (see `cior connector list`)',
            )
        found[kind].append(path)
    return found


def store_dsn(*, config: Path | None, data: Path | None, dsn: str | None) -> str:
    """The store that was named, or the centre file's. Raises ``ConfigInvalid`` when neither is given."""
    if dsn:
        return dsn
    if config is None:
        raise ConfigInvalid(
            "store.which", "no store was named", cure="give --config centre.toml, or --store (or CIOR_STORE)"
        )
    return load(config, data).store_dsn
