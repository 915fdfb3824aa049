"""Shapes of replies that only the adapters see, and the bodies that both send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cior_core.model import Struct
from cior_grafana.port import Answer, BoardSave, BoardVersion, Permission, Playlist, ServiceAccount, Team


class Teams(Struct, frozen=True, kw_only=True):
    """``GET /teams/search``."""

    teams: tuple[Team, ...]


class Accounts(Struct, frozen=True, kw_only=True, rename="camel"):
    """``GET /serviceaccounts/search``."""

    service_accounts: tuple[ServiceAccount, ...]


class Answers(Struct, frozen=True, kw_only=True):
    """``POST /ds/query``."""

    results: dict[str, Answer]


class Versions(Struct, frozen=True, kw_only=True):
    """``GET /dashboards/uid/:uid/versions``, newest first."""

    versions: tuple[BoardVersion, ...]


def board_body(save: BoardSave) -> dict[str, Any]:
    """Body of ``POST /dashboards/db``: never ``overwrite``, so a version that is not ``replaces`` is refused (412)."""
    board = {key: value for key, value in save.board.items() if key != "id"}
    return {
        "dashboard": {**board, "version": save.replaces},
        "folderUid": save.folder_uid,
        "message": save.message,
        "overwrite": False,
    }


def permission_items(permissions: Sequence[Permission]) -> dict[str, Any]:
    """Body of ``POST /folders/:uid/permissions``."""
    return {"items": [_item(one) for one in permissions]}


def _item(one: Permission) -> dict[str, Any]:
    who = {"role": one.role, "teamId": one.team_id, "userId": one.user_id}
    return {"permission": one.permission, **{name: value for name, value in who.items() if value}}


def playlist_body(playlist: Playlist) -> dict[str, Any]:
    """Body of ``POST /playlists`` and ``PUT /playlists/:uid``."""
    items = [{"type": item.type, "value": item.value} for item in playlist.items or ()]
    return {"name": playlist.name, "interval": playlist.interval, "items": items}


def query_body(queries: Sequence[Mapping[str, Any]], *, since: str, until: str) -> dict[str, Any]:
    """Body of ``POST /ds/query``."""
    return {"queries": [dict(query) for query in queries], "from": since, "to": until}
