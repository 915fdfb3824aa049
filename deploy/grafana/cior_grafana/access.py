"""Who should see what in a Grafana: teams, folders, accounts, playlists and data sources, from one TOML file."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Literal

import msgspec

from cior_core.errors import ConfigInvalid
from cior_core.model import Struct
from cior_core.strict_toml import parse


class Team(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A team and the folders (by uid) that it may view."""

    name: str
    sees: tuple[str, ...]


class Shelf(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A folder."""

    uid: str
    title: str


class Account(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service account; its token ends after ``token_days``."""

    name: str
    role: Literal["None", "Viewer", "Editor", "Admin"]
    token_days: int


class Round(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A playlist: boards (by uid) in turn, each for ``interval``."""

    name: str
    interval: str
    boards: tuple[str, ...]


class Access(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. ``sources``: data source uid to the plugin that it must be."""

    teams: tuple[Team, ...] = ()
    folders: tuple[Shelf, ...] = ()
    accounts: tuple[Account, ...] = ()
    playlists: tuple[Round, ...] = ()
    sources: dict[str, str] = msgspec.field(default_factory=dict)


def read_access(path: Path | None = None) -> Access:
    """The file at ``path``, or the one of this package. Raises ``ConfigInvalid`` for a fault or an unknown folder."""
    source = path or resources.files("cior_grafana").joinpath("access.toml")
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise ConfigInvalid(
            "grafana.access", f"the access file cannot be read ({type(error).__name__})", cure=_CURE
        ) from error
    access = parse(text, Access, file=source.name)
    unknown = {uid for team in access.teams for uid in team.sees} - {folder.uid for folder in access.folders}
    if unknown:
        raise ConfigInvalid(
            "grafana.access",
            f"a team sees a folder that is not there: {', '.join(sorted(unknown))}",
            cure=_CURE,
        )
    return access


_CURE = "start from the package's own access.toml, which has a remark for every part"
