"""Every code of the two published tables means here what it means there.

Facts: SIA DC-03-2017 (event codes of two letters, 305 of them) and SIA DC-05-2016 (Contact ID, 322), as the siadc09
package (Unlicense) carries them; the list of codes below is written out, so that a package that changes does not change
what we promise. Judged by meaning: the standards name their codes by rules (a family letter, then A alarm, H and R its
end, T trouble, J its end, B bypass, U its end, S supervision), and what the rules do not reach is said one by one.
"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from siadc09 import dc03, dc05

from cior_core import bundled
from cior_core.model import Lane, Phase
from cior_core.taxonomy import AlarmMeaning, Alerting, EventType, Taxonomy

KINDS = Taxonomy.load(bundled.text("taxonomy.toml"))

_SIA = """
AA AB AN AR AS AT BA BB BC BD BE BG BH BJ BM BR BS BT BU BV BX BZ CA CD CE CF CG CI CJ CK CL CM CO CP CQ CR CS CT CW
CX CZ DA DB DC DD DE DF DG DH DI DJ DK DL DM DN DO DP DQ DR DS DT DU DV DW DX DY DZ EA EE EJ EM EN ER ES ET EX EZ FA
FB FC FG FH FI FJ FK FL FM FQ FR FS FT FU FV FW FX FY FZ GA GB GH GJ GR GS GT GU GX HA HB HH HJ HR HS HT HU IA IR JA
JD JH JK JL JO JP JR JS JT JV JX JY JZ KA KB KH KJ KR KS KT KU LB LD LE LF LR LS LT LU LX MA MB MH MI MJ MR MS MT MU
NA NC NF NL NM NR NS NT OA OC OG OH OI OJ OK OL OP OQ OR OS OT OU OV OZ PA PB PH PJ PR PS PT PU QA QB QH QJ QR QS QT
QU RA RB RC RD RN RO RP RR RS RT RU RX RY SA SB SC SH SJ SR SS ST SU TA TB TC TE TH TJ TP TR TS TT TU TW TX TZ UA UB
UG UH UJ UR US UT UU UX UY UZ VI VO VR VT VX VY VZ WA WB WH WJ WR WS WT WU XA XE XF XH XI XJ XL XM XQ XR XS XT XW XX
YA YB YC YD YE YF YG YH YI YJ YK YM YN YO YP YQ YR YS YT YU YW YX YY YZ ZA ZB ZH ZJ ZR ZS ZT ZU
"""
SIA = _SIA.split()
_RANGES = """
100-103 110-118 120-126 129-147 150-159 161-163 168-169 200-206 300-317 320-327 330-339 341-345 350-358 370-378
380-389 391-394 400-409 411-416 421-436 441-444 450-459 461-466 501 520-527 531-532 551-555 570-579 601-609 611-616
621-632 641-643 645-647 651-655 703-704 750-789 796 798 900-904 910-929 954 961-962
"""
RANGES = _RANGES.split()
CONTACT_ID = [
    f"{code}"
    for first, _, last in (each.partition("-") for each in RANGES)
    for code in range(int(first), int(last or first) + 1)
]
FAMILIES = {
    "B": "burglary.alarm",
    "F": "fire.alarm",
    "G": "gas.alarm",
    "H": "silent.duress",
    "K": "fire.alarm",
    "M": "medical.alarm",
    "P": "panic.alarm",
    "Q": "medical.alarm",
    "S": "fire.alarm",
    "T": "device.tamper",
    "U": "alarm.unclassified",
    "W": "water.alarm",
    "Z": "environment.alarm",
}
"""Family letter of DC-03 → our type of its alarm. Heat and sprinkler are fire, as Contact ID 114 and 113 are; a hold-up
is silent, as 122 is.
"""
LIFE = [
    "fire.alarm",
    "gas.alarm",
    "medical.alarm",
    "panic.alarm",
    "panic.verified",
    "silent.duress",
    "alarm.unclassified",
]


def sia(code: str) -> tuple[AlarmMeaning, EventType]:
    meaning = KINDS.map_sia(code)
    assert meaning is not None
    return meaning, KINDS[meaning.type]


def contact_id(code: str, qualifier: str = "1") -> tuple[AlarmMeaning, EventType]:
    meaning = KINDS.map_contact_id(qualifier, code)
    assert meaning is not None
    return meaning, KINDS[meaning.type]


def test_every_published_code_stands_in_the_table_and_no_other() -> None:
    ours = {c for kind in KINDS.values() for c in (*kind.sia, *kind.sia_restore, *kind.sia_verified)}
    assert ours == set(SIA) == set(dc03.EVENT)
    assert {c for kind in KINDS.values() for c in kind.contact_id} == set(CONTACT_ID) == set(dc05.EVENT)
    assert (len(SIA), len(CONTACT_ID)) == (305, 322)
    assert all(sia(code)[0].exact for code in SIA)
    assert all(contact_id(code)[0].exact for code in CONTACT_ID)


@pytest.mark.parametrize(("letter", "kind"), FAMILIES.items())
def test_a_family_has_its_alarm_its_end_its_trouble_and_its_bypass(letter: str, kind: str) -> None:
    rules = {
        "A": (kind, Phase.NEW),
        "H": (kind, Phase.RESTORE),
        "R": (kind, Phase.RESTORE),
        "T": ("device.trouble", Phase.NEW),
        "S": ("device.trouble", Phase.NEW),
        "J": ("device.trouble", Phase.RESTORE),
        "B": ("device.bypass", Phase.NEW),
        "U": ("device.bypass", Phase.RESTORE),
    }
    if letter == "T":  # a fault of a tamper loop is tampering until somebody looked; TS begins a test
        rules |= {"T": (kind, Phase.NEW), "J": (kind, Phase.RESTORE), "S": ("test.manual", Phase.TEST)}
    for suffix, (wanted, phase) in rules.items():
        if letter + suffix in SIA:
            meaning, _ = sia(letter + suffix)
            assert (meaning.type, meaning.phase) == (wanted, phase), letter + suffix


@pytest.mark.parametrize(
    ("codes", "wanted", "phase", "verified"),
    [
        ("FM", "fire.alarm", Phase.NEW, True),
        ("FG", "fire.alarm", Phase.NEW, False),
        ("BM BV XM", "burglary.verified", Phase.NEW, False),
        ("BG CM CR DF DL EA EE EZ", "burglary.alarm", Phase.NEW, False),
        ("FC BC OC AB", "alarm.cancel", Phase.CANCEL, False),
        ("FI FK FX BX GX RX TC TE TP TS TX VX", "test.manual", Phase.TEST, False),
        ("RP RY", "test.periodic", Phase.TEST, False),
        ("FW FY FZ FS AS BZ RT IA", "device.trouble", Phase.NEW, False),
        ("FQ FV AN IR", "device.trouble", Phase.RESTORE, False),
        ("FL", "device.notice", Phase.NEW, False),
        ("KR KH SR SH FR FH", "fire.alarm", Phase.RESTORE, False),
        ("WR WH", "water.alarm", Phase.RESTORE, False),
        ("ZR ZH", "environment.alarm", Phase.RESTORE, False),
        ("UG UX UZ", "alarm.unclassified", Phase.NEW, False),
        ("JK NA", "person.welfare", Phase.NEW, False),
        ("AA JA ES XS TT", "device.tamper", Phase.NEW, False),
        ("EJ XJ TJ", "device.tamper", Phase.RESTORE, False),
        ("LT NT YC YS XX", "supervision.lost", Phase.NEW, False),
        ("LR NR YK", "supervision.lost", Phase.RESTORE, False),
        ("CL CA CF CG CJ CK CP CQ CS NL NM NF", "access.open_close", Phase.RESTORE, False),
        ("OP OA OG OJ OK OQ OR OS", "access.open_close", Phase.NEW, False),
        ("DD DG DP DX", "access.door", Phase.NEW, False),
        ("XW", "device.bypass", Phase.NEW, False),
    ],
)
def test_what_the_rules_do_not_reach(codes: str, wanted: str, phase: Phase, verified: bool) -> None:
    for code in codes.split():
        meaning, _ = sia(code)
        assert (meaning.type, meaning.phase, meaning.verified) == (wanted, phase, verified), code


def test_the_published_names_say_the_same() -> None:
    """Word against word: what the list calls a restore ends something, and so on. The exceptions are named."""
    for code, entry in dc03.EVENT.items():
        meaning, kind = sia(code)
        name = f" {entry['name']} ".casefold()
        if "bypass" in name:
            assert kind.code == "device.bypass", code
        if "unbypass" in name or "restor" in name:
            assert meaning.phase is Phase.RESTORE, code
        elif " alarm " in name and code not in {"OH", "OL", "OR", "FL"}:  # openings after one; its sound off
            assert kind.alerting is Alerting.ALWAYS, code
            assert kind.lane is Lane.URGENT, code
        if " test " in name and code != "XX":  # a test that did not come
            assert meaning.phase is Phase.TEST, code
        if " trouble " in name and code not in {"TT", "TJ"}:
            assert kind.code in {
                "device.trouble",
                "device.mains",
                "device.low_battery",
                "supervision.lost",
            }, code


@pytest.mark.parametrize(
    ("codes", "wanted"),
    [
        ("100-103", "medical.alarm"),
        ("110-118", "fire.alarm"),
        ("120 123", "panic.alarm"),
        ("121-122 124-126", "silent.duress"),
        ("130-136 138 146 155 374 423", "burglary.alarm"),
        ("137 141-145 147 316-317 341 383", "device.tamper"),
        ("151 162", "gas.alarm"),
        ("154", "water.alarm"),
        ("152-153 157-159 161 163 168-169", "environment.alarm"),
        ("140 150 750-789", "alarm.unclassified"),
        ("200-206 300 373 375-376", "device.trouble"),
        ("301 342 926", "device.mains"),
        ("302 309 311 338 384", "device.low_battery"),
        ("351-357 382", "supervision.lost"),
        ("400-405 441-444 450-456", "access.open_close"),
        ("421-422 435-436 921", "access.door"),
        ("520-527 551-553 570-579 923 925", "device.bypass"),
        ("601 603-604 607 611-615 913-918", "test.manual"),
        ("358 602", "test.periodic"),
        ("641 654", "person.welfare"),
        ("406 647", "alarm.cancel"),
    ],
)
def test_contact_id_by_meaning(codes: str, wanted: str) -> None:
    for first, _, last in (each.partition("-") for each in codes.split()):
        for code in range(int(first), int(last or first) + 1):
            assert contact_id(str(code))[0].type == wanted, code


def test_life_safety_is_exactly_what_may_cost_a_life() -> None:
    alarms = {letter + "A" for letter, kind in FAMILIES.items() if kind in LIFE} | {
        "FM",
        "FG",
        "UG",
        "UX",
        "UZ",
    }
    begins = {code for code in SIA if sia(code)[1].life_safety and sia(code)[0].phase is Phase.NEW}
    assert begins == alarms
    assert {code for code in CONTACT_ID if contact_id(code)[1].life_safety} == {
        *(code for code in CONTACT_ID if code[:2] in {"10", "11", "12"}),
        *(f"{code}" for code in range(750, 790)),
        *(["140", "150", "151", "162", "646", "703", "922"]),
    }


def test_a_code_in_no_table_is_an_alarm_in_doubt() -> None:
    unlisted = {"".join(pair) for pair in itertools.product("ABCDEFGHIJKLMNOPQRSTUVWXYZ", repeat=2)} - set(
        SIA
    )
    assert len(unlisted) == 676 - 305
    for code in unlisted:
        meaning, kind = sia(code)
        assert (meaning.type, meaning.exact, kind.life_safety) == ("alarm.unclassified", False, True), code
    for code in ("000", "199", "179", "640", "799", "850", "999"):
        meaning, kind = contact_id(code)
        assert (meaning.type, meaning.exact, kind.life_safety) == ("alarm.unclassified", False, True), code


@given(st.from_regex(r"[0-9]{3}", fullmatch=True))
def test_an_unlisted_code_of_a_known_class_takes_its_type_and_says_so(code: str) -> None:
    meaning, kind = contact_id(code)
    assert meaning.exact is (code in CONTACT_ID)
    if not meaning.exact and code[0] in "0178":
        assert kind.alerting is Alerting.ALWAYS
        assert kind.life_safety or code[:2] == "13", "what may cost a life is not taken for less"
