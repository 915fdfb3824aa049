"""The encoding of an XML file, and one of its elements as a tree. Read by expat, with DTDs and entities refused.

What an XML file says of its own encoding counts (XML 1.0 appendix F): a byte-order mark, two-byte signs, then the
declaration. One that is not true of the bytes is said, and the file is read as UTF-8 when it is, else as configured.
"""

from __future__ import annotations

import codecs
import re
from contextlib import suppress
from typing import Any, BinaryIO
from xml.etree.ElementTree import Element
from xml.parsers import expat

import msgspec

from cior_core.errors import PayloadRejected

_HEAD_BYTES = 1_024
_CHUNK_BYTES = 65_536
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_UNMARKED = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
_EXPAT_NAMES = {
    "latin-1": "iso-8859-1",
    "iso8859-1": "iso-8859-1",
    "cp1252": "windows-1252",
    "utf-16-le": "utf-16le",
    "utf-16-be": "utf-16be",
}
_ASCII = bytes(range(128))
_STEP = re.compile(r"(.+)\[(\d+)\]")


class Encoding(msgspec.Struct, frozen=True, kw_only=True):
    """``name``: Python codec and expat's name. ``mark_bytes``: length of the byte-order mark.

    ``note``: what the file says of itself and is not so: ``declared_other`` (a byte-order mark says otherwise),
    ``declared_wrong`` (the bytes are not what is declared), ``declared_unknown``, ``undeclared`` (not UTF-8, and
    nothing declared), ``looks_utf8`` (declared otherwise and read so, though it is UTF-8 in all its signs).
    """

    name: str
    mark_bytes: int = 0
    note: str = ""


class Forbidden(Exception):
    """A DTD or entity declaration."""


def refuse(*_details: Any) -> None:
    """An expat handler for what no record needs: document types and entities. Raises :class:`Forbidden`."""
    raise Forbidden


def encoding_of(stream: BinaryIO, configured: str) -> Encoding:
    """How the whole of ``stream`` is to be read. Leaves it at 0."""
    stream.seek(0)
    head = stream.read(_HEAD_BYTES)
    for mark, name in (*_MARKS, *_UNMARKED):
        if head.startswith(mark):
            size = len(mark) if (mark, name) in _MARKS else 0
            told = _declared(head[size:], name)
            other = told and _family(told) != _family(name)
            stream.seek(0)
            return Encoding(name=name, mark_bytes=size, note="declared_other" if other else "")
    told = _declared(head, "iso-8859-1")
    found = _unmarked(stream, told, configured)
    stream.seek(0)
    return found


def _unmarked(stream: BinaryIO, told: str, configured: str) -> Encoding:
    utf8, plain = _is(stream, "utf-8"), _is(stream, "ascii")
    if not told:
        return (
            Encoding(name="utf-8")
            if utf8
            else Encoding(name=_fallback(stream, configured), note="undeclared")
        )
    codec = _codec(told)
    if codec and _is(stream, codec):
        doubtful = utf8 and not plain and codec != "utf-8"
        return Encoding(name=codec, note="looks_utf8" if doubtful else "")
    note = (
        "declared_wrong"
        if codec or told.lower().startswith(("utf-16", "utf-32", "ucs"))
        else "declared_unknown"
    )
    return Encoding(name="utf-8" if utf8 else _fallback(stream, configured), note=note)


def _fallback(stream: BinaryIO, configured: str) -> str:
    """The configured encoding of what is not UTF-8."""
    if configured == "detect":
        return "cp1252" if _is(stream, "cp1252") else "iso-8859-1"
    return "iso-8859-1" if configured == "latin-1" else configured


def _declared(head: bytes, name: str) -> str:
    """The encoding that the XML declaration names, "" without one."""
    found: list[str] = []
    parser = expat.ParserCreate(_expat_name(name))
    parser.XmlDeclHandler = lambda _version, encoding, _standalone: found.append(encoding or "")
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    with suppress(expat.ExpatError, Forbidden):  # of a head cut anywhere only the declaration is asked
        parser.Parse(head, False)  # noqa: FBT003  expat's own signature
    return found[0] if found else ""


def _codec(told: str) -> str:
    """Python's name of a declared codec that expat reads too: UTF-8, or one byte a sign with ASCII below. Else ""."""
    try:
        name = codecs.lookup(told).name
        if name in ("utf-8", "ascii"):
            return "utf-8" if name == "utf-8" else "us-ascii"
        one_byte = len(bytes(range(256)).decode(name, "replace")) == 256
        return name if one_byte and _ASCII.decode(name) == _ASCII.decode("ascii") else ""
    except (LookupError, ValueError):
        return ""


def _family(name: str) -> str:
    """A Unicode encoding without the order of its bytes."""
    return re.sub(r"[-_ ]?[lb]e$", "", name.strip().lower().replace("_", "-")).replace("utf8", "utf-8")


def _is(stream: BinaryIO, codec: str) -> bool:
    """Whether the whole stream can be read so."""
    stream.seek(0)
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        while chunk := stream.read(_CHUNK_BYTES):
            decoder.decode(chunk)
        decoder.decode(b"", True)  # noqa: FBT003  the codec's own signature
    except UnicodeError:
        return False
    return True


def parser_for(encoding: str) -> expat.XMLParserType:
    """An expat parser that reads ``encoding`` whatever is declared, and refuses document types and entities."""
    parser = expat.ParserCreate(_expat_name(encoding))
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    return parser


def _expat_name(name: str) -> str:
    return _EXPAT_NAMES.get(name, name)


def element(raw: bytes, encoding: str) -> Element:
    """One element as a tree of local names: prefixes are dropped, so none needs a declaration outside the record.

    Raises ``PayloadRejected``: ``cad_drop.xml``, ``cad_drop.encoding``.
    """
    mark = next((sign for sign, name in _MARKS if raw.startswith(sign)), b"")
    tree, parser = _Tree(), parser_for(encoding)
    parser.buffer_text = True
    parser.StartElementHandler = tree.opened
    parser.EndElementHandler = tree.closed
    parser.CharacterDataHandler = tree.text
    try:
        parser.Parse(raw[len(mark) :], True)  # noqa: FBT003  expat's own signature
    except (expat.ExpatError, Forbidden, ValueError, LookupError) as error:
        raise PayloadRejected("cad_drop.xml", "not a well-formed element") from error
    if tree.root is None:
        raise PayloadRejected("cad_drop.xml", "no element")
    return tree.root


class _Tree:
    """Expat callbacks that build the tree."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []

    def opened(self, name: str, attributes: dict[str, str]) -> None:
        node = Element(_local(name), {_local(key): value for key, value in attributes.items()})
        if self._open:
            self._open[-1].append(node)
        elif self.root is None:
            self.root = node
        self._open.append(node)

    def closed(self, _name: str) -> None:
        self._open.pop()

    def text(self, data: str) -> None:
        node = self._open[-1]
        if len(node):
            node[-1].tail = (node[-1].tail or "") + data
        else:
            node.text = (node.text or "") + data


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def at(root: Element, path: str) -> str | None:
    """All text at a path with slashes, ``@attribute`` and ``name[2]`` (counted from 1); None when it is not there."""
    node: Element | None = root
    for step in path.split("/"):
        if node is None:
            return None
        if step.startswith("@"):
            return node.get(_local(step[1:]))
        counted = _STEP.fullmatch(step)
        name, index = (_local(counted[1]), int(counted[2])) if counted else (_local(step), 1)
        found = [child for child in node if child.tag == name]
        node = found[index - 1] if 0 < index <= len(found) else None
    return None if node is None else "".join(node.itertext())
