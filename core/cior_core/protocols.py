"""Which protocol answers which type: who is told, siren or silence, step timers, escalation, competence. Data, not code
(mission.md S18, S26).

Every type of the taxonomy names one protocol; the book must hold exactly one version of each, or it does not load; nor
does it when a silent type's protocol sounds anything (S29). Competence is the type's (``lead``, ``supporting``). An
alert keeps the version it ran.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from cior_core.errors import PayloadRejected
from cior_core.model import AlertStatus, CommandKind, Target, TargetKind
from cior_core.sentences import Text
from cior_core.strict_toml import ConfigFault, locate, parse
from cior_core.taxonomy import EventType

Act = Literal["siren_on", "notify", "request_clip", "hold_video", "task"]

EVENT_TARGETS = frozenset({"subject", "block", "camera"})
"""Words that the event fills in: its device, its block, its cameras."""

LOUD_TARGETS = frozenset({TargetKind.BLOCK.value})
"""Kinds of target that neighbours see or hear."""


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step. With ``after_s`` > 0 it is a timer: it runs once, at a tick, unless the alert reached ``unless`` by
    then.

    ``target``: ``subject``, ``block``, ``camera`` (from the event) or a :class:`~cior_core.model.Target` such as
    ``team:police``. ``auto_off_s`` is required of a siren.
    """

    id: str
    act: Act
    target: str
    after_s: int = 0
    unless: AlertStatus | None = None
    auto_off_s: int | None = None
    expires_s: int = 60
    text_es: str
    text_en: str

    @property
    def text(self) -> Text:
        """What it asks for, in both languages."""
        return Text(self.text_es, self.text_en)

    @property
    def command(self) -> CommandKind:
        """The command this step issues."""
        return CommandKind(self.act)

    @property
    def loud(self) -> bool:
        """Whether neighbours see or hear it: never for a silent, late or away press."""
        return self.act == "siren_on" or self.target.partition(":")[0] in LOUD_TARGETS

    @property
    def names_someone(self) -> bool:
        """Whether ``target`` is readable: a word that the event fills in, or a target as it is."""
        if self.target in EVENT_TARGETS:
            return True
        try:
            Target.parse(self.target)
        except PayloadRejected:
            return False
        return True


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


class ProtocolBook:
    """``book[type]`` is the one protocol that answers ``type``."""

    def __init__(self, protocols: tuple[ResponseProtocol, ...], types: Mapping[str, EventType]) -> None:
        self.protocols = protocols
        self._by_id = {protocol.id: protocol for protocol in protocols}
        self._of_type = {code: self._by_id[kind.protocol] for code, kind in types.items()}

    @classmethod
    def load(cls, text: str, types: Mapping[str, EventType], *, file: str = "protocols.toml") -> ProtocolBook:
        """Read and check. Raises :class:`~cior_core.strict_toml.ConfigFault`: ``protocol.missing``,
        ``protocol.id_twice``, ``protocol.unused``, ``protocol.silent_and_loud``, ``protocol.silence_unclear``,
        ``protocol.step_invalid`` or a ``config.*`` code."""
        protocols = parse(text, _File, file=file).protocol
        for code, sentence, path, cure in _faults(protocols, types):
            raise ConfigFault(code, sentence, file=file, line=locate(text, path), cure=cure)
        return cls(protocols, types)

    def __getitem__(self, code: str) -> ResponseProtocol:
        return self._of_type[code]

    def by_id(self, protocol_id: str) -> ResponseProtocol | None:
        """The protocol called ``protocol_id``, or None when the book has changed since."""
        return self._by_id.get(protocol_id)


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
        where = (*at, "step", n)
        if step.id in ids or ":" in step.id:
            yield (
                "protocol.step_invalid",
                f"step '{step.id}' is not a unique plain name",
                where,
                "give each step of a protocol its own id",
            )
        ids.add(step.id)
        if step.act == "siren_on" and not step.auto_off_s:
            yield (
                "protocol.step_invalid",
                f"siren step '{step.id}' has no auto_off_s",
                where,
                "say after how many seconds the siren goes off",
            )
        if step.act != "siren_on" and step.auto_off_s:
            yield (
                "protocol.step_invalid",
                f"step '{step.id}' is no siren but has auto_off_s",
                where,
                "remove auto_off_s",
            )
        if not step.names_someone:
            yield (
                "protocol.step_invalid",
                f"step '{step.id}': nobody can be asked as '{step.target}'",
                where,
                "write subject, block, camera or <kind>:<id>, as in team:police",
            )
        if step.after_s < 0 or step.expires_s <= 0 or (step.unless is not None and step.after_s == 0):
            yield (
                "protocol.step_invalid",
                f"step '{step.id}': after_s must be >= 0, expires_s > 0, and 'unless' needs after_s",
                where,
                "correct the numbers",
            )
