"""Rule packs and protocols: what must not load does not, and the error says where and how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cior_core import bundled, rule_loading
from cior_core.protocols import ProtocolBook
from cior_core.strict_toml import ConfigFault
from cior_core.taxonomy import Taxonomy

FOLDER = Path(__file__).parents[3] / "streams" / "rules"
TYPES = Taxonomy.load(bundled.text("taxonomy.toml"))


@pytest.fixture
def texts() -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.toml")}


def refused(texts: dict[str, str], code: str) -> ConfigFault:
    with pytest.raises(ConfigFault) as caught:
        rule_loading.load(texts, types=TYPES)
    assert caught.value.code == code
    assert caught.value.cure
    assert caught.value.file in texts
    return caught.value


def edited(texts: dict[str, str], file: str, old: str, new: str) -> dict[str, str]:
    assert old in texts[file]
    return {**texts, file: texts[file].replace(old, new, 1)}


def test_the_default_pack_loads_and_every_type_has_its_protocol(texts: dict[str, str]) -> None:
    pack = rule_loading.load(texts, types=TYPES)
    assert {pack.protocols[code].id for code in TYPES} == {
        protocol.id for protocol in pack.protocols.protocols
    }
    assert len(pack.version) == 16


def test_the_version_is_of_the_content_not_of_the_order(texts: dict[str, str]) -> None:
    same = rule_loading.load(dict(reversed(texts.items())), types=TYPES).version
    other = rule_loading.load(
        edited(texts, "city.toml", "radius_m = 400", "radius_m = 401"), types=TYPES
    ).version
    assert rule_loading.load(texts, types=TYPES).version == same != other


def test_a_rule_whose_fires_scenario_does_not_fire_does_not_load(texts: dict[str, str]) -> None:
    fault = refused(
        edited(texts, "correlation.toml", "n = 3\nwithin_s = 900", "n = 4\nwithin_s = 900"),
        "rule.fires_failed",
    )
    assert fault.line > 0
    assert "threshold.lights-out" in fault.sentence


def test_a_rule_at_work_in_its_quiet_scenario_does_not_load(texts: dict[str, str]) -> None:
    refused(edited(texts, "city.toml", "within_s = 3600", "within_s = 36000"), "rule.quiet_failed")


def test_a_rule_without_a_scenario_does_not_load(texts: dict[str, str]) -> None:
    start = texts["correlation.toml"].index("[late.quiet]")
    end = texts["correlation.toml"].index("[[suppress]]")
    refused(
        {**texts, "correlation.toml": texts["correlation.toml"][:start] + texts["correlation.toml"][end:]},
        "config.missing_key",
    )


@pytest.mark.parametrize(
    ("file", "old", "new", "code"),
    [
        ("correlation.toml", 'types = ["vision.loitering"]', 'types = ["gun.shooting"]', "rule.invalid"),
        ("correlation.toml", 'types = ["vision.loitering"]', 'types = ["vision.loitring"]', "rule.invalid"),
        ("correlation.toml", "hours_max = 8", "hours_max = 9", "rule.invalid"),
        ("correlation.toml", 'id = "threshold.loitering"', 'id = "threshold.lights-out"', "rule.id_twice"),
        ("city.toml", '"tree.down", "power.outage"', '"power.wires_down", "power.outage"', "rule.invalid"),
        ("city.toml", 'types = ["source.silent"]', 'types = ["panic.bus"]', "rule.invalid"),
        ("city.toml", "members_max = 200", "members_max = 4", "rule.invalid"),
        ("city.toml", "panic_transport = 10", "panic_transport = -10", "rule.invalid"),
        ("priority.toml", "registered = { points = 10", "registered = { points = -10", "rule.invalid"),
        ("correlation.toml", "grace_s = 300", "grace_s = 300\ngarce_s = 1", "config.unknown_key"),
    ],
    ids=[
        "life-safety waits",
        "unknown type",
        "nine-hour mute",
        "id twice",
        "live wire in a storm",
        "presses as one of many",
        "a flood smaller than its number",
        "posture lowers",
        "knowledge lowers",
        "typo",
    ],
)
def test_law_2_and_10_are_checked_before_a_pack_loads(
    texts: dict[str, str], file: str, old: str, new: str, code: str
) -> None:
    assert refused(edited(texts, file, old, new), code).line > 0


def test_a_threshold_type_that_no_rule_counts_would_be_lost_so_it_does_not_load(
    texts: dict[str, str],
) -> None:
    refused(
        edited(texts, "correlation.toml", '"device.low_battery", "device.trouble"', '"device.low_battery"'),
        "rule.threshold_missing",
    )


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('id = "arson"', 'id = "arson_2"', "protocol.unused"),
        ('id = "arson"', 'id = "fire"', "protocol.id_twice"),
        ('target = "team:response_team"', 'target = "block"', "protocol.silent_and_loud"),
        ("silent = true\n", "", "protocol.silence_unclear"),
        ('target = "team:response_team"', 'target = "block:b-1"', "protocol.silent_and_loud"),
        ("auto_off_s = 180, ", "", "protocol.step_invalid"),
        ('target = "team:police"', 'target = "police"', "protocol.step_invalid"),
        ('target = "team:police"', 'target = "team: "', "protocol.step_invalid"),
    ],
    ids=[
        "unused",
        "twice",
        "silent and loud",
        "silence unclear",
        "silent and one block loud",
        "endless siren",
        "a target of no kind",
        "a team without a name",
    ],
)
def test_a_broken_protocol_book_does_not_load(texts: dict[str, str], old: str, new: str, code: str) -> None:
    refused(edited(texts, "protocols.toml", old, new), code)


def test_a_type_without_protocol_does_not_load(texts: dict[str, str]) -> None:
    start = texts["protocols.toml"].index('[[protocol]]\nid = "weather"')
    end = texts["protocols.toml"].index("[[protocol]]", start + 1)
    with pytest.raises(ConfigFault) as caught:
        ProtocolBook.load(texts["protocols.toml"][:start] + texts["protocols.toml"][end:], TYPES)
    assert caught.value.code == "protocol.missing"


def test_what_alerts_names_a_lead_and_who_supports_it() -> None:
    """S18: a type whose competence is half unknown does not load, and so neither do the rules that use it."""
    text = bundled.text("taxonomy.toml")
    assert all(kind.supporting for kind in TYPES.values() if kind.alerting != "never")
    with pytest.raises(ConfigFault) as caught:
        Taxonomy.load(text.replace('supporting = ["municipal"]', "supporting = []", 1))
    assert (caught.value.code, "gun.shooting" in caught.value.sentence) == ("taxonomy.competence", True)
    assert caught.value.line > 0
