"""The named package: ``grafana-api`` 1.0.3, of August 2020 and archived upstream.

Boards, folders, their permissions, teams and the list of data sources work; for whatever else it has no call this
adapter raises :class:`cior_grafana.port.NotOffered`. Its limits, each pinned by a test:

* a reply without a body (204) raises ``JSONDecodeError`` inside it: taken here for what it is, done;
* an error page of text that holds the word "message" raises ``TypeError`` inside it: the status is read beside it;
* its calls on data sources by number are gone from Grafana 13 and never used;
* its ``search_teams()`` asks for pages for ever when the total does not fit what it may see: one page is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import requests
from grafana_api.grafana_api import GrafanaException
from grafana_api.grafana_face import GrafanaFace

from cior_grafana.adapters.calling import DOWN, NO_JSON, REDIRECT, SLOW, TLS, Caller, Failure
from cior_grafana.adapters.replies import board_body, permission_items
from cior_grafana.address import Address
from cior_grafana.port import (
    BoardFound,
    BoardSave,
    DataSource,
    Folder,
    Health,
    NotOffered,
    Permission,
    Team,
)

_PAGE = 1000


def _lacking(what: str) -> Callable[..., NoReturn]:
    def not_offered(*_arguments: Any, **_options: Any) -> NoReturn:
        raise NotOffered(
            "grafana.not_offered",
            f"the package grafana-api 1.0.3 has no call for {what}",
            cure="use --client grafana-client, its maintained successor (the default)",
        )

    return not_offered


class GrafanaApiPort:
    """:class:`cior_grafana.port.GrafanaPort` over ``grafana-api``, as far as that reaches."""

    def __init__(
        self, address: Address, auth: str | tuple[str, str], *, timeout_s: float, caller: Caller
    ) -> None:
        self._face = GrafanaFace(auth, timeout=timeout_s, **address.parts)
        session = self._face.api.s
        session.max_redirects = 0
        session.hooks["response"].append(self._note)
        self._status = 0
        self._call = caller

    def _note(self, response: requests.Response, *_more: Any, **_options: Any) -> None:
        self._status = response.status_code

    def close(self) -> None:
        """End its connections."""
        self._face.api.s.close()

    def health(self) -> Health:
        """See the port."""
        return self._call.read("health", Health, self._told(self._face.api.GET, "/health"))

    def data_source(self, uid: str) -> DataSource | None:
        """See the port; found in the list, since the package asks by name or number only."""
        return next((one for one in self.data_sources() if one.uid == uid), None)

    def data_sources(self) -> tuple[DataSource, ...]:
        """See the port."""
        call = self._told(self._face.datasource.list_datasources)
        return self._call.read("data sources", tuple[DataSource, ...], call)

    def folder(self, uid: str) -> Folder | None:
        """See the port."""
        return self._call.find(f"folder {uid}", Folder, self._told(self._face.folder.get_folder, uid))

    def make_folder(self, folder: Folder) -> None:
        """See the port."""
        self._write(f"making folder {folder.uid}", self._face.folder.create_folder, folder.title, folder.uid)

    def permissions(self, folder_uid: str) -> tuple[Permission, ...]:
        """See the port."""
        doing = f"permissions of folder {folder_uid}"
        call = self._told(self._face.folder.get_folder_permissions, folder_uid)
        return self._call.read(doing, tuple[Permission, ...], call)

    def set_permissions(self, folder_uid: str, permissions: Sequence[Permission]) -> None:
        """See the port."""
        doing = f"setting permissions of folder {folder_uid}"
        self._write(
            doing, self._face.folder.update_folder_permissions, folder_uid, permission_items(permissions)
        )

    def teams(self) -> tuple[Team, ...]:
        """See the port."""
        call = self._told(lambda: self._face.teams.search_teams(page=1, perpage=_PAGE))
        return self._call.read("teams", tuple[Team, ...], call)

    def make_team(self, name: str) -> None:
        """See the port."""
        self._write(f"making team {name}", self._face.teams.add_team, {"name": name})

    def board(self, uid: str) -> BoardFound | None:
        """See the port."""
        return self._call.find(
            f"board {uid}", BoardFound, self._told(self._face.dashboard.get_dashboard, uid)
        )

    def put_board(self, save: BoardSave) -> None:
        """See the port."""
        self._write(
            f"saving board {save.board.get('uid')}", self._face.dashboard.update_dashboard, board_body(save)
        )

    plugin = _lacking("plugins")
    source_health = _lacking("health of data sources")
    accounts = make_account = _lacking("service accounts")
    tokens = make_token = _lacking("tokens of service accounts")
    playlists = put_playlist = _lacking("playlists")
    last_save = _lacking("the history of boards")
    rules = _lacking("alert rules")
    query = _lacking("queries")

    def _write(self, doing: str, function: Callable[..., Any], *arguments: Any) -> None:
        self._call.do(doing, self._told(function, *arguments))

    def _told(self, function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
        """The call, with what the library and its HTTP client raise turned into :class:`Failure`."""

        def call() -> Any:
            try:
                return function(*arguments)
            except GrafanaException as error:
                raise Failure(error.status_code, error.response) from error
            except TypeError as error:
                if self._status < 400:
                    raise
                raise Failure(self._status) from error
            except requests.exceptions.JSONDecodeError as error:
                if not error.doc:
                    return None
                raise Failure(NO_JSON) from error
            except requests.exceptions.RequestException as error:
                raise Failure(_unsent(error)) from error

        return call


def _unsent(error: requests.exceptions.RequestException) -> int:
    match error:
        case requests.exceptions.Timeout():
            return SLOW
        case requests.exceptions.TooManyRedirects():
            return REDIRECT
        case requests.exceptions.SSLError():
            return TLS
        case _:
            return DOWN
