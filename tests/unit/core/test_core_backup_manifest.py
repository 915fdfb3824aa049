"""A backup's manifest: one content has one text, and whatever was done to its files is named with its place."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_core.backup_manifest import FileOf, Manifest, Portion, Tables, encode, faults, leaf, read
from cior_core.errors import PayloadRejected

FILES = {f"data/state/{name}": FileOf(sha256=name * 64, size_bytes=100) for name in "abc"}


def manifest(**changes: object) -> Manifest:
    made = Manifest(
        format=1,
        backup="0011",
        origin="cior/prueba",
        program="0.1.0",
        begun_ms=1_000,
        ended_ms=2_000,
        is_settled=True,
        tables=Tables("26.9", (), ()),
        files=FILES,
    )
    return msgspec.structs.replace(made, **changes)


def told(found: dict[str, FileOf], **changes: object) -> set[tuple[str, str, str]]:
    return {(each.code, each.path, each.other) for each in faults(manifest(**changes), found)}


def test_untouched_files_have_no_fault() -> None:
    assert told(dict(FILES)) == set()


def test_law_15_each_thing_that_was_done_to_a_backup_is_named_with_its_place() -> None:
    a, b, c = sorted(FILES)
    other = FileOf("e" * 64, 100)
    assert told({a: FILES[a], b: FILES[b]}) == {("missing", c, "")}
    assert told({**FILES, "data/new": other}) == {("unlisted", "data/new", "")}
    assert told({**FILES, b: other}) == {("altered", b, "")}
    assert told({**FILES, b: FileOf("e" * 64, 99)}) == {("truncated", b, "")}


def test_renamed_and_exchanged_files_are_told_as_moved() -> None:
    a, b, c = sorted(FILES)
    exchanged = {a: FILES[b], b: FILES[a], c: FILES[c]}
    assert told(exchanged) == {("moved", a, b), ("moved", b, a)}
    renamed = {a: FILES[a], b: FILES[b], "data/elsewhere": FILES[c]}
    assert ("moved", "data/elsewhere", c) in told(renamed)


@pytest.mark.parametrize(
    "path", ["../outside", "/etc/passwd", "data/../../x", "data//x", "C:/x", "data/a\\b"]
)
def test_a_name_that_leads_elsewhere_is_a_fault_even_when_it_is_there(path: str) -> None:
    files = {**FILES, path: FileOf("f" * 64, 1)}
    assert ("unsafe", path, "") in told(files, files=files)


@pytest.mark.parametrize(
    "portions",
    [
        (Portion("ops.raw", "1", 5, "tables/nowhere"),),
        (Portion("ops.raw; DROP TABLE x", "1", 5, "data/state/a"),),
        (Portion("system.users", "1", 5, "data/state/a"),),
        (Portion("ops.raw", "1", 5, "data/state/a"), Portion("ops.raw", "2", 5, "data/state/a")),
    ],
)
def test_a_portion_of_no_table_without_its_file_or_told_twice_is_a_fault(
    portions: tuple[Portion, ...],
) -> None:
    assert {code for code, _, _ in told(dict(FILES), tables=Tables("26.9", (), portions))} == {"portion"}


def test_a_manifest_reads_as_it_was_written_and_nothing_else_does() -> None:
    data = encode(manifest())
    assert read(data) == manifest()
    for changed in (
        b" " + data,
        data.replace(b'"format":1', b'"format":2'),
        data[:-1],
        b"{}",
        b"\xff",
        b"[" * 9999,
    ):
        with pytest.raises(PayloadRejected):
            read(changed)
    with pytest.raises(PayloadRejected):  # an unknown field would be content that no digest means
        read(data[:-1] + b',"zz":1}')


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_rejected(data: bytes) -> None:
    with contextlib.suppress(PayloadRejected):
        assert encode(read(data)) == data


@given(
    st.dictionaries(
        st.sampled_from([*FILES, "x", "y"]),
        st.builds(FileOf, st.sampled_from(["a" * 64, "z"]), st.integers(0, 200)),
    )
)
def test_no_fault_means_exactly_the_files_of_the_manifest(found: dict[str, FileOf]) -> None:
    assert (not faults(manifest(), found)) == (found == FILES)


def test_another_manifest_has_another_leaf() -> None:
    assert leaf(encode(manifest())) != leaf(encode(manifest(begun_ms=1_001)))
