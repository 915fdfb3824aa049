"""``cior grafana apply``: brings to a Grafana what files cannot, and nothing that is there already.

Files provision data sources, boards, rules and contact points. Over HTTP come teams, who sees which folder, service
accounts, and, if a centre wants them, playlists; boards only with ``--boards``, for a Grafana whose disk we do not own.

**How an edited board is noticed.** A board goes up with a tag ``cior:<digest>`` over what people see of it
(:mod:`cior_grafana.comparing`) and a version message that begins with :data:`MESSAGE`. Grafana keeps tags whatever is
edited, so a board is as we left it when its content still has the digest of its own tag. Where it has not, Grafana
itself may have migrated it (an upgrade): that, too, is no edit as long as the newest entry of its history is ours.
Everything else is somebody's work: a board without our tag, another content, a later save. It is kept, unless
``--force``, and then a copy is saved beside first. A board that a file on the server owns is read-only there and is
never touched.

Each thing gives one :class:`Line`. A refusal of one thing (an edited board) does not stop the others; a Grafana that
is away or refuses the credentials does. Whatever was done is done: a second run finds it and goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path

import msgspec

from cior_core.errors import CiorError, ConfigInvalid
from cior_core.model import Struct
from cior_grafana.access import Access, Account, Round, Shelf, Team
from cior_grafana.comparing import digest, mark, marked
from cior_grafana.port import (
    VIEW,
    BoardFound,
    BoardJson,
    BoardSave,
    Folder,
    GrafanaPort,
    NotOffered,
    Permission,
    Playlist,
    PlaylistItem,
)

MESSAGE = "cior grafana apply"
NAMED = "cior"
_DAY_S = 86_400


class Outcome(StrEnum):
    """What became of one thing."""

    SAME = "same"
    MADE = "made"
    CHANGED = "changed"
    KEPT = "kept"
    REFUSED = "refused"


class Line(Struct, frozen=True, kw_only=True):
    """One thing: what it is, what became of it, and why where that needs saying."""

    kind: str
    name: str
    outcome: Outcome
    why: str = ""


class OurBoard(Struct, frozen=True, kw_only=True):
    """A board of ours and the folder that it belongs in."""

    folder_uid: str
    board: BoardJson

    @property
    def uid(self) -> str:
        """Its uid, the same for ever."""
        return str(self.board["uid"])


class Choices(Struct, frozen=True, kw_only=True):
    """``boards`` to push (none by default); ``force`` overwrites edited ones; copies go to ``replaced``; token files
    to ``tokens``.
    """

    boards: tuple[OurBoard, ...] = ()
    force: bool = False
    replaced: Path = Path("grafana-replaced")
    tokens: Path = Path("grafana-tokens")


def apply(port: GrafanaPort, access: Access, choices: Choices) -> Iterator[Line]:
    """Bring everything, a line as each is done. Raises what :class:`GrafanaPort` raises when nothing more can be."""
    for kind, name, step in _steps(port, access, choices):
        try:
            outcome, why = step()
        except ConfigInvalid as refused:
            outcome, why = Outcome.REFUSED, str(refused)
        yield Line(kind=kind, name=name, outcome=outcome, why=why)


_Step = Callable[[], tuple[Outcome, str]]


def _steps(port: GrafanaPort, access: Access, choices: Choices) -> Iterator[tuple[str, str, _Step]]:
    """Everything in the order in which it can be made: a folder's permissions name teams."""
    for team in access.teams:
        yield "team", team.name, partial(_team, port, team)
    for folder in access.folders:
        yield "folder", folder.title, partial(_folder, port, folder)
        yield "permissions", folder.title, partial(_permissions, port, folder, access)
    for account in access.accounts:
        yield "account", account.name, partial(_account, port, account, choices.tokens)
    for each in choices.boards:
        yield "board", each.uid, partial(_board, port, each, choices)
    for playlist in access.playlists:
        yield "playlist", playlist.name, partial(_playlist, port, playlist)


def _team(port: GrafanaPort, team: Team) -> tuple[Outcome, str]:
    if any(one.name == team.name for one in port.teams()):
        return Outcome.SAME, ""
    port.make_team(team.name)
    return Outcome.MADE, "without members: people are put in by people"


def _folder(port: GrafanaPort, folder: Shelf) -> tuple[Outcome, str]:
    found = port.folder(folder.uid)
    if found is None:
        port.make_folder(Folder(uid=folder.uid, title=folder.title))
        return Outcome.MADE, ""
    if found.title != folder.title:
        return Outcome.KEPT, f"it is called '{found.title}' there; names of folders are not changed"
    return Outcome.SAME, ""


def wanted_permissions(port: GrafanaPort, folder_uid: str, access: Access) -> tuple[Permission, ...]:
    """Its teams may view; no role may. Raises ``ConfigInvalid`` when one of the teams is not there yet."""
    names = {team.name for team in access.teams if folder_uid in team.sees}
    found = [one for one in port.teams() if one.name in names]
    absent = names - {one.name for one in found}
    if absent:
        raise ConfigInvalid(
            "grafana.no_team",
            f"no team called {', '.join(sorted(absent))}",
            cure="run `cior grafana apply` first",
        )
    return tuple(Permission(team_id=one.id, permission=VIEW) for one in found)


def own_permissions(port: GrafanaPort, folder_uid: str) -> tuple[Permission, ...]:
    """A folder's own permissions; Admins always have theirs, whatever is set."""
    found = port.permissions(folder_uid)
    return tuple(one for one in found if not one.inherited and one.role != "Admin")


def _permissions(port: GrafanaPort, folder: Shelf, access: Access) -> tuple[Outcome, str]:
    wanted = wanted_permissions(port, folder.uid, access)
    if set(own_permissions(port, folder.uid)) == set(wanted):
        return Outcome.SAME, ""
    port.set_permissions(folder.uid, wanted)
    return Outcome.CHANGED, f"{len(wanted)} teams may view, no role may"


def _account(port: GrafanaPort, account: Account, folder: Path) -> tuple[Outcome, str]:
    found = next((one for one in port.accounts() if one.name == account.name), None)
    made = found or port.make_account(account.name, account.role)
    if any(token.name == NAMED for token in port.tokens(made.id)):
        return Outcome.SAME, ""
    path = folder / f"{account.name}.token"
    _write_token(port, made.id, path, lives_s=account.token_days * _DAY_S)
    return (
        Outcome.CHANGED if found else Outcome.MADE,
        f"its token, for {account.token_days} days, is in {path}",
    )


def _write_token(port: GrafanaPort, account_id: int, path: Path, *, lives_s: int) -> None:
    """A token's key is shown once: the file that only this user may read is made before it is asked for."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigInvalid(
            "grafana.token_file", f"{path} cannot be made ({type(error).__name__})",
            cure="take the old token file away, or name another folder with --tokens",
        ) from error  # fmt: skip
    try:
        with os.fdopen(opened, "w", encoding="utf-8") as file:
            token = port.make_token(account_id, NAMED, lives_s=lives_s)
            file.write(f"{token.key}\n")
    except CiorError:
        path.unlink()
        raise


def _playlist(port: GrafanaPort, wanted: Round) -> tuple[Outcome, str]:
    found = next((one for one in port.playlists() if one.name == wanted.name), None)
    items = tuple(PlaylistItem(type="dashboard_by_uid", value=uid) for uid in wanted.boards)
    if found and (found.interval, tuple(found.items or ())) == (wanted.interval, items):
        return Outcome.SAME, ""
    uid = found.uid if found else ""
    port.put_playlist(Playlist(uid=uid, name=wanted.name, interval=wanted.interval, items=items))
    return (Outcome.CHANGED if found else Outcome.MADE), ""


def _board(port: GrafanaPort, ours: OurBoard, choices: Choices) -> tuple[Outcome, str]:
    found = port.board(ours.uid)
    if found is None:
        _put(port, ours, replaces=0)
        return Outcome.MADE, ""
    if found.meta.provisioned:
        return Outcome.KEPT, "a file on the server's disk owns it; change it there"
    edited = is_edited(port, ours.uid, found)
    if not edited and mark(found.dashboard) == digest(ours.board):
        return Outcome.SAME, ""
    if edited and not choices.force:
        return (
            Outcome.REFUSED,
            "somebody edited it in Grafana: keep it, or run with --force (a copy is saved first)",
        )
    saved = f"the old one is in {_keep(found, choices.replaced)}"
    _put(port, ours, replaces=found.version)
    return Outcome.CHANGED, saved


def _put(port: GrafanaPort, ours: OurBoard, *, replaces: int) -> None:
    board = marked(ours.board)
    message = f"{MESSAGE} {digest(board)}"
    port.put_board(BoardSave(board=board, folder_uid=ours.folder_uid, message=message, replaces=replaces))


def is_edited(port: GrafanaPort, uid: str, found: BoardFound) -> bool:
    """Whether somebody else made or changed this board: see the head of this file."""
    left = mark(found.dashboard)
    if not left:
        return True
    if digest(found.dashboard) == left:
        return False
    try:
        last = port.last_save(uid)
    except NotOffered:
        return True
    return last is None or last.message != f"{MESSAGE} {left}"


def _keep(found: BoardFound, folder: Path) -> Path:
    """Write the board beside, under a name that no earlier copy has."""
    path = folder / f"{found.dashboard['uid']}-v{found.version}-{digest(found.dashboard)}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(found.dashboard), indent=2))
    except OSError as error:
        raise ConfigInvalid(
            "grafana.copy", f"the copy {path} cannot be written ({type(error).__name__})",
            cure="name another folder with --save; nothing was overwritten",
        ) from error  # fmt: skip
    return path


def exit_code(lines: Sequence[Line]) -> int:
    """0: everything is as it should be; 2: something was refused and a person must decide."""
    return 2 if any(line.outcome is Outcome.REFUSED for line in lines) else 0
