"""Cutting files: exact bytes, bounded memory, one bad record costs one record."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cior_connectors.builtin.cad_drop.json_records import read_json
from cior_connectors.builtin.cad_drop.records import CsvCutter, Record, broken, read_lines
from cior_connectors.builtin.cad_drop.xml_records import read_xml

LIMIT = 4096


def csv_records(data: bytes, limit: int = LIMIT) -> list[Record]:
    return list(CsvCutter(io.BytesIO(data), delimiter=b",", quote=b'"', max_bytes=limit))


def raws(records: list[Record]) -> list[bytes]:
    return [record.raw for record in records]


def test_records_keep_their_exact_bytes_line_ends_included() -> None:
    assert raws(csv_records(b'a,b\r\n"x\r\ny",2\nlast,3')) == [b"a,b\r\n", b'"x\r\ny",2\n', b"last,3"]


def test_doubled_quotes_and_delimiters_inside_quotes_do_not_end_a_record() -> None:
    assert raws(csv_records(b'"he said ""hi"", then\nleft",2\nb,3\n')) == [
        b'"he said ""hi"", then\nleft",2\n',
        b"b,3\n",
    ]


def test_an_inch_mark_inside_a_field_swallows_nothing() -> None:
    assert raws(csv_records(b'5" pipe,1\nb,2\n')) == [b'5" pipe,1\n', b"b,2\n"]


def test_a_quote_that_never_closes_costs_its_own_line_only() -> None:
    found = csv_records(b'a,"open\nb,2\nc,3\n')
    assert [(record.raw, record.problem) for record in found] == [
        (b'a,"open\n', "cad_drop.quote_not_closed"),
        (b"b,2\n", ""),
        (b"c,3\n", ""),
    ]
    assert [record.number for record in found] == [0, 1, 2]


def test_a_record_beyond_the_limit_is_kept_in_pieces_and_the_next_one_lives() -> None:
    found = csv_records(b"x" * 9000 + b"\nb,2\n")
    assert {record.problem for record in found[:-1]} == {"cad_drop.record_too_long"}
    assert b"".join(raws(found)) == b"x" * 9000 + b"\nb,2\n"
    assert found[-1].problem == ""


@given(
    st.lists(
        st.sampled_from([b"a,b\n", b'"q",1\n', b'"', b"\r\n", b"\n", b"x" * 50, b',"z', b"\xff\xfe"]),
        max_size=30,
    )
)
@settings(max_examples=300)
def test_no_byte_of_any_csv_is_lost_but_blank_lines(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    found = csv_records(data, limit=64)
    assert b"".join(raws(found)).translate(None, b"\r\n") == data.translate(None, b"\r\n")
    assert [record.number for record in found] == list(range(len(found)))


def test_ndjson_is_lines() -> None:
    found = list(read_lines(io.BytesIO(b'{"a":1}\n\n{"a":2}'), max_bytes=LIMIT))
    assert raws(found) == [b'{"a":1}\n', b'{"a":2}']


@pytest.mark.parametrize("path", ["", "calls", "data.calls"])
def test_elements_of_a_json_array_wherever_it_lies(path: str) -> None:
    elements = ['{"id": 1, "n": "a]\\"},{"}', '{"id":2,"deep":[[1],{"x":[]}]}', "3"]
    body = "[ " + " ,\n".join(elements) + " ]"
    for name in reversed(path.split(".") if path else []):
        body = '{"before": [1, {"calls": 2}], "' + name + '": ' + body + ', "after": {}}'
    found = list(read_json(io.BytesIO(body.encode()), path=path, max_bytes=LIMIT))
    assert [record.raw.decode() for record in found] == elements


def test_a_json_document_that_breaks_off_gives_its_records_and_then_its_bytes() -> None:
    found = list(read_json(io.BytesIO(b'[{"id":1},{"id":2},{"id":'), path="", max_bytes=LIMIT))
    assert [(record.raw, record.problem) for record in found] == [
        (b'{"id":1}', ""),
        (b'{"id":2}', ""),
        (b'{"id":', "cad_drop.json_broken"),
    ]
    assert found[-1].fatal


def test_a_json_document_without_the_array_is_kept_whole() -> None:
    found = list(read_json(io.BytesIO(b'{"calls": {"id":1}}'), path="calls", max_bytes=LIMIT))
    assert [(record.raw, record.problem) for record in found] == [
        (b'{"calls": {"id":1}}', "cad_drop.no_array")
    ]


@given(
    st.lists(
        st.recursive(
            st.none() | st.integers() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
            ),
        ),
        max_size=6,
    )
)
@settings(max_examples=200)
def test_any_json_array_comes_apart_as_it_was_put_together(values: list[object]) -> None:
    found = list(
        read_json(io.BytesIO(json.dumps(values, ensure_ascii=False).encode()), path="", max_bytes=LIMIT)
    )
    assert [json.loads(record.raw) for record in found] == values


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_any_bytes_as_json_or_xml_end_and_raise_nothing(noise: bytes) -> None:
    for data in (noise, b"[{}," + noise, b"<c><call>1</call>" + noise):
        list(read_json(io.BytesIO(data), path="", max_bytes=LIMIT))
        list(read_xml(io.BytesIO(data), element="call", max_bytes=LIMIT))


def test_a_big_json_array_streams() -> None:
    body = b"[" + b",".join(b'{"id":%d,"text":"%b"}' % (n, b"y" * 200) for n in range(5000)) + b"]"
    stream = io.BytesIO(body)
    records = read_json(stream, path="", max_bytes=LIMIT)
    next(records)
    assert stream.tell() <= 2 * 65_536
    assert sum(1 for _ in records) == 4999


def test_xml_records_keep_their_exact_bytes_across_chunk_borders() -> None:
    calls = [
        b'<c:call n="%d">\r\n <text>%b</text><call>inner</call></c:call>' % (n, b"z" * 300)
        for n in range(1000)
    ]
    body = (
        b'\xef\xbb\xbf<?xml version="1.0"?>\n<x:all xmlns:x="u" xmlns:c="u">'
        + b"\n ".join(calls)
        + b"<c:call/></x:all>\n"
    )
    stream = io.BytesIO(body)
    stream.seek(3)
    found = list(read_xml(stream, element="call", max_bytes=LIMIT))
    assert raws(found) == [*calls, b"<c:call/>"]
    assert not any(record.problem for record in found)


def test_a_bomb_of_entities_is_refused_before_it_is_expanded() -> None:
    body = b'<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><r><call>&b;</call></r>'
    found = list(read_xml(io.BytesIO(body), element="call", max_bytes=LIMIT))
    assert [(record.raw, record.problem) for record in found] == [(body, "cad_drop.xml_forbidden")]


def test_xml_that_breaks_off_gives_its_records_and_then_its_bytes() -> None:
    found = list(
        read_xml(io.BytesIO(b"<r><call>1</call><call>2</call><call>3"), element="call", max_bytes=LIMIT)
    )
    assert [(record.raw, record.problem) for record in found] == [
        (b"<call>1</call>", ""),
        (b"<call>2</call>", ""),
        (b"<call>3", "cad_drop.xml_broken"),
    ]


def test_an_unreadable_file_becomes_chunks_that_add_up_to_it() -> None:
    data = bytes(range(256)) * 1000
    found = list(broken(io.BytesIO(data), start=0, number=0, problem="cad_drop.not_text"))
    assert b"".join(raws(found)) == data
    assert max(len(record.raw) for record in found) <= 65_536
