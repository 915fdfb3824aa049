"""The demo finds a sealed identity in whatever form it stands somewhere."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from cior_core.geo import City
from cior_demo import roster
from cior_demo.leaks import Canaries, in_files

SILENT = roster.build(City.demo(), seed=1).actors["panel-silent"]
CANARIES = Canaries.of([SILENT])


@pytest.mark.parametrize("before", [b"", b"x", b"xy", b"xyz", b"\0\xff"])
@pytest.mark.parametrize(
    "text", [SILENT.native, SILENT.subject, SILENT.name, str(SILENT.lat), str(SILENT.lon)]
)
def test_as_text_in_any_case_and_inside_base64(text: str, before: bytes) -> None:
    for content in (text.encode(), text.lower().encode(), text.upper().encode()):
        assert CANARIES.stand_in(b"..." + before + content + b"...")
    assert CANARIES.stand_in(b'{"payload":"' + base64.b64encode(before + text.encode() + b"tail") + b'"}')


@pytest.mark.parametrize("before", [b"", b"x", b"xy"])
@pytest.mark.parametrize("text", [str(SILENT.lat), str(SILENT.lon), SILENT.name])
def test_who_is_next_to_it_is_no_leak_though_most_of_the_base64_is_the_same(text: str, before: bytes) -> None:
    """All signs but the last, and a last one that differs in its last bits only."""
    other = text[:-1].encode() + bytes([text.encode()[-1] ^ 1])
    assert not CANARIES.stand_in(b'{"payload":"' + base64.b64encode(before + other + b"7716") + b'"}')
    twice = base64.b64encode(before + other + b"7716") + b'","' + base64.b64encode(before + text.encode())
    assert CANARIES.stand_in(b'{"payload":"' + twice + b'"}'), "a real one behind it is found"


def test_what_everybody_may_know_is_no_leak() -> None:
    assert not CANARIES.stand_in(b'{"subject":"p-0123456789abcdef0123456789abcdef","district":"centro"}')
    assert not CANARIES.stand_in(b"")


def test_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "clean.log").write_text("nothing")
    (tmp_path / "streams.log").write_text(f'{{"event": "seen {SILENT.subject}"}}')
    assert in_files(tmp_path, CANARIES) == {"streams.log": 1}
