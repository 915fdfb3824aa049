"""The data files shipped with the core: the only place that reads them (the core does no other input or output)."""

from __future__ import annotations

from importlib import resources

from cior_core.errors import ConfigInvalid


def text(name: str) -> str:
    """The text of ``name``, a ``/``-separated path below ``cior_core/data``, such as ``taxonomy.toml`` or
    ``city/districts.geojson``.

    Raises :class:`ConfigInvalid` ``bundled.missing`` when the installation does not have it.
    """
    parts = name.split("/")
    if any(part in {"", ".", ".."} for part in parts):
        raise ConfigInvalid("bundled.missing", f"'{name}' is not a path below the bundled data")
    try:
        return resources.files("cior_core").joinpath("data", *parts).read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise ConfigInvalid(
            "bundled.missing", f"the bundled file '{name}' is missing", cure="install cior again"
        ) from error
