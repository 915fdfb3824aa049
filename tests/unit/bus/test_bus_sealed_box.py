"""Boxes for one or several recipients."""

from __future__ import annotations

import pytest
from nacl.public import PrivateKey, SealedBox

from cior_bus import sealed_box
from cior_core.errors import AccessDenied, PayloadRejected

TEAM, MENDER, STRANGER = (PrivateKey.generate() for _ in range(3))


def _public(key: PrivateKey) -> bytes:
    return bytes(key.public_key)


def test_each_recipient_opens_a_box_alone_and_nobody_else_does() -> None:
    box = sealed_box.seal(b"maria", [_public(TEAM), _public(MENDER)])
    assert [sealed_box.unseal(box, bytes(key)) for key in (TEAM, MENDER)] == [b"maria", b"maria"]
    with pytest.raises(AccessDenied, match=r"box\.other_key"):
        sealed_box.unseal(box, bytes(STRANGER))


def test_what_was_read_is_not_for_whoever_mends_decoders() -> None:
    with pytest.raises(AccessDenied, match=r"box\.other_key"):
        sealed_box.unseal(sealed_box.seal(b"maria", [_public(TEAM)]), bytes(MENDER))


@pytest.mark.parametrize("where", [len(sealed_box.MAGIC) + 2, 60, -1])
def test_a_box_of_which_a_byte_was_changed_is_refused(where: int) -> None:
    box = bytearray(sealed_box.seal(b"maria" * 40, [_public(TEAM)]))
    box[where] ^= 1
    with pytest.raises((PayloadRejected, AccessDenied)):
        sealed_box.unseal(bytes(box), bytes(TEAM))


def test_a_length_does_not_tell_a_press_from_a_sign_of_life() -> None:
    boxes = [sealed_box.seal(b"x" * length, [_public(TEAM)]) for length in (0, 1, 90, 500)]
    assert len({len(box) for box in boxes}) == 1
    assert [len(sealed_box.unseal(box, bytes(TEAM))) for box in boxes] == [0, 1, 90, 500]


def test_a_box_of_before_several_recipients_is_still_opened() -> None:
    assert sealed_box.unseal(SealedBox(TEAM.public_key).encrypt(b"old"), bytes(TEAM)) == b"old"


def test_a_box_that_nobody_could_open_is_not_made() -> None:
    with pytest.raises(ValueError, match="loss"):
        sealed_box.seal(b"maria", [])
