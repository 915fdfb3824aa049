"""A code of six digits is good once, for its half minute and the ones beside it (RFC 6238)."""

from __future__ import annotations

import base64

import pytest

from cior_console.sign_in.one_time_codes import accepted_step, address, new_secret

# RFC 6238, appendix B: the SHA-1 rows; the codes there have eight digits, of which a telephone shows the last six.
SECRET = base64.b32encode(b"12345678901234567890").decode()
VECTORS = [(59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"), (20_000_000_000, "353130")]


@pytest.mark.parametrize(("at_s", "code"), VECTORS)
def test_the_standards_own_codes(at_s: int, code: str) -> None:
    assert accepted_step(SECRET, code, now_ms=at_s * 1000, last_step=-1) == at_s // 30


def test_a_code_is_good_once() -> None:
    at_s, code = VECTORS[1]
    step = accepted_step(SECRET, code, now_ms=at_s * 1000, last_step=-1)
    assert step is not None
    assert accepted_step(SECRET, code, now_ms=at_s * 1000, last_step=step) is None
    assert accepted_step(SECRET, code, now_ms=at_s * 1000, last_step=step + 1) is None


@pytest.mark.parametrize(
    ("off_s", "is_good"), [(-31, False), (-30, True), (0, True), (30, True), (61, False)]
)
def test_a_telephones_clock_may_be_half_a_minute_off(off_s: int, *, is_good: bool) -> None:
    at_s, code = 1_111_111_110, "050471"  # the code of the half minute that begins here
    found = accepted_step(SECRET, code, now_ms=(at_s + off_s) * 1000, last_step=-1)
    assert (found is not None) is is_good


@pytest.mark.parametrize(
    "code", ["", "28708", "2870820", "28708a", "２８７０８２", "-87082", " 87082", "287082\n"]
)
def test_what_is_no_code_is_none(code: str) -> None:
    assert accepted_step(SECRET, code, now_ms=59_000, last_step=-1) is None


def test_every_secret_is_another_and_fits_an_app() -> None:
    one, other = new_secret(), new_secret()
    assert one != other
    assert len(base64.b32decode(one)) == 20
    told = address(one, login="agomez", centre="Rosario Centro")
    assert told.startswith("otpauth://totp/Rosario%20Centro:agomez?")
    assert f"secret={one}" in told
