"""``make mutants`` tells a fault that is noticed from one that is not, names a row that no longer fits, and leaves
the copy whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engines import broken_copy, source_tree
from engines.warm_pytest import WarmPytest
from mutants import __main__ as runner
from mutants.table import Mutant

FILE = "core/cior_core/strict_toml.py"
TEST = "tests/unit/core/test_core_strict_toml.py::test_each_fault_names_its_line"
NOTICED = Mutant(
    what="no line", file=FILE, old="{file}:{line}: {sentence}", new="{file}: {sentence}", test=TEST
)
UNNOTICED = Mutant(what="a word", file=FILE, old='"""Strict TOML', new='"""Severe TOML', test=TEST)
AS_LONG = Mutant(
    what="as long", file=FILE, old="{file}:{line}: {sentence}", new="{line}:{file}: {sentence}", test=TEST
)
STALE = Mutant(what="gone", file=FILE, old="no such line", new="", test=TEST)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmPytest]:
    tree = tmp_path_factory.mktemp("copy") / "tree"
    broken_copy.copy_checkout(tree)
    with broken_copy.warm(tree) as ready:
        yield ready


@pytest.mark.parametrize(
    ("row", "killed", "told"),
    [(NOTICED, True, "killed"), (UNNOTICED, False, "SURVIVED"), (STALE, False, "STALE")],
    ids=lambda value: value.what if isinstance(value, Mutant) else "",
)
def test_a_mutant_is_killed_only_by_a_test_that_fails(
    row: Mutant, killed: bool, told: str, ready: WarmPytest, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runner.killed(row, ready) is killed
    assert capsys.readouterr().out.startswith(told)
    assert (ready.tree / FILE).read_bytes() == (source_tree.ROOT / FILE).read_bytes()


def test_a_break_of_the_same_length_is_seen_though_compiled_modules_are_kept(ready: WarmPytest) -> None:
    for _ in range(2):
        assert broken_copy.run([TEST], ready) == 0
        assert list((ready.tree / FILE).parent.glob("__pycache__/strict_toml.*.pyc"))
        for row in (AS_LONG, NOTICED, AS_LONG):
            with broken_copy.broken(row, ready.tree):
                assert broken_copy.run([TEST], ready) == 1, row.what


def test_nothing_is_killed_while_the_tests_do_not_pass_as_they_are(tmp_path: Path) -> None:
    nowhere = Mutant(what="no line", file=FILE, old=NOTICED.old, new=NOTICED.new, test=f"{TEST}_and_none")
    assert runner.kill_all([nowhere], tmp_path) == 0


def test_a_test_that_does_not_pass_as_it_is_is_named(ready: WarmPytest) -> None:
    with broken_copy.broken(NOTICED, ready.tree):
        code, printed = broken_copy.told([TEST], ready.tree, options=runner.TELLING)
    assert code not in {0, 5}
    assert f"FAILED {TEST}" in printed


def test_each_run_is_as_alone_as_a_process_of_its_own(ready: WarmPytest) -> None:
    """It sees a module as it is then, draws for itself, and ends with all that it started when it takes too long."""
    story = ready.tree / "tests" / "unit" / "test_story.py"
    draws = set()
    # Not of one length: within a second, size alone tells a compiled module that its source has changed (PEP 3147).
    for word in ("one", "three"):
        (ready.tree / "tests" / "said.py").write_text(f"WORD = {word!r}")
        story.write_text(
            "import random\nfrom said import WORD\ndef test_it(): raise AssertionError(WORD, random.random())"
        )
        ran = ready.run([str(story), "--tb=line"], timeout_s=60)
        assert ran.code == 1
        assert f"'{word}'" in ran.printed
        draws.add(ran.printed.partition(f"'{word}',")[2].partition(")")[0])
    assert len(draws) == 2
    story.write_text("import subprocess\ndef test_it(): subprocess.run(['sleep', '61.5'])")
    assert ready.run([str(story)], timeout_s=3).code is None
    assert ready.run([TEST], timeout_s=60).code == 0
    asleep = [path for path in Path("/proc").glob("[0-9]*/cmdline") if b"\x0061.5\0" in _read(path)]
    assert asleep == []


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
