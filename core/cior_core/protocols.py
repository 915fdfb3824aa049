"""Which protocol answers which type: who is told, siren or silence, step timers, escalation, competence. Data, not code
(mission.md S18, S26).

Every type of the taxonomy names one protocol; the book must hold exactly one version of each, or it does not load; nor
does it when a silent type's protocol sounds anything (S29). Competence is the type's (``lead``, ``supporting``). An
alert keeps the version it ran.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Final, Literal

import msgspec

from cior_core.errors import PayloadRejected
from cior_core.model import AlertStatus, CommandKind, Level, Target, TargetKind
from cior_core.sentences import Text
from cior_core.strict_toml import ConfigFault, locate, parse
from cior_core.taxonomy import EventType, Government, Route
from cior_core.watching import FIRST_LIMIT_S, LONGEST_S

Act = Literal["siren_on", "notify", "request_clip", "hold_video", "task", "check"]

EVENT_TARGETS = frozenset({"subject", "block", "camera"})
"""Words that the event fills in: its device, its block, its cameras."""

VIDEO: Final = "{video}"
"""In the words of a step that keeps video: how much, as :class:`Footage` says, in both languages."""

_LONGEST_S: Final = 43_200

LOUD_TARGETS = frozenset({TargetKind.BLOCK.value})
"""Kinds of target that neighbours see or hear."""


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step. With ``after_s`` > 0 it is a timer: it runs once, at a tick, unless the alert reached ``unless`` by
    then.

    ``target``: ``subject``, ``block``, ``camera`` (from the event) or a :class:`~cior_core.model.Target` such as
    ``team:police``. ``auto_off_s`` is required of a siren. ``on``: it runs when the alert reaches that status, for each
    who told of it. ``unless_step``: nor does a timer run when a person did or skipped that step. ``confirm``: a siren
    that only a person sounds. ``clock``: the team that is asked has a clock of its own (:class:`Agency`). ``check``
    asks nobody: the operator does it.
    """

    id: str
    act: Act
    target: str
    after_s: int = 0
    unless: AlertStatus | None = None
    unless_step: str | None = None
    on: AlertStatus | None = None
    auto_off_s: int | None = None
    confirm: bool = False
    clock: bool = False
    expires_s: int = 60
    text_es: str
    text_en: str

    @property
    def text(self) -> Text:
        """What it asks for, in both languages."""
        return Text(self.text_es, self.text_en)

    @property
    def command(self) -> CommandKind:
        """The command this step issues; ``check`` issues none."""
        return CommandKind(self.act)

    @property
    def is_immediate(self) -> bool:
        """Whether it runs with the alert itself: no timer, no status, nobody's to do."""
        return self.after_s == 0 and self.on is None and self.act != "check"

    @property
    def loud(self) -> bool:
        """Whether neighbours see or hear it: never for a silent, late or away press."""
        return self.act == "siren_on" or self.target.partition(":")[0] in LOUD_TARGETS

    @property
    def names_someone(self) -> bool:
        """Whether ``target`` is readable: a word that the event fills in, or a target as it is."""
        return self.target in EVENT_TARGETS or _is_target(self.target)


class Agency(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who can be asked to answer, each with a clock of its own. ``government``: which one it belongs to.

    Its jurisdiction: alerts of the services that it ``answers``, in its ``districts`` (none named: the whole city), and
    every alert of which it was asked.

    ``lead`` is told when it has not accepted within ``accept_s``, or is not there within ``on_scene_s`` (0: nobody
    waits for that). ``support``: it comes beside those who answer, as the crisis team does.
    """

    id: str
    name_es: str
    name_en: str
    government: Government
    lead: str
    accept_s: int
    on_scene_s: int = 0
    support: bool = False
    answers: tuple[Route, ...] = ()
    districts: tuple[str, ...] = ()

    def is_competent(self, route: Route, district: str | None) -> bool:
        """Whether an alert of that service there is its own; one without a district is everybody's (law 16)."""
        return route in self.answers and (
            not self.districts or district is None or district in self.districts
        )

    @property
    def name(self) -> Text:
        """What it is called, in both languages."""
        return Text(self.name_es, self.name_en)


class Footage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much video is kept: seconds before the first instant that was told and after the last. ``level``: of an alert
    that is so grave, whatever its protocol; None: of any, where a step or a person asks for it.
    """

    level: Level | None = None
    before_s: int
    after_s: int


class Burst(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which cameras look at the place of an alert, and how: those that work and have it in view, at most ``cameras`` of
    them, for ``for_s`` at up to ``fps`` pictures a second, with a first answer after ``first_s`` and the next ones
    every ``every_s``. Who does not say within ``answer_s`` that it begins is not waited for.

    For alerts with one of ``types``, or that are as grave as ``level``. ``nearby``: also those that look beside it;
    ``runs``: they look for people who run away, too (experimental).
    """

    level: Level | None = None
    types: tuple[str, ...] = ()
    cameras: Annotated[int, msgspec.Meta(ge=1, le=8)]
    for_s: Annotated[float, msgspec.Meta(gt=0.0, le=LONGEST_S)]
    first_s: Annotated[float, msgspec.Meta(gt=0.0, le=FIRST_LIMIT_S)]
    every_s: Annotated[float, msgspec.Meta(ge=1.0, le=60.0)]
    fps: Annotated[float, msgspec.Meta(gt=0.0, le=60.0)]
    answer_s: Annotated[float, msgspec.Meta(ge=1.0, le=60.0)]
    nearby: bool = False
    runs: bool = False


class ResponseProtocol(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One protocol. ``tells``: who is told, in the order of the steps; ``steps`` is ``step`` in the file."""

    id: str
    version: int
    owner: str
    name_es: str
    name_en: str
    tells: tuple[str, ...]
    silent: bool = False
    steps: tuple[Step, ...] = msgspec.field(default=(), name="step")

    @property
    def sounds(self) -> bool:
        """Whether any step is loud."""
        return any(step.loud for step in self.steps)

    def step(self, step_id: str) -> Step | None:
        """The step called ``step_id``, or None."""
        return next((step for step in self.steps if step.id == step_id), None)


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    protocol: tuple[ResponseProtocol, ...]
    footage: tuple[Footage, ...]
    agency: tuple[Agency, ...] = ()
    burst: tuple[Burst, ...] = ()


class ProtocolBook:
    """``book[type]`` is the one protocol that answers ``type``; ``agencies``: who can be asked, by id."""

    def __init__(
        self,
        protocols: tuple[ResponseProtocol, ...],
        types: Mapping[str, EventType],
        agencies: tuple[Agency, ...] = (),
        *,
        footage: tuple[Footage, ...],
        bursts: tuple[Burst, ...] = (),
    ) -> None:
        self.protocols = tuple(_spoken(each, footage) for each in protocols)
        self.bursts = bursts
        self._footage = {each.level: each for each in footage}
        self.agencies = {agency.id: agency for agency in agencies}
        self._by_id = {protocol.id: protocol for protocol in self.protocols}
        self._of_type = {code: self._by_id[kind.protocol] for code, kind in types.items()}

    @classmethod
    def load(cls, text: str, types: Mapping[str, EventType], *, file: str = "protocols.toml") -> ProtocolBook:
        """Read and check. Raises :class:`~cior_core.strict_toml.ConfigFault`: ``protocol.missing``,
        ``protocol.id_twice``, ``protocol.unused``, ``protocol.silent_and_loud``, ``protocol.silence_unclear``,
        ``protocol.step_invalid``, ``protocol.agency_invalid``, ``protocol.footage_invalid``,
        ``protocol.burst_invalid`` or a ``config.*`` code."""
        read = parse(text, _File, file=file)
        for code, sentence, path, cure in (
            *_faults(read.protocol, types), *_agencies(read), *_footage(read), *_bursts(read, types),
        ):  # fmt: skip
            raise ConfigFault(code, sentence, file=file, line=locate(text, path), cure=cure)
        return cls(read.protocol, types, read.agency, footage=read.footage, bursts=read.burst)

    def __getitem__(self, code: str) -> ResponseProtocol:
        return self._of_type[code]

    def by_id(self, protocol_id: str) -> ResponseProtocol | None:
        """The protocol called ``protocol_id``, or None when the book has changed since."""
        return self._by_id.get(protocol_id)

    def burst(self, level: Level, types: Collection[str]) -> Burst | None:
        """How cameras look at an alert of those types and that level: the first row that names one of the types, else
        that of the level.
        """
        asked = set(types)
        named = next((each for each in self.bursts if not asked.isdisjoint(each.types)), None)
        return named or next((each for each in self.bursts if each.level is level), None)

    def grave(self, level: Level) -> Footage | None:
        """What is kept of an alert for its level alone."""
        return self._footage.get(level)

    def footage(self, level: Level) -> Footage:
        """How much is kept of an alert of that level when it is asked for."""
        return self._footage.get(level, self._footage[None])


def _spoken(protocol: ResponseProtocol, footage: tuple[Footage, ...]) -> ResponseProtocol:
    """With the lengths where its words leave room for them."""
    told = {"text_es": _lengths_es(footage), "text_en": _lengths_en(footage)}
    steps = tuple(
        msgspec.structs.replace(
            step, **{name: getattr(step, name).replace(VIDEO, words) for name, words in told.items()}
        )
        for step in protocol.steps
    )
    return msgspec.structs.replace(protocol, steps=steps)


def _lengths_es(footage: tuple[Footage, ...]) -> str:
    return "; ".join(
        f"{f'en {each.level}, ' if each.level else ''}{_time(each.before_s)} antes y {_time(each.after_s)} después"
        for each in sorted(footage, key=_most_general)
    )


def _lengths_en(footage: tuple[Footage, ...]) -> str:
    return "; ".join(
        f"{f'for a {each.level}, ' if each.level else ''}{_time(each.before_s)} before and {_time(each.after_s)} after"
        for each in sorted(footage, key=_most_general)
    )


def _most_general(each: Footage) -> str:
    return each.level or ""


def _time(seconds: int) -> str:
    return f"{seconds} s" if seconds % 60 else f"{seconds // 60} min"


_Fault = tuple[str, str, tuple[str | int, ...], str]


def _faults(protocols: tuple[ResponseProtocol, ...], types: Mapping[str, EventType]) -> Iterator[_Fault]:
    known: dict[str, int] = {}
    for n, protocol in enumerate(protocols):
        if protocol.id in known:
            yield (
                "protocol.id_twice",
                f"protocol '{protocol.id}' is defined twice",
                ("protocol", n, "id"),
                "leave one version of it",
            )
        known[protocol.id] = n
        if not any(kind.protocol == protocol.id for kind in types.values()):
            yield (
                "protocol.unused",
                f"no type names protocol '{protocol.id}'",
                ("protocol", n, "id"),
                "correct its id or remove it",
            )
        yield from _steps(protocol, ("protocol", n))
    for code, kind in types.items():
        if kind.protocol not in known:
            yield (
                "protocol.missing",
                f"type '{code}' names protocol '{kind.protocol}', which the book does not have",
                (),
                "write the protocol, or correct the type in the taxonomy",
            )
        else:
            yield from _silence(
                protocols[known[kind.protocol]], kind, ("protocol", known[kind.protocol], "silent")
            )


def _silence(protocol: ResponseProtocol, kind: EventType, at: tuple[str | int, ...]) -> Iterator[_Fault]:
    if (kind.silent or protocol.silent) and (protocol.sounds or kind.siren):
        yield (
            "protocol.silent_and_loud",
            f"silent type '{kind.code}' would sound: '{protocol.id}' has a siren or a block notice",
            at,
            "give the type a silent protocol",
        )
    if kind.silent != protocol.silent:
        yield (
            "protocol.silence_unclear",
            f"type '{kind.code}' and protocol '{protocol.id}' disagree on silence",
            at,
            "a silent type needs a protocol with silent = true, and only silent types may have one",
        )
    if not kind.siren and any(step.act == "siren_on" for step in protocol.steps):
        yield (
            "protocol.silent_and_loud",
            f"type '{kind.code}' has siren = false, but '{protocol.id}' sounds one",
            at,
            "set siren = true in the taxonomy or name a protocol without siren",
        )


def _steps(protocol: ResponseProtocol, at: tuple[str | int, ...]) -> Iterator[_Fault]:
    ids: set[str] = set()
    for n, step in enumerate(protocol.steps):
        for sentence, cure in (*_wrong_name(step, ids), *_wrong_step(step), *_wrong_moment(protocol, step)):
            yield "protocol.step_invalid", f"step '{step.id}'{sentence}", (*at, "step", n), cure
        ids.add(step.id)


_Wrong = tuple[str, str]
"""What is wrong with a step, and the cure."""


def _wrong_name(step: Step, ids: set[str]) -> Iterator[_Wrong]:
    if step.id in ids or ":" in step.id or "/" in step.id:
        yield " is not a unique plain name", "give each step of a protocol its own id"


def _wrong_step(step: Step) -> Iterator[_Wrong]:
    if step.act == "siren_on" and not step.auto_off_s:
        yield " is a siren without auto_off_s", "say after how many seconds the siren goes off"
    if step.act != "siren_on" and step.auto_off_s:
        yield " is no siren but has auto_off_s", "remove auto_off_s"
    if step.confirm and step.act != "siren_on":
        yield " is no siren but has confirm", "remove confirm: only a siren waits for a person's decision"
    if step.clock and not (step.act == "task" and step.target.startswith(f"{TargetKind.TEAM.value}:")):
        yield " has a clock but asks no team", "remove clock, or make it a task of a team"
    if (step.act == "hold_video") != (VIDEO in step.text_es and VIDEO in step.text_en):
        yield f" does not say {VIDEO} where video is kept, or says it elsewhere", "let its words say how much"
    if not step.names_someone:
        yield (
            f": nobody can be asked as '{step.target}'",
            "write subject, block, camera or <kind>:<id>, as in team:police",
        )


def _wrong_moment(protocol: ResponseProtocol, step: Step) -> Iterator[_Wrong]:
    waits = step.unless is not None or step.unless_step is not None
    if step.after_s < 0 or step.expires_s <= 0 or (waits and step.after_s == 0):
        yield ": after_s must be >= 0, expires_s > 0, and 'unless' needs after_s", "correct the numbers"
    if step.unless_step is not None and protocol.step(step.unless_step) in {None, step}:
        yield f" waits for '{step.unless_step}', which is no other step", "name a step of this protocol"
    if step.on is not None and (step.on not in _AWAITED or step.after_s or step.act in {"siren_on", "check"}):
        yield (
            ": 'on' is acknowledged, dispatched, on_scene or closed, without after_s, and sounds nothing",
            "correct the moment at which it runs",
        )
    if step.act == "check" and step.after_s:
        yield (
            " is the operator's, so it has no after_s",
            "write another step with unless_step that tells who waits",
        )
    if protocol.silent and step.target == "subject":
        yield " would speak to who pressed silently", "tell nobody there: who is beside them may hear it"


_AWAITED = frozenset(
    {AlertStatus.ACKNOWLEDGED, AlertStatus.DISPATCHED, AlertStatus.ON_SCENE, AlertStatus.CLOSED}
)


def _agencies(read: _File) -> Iterator[_Fault]:
    known: set[str] = set()
    for n, agency in enumerate(read.agency):
        wrong = agency.id in known or "/" in agency.id or agency.accept_s < 0 or agency.on_scene_s < 0
        if wrong or not _is_target(agency.lead):
            yield (
                "protocol.agency_invalid",
                f"agency '{agency.id}' is not one of its own with readable times and a lead",
                ("agency", n),
                "give it an id of its own, times >= 0 and a lead such as team:supervisor",
            )
        known.add(agency.id)
    for n, protocol in enumerate(read.protocol):
        for at, step in enumerate(protocol.steps):
            if step.clock and step.target.partition(":")[2] not in known:
                yield (
                    "protocol.agency_invalid",
                    f"step '{step.id}' begins the clock of '{step.target}', which is no [[agency]]",
                    ("protocol", n, "step", at),
                    "write its [[agency]] or remove clock",
                )


def _footage(read: _File) -> Iterator[_Fault]:
    """One row for all and at most one a level, each with something, none with less than that for all."""
    levels = [each.level for each in read.footage]
    least = next((each for each in read.footage if each.level is None), None)
    if len(set(levels)) < len(levels) or least is None:
        yield (
            "protocol.footage_invalid",
            "how much video is kept is not said once for all, and once for a level",
            ("footage", 0),
            "write one [[footage]] without level, and one for each level that keeps more",
        )
        return
    for n, each in enumerate(read.footage):
        before_s, after_s = max(0, least.before_s), max(1, least.after_s)
        if not (before_s <= each.before_s <= _LONGEST_S and after_s <= each.after_s <= _LONGEST_S):
            yield (
                "protocol.footage_invalid",
                "this keeps less than any alert does, or more than twelve hours",
                ("footage", n),
                "write seconds, as many as the row without level or more",
            )


def _bursts(read: _File, types: Mapping[str, EventType]) -> Iterator[_Fault]:
    """Each row is of a level or of types, and of nobody's reserved alert."""
    for n, each in enumerate(read.burst):
        at = ("burst", n)
        unknown = [code for code in each.types if code not in types]
        if (each.level is None) == (not each.types) or unknown:
            yield (
                "protocol.burst_invalid",
                f"this is not of one level, or of types that the taxonomy knows ({', '.join(unknown) or 'none'})",
                at,
                "write level, or types by their codes",
            )
        elif silent := [code for code in each.types if types[code].silent]:
            yield (
                "protocol.burst_invalid",
                f"'{silent[0]}' is reserved: a camera that is asked would tell where it is (law 17)",
                at,
                "remove it: nobody looks at the place of a reserved alert",
            )


def _is_target(text: str) -> bool:
    try:
        Target.parse(text)
    except PayloadRejected:
        return False
    return True
