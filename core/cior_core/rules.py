"""Rule packs: what joins, what waits, what raises, as versioned data that proves itself before it is used.

A pack is a set of TOML texts. Each rule has id, version, owner, a reason in Spanish and English and two scenarios:
``fires`` must show the rule at work, ``quiet`` must not. Both are run while loading (:mod:`~cior_core.rule_loading`); a
rule that fails either does not load. ``version`` of a pack is a hash of all it was made of, so that an alert names
exactly the rules that made it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from cior_core.model import EventId, Level, Reason
from cior_core.priority import PriorityTable
from cior_core.protocols import ProtocolBook
from cior_core.scenario import Scenario
from cior_core.sentences import SentenceBook, Text
from cior_core.taxonomy import EventType


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every rule has."""

    id: str
    version: int
    owner: str
    reason_es: str
    reason_en: str
    fires: Scenario
    quiet: Scenario

    @property
    def text(self) -> Text:
        """Its reason, in both languages."""
        return Text(self.reason_es, self.reason_en)

    def why(self, code: str, *, events: tuple[EventId, ...] = (), delta_s: float | None = None) -> Reason:
        """That the rule is at work, in its own words; it adds no points."""
        return Reason(
            code=code,
            points=0,
            rule=self.id,
            rule_version=self.version,
            text_es=self.reason_es,
            text_en=self.reason_en,
            events=events,
            delta_s=delta_s,
        )


class MergeRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When two events are one incident: families that may be one, and how far window and radius of the types widen.

    ``key_window_s``/``key_radius_m`` hold for the same independence key; a place worse than ``place_limit_m`` counts as
    unknown; ``grace_s`` is how long a closed alert takes late copies; ``members_max`` bounds one alert, the next event
    opens a linked one.
    """

    groups: tuple[tuple[str, ...], ...]
    key_window_s: float
    key_radius_m: float
    place_limit_m: float
    unknown_accuracy_m: float
    synced_error_s: float
    unknown_error_s: float
    error_limit_s: float
    grace_s: float
    members_max: int


class LateRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event older than ``after_s`` when it comes is late: still an alert, but nothing rings (N24)."""

    after_s: float


class ThresholdRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``n`` events of ``types`` within ``within_s`` and ``radius_m`` (None: of one subject or district, by ``per``)
    open one alert."""

    types: tuple[str, ...]
    n: int
    within_s: float
    per: str
    radius_m: float | None = None
    opens: str | None = None
    independent: bool = False


class WatchRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A confirmed alert of ``families`` makes the place watched: ``radius_m`` for ``days``, ``points`` for what comes
    (S14)."""

    families: tuple[str, ...]
    radius_m: float
    days: float
    points: int


class CoordinatedRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``n`` alerts of ``families`` at ``level`` or above within ``within_s`` anywhere open one of type ``opens`` (S20).

    Alerts of the types ``evidence`` (a note left behind) do not count; within the same time they are linked as
    evidence.
    """

    families: tuple[str, ...]
    n: int
    within_s: float
    level: Level
    opens: str
    evidence: tuple[str, ...] = ()


class UnreportedRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event of ``types`` with no alert of ``prior_families`` in the ``within_s`` before it opens one of type
    ``opens`` (S07)."""

    types: tuple[str, ...]
    prior_families: tuple[str, ...]
    within_s: float
    opens: str


class StormRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A warning of ``types`` gathers calls of ``groups_types`` inside its polygon until it expires (S50). Never
    life-safety."""

    types: tuple[str, ...]
    severities: tuple[str, ...]
    groups_types: tuple[str, ...]
    members_max: int
    hours_max: float


class FloodRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``n`` different devices with alerts of ``types`` within ``within_s`` have one cause. Never life-safety.

    One alert of type ``opens`` takes them in, and for ``lasts_s`` the next ones too; what comes later begins to count
    anew. At most ``members_max`` are shown, the rest is counted.
    """

    types: tuple[str, ...]
    n: int
    within_s: float
    lasts_s: float
    opens: str
    members_max: int


class LineRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Beyond ``n`` alerts within ``within_s`` that devices opened which nobody registered and which showed no key
    (types of ``families``), those share one line on every screen. Each stays an alert of its own, with its level."""

    families: tuple[str, ...]
    n: int
    within_s: float


class PostureRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named posture of the city (S21): points by family and thresholds by rule id, for at most ``hours_max``."""

    name: str
    name_es: str
    name_en: str
    points: dict[str, int]
    thresholds: dict[str, int] = {}
    hours_max: float

    @property
    def name_text(self) -> Text:
        """Its name, in both languages."""
        return Text(self.name_es, self.name_en)


class PriorityRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table of :mod:`cior_core.priority`, as a rule with scenarios."""

    table: PriorityTable


class SeenRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A camera that was asked to look (:mod:`cior_core.watching`) and saw at least ``least`` of ``labels`` at once adds
    ``points`` to an alert of ``families``, as a source of its own. Seeing nobody adds nothing and takes nothing."""

    families: tuple[str, ...]
    labels: tuple[str, ...]
    least: int
    points: int


class SuppressRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long an operator may mute an alert; and how long closed alerts and seen ids are remembered."""

    hours_max: float
    forget_closed_h: float
    forget_seen_h: float


class RuleFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of a pack: any number of rules of each kind."""

    merge: tuple[MergeRule, ...] = ()
    late: tuple[LateRule, ...] = ()
    threshold: tuple[ThresholdRule, ...] = ()
    watch: tuple[WatchRule, ...] = ()
    coordinated: tuple[CoordinatedRule, ...] = ()
    unreported: tuple[UnreportedRule, ...] = ()
    storm: tuple[StormRule, ...] = ()
    flood: tuple[FloodRule, ...] = ()
    line: tuple[LineRule, ...] = ()
    posture: tuple[PostureRule, ...] = ()
    priority: tuple[PriorityRule, ...] = ()
    seen: tuple[SeenRule, ...] = ()
    suppress: tuple[SuppressRule, ...] = ()


class RulePack:
    """Everything ``correlate.step`` is told: rules by kind, protocols, the taxonomy, and the version that names them
    all."""

    def __init__(
        self,
        files: tuple[RuleFile, ...],
        *,
        protocols: ProtocolBook,
        types: Mapping[str, EventType],
        sentences: SentenceBook,
        version: str,
    ) -> None:
        self.types = dict(types)
        self.longest_window_s = max((kind.window_s for kind in self.types.values()), default=0.0)
        self.sentences = sentences
        self.protocols = protocols
        self.version = version
        self.merge = _all(files, "merge", MergeRule)[0]
        self.late = _all(files, "late", LateRule)[0]
        self.priority = _all(files, "priority", PriorityRule)[0]
        self.suppress = _all(files, "suppress", SuppressRule)[0]
        self.thresholds = {
            code: rule for rule in _all(files, "threshold", ThresholdRule) for code in rule.types
        }
        self.watches = _all(files, "watch", WatchRule)
        self.coordinated = _all(files, "coordinated", CoordinatedRule)
        self.unreported = {
            code: rule for rule in _all(files, "unreported", UnreportedRule) for code in rule.types
        }
        self.storms = {code: rule for rule in _all(files, "storm", StormRule) for code in rule.types}
        self.floods = {code: rule for rule in _all(files, "flood", FloodRule) for code in rule.types}
        # Each member of a flood may come with its ending.
        self.flood_rooms: dict[str, int] = {}
        for rule in self.floods.values():
            self.flood_rooms[rule.opens] = max(2 * rule.members_max, self.flood_rooms.get(rule.opens, 0))
        self.lines = {family: rule for rule in _all(files, "line", LineRule) for family in rule.families}
        self.seen = _all(files, "seen", SeenRule)
        self.postures = {rule.name: rule for rule in _all(files, "posture", PostureRule)}
        self.groups = _partners(self.merge.groups)
        self._partners = {family: found | {family} for family, found in self.groups.items()}

    def kind(self, code: str) -> EventType | None:
        """The type called ``code``, or None when the taxonomy does not know it."""
        return self.types.get(code)

    def compatible(self, one: str, other: str) -> bool:
        """Whether events of the two families may be one incident."""
        return one == other or other in self.groups.get(one, frozenset())

    def partners(self, family: str) -> frozenset[str]:
        """The families, its own among them, whose events may be one incident with one of ``family``."""
        return self._partners.get(family) or frozenset((family,))


SILENCE_HOURS_MAX = 8.0
"""The longest that an alert may be muted, whatever a pack says (mission.md feature 34)."""

R = TypeVar("R", bound=Rule)


def _all(files: Iterable[RuleFile], kind: str, _: type[R]) -> tuple[R, ...]:
    return tuple(rule for file in files for rule in getattr(file, kind))


def _partners(groups: tuple[tuple[str, ...], ...]) -> dict[str, frozenset[str]]:
    """Each family with the families that it may share an incident with."""
    partners: dict[str, frozenset[str]] = {}
    for group in groups:
        for family in group:
            partners[family] = partners.get(family, frozenset()) | frozenset(group)
    return partners
