"""A stretch of a camera: what one camera sent in some seconds, as numbers and digests. Never a picture nor anything
computed from one.

A stretch is to a camera what a received unit is to a panel: its raw record. So the accounts (accepted = stored +
dead) cover cameras, and whoever has the packets, a recorder or the camera itself, can prove that an event was made
from those very bytes.
"""

from __future__ import annotations

from enum import StrEnum

from cior_core import identity
from cior_core.canonical import canonical
from cior_core.model import ClockQuality, EventId, Producer, RawId, RawRecord, Struct

CONTENT_TYPE = "application/vnd.cior.camera-stretch+json"


class StretchEnd(StrEnum):
    """Why a stretch ended. ``KILLED``: its worker did; what is not in the events' own digests is unknown."""

    TIME = "time"
    RECONNECTED = "reconnected"
    STOPPED = "stopped"
    KILLED = "killed"


class StretchEvent(Struct, frozen=True, kw_only=True):
    """One event of a stretch.

    ``sha256``: over the ``packets`` first packets of the stretch, all that had come when the event was made.
    """

    id: EventId
    index: int
    at_ms: int
    packets: int
    sha256: str


class StretchDrop(Struct, frozen=True, kw_only=True):
    """Pictures that never reached the detector (law 11)."""

    reason: str
    intentional: bool
    count: int


class PictureForm(Struct, frozen=True, kw_only=True):
    """How the connection's pictures are coded: codec by its FFmpeg name, size in pixels."""

    codec: str
    width_px: int
    height_px: int


class StretchClock(Struct, frozen=True, kw_only=True):
    """The judgement on the pictures' times: UTC ms of the first and last, where they come from, the largest error
    seen (s).
    """

    first_ms: int
    last_ms: int
    source: str
    quality: ClockQuality
    error_s: float | None = None


class CameraStretch(Struct, frozen=True, kw_only=True):
    """One stretch.

    ``opened_ms`` and ``closed_ms`` are the edge clock's. ``sha256`` covers the packets' bytes in order of arrival.
    """

    camera: str
    worker: str
    number: int
    opened_ms: int
    closed_ms: int
    ended: StretchEnd
    sha256: str
    packets: int = 0
    received_bytes: int = 0
    decoded: int = 0
    form: PictureForm | None = None
    clock: StretchClock | None = None
    drops: tuple[StretchDrop, ...] = ()
    events: tuple[StretchEvent, ...] = ()
    drill: bool = False


def stretch_id(source: str, *, opened_ms: int, worker: str, number: int) -> RawId:
    """The id of a stretch, known when it opens, so that its events can point to it.

    ``worker``: its name and its start.
    """
    opening = identity.payload_sha256(canonical([source, opened_ms, number]))
    return identity.raw_id(source, opening, received_ms=opened_ms, instance=worker, ordinal=number)


def raw_record(stretch: CameraStretch, *, id_: RawId, source: str, producer: Producer) -> RawRecord:
    """The raw record of a stretch; its receipt is its opening, so it is in flight as long as it is open."""
    payload = canonical(stretch)
    return RawRecord(
        id=id_,
        source=source,
        subject=stretch.camera,
        received_ms=stretch.opened_ms,
        payload=payload,
        sha256=identity.payload_sha256(payload),
        content_type=CONTENT_TYPE,
        producer=producer,
        events=len(stretch.events),
        drill=stretch.drill,
    )
