"""The taxonomy: every seed has its type, every contradiction is refused with file, line and cure, panels' codes find
their meaning.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_core import bundled
from cior_core.model import DataClass, Lane, Level, Phase
from cior_core.strict_toml import ConfigFault
from cior_core.taxonomy import Alerting, EventType, Route, Taxonomy
from engines.source_tree import ROOT

TEXT = bundled.text("taxonomy.toml")
KINDS = Taxonomy.load(TEXT)

# research/mission.md §1 in the words of the brief: seed -> the type that must exist for it.
SEEDS = dict(
    pair.split(": ", 1)
    for pair in [
        "shooting: gun.shooting",
        "hospital admission: gun.injury_admission",
        "armed robbery: robbery.armed",
        "threat note: gun.threat_note",
        "arson: fire.arson",
        "burnt vehicle: fire.vehicle",
        "bus: panic.bus",
        "taxi: panic.taxi",
        "safe stop: panic.stop",
        "medical: medical.emergency",
        "fire: fire.structure",
        "gas: gas.leak",
        "gender violence: silent.gbv",
        "duress: silent.duress",
        "school: panic.school",
        "burglary: burglary.report",
        "light outage: light.outage",
        "cable theft: cable.theft",
        "land occupation: social.land_occupation",
        "mediation: social.mediation",
        "storm: weather.storm",
        "heat: weather.heat",
        "wind: weather.wind",
        "flood: weather.flood",
        "cyber: cyber.fraud",
        "missing person: person.missing",
        "traffic: traffic.injury",
        "proximity: silent.proximity",
        "community alarm: panic.community",
        "community siren: siren.community",
        "silence: source.silent",
        "undecoded: source.undecoded",
        "degraded: source.degraded",
        "camera tamper: camera.tamper",
        "camera loss: camera.signal_loss",
        "camera frozen: camera.frozen",
        "intrusion: vision.intrusion",
        "loitering: vision.loitering",
        "crowd: vision.crowd",
        "line: vision.line_crossing",
        "queue: vision.queue",
        "stopped vehicle: vision.stopped_vehicle",
        "wrong way: vision.wrong_way",
        "running: vision.dispersal",
        "position: position",
        "heartbeat: heartbeat",
        "accounting: accounting",
        "tamper: device.tamper",
        "jamming: device.jamming",
        "battery: device.low_battery",
        "mains: device.mains",
        "supervision: supervision.lost",
        "test: test.periodic",
        "coordinated attack: city.coordinated_attack",
    ]
)


def without(code: str, *keys: str, put: str = "") -> str:
    """The file with some keys of one type removed and ``put`` added to it."""
    head, mark, tail = TEXT.partition(f'code = "{code}"\n')
    assert mark, code
    block, gap, rest = tail.partition("\n\n")
    kept = "\n".join(line for line in block.splitlines() if line.split(" =")[0] not in keys)
    return f"{head}{mark}{kept}\n{put}{gap}{rest}"


def fault(text: str) -> ConfigFault:
    with pytest.raises(ConfigFault) as refused:
        Taxonomy.load(text, file="city.toml")
    assert str(refused.value).count("city.toml:") == 1
    assert refused.value.cure
    return refused.value


def line_of(text: str, needle: str) -> int:
    return text[: text.index(needle)].count("\n") + 1


@pytest.mark.parametrize("seed", SEEDS)
def test_every_seed_has_its_type(seed: str) -> None:
    kind = KINDS[SEEDS[seed]]
    assert kind.name_es
    assert kind.name_en
    assert kind.protocol
    assert kind.seeds, "and says which seed it answers"


def test_size_and_order() -> None:
    assert len(KINDS) >= 60
    assert list(KINDS) == re.findall(r'^code = "(.+)"$', TEXT, re.MULTILINE)
    assert "no.such" not in KINDS


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.code)
def test_each_type_keeps_the_rules_of_its_class(kind: EventType) -> None:
    if kind.life_safety:
        assert kind.lane is Lane.URGENT
        assert kind.alerting is Alerting.ALWAYS
        assert kind.level.rank <= Level.P3.rank
    if kind.silent:
        assert kind.data_class is DataClass.SEALED
        assert not kind.siren
    if kind.route is Route.SOCIAL:
        assert kind.lead == "municipal"


def test_unverified_single_alarms_start_low_and_silent_ones_never_do() -> None:
    assert KINDS["burglary.alarm"].level is Level.P4
    assert KINDS["panic.alarm"].level is Level.P3
    assert {kind.level for kind in KINDS.values() if kind.silent} == {Level.P1}


def spoken() -> tuple[str, str]:
    """What our programs are written in, without the lists that only name types; and the default rule packs."""
    rooms = ("connectors/cior_connectors", "vision", "streams", "store", "core/cior_core")
    programs = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    lists = {"taxonomy.py", "scenario.py", "eyes.py"}
    return (
        "\n".join(path.read_text(encoding="utf-8") for path in programs if path.name not in lists),
        "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "streams" / "rules").glob("*.toml")),
    )


def test_each_type_is_made_by_a_program_of_ours_or_marked_as_a_connectors_only() -> None:
    """Made: named in a program, opened by a rule, or what a panel's code means."""
    programs, packs = spoken()
    opened = set(re.findall(r'^opens = "(.+)"$', packs, re.MULTILINE))
    wrong = [
        code
        for code, kind in KINDS.items()
        if kind.connector_only
        == (
            f'"{code}"' in programs
            or code in opened
            or bool(kind.contact_id or kind.sia or kind.sia_verified)
        )
    ]
    assert not wrong, "mark it connector_only = true in taxonomy.toml, or take the mark away"
    assert {"vision.smoke_fire", "gun.sound"} <= {code for code, kind in KINDS.items() if kind.connector_only}


# --- refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["protocol", "lead", "supporting", "family", "route", "level", "name_es"])
def test_a_type_without_protocol_or_competence_does_not_load(key: str) -> None:
    text = without("gas.leak", key)
    found = fault(text)
    assert found.code == "config.missing_key"
    assert key in found.sentence
    block = line_of(text, 'code = "gas.leak"')
    assert block - 1 <= found.line <= block


@pytest.mark.parametrize(
    ("text", "code", "near"),
    [
        (
            TEXT
            + '\n[[type]]\ncode = "gas.leak"\n'
            + without("gas.leak").partition('code = "gas.leak"\n')[2].partition("\n\n")[0],
            "taxonomy.code_twice",
            None,
        ),
        (without("silent.gbv", put="siren = true"), "taxonomy.silent_and_siren", "siren = true\n\n"),
        (without("silent.gbv", "data_class"), "taxonomy.silent_open", None),
        (without("silent.gbv", "route", put='route = "police"'), "taxonomy.silent_open", None),
        (without("gas.leak", put='data_class = "sealed"'), "taxonomy.sealed_loud", None),
        (without("gas.leak", "lane", put='lane = "normal"'), "taxonomy.life_safety_waits", None),
        (without("gas.leak", "alerting", put='alerting = "threshold"'), "taxonomy.life_safety_waits", None),
        (without("light.outage", "level", put='level = "P1"'), "taxonomy.p1_waits", None),
        (without("social.mediation", "route", put='route = "police"'), "taxonomy.social_police", None),
        (without("gas.leak", "lead", put='lead = "municipal"'), "taxonomy.competence", None),
        (without("gas.leak", "radius_m", put="radius_m = -1"), "taxonomy.reach", None),
        (without("gas.leak", "window_s", put="window_s = 0"), "taxonomy.reach", None),
        (without("gas.leak", "protocol", put='protocol = " "'), "taxonomy.empty", None),
        (without("gas.leak", "apco", put='apco = ["SHOOT"]'), "taxonomy.native_twice", None),
        (without("gas.leak", put='contact_id = ["110"]'), "taxonomy.native_twice", None),
        (without("gas.leak", put='sia = ["FR"]'), "taxonomy.native_twice", None),
        (without("vision.person_down", "level", put='level = "P3"'), "taxonomy.ceiling", None),
        (without("gas.leak", put='unconfirmed_ceiling = "P4"'), "taxonomy.ceiling", None),
        (TEXT.replace('"source.silent"', '"source.quiet"'), "taxonomy.required_type", None),
        (TEXT.replace('"gas.leak"', '"Gas Leak"'), "taxonomy.code_form", 'code = "Gas Leak"'),
        (without("gas.leak", put='colour = "red"'), "config.unknown_key", 'colour = "red"'),
        (without("gas.leak", "level", put='level = "P9"'), "config.wrong_value", 'level = "P9"'),
        (TEXT + "\n[[type]\n", "config.syntax", None),
    ],
)
def test_a_contradiction_does_not_load_and_says_where(text: str, code: str, near: str | None) -> None:
    found = fault(text)
    assert found.code == code
    if near is not None:
        assert found.line == line_of(text, near)


def test_a_new_type_is_one_table_and_no_code() -> None:
    new = (
        without("cyber.fraud")
        .partition('code = "cyber.fraud"\n')[2]
        .partition("\n\n")[0]
        .replace('apco = ["FRAUD", "INTERNET"]\n', "")
    )
    kinds = Taxonomy.load(f'{TEXT}\n[[type]]\ncode = "cyber.sextortion"\n{new}\n')
    assert kinds["cyber.sextortion"].family == "cyber"
    assert len(kinds) == len(KINDS) + 1


# --- other systems' codes -----------------------------------------------------------------------------------

# research/protocols.md §3, the whole table: Contact ID codes -> our type.
TABLE = {
    "100 101 102 103": "medical.alarm",
    "110 111 115": "fire.alarm",
    "151 162": "gas.alarm",
    "120 123": "panic.alarm",
    "121 122 124 125": "silent.duress",
    "129": "panic.verified",
    "139": "burglary.verified",
    "130 131 132 133 134": "burglary.alarm",
    "137 144 145 383": "device.tamper",
    "301": "device.mains",
    "302 311 338 384": "device.low_battery",
    "305 308 321": "device.trouble",
    "344": "device.jamming",
    "350 354 355 356 381": "supervision.lost",
    "401 407": "access.open_close",
    "406": "alarm.cancel",
    "570": "device.bypass",
    "601 603 607 608": "test.manual",
    "602": "test.periodic",
    "625 626": "device.clock",
    "654": "person.welfare",
}
SIA_TABLE = {
    "MA": "medical.alarm",
    "QA": "medical.alarm",
    "FA": "fire.alarm",
    "GA": "gas.alarm",
    "PA": "panic.alarm",
    "HA": "silent.duress",
    "BA": "burglary.alarm",
    "TA": "device.tamper",
    "AT": "device.mains",
    "YT": "device.low_battery",
    "XT": "device.low_battery",
    "YC": "supervision.lost",
    "YS": "supervision.lost",
    "OP": "access.open_close",
    "BC": "alarm.cancel",
    "RP": "test.periodic",
    "RX": "test.manual",
}


@pytest.mark.parametrize(("code", "wanted"), [(c, t) for codes, t in TABLE.items() for c in codes.split()])
def test_contact_id_codes_mean_what_the_table_says(code: str, wanted: str) -> None:
    meaning = KINDS.map_contact_id("1", code)
    assert meaning is not None
    assert (meaning.type, meaning.exact) == (wanted, True)


@pytest.mark.parametrize(
    ("qualifier", "code", "phase"),
    [
        ("1", "130", Phase.NEW),
        ("3", "130", Phase.RESTORE),
        ("6", "130", Phase.STILL),
        ("1", "406", Phase.CANCEL),
        ("1", "602", Phase.TEST),
        ("3", "607", Phase.TEST),
    ],
)
def test_contact_id_qualifiers_are_phases(qualifier: str, code: str, phase: Phase) -> None:
    meaning = KINDS.map_contact_id(qualifier, code)
    assert meaning is not None
    assert meaning.phase is phase


@pytest.mark.parametrize(("code", "wanted"), SIA_TABLE.items())
def test_sia_codes_mean_what_the_table_says(code: str, wanted: str) -> None:
    meaning = KINDS.map_sia(code)
    assert meaning is not None
    assert meaning.type == wanted


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("BR", "burglary.alarm"),
        ("FH", "fire.alarm"),
        ("CL", "access.open_close"),
        ("AR", "device.mains"),
        ("YR", "device.low_battery"),
        ("YK", "supervision.lost"),
        ("TR", "device.tamper"),
        ("BU", "device.bypass"),
    ],
)
def test_sia_restorals_end_their_type(code: str, wanted: str) -> None:
    meaning = KINDS.map_sia(code)
    assert meaning is not None
    assert (meaning.type, meaning.phase) == (wanted, Phase.RESTORE)


@given(st.from_regex(r"[0-9]{3}", fullmatch=True), st.sampled_from("136"))
def test_no_contact_id_code_is_ever_without_meaning(code: str, qualifier: str) -> None:
    meaning = KINDS.map_contact_id(qualifier, code)
    assert meaning is not None
    if code.startswith("1"):
        assert KINDS[meaning.type].alerting is not Alerting.NEVER, "an unlisted alarm still alerts"


@given(st.from_regex(r"[A-Z]A", fullmatch=True))
def test_an_unknown_sia_alarm_still_counts_as_one(code: str) -> None:
    meaning = KINDS.map_sia(code)
    assert meaning is not None
    if not meaning.exact:
        assert meaning.type == "alarm.unclassified"


@pytest.mark.parametrize("code", ["", "12", "1234", "1A0", "１２３"])
def test_what_is_no_contact_id_code_has_no_meaning(code: str) -> None:
    assert KINDS.map_contact_id("1", code) is None


@pytest.mark.parametrize("code", ["", "B", "BAX", "ba", "B1"])
def test_what_is_no_sia_code_has_no_meaning(code: str) -> None:
    assert KINDS.map_sia(code) is None


def test_a_qualifier_off_the_standard_still_alerts() -> None:
    meaning = KINDS.map_contact_id("2", "120")
    assert meaning is not None
    assert (meaning.type, meaning.phase, meaning.exact) == ("panic.alarm", Phase.NEW, False)


def test_every_apco_code_we_name_is_in_the_published_list() -> None:
    published = Path(__file__).parents[2] / "golden" / "events" / "apco_2_103.txt"
    named = {code for kind in KINDS.values() for code in kind.apco}
    assert named <= set(published.read_text().partition("\n")[2].split())
    assert len(named) > 100
