"""The centre file and this installation's keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from cior_bus.centre import load
from cior_bus.keys import open_keys
from cior_core.centre_file import EMBEDDED
from cior_core.errors import ConfigInvalid

MINIMAL = '[centre]\nname = "Ensayo"\n'


def test_the_least_file_is_an_embedded_centre(tmp_path: Path) -> None:
    path = tmp_path / "centre.toml"
    path.write_text(MINIMAL)
    centre = load(path)
    assert (centre.file.bus.dsn, centre.file.store.dsn) == (EMBEDDED, EMBEDDED)
    assert centre.data == tmp_path / "data"
    assert centre.beside("x.toml") == tmp_path / "x.toml"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (MINIMAL + "[bus]\ndns = 1\n", r"config\.unknown_key: centre\.toml:4"),
        ("[console]\nport = 1\n", r"config\.missing_key"),
        (MINIMAL + "accounting_every_s = 600\n", r"config\.wrong_value: centre\.toml:3"),
        (MINIMAL + "[metrics]\nport = 70000\n", r"config\.wrong_value: centre\.toml:4"),
        (MINIMAL + "[metrics]\nprot = 1\n", r"config\.unknown_key: centre\.toml:4"),
        ("[centre\n", r"config\.syntax: centre\.toml:1"),
    ],
)
def test_a_fault_is_named_with_its_line_and_a_cure(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "centre.toml"
    path.write_text(text)
    with pytest.raises(ConfigInvalid, match=fault) as caught:
        load(path)
    assert caught.value.cure


def test_each_part_serves_its_numbers_on_the_port_that_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "centre.toml"
    path.write_text(MINIMAL + "[metrics]\nport = 9400\nports = { sink = 9401, vision-1 = 9402 }\n")
    metrics = load(path).file.metrics
    assert (metrics.host, metrics.port_of("sink"), metrics.port_of("streams-urgent")) == (
        "127.0.0.1",
        9401,
        9400,
    )
    path.write_text(MINIMAL)
    assert load(path).file.metrics.port_of("sink") == 0, "a free one, on the loopback"


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"config\.unreadable"):
        load(tmp_path / "nowhere.toml")


def test_keys_are_made_once_are_private_and_never_show_themselves(tmp_path: Path) -> None:
    first, second = (open_keys(tmp_path / "keys", own_team=True) for _ in range(2))
    assert (first.fresh, second.fresh) == (True, False)
    assert first.keys == second.keys
    assert first.keys.wall_token not in repr(first)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()} == {0o600}
    assert open_keys(tmp_path / "other", own_team=True).keys.centre_hmac != first.keys.centre_hmac


def test_keys_that_others_may_read_are_refused(tmp_path: Path) -> None:
    open_keys(tmp_path, own_team=True)
    (tmp_path / "keys.json").chmod(0o644)
    with pytest.raises(ConfigInvalid, match=r"keys\.readable_by_others"):
        open_keys(tmp_path)
