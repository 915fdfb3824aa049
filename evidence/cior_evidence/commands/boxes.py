"""``cior evidence boxes``, ``open-boxes``, ``hand-back``: raw bytes in sealed boxes, for the request that may have it.

The first and the last run at the centre and never see a private key; the second runs where the key is kept, and needs
nothing of the centre (ADR 54).
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from cior_bus.centre import load, store_dsn
from cior_bus.openings import Openings, read_key
from cior_core.bundled_policy import privacy_policy
from cior_core.canonical import canonical
from cior_core.centre_file import Centre
from cior_core.errors import AccessDenied, ConfigInvalid
from cior_core.judicial.state import Request
from cior_core.people import LedgerEntry, Person
from cior_core.privacy import Purpose, Role
from cior_evidence import box_desk
from cior_evidence.box_files import BoxesFile, Keeper, opened_by, read_closed, read_opened
from cior_evidence.box_room import BoxRoom, Judged
from cior_evidence.boxes_of_store import StoreBoxes
from cior_evidence.commands.package import now_ms
from cior_evidence.folders import boxes_folder
from cior_register import people, requests
from cior_register.place import register_dsn
from cior_register.register import Register, RegisterLimits
from cior_register.writer import nothing
from cior_store.engine import Store

_WAIT_S = 30.0


def _at_a_centre(function: Callable[..., None]) -> Callable[..., None]:
    options = (
        click.option(
            "--config", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Centre file."
        ),
        click.option(
            "--data", type=click.Path(path_type=Path, file_okay=False), help="Data folder of the centre."
        ),
        click.option("--by", "login", required=True, help="Login of the custodian who does it."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.command()
@click.argument("request_id", metavar="REQUEST")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@_at_a_centre
@click.option("--store", envvar="CIOR_STORE", help="Store of the records; default: the centre's.")
def boxes(
    request_id: str, out: Path, *, config: Path, data: Path | None, login: str, store: str | None
) -> None:
    """Write to OUT the closed boxes that the alarms of REQUEST need, for who keeps the private key."""
    centre = load(config, data)
    with closing(Register.open(register_dsn(centre), limits=RegisterLimits(readers=1))) as register:
        request, person = _allowed(register, request_id, login)
        laid = _laid_out(centre, request, lambda: store_dsn(config=config, data=data, dsn=store))
        entry = _entry(request, person, boxes=len(laid.boxes))
        register.submit(entry, nothing).result(_WAIT_S)
    with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(canonical(laid) + b"\n")
    click.echo(f"{len(laid.boxes)} boxes in {out}", err=True)


def _allowed(register: Register, request_id: str, login: str) -> tuple[Request, Person]:
    """Raises ``AccessDenied`` and ``PayloadRejected`` (``boxes.*``, ``request.*``, ``deny.*``)."""

    def read(connection: Any) -> tuple[Request, Person]:
        return requests.the(connection, request_id), people.by_login(connection, login)

    request, person = register.read_now(read)
    if person.disabled or all(each.role is not Role.CUSTODIAN for each in person.grants):
        raise AccessDenied(
            "boxes.no_custodian", f"{login} is no custodian of this centre", cure="give --by of one"
        )
    box_desk.check_hands(request, person.id)
    box_desk.decision_of(request, privacy_policy())
    return request, person


def _room(centre: Centre, request: Request) -> BoxRoom:
    if centre.file.evidence is None:
        raise ConfigInvalid(
            "evidence.none",
            "this centre builds no packages",
            cure='add [evidence] with seal = "sello.toml" to the centre file (docs/settings.md)',
        )
    return BoxRoom(boxes_folder(centre), request.id)


def _laid_out(centre: Centre, request: Request, dsn: Callable[[], str]) -> BoxesFile:
    """As the part that builds laid them out; else out of the store, which an embedded centre must have let go."""
    room = _room(centre, request)
    if (found := room.closed()) is not None:
        return found
    with Store.open(dsn()) as store:
        warrant = box_desk.warrant_of(request)
        needed = StoreBoxes(store).needed(warrant, privacy_policy(), now_ms=now_ms())
    return room.lay_out(needed, sealed=request.filing.identity)


def _entry(request: Request, person: Person, **detail: int) -> LedgerEntry:
    return LedgerEntry(
        at_ms=now_ms(), actor=person.id, role=Role.CUSTODIAN, act=box_desk.TAKEN_OUT, subject=request.id,
        purpose=Purpose.JUDICIAL_REQUEST, reason=request.filing.reason[:500],
        detail={**detail, "hand": "cior evidence", "os_user": getpass.getuser()},
    )  # fmt: skip


@click.command(name="open-boxes")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--key", type=click.Path(path_type=Path, exists=True), required=True, help="The private key.")
@click.option("--who", required=True, help="Who opens: a name, not a role.")
@click.option("--reason", required=True, help="Why.")
@click.option(
    "--openings", type=click.Path(path_type=Path, dir_okay=False), required=True,
    help="The record of openings: begun when it is not there, refused when it was changed.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="What is handed back."
)
def open_boxes(file: Path, *, key: Path, who: str, reason: str, openings: Path, out: Path) -> None:
    """Open the boxes of FILE where the private key is kept. Each opening is written down first; OUT holds the keys of
    these boxes alone, closed for the request. Exit 0 when all were opened, 1 when one was not.
    """
    os.umask(0o077)
    closed = read_closed(file.read_bytes())
    with closing(Openings.open(openings)) as record, out.open("xb") as answer:
        keeper = Keeper(who=who, reason=reason, private_key=read_key(key), openings=record, now_ms=now_ms)
        opened, refused = opened_by(keeper, closed)
        answer.write(canonical(opened) + b"\n")
    for name, code in refused.items():
        click.echo(f"{code} {name}", err=True)
    click.echo(f"request {closed.request}: {len(opened.opened)} opened, {len(refused)} not", err=True)
    click.echo(f"openings end with {record.head.chain} {record.head.seq} {record.head.hash}", err=True)
    raise SystemExit(1 if refused else 0)


@click.command(name="hand-back")
@click.argument("request_id", metavar="REQUEST")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_at_a_centre
def hand_back(request_id: str, file: Path, *, config: Path, data: Path | None, login: str) -> None:
    """Hand back to REQUEST what open-boxes wrote: each opening is held against the box that was received, and is in the
    ledger before it is kept. Exit 0 when all were accepted, 1 when one was refused.
    """
    centre = load(config, data)
    with closing(Register.open(register_dsn(centre), limits=RegisterLimits(readers=1))) as register:
        request, person = _allowed(register, request_id, login)
        room, entry = _room(centre, request), _entry(request, person)
        judged = room.judged(read_opened(file.read_bytes()))
        for each in judged:
            register.submit(box_desk.opening_entry(entry, each), nothing).result(_WAIT_S)
            _kept(room, each, person)
    raise SystemExit(1 if any(each.opened is None for each in judged) else 0)


def _kept(room: BoxRoom, judged: Judged, person: Person) -> None:
    if judged.opened is None:
        click.echo(f"{judged.code} {judged.record or '?'}", err=True)
        return
    is_new = room.keep(judged.opened, by=person.id, at_ms=now_ms())
    click.echo(f"{'accepted' if is_new else 'known'} {judged.record}")
