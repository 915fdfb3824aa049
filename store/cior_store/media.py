"""Media objects by content: a folder or an S3 bucket, named by the SHA-256 of their bytes, written once and never
again.

The name is the promise: ``sha256/ab/abcd…``. Putting the same bytes twice is the same object; other bytes cannot take
its name. Local writes go to a temporary file, are fsynced and renamed, so that an object either stands whole or not at
all. On S3, set object lock on the bucket (docs/operations).
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import fsspec

from cior_core.errors import ConfigInvalid, IntegrityBroken, PayloadRejected, SourceUnavailable
from cior_core.model import Struct

_KEY = re.compile(r"[0-9a-f]{64}")


class Stored(Struct, frozen=True):
    """One object: its digest (which is its name) and its size."""

    sha256: str
    size_bytes: int


class MediaStore(Protocol):
    """Where clips, snapshots and packages lie. Keys are hex SHA-256 digests."""

    def put(self, data: bytes, *, expect: str | None = None) -> Stored:
        """Store bytes under their digest; ``expect`` refuses others."""
        ...

    def get(self, sha256: str) -> bytes:
        """The proven bytes."""
        ...

    def exists(self, sha256: str) -> bool:
        """Whether it stands."""
        ...

    def list(self) -> Iterator[Stored]:
        """Every object, in order of digest."""
        ...

    def verify(self, sha256: str) -> Stored:
        """Read and prove one object."""
        ...


def open_media(address: str) -> MediaStore:
    """A media store by address: a folder path (or ``file://``), or anything fsspec names such as
    ``s3://bucket/prefix``.
    """
    scheme, separator, rest = address.partition("://")
    if not separator:
        return FolderMedia(Path(address))
    if scheme == "file":
        return FolderMedia(Path(rest))
    try:
        filesystem, root = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise ConfigInvalid(
            "media.address", f"no file system for {scheme}://", cure="pip install 'cior[store-s3]' for S3"
        ) from error
    return ObjectMedia(filesystem, root)


def _path(sha256: str) -> str:
    if not _KEY.fullmatch(sha256):
        raise ConfigInvalid(
            "media.key", "a media key is 64 hex digits", cure="use the digest that put() returned"
        )
    return f"sha256/{sha256[:2]}/{sha256}"


def _digest(data: bytes, expect: str | None) -> str:
    digest = hashlib.sha256(data).hexdigest()
    if expect is not None and expect != digest:
        raise PayloadRejected(
            "media.digest",
            "the bytes do not have the digest they were announced with",
            cure="fetch them again",
        )
    return digest


def _checked(sha256: str, data: bytes) -> bytes:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise IntegrityBroken(
            "media.changed",
            f"object {sha256[:12]}… does not have its digest any more",
            cure="keep it, restore from a copy",
        )
    return data


def _absent(sha256: str) -> PayloadRejected:
    return PayloadRejected(
        "media.absent", f"there is no object {sha256[:12]}…", cure="it was never put here, or it expired"
    )


class FolderMedia:
    """Objects in a local folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "sha256").mkdir(parents=True, exist_ok=True)

    def put(self, data: bytes, *, expect: str | None = None) -> Stored:
        """Store ``data`` durably.

        Raises ``IntegrityBroken`` when other bytes stand under its name, ``SourceUnavailable`` when the disk refuses.
        """
        digest = _digest(data, expect)
        target = self.root / _path(digest)
        if target.exists():
            _checked(digest, target.read_bytes())
            return Stored(sha256=digest, size_bytes=len(data))
        try:
            _write_durably(target, data)
        except OSError as error:
            raise SourceUnavailable(
                "media.away",
                f"the media folder refused a write (errno {error.errno})",
                cure="free space or check the mount",
            ) from error
        return Stored(sha256=digest, size_bytes=len(data))

    def get(self, sha256: str) -> bytes:
        """The object's bytes, proven against their name."""
        try:
            return _checked(sha256, (self.root / _path(sha256)).read_bytes())
        except FileNotFoundError:
            raise _absent(sha256) from None

    def exists(self, sha256: str) -> bool:
        """Whether the object stands."""
        return (self.root / _path(sha256)).exists()

    def list(self) -> Iterator[Stored]:
        """Every object, in order of digest; half-written files are not objects."""
        for path in sorted(self.root.glob("sha256/??/*")):
            if _KEY.fullmatch(path.name):
                yield Stored(sha256=path.name, size_bytes=path.stat().st_size)

    def verify(self, sha256: str) -> Stored:
        """Read the object and prove it. Raises ``IntegrityBroken`` or ``PayloadRejected`` (absent)."""
        return Stored(sha256=sha256, size_bytes=len(self.get(sha256)))

    def remove(self, sha256: str) -> None:
        """For the deleter only (``cior_store.expire``), which has asked the holds."""
        (self.root / _path(sha256)).unlink(missing_ok=True)


def _write_durably(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".putting-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        Path(name).chmod(0o440)
        Path(name).rename(target)
    finally:
        Path(name).unlink(missing_ok=True)  # whatever ended the writing; nothing once it has its name
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name itself must survive a power cut
    finally:
        os.close(folder)


class ObjectMedia:
    """Objects in a file system that fsspec knows (S3 and its like); a put is atomic by the service's promise."""

    def __init__(self, filesystem: Any, root: str) -> None:
        self._files = filesystem
        self._root = root.rstrip("/")

    def _at(self, sha256: str) -> str:
        return f"{self._root}/{_path(sha256)}"

    def put(self, data: bytes, *, expect: str | None = None) -> Stored:
        """Store ``data``; refuses to replace other bytes as the folder does."""
        digest = _digest(data, expect)
        try:
            if self._files.exists(self._at(digest)):
                _checked(digest, self._files.cat_file(self._at(digest)))
            else:
                self._files.pipe_file(self._at(digest), data)
        except OSError as error:
            raise SourceUnavailable(
                "media.away", "the object store did not answer", cure="it is tried again"
            ) from error
        return Stored(sha256=digest, size_bytes=len(data))

    def get(self, sha256: str) -> bytes:
        """The object's bytes, proven against their name."""
        try:
            return _checked(sha256, self._files.cat_file(self._at(sha256)))
        except FileNotFoundError:
            raise _absent(sha256) from None
        except OSError as error:
            raise SourceUnavailable(
                "media.away", "the object store did not answer", cure="it is tried again"
            ) from error

    def exists(self, sha256: str) -> bool:
        """Whether the object stands."""
        return bool(self._files.exists(self._at(sha256)))

    def list(self) -> Iterator[Stored]:
        """Every object, in order of digest."""
        found = self._files.find(f"{self._root}/sha256", detail=True)
        for name, facts in sorted(found.items()):
            key = name.rpartition("/")[2]
            if _KEY.fullmatch(key):
                yield Stored(sha256=key, size_bytes=int(facts["size"]))

    def verify(self, sha256: str) -> Stored:
        """Read the object and prove it."""
        return Stored(sha256=sha256, size_bytes=len(self.get(sha256)))

    def remove(self, sha256: str) -> None:
        """For the deleter only (``cior_store.expire``), which has asked the holds."""
        self._files.rm_file(self._at(sha256))
