"""What a newcomer does after the demo: where to sign in, as whom, and with which keys; Spanish and English."""

from __future__ import annotations

from importlib import resources

import click

from cior_console.first_people import ACCOUNTS
from cior_core.privacy import Role
from cior_core.sentences import SentenceBook, Text

_FILE = "next_steps.toml"


def tell_next(console: str) -> None:
    """The steps, numbered; ``console`` is the address that people sign in at."""
    logins = {role.value: login for login, _, role in ACCOUNTS}
    known = {"console": console} | {
        each: logins[each] for each in (Role.OPERATOR.value, Role.SUPERVISOR.value, Role.AUDITOR.value)
    }
    book = _book()
    click.echo(_line(book.text("title", {})))
    for number, code in enumerate(("sign_in", "keys", "others", "wall", "guide"), start=1):
        said = book.text(code, known)
        click.echo(f"  {number}. {said.es}\n     {said.en}")


def tell_again() -> None:
    """How to stay, for whom the demo has just ended."""
    said = _book().text("again", {})
    click.echo(f"{said.es}\n{said.en}")


def _line(said: Text) -> str:
    return f"{said.es} / {said.en}"


def _book() -> SentenceBook:
    text = resources.files("cior_demo").joinpath(_FILE).read_text(encoding="utf-8")
    return SentenceBook.load(text, file=_FILE)
