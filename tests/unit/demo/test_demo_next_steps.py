"""The demo tells a newcomer what to do next: where, as whom, with which keys; and no password a second time."""

from __future__ import annotations

import pytest

from cior_console.first_people import ACCOUNTS
from cior_demo.next_steps import tell_again, tell_next

CONSOLE = "http://localhost:41000/console/"


def test_the_steps_name_the_address_the_accounts_and_the_keys(capsys: pytest.CaptureFixture[str]) -> None:
    tell_next(CONSOLE)
    said = capsys.readouterr().out
    assert said.count(CONSOLE) >= 2
    logins = {login for login, _, _ in ACCOUNTS}
    assert {"operadora", "supervision", "auditoria"} <= {each for each in logins if f"«{each}»" in said}
    for words in ("N va a la alerta", "N goes to the newest", "docs/operador.md", "Ctrl-C"):
        assert words in said
    assert "{" not in said


def test_who_did_not_stay_is_told_how(capsys: pytest.CaptureFixture[str]) -> None:
    tell_again()
    assert capsys.readouterr().out.count("make demo DEMO_ARGS=--keep") == 2
