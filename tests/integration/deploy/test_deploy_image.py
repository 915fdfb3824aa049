"""The image's build stage, step by step, without a container engine: the Dockerfile's own COPY and RUN lines, with
its root moved into a temporary folder.

What this cannot show is the base image and the final stage's user; what it does show is that the pinned set installs
by hash, that the project installs beside it with nothing else, and that every part's command starts from the result.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILE = ROOT / "deploy" / "compose" / "Dockerfile"
PARTS = ("sink", "console", "streams", "connectors", "vision", "recorder", "evidence")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not os.environ.get("CI"),
        reason="downloads the whole pinned set once more: runs in CI, or with CI=true",
    ),
]


def build_stage() -> Iterator[tuple[str, list[str]]]:
    """(instruction, words) of the first stage."""
    text = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
    stages = text.split("\nFROM ")
    for line in stages[0 if stages[0].startswith("FROM") else 1].splitlines()[1:]:
        instruction, *words = line.split()
        yield instruction, words


def copied(words: list[str], target: Path) -> None:
    *sources, to = words
    for source in sources:
        origin, place = ROOT / source, target / to
        if origin.is_dir():
            shutil.copytree(origin, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            place = place / origin.name if to.endswith("/") else place
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(origin, place)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image's ``/opt/cior``."""
    root = tmp_path_factory.mktemp("image")
    source, opt = root / "src", root / "opt"
    source.mkdir()
    (root / "bin").mkdir()
    (root / "bin" / "python").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    env = {"PATH": f"{root / 'bin'}:{os.environ['PATH']}", "HOME": str(root)}
    env |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    env["PIP_NO_COMPILE"] = "0"  # that is, --no-compile: a third less processor, and nothing here asks for it
    for instruction, words in build_stage():
        match instruction:
            case "WORKDIR":
                assert words == ["/src"]
            case "COPY":
                copied(words, source)
            case "RUN":
                command = " ".join(words).replace("/opt/cior", str(opt))
                ran = subprocess.run(
                    ["bash", "-euc", command],
                    cwd=source,
                    env=env,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert ran.returncode == 0, f"{command}\n{ran.stdout[-1500:]}{ran.stderr[-3000:]}"
            case other:
                pytest.fail(f"the build stage has an instruction that this test does not know: {other}")
    shutil.rmtree(source)
    return opt


def run(installed: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [installed / "bin" / "cior", *words],
        cwd=installed,
        env={"PATH": "/usr/bin:/bin", "HOME": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("part", PARTS)
def test_the_command_of_every_part_starts_from_the_image_alone(installed: Path, part: str) -> None:
    ran = run(installed, "run", part, "--help")
    assert ran.returncode == 0, ran.stderr
    assert "--config" in ran.stdout


def test_what_builds_and_seals_packages_is_in_the_image(installed: Path) -> None:
    """Its parts are loaded when they are needed: PDF, CAdES, RFC 3161, cutting video, and what travels."""
    needed = "cior.evidence_part, cior_evidence.act, typst, pyhanko, rfc3161_client, av"
    travels = "from cior_evidence.commands.package import BESIDE, beside; assert set(beside()) == {*BESIDE}"
    words = ["-c", f"import {needed}; {travels}"]
    ran = subprocess.run(
        [installed / "bin" / "python", *words], cwd=installed, capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(installed)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


def test_rules_types_and_migrations_are_in_the_image(installed: Path) -> None:
    ran = run(installed, "connector", "list")
    assert ran.returncode == 0, ran.stderr
    assert {"dc09", "traccar", "cad_drop"} <= set(ran.stdout.split())
    found = {path.name for path in (installed / "lib").rglob("*.sql")}
    assert "002_facts.sql" in found
    assert list((installed / "lib").rglob("correlation.toml"))
