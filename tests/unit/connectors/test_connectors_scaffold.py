"""What a new connector may be called, and what `check` says of a source that nobody ran."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cior_connectors import scaffold
from cior_connectors.cli import connector
from cior_core.errors import ConfigInvalid

INSTANCE = 'kind = "cad_drop"\nname = "desk"\n[config]\n'


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("sirens", "sirens"),
        ("Sirenas-Ñuñoa", "sirenas_nunoa"),
        ("Botón antipánico 2", "boton_antipanico_2"),
        ("sirenas.norte", "sirenas_norte"),
        ("match", "match"),
    ],
)
def test_a_name_becomes_one_that_python_and_a_manifest_take(tmp_path: Path, given: str, name: str) -> None:
    assert scaffold.name_of(given, tmp_path) == name


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("class", "a word of Python"),
        ("CLASS", "a word of Python"),
        ("traccar", "installed already"),
        ("cad-drop", "installed already"),
        ("json", "there already"),
        ("msgspec", "there already"),
        ("cior_core", "there already"),
        ("日本", "makes no name"),
        ("9lives", "makes no name"),
        ("_x", "makes no name"),
        ("a", "makes no name"),
        ("x" * 42, "makes no name"),
        ("../sirens", "is a path"),
        ("a/b", "is a path"),
        (".hidden", "is a path"),
        ("taken", "exists"),
        ("dangling", "exists"),
    ],
)
def test_a_name_that_something_else_has_is_refused_and_nothing_is_written(
    tmp_path: Path, given: str, why: str
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigInvalid, match=why):
        scaffold.name_of(given, tmp_path)
    told = CliRunner().invoke(connector, ["new", given, "--into", str(tmp_path)])
    assert told.exit_code == 1
    assert told.output.startswith("Error: connector.name: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "taken"]


@pytest.mark.parametrize("kind", scaffold.KINDS)
@pytest.mark.parametrize("one_file", [True, False])
def test_no_word_of_a_template_is_left_unfilled(tmp_path: Path, kind: str, one_file: bool) -> None:
    written = scaffold.write("sirens", tmp_path, kind=kind, one_file=one_file)
    for path in written:
        assert scaffold._WORD.findall(path.read_text()) == []
        assert "@" not in path.name


def wrote(tmp_path: Path, name: str, text: str) -> str:
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def test_a_folder_in_which_no_file_waits_is_not_run_and_says_so(tmp_path: Path) -> None:
    """Seen before: 'no file waits: the mapping was not tried on any', and exit 0."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    text = (
        f'folder = "{inbox}"\nformat = "csv"\nzone = "America/Argentina/Cordoba"\ndefault_type = "call.other"\n'
        '[config.columns]\noccurred = "at"\ntype = "nature"\n'
    )
    told = CliRunner().invoke(connector, ["check", wrote(tmp_path, "desk.toml", INSTANCE + text)])
    assert told.exit_code == 3, told.output
    assert "NOT RUN  " in told.output


def test_lint_alone_says_that_nothing_was_run(tmp_path: Path) -> None:
    text = 'kind = "dc09"\nname = "norte"\n[config]\nport = 9999\ndefault_key = "00112233445566778899AABBCCDDEEFF"\n'
    told = CliRunner().invoke(connector, ["check", "--no-probe", wrote(tmp_path, "norte.toml", text)])
    assert told.exit_code == 0, told.output
    assert "NOT RUN  " in told.output


ONE_FILE_WITHOUT_PEER = ("tmp_without_peer", 'peer="cior_connectors.kit.peers:LinesPeer"', 'peer=""')


def test_a_source_without_a_peer_is_said_in_red_to_have_not_been_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, old, new = ONE_FILE_WITHOUT_PEER
    scaffold.write(name, tmp_path, kind="listener", one_file=True)
    path = tmp_path / name / f"{name}.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    monkeypatch.syspath_prepend(str(tmp_path / name))
    told = CliRunner().invoke(connector, ["check", name], color=True)
    assert told.exit_code == 3, told.output
    assert "\x1b[31m\x1b[1mNOT RUN  " in told.output


def test_an_unfinished_connector_is_broken_and_no_other_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An author saves in the middle of a line: the list, and the centre's other connectors, go on."""
    (tmp_path / "tmp_half_done.py").write_text("def decode(\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    told = CliRunner().invoke(connector, ["check", "tmp_half_done"])
    assert told.exit_code == 1
    assert "connector.broken: tmp_half_done cannot be imported (SyntaxError" in told.output
