"""A server of S3 with object lock on a free port of loopback: versitygw over a folder, built once out of Go's proxy."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Self

import urllib3

from engines import cache
from engines.process import EngineProcess

if TYPE_CHECKING:
    from minio import Minio

VERSION = "1.8.0"
KEY_ID, SECRET = "cior-tests", "only-on-loopback"
REGION = "us-east-1"
_BUILD_S = 1_200
_START_S = 60.0
_PROGRAM = "github.com/versity/versitygw/cmd/versitygw"


def program() -> Path:
    """The server's program, in the cache (a minute or two the first time). Raises ``EngineAbsent``."""
    target = cache.cache_dir() / f"versitygw-{VERSION}"
    if target.exists():
        return target
    go = shutil.which("go", path=f"{os.environ.get('PATH', os.defpath)}:/usr/local/go/bin")
    if go is None:
        raise cache.EngineAbsent("Go is not installed (1.26 or newer; it builds versitygw, a server of S3)")
    with cache.only_one(target.name):
        if not target.exists():
            _build(go, target)
    return target


def _build(go: str, target: Path) -> None:
    """What the compiler leaves behind is ten times the program: it goes."""
    work = target.with_name(f".{target.name}.build")
    shutil.rmtree(work, ignore_errors=True)
    environment = os.environ | {
        "GOPATH": str(work / "path"),
        "GOCACHE": str(work / "cache"),
        "GOBIN": str(work / "bin"),
        "GOFLAGS": "-modcacherw -ldflags=-s -trimpath",
        "CGO_ENABLED": "0",
    }
    ran = subprocess.run(
        [go, "install", f"{_PROGRAM}@v{VERSION}"],
        env=environment, capture_output=True, text=True, check=False, timeout=_BUILD_S,
    )  # fmt: skip
    try:
        if ran.returncode:
            raise cache.EngineAbsent(f"Go could not build versitygw {VERSION}: {ran.stderr[-600:]}")
        (work / "bin" / "versitygw").rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


class VersityGw:
    """Use as a context manager. Buckets are folders of ``folder``; any file system will do."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.objects = folder / "objects"
        for each in ("objects", "versions", "facts"):
            (folder / each).mkdir(parents=True)
        self._process = EngineProcess(
            "versitygw",
            [
                str(program()), "--port", f"127.0.0.1:{self.port}", "--region", REGION, "posix",
                "--versioning-dir", str(folder / "versions"), "--sidecar", str(folder / "facts"), str(self.objects),
            ],
            log_path=folder / "versitygw.log",
            env=os.environ | {"ROOT_ACCESS_KEY": KEY_ID, "ROOT_SECRET_KEY": SECRET},
        )  # fmt: skip

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Until it listens; also again, after :meth:`stop`."""
        if self._process.pid is not None:
            return
        self._process.start(self._listens, timeout_s=_START_S)

    def stop(self) -> None:
        """Nobody is there any more; the objects stay."""
        self._process.stop(timeout_s=10)

    def client(self) -> Minio:
        """As its owner, who may do everything that the server lets anybody do."""
        from minio import Minio

        pool = urllib3.PoolManager(timeout=urllib3.Timeout(20), retries=False)
        return Minio(f"127.0.0.1:{self.port}", KEY_ID, SECRET, secure=False, region=REGION, http_client=pool)

    def fresh(self) -> str:
        """A new bucket with object lock, under a name of its own."""
        return self.bucket(f"held-{uuid.uuid4().hex[:12]}")

    def bucket(self, name: str, *, is_locked: bool = True) -> str:
        """A new bucket."""
        self.client().make_bucket(name, object_lock=is_locked)
        return name

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
