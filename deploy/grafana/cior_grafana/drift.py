"""``cior grafana diff``: what a Grafana has otherwise than CIOR would have it. Only reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cior_core.errors import ConfigInvalid
from cior_core.model import Struct
from cior_grafana.access import Access, Shelf
from cior_grafana.applying import OurBoard, own_permissions, wanted_permissions
from cior_grafana.comparing import differences
from cior_grafana.port import GrafanaPort, Permission, Rule, Team

_MOST_LINES = 10


class Drift(Struct, frozen=True, kw_only=True):
    """One difference: of what, which one, and what is otherwise."""

    kind: str
    name: str
    what: str


class Wanted(Struct, frozen=True, kw_only=True):
    """What should be there."""

    access: Access
    boards: tuple[OurBoard, ...]
    rules: tuple[Rule, ...] = ()


def drift(port: GrafanaPort, wanted: Wanted) -> Iterator[Drift]:
    """Every difference. Raises what :class:`GrafanaPort` raises."""
    yield from source_drift(port, wanted.access)
    yield from _team_drift(port, wanted.access)
    for folder in wanted.access.folders:
        yield from folder_drift(port, folder)
        yield from _permission_drift(port, folder, wanted.access)
    for ours in wanted.boards:
        yield from board_drift(port, ours)
    yield from rule_drift(port, wanted.rules)


def source_drift(port: GrafanaPort, access: Access) -> Iterator[Drift]:
    """Data sources that are missing, of another plugin, or there under another uid."""
    for uid, kind in access.sources.items():
        found = port.data_source(uid)
        if found is None:
            others = [one for one in port.data_sources() if one.type == kind]
            seen = f"; of its kind there are: {', '.join(f'{one.name} ({one.uid})' for one in others)}"
            yield Drift(kind="data source", name=uid, what="missing" + (seen if others else ""))
        elif found.type != kind:
            yield Drift(kind="data source", name=uid, what=f"is of plugin {found.type}, not {kind}")


def _team_drift(port: GrafanaPort, access: Access) -> Iterator[Drift]:
    there = {one.name for one in port.teams()}
    for team in access.teams:
        if team.name not in there:
            yield Drift(kind="team", name=team.name, what="missing")


def folder_drift(port: GrafanaPort, folder: Shelf) -> Iterator[Drift]:
    """A folder that is missing or called otherwise."""
    found = port.folder(folder.uid)
    if found is None:
        yield Drift(kind="folder", name=folder.uid, what="missing")
    elif found.title != folder.title:
        yield Drift(kind="folder", name=folder.uid, what=f"is called '{found.title}', not '{folder.title}'")


def _permission_drift(port: GrafanaPort, folder: Shelf, access: Access) -> Iterator[Drift]:
    if port.folder(folder.uid) is None:
        return
    try:
        wanted = set(wanted_permissions(port, folder.uid, access))
    except ConfigInvalid as absent:
        yield Drift(kind="permissions", name=folder.uid, what=absent.sentence)
        return
    teams = port.teams()
    found = set(own_permissions(port, folder.uid))
    for one in sorted(found - wanted, key=repr):
        yield Drift(
            kind="permissions", name=folder.uid, what=f"{_who(one, teams)} has level {one.permission} there"
        )
    for one in sorted(wanted - found, key=repr):
        yield Drift(kind="permissions", name=folder.uid, what=f"{_who(one, teams)} may not view there")


def _who(one: Permission, teams: Sequence[Team]) -> str:
    if one.role:
        return f"role {one.role}"
    names = {team.id: team.name for team in teams}
    return f"team {names.get(one.team_id, one.team_id)}" if one.team_id else f"user {one.user_id}"


def board_drift(port: GrafanaPort, ours: OurBoard) -> Iterator[Drift]:
    """A board that is missing, in another folder, or of another content."""
    found = port.board(ours.uid)
    if found is None:
        yield Drift(kind="board", name=ours.uid, what="missing")
        return
    if found.meta.folder_uid != ours.folder_uid:
        there = found.meta.folder_uid or "no folder"
        yield Drift(kind="board", name=ours.uid, what=f"is in {there}, not in {ours.folder_uid}")
    lines = differences(ours.board, found.dashboard)
    for line in lines[:_MOST_LINES]:
        yield Drift(kind="board", name=ours.uid, what=line)
    if len(lines) > _MOST_LINES:
        yield Drift(kind="board", name=ours.uid, what=f"and {len(lines) - _MOST_LINES} more differences")


def rule_drift(port: GrafanaPort, rules: Sequence[Rule]) -> Iterator[Drift]:
    """Alert rules that are not loaded, or called otherwise."""
    there = {one.uid: one for one in port.rules()} if rules else {}
    for rule in rules:
        found = there.get(rule.uid)
        if found is None:
            yield Drift(kind="rule", name=rule.uid, what="not loaded")
        elif found.title != rule.title:
            yield Drift(kind="rule", name=rule.uid, what=f"is called '{found.title}', not '{rule.title}'")
