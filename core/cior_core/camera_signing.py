"""Signatures that cameras put into their own video: whether a packet carries one, and what a validator's words mean.

A camera that signs adds SEI messages of type 5, *user data unregistered* (ITU-T H.264 §D.1.7, H.265 §D.2.7), that begin
with the UUID of their scheme: ONVIF Media Signing, or Axis Signed Video, as the open frameworks of both publish them.
The signature of a group of pictures stands in the group after it. Nothing here checks one: that is for the validator
of whoever made the scheme, run elsewhere; its words are mapped to a verdict by a file of rules. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from cior_core.errors import ConfigInvalid
from cior_core.model import Struct
from cior_core.strict_toml import parse


class Scheme(StrEnum):
    """Whose signatures."""

    ONVIF = "onvif"
    AXIS = "axis"


UUIDS: Final[Mapping[Scheme, str]] = {
    Scheme.ONVIF: "005bc93f-2d71-5e95-ada4-796f90877a6f",
    Scheme.AXIS: "5369676e-6564-2056-6964-656f2e2e2e30",
}
"""What a scheme's messages begin with, as RFC 9562 writes it."""

_SCHEMES: Final = {bytes.fromhex(uuid.replace("-", "")): scheme for scheme, uuid in UUIDS.items()}
_UUID_BYTES: Final = 16
_UNREGISTERED: Final = 5


class Codec(StrEnum):
    """The two whose messages are read here, as segments name them."""

    H264 = "h264"
    HEVC = "hevc"


class _Form(Struct, frozen=True):
    """``header_bytes`` of a unit; its type is ``(first >> shift) & mask``; ``sei``: the types that carry messages;
    ``length_at``: where the decoder configuration says how long lengths are.
    """

    header_bytes: int
    shift: int
    mask: int
    sei: frozenset[int]
    length_at: int


_FORMS: Final = {
    Codec.H264: _Form(1, 0, 0x1F, frozenset({6}), 4),
    Codec.HEVC: _Form(2, 1, 0x3F, frozenset({39, 40}), 21),
}
"""Unit types: H.264 table 7-1, H.265 table 7-1; configurations: ISO/IEC 14496-15 §5.3.3.1 and §8.3.3.1."""


class PacketReader:
    """Reads packets of MP4: NAL units, each behind its length. ``configuration``: the bytes of ``avcC`` or ``hvcC``."""

    def __init__(self, codec: str, configuration: bytes) -> None:
        self._form = _FORMS.get(Codec(codec)) if codec in set(Codec) else None
        at = self._form.length_at if self._form else 0
        self._length_bytes = (configuration[at] & 3) + 1 if len(configuration) > at else 4

    def schemes(self, packet: bytes) -> frozenset[Scheme]:
        """Of which schemes it carries a message; bytes that are no units carry none."""
        if self._form is None or not any(uuid[-8:] in packet for uuid in _SCHEMES):
            return frozenset()
        return frozenset(_found(self._units(packet), self._form))

    def _units(self, packet: bytes) -> Iterator[bytes]:
        at, width = 0, self._length_bytes
        while at + width <= len(packet):
            begins = at + width
            at = begins + int.from_bytes(packet[at:begins], "big")
            if at > len(packet):
                return
            yield packet[begins:at]


def _found(units: Iterable[bytes], form: _Form) -> Iterator[Scheme]:
    for unit in units:
        if len(unit) <= form.header_bytes or (unit[0] >> form.shift) & form.mask not in form.sei:
            continue
        for kind, content in _messages(unit[form.header_bytes :].replace(b"\0\0\3", b"\0\0")):
            scheme = _SCHEMES.get(content[:_UUID_BYTES])
            if kind == _UNREGISTERED and scheme is not None:
                yield scheme


def _messages(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and content of each message of a unit whose emulation prevention is gone (H.264 §7.3.2.3.1)."""
    at = 0
    while at + 2 < len(payload):
        kind, at = _number(payload, at)
        size, at = _number(payload, at)
        if size > len(payload) - at:
            return
        yield kind, payload[at : at + size]
        at += size


def _number(payload: bytes, at: int) -> tuple[int, int]:
    """A number written as bytes of 255 and a last one, and where the next thing begins."""
    value = 0
    while at < len(payload) and payload[at] == 0xFF:
        value, at = value + 0xFF, at + 1
    return value + (payload[at] if at < len(payload) else 0), at + 1


# --- what a validator says --------------------------------------------------------------------------------------


class Verdict(StrEnum):
    """``SIGNED_UNKNOWN``: the validator understood the signatures and does not vouch for all of it. ``UNKNOWN``:
    signed, and nobody has said anything of it that we understand.
    """

    AUTHENTIC = "authentic"
    NOT_AUTHENTIC = "not_authentic"
    SIGNED_UNKNOWN = "signed_unknown"
    NOT_SIGNED = "not_signed"
    UNKNOWN = "unknown"


_GRAVEST_FIRST: Final = (
    Verdict.NOT_AUTHENTIC, Verdict.UNKNOWN, Verdict.SIGNED_UNKNOWN, Verdict.AUTHENTIC,
)  # fmt: skip


def gravest(verdicts: Iterable[Verdict]) -> Verdict:
    """Of a video that carries signatures of several schemes; of none: not signed."""
    said = set(verdicts)
    return next((each for each in _GRAVEST_FIRST if each in said), Verdict.NOT_SIGNED)


class Reason(StrEnum):
    """Why a verdict is what it is: of a validator's words, or of there being none."""

    VALID = "valid"
    CHANGED = "changed"
    KEY_NOT_TRUSTED = "key_not_trusted"
    KEY_UNPROVEN = "key_unproven"
    FRAMES_MISSING = "frames_missing"
    PARTLY = "partly"
    UNFINISHED = "unfinished"
    SAID_UNSIGNED = "said_unsigned"
    NO_VALIDATOR = "no_validator"
    NOT_STARTED = "not_started"
    TIMED_OUT = "timed_out"
    FAILED = "failed"
    NO_RESULT = "no_result"
    NOT_UNDERSTOOD = "not_understood"


class Outcome(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule: the exit status, and patterns that must each match a whole line of the result."""

    verdict: Verdict
    reason: Reason
    lines: tuple[str, ...]
    exit: int = 0


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A validator's file. ``arguments``: with ``{file}`` and ``{codec}``; ``codecs``: how it calls ours; ``result``:
    the file it writes where it runs, empty: what it prints; ``outcome``: the first that applies counts; ``pending``: a
    line whose first group counts the pictures that no signature in the file covers, empty: it does not tell.
    """

    scheme: Scheme
    arguments: tuple[str, ...]
    codecs: dict[Codec, str]
    outcome: tuple[Outcome, ...]
    result: str = ""
    pending: str = ""


class Said(Struct, frozen=True):
    """A verdict, why, and the lines of the result that decided."""

    verdict: Verdict
    reason: Reason
    lines: tuple[str, ...] = ()


def read_rules(text: str, *, file: str) -> Rules:
    """Rules of a TOML file. Raises ``ConfigInvalid`` (``config.*``, ``validator.rules``)."""
    rules = parse(text, Rules, file=file)
    if "{file}" not in rules.arguments or not rules.outcome:
        raise _unusable(file, "it needs an argument {file} and an outcome")
    if re.compile(_pattern(rules.pending, file)).groups != bool(rules.pending):
        raise _unusable(file, "pending has one group, which is a number")
    for each in rules.outcome:
        for pattern in each.lines:
            _pattern(pattern, file)
        if not each.lines or each.verdict is Verdict.UNKNOWN:
            raise _unusable(file, "an outcome has lines, and a verdict other than unknown")
    return rules


def _pattern(pattern: str, file: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise _unusable(file, f"{pattern} is no pattern: {error}") from None
    return pattern


def _unusable(file: str, why: str) -> ConfigInvalid:
    return ConfigInvalid(
        "validator.rules",
        f"{file} cannot be used: {why}",
        cure="see docs/camera-signatures.md, rules of a validator",
    )


def said_of(rules: Rules, exit_code: int, result: Sequence[str], *, spare_frames: int = 0) -> Said:
    """What the result of a validator means for a video that carries its scheme's messages, of which so many pictures
    at the end are there only to bring a signature: no signature covers those.

    Whoever calls what is signed unsigned is not believed: a message that is there is a fact. Nor is a video authentic
    of which more is left open than that.
    """
    lines = [each.strip() for each in result]
    for each in rules.outcome:
        told = tuple(line for line in lines if any(re.fullmatch(one, line) for one in each.lines))
        is_all = all(any(re.fullmatch(one, line) for line in told) for one in each.lines)
        if exit_code == each.exit and is_all:
            if each.verdict is Verdict.NOT_SIGNED:
                return Said(Verdict.UNKNOWN, Reason.SAID_UNSIGNED, told)
            if each.verdict is Verdict.AUTHENTIC and _pending(rules, lines) > spare_frames:
                return Said(Verdict.SIGNED_UNKNOWN, Reason.PARTLY, told)
            return Said(each.verdict, each.reason, told)
    return Said(Verdict.UNKNOWN, Reason.FAILED if exit_code else Reason.NOT_UNDERSTOOD)


def _pending(rules: Rules, lines: Sequence[str]) -> int:
    """How many pictures are left open; none where the validator does not count them."""
    if not rules.pending:
        return 0
    found = (re.fullmatch(rules.pending, line) for line in lines)
    return max(
        (int(each[1]) for each in found if each is not None and each[1].isascii() and each[1].isdigit()),
        default=0,
    )
