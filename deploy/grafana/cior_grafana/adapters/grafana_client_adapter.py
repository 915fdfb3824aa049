"""The default adapter: ``grafana-client`` 5.1.4, its synchronous client.

Its own calls where they are right; its plain verbs for playlists and queries, which it has no call for, and for
``GET /health``: its ``health.check()`` asks ``/frontend/settings``. It takes any page of text for success; ``Caller``
does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import niquests
from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaException, GrafanaTimeoutError

from cior_grafana.adapters.calling import DOWN, NO_JSON, REDIRECT, SLOW, TLS, Caller, Failure
from cior_grafana.adapters.replies import (
    Accounts,
    Answers,
    Teams,
    Versions,
    board_body,
    permission_items,
    playlist_body,
    query_body,
)
from cior_grafana.address import Address
from cior_grafana.port import (
    Answer,
    BoardFound,
    BoardSave,
    BoardVersion,
    DataSource,
    Folder,
    Health,
    NewToken,
    Permission,
    Playlist,
    Plugin,
    Rule,
    ServiceAccount,
    SourceHealth,
    Team,
    Token,
)

_PAGE = 1000


class GrafanaClientPort:
    """:class:`cior_grafana.port.GrafanaPort` over ``grafana-client``."""

    def __init__(
        self, address: Address, auth: str | tuple[str, str], *, timeout_s: float, caller: Caller
    ) -> None:
        self._api = GrafanaApi(auth, timeout=timeout_s, **address.parts)
        # A redirect would turn a POST into a GET, and lead to a sign-in page: it is an error.
        self._api.client.s.max_redirects = 0
        self._call = caller

    def close(self) -> None:
        """End its connections."""
        self._api.client.s.close()

    def health(self) -> Health:
        """See the port."""
        return self._call.read("health", Health, _told(self._api.client.GET, "/health"))

    def plugin(self, name: str) -> Plugin | None:
        """See the port."""
        found = self._call.read("plugins", tuple[Plugin, ...], _told(self._api.plugin.list))
        return next((one for one in found if one.id == name), None)

    def data_source(self, uid: str) -> DataSource | None:
        """See the port."""
        return self._call.find(
            f"data source {uid}", DataSource, _told(self._api.datasource.get_datasource_by_uid, uid)
        )

    def data_sources(self) -> tuple[DataSource, ...]:
        """See the port."""
        return self._call.read(
            "data sources", tuple[DataSource, ...], _told(self._api.datasource.list_datasources)
        )

    def source_health(self, uid: str) -> SourceHealth:
        """See the port."""
        doing = f"health of data source {uid}"
        return self._call.ask(doing, SourceHealth, _told(self._api.datasource.health, uid), key="status")

    def folder(self, uid: str) -> Folder | None:
        """See the port."""
        return self._call.find(f"folder {uid}", Folder, _told(self._api.folder.get_folder, uid))

    def make_folder(self, folder: Folder) -> None:
        """See the port."""
        self._write(f"making folder {folder.uid}", self._api.folder.create_folder, folder.title, folder.uid)

    def permissions(self, folder_uid: str) -> tuple[Permission, ...]:
        """See the port."""
        doing = f"permissions of folder {folder_uid}"
        call = _told(self._api.folder.get_folder_permissions, folder_uid)
        return self._call.read(doing, tuple[Permission, ...], call)

    def set_permissions(self, folder_uid: str, permissions: Sequence[Permission]) -> None:
        """See the port."""
        doing = f"setting permissions of folder {folder_uid}"
        self._write(
            doing, self._api.folder.update_folder_permissions, folder_uid, permission_items(permissions)
        )

    def teams(self) -> tuple[Team, ...]:
        """See the port."""
        call = _told(self._api.client.GET, f"/teams/search?page=1&perpage={_PAGE}")
        return self._call.read("teams", Teams, call).teams

    def make_team(self, name: str) -> None:
        """See the port."""
        self._write(f"making team {name}", self._api.teams.add_team, {"name": name})

    def accounts(self) -> tuple[ServiceAccount, ...]:
        """See the port."""
        call = _told(self._api.client.GET, f"/serviceaccounts/search?page=1&perpage={_PAGE}")
        return self._call.read("service accounts", Accounts, call).service_accounts

    def make_account(self, name: str, role: str) -> ServiceAccount:
        """See the port."""
        call = _told(self._api.serviceaccount.create, {"name": name, "role": role})
        return self._call.write(f"making service account {name}", ServiceAccount, call)

    def tokens(self, account_id: int) -> tuple[Token, ...]:
        """See the port."""
        call = _told(self._api.serviceaccount.get_tokens, account_id)
        return self._call.read("tokens", tuple[Token, ...], call)

    def make_token(self, account_id: int, name: str, *, lives_s: int) -> NewToken:
        """See the port."""
        body = {"name": name, "secondsToLive": lives_s}
        call = _told(self._api.serviceaccount.create_token, account_id, body)
        return self._call.write(f"making token {name}", NewToken, call)

    def playlists(self) -> tuple[Playlist, ...]:
        """See the port."""
        listed = self._call.read("playlists", tuple[Playlist, ...], _told(self._api.client.GET, "/playlists"))
        return tuple(self._playlist(one.uid) for one in listed)

    def _playlist(self, uid: str) -> Playlist:
        return self._call.read(f"playlist {uid}", Playlist, _told(self._api.client.GET, f"/playlists/{uid}"))

    def put_playlist(self, playlist: Playlist) -> None:
        """See the port."""
        verb, path = (
            (self._api.client.PUT, f"/playlists/{playlist.uid}")
            if playlist.uid
            else (self._api.client.POST, "/playlists")
        )
        call = _told(lambda: verb(path, json=playlist_body(playlist)))
        self._call.do(f"saving playlist {playlist.name}", call)

    def board(self, uid: str) -> BoardFound | None:
        """See the port."""
        return self._call.find(f"board {uid}", BoardFound, _told(self._api.dashboard.get_dashboard, uid))

    def put_board(self, save: BoardSave) -> None:
        """See the port."""
        self._write(
            f"saving board {save.board.get('uid')}", self._api.dashboard.update_dashboard, board_body(save)
        )

    def last_save(self, uid: str) -> BoardVersion | None:
        """See the port."""
        call = _told(self._api.dashboard_versions.get_dashboard_versions_by_uid, uid)
        found = self._call.find(f"history of board {uid}", Versions, call)
        return max(found.versions, key=lambda one: one.version, default=None) if found else None

    def rules(self) -> tuple[Rule, ...]:
        """See the port."""
        call = _told(self._api.alertingprovisioning.get_alertrules_all)
        return self._call.read("alert rules", tuple[Rule, ...], call)

    def query(self, queries: Sequence[Mapping[str, Any]], *, since: str, until: str) -> dict[str, Answer]:
        """See the port."""
        body = query_body(queries, since=since, until=until)
        call = _told(lambda: self._api.client.POST("/ds/query", json=body))
        return self._call.ask("a query", Answers, call, key="results").results

    def _write(self, doing: str, function: Callable[..., Any], *arguments: Any) -> None:
        """A change whose reply tells nothing more; Grafana may answer it with 204 and no body."""
        self._call.do(doing, _told(function, *arguments))


def _told(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    """The call, with what the library and its HTTP client raise turned into :class:`Failure`."""

    def call() -> Any:
        try:
            return function(*arguments)
        except GrafanaTimeoutError as error:
            raise Failure(SLOW) from error
        except GrafanaException as error:
            raise Failure(error.status_code, error.response) from error
        except niquests.exceptions.TooManyRedirects as error:
            raise Failure(REDIRECT) from error
        except niquests.exceptions.SSLError as error:
            raise Failure(TLS) from error
        except niquests.exceptions.JSONDecodeError as error:
            raise Failure(NO_JSON) from error
        except (niquests.exceptions.RequestException, OSError) as error:
            raise Failure(DOWN) from error

    return call
