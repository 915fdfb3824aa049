"""From a centre file to parts: who holds the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from cior.stack import Stack
from cior_bus.centre import load
from cior_bus.keys import open_keys

CENTRE = '[centre]\nname = "Ensayo"\n[bus]\ndsn = "kafka://kafka:9092?profile=kafka"\n'


def parts(folder: Path, store: str) -> dict[str, list[str]]:
    """Name → arguments behind ``cior run``."""
    path = folder / "centre.toml"
    path.write_text(CENTRE + store)
    centre = load(path)
    stack = Stack(centre, open_keys(centre.data / "keys", own_team=True).keys)
    return {
        spec.name: list(spec.argv[spec.argv.index("run") + 1 : spec.argv.index("--config")])
        for spec in stack.store_parts()
    }


def test_an_embedded_store_has_one_process_that_writes_it_and_serves_the_wall(tmp_path: Path) -> None:
    assert parts(tmp_path, "") == {"sink-console": ["sink", "--with-console"]}


@pytest.mark.parametrize("dsn", ["clickhouse://u@clickhouse:8123/ops", "clickhouses://u@clickhouse:8443"])
def test_with_a_server_the_sink_and_the_console_are_two_processes(tmp_path: Path, dsn: str) -> None:
    made = parts(tmp_path, f'[store]\ndsn = "{dsn}"\n')
    assert made == {"sink": ["sink"], "console": ["console"]}
