"""What CIOR asks of a Grafana, in its own words: the port, and the structs that its answers are read into.

Two adapters implement it: ``grafana-client`` (default) and ``grafana-api`` (the named package, archived upstream).
Every reply is converted strictly: whatever does not have the documented shape is an error, never a guess. Sources:
Grafana's published HTTP API of July 2026, ``pkg/api/metrics.go`` and ``pkg/services/dashboards/errors.go``.

All methods raise members of ``cior_core.errors``: ``SourceUnavailable`` (down, slow, 5xx: try again),
``CredentialsRefused`` (401), ``AccessDenied`` (403), ``ConfigInvalid`` (anything that a person must change).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from cior_core.errors import ConfigInvalid
from cior_core.model import Struct

BoardJson: TypeAlias = dict[str, Any]
VIEW, EDIT, ADMIN = 1, 2, 4
"""Levels of a folder permission."""


class Conflict(ConfigInvalid):
    """Somebody changed or made the same thing meanwhile (409, 412): look, then run again."""


class NotOffered(ConfigInvalid):
    """The chosen client cannot do this; the cure names the one that can."""


class Health(Struct, frozen=True, kw_only=True):
    """``GET /api/health``. ``version`` is empty where a server hides it from strangers."""

    database: str
    version: str = ""


class PluginInfo(Struct, frozen=True, kw_only=True):
    """What a plugin says of itself."""

    version: str = ""


class Plugin(Struct, frozen=True, kw_only=True):
    """An installed plugin."""

    id: str
    info: PluginInfo


class DataSource(Struct, frozen=True, kw_only=True):
    """A data source; boards know it by ``uid``, people by ``name``."""

    uid: str
    name: str
    type: str


class SourceHealth(Struct, frozen=True, kw_only=True):
    """A plugin's verdict on its own connection: ``OK`` or ``ERROR``, and its words."""

    status: str
    message: str = ""


class Folder(Struct, frozen=True, kw_only=True):
    """A folder of boards."""

    uid: str
    title: str


class Permission(Struct, frozen=True, kw_only=True, rename="camel"):
    """Who may do what in a folder: one of ``role``, ``team_id``, ``user_id`` is set."""

    permission: int
    role: str = ""
    team_id: int = 0
    user_id: int = 0
    inherited: bool = False


class Team(Struct, frozen=True, kw_only=True):
    """A team."""

    id: int
    name: str


class ServiceAccount(Struct, frozen=True, kw_only=True):
    """An account of a program."""

    id: int
    name: str
    role: str = ""


class Token(Struct, frozen=True, kw_only=True):
    """A token's name; its key is shown once, by :class:`NewToken`."""

    id: int
    name: str


class NewToken(Struct, frozen=True, kw_only=True):
    """A token just made. The key is never shown again, and never printed."""

    name: str
    key: str

    def __repr__(self) -> str:
        return f"NewToken({self.name})"


class PlaylistItem(Struct, frozen=True, kw_only=True):
    """One board of a playlist."""

    type: str
    value: str


class Playlist(Struct, frozen=True, kw_only=True):
    """Boards in turn; ``interval`` as ``5m``."""

    uid: str = ""
    name: str
    interval: str
    items: tuple[PlaylistItem, ...] | None = None


class BoardMeta(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where a board lies and whether a file on the server's disk owns it."""

    folder_uid: str = ""
    provisioned: bool = False


class BoardFound(Struct, frozen=True, kw_only=True):
    """A board as the server has it."""

    dashboard: BoardJson
    meta: BoardMeta

    @property
    def version(self) -> int:
        """The server's own counter; a save must name the one that it replaces."""
        return int(self.dashboard.get("version") or 0)


class BoardSave(Struct, frozen=True, kw_only=True):
    """A board to save. ``replaces`` is the version it was decided on: another in between gives :class:`Conflict`."""

    board: BoardJson
    folder_uid: str
    message: str
    replaces: int = 0


class BoardVersion(Struct, frozen=True, kw_only=True):
    """One save in a board's history."""

    version: int
    message: str = ""


class Rule(Struct, frozen=True, kw_only=True):
    """An alert rule that the server has loaded."""

    uid: str
    title: str


class FrameField(Struct, frozen=True, kw_only=True):
    """A column of a frame."""

    name: str = ""
    type: str = ""


class FrameSchema(Struct, frozen=True, kw_only=True):
    """The columns of a frame; none when there were no rows."""

    fields: tuple[FrameField, ...] = ()


class FrameData(Struct, frozen=True, kw_only=True):
    """The cells of a frame by column."""

    values: tuple[tuple[Any, ...], ...] = ()


class Frame(Struct, frozen=True, kw_only=True, rename={"columns": "schema"}):
    """One table of an answer."""

    columns: FrameSchema
    data: FrameData

    @property
    def rows(self) -> int:
        """How many rows came."""
        return max((len(column) for column in self.data.values), default=0)


class Answer(Struct, frozen=True, kw_only=True):
    """What one query gave: frames, or the engine's words in ``error``."""

    error: str = ""
    frames: tuple[Frame, ...] | None = None

    @property
    def rows(self) -> int:
        """How many rows came, over all frames."""
        return sum(frame.rows for frame in self.frames or ())


class GrafanaPort(Protocol):
    """A Grafana that CIOR may ask and, in ``apply``, change. Not thread-safe. ``close`` ends its connections."""

    def health(self) -> Health:
        """The server's version and whether its own database answers."""

    def plugin(self, name: str) -> Plugin | None:
        """An installed plugin, or None."""

    def data_source(self, uid: str) -> DataSource | None:
        """A data source by its uid, or None."""

    def data_sources(self) -> tuple[DataSource, ...]:
        """All data sources of the organisation."""

    def source_health(self, uid: str) -> SourceHealth:
        """Ask a data source's plugin to try its connection."""

    def folder(self, uid: str) -> Folder | None:
        """A folder, or None."""

    def make_folder(self, folder: Folder) -> None:
        """Make a folder at the root."""

    def permissions(self, folder_uid: str) -> tuple[Permission, ...]:
        """Who may see a folder, inherited ones included."""

    def set_permissions(self, folder_uid: str, permissions: Sequence[Permission]) -> None:
        """Replace a folder's permissions."""

    def teams(self) -> tuple[Team, ...]:
        """All teams."""

    def make_team(self, name: str) -> None:
        """Make a team without members."""

    def accounts(self) -> tuple[ServiceAccount, ...]:
        """All service accounts."""

    def make_account(self, name: str, role: str) -> ServiceAccount:
        """Make a service account with a basic role."""

    def tokens(self, account_id: int) -> tuple[Token, ...]:
        """A service account's tokens, without their keys."""

    def make_token(self, account_id: int, name: str, *, lives_s: int) -> NewToken:
        """Make a token that ends by itself."""

    def playlists(self) -> tuple[Playlist, ...]:
        """All playlists with their items."""

    def put_playlist(self, playlist: Playlist) -> None:
        """Make a playlist, or replace the one of the same ``uid``."""

    def board(self, uid: str) -> BoardFound | None:
        """A board, or None."""

    def put_board(self, save: BoardSave) -> None:
        """Save a board. Raises :class:`Conflict` when the server has a later version."""

    def last_save(self, uid: str) -> BoardVersion | None:
        """The newest entry of a board's history."""

    def rules(self) -> tuple[Rule, ...]:
        """All alert rules that the server has loaded."""

    def query(self, queries: Sequence[Mapping[str, Any]], *, since: str, until: str) -> dict[str, Answer]:
        """Run queries through their data sources as a panel would; by ``refId``. Times as Grafana writes them."""

    def close(self) -> None:
        """End its connections."""
