"""Where the engines' files live between runs, and what of the machine they need."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class EngineAbsent(RuntimeError):
    """The machine lacks what the engine needs; the message names the cure."""


def cache_dir() -> Path:
    """``CIOR_CACHE``, else ``cior`` in the user's cache folder. Only downloads live here, never data."""
    base = os.environ.get("CIOR_CACHE")
    folder = Path(base) if base else Path.home() / ".cache" / "cior"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def only_one(name: str) -> Iterator[None]:
    """Keep two test runs from filling the same cache folder at once."""
    with (cache_dir() / f".{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def command(name: str, debian_package: str) -> str:
    """Full path of a command, or EngineAbsent naming the Debian package that brings it."""
    found = shutil.which(name)
    if found is None:
        raise EngineAbsent(f"'{name}' is not installed (Debian: apt-get install {debian_package})")
    return found


def java(minimum: int) -> str:
    """A Java runtime of at least this major version."""
    path = command("java", "default-jdk-headless")
    said = subprocess.run([path, "-version"], capture_output=True, text=True, check=True, timeout=30)
    match = re.search(r'version "(\d+)', said.stderr + said.stdout)
    if match is None or int(match.group(1)) < minimum:
        raise EngineAbsent(
            f"Java {minimum} or newer is needed (Debian: apt-get install default-jdk-headless)"
        )
    return path
