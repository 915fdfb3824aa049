"""``cior store``: what people see of a store's schema, each command in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cior_grafana.needed_views import needed_views
from cior_store.migrate import bundled


def store(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cior", "store", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.fixture
def dsn(tmp_path: Path) -> str:
    pytest.importorskip("chdb", reason="the embedded engine is not installed: pip install 'cior[embedded]'")
    return f"chdb://{tmp_path / 'store'}"


def test_a_new_store_is_pending_then_migrated_then_current(dsn: str) -> None:
    known = bundled()
    before = store("status", "--store", dsn)
    assert before.returncode == 1, before.stderr
    assert before.stdout.count("pending") == len(known)
    assert known[0].sha256[:16] in before.stdout
    done = store("migrate", "--store", dsn)
    assert (done.returncode, done.stderr.count("Error")) == (0, 0)
    assert done.stdout.startswith("applied 001")
    after = store("status", "--store", dsn)
    assert after.returncode == 0
    assert after.stdout.endswith(f"{len(known)} of {len(known)} applied\n")
    assert store("migrate", "--store", dsn).stdout == "nothing to apply\n"


def test_a_view_that_a_board_reads_and_the_store_lacks_is_named_with_its_boards(dsn: str) -> None:
    assert store("migrate", "--store", dsn).returncode == 0
    view, boards = next(iter(needed_views().items()))
    drop_and_start = (
        "import sys; from cior.store_parts import _brought_up_to_date; from cior_store.engine import Store\n"
        "with Store.open(sys.argv[1]) as s:\n"
        "    s.command(f'DROP VIEW {sys.argv[2]}')\n"
        "    _brought_up_to_date(s)\n"
    )
    started = subprocess.run(
        [sys.executable, "-c", drop_and_start, dsn, view],
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert "wall_view_lacking" in started.stdout
    assert view in started.stdout
    told = store("status", "--store", dsn)
    assert told.returncode == 1
    assert f"view {view} is not there: {', '.join(boards)} need it" in told.stdout


def test_a_file_that_was_changed_after_it_was_applied_is_said(dsn: str) -> None:
    assert store("migrate", "--store", dsn).returncode == 0
    change = (
        "import sys; from cior_store.engine import Store\n"
        "with Store.open(sys.argv[1]) as s:\n"
        '    s.command("INSERT INTO cior.schema_history (version, name, sha256, statements, applied) "\n'
        "              \"VALUES (1, 'x', 'another', 1, now64(3) + 60)\")\n"
    )
    subprocess.run([sys.executable, "-c", change, dsn], check=True, timeout=60)
    told = store("status", "--store", dsn)
    assert told.returncode == 2
    assert told.stdout.startswith("changed")
    refused = store("migrate", "--store", dsn)
    assert refused.returncode == 2
    assert "store.migration_changed" in refused.stderr


def test_the_store_of_a_centre_file_or_none(tmp_path: Path) -> None:
    path = tmp_path / "centre.toml"
    path.write_text('[centre]\nname = "Ensayo"\n')
    assert store("migrate", "--config", str(path)).returncode == 0
    assert (tmp_path / "data" / "store").is_dir()
    nameless = store("status")
    assert nameless.returncode == 2
    assert "store.which" in nameless.stderr
