"""One record beyond the limit costs itself alone, in every format: all of it is kept, and the calls behind it ring."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_connectors.builtin.cad_drop import json_records, xml_records
from cior_connectors.builtin.cad_drop.json_records import read_json
from cior_connectors.builtin.cad_drop.records import CHUNK_BYTES, CsvCutter, Record, read_lines
from cior_connectors.builtin.cad_drop.xml_records import read_xml

LIMIT = 4_096
TOO_LONG = "cad_drop.record_too_long"
Read = Callable[[bytes], Iterator[Record]]


def as_json(data: bytes) -> Iterator[Record]:
    return read_json(io.BytesIO(data), path="", max_bytes=LIMIT)


def as_lines(data: bytes) -> Iterator[Record]:
    return read_lines(io.BytesIO(data), max_bytes=LIMIT)


def as_csv(data: bytes) -> Iterator[Record]:
    return iter(CsvCutter(io.BytesIO(data), delimiter=b",", quote=b'"', max_bytes=LIMIT))


def as_xml(data: bytes) -> Iterator[Record]:
    return read_xml(io.BytesIO(data), element="call", max_bytes=LIMIT)


def tags(size: int) -> bytes:
    return b"<call>" + b"<note>a</note>" * (size // 14) + b"</call>"


WAYS: list[tuple[str, Read, bytes, bytes, Callable[[int], bytes]]] = [
    ("json text", as_json, b"[%b,%b,%b]", b'{"n":1}', lambda n: b'{"t":"' + b"x" * n + b'"}'),
    (
        "json signs",
        as_json,
        b"[%b, %b ,%b]",
        b'{"n":1}',
        lambda n: b'{"t":"' + rb"]},{[\"\\" * (n // 9) + b'"}',
    ),
    ("json nested", as_json, b"[%b,%b,%b]", b'{"n":1}', lambda n: b"[" * n + b"]" * n),
    ("json values", as_json, b"[\n%b,\n%b,\n%b\n]", b'{"n":1}', lambda n: b"[" + b"1," * (n // 2) + b"1]"),
    ("ndjson", as_lines, b"%b\n%b\n%b\n", b'{"n":1}', lambda n: b'{"t":"' + b"x" * n + b'"}'),
    ("csv", as_csv, b"%b\n%b\n%b\n", b"1,a", lambda n: b'2,"' + b"x" * n + b'"'),
    ("xml text", as_xml, b"<r>%b%b%b</r>", b"<call>1</call>", lambda n: b"<call>" + b"x" * n + b"</call>"),
    ("xml tags", as_xml, b"<r>\n%b\n%b\n%b\n</r>", b"<call>1</call>", tags),
    (
        "xml tag",
        as_xml,
        b"<r>%b%b%b</r>",
        b"<call>1</call>",
        lambda n: b'<call a="' + b"x" * min(n, 3 * CHUNK_BYTES) + b'"/>',
    ),
]

FEW = [way for way in WAYS if way[0] not in ("json nested", "xml tag")]
"""Those that are measured: the first is slow to trace, and a parser holds a tag whole."""


@pytest.mark.parametrize("size", [LIMIT + 1, 3 * CHUNK_BYTES - 3, 3 * CHUNK_BYTES, 12 * CHUNK_BYTES])
@pytest.mark.parametrize(
    ("read", "form", "call", "long"), [way[1:] for way in WAYS], ids=[way[0] for way in WAYS]
)
def test_the_calls_behind_a_record_beyond_the_limit_are_read(
    read: Read, form: bytes, call: bytes, long: Callable[[int], bytes], size: int
) -> None:
    middle = long(size)
    first, *pieces, last = read(form % (call, middle, call))
    assert [(each.raw.strip(), each.problem) for each in (first, last)] == [(call, ""), (call, "")]
    assert {each.problem for each in pieces} == {TOO_LONG}
    assert b"".join(each.raw for each in pieces).strip() == middle
    assert [each.number for each in (first, *pieces, last)] == list(range(len(pieces) + 2))
    assert not any(each.fatal for each in pieces)


def test_a_tag_without_end_is_held_no_longer_than_a_record_and_all_of_it_is_evidence() -> None:
    whole = b"<r><call>1</call><call a='" + b"x" * 30 * CHUNK_BYTES + b"'/><call>2</call></r>"
    tracemalloc.start()
    first, *rest = as_xml(whole)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert first.raw == b"<call>1</call>"
    assert {each.problem for each in rest} == {TOO_LONG}
    assert b"".join(each.raw for each in rest) == whole.partition(first.raw)[2]
    assert peak_bytes < len(whole) * 2


@pytest.mark.parametrize(
    ("read", "form", "call", "long"), [way[1:] for way in FEW], ids=[way[0] for way in FEW]
)
def test_a_record_of_a_megabyte_is_never_held_whole(
    read: Read, form: bytes, call: bytes, long: Callable[[int], bytes]
) -> None:
    whole = form % (call, long(20 * CHUNK_BYTES), call)
    tracemalloc.start()
    total = sum(len(each.raw) for each in read(whole))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total > 19 * CHUNK_BYTES
    assert peak_bytes < 14 * CHUNK_BYTES


def texts() -> st.SearchStrategy[str]:
    return st.text(st.sampled_from('ab"\\[]{},é \n'), max_size=12)


@given(
    st.lists(
        st.recursive(texts(), lambda e: st.lists(e, max_size=3) | st.dictionaries(texts(), e, max_size=3))
    )
)
def test_any_json_array_in_the_smallest_chunks_comes_apart_as_it_was_put_together(
    values: list[object],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for chunk_bytes in (1, 2, 7):
            patch.setattr(json_records, "CHUNK_BYTES", chunk_bytes)
            parts = [json.dumps(each, ensure_ascii=False).encode() for each in values]
            document = io.BytesIO(b"[ " + b",\n ".join(parts) + b"]")
            found = list(read_json(document, path="", max_bytes=10))
            assert b"".join(each.raw for each in found) == b"".join(parts)
            whole = [each.raw for each in found if not each.problem]
            assert whole == [part for part in parts if len(part) <= 10]


@given(st.lists(st.text(st.sampled_from("ab >é/"), max_size=30), max_size=6))
def test_any_xml_in_the_smallest_chunks_comes_apart_as_it_was_put_together(values: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for chunk_bytes in (1, 7):
            patch.setattr(xml_records, "CHUNK_BYTES", chunk_bytes)
            parts = [f"<call>{each}</call>".encode() for each in values]
            document = io.BytesIO(b"<r>\n" + b"\n".join(parts) + b"</r>")
            found = list(read_xml(document, element="call", max_bytes=20))
            assert b"".join(each.raw for each in found) == b"".join(parts)
            whole = [each.raw for each in found if not each.problem]
            assert whole == [part for part in parts if len(part) <= 20]
