"""DER as X.690 writes it, and nothing laxer: definite minimal lengths, low tags, limits on depth and number."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

MOST_DEPTH = 32
MOST_NODES = 200_000
MOST_DER_BYTES = 16 * 1024 * 1024

INTEGER, BIT_STRING, OCTET_STRING, OID, SEQUENCE, SET = 0x02, 0x03, 0x04, 0x06, 0x30, 0x31
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18


class Malformed(Exception):
    """Bytes that are not what their place asks for."""


class Trailing(Malformed):
    """A whole value, and bytes behind it."""


class Node:
    """One value: its tag, where it lies in ``data``, its content. Children are read when asked for."""

    __slots__ = ("_children", "body_start", "data", "depth", "end", "start", "tag")

    def __init__(self, data: bytes, start: int, limit: int, depth: int) -> None:
        if depth > MOST_DEPTH:
            raise Malformed("DER: too deep")
        if limit - start < 2:
            raise Malformed("DER: cut")
        tag = data[start]
        if tag & 0x1F == 0x1F:
            raise Malformed("DER: high tag")
        length, body_start = _length(data, start + 1, limit)
        if length > limit - body_start:
            raise Malformed("DER: cut")
        self.data, self.start, self.body_start, self.end = data, start, body_start, body_start + length
        self.tag, self.depth = tag, depth
        self._children: list[Node] | None = None

    @property
    def raw(self) -> bytes:
        """Tag, length and content."""
        return self.data[self.start : self.end]

    @property
    def body(self) -> bytes:
        """The content."""
        return self.data[self.body_start : self.end]

    @property
    def children(self) -> list[Node]:
        """The values inside; of a value that has none by its tag, ``Malformed``."""
        if self._children is None:
            if not self.tag & 0x20:
                raise Malformed("DER: a primitive value has no parts")
            self._children = self._read_children()
        return self._children

    @property
    def child(self) -> Node:
        """The first value inside."""
        if not self.children:
            raise Malformed("DER: empty")
        return self.children[0]

    def _read_children(self) -> list[Node]:
        found: list[Node] = []
        at = self.body_start
        while at < self.end:
            if len(found) >= MOST_NODES:
                raise Malformed("DER: too many values")
            child = Node(self.data, at, self.end, self.depth + 1)
            found.append(child)
            at = child.end
        return found

    def want(self, tag: int) -> Node:
        """This value, when it carries ``tag``."""
        if self.tag != tag:
            raise Malformed(f"DER: tag {self.tag:#x} where {tag:#x} belongs")
        return self

    def sequence(self, least: int = 0, most: int = MOST_NODES) -> list[Node]:
        """The parts of a SEQUENCE that has between ``least`` and ``most``."""
        parts = self.want(SEQUENCE).children
        if not least <= len(parts) <= most:
            raise Malformed(f"DER: a SEQUENCE of {len(parts)}")
        return parts


def _length(data: bytes, at: int, limit: int) -> tuple[int, int]:
    first = data[at]
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    if not 1 <= count <= 4 or at + 1 + count > limit:
        raise Malformed("DER: length")
    value = int.from_bytes(data[at + 1 : at + 1 + count], "big")
    if value < 0x80 or value >> (8 * (count - 1)) == 0:
        raise Malformed("DER: length not minimal")
    return value, at + 1 + count


def read_der(data: bytes) -> Node:
    """The one value that ``data`` is. ``Trailing`` when bytes follow it."""
    if len(data) > MOST_DER_BYTES:
        raise Malformed("DER: too large")
    node = Node(data, 0, len(data), 0)
    if node.end != len(data):
        raise Trailing(f"DER: {len(data) - node.end} bytes behind the value")
    return node


def oid_of(node: Node) -> str:
    """Dotted form."""
    body = node.want(OID).body
    if not body or body[-1] & 0x80 or len(body) > 64:
        raise Malformed("DER: object identifier")
    arcs: list[int] = []
    value = 0
    for byte in body:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in [first, arcs[0] - 40 * first] + arcs[1:])


def int_of(node: Node) -> int:
    """A signed INTEGER of at most 16,384 bits."""
    body = node.want(INTEGER).body
    if not body or len(body) > 2_048:
        raise Malformed("DER: integer")
    return int.from_bytes(body, "big", signed=True)


def bits_of(node: Node) -> bytes:
    """The whole bytes of a BIT STRING without unused bits."""
    body = node.want(BIT_STRING).body
    if not body or body[0] != 0:
        raise Malformed("DER: bit string")
    return body[1:]


def flags_of(node: Node) -> set[int]:
    """Numbers of the bits that are set, the first being 0 (X.509 KeyUsage)."""
    body = node.want(BIT_STRING).body
    if not body or body[0] > 7 or len(body) > 9:
        raise Malformed("DER: flags")
    return {8 * at + bit for at, byte in enumerate(body[1:]) for bit in range(8) if byte & (0x80 >> bit)}


def time_of(node: Node) -> datetime:
    """UTCTime or GeneralizedTime in UTC (RFC 5280 §4.1.2.5; fractions as RFC 3161 §2.4.2 has them)."""
    try:
        text = node.body.decode("ascii")
        if node.tag == UTC_TIME:
            year = int(text[:2])
            text = ("20" if year < 50 else "19") + text
        elif node.tag != GENERALIZED_TIME:
            raise Malformed("DER: not a time")
        return _generalized(text)
    except (ValueError, OverflowError):
        raise Malformed("DER: time") from None


def _generalized(text: str) -> datetime:
    whole, dot, fraction = text[:-1].partition(".")
    if text[-1:] != "Z" or len(whole) != 14 or not whole.isdigit() or (dot and not fraction.isdigit()):
        raise ValueError(text)
    second = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc)
    return second + timedelta(microseconds=int((fraction + "000000")[:6]))


def tagged(parts: list[Node], number: int) -> Node | None:
    """The part with context tag ``number``, if it is there."""
    return next((part for part in parts if part.tag & 0xDF == 0x80 | number), None)
