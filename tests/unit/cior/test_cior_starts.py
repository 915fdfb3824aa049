"""What a part loads before it runs. What it does not run on costs each of its starts, after a kill too."""

from __future__ import annotations

import subprocess
import sys

import pytest

ENGINES = {"faust", "aiohttp", "chdb", "numpy", "openvino", "sqlalchemy"}


@pytest.mark.parametrize(
    ("part", "runs_on"),
    [
        ("cior.parts", set()),
        ("cior.recorder_part", {"sqlalchemy"}),
        ("cior.stack", set()),
        ("cior_streams.health", set()),
        ("cior_streams.runner", {"faust", "aiohttp"}),
    ],
)
def test_a_part_loads_only_the_engines_it_runs_on(part: str, runs_on: set[str]) -> None:
    asked = f"import sys, {part}; print(*sorted({ENGINES!r} & sys.modules.keys()))"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert set(told.stdout.split()) == runs_on
