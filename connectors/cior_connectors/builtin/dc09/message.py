"""A DC-09 body as a struct: token, sequence, receiver, line, account, data, extended blocks, timestamp. Pure.

The account stays text: ``008312`` and ``8312`` are two sites. Extended blocks are kept; ``K`` (a key) is dropped on
reading and never leaves; ``V`` (a link) is text from a stranger. The timestamp is UTC.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from cior_connectors.builtin.dc09 import crypto
from cior_core.errors import PayloadRejected

_HEAD = re.compile(
    rb"\"(?P<star>\*?)(?P<token>[A-Z0-9][A-Z0-9\-]{0,15})\""
    rb"(?P<sequence>\d{4})"
    rb"(?:R(?P<receiver>[0-9A-Fa-f]{0,6}))?"
    rb"(?:L(?P<line>[0-9A-Fa-f]{0,6}))?"
    rb"(?:#?(?P<account>[0-9A-Za-z]{1,16}))?"
    rb"\["
)
# An account without its '#' and what must follow it to be one: a SIA or a Contact ID event.
_UNHASHED = re.compile(
    r"([0-9A-Za-z]{1,16})\|(?=[NO][^A-Z|]*[A-Z]{2}(?![a-z])"
    r"|\s*[136]\s?[0-9A-Fa-f]{3}\s+[0-9A-Fa-f]{1,2}\s+[0-9A-Fa-f]|\s*(?:18)?[136][0-9A-Fa-f]{8}\b)"
)
_STAMP = re.compile(r"_?(\d{2}):(\d{2}):(\d{2}),(\d{2})-(\d{2})-(\d{4})\Z")
_SECRET_BLOCKS = frozenset("K")


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message.

    ``receiver`` and ``line`` without their letters, None when absent; ``data`` without account and bar; ``blocks`` =
    (letter, text).

    ``key`` is the key that opened it (None: plain). ``timestamp`` is the text after the last bracket, ``timestamp_ms``
    its value when it is one. ``unhashed``: the data names an account without ``#``, which is said, not refused.
    """

    token: str
    sequence: str
    account: str
    data: str
    receiver: str | None = None
    line: str | None = None
    data_account: str = ""
    unhashed: bool = False
    blocks: tuple[tuple[str, str], ...] = ()
    timestamp: str = ""
    timestamp_ms: int | None = None
    encrypted: bool = False
    key: bytes | None = None
    carried_key: bool = False

    def __repr__(self) -> str:
        return f"Message({self.token!r}, sequence={self.sequence!r}, encrypted={self.encrypted})"

    def block(self, letter: str) -> str | None:
        """Text of the first block with ``letter``."""
        return next((text for found, text in self.blocks if found == letter), None)

    def identity(self) -> str:
        """What a resend repeats: everything but transmission time, padding and encryption."""
        parts = (
            self.token,
            self.receiver or "",
            self.line or "",
            self.account,
            self.data_account,
            self.data,
            *(f"{a}{b}" for a, b in self.blocks),
        )
        return "\x1f".join(parts)


def instant_ms(text: str) -> int | None:
    """``HH:MM:SS,MM-DD-YYYY`` (UTC) in milliseconds, None when it is not an instant."""
    found = _STAMP.match(text)
    if found is None:
        return None
    hour, minute, second, month, day, year = (int(group) for group in found.groups())
    try:
        return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()) * 1000
    except ValueError:
        return None


def stamp(at_ms: int) -> str:
    """``at_ms`` as DC-09 writes it, with the leading underscore."""
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):_%H:%M:%S,%m-%d-%Y}"


def text_of(raw: bytes) -> str:
    """Panel text: UTF-8 when it is, else CP1252, else Latin-1; never fails (the raw bytes stay the evidence)."""
    for encoding in ("utf-8", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def account_of(body: bytes) -> str:
    """The account in the header of ``body`` without opening it; "" when there is none."""
    head = _HEAD.match(body)
    return (head.group("account") or b"").decode("ascii") if head else ""


def parse(body: bytes, keys: Callable[[str], Sequence[bytes]]) -> Message:
    """``body`` (opening quote to the byte before CR) as a message. ``keys`` gives the keys of an account.

    Raises ``PayloadRejected``: ``dc09.header``, ``dc09.no_key``, ``dc09.wrong_key``, ``dc09.cipher_text``,
    ``dc09.no_data_end``.
    """
    head = _HEAD.match(body)
    if head is None:
        raise PayloadRejected("dc09.header", "no token, sequence, account and opening bracket in the body")
    clear, key, account = body[head.end() :], None, (head.group("account") or b"").decode("ascii")
    if head.group("star"):
        clear, key = crypto.open_text(clear.rstrip(b"]"), keys(account))
    data_account, data, rest = _data(clear)
    unhashed = "" if data_account else _unhashed(data, account)
    if unhashed:
        data_account, data = unhashed, data[len(unhashed) + 1 :]
    blocks, timestamp, carried = _blocks(rest)
    return Message(
        token=head.group("token").decode("ascii"),
        sequence=head.group("sequence").decode("ascii"),
        receiver=_optional(head.group("receiver")),
        line=_optional(head.group("line")),
        account=account or data_account,
        data_account=data_account,
        unhashed=bool(unhashed),
        data=data,
        blocks=blocks,
        timestamp=timestamp,
        timestamp_ms=instant_ms(timestamp),
        encrypted=bool(head.group("star")),
        key=key,
        carried_key=carried,
    )


def _optional(group: bytes | None) -> str | None:
    return None if group is None else group.decode("ascii")


def _data(clear: bytes) -> tuple[str, str, str]:
    """``(account inside the data, data, what follows the bracket)``."""
    end = clear.find(b"]")
    if end < 0:
        raise PayloadRejected("dc09.no_data_end", "the data block is not closed")
    data, rest = text_of(clear[:end]), text_of(clear[end + 1 :])
    account = ""
    if data.startswith("#"):
        account, _, data = data[1:].partition("|")
    return account, data.removeprefix("|"), rest


def _unhashed(data: str, account: str) -> str:
    """The account that stands in ``data`` without its ``#`` (ioBroker.sia 3: a hold-up was refused for it); "" when
    there is none: the header's own, or one in the standard's form before an event.
    """
    found = _UNHASHED.match(data)
    if found is None:
        return ""
    named = found.group(1)
    return named if named == account or re.fullmatch(r"[0-9A-Fa-f]{3,16}", named) else ""


def _blocks(rest: str) -> tuple[tuple[tuple[str, str], ...], str, bool]:
    """``(blocks, timestamp text, whether a key block was dropped)``.

    What fits no block is kept as one with letter ``?``.
    """
    blocks: list[tuple[str, str]] = []
    carried = False
    while rest.startswith("["):
        letter, text, rest = _block(rest[1:])
        if letter in _SECRET_BLOCKS:
            carried = True
        elif letter:
            blocks.append((letter, text))
    if rest and not rest.startswith("_"):
        blocks.append(("?", rest))
        rest = ""
    return tuple(blocks), rest.removeprefix("_"), carried


def _block(rest: str) -> tuple[str, str, str]:
    """One block after its opening bracket. JSON (``J``) may itself hold brackets; every other ends at the first one."""
    if rest.startswith("J"):
        try:
            _, used = json.JSONDecoder().raw_decode(rest, 1)
            if rest[used : used + 1] == "]":
                return "J", rest[1:used], rest[used + 1 :]
        except (ValueError, RecursionError):
            pass
    inside, _, after = rest.partition("]")
    return inside[:1], inside[1:], after
