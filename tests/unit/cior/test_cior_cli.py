"""The command finds what rooms add to it: every command that a page names is there, and one whose packages are not
installed says so.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest

from cior import cli
from engines.source_tree import ROOT

NAMED = re.compile(r"(?:^|`|\$ )cior ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?(?=[\s`\\|]|$)", re.MULTILINE)
HEAVY = ("confluent_kafka", "cryptography", "nacl", "msgspec", "pyogrio", "shapely")
RUN = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
from cior.cli import main
main({arguments!r})
"""


def pages() -> Iterator[Path]:
    yield from sorted((ROOT / "docs").glob("*.md"))
    yield from sorted(ROOT.glob("*/README.md"))
    yield ROOT / "README.md"


def named() -> Iterator[tuple[str, str, str]]:
    """Page, command, word behind it (empty: none)."""
    for page in pages():
        for match in NAMED.finditer(page.read_text(encoding="utf-8")):
            yield page.name, match[1], match[2] or ""


def test_every_command_that_a_page_names_is_there() -> None:
    context = click.Context(cli.main)
    missing, seen = [], set()
    for page, command, word in named():
        found = cli.main.get_command(context, command)
        seen.add(command)
        if found is None or (
            word and isinstance(found, click.Group) and not found.get_command(context, word)
        ):
            missing.append(f"{page}: cior {command} {word}")
    assert not missing
    assert len(seen) > 20


def without(absent: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``cior ARGUMENTS`` where the package ``absent`` is not installed."""
    program = RUN.format(absent=absent, arguments=list(arguments))
    argv = [sys.executable, "-c", program]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("absent", "command", "extra"),
    [
        ("confluent_kafka", ("topics", "--bus", "kafka://127.0.0.1:9"), "bus"),
        ("cryptography", ("bus", "keys", "keys", "--broker-host", "kafka"), "bus"),
        ("pyogrio", ("city", "check", "."), "city"),
        ("sqlalchemy", ("users", "list", "--config", "centre.toml"), "centre"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_command_whose_room_is_not_installed_says_what_to_install(
    absent: str, command: tuple[str, ...], extra: str
) -> None:
    ran = without(absent, *command)
    assert ran.returncode == 2, ran.stderr
    assert ran.stderr == (
        f"cli.not_installed: 'cior {command[0]}' needs {absent}, which is not installed"
        f" — pip install 'cior[{extra}]'\n"
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert extra in project["optional-dependencies"]


def test_help_lists_a_command_that_cannot_be_loaded() -> None:
    ran = without("sqlalchemy", "--help")
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"^  users +Not installed here", ran.stdout, re.MULTILINE)
    assert re.search(r"^  topics +Compare", ran.stdout, re.MULTILINE)


def test_a_module_of_ours_that_is_missing_is_a_fault_and_no_advice() -> None:
    ran = without("cior_bus", "topics", "--bus", "kafka://127.0.0.1:9")
    assert ran.returncode == 1
    assert "ModuleNotFoundError" in ran.stderr


def test_the_words_of_a_rooms_commands_load_none_of_its_libraries() -> None:
    modules = {
        point.module for point in entry_points(group="cior.commands") if point.module.startswith("cior_bus")
    }
    assert len(modules) >= 2
    program = (
        f"import sys, {', '.join(sorted(modules))}\nprint([one for one in {HEAVY!r} if one in sys.modules])"
    )
    argv = [sys.executable, "-c", program]
    assert subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout == "[]\n"
