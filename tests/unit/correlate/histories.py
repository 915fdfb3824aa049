"""Histories that hypothesis invents for the correlator (signals, actions, ticks), and how to play them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from hypothesis import strategies as st

from cior_core import correlate, rehearsal
from cior_core.correlate import State, initial
from cior_core.model import (
    DEFAULT_AREA,
    ActionKind,
    AgencyStage,
    Disposition,
    Effect,
    Item,
    Level,
    Phase,
    SilenceScope,
)
from cior_core.rules import RulePack
from cior_core.scenario import Scenario, Signal

SOURCES = ("bus-1", "bus-2", "fob-1", "cam-1", "cad:911")
TYPES = (
    "panic.bus",
    "panic.community",
    "gun.shooting",
    "vision.person_down",
    "vision.loitering",
    "light.outage",
    "suspicious.activity",
    "noise.complaint",
    "burglary.alarm",
    "silent.gbv",
    "gun.injury_admission",
    "fire.arson",
    "source.undecoded",
    "camera.health",
    "source.silent",
    "vendor.unknown",
)

events = st.builds(
    Signal,
    at_s=st.integers(0, 4000),
    event=st.sampled_from(TYPES),
    source=st.sampled_from(SOURCES),
    id=st.sampled_from([None, "p-1", "p-2"]),
    phase=st.sampled_from(
        [Phase.NEW] * 6 + [Phase.UPDATE, Phase.STILL, Phase.RESTORE, Phase.CANCEL, Phase.END, Phase.TEST]
    ),
    located=st.sampled_from([True, True, True, False]),
    east_m=st.sampled_from([0.0, 30.0, 250.0, 900.0, 6000.0]),
    ago_s=st.sampled_from([0, 0, 3, 200, 9000]),
    registered=st.sampled_from([None, True]),
    recovered=st.sampled_from([False, False, False, True]),
    drill=st.sampled_from([False, False, False, True]),
    record=st.sampled_from([None, "A", "B"]),
    attributes=st.sampled_from([{}, {"block": "b-1"}, {"cameras": ["cam-1"]}, {"merged_into": "A"}]),
    district=st.sampled_from([None, "center"]),
)
actions = st.builds(
    Signal,
    at_s=st.integers(0, 4000),
    action=st.sampled_from(list(ActionKind)),
    alert=st.integers(0, 4),
    others=st.lists(st.integers(0, 4), max_size=2).map(tuple),
    reason=st.sampled_from(["", "because"]),
    disposition=st.sampled_from([None, *Disposition]),
    posture=st.sampled_from(["transport_attacks", "normal", "x"]),
    for_s=st.sampled_from([None, 60.0, 3600.0, 90000.0]),
    by=st.sampled_from(["ana", "ana", "beto"]),
    seen=st.sampled_from([None, None, 1, 3]),
    assignee=st.sampled_from([None, "beto"]),
    agency=st.sampled_from([None, "police", "police", "municipal_guard", "crisis_team", "x"]),
    stage=st.sampled_from([None, *AgencyStage]),
    attended=st.sampled_from([None, True, False]),
    step=st.sampled_from([None, "panic_community/look", "panic_community/siren", "gun_violence/hold"]),
    type=st.sampled_from([None, *TYPES]),
    level=st.sampled_from([None, *Level]),
    east_m=st.sampled_from([0.0, 30.0, 6000.0]),
    drill=st.sampled_from([False, False, True]),
    text=st.sampled_from(["", "somebody calls for help"]),
    id=st.sampled_from([None, "hush"]),
    scope=st.sampled_from(
        [None, SilenceScope(devices=("fob-1", "cad:911")), SilenceScope(districts=("center",))]
    ),
    silence=st.sampled_from([None, "hush"]),
)
ticks = st.builds(Signal, at_s=st.integers(0, 400_000), tick=st.just(True))
histories = st.lists(st.one_of(events, events, events, actions, ticks), min_size=1, max_size=14)


def play(signals: Iterable[Signal], pack: RulePack) -> rehearsal.Run:
    return rehearsal.run(Scenario(signals=tuple(signals), wants=()), pack)


def steps(items: Iterable[Item], pack: RulePack) -> Iterator[tuple[State, Item, State, tuple[Effect, ...]]]:
    """(before, item, after, effects) of each item."""
    states = {DEFAULT_AREA: initial(DEFAULT_AREA)}
    for item in items:
        before = states[DEFAULT_AREA]
        effects = tuple(correlate.play([item], pack, states=states))
        yield before, item, states[DEFAULT_AREA], effects


def json(value: object) -> bytes:
    return msgspec.json.encode(value)
