"""Canonical JSON: RFC 8785's own examples, and one value, one byte string."""

from __future__ import annotations

import json
import math
import struct
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_core.canonical import MAX_SAFE_INTEGER, _number, canonical
from cior_core.errors import PayloadRejected
from cior_core.model import DEFAULT_AREA, TickItem

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)

# RFC 8785 appendix B: IEEE 754 bit patterns and the text ECMAScript gives them.
RFC_8785_NUMBERS = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]


@pytest.mark.parametrize(("bits", "text"), RFC_8785_NUMBERS)
def test_numbers_are_written_as_rfc_8785_appendix_b(bits: str, text: str) -> None:
    assert _number(struct.unpack(">d", bytes.fromhex(bits))[0]) == text


def test_the_sorting_example_of_rfc_8785_section_3_2_3() -> None:
    value = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    assert list(json.loads(canonical(value)).values()) == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


def test_the_whole_example_of_rfc_8785_section_3_2_2() -> None:
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical(value) == expected.encode()


def as_a_double(text: str) -> int | float:
    """How an ECMAScript reader takes an integer: exactly up to 2^53 - 1, as the nearest double beyond."""
    return int(text) if abs(int(text)) <= MAX_SAFE_INTEGER else float(text)


@given(VALUES)
def test_canonical_bytes_read_back_as_the_value_and_are_a_fixed_point(value: object) -> None:
    once = canonical(value)
    again = json.loads(once, parse_int=as_a_double)
    assert again == value
    assert canonical(again) == once


@given(st.dictionaries(st.text(), LEAVES, max_size=6), st.randoms())
def test_member_order_never_shows(members: dict[str, object], random: Random) -> None:
    shuffled = list(members.items())
    random.shuffle(shuffled)
    assert canonical(dict(shuffled)) == canonical(members)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_survives(value: float) -> None:
    assert float(_number(value)) == value


def test_structs_are_written_as_their_members() -> None:
    assert (
        canonical(TickItem(id="t", area=DEFAULT_AREA, at_ms=1))
        == b'{"area":"city","at_ms":1,"id":"t","type":"tick"}'
    )


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (math.nan, "canonical.not_finite"),
        ([math.inf], "canonical.not_finite"),
        (2**53, "canonical.int_range"),
        ({1: "x"}, "canonical.key"),
        ("\ud800", "canonical.encoding"),
        ({"\udfff": 1}, "canonical.encoding"),
        (object(), "canonical.type"),
    ],
)
def test_a_value_without_one_canonical_form_is_refused(value: object, code: str) -> None:
    with pytest.raises(PayloadRejected) as refused:
        canonical(value)
    assert refused.value.code == code


def test_endless_nesting_is_refused() -> None:
    nest: list[object] = []
    nest.append(nest)
    with pytest.raises(PayloadRejected, match=r"canonical\.depth"):
        canonical(nest)
