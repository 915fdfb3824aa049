"""What the registry and the protocols say really happens: each protocol's story over real wires, each of its steps on
the topic of commands.

One centre plays all stories; then one tick far in the future makes every timer due, because time is data. No one
acknowledges anything, so every escalation must come.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from cior_city import packs
from cior_core.attributes import CAMERAS, IN_VIEW
from cior_core.model import AgencyStage, Alert, AlertStatus, CommandKind, Level
from cior_core.protocols import ResponseProtocol
from integration.cior.protocol_city import ZONE, Heard, ProtocolCity, now_ms, until
from integration.cior.protocol_stories import ABSENT, QUIET_BLOCK, STORIES, TWICE, Story

pytestmark = [pytest.mark.tansu, pytest.mark.slow, pytest.mark.timeout(300)]

PACK = packs.rule_pack()
BOOK = {protocol.id: protocol for protocol in PACK.protocols.protocols}
HOUR_MS = 3_600_000
YEAR = datetime.now(ZoneInfo(ZONE)).year
Asked = tuple[str, str, str, str]
"""Kind, target, step, Spanish text of a command."""


def expected(protocol: ResponseProtocol, story: Story, *, at_once: bool = False) -> set[Asked]:
    """Every command that the protocol must issue for the story; ``at_once``: those that wait for no timer."""
    asked: set[Asked] = set()
    for step in protocol.steps:
        if not step.is_immediate and (at_once or step.after_s == 0):
            continue
        if step.clock and not at_once:
            asked |= late(step.target.partition(":")[2])
        text = step.text_es if step.command in {CommandKind.NOTIFY, CommandKind.TASK} else ""
        for target in targets(step.target, story):
            asked.add((step.act, target, step.id, text))
            if step.act == "siren_on" and not at_once:
                asked.add(("siren_off", target, step.id, ""))
    return asked


def kept(protocol: ResponseProtocol, story: Story, heard: Heard) -> set[Asked]:
    """What a P1 keeps of every camera in view where no step of its protocol asks for video (``[[footage]]``).

    An alert that a rule made of others sees nothing itself: theirs keep it.
    """
    has_step = any(step.act == "hold_video" for step in protocol.steps)
    own = [each for each in heard.alerts_of(story.type) if story.may_be(each)]
    is_grave = any(each.level is Level.P1 and not each.silent for each in own)
    if has_step or not is_grave or story.wire == "rule":
        return set()
    cameras = targets("camera", story)
    return {("hold_video", camera, f"footage/P1/0/{camera}", "") for camera in cameras}


def looked(story: Story, heard: Heard) -> set[Asked]:
    """Which cameras are asked to look at the place (``[[burst]]``): all that have it in view, for none of them answers.

    An alert that a rule made of others has no place of its own; a reserved one asks nobody.
    """
    asked: set[Asked] = set()
    for alert in heard.alerts_of(story.type):
        row = PACK.protocols.burst(alert.level, [each.type for each in alert.members])
        if row is None or alert.silent or story.wire == "rule" or not story.may_be(alert):
            continue
        for member in alert.members:
            names = (IN_VIEW, CAMERAS) if row.nearby else (IN_VIEW,)
            found = [camera for name in names for camera in member.attributes.get(name, [])]
            if member.place.located:
                asked |= {("burst", f"camera:{camera}", "burst:0", "") for camera in found}
    return asked


def late(name: str) -> set[Asked]:
    """Who is told of a team that the protocol asked and that never answered."""
    agency = PACK.protocols.agencies[name]
    waited = {AgencyStage.ACCEPTED: agency.accept_s, AgencyStage.ON_SCENE: agency.on_scene_s}
    found: set[Asked] = set()
    for stage in (stage for stage, seconds in waited.items() if seconds):
        said = PACK.sentences.text(f"word_stage_{stage.value}", {})
        text = PACK.sentences.text("agency_late", {"agency": agency.name, "stage": said})
        found.add(("notify", agency.lead, f"late:{name}:{stage.value}", text.es))
    return found


def targets(target: str, story: Story) -> tuple[str, ...]:
    """Whom a step asks, as the registry knows it."""
    if target == "camera":
        return tuple(f"camera:{camera}" for camera in story.cameras)
    return (f"block:{story.block}",) if target == "block" else (target,)


def seen(heard: Heard, story: Story) -> set[Asked]:
    """What was commanded for the story."""
    return {
        (each.kind.value, each.target, each.step, str(each.parameters.get("text_es", "")))
        for each in heard.of(story)
    }


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Heard]:
    """What is heard when all stories were told and their time has passed."""
    with ProtocolCity(tmp_path_factory.mktemp("stories")) as city:
        city.tell(STORIES.values())
        listened(city, at_once=True, within_s=60)
        city.tell([QUIET_BLOCK, ABSENT])
        city.drop([("T-1", TWICE, ""), ("T-2", beside(TWICE), "")])
        until(lambda: len(alerts(city, TWICE.type)) == 2, within_s=20)
        until(lambda: len(alerts(city, ABSENT.type)) == 1, within_s=20)
        until(lambda: len(alerts(city, QUIET_BLOCK.type)) == 2, within_s=20)
        city.drop([("T-2", beside(TWICE), "T-1")])
        until(lambda: any(each.merged_into for each in alerts(city, TWICE.type)), within_s=20)
        city.tick(now_ms() + 2 * HOUR_MS)
        listened(city, at_once=False, within_s=40)
        yield city.heard


def beside(story: Story) -> Story:
    """The same, as another record of another caller 1.8 km away: nothing but the desk's word joins them."""
    return msgspec.structs.replace(story, number=story.number + 1)


def alerts(city: ProtocolCity, type_code: str) -> list[Alert]:
    city.heard.listen()
    return city.heard.alerts_of(type_code)


def listened(city: ProtocolCity, *, at_once: bool, within_s: float) -> None:
    """Until every story's commands are there, or the time is over: what is missing then is the tests' to say."""

    def complete() -> bool:
        city.heard.listen()
        return all(
            expected(BOOK[name], story, at_once=at_once)
            | kept(BOOK[name], story, city.heard)
            | looked(story, city.heard)
            <= seen(city.heard, story)
            for name, story in STORIES.items()
        )

    until(complete, within_s=within_s)


def test_every_protocol_has_a_story() -> None:
    assert set(STORIES) == set(BOOK)


@pytest.mark.parametrize("name", sorted(BOOK))
def test_every_step_of_the_protocol_is_commanded(name: str, heard: Heard) -> None:
    story = STORIES[name]
    wanted = expected(BOOK[name], story) | kept(BOOK[name], story, heard) | looked(story, heard)
    assert seen(heard, story) == wanted


@pytest.mark.parametrize("name", sorted(name for name, protocol in BOOK.items() if protocol.steps))
def test_a_protocol_that_lost_any_one_step_would_fail_its_story(name: str, heard: Heard) -> None:
    protocol, told = BOOK[name], seen(heard, STORIES[name]) - looked(STORIES[name], heard)
    # What waits for a person (a closing, the operator's own look) is not heard here: nobody does anything.
    for lost in (step for step in protocol.steps if step.is_immediate or step.after_s):
        kept = tuple(step for step in protocol.steps if step is not lost)
        poorer = msgspec.structs.replace(protocol, steps=kept)
        assert expected(poorer, STORIES[name]) != told, lost.id
        unheard = {asked for asked in told if asked[2] != lost.id}
        assert unheard != expected(protocol, STORIES[name]), lost.id


def of_alert(heard: Heard, alert: Alert) -> set[tuple[str, str]]:
    """Kind and target of what was commanded for one alert."""
    return {(each.kind.value, each.target) for each in heard.commands.values() if each.alert_id == alert.id}


def test_a_block_without_siren_is_told_and_nothing_sounds(heard: Heard) -> None:
    (quiet,) = (alert for alert in heard.alerts_of(QUIET_BLOCK.type) if QUIET_BLOCK.may_be(alert))
    asked = of_alert(heard, quiet)
    assert ("notify", f"block:{QUIET_BLOCK.block}") in asked
    assert {kind for kind, _ in asked} & {"siren_on", "siren_off"} == set()


def test_a_neighbour_who_presses_far_from_home_wakes_nobody_at_home(heard: Heard) -> None:
    (absent,) = heard.alerts_of(ABSENT.type)
    asked = of_alert(heard, absent)
    assert ("notify", "team:municipal_guard") in asked
    assert {target for _, target in asked if target.startswith("block:")} == set()
    assert absent.members[0].attributes["away"] is True


def test_two_records_that_the_desk_merged_are_one_alert(heard: Heard) -> None:
    one, other = heard.alerts_of(TWICE.type)
    merged, whole = (one, other) if one.merged_into else (other, one)
    assert (merged.merged_into, merged.status) == (whole.id, AlertStatus.MERGED)
    assert {member.independence for member in whole.members} == {f"cad:911/{YEAR}/T-1", f"cad:911/{YEAR}/T-2"}


def test_the_sealed_press_has_its_protocol_and_shows_neither_block_nor_camera(heard: Heard) -> None:
    story = STORIES["silent"]
    (alert,) = heard.alerts_of(story.type)
    assert alert.silent
    assert alert.members[0].attributes == {}
    assert not alert.place.located
    words = " ".join([repr(alert), *(repr(each) for each in heard.of(story))])
    assert [word for word in (story.block, story.native, *story.cameras) if word in words] == []
