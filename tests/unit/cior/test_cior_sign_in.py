"""What a centre file says of signing in, and a trial's first accounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from cior_bus.centre import load
from cior_console import people_part
from cior_console.first_people import ACCOUNTS, first_people
from cior_core.centre_file import Centre
from cior_core.errors import ConfigInvalid
from cior_register import ledger, people
from cior_register.passwords import is_right
from cior_register.place import register_dsn
from cior_register.register import Register

OPENID = """
[console.openid]
issuer = "https://id.ciudad.example"
client_id = "cior"
secret_file = "openid.secret"
[[console.openid.role]]
claim = "groups"
value = "guardia"
role = "operator"
districts = ["centro"]
"""


def centre(folder: Path, text: str) -> Centre:
    path = folder / "centre.toml"
    path.write_text(f'[centre]\nname = "Ensayo"\n{text}')
    return load(path)


def test_the_citys_provider_as_the_file_says_it(tmp_path: Path) -> None:
    secret = tmp_path / "openid.secret"
    secret.write_text("s3cret\n")
    secret.chmod(0o600)
    where = centre(tmp_path, '[console]\norigin = "https://muro.example:8400"\n' + OPENID)
    openid = where.file.console.openid
    assert openid is not None
    client = people_part._client(where, openid)
    assert client.redirect_uri == "https://muro.example:8400/api/v1/sign-in/oidc/callback"
    assert (client.secret, people_part._rules(openid).roles[0].districts) == ("s3cret", ("centro",))
    assert "s3cret" not in repr(client)
    secret.chmod(0o644)
    with pytest.raises(ConfigInvalid):
        people_part._client(where, openid)


def test_a_provider_needs_to_know_where_to_lead_back(tmp_path: Path) -> None:
    where = centre(tmp_path, OPENID)
    assert where.file.console.openid is not None
    with pytest.raises(ConfigInvalid, match=r"console\.openid_origin"):
        people_part._client(where, where.file.console.openid)


def test_a_trial_has_accounts_from_its_first_start_and_tells_them_once(tmp_path: Path) -> None:
    where = centre(tmp_path, "test_mode = true\n")
    made = first_people(where)
    assert [each.login for each in made] == [login for login, _, _ in ACCOUNTS]
    assert all(each.password not in repr(each) for each in made)
    assert first_people(where) == ()
    register = Register.open(register_dsn(where))
    known = register.read_now(lambda c: people.credentials(c, made[0].login))
    rows = register.read_now(lambda c: ledger.rows(c, ledger.LedgerQuestion(act="people.add")))
    register.close()
    assert known is not None
    assert known.password_hash is not None
    assert is_right(known.password_hash, made[0].password)
    assert len(rows) == len(ACCOUNTS)


def test_a_real_centre_begins_with_nobody(tmp_path: Path) -> None:
    assert first_people(centre(tmp_path, "")) == ()
    assert not (tmp_path / "data" / "register").exists()
