"""Ed25519 (RFC 8032, by libsodium) for actions: the part that takes one signs it, who reads one checks it (law 13).

A private key is a file of its part's alone; the public ones of all parts are one file, the ring, that every reader has.
Both are read again when they change, so that a rotation needs no restart.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from cior_bus import durable_file
from cior_core import signatures
from cior_core.duty import PublishedDuty
from cior_core.errors import ConfigInvalid
from cior_core.model import Action, ActionKind, RecallItem
from cior_core.proof import Proof
from cior_core.signatures import Signed, SignerKey, SignerRing, Signing, key_name

RING = "signers.json"
_encode = msgspec.json.Encoder().encode


def check(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether ``signature`` over ``message`` is that of ``public``."""
    try:
        VerifyKey(public).verify(message, signature)
    except (BadSignatureError, ValueError):
        return False
    return True


def refuse_if_shared(path: Path) -> None:
    """Raises ``ConfigInvalid`` for a file of a secret that others may read, as OpenSSH does."""
    if path.stat().st_mode & 0o077:
        raise ConfigInvalid(
            "keys.readable_by_others",
            f"{path.name} may be read by others",
            cure=f"chmod 600 {path.name}, then make new keys if anyone did read it",
        )


class ActionSigner:
    """Signs in the name of one part with the private key in ``path``.

    ``ring``: where the public keys stand. With it, what readers would refuse this key is not signed at all: an act that
    nobody takes is told to whoever asks for it, not lost on the way.
    """

    def __init__(self, signer: str, path: Path, *, ring: Path | None = None) -> None:
        self.signer, self._path = signer, path
        self._readers = ActionOpener(ring) if ring is not None else None
        self._read: tuple[int, SigningKey] | None = None

    def __repr__(self) -> str:
        return f"ActionSigner({self.signer}, ***)"

    @property
    def public(self) -> bytes:
        """The public half, 32 bytes. Raises ``ConfigInvalid`` when the file is none of ours."""
        return bytes(self._key().verify_key)

    def sign(self, action: Action, *, at_ms: int) -> Action:
        """``action`` with its proof. ``at_ms``: now. Raises ``ConfigInvalid`` (``keys.kind_not_signed``)."""
        key = self._key()
        if action.kind in self.lacking((action.kind,)):
            raise ConfigInvalid(
                "keys.kind_not_signed",
                f"the key of {self.signer} may not sign '{action.kind.value}': it is older than this kind of act",
                cure="cior keys rotate actions; nothing needs to be started again",
            )
        bare = Proof(
            signer=self.signer,
            key=key_name(bytes(key.verify_key)),
            at_ms=at_ms,
            payload=_encode(msgspec.structs.replace(action, proof=None)),
            signature=b"",
        )
        made = key.sign(signatures.message_of(action, bare)).signature
        return msgspec.structs.replace(action, proof=msgspec.structs.replace(bare, signature=made))

    def sign_recall(self, item: RecallItem, *, at_ms: int) -> RecallItem:
        """``item`` with the proof that this part, which owns the store, tells it. Raises ``ConfigInvalid``."""
        return msgspec.structs.replace(item, proof=self._proof(item, at_ms))

    def sign_duty(self, told: PublishedDuty, *, at_ms: int) -> PublishedDuty:
        """``told`` with the proof that this part, which keeps the register, tells it. Raises ``ConfigInvalid``
        (``keys.kind_not_signed``).
        """
        if self.lacks_duty:
            raise ConfigInvalid(
                "keys.kind_not_signed",
                f"the key of {self.signer} may not tell who is on duty: it is older than that",
                cure="cior keys rotate actions; nothing needs to be started again",
            )
        return msgspec.structs.replace(told, proof=self._proof(told, at_ms))

    def _proof(self, signed: RecallItem | PublishedDuty, at_ms: int) -> Proof:
        key = self._key()
        name = key_name(bytes(key.verify_key))
        bare = Proof(signer=self.signer, key=name, at_ms=at_ms, payload=b"", signature=b"")
        made = key.sign(signatures.message_of(signed, bare)).signature
        return msgspec.structs.replace(bare, signature=made)

    def lacking(self, kinds: Sequence[ActionKind]) -> tuple[ActionKind, ...]:
        """Which of these readers would refuse this key today; none where there is no ring to ask. Raises
        ``ConfigInvalid``.
        """
        known = self._known()
        if known is None:
            return ()
        return tuple(kind for kind in kinds if not any(kind in each.kinds for each in known))

    @property
    def lacks_duty(self) -> bool:
        """Whether these readers would refuse a directory of duty by this key today. Raises ``ConfigInvalid``."""
        known = self._known()
        return known is not None and not any(each.duty for each in known)

    def _known(self) -> list[SignerKey] | None:
        """This key as its readers have it; None where there is no ring to ask."""
        keys = self._readers.ring.keys if self._readers is not None else ()
        if not keys:
            return None
        own = key_name(self.public)
        return [
            each for each in keys if each.signer == self.signer and each.key == own and each.until_ms is None
        ]

    def _key(self) -> SigningKey:
        try:
            refuse_if_shared(self._path)
            version = self._path.stat().st_mtime_ns
            if self._read is None or self._read[0] != version:
                self._read = (version, SigningKey(base64.b64decode(self._path.read_bytes(), validate=True)))
        except (OSError, binascii.Error, ValueError) as error:
            raise ConfigInvalid(
                "keys.unreadable",
                f"{self._path.name}: {type(error).__name__}",
                cure="`cior keys rotate actions` makes a new one",
            ) from error
        return self._read[1]


class ActionOpener:
    """Opens signed actions with the ring in ``path``; no file: nobody may sign."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version: int | None = None
        self._ring = SignerRing()

    def __call__(self, signed: Signed, /, *, at_ms: int | None) -> Proof:
        """See :class:`cior_core.signatures.OpensActions`."""
        return signatures.open_action(signed, self.ring, check=check, at_ms=at_ms)

    @property
    def ring(self) -> SignerRing:
        """The keys as the file has them now. Raises ``ConfigInvalid`` when it cannot be read."""
        try:
            version = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return SignerRing()
        if version != self._version:
            self._ring, self._version = read_ring(self._path), version
        return self._ring


def read_ring(path: Path) -> SignerRing:
    """The public keys of ``path``. Raises ``ConfigInvalid``; a file that is not there is an empty ring."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=SignerRing)
    except FileNotFoundError:
        return SignerRing()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigInvalid(
            "keys.ring", f"{path.name}: {error}", cure="restore the file from the backup of the keys"
        ) from error


def make_key(
    path: Path,
    ring: Path,
    *,
    signer: str,
    may: Signing,
    now_ms: int,
    honoured_ms: int = 0,
) -> SignerKey:
    """A new key pair of a part: the private half in ``path``, the public one in ``ring``.

    Keys that the part had sign nothing after ``now_ms``, and what they signed is accepted for ``honoured_ms`` more.
    """
    private = SigningKey.generate()
    public = bytes(private.verify_key)
    made = SignerKey(
        signer=signer, public=public, kinds=may.kinds, from_ms=now_ms, recalls=may.recalls, duty=may.duty
    )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone_with(ring):
        before = tuple(_ended(each, signer, now_ms, honoured_ms) for each in read_ring(ring).keys)
        # The ring first: a reader that knows a key too many refuses nothing.
        durable_file.replace(ring, msgspec.json.format(_encode(SignerRing(keys=(*before, made)))))
        durable_file.replace(path, base64.b64encode(bytes(private)))
    return made


@contextmanager
def _alone_with(ring: Path) -> Iterator[None]:
    """Parts make their keys when they first need one: two at once would each write the other's out of the ring."""
    ring.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(ring.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _ended(key: SignerKey, signer: str, now_ms: int, honoured_ms: int) -> SignerKey:
    if key.signer != signer or key.until_ms is not None:
        return key
    return msgspec.structs.replace(key, until_ms=now_ms, honoured_until_ms=now_ms + honoured_ms)
