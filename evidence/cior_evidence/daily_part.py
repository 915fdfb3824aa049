"""Once a day, by who owns the register: the root of yesterday's ledger and packages, signed, and stamped where the
centre has a seal's file.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event

from cior_bus.checkpoint_key import CHECKPOINTS, open_checkpoint_key, origin_of
from cior_core.centre_file import Centre
from cior_core.errors import SourceUnavailable
from cior_evidence.daily_roots import DailyRoots, DayRecords
from cior_evidence.folders import ledger_folder
from cior_evidence.package_ledger import LEAVES, Signing
from cior_register import ledger
from cior_register.following import Follower
from cior_register.register import Register

_EVERY_S = 300.0
_DAILY = "daily"
_KEY_FOLDER = "register"


def roots_of(centre: Centre) -> DailyRoots:
    """Where they are, below the data folder: copies of it belong elsewhere. The key is that of the ledger's pages,
    under a name of its own.
    """
    origin = f"{origin_of(centre.file.centre.name)}/daily"
    key = open_checkpoint_key(centre.data / _KEY_FOLDER, origin=origin)
    signing = Signing(origin, bytes(key.verify_key), lambda text: key.sign(text).signature)
    secret = hmac.new(bytes(key), b"cior.daily.nonces.v1", hashlib.sha256).digest()
    return DailyRoots(centre.data / CHECKPOINTS / _DAILY, signing, secret)


def sources_of(centre: Centre, register: Register) -> DayRecords:
    """What a day's page covers."""

    def accesses(after: int, before_ms: int) -> list[tuple[int, str]]:
        return register.read_now(partial(ledger.digests, after=after, before_ms=before_ms))

    return DayRecords(accesses, ledger_folder(centre) / LEAVES)


def daily_roots(centre: Centre, register: Register, *, now_ms: Callable[[], int]) -> Follower:
    """The thread that publishes the page of a day soon after midnight (UTC); what fails is tried again."""

    def look() -> None:
        try:
            publish(centre, register, now_ms=now_ms())
        except OSError as error:
            raise SourceUnavailable(
                "daily.unwritten",
                f"the root of the day could not be written ({type(error).__name__})",
                cure="give the folder `checkpoints/daily` room and the console the right to write there",
            ) from error

    return Follower("daily-root", look, Event(), every_s=_EVERY_S)


def publish(centre: Centre, register: Register, *, now_ms: int) -> None:
    """The page of yesterday, and what stamps are missing. ``OSError`` passes through."""
    roots = roots_of(centre)
    roots.publish(sources_of(centre, register), now_ms=now_ms)
    if centre.file.evidence is not None:
        roots.stamp(_stamping(centre.beside(centre.file.evidence.seal)))


def _stamping(seal: Path) -> Callable[[bytes], bytes]:
    from cior_evidence.seal_settings import load_seal
    from cior_evidence.time_stamping import Tsa, over_http

    settings = load_seal(seal)
    return lambda content: Tsa(settings, over_http(settings)).stamp(content).response
