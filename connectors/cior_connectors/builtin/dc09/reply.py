"""What a receiver answers: ACK, DUH, NAK (SIA DC-09 §5.5.2). Pure.

ACK and DUH echo sequence, receiver, line and account, never the data and never an extended block, and are encrypted
when the message was. NAK carries our time, is never encrypted and tells the panel to correct its clock and send again.
A frame with a wrong CRC or length gets no answer at all. Each answer is written in the dialect of the frame that it
answers: a panel that sends its CRC as two raw bytes reads no other.
"""

from __future__ import annotations

from cior_connectors.builtin.dc09 import crypto
from cior_connectors.builtin.dc09.frame import STANDARD, Dialect
from cior_connectors.builtin.dc09.message import Message, stamp

EARLIEST_S, LATEST_S = -40.0, 20.0
CONTENT_TOKENS = frozenset({"ADM-CID", "SIA-DCS"})
LINK_TOKENS = frozenset({"NULL", "XNM"})
UNDERSTOOD_TOKENS = CONTENT_TOKENS | LINK_TOKENS
_PAD = b"CIOR"


def timely(message: Message, now_ms: int) -> bool:
    """Whether an encrypted message's timestamp lies within −40/+20 s of ours.

    Plain messages always do: their clock is only reported.
    """
    if not message.encrypted:
        return True
    return (
        message.timestamp_ms is not None and EARLIEST_S <= (message.timestamp_ms - now_ms) / 1000 <= LATEST_S
    )


def ack(message: Message, *, now_ms: int, dialect: Dialect = STANDARD) -> bytes:
    """Frame: it is durable."""
    return _echo("ACK", message, now_ms, dialect)


def duh(message: Message, *, now_ms: int, dialect: Dialect = STANDARD) -> bytes:
    """Frame: a valid message of a kind we do not handle.

    Never for an unknown event code: panels repeat those for ever (DUH loop).
    """
    return _echo("DUH", message, now_ms, dialect)


def nak(*, now_ms: int, dialect: Dialect = STANDARD) -> bytes:
    """Frame: your encrypted timestamp is off; here is the time."""
    return dialect.pack(b'"NAK"0000R0L0A0[]' + stamp(now_ms).encode("ascii"))


def _echo(token: str, message: Message, now_ms: int, dialect: Dialect) -> bytes:
    receiver = "" if message.receiver is None else f"R{message.receiver}"
    line = "" if message.line is None else f"L{message.line}"
    account = f"#{message.account}" if message.account else ""
    star = "*" if message.encrypted else ""
    head = f'"{star}{token}"{message.sequence}{receiver}{line}{account}['.encode("ascii", "replace")
    if message.key is None:
        return dialect.pack(head + b"]")
    content = b"|]" + stamp(now_ms).encode("ascii")
    padding = (_PAD * 4)[: crypto.pad_length(len(content))]
    return dialect.pack(head + dialect.cased(crypto.encrypt(content, message.key, padding=padding)))
