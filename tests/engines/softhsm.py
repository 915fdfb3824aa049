"""Debian's SoftHSM: a PKCS#11 module in a library, each with a token of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pkcs11

from engines import cache

LABEL = "cior"
PIN = "123456"
CONFIGURED_BY = "SOFTHSM2_CONF"
_LIBRARIES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
_LIMIT_S = 60


def library() -> Path:
    """The module that a program loads. Raises ``EngineAbsent``."""
    found = next((Path(path) for path in _LIBRARIES if Path(path).is_file()), None)
    if found is None or shutil.which("softhsm2-util") is None:
        raise cache.EngineAbsent("softhsm2 is not installed (Debian: apt-get install softhsm2)")
    return found


class SoftHsm:
    """A token called ``cior``. Whoever loads :attr:`library` needs :attr:`environment`, before it is loaded."""

    def __init__(self, folder: Path) -> None:
        self.library = library()
        tokens = folder / "tokens"
        tokens.mkdir(parents=True)
        configured = folder / "softhsm2.conf"
        configured.write_text(
            f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        self.environment = {CONFIGURED_BY: str(configured)}
        self._run("--init-token", "--free", "--label", LABEL, "--so-pin", PIN, "--pin", PIN)

    def bring(self, key: Path, label: str) -> None:
        """Put the private key of a PKCS#8 file into the token, under a label."""
        self._run(
            "--import",
            str(key),
            "--token",
            LABEL,
            "--label",
            label,
            "--id",
            label.encode().hex(),
            "--pin",
            PIN,
        )

    def forget(self) -> None:
        """End the module in this process: it reads its settings once, and the next test has a token elsewhere."""
        pkcs11.lib(str(self.library)).finalize()

    def _run(self, *arguments: str) -> None:
        program = cache.command("softhsm2-util", "softhsm2")
        ran = subprocess.run(
            [program, *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=_LIMIT_S,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
