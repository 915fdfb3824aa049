"""Who may import whom: a violation planted in a copy of the tree is caught, each kind by the contract meant for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines import source_tree

PLANTS = [
    ("floors", "store/cior_store/planted.py", "from cior_streams import __doc__"),
    ("floors", "evidence/cior_evidence/planted.py", "import cior_console"),
    ("floors", "streams/cior_bus/planted.py", "def late():\n    import cior_store"),
    ("floors", "core/cior_core/planted.py", "import cior_bus"),
    ("kernel", "core/cior_core/planted.py", "import socket"),
    ("kernel", "core/cior_core/planted.py", "def late():\n    import logging"),
    ("kernel", "core/cior_core/planted.py", "from time import time"),
    ("core-floors", "core/cior_core/errors.py", "import cior_core.privacy"),
    (
        "builtins",
        "connectors/cior_connectors/builtin/dc09/planted.py",
        "import cior_connectors.builtin.planted",
    ),
    ("runtime", "connectors/cior_connectors/builtin/planted/planted.py", "import cior_connectors._runtime"),
    ("runtime", "connectors/cior_connectors/contract.py", "import cior_connectors._runtime"),
    ("faust", "streams/cior_bus/planted.py", "def late():\n    import faust"),
    ("clickhouse", "console/cior_console/planted.py", "import clickhouse_connect.driver"),
    ("clickhouse", "cior/planted.py", "import chdb"),
    ("floors", "cior/planted.py", "import cior_demo"),
    ("floors", "store/cior_sink/planted.py", "import cior_console"),
    ("floors", "store/cior_sink/planted.py", "import cior_streams"),
    ("clickhouse", "store/cior_sink/planted.py", "import clickhouse_connect"),
    ("register", "store/cior_store/planted.py", "import sqlalchemy"),
    ("register", "cior/planted.py", "def late():\n    import alembic"),
    ("floors", "store/cior_register/planted.py", "import cior_bus"),
    ("openvino", "vision/cior_vision/planted.py", "import openvino"),
    ("openvino", "vision/cior_vision/detectors/contract.py", "import openvino"),
    ("ultralytics", "vision/cior_vision/detectors/openvino_yolo.py", "import ultralytics"),
    ("torch", "vision/cior_vision/detectors/planted.py", "import torch"),
    ("torch", "vision/cior_vision/detectors/letterbox.py", "import torch"),
    ("onnxruntime", "vision/cior_vision/detectors/heads.py", "import onnxruntime"),
    ("frameworks", "vision/cior_vision/detectors/planted.py", "import tensorflow"),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    shutil.copy(source_tree.ROOT / "pyproject.toml", root)
    for folder in source_tree.package_folders():
        only_source = shutil.ignore_patterns("__pycache__", "*.toml", "samples", "static", "data")
        shutil.copytree(folder, root / folder.relative_to(source_tree.ROOT), ignore=only_source)
    extra = root / "connectors/cior_connectors/builtin/planted"
    extra.mkdir()
    (extra / "__init__.py").touch()
    return root


@pytest.fixture
def planted(copy: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    _, where, line = request.param
    path = copy / where
    before = path.read_text() if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n")
    yield copy
    if before is None:
        path.unlink()
    else:
        path.write_text(before)


def lint(root: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    rooms = dict.fromkeys(
        str((root / folder.relative_to(source_tree.ROOT)).parent) for folder in source_tree.package_folders()
    )
    argv = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    argv += [f"--contract={name}" for name in contracts]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(rooms)}
    return subprocess.run(argv, cwd=root, env=env, capture_output=True, text=True, check=False, timeout=60)


def test_the_tree_as_it_stands_keeps_every_contract(copy: Path) -> None:
    ran = lint(copy)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    "planted",
    PLANTS,
    indirect=True,
    ids=[f"{name}: {Path(where).parent.name}: {line.split()[-1]}" for name, where, line in PLANTS],
)
def test_a_planted_violation_is_caught(planted: Path, request: pytest.FixtureRequest) -> None:
    contract = request.node.callspec.params["planted"][0]
    ran = lint(planted, contract)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "BROKEN" in ran.stdout


@pytest.mark.parametrize(
    "planted", [("openvino", "vision/cior_vision/detectors/input_size.py", "import openvino")], indirect=True
)
def test_a_framework_inside_its_plugin_is_allowed(planted: Path) -> None:
    ran = lint(planted, "openvino")
    assert ran.returncode == 0, ran.stdout + ran.stderr
