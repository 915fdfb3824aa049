"""The locked part of a backup: keys and configuration, which name people and open doors.

``secrets.box`` = magic, length and content of a lock (msgpack), then libsodium's secretstream (XChaCha20-Poly1305): one
message a file, a last empty one. Its key is random and locked either with a passphrase (Argon2id) or for somebody's
X25519 public key (sealed box). The name of the backup is part of what is authenticated, so a box of another backup does
not open.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import msgspec
from nacl import bindings, exceptions, pwhash, secret, utils
from nacl.public import PrivateKey, PublicKey, SealedBox

from cior_core.chain import netstrings
from cior_core.errors import ConfigInvalid, CredentialsRefused, IntegrityBroken

MAGIC = b"CIORBOX1"
SHORTEST = 12
"""Characters of a passphrase."""
MOST_BYTES = 64 * 1_048_576
_LENGTH = struct.Struct(">I")
_TAG_BYTES = bindings.crypto_secretstream_xchacha20poly1305_ABYTES
_HEADER_BYTES = bindings.crypto_secretstream_xchacha20poly1305_HEADERBYTES
_FINAL = bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL
_DAMAGED = "the locked part of the backup is damaged, cut or of another backup"


class _Lock(msgspec.Struct, frozen=True, kw_only=True):
    """How the key of the box is locked: ``salt`` empty for a public key."""

    locked: bytes
    salt: bytes = b""
    opslimit: int = 0
    memlimit: int = 0


class Passphrase(msgspec.Struct, frozen=True):
    """What an operator typed."""

    text: str

    def __repr__(self) -> str:
        return "Passphrase(***)"

    def lock(self, key: bytes) -> _Lock:
        """Raises ``ConfigInvalid`` when it is too short to keep anything."""
        if len(self.text) < SHORTEST:
            raise ConfigInvalid(
                "backup.passphrase_short",
                f"the passphrase has fewer than {SHORTEST} characters",
                cure="take four random words or more",
            )
        salt = utils.random(pwhash.argon2id.SALTBYTES)
        lock = _Lock(
            locked=b"",
            salt=salt,
            opslimit=pwhash.argon2id.OPSLIMIT_MODERATE,
            memlimit=pwhash.argon2id.MEMLIMIT_MODERATE,
        )
        return msgspec.structs.replace(lock, locked=bytes(self._box(lock).encrypt(key)))

    def unlock(self, lock: _Lock) -> bytes:
        """Raises ``CredentialsRefused``, also for a lock that would cost more memory than any of ours."""
        ours = (pwhash.argon2id.OPSLIMIT_MODERATE, pwhash.argon2id.MEMLIMIT_MODERATE)
        if len(lock.salt) != pwhash.argon2id.SALTBYTES or (lock.opslimit, lock.memlimit) != ours:
            raise _refused("it is not locked with a passphrase", "give the private key: --private-key")
        try:
            return self._box(lock).decrypt(lock.locked)
        except (exceptions.CryptoError, ValueError):
            raise _refused("this is not its passphrase", "ask whoever made the backup") from None

    def _box(self, lock: _Lock) -> secret.SecretBox:
        key = pwhash.argon2id.kdf(
            secret.SecretBox.KEY_SIZE, self.text.encode(), lock.salt, lock.opslimit, lock.memlimit
        )
        return secret.SecretBox(key)


class Recipient(msgspec.Struct, frozen=True):
    """Whose X25519 public key locks: this machine cannot open what it locked."""

    public: bytes

    def lock(self, key: bytes) -> _Lock:
        """For the holder of the private half."""
        return _Lock(locked=SealedBox(PublicKey(self.public)).encrypt(key))


class Holder(msgspec.Struct, frozen=True):
    """The private half."""

    private: bytes

    def __repr__(self) -> str:
        return "Holder(***)"

    def unlock(self, lock: _Lock) -> bytes:
        """Raises ``CredentialsRefused``."""
        if lock.salt:
            raise _refused("it is locked with a passphrase", "give the passphrase instead of a key")
        try:
            return SealedBox(PrivateKey(self.private)).decrypt(lock.locked)
        except (exceptions.CryptoError, ValueError):
            raise _refused("this is not its private key", "ask who holds the backup's private key") from None


def _refused(why: str, cure: str) -> CredentialsRefused:
    return CredentialsRefused("backup.locked", f"the backup's keys stay locked: {why}", cure=cure)


def write(path: Path, files: Iterable[tuple[str, bytes]], *, lock: Passphrase | Recipient, name: str) -> None:
    """Lock the files into ``path``, which is not there yet; on the disk when this returns."""
    key = bindings.crypto_secretstream_xchacha20poly1305_keygen()
    locked = msgspec.msgpack.encode(lock.lock(key))
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    header = bindings.crypto_secretstream_xchacha20poly1305_init_push(state, key)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(MAGIC + _LENGTH.pack(len(locked)) + locked + header)
        bound = _bound(name, locked)
        for each in files:
            if len(each[1]) > MOST_BYTES:
                raise ConfigInvalid(
                    "backup.file_large", f"{each[0]} is larger than 64 MiB", cure="keep it elsewhere, by hand"
                )
            _push(out, state, msgspec.msgpack.encode(each), bound=bound)
        _push(out, state, b"", bound=bound, is_last=True)
        out.flush()
        os.fsync(out.fileno())


def _push(
    out: IO[bytes],
    state: bindings.crypto_secretstream_xchacha20poly1305_state,
    content: bytes,
    *,
    bound: bytes,
    is_last: bool = False,
) -> None:
    tag = _FINAL if is_last else bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
    sealed = bindings.crypto_secretstream_xchacha20poly1305_push(state, content, bound, tag)
    out.write(_LENGTH.pack(len(sealed)) + sealed)


def read(path: Path, *, key: Passphrase | Holder, name: str) -> Iterator[tuple[str, bytes]]:
    """The files of a box, one at a time.

    Raises ``CredentialsRefused`` (wrong key) or ``IntegrityBroken`` (``backup.box``), also after the last good one.
    """
    with path.open("rb") as source:
        if source.read(len(MAGIC)) != MAGIC:
            raise _damaged()
        try:
            locked = _taken(source, 4_096)
            lock = msgspec.msgpack.decode(locked, type=_Lock)
        except msgspec.MsgspecError:
            raise _damaged() from None
        state = bindings.crypto_secretstream_xchacha20poly1305_state()
        opened = key.unlock(lock)
        try:
            bindings.crypto_secretstream_xchacha20poly1305_init_pull(
                state, source.read(_HEADER_BYTES), opened
            )
            while not (pulled := _pulled(source, state, _bound(name, locked)))[1]:
                yield msgspec.msgpack.decode(pulled[0], type=tuple[str, bytes])
        except (exceptions.CryptoError, ValueError, msgspec.MsgspecError):
            raise _damaged() from None
        if source.read(1):
            raise _damaged()


def _pulled(
    source: IO[bytes], state: bindings.crypto_secretstream_xchacha20poly1305_state, bound: bytes
) -> tuple[bytes, bool]:
    sealed = _taken(source, 2 * MOST_BYTES)
    content, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(state, sealed, bound)
    return content, tag == _FINAL


def _bound(name: str, locked: bytes) -> bytes:
    """What each message is authenticated with: its backup, and the lock to the last byte."""
    return netstrings("cior.backup.box.v1", name, locked)


def _taken(source: IO[bytes], most_bytes: int) -> bytes:
    """One framed piece."""
    told = source.read(_LENGTH.size)
    size = _LENGTH.unpack(told)[0] if len(told) == _LENGTH.size else most_bytes + 1
    data = source.read(size) if size <= most_bytes else b""
    if len(data) != size:
        raise _damaged()
    return data


def _damaged() -> IntegrityBroken:
    return IntegrityBroken("backup.box", _DAMAGED, cure="take another copy of this backup")
