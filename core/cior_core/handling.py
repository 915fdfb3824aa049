"""How an alert is handled: its states, what people do to it, and who did what. Import all of it from
:mod:`cior_core.model`, like every other word of the domain.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec


class Level(StrEnum):
    """Alert priority, P1 the most urgent. Compare with :attr:`rank`."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"
    P5 = "P5"

    @property
    def rank(self) -> int:
        """1 for P1 to 5 for P5."""
        return int(self[1])


class AlertStatus(StrEnum):
    """The operator's state machine: one for every screen."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    DISPATCHED = "dispatched"
    ON_SCENE = "on_scene"
    CLOSED = "closed"
    MERGED = "merged"


class ActionKind(StrEnum):
    """What an operator (or an approved automaton) may do to an alert, to a shift or to the city's posture.

    ``STAMP``: an agency's clock (``agency``, ``stage``); ``STEP_DONE``, ``STEP_SKIP``: of the protocol (``step``).
    ``SUPPRESS``: one alert that is there; ``SILENCE``: what will come of some devices, districts or types (``scope``).
    """

    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    DISPATCH = "dispatch"
    STAMP = "stamp"
    ON_SCENE = "on_scene"
    CLOSE = "close"
    REOPEN = "reopen"
    MERGE = "merge"
    UNMERGE = "unmerge"
    NOTE = "note"
    HOLD = "hold"
    CONFIRM = "confirm"
    OPEN = "open"
    MOVE = "move"
    RECLASSIFY = "reclassify"
    SIREN_CONFIRM = "siren_confirm"
    SIREN_CANCEL = "siren_cancel"
    STEP_DONE = "step_done"
    STEP_SKIP = "step_skip"
    SET_POSTURE = "set_posture"
    SUPPRESS = "suppress"
    UNSUPPRESS = "unsuppress"
    SILENCE = "silence"
    UNSILENCE = "unsilence"
    HAND_OVER = "hand_over"


class Disposition(StrEnum):
    """How a closed alert ended; feeds the false-alarm ledger."""

    CONFIRMED = "confirmed"
    FALSE_ALARM = "false_alarm"
    UNFOUNDED = "unfounded"
    TEST = "test"
    DUPLICATE = "duplicate"
    UNKNOWN = "unknown"


class AgencyStage(StrEnum):
    """Where an agency that was asked to answer an alert is."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    CLEARED = "cleared"


class _Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Base: what is written once and only shown."""


class Stamp(_Fact, frozen=True, kw_only=True):
    """One stage of an agency's clock: when it was reached (UTC ms of the area log) and who said so."""

    stage: AgencyStage
    at_ms: int
    by: str


class AgencyClock(_Fact, frozen=True, kw_only=True):
    """One agency's own clock on an alert, in the order of its stages.

    ``support``: its arrival is not the arrival of who answers (the crisis team). ``attended``: what it said when it
    left, None before: whether there was somebody to attend. ``government``: municipal, provincial or federal.
    ``round``: how often it was asked before this.
    """

    agency: str
    government: str
    stamps: tuple[Stamp, ...]
    support: bool = False
    unit: str = ""
    attended: bool | None = None
    round: int = 0

    @property
    def stage(self) -> AgencyStage:
        """The last stage that it reached."""
        return self.stamps[-1].stage

    def at(self, stage: AgencyStage) -> Stamp | None:
        """Its stamp of ``stage``, or None."""
        return next((stamp for stamp in self.stamps if stamp.stage is stage), None)


class StepMark(_Fact, frozen=True, kw_only=True):
    """What became of one step (``<protocol>/<step>``) of an alert's protocols, and by whom.

    ``waiting``: only a person may run it; ``escalated``: its time ran out.
    """

    step: str
    outcome: Literal["waiting", "done", "skipped", "escalated"]
    at_ms: int
    by: str
    reason: str = ""


class Ruling(_Fact, frozen=True, kw_only=True):
    """The level that a person gave an alert, and from what (``was``). It holds while nothing more is known than the
    ``points`` and the ``calls`` (facts of life-safety) that the person saw.
    """

    level: Level
    was: Level
    by: str
    reason: str
    at_ms: int
    points: int
    calls: int


class Deed(_Fact, frozen=True, kw_only=True):
    """The last act of one kind on an alert: who, when, and the version that it made. ``about``: of which agency or
    step, where one alert has several."""

    kind: ActionKind
    by: str
    at_ms: int
    version: int
    about: str = ""


class Suppression(_Fact, frozen=True, kw_only=True):
    """Who muted an alert, why, and what came meanwhile: how many, and the newest ids. Never P1, never life-safety.
    ``silence``: the maintenance silence that did it, if one did."""

    by: str
    reason: str
    since_ms: int
    until_ms: int
    hidden: int = 0
    hidden_ids: tuple[str, ...] = ()
    silence: str | None = None


class SilenceScope(_Fact, frozen=True, kw_only=True):
    """What a maintenance silence is about: of each list that is not empty, one must fit; at least one is not empty.

    ``devices`` and ``blocks`` as the registry names them, ``districts`` and ``types`` (of alert) as the city does.
    """

    devices: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    districts: tuple[str, ...] = ()
    types: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it names nothing, and so would be about everything."""
        return not (self.devices or self.blocks or self.districts or self.types)

    def covers(self, *, device: str, block: str | None, district: str | None, type_: str) -> bool:
        """Whether what these say falls under it. What is not known falls under no list that asks for it."""
        asked = (
            (self.devices, device), (self.blocks, block), (self.districts, district), (self.types, type_),
        )  # fmt: skip
        return not self.is_empty and all(not names or value in names for names, value in asked)


class Silence(_Fact, frozen=True, kw_only=True):
    """A maintenance silence: what begins under it is shown muted and rings no phone. Never what may cost a life, never
    P1, never what is sealed; 8 h at most.

    ``id``: of the act that began it; ``version`` orders its copies. ``hidden``: the alerts that began under it, all of
    them; ``held_back``: how many notices did not leave. ``ended_ms`` None: it lasts; ``ending``: how it ended.
    """

    id: str
    area: str
    scope: SilenceScope
    by: str
    reason: str
    since_ms: int
    until_ms: int
    version: int = 0
    hidden: tuple[str, ...] = ()
    held_back: int = 0
    ended_ms: int | None = None
    ended_by: str = ""
    ending: Literal["", "expired", "early", "full"] = ""


class UpsertSilence(_Fact, frozen=True, kw_only=True, tag="upsert_silence"):
    """A maintenance silence as it stands now: to ``cior.silences.v1``."""

    silence: Silence
