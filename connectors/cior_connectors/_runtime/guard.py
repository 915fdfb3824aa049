"""The one guard around ``decode``: nothing an author writes can raise through it (law 3, this room's part)."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from uuid import uuid4

import msgspec
import structlog

from cior_connectors.contract import Decoded, Facts, RejectedPart
from cior_core.clock import ClockReading
from cior_core.errors import PayloadRejected
from cior_core.model import Event

_LOG = structlog.get_logger(__name__)
_CODE = re.compile(r"[a-z][a-z0-9_.]{0,79}")

Decode = Callable[[bytes, Facts], Decoded]


class DecodeResult(Decoded, frozen=True, kw_only=True):
    """What came out of the guard. ``code`` None: decoded (perhaps with rejected parts). ``trace_id`` only for bugs."""

    code: str | None = None
    reason: str = ""
    trace_id: str | None = None


def guarded(decode: Decode, payload: bytes, facts: Facts) -> DecodeResult:
    """Call ``decode``.

    ``PayloadRejected`` gives its code; any other exception is a bug: code ``bug.<type>``, a trace id, and a log line
    with the place in the code but never the exception's text, because a foreign message may quote the payload.
    """
    if facts.truncated_from_bytes is not None:
        return DecodeResult(
            code="payload.oversized",
            reason=f"longer than the limit: {facts.truncated_from_bytes} bytes; only the head is kept",
        )
    try:
        decoded = decode(payload, facts)
        _checked(decoded)
    except PayloadRejected as error:
        return DecodeResult(code=_stable(error.code), reason=error.sentence)
    except Exception as error:  # noqa: BLE001  the guard: named exemption of style §11
        return _bug(error)
    rejected = tuple(_part(part) for part in decoded.rejected)
    return DecodeResult(
        events=decoded.events, rejected=rejected, clocks=decoded.clocks, believed=decoded.believed
    )


def _checked(decoded: object) -> None:
    """Types are promises of authors; here they are checked, because what follows is trusted. Raises ``TypeError``."""
    if not isinstance(decoded, Decoded) or not all(isinstance(event, Event) for event in decoded.events):
        raise TypeError("decode must return Decoded with events")
    sound = all(isinstance(each, ClockReading) for each in decoded.clocks)
    if not sound or any(abs(each.device_ms) >= 2**53 for each in decoded.clocks):
        raise TypeError("decode must return clock readings in milliseconds")


def _part(part: RejectedPart) -> RejectedPart:
    return msgspec.structs.replace(part, code=_stable(part.code))


def _stable(code: str) -> str:
    """A code is a constant; one that does not look like it could carry payload into labels and logs."""
    return code if _CODE.fullmatch(code) else "payload.rejected"


def _bug(error: Exception) -> DecodeResult:
    trace_id = uuid4().hex
    frame = traceback.extract_tb(error.__traceback__)[-1]
    kind = type(error).__name__
    _LOG.error(
        "decode_failed",
        trace_id=trace_id,
        error=kind,
        file=frame.filename.rsplit("/", 1)[-1],
        line=frame.lineno,
    )
    return DecodeResult(
        code=f"bug.{kind}", reason=f"decode raised {kind}; trace {trace_id}", trace_id=trace_id
    )
