"""Everything that happens to a request, as a log keeps it: who, when, and facts that were looked up at the edge."""

from __future__ import annotations

from typing import Any

import msgspec

from cior_core.judicial.asking import Filing, Span, WrittenItem
from cior_core.judicial.copies import CopyKind
from cior_core.model import Struct

SYSTEM = "cior.requests"
"""The actor of what happens by itself: holds that stand, clocks that run out."""


class Base(Struct, frozen=True):
    """Every act. ``by``: a person's id, or :data:`SYSTEM`; ``at_ms``: UTC."""

    by: str
    at_ms: int


class File(Base, frozen=True, tag="file"):
    """It arrives. ``known``: those of its cameras that the centre has or had; ``is_clerk``: it came on paper, and
    somebody of the centre wrote it in.
    """

    request: str
    filing: Filing
    known: tuple[str, ...]
    is_clerk: bool = False


class Hold(Base, frozen=True, tag="hold"):
    """Its holds stand in the register."""


class Observe(Base, frozen=True, tag="observe"):
    """The custodian asks back."""

    question: str


class Change(Struct, frozen=True):
    """The answer about one item: which of its readings is meant (by position), or how it is written now."""

    item: int
    reading: int | None = None
    written: WrittenItem | None = None


class Reply(Base, frozen=True, tag="reply"):
    """The answer to what was asked back. ``authority``: another row, when none was known; ``known``: as of ``File``."""

    changes: tuple[Change, ...] = ()
    words: str = ""
    authority: str = ""
    known: tuple[str, ...] = ()


class TakeUp(Base, frozen=True, tag="take_up"):
    """A clerk of the centre begins the review."""


class DeclareConflict(Base, frozen=True, tag="conflict"):
    """``person`` has an interest in the case: they may do nothing of it from now on."""

    person: str
    reason: str


class Denied(Struct, frozen=True):
    """One item that is refused, with a code of the jurisdiction's list."""

    item: int
    code: str


class Approve(Base, frozen=True, tag="approve"):
    """A second person agrees, to all of it or to all but ``denied``."""

    denied: tuple[Denied, ...] = ()
    words: str = ""


class Reject(Base, frozen=True, tag="reject"):
    """Refused as a whole."""

    code: str
    words: str = ""


class FindNothing(Base, frozen=True, tag="find_nothing"):
    """There is nothing to give: why, and where was looked."""

    code: str
    searched: str


class Gap(Struct, frozen=True):
    """A stretch of an item that is not there, and why."""

    item: int
    span: Span
    cause: str


class Build(Base, frozen=True, tag="build"):
    """Somebody who may build orders the package, or the certificate that there is none: a part of the system makes it
    in their name. Ordered again, what was not sealed is made anew.
    """


class Assemble(Base, frozen=True, tag="assemble"):
    """The package was built. ``covered``: for each item that was granted, by position, what of it is inside; every
    second that is not must lie in a gap. ``hand``: the part that did it in the name of ``by``; empty: they themselves.
    """

    covered: dict[int, tuple[Span, ...]]
    gaps: tuple[Gap, ...] = ()
    hand: str = ""


class Seal(Base, frozen=True, tag="seal"):
    """The package, or the negative certificate, was sealed; ``digest``: SHA-256 of its tag manifest, hex. ``hand``: as
    of ``Assemble``.
    """

    digest: str
    hand: str = ""


class Deliver(Base, frozen=True, tag="deliver"):
    """A copy was given. The first one delivers the request; later ones are second copies of the same bytes, or of what
    was derived from them, by its own digest.
    """

    recipient: str
    party: str
    digest: str


class AskCopy(Base, frozen=True, tag="ask_copy"):
    """The other party, or who lost theirs, asks for the same bytes."""

    recipient: str


class Receive(Base, frozen=True, tag="receive"):
    """A recipient signs for the digest of what they got."""

    recipient: str
    digest: str


class Derive(Base, frozen=True, tag="derive"):
    """Somebody who may build orders a copy that is made out of the sealed package (:class:`.copies.CopyOrder`); ordered
    again, one of its kind that was not sealed does not stand any more.
    """

    copy: CopyKind
    is_strict: bool = False
    keep: tuple[str, ...] = ()
    after: int = 0


class SealCopy(Base, frozen=True, tag="seal_copy"):
    """Copy number ``n`` was made and sealed; ``digest``: of its own tag manifest; ``hand``: as of ``Assemble``."""

    n: int
    digest: str
    hand: str = ""


class Close(Base, frozen=True, tag="close"):
    """Nothing is left to do."""


class Reopen(Base, frozen=True, tag="reopen"):
    """It is looked at again."""

    reason: str


class Replace(Base, frozen=True, tag="replace"):
    """Another request stands in its place."""

    by_request: str


class Confirm(Base, frozen=True, tag="confirm"):
    """The order for what was preserved has come; it cannot ask for more than that."""

    filing: Filing
    known: tuple[str, ...] = ()


class Renew(Base, frozen=True, tag="renew"):
    """A preservation without an order goes on."""

    reason: str


class Pass(Base, frozen=True, tag="pass"):
    """Time has passed: notices, lapses and ends of holds that are due at ``at_ms``."""


Act = (
    File | Hold | Observe | Reply | TakeUp | DeclareConflict | Approve | Reject | FindNothing | Build | Assemble
    | Seal | Deliver | AskCopy | Receive | Derive | SealCopy | Close | Reopen | Replace | Confirm | Renew | Pass
)  # fmt: skip

_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Act)


def decode_act(line: bytes) -> Act:
    """An act as the log has it. Raises ``msgspec.MsgspecError``."""
    found: Act = _decoder.decode(line)
    return found
