"""Nothing is built that nobody calls: every public function and method of the kernel has a caller in production code
outside its own file.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import msgspec
import pytest

from engines import source_tree
from unit.house import callers

LIST = Path(__file__).with_name("uncalled.toml")
ISSUES = range(5, 11)


class Waiting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Functions of ``cior_core`` that an issue will call, and what for."""

    issue: int
    why: str
    functions: tuple[str, ...]


class Exceptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``uncalled.toml``."""

    waiting: tuple[Waiting, ...]


def exceptions() -> list[str]:
    rows = msgspec.toml.decode(LIST.read_bytes(), type=Exceptions).waiting
    assert all(row.issue in ISSUES and row.why for row in rows)
    return [f"cior_core.{name}" for row in rows for name in row.functions]


@pytest.fixture(scope="module")
def sources() -> dict[str, callers.Source]:
    return callers.sources(
        [*source_tree.package_folders(), *(source_tree.ROOT / name for name in source_tree.SCRIPTS)]
    )


@pytest.fixture(scope="module")
def uncalled(sources: dict[str, callers.Source]) -> list[str]:
    return callers.uncalled("cior_core", sources)


def test_every_public_function_of_the_kernel_has_a_caller_elsewhere(uncalled: list[str]) -> None:
    found = [name for name in uncalled if not any(fnmatchcase(name, listed) for listed in exceptions())]
    assert not found, (
        f"{found}: call them, give them an underscore, remove them, or name the issue in {LIST.name}"
    )


def test_the_list_of_exceptions_only_names_what_nobody_calls(uncalled: list[str]) -> None:
    listed = exceptions()
    assert len(listed) == len(set(listed))
    stale = [name for name in listed if not any(fnmatchcase(each, name) for each in uncalled)]
    assert not stale, f"{stale}: called by now, or gone; take them out of {LIST.name}"


def test_no_private_function_is_left_that_its_own_file_does_not_use(
    sources: dict[str, callers.Source],
) -> None:
    found = [name for folder in source_tree.package_folders() for name in callers.idle(folder.name, sources)]
    assert not found, f"{found}: nobody can call them"


CALLS = {
    "by name": "from planted.there import wanted\nwanted()",
    "by module": "from planted import there\nthere.wanted()",
    "by a full name": "import planted.there\nplanted.there.wanted()",
    "by another name": "from planted.there import wanted as w\nprint(w)",
    "over a package that hands it on": "import planted\nplanted.wanted()",
}
NO_CALLS = {
    "never": "",
    "only imported": "from planted.there import wanted",
    "another of that name": "from planted.elsewhere import wanted\nwanted()",
}


def planted(tmp_path: Path, user: str) -> list[str]:
    folder = tmp_path / "planted"
    folder.mkdir()
    (folder / "__init__.py").write_text("from planted.there import wanted\n")
    (folder / "there.py").write_text("def wanted() -> None: ...\ndef _own() -> None:\n    wanted()\n")
    (folder / "elsewhere.py").write_text("def wanted() -> None: ...\n")
    (folder / "user.py").write_text(user)
    return callers.uncalled("planted", callers.sources([folder]))


@pytest.mark.parametrize("user", CALLS.values(), ids=CALLS)
def test_a_caller_is_seen(user: str, tmp_path: Path) -> None:
    assert "planted.there.wanted" not in planted(tmp_path, user)


@pytest.mark.parametrize("user", NO_CALLS.values(), ids=NO_CALLS)
def test_a_function_without_a_caller_is_named(user: str, tmp_path: Path) -> None:
    assert "planted.there.wanted" in planted(tmp_path, user)


def test_an_idle_private_function_is_named(tmp_path: Path) -> None:
    planted(tmp_path, "def _used() -> None: ...\ndef _idle() -> None: ...\n_used()\n")
    assert callers.idle("planted", callers.sources([tmp_path / "planted"])) == [
        "planted.there._own",
        "planted.user._idle",
    ]


def test_methods_are_looked_for_by_name(tmp_path: Path) -> None:
    text = (
        "class Thing:\n    def used(self) -> None: ...\n"
        "    def idle(self) -> None: ...\n    def _own(self) -> None: ...\n"
    )
    found = planted(tmp_path, f"{text}Thing().used()")
    assert "planted.user.Thing.idle" in found
    assert not {"planted.user.Thing.used", "planted.user.Thing._own"} & set(found)
