"""Whether a packet carries a camera's signature, and what a validator's words mean."""

from __future__ import annotations

import pytest

from cior_core import bundled
from cior_core.camera_signing import (
    UUIDS,
    PacketReader,
    Reason,
    Rules,
    Said,
    Scheme,
    Verdict,
    gravest,
    read_rules,
    said_of,
)
from cior_core.errors import ConfigInvalid
from doubles.signed_video import AXIS, HEADERS, ONVIF, SUFFIX, framed, message

SLICE = {"h264": b"\x65\x88\x84\x00\x10", "hevc": b"\x26\x01\xaf\x09"}
OTHER = b"\x04\x03\xb5\x00\x31"
"""A message of another type (4, user data registered), of three bytes."""


def reader(codec: str = "h264", width: int = 4) -> PacketReader:
    at = {"h264": 4, "hevc": 21}[codec]
    return PacketReader(codec, bytes(at) + bytes([0xFC | width - 1]) + bytes(4))


def test_the_uuids_are_those_that_both_frameworks_publish() -> None:
    assert {str(ONVIF), str(AXIS)} == set(UUIDS.values())
    assert AXIS.bytes == b"Signed Video...0"


@pytest.mark.parametrize("width", [1, 2, 4])
@pytest.mark.parametrize("codec", HEADERS)
def test_a_message_of_each_scheme_is_found_wherever_it_stands(codec: str, width: int) -> None:
    body = b"\0\0\1\0\0\3" * 20
    for uuid, scheme in ((ONVIF, Scheme.ONVIF), (AXIS, Scheme.AXIS)):
        unit = message(uuid, HEADERS[codec], before=OTHER, body=body)
        packet = framed(SLICE[codec], unit, SLICE[codec], width=width)
        assert reader(codec, width).schemes(packet) == {scheme}
    both = [message(each, HEADERS[codec], body=body) for each in (ONVIF, AXIS)]
    assert reader(codec, width).schemes(framed(*both, width=width)) == {Scheme.ONVIF, Scheme.AXIS}


def test_emulation_prevention_before_a_message_does_not_hide_it() -> None:
    zeros = bytes([4, 40]) + bytes(40)
    assert reader().schemes(framed(message(ONVIF, b"\x06", before=zeros))) == {Scheme.ONVIF}


def test_a_message_after_the_pictures_counts_in_h265() -> None:
    assert reader("hevc").schemes(framed(SLICE["hevc"], message(AXIS, SUFFIX))) == {Scheme.AXIS}


def test_what_only_looks_like_one_is_none() -> None:
    unit = message(ONVIF, b"\x06")
    in_a_slice = b"\x65" + unit[1:]
    of_another_type = b"\x06\x04" + unit[2:]
    of_x264 = message(ONVIF, b"\x06").replace(ONVIF.bytes[:8], b"\xdc\x45\xe9\xbd\xe6\xd9\x48\xb7")
    longer_than_its_unit = unit[:40]
    for each in (in_a_slice, of_another_type, of_x264, longer_than_its_unit):
        assert reader().schemes(framed(each)) == frozenset()


def test_bytes_that_are_no_units_and_codecs_that_we_do_not_read_carry_none() -> None:
    whole = framed(message(ONVIF, b"\x06"))
    assert reader().schemes(whole[:-1]) == frozenset()
    assert reader().schemes(b"\xff\xff\xff\xff" + whole) == frozenset()
    assert PacketReader("av1", b"").schemes(whole) == frozenset()
    assert PacketReader("h264", b"").schemes(whole) == {Scheme.ONVIF}
    cut = [whole[:size] for size in range(0, len(whole), 7)]
    assert all(reader().schemes(each) == frozenset() for each in cut)


# --- what a validator says --------------------------------------------------------------------------------------


def shipped(name: str) -> Rules:
    return read_rules(bundled.text(f"camera_signing/{name}.toml"), file=f"{name}.toml")


COUNTS = (
    "Number of valid GOPs: 4", "Number of received frames : 255", "Number of validated frames: 255",
    "Number of pending frames  : 0",
)  # fmt: skip
SAYS = [
    ("PUBLIC KEY IS VALID!", "VIDEO IS VALID!", Verdict.AUTHENTIC, Reason.VALID),
    ("PUBLIC KEY IS VALID!", "VIDEO IS INVALID!", Verdict.NOT_AUTHENTIC, Reason.CHANGED),
    ("PUBLIC KEY IS NOT VALID!", "VIDEO IS INVALID!", Verdict.NOT_AUTHENTIC, Reason.CHANGED),
    ("PUBLIC KEY IS NOT VALID!", "VIDEO IS VALID!", Verdict.SIGNED_UNKNOWN, Reason.KEY_NOT_TRUSTED),
    ("PUBLIC KEY COULD NOT BE VALIDATED!", "VIDEO IS VALID!", Verdict.SIGNED_UNKNOWN, Reason.KEY_UNPROVEN),
    (
        "PUBLIC KEY IS VALID!",
        "VIDEO IS VALID, BUT HAS MISSING FRAMES!",
        Verdict.SIGNED_UNKNOWN,
        Reason.FRAMES_MISSING,
    ),
    ("PUBLIC KEY IS VALID!", "NO COMPLETE GOPS FOUND!", Verdict.SIGNED_UNKNOWN, Reason.UNFINISHED),
    ("PUBLIC KEY IS VALID!", "VIDEO IS NOT SIGNED!", Verdict.UNKNOWN, Reason.SAID_UNSIGNED),
    ("PUBLIC KEY IS VALID!", "VIDEO IS VALID", Verdict.UNKNOWN, Reason.NOT_UNDERSTOOD),
]


@pytest.mark.parametrize("name", ["onvif", "axis"])
@pytest.mark.parametrize(("key", "video", "verdict", "reason"), SAYS)
def test_each_published_result_has_its_verdict(
    name: str, key: str, video: str, verdict: Verdict, reason: Reason
) -> None:
    rule = "-----------------------------"
    said = said_of(shipped(name), 0, [rule, key, rule, video, *COUNTS, rule])
    assert (said.verdict, said.reason) == (verdict, reason)
    assert {"VIDEO IS VALID!", "VIDEO IS INVALID!", video} & set(said.lines) <= {video}


def test_onvif_tells_a_key_that_nobody_was_named_to_trust() -> None:
    said = said_of(
        shipped("onvif"), 0, ["PUBLIC KEY VERIFIABLE WITHOUT TRUSTED CERT!", "VIDEO IS VALID!", *COUNTS]
    )
    assert said.reason is Reason.KEY_UNPROVEN


def test_a_good_word_with_another_exit_status_counts_for_nothing() -> None:
    said = said_of(shipped("axis"), 1, ["PUBLIC KEY IS VALID!", "VIDEO IS VALID!", *COUNTS])
    assert said == Said(Verdict.UNKNOWN, Reason.FAILED)


@pytest.mark.parametrize(
    ("pending", "spare", "verdict"),
    [
        (62, 62, Verdict.AUTHENTIC),
        (63, 62, Verdict.SIGNED_UNKNOWN),
        (7, 0, Verdict.SIGNED_UNKNOWN),
        (0, 0, Verdict.AUTHENTIC),
    ],
)
def test_a_valid_video_of_which_more_is_open_than_its_last_group_is_not_authentic(
    pending: int, spare: int, verdict: Verdict
) -> None:
    """As the published validator counts: 124 frames of two groups, the second of which only brings a signature."""
    counts = ("Number of validated frames: 62", f"Number of pending frames  : {pending}")
    result = ["PUBLIC KEY IS VALID!", "VIDEO IS VALID!", *counts]
    said = said_of(shipped("onvif"), 0, result, spare_frames=spare)
    assert said.verdict is verdict
    assert said.reason is (Reason.VALID if verdict is Verdict.AUTHENTIC else Reason.PARTLY)
    assert set(counts) < set(said.lines)


def test_a_video_of_two_schemes_is_as_good_as_its_worst() -> None:
    assert gravest([Verdict.AUTHENTIC, Verdict.NOT_AUTHENTIC, Verdict.UNKNOWN]) is Verdict.NOT_AUTHENTIC
    assert gravest([Verdict.AUTHENTIC, Verdict.SIGNED_UNKNOWN]) is Verdict.SIGNED_UNKNOWN
    assert gravest([Verdict.UNKNOWN, Verdict.SIGNED_UNKNOWN]) is Verdict.UNKNOWN
    assert gravest([Verdict.AUTHENTIC]) is Verdict.AUTHENTIC
    assert gravest([]) is Verdict.NOT_SIGNED


GOOD = """
scheme = "axis"
arguments = ["{file}"]
codecs = {h264 = "avc"}
[[outcome]]
verdict = "authentic"
reason = "valid"
lines = ["good"]
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('["{file}"]', '["x"]'),
        ('["good"]', '["(good"]'),
        ('["good"]', "[]"),
        ('"authentic"', '"unknown"'),
        ('"authentic"', '"fine"'),
        ("scheme", "skema"),
        ('scheme = "axis"', 'scheme = "axis"\npending = "no group"'),
    ],
)
def test_rules_that_could_not_work_are_refused_with_a_cure(old: str, new: str) -> None:
    assert read_rules(GOOD, file="a.toml").outcome[0].lines == ("good",)
    with pytest.raises(ConfigInvalid) as refusal:
        read_rules(GOOD.replace(old, new), file="a.toml")
    assert "a.toml" in str(refusal.value)
    assert refusal.value.cure
