"""Objects that nobody can change or delete before their time: a bucket of S3 with object lock, in mode COMPLIANCE,
which not even the bucket's owner can shorten.

An object is believed only when it was read back whole, by its own version, with the SHA-256 that it must have, and the
server itself says how long it is locked. What a killed process had put there already is found and proven the same way,
so nothing need be remembered. A bucket keeps versions: whoever writes under the same name later hides nothing, since
ours is asked by its version.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO, Final
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

import urllib3
from urllib3.exceptions import HTTPError

from cior_core.errors import (
    CapacityExhausted,
    CiorError,
    ConfigInvalid,
    CredentialsRefused,
    IntegrityBroken,
    SourceUnavailable,
)
from cior_core.model import Struct

if TYPE_CHECKING:
    from minio import Minio
    from minio.retention import Retention

_CONNECT_S, _ANSWER_S = 5.0, 20.0
_PART_BYTES: Final = 16 * 1024 * 1024
"""What is larger goes in parts, which the server cannot compare with one digest; it is read back all the same."""
_PIECE_BYTES: Final = 1024 * 1024
_COMPLIANCE, _GOVERNANCE = "COMPLIANCE", "GOVERNANCE"


class BucketPlace(Struct, frozen=True, kw_only=True):
    """Where the bucket is and who asks. ``endpoint``: ``https://host[:port]``; ``ca``: a file of certificates to trust,
    empty: the machine's.
    """

    endpoint: str
    bucket: str
    region: str
    key_id: str
    secret: str
    ca: str = ""


class Lock(Struct, frozen=True, kw_only=True):
    """Until when (UTC ms; None: no date) and whether without an end (a *legal hold*, which is lifted by hand)."""

    until_ms: int | None = None
    is_open: bool = False

    def reaches(self, wanted: Lock) -> bool:
        """Whether what is ``wanted`` is kept at least so long."""
        until_s = -math.inf if self.until_ms is None else self.until_ms // 1000
        wanted_s = -math.inf if wanted.until_ms is None else _whole_s(wanted.until_ms)
        return until_s >= wanted_s and self.is_open >= wanted.is_open


class Kept(Struct, frozen=True, kw_only=True):
    """An object that was proven. ``version`` is empty in a bucket without versions; ``lock``: what the server says."""

    key: str
    version: str
    sha256: str
    size_bytes: int
    lock: Lock


class LockedBucket:
    """One thread. Whatever is asked raises ``SourceUnavailable`` (``copies.away``, ``copies.clock``),
    ``CapacityExhausted`` (``copies.full``), ``CredentialsRefused`` (``copies.credentials``), ``ConfigInvalid``
    (``copies.no_bucket``, ``copies.no_lock``, ``copies.governance``).
    """

    def __init__(self, place: BucketPlace) -> None:
        from minio import Minio

        parts = urlsplit(place.endpoint)
        pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=_CONNECT_S, read=_ANSWER_S),
            retries=False,  # who asks knows what else there is to do meanwhile
            ca_certs=place.ca or None,
        )
        self._bucket = place.bucket
        self._client: Minio = Minio(
            parts.netloc,
            place.key_id,
            place.secret,
            secure=parts.scheme == "https",
            region=place.region,
            http_client=pool,
        )

    def close(self) -> None:
        """Connections end; nothing is asked any more."""
        del self._client  # its own end closes them

    def check(self) -> None:
        """Whether it locks, and by default not in a mode that its owner can undo."""
        with _translated():
            try:
                mode = self._client.get_object_lock_config(self._bucket).mode
            except ValueError:
                mode = None  # a rule without a default (versitygw writes one)
        if mode == _GOVERNANCE:
            raise ConfigInvalid(
                "copies.governance",
                f"bucket '{self._bucket}' locks in mode GOVERNANCE, which its owner can undo",
                cure="set its default retention to COMPLIANCE, or take the default away",
            )

    def keep(
        self,
        key: str,
        content: BinaryIO,
        *,
        size_bytes: int,
        sha256: str,
        lock: Lock,
        told: Mapping[str, str],
    ) -> Kept:
        """``content`` stands under ``key``, proven and locked as wanted, on return; put only when it is not there.

        ``told``: ASCII words that the object carries. Raises ``IntegrityBroken`` (``copies.changed``) when what is read
        back is not what was put, ``ConfigInvalid`` (``copies.no_lock``) when the server does not lock it.
        """
        kept = self._found(key, size_bytes=size_bytes, sha256=sha256)
        if kept is None:
            version = self._put(key, content, size_bytes=size_bytes, sha256=sha256, lock=lock, told=told)
            kept = self.proven(key, version, sha256=sha256)
        if kept.lock.reaches(lock):
            return kept
        return self.relock(kept, Lock(until_ms=lock.until_ms, is_open=lock.is_open or kept.lock.is_open))

    def relock(self, kept: Kept, wanted: Lock) -> Kept:
        """With ``wanted``: a later date at most, since none can be taken back; the legal hold as it is wanted."""
        version = kept.version or None
        with _translated():
            if wanted.until_ms is not None and not kept.lock.reaches(Lock(until_ms=wanted.until_ms)):
                self._client.set_object_retention(
                    self._bucket, kept.key, _retention(wanted.until_ms), version_id=version
                )
            if wanted.is_open and not kept.lock.is_open:
                self._client.enable_object_legal_hold(self._bucket, kept.key, version_id=version)
            if kept.lock.is_open and not wanted.is_open:
                self._client.disable_object_legal_hold(self._bucket, kept.key, version_id=version)
        lock = self._lock(kept.key, kept.version)
        if not lock.reaches(wanted):
            raise ConfigInvalid(
                "copies.no_lock",
                "the server took an object and did not lock it",
                cure="make the bucket with object lock; let the key read retention and legal holds",
            )
        return Kept(
            key=kept.key, version=kept.version, sha256=kept.sha256, size_bytes=kept.size_bytes, lock=lock
        )

    def proven(self, key: str, version: str, *, sha256: str) -> Kept:
        """Read whole. Raises ``IntegrityBroken`` (``copies.changed``)."""
        digest, size = hashlib.sha256(), 0
        with _translated():
            answer = self._client.get_object(self._bucket, key, version_id=version or None)
            try:
                for piece in answer.stream(_PIECE_BYTES):
                    digest.update(piece)
                    size += len(piece)
            finally:
                answer.close()
                answer.release_conn()
        if digest.hexdigest() != sha256:
            raise IntegrityBroken(
                "copies.changed",
                "an object that was read back is not what it must be",
                cure="keep the bucket as it is, and see who else writes there",
            )
        return Kept(key=key, version=version, sha256=sha256, size_bytes=size, lock=self._lock(key, version))

    def _lock(self, key: str, version: str) -> Lock:
        """As the server tells it; a date in another mode than COMPLIANCE is none."""
        with _translated():
            retention = self._client.get_object_retention(self._bucket, key, version_id=version or None)
            is_open = self._client.is_object_legal_hold_enabled(self._bucket, key, version_id=version or None)
        if retention is None or retention.mode != _COMPLIANCE or retention.retain_until_date is None:
            return Lock(is_open=is_open)
        until_ms = math.floor(retention.retain_until_date.timestamp() * 1000)
        return Lock(until_ms=until_ms, is_open=is_open)

    def _found(self, key: str, *, size_bytes: int, sha256: str) -> Kept | None:
        """What stands under the name already, if it is that; what a stranger put there is not ours."""
        from minio.error import S3Error

        with _translated():
            try:
                found = self._client.stat_object(self._bucket, key)
            except S3Error as error:
                if error.code in _NOTHING:
                    return None
                raise
        if found.size != size_bytes:
            return None
        try:
            return self.proven(key, found.version_id or "", sha256=sha256)
        except IntegrityBroken:
            return None

    def _put(
        self,
        key: str,
        content: BinaryIO,
        *,
        size_bytes: int,
        sha256: str,
        lock: Lock,
        told: Mapping[str, str],
    ) -> str:
        words: dict[str, str | list[str] | tuple[str]] = dict(told)
        if size_bytes <= _PART_BYTES:
            words["x-amz-checksum-sha256"] = base64.b64encode(bytes.fromhex(sha256)).decode()
        with _translated():
            done = self._client.put_object(
                self._bucket,
                key,
                content,
                size_bytes,
                metadata=words,
                part_size=_PART_BYTES,
                num_parallel_uploads=1,
                retention=None if lock.until_ms is None else _retention(lock.until_ms),
                legal_hold=lock.is_open,
            )
        return done.version_id or ""


_NOTHING: Final = frozenset({"NoSuchKey", "MethodNotAllowed"})
"""``MethodNotAllowed``: the newest version is a mark that somebody deleted it."""


def _whole_s(until_ms: int) -> int:
    return -(-until_ms // 1000)


def _retention(until_ms: int) -> Retention:
    from minio.retention import Retention

    return Retention(_COMPLIANCE, datetime.fromtimestamp(_whole_s(until_ms), UTC))


# --- what servers say ---------------------------------------------------------------------------------------

_REFUSED: Final = frozenset({401, 403})
_STRANGERS: Final = frozenset({"InvalidAccessKeyId", "XAdminUserNotFound"})
_FULL: Final = frozenset({"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "TooManyObjects"})
_UNLOCKED: Final = frozenset({"ObjectLockConfigurationNotFoundError", "InvalidBucketState"})
_TOO_FULL: Final = 507
_LOCKLESS: Final = "ObjectLockConfiguration"


@contextmanager
def _translated() -> Iterator[None]:
    from minio.error import MinioException

    try:
        yield
    except (MinioException, HTTPError, OSError, ParseError, ValueError) as error:
        raise _meant(error) from error


def _meant(error: Exception) -> CiorError:
    """What to do about it; what nobody can read is no answer. No word of the server's is repeated but its code."""
    code = str(getattr(error, "code", "") or "")
    status = _status(error)
    said = code or type(getattr(error, "reason", None) or error).__name__
    if code == "NoSuchBucket":
        return ConfigInvalid(
            "copies.no_bucket",
            "there is no such bucket",
            cure="make it with object lock, or correct its name",
        )
    if code in _UNLOCKED or (code == "InvalidRequest" and _LOCKLESS in str(error).replace(" ", "")):
        return ConfigInvalid(
            "copies.no_lock",
            "the bucket has no object lock, so whoever has a key could delete what is held",
            cure="make a new bucket with object lock: it cannot be added to every server's buckets later",
        )
    if code == "RequestTimeTooSkewed":
        return SourceUnavailable(
            "copies.clock",
            "the server's clock and this one are too far apart",
            cure="let both follow a time server",
        )
    if code in _FULL or status == _TOO_FULL:
        return CapacityExhausted(
            "copies.full", f"the bucket is full ({said})", cure="give it room; what is held waits on the ring"
        )
    if code in _STRANGERS or status in _REFUSED:
        return CredentialsRefused(
            "copies.credentials",
            f"the bucket's server refuses this key ({said})",
            cure="see key id and secret, and what the key may do (deploy/README.md)",
        )
    return SourceUnavailable(
        "copies.away",
        f"the bucket's server does not answer as it should ({said})",
        cure="it is tried again by itself",
    )


def _status(error: BaseException) -> int:
    response = getattr(error, "response", None)
    found = (
        getattr(response, "status", None)
        or getattr(error, "status_code", None)
        or getattr(error, "_code", None)
    )
    return found if isinstance(found, int) else 0
