"""A centre that runs on a key from before its newest kinds of act: it says so and loses nothing; after `cior keys
rotate actions` the same act goes through, without a restart.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from cior.cli import main
from cior_bus.keys import open_keys
from cior_bus.signers import open_signer, opener, private_file, rotate_signer
from cior_bus.signing import RING, make_key
from cior_core.duty import DutyBook, published
from cior_core.errors import ConfigInvalid
from cior_core.model import DEFAULT_AREA, ActionKind
from cior_core.privacy import Role
from cior_core.signatures import Signing
from integration.console.api_rig import Office, act, office

OLD_KINDS = (ActionKind.ACKNOWLEDGE, ActionKind.CLOSE)
"""What a console could do when this key was made."""
NOTE = {"kind": "note", "reason": "el móvil 7 va en camino"}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """The keys of a centre that was set up long ago."""
    folder = tmp_path / "data" / "keys"
    folder.mkdir(parents=True, mode=0o700)
    open_keys(folder, own_team=True)
    make_key(
        private_file(folder, "console"),
        folder / RING,
        signer="console",
        may=Signing(kinds=OLD_KINDS),
        now_ms=1,
        honoured_ms=0,
    )
    (tmp_path / "centre.toml").write_text('[centre]\nname = "Ensayo"\n', encoding="utf-8")
    return folder


@pytest.fixture
async def here(tmp_path: Path, keys: Path) -> AsyncIterator[Office]:
    (tmp_path / "office").mkdir()
    async with office(
        tmp_path / "office", signer=open_signer(keys, "console"), opens=opener(keys)
    ) as running:
        running.clock.now_ms = time.time_ns() // 1_000_000  # keys have their time by the real clock
        yield running


async def test_an_act_that_the_key_may_not_sign_is_told_not_lost_and_goes_through_after_the_rotation(
    here: Office, tmp_path: Path
) -> None:
    press = here.centre.press(1)
    url = f"{here.url}/api/v1/alerts/{press}/acts"
    async with here.signed_in(Role.OPERATOR, login="ana") as browser:
        assert (await act(browser, url, {"kind": "acknowledge"}))[0] == 200, "what it may sign goes on"

        status, said = await act(browser, url, NOTE, key="one-and-the-same")
        assert (status, said["code"]) == (503, "keys.kind_not_signed")
        assert "cior keys rotate actions" in said["detail_es"]
        assert [action.kind for action in here.centre.sent] == [ActionKind.ACKNOWLEDGE], "nothing left"
        assert [row.act for row in here.register.rows] == ["alert.acknowledge"], "nor stands as done"

        turned = CliRunner().invoke(
            main, ["keys", "rotate", "actions", "--config", str(tmp_path / "centre.toml")]
        )
        assert turned.exit_code == 0, turned.output
        status, said = await act(browser, url, NOTE, key="one-and-the-same")
        assert (status, said["state"]) == (200, "applied"), said
    assert [action.kind for action in here.centre.sent] == [ActionKind.ACKNOWLEDGE, ActionKind.NOTE]


async def test_law_13_who_is_on_duty_is_not_told_by_a_key_that_is_older_than_that(keys: Path) -> None:
    told = published(DutyBook(), area=DEFAULT_AREA, at_ms=time.time_ns() // 1_000_000)
    signer = open_signer(keys, "console")
    with pytest.raises(ConfigInvalid) as refused:
        signer.sign_duty(told, at_ms=told.at_ms)
    assert refused.value.code == "keys.kind_not_signed"
    rotate_signer(keys, "console", honoured_ms=0)
    assert (
        opener(keys)(signer.sign_duty(told, at_ms=time.time_ns() // 1_000_000), at_ms=None).signer
        == "console"
    )


async def test_a_key_that_is_in_no_ring_signs_nothing_either(here: Office, keys: Path) -> None:
    press = here.centre.press(1)
    make_key(
        keys / "other.signing",
        keys / "other.json",
        signer="console",
        may=Signing(kinds=tuple(ActionKind)),
        now_ms=1,
    )
    private_file(keys, "console").write_bytes((keys / "other.signing").read_bytes())
    async with here.signed_in(Role.OPERATOR, login="ana") as browser:
        url = f"{here.url}/api/v1/alerts/{press}/acts"
        status, said = await act(browser, url, {"kind": "acknowledge"})
    assert (status, said["code"]) == (503, "keys.kind_not_signed")
    assert here.centre.sent == []


def test_the_list_of_keys_says_which_one_is_older_than_its_acts(keys: Path, tmp_path: Path) -> None:
    config = ["--config", str(tmp_path / "centre.toml")]
    before = CliRunner().invoke(main, ["keys", "list", *config])
    assert "cior keys rotate actions" in before.output
    CliRunner().invoke(main, ["keys", "rotate", "actions", *config])
    after = CliRunner().invoke(main, ["keys", "list", *config])
    assert after.exit_code == 0
    assert "cior keys rotate actions" not in after.output
