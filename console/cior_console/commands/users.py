"""``cior users``: the people of a centre, by whoever keeps its machine. Each change is in the ledger.

A one-time password is printed once, is never an argument, and must be changed at the first sign-in.
"""

from __future__ import annotations

import getpass
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from cior_bus.centre import load
from cior_city.packs import protocols
from cior_core import bundled
from cior_core.errors import ConfigInvalid
from cior_core.people import Grant, LedgerEntry, Person, Scope
from cior_core.privacy import Role
from cior_core.sentences import SentenceBook
from cior_core.taxonomy import Government
from cior_register import factors, people, recovery, sessions
from cior_register.passwords import hashed, one_time
from cior_register.place import register_dsn
from cior_register.register import Register

_ACTOR = "cior users"
_WAIT_S = 30.0


def register_words() -> SentenceBook:
    """What is said of the register."""
    return SentenceBook.load(bundled.text("register.toml"), file="register.toml")


def _say(language: str, code: str, **arguments: object) -> None:
    click.echo(getattr(register_words().text(code, arguments), language))


def on_register(command: Any) -> Any:
    """The options that say which register and in which language."""
    for option in (
        click.option(
            "--config", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Centre file."
        ),
        click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Its data folder."),
        click.option("--language", type=click.Choice(["es", "en"]), default="es", show_default=True),
    ):
        command = option(command)
    return command


def _scoped(command: Any) -> Any:
    for name, what in (("district", "District"), ("agency", "Agency"), ("camera", "Camera")):
        told = f"{what} that the role is for; repeat for more; left out: all."
        command = click.option(f"--{name}", f"{name}s", multiple=True, help=told)(command)
    return command


_role = click.option("--role", type=click.Choice([each.value for each in Role]), required=True)


@click.group()
def users() -> None:
    """The people who sign in here."""


@users.command()
@click.argument("login")
@click.option("--name", required=True, help="Name and surname.")
@click.option("--speaks", type=click.Choice(["es", "en"]), default="es", show_default=True)
@_role
@_scoped
@on_register
def add(*, login: str, name: str, speaks: str, role: str, language: str, **where: Any) -> None:
    """Add somebody with a role, and print their one-time password."""
    password, now_ms = one_time(), _now_ms()
    person = Person(
        id=f"p-{secrets.token_hex(8)}", login=login, name=name, language=speaks, must_change=True,
        grants=(Grant(Role(role), _scope(where)),),
    )  # fmt: skip
    _act(
        where,
        _entry("people.add", person.id, role=role),
        lambda connection: people.add(connection, person, now_ms=now_ms, password_hash=hashed(password)),
    )
    _say(language, "added", login=people.login_of(login), password=password)
    _say(language, "must_change")


@users.command()
@click.argument("login")
@click.option(
    "--codes",
    is_flag=True,
    help="Ten recovery codes for a lost telephone; password and factors stay as they are.",
)
@on_register
def reset(*, login: str, codes: bool, language: str, **where: Any) -> None:
    """A new one-time password; second factors, recovery codes and sessions are over."""
    if codes:
        _recover(where, login, language)
        return
    password, now_ms, person = one_time(), _now_ms(), _person(where, login)

    def work(connection: Any) -> None:
        people.set_password(connection, person.id, hashed(password), now_ms=now_ms, must_change=True)
        factors.forget(connection, person.id)
        sessions.end_of_person(connection, person.id, at_ms=now_ms)

    _act(where, _entry("people.reset", person.id), work)
    _say(language, "reset", login=person.login, password=password)
    _say(language, "must_change")


def _recover(where: dict[str, Any], login: str, language: str) -> None:
    person, codes = _person(where, login), recovery.new_codes()
    _act(
        where,
        _entry("people.recovery_codes", person.id),
        lambda connection: recovery.set_codes(connection, person.id, codes),
    )
    _say(language, "codes", login=person.login)
    for code in codes:
        click.echo(f"  {code}")
    _say(language, "codes_once")


@users.command()
@click.argument("login")
@on_register
def disable(*, login: str, language: str, **where: Any) -> None:
    """Nobody signs in as them any more; who is signed in is signed out. Nobody is ever deleted."""
    _switch(where, login, language, disabled=True)


@users.command()
@click.argument("login")
@on_register
def enable(*, login: str, language: str, **where: Any) -> None:
    """They may sign in again."""
    _switch(where, login, language, disabled=False)


def _switch(where: dict[str, Any], login: str, language: str, *, disabled: bool) -> None:
    person, state = _person(where, login), "disabled" if disabled else "enabled"
    now_ms = _now_ms()
    _act(
        where,
        _entry(f"people.{state}", person.id),
        lambda connection: people.set_disabled(connection, person.id, disabled=disabled, now_ms=now_ms),
    )
    _say(language, state, login=person.login)


@users.command()
@click.argument("login")
@click.option("--withdraw", is_flag=True, help="Take the role away.")
@_role
@_scoped
@on_register
def grant(*, login: str, role: str, withdraw: bool, language: str, **where: Any) -> None:
    """Give somebody a role, say anew where it holds, or take it away. Sessions under it end."""
    person, given = _person(where, login), Grant(Role(role), _scope(where))
    now_ms = _now_ms()

    def work(connection: Any) -> None:
        people.withdraw(connection, person.id, given.role, now_ms=now_ms)
        if not withdraw:
            people.grant(connection, person.id, given)

    act = "people.withdraw" if withdraw else "people.grant"
    _act(where, _entry(act, person.id, role=role, scope=_shown(given.scope)), work)
    if withdraw:
        _say(language, "withdrawn", login=person.login, role=role)
    else:
        everywhere = register_words().text("everywhere", {})
        _say(language, "granted", login=person.login, role=role, scope=_shown(given.scope) or everywhere)


@users.command("list")
@on_register
def list_people(*, language: str, **where: Any) -> None:
    """Who may sign in here, as what and where."""
    words = register_words()
    with _opened(where) as register:
        found = register.read_now(people.everybody)
    for each in found:
        state = words.text("state_disabled" if each.disabled else "state_enabled", {})
        roles = ", ".join(" ".join((one.role.value, _shown(one.scope))).strip() for one in each.grants)
        told = {
            "login": each.login,
            "state": getattr(state, language),
            "roles": roles or "-",
            "name": each.name,
        }
        _say(language, "person", **told)
    if not found:
        _say(language, "nobody")


def _scope(where: dict[str, Any]) -> Scope:
    """Raises ``ConfigInvalid`` (``users.agency_unknown``) for an agency that the pack does not have: it would see
    nothing.
    """
    if where["agencys"]:
        centre = load(where["config"], where["data"])
        book = protocols(centre.beside(centre.file.rules) if centre.file.rules else "")
        known = {*book.agencies, *(each.value for each in Government)}
        if strange := sorted(set(where["agencys"]) - known):
            raise ConfigInvalid(
                "users.agency_unknown",
                f"there is no agency {', '.join(strange)} in protocols.toml",
                cure=f"name one of {', '.join(sorted(known))}",
            )
    return Scope(districts=where["districts"], agencies=where["agencys"], cameras=where["cameras"])


def _shown(scope: Scope) -> str:
    named = (("districts", scope.districts), ("agencies", scope.agencies), ("cameras", scope.cameras))
    return " ".join(f"{name}={','.join(ids)}" for name, ids in named if ids)


@contextmanager
def _opened(where: dict[str, Any]) -> Iterator[Register]:
    register = Register.open(register_dsn(load(where["config"], where["data"])))
    try:
        yield register
    finally:
        register.close()


def _person(where: dict[str, Any], login: str) -> Person:
    with _opened(where) as register:
        return register.read_now(lambda connection: people.by_login(connection, login))


def _act(where: dict[str, Any], entry: LedgerEntry, work: Callable[[Any], None]) -> None:
    with _opened(where) as register:
        register.submit(entry, work).result(_WAIT_S)


def _entry(act: str, subject: str, **detail: str) -> LedgerEntry:
    told = {name: value for name, value in detail.items() if value}
    return LedgerEntry(
        at_ms=_now_ms(), actor=_ACTOR, act=act, subject=subject, detail={**told, "os_user": getpass.getuser()}
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
