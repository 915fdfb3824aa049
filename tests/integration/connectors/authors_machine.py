"""An author's machine: an empty folder, a fresh environment with the built wheel in it, and nothing of our checkout."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

from engines.source_tree import ROOT

_BLOCK = re.compile(r"^```sh(?P<more>[^\n]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


_SCRIPTS = ("amqtt", "amqtt_pub")


class Block(NamedTuple):
    """Commands of a README; ``lasting`` ones are for a terminal of their own."""

    text: str
    lasting: bool


class AuthorsMachine:
    """``libraries`` of other people come from the environment of these tests, so that nothing is fetched."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self._venv = folder / "venv"
        self._lasting: list[subprocess.Popen[str]] = []
        wheels = folder / "wheels"
        _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)], cwd=ROOT)
        _run([sys.executable, "-m", "venv", "--without-pip", str(self._venv)])
        site = Path(sysconfig.get_path("purelib", vars={"base": str(self._venv)}))
        (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
        (wheel,) = wheels.glob("cior-*.whl")
        self.sh(f"python -m pip install --no-deps --quiet {wheel}")
        for point in entry_points(group="console_scripts"):
            if point.name in _SCRIPTS:
                self._script(point.name, point.value)

    def _script(self, name: str, value: str) -> None:
        """A command of a library, as ``pip install "cior[author]"`` would have put it there."""
        module, _, function = value.partition(":")
        path = self._venv / "bin" / name
        path.write_text(f"#!{self._venv}/bin/python\nfrom {module} import {function}\n{function}()\n")
        path.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """A bare one: no Python path of ours, no index to ask."""
        return {
            "PATH": f"{self._venv / 'bin'}:{os.defpath}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def sh(
        self, text: str, *, folder: Path | None = None, well: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Commands as they would be typed; each must work."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=folder or self.home,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert not well or done.returncode == 0, f"$ {text}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done

    def leave_running(self, text: str, *, folder: Path, log: Path) -> None:
        """Commands in a terminal of their own."""
        with log.open("w") as out:
            self._lasting.append(
                subprocess.Popen(
                    ["bash", "-euo", "pipefail", "-c", text],
                    cwd=folder,
                    env=self.environment,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    text=True,
                    start_new_session=True,
                )
            )

    def close_terminals(self) -> None:
        """Ctrl-C in each, the last opened first."""
        for terminal in reversed(self._lasting):
            os.killpg(terminal.pid, signal.SIGINT)
            try:
                terminal.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(terminal.pid, signal.SIGKILL)
                terminal.wait(10)
        self._lasting.clear()


def blocks(readme: Path) -> list[Block]:
    """Every command of a README, in its order."""
    found = _BLOCK.finditer(readme.read_text(encoding="utf-8"))
    return [Block(each["text"], each["more"].strip() == "terminal") for each in found]


def said(log: Path, pattern: str, *, within_s: float) -> str:
    """What a terminal said; the first group of ``pattern``."""
    deadline_s = time.monotonic() + within_s
    while (match := re.search(pattern, log.read_text())) is None:
        assert time.monotonic() < deadline_s, f"{log.name} never said {pattern}:\n{log.read_text()[-4000:]}"
        time.sleep(0.1)
    return match[1]


def _run(argv: list[str], cwd: Path | None = None) -> None:
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{argv}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
