"""Rule packs: what joins, what waits, what raises, as versioned data that proves itself before it is used.

A pack is a set of TOML texts. Each rule has id, version, owner, a reason in Spanish and English and two scenarios: ``fires`` must show the
rule at work, ``quiet`` must not. Both are run while loading; a rule that fails either does not load. ``version`` of a pack is a hash of all it
was made of, so that an alert names exactly the rules that made it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

import msgspec

from cior_core import scenario
from cior_core.identity import digest
from cior_core.model import Level
from cior_core.priority import PriorityTable
from cior_core.protocols import ProtocolBook
from cior_core.scenario import Scenario
from cior_core.strict_toml import ConfigFault, locate, parse
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


class MergeRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When two events are one incident: families that may be one, and how far the window and the radius of the types widen.

    ``key_window_s``/``key_radius_m`` hold for the same subject or independence key; a place worse than ``place_limit_m`` counts as unknown;
    ``grace_s`` is how long a closed alert takes late copies; ``members_max`` bounds one alert, the next event opens a linked one.
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
    """``n`` events of ``types`` within ``within_s`` and ``radius_m`` (None: of one subject or district, by ``per``) open one alert."""

    types: tuple[str, ...]
    n: int
    within_s: float
    per: str
    radius_m: float | None = None
    opens: str | None = None
    independent: bool = False


class WatchRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A confirmed alert of ``families`` makes the place watched: ``radius_m`` for ``days``, ``points`` for what comes (S14)."""

    families: tuple[str, ...]
    radius_m: float
    days: float
    points: int


class CoordinatedRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``n`` alerts of ``families`` at ``level`` or above within ``within_s`` anywhere open one alert of type ``opens`` (S20)."""

    families: tuple[str, ...]
    n: int
    within_s: float
    level: Level
    opens: str


class UnreportedRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event of ``types`` with no alert of ``prior_families`` in the ``within_s`` before it opens one of type ``opens`` (S07)."""

    types: tuple[str, ...]
    prior_families: tuple[str, ...]
    within_s: float
    opens: str


class StormRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A warning of ``types`` with a polygon gathers calls of ``groups_types`` inside it until it expires (S50). Never life-safety."""

    types: tuple[str, ...]
    severities: tuple[str, ...]
    groups_types: tuple[str, ...]
    members_max: int
    hours_max: float


class FloodRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``n`` different devices with alerts of ``types`` within ``within_s`` of each other have one cause: one alert of type ``opens`` takes them in, and for
    ``lasts_s`` the next ones too; what comes later begins to count anew. At most ``members_max`` are shown, the rest is counted. Never life-safety."""

    types: tuple[str, ...]
    n: int
    within_s: float
    lasts_s: float
    opens: str
    members_max: int


class PostureRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named posture of the city (S21): points by family and thresholds by rule id, for at most ``hours_max``."""

    name: str
    name_es: str
    name_en: str
    points: dict[str, int]
    thresholds: dict[str, int] = {}
    hours_max: float


class PriorityRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table of :mod:`cior_core.priority`, as a rule with scenarios."""

    table: PriorityTable


class SuppressRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long an operator may mute an alert; and how long closed alerts and seen ids are remembered."""

    hours_max: float
    forget_closed_h: float
    forget_seen_h: float


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    merge: tuple[MergeRule, ...] = ()
    late: tuple[LateRule, ...] = ()
    threshold: tuple[ThresholdRule, ...] = ()
    watch: tuple[WatchRule, ...] = ()
    coordinated: tuple[CoordinatedRule, ...] = ()
    unreported: tuple[UnreportedRule, ...] = ()
    storm: tuple[StormRule, ...] = ()
    flood: tuple[FloodRule, ...] = ()
    posture: tuple[PostureRule, ...] = ()
    priority: tuple[PriorityRule, ...] = ()
    suppress: tuple[SuppressRule, ...] = ()


_KINDS = _File.__struct_fields__
_ONE_EACH = ("merge", "late", "priority", "suppress")
PROTOCOLS_FILE = "protocols.toml"


class RulePack:
    """Everything ``correlate.step`` is told: rules by kind, protocols, the taxonomy, and the version that names them all."""

    def __init__(
        self,
        files: tuple[_File, ...],
        *,
        protocols: ProtocolBook,
        types: Mapping[str, EventType],
        version: str,
    ) -> None:
        self.types = dict(types)
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
        self.postures = {rule.name: rule for rule in _all(files, "posture", PostureRule)}
        self.groups = _partners(self.merge.groups)

    @classmethod
    def load(cls, texts: Mapping[str, str], *, types: Mapping[str, EventType]) -> RulePack:
        """Read, check and prove ``texts`` (name to TOML; :data:`PROTOCOLS_FILE` among them). Raises
        :class:`~cior_core.strict_toml.ConfigFault` with code ``rule.*``, ``protocol.*`` or ``config.*``."""
        if PROTOCOLS_FILE not in texts:
            raise ConfigFault(
                "rule.protocols_missing",
                f"the pack has no {PROTOCOLS_FILE}",
                file=PROTOCOLS_FILE,
                line=0,
                cure="add the file",
            )
        book = ProtocolBook.load(texts[PROTOCOLS_FILE], types, file=PROTOCOLS_FILE)
        parsed = {
            name: parse(text, _File, file=name)
            for name, text in sorted(texts.items())
            if name != PROTOCOLS_FILE
        }
        for fault in _faults(parsed, texts, types):
            raise fault
        pack = cls(tuple(parsed.values()), protocols=book, types=types, version=_version(texts, types))
        for fault in verify(pack, parsed, texts):
            raise fault
        return pack

    def kind(self, code: str) -> EventType | None:
        """The type called ``code``, or None when the taxonomy does not know it."""
        return self.types.get(code)

    def compatible(self, one: str, other: str) -> bool:
        """Whether events of the two families may be one incident."""
        return one == other or other in self.groups.get(one, frozenset())


def verify(pack: RulePack, parsed: Mapping[str, _File], texts: Mapping[str, str]) -> Iterator[ConfigFault]:
    """Run both scenarios of every rule against the whole pack; yield what does not hold."""
    for name, file in parsed.items():
        for kind, n, rule in _rules(file):
            for part, wanted in (("fires", True), ("quiet", False)):
                run = scenario.run(getattr(rule, part), pack)
                line = locate(texts[name], (kind, n))
                if run.failures:
                    yield ConfigFault(
                        f"rule.{part}_failed",
                        f"rule '{rule.id}', scenario '{part}': {run.failures[0]}",
                        file=name,
                        line=line,
                        cure="correct the rule or its scenario; the story of the run is in the sentence",
                    )
                elif (rule.id in run.rules_hit) is not wanted:
                    yield ConfigFault(
                        f"rule.{part}_failed",
                        f"rule '{rule.id}' was {'not ' if wanted else ''}at work in scenario '{part}'",
                        file=name,
                        line=line,
                        cure="'fires' must show the rule at work, 'quiet' must not",
                    )


def _version(texts: Mapping[str, str], types: Mapping[str, EventType]) -> str:
    """The first 16 hex digits of a hash over every text and every type, whatever their order."""
    fields = [part for name in sorted(texts) for part in (name, texts[name])]
    kinds = [repr(types[code]) for code in sorted(types)]
    return digest("cior.rules", *fields, *kinds).hex()[:16]


def _rules(file: _File) -> Iterator[tuple[str, int, Rule]]:
    for kind in _KINDS:
        for n, rule in enumerate(getattr(file, kind)):
            yield kind, n, rule


R = TypeVar("R", bound=Rule)


def _all(files: Iterable[_File], kind: str, _: type[R]) -> tuple[R, ...]:
    return tuple(rule for file in files for rule in getattr(file, kind))


def _partners(groups: tuple[tuple[str, ...], ...]) -> dict[str, frozenset[str]]:
    """Each family with the families that it may share an incident with."""
    partners: dict[str, frozenset[str]] = {}
    for group in groups:
        for family in group:
            partners[family] = partners.get(family, frozenset()) | frozenset(group)
    return partners


def _faults(
    parsed: Mapping[str, _File], texts: Mapping[str, str], types: Mapping[str, EventType]
) -> Iterator[ConfigFault]:
    """What is wrong with the rules before any of them runs."""
    ids: dict[str, str] = {}
    waiting: dict[str, str] = {}
    families = {kind.family for kind in types.values()}
    for name, file in parsed.items():
        for kind, n, rule in _rules(file):
            line = locate(texts[name], (kind, n))
            if rule.id in ids:
                yield ConfigFault(
                    "rule.id_twice",
                    f"rule '{rule.id}' is also defined in {ids[rule.id]}",
                    file=name,
                    line=line,
                    cure="give it another id",
                )
            ids[rule.id] = name
            for sentence in _wrong(rule, types, families, waiting):
                yield ConfigFault(
                    "rule.invalid",
                    f"rule '{rule.id}': {sentence}",
                    file=name,
                    line=line,
                    cure="correct the rule",
                )
    for kind in _ONE_EACH:
        if (found := sum(len(getattr(file, kind)) for file in parsed.values())) != 1:
            yield ConfigFault(
                "rule.one_each",
                f"the pack has {found} rules of kind '{kind}'",
                file=next(iter(parsed), "rules"),
                line=0,
                cure="write exactly one",
            )
    for code in sorted(types):
        if types[code].alerting == "threshold" and code not in waiting:
            yield ConfigFault(
                "rule.threshold_missing",
                f"type '{code}' waits for a threshold, but no rule counts it",
                file=next(iter(parsed), "rules"),
                line=0,
                cure="add a [[threshold]] rule for it or set alerting = 'always'",
            )


def _wrong(
    rule: Rule, types: Mapping[str, EventType], families: set[str], waiting: dict[str, str]
) -> Iterator[str]:
    """What is wrong with one rule; fills ``waiting`` with the types that a threshold counts."""
    for field in ("types", "groups_types", "opens"):
        named = getattr(rule, field, None) or ()
        for code in (named,) if isinstance(named, str) else named:
            if code not in types:
                yield f"{field} names '{code}', which the taxonomy does not know"
    named_families = [*getattr(rule, "families", ()), *getattr(rule, "prior_families", ())]
    if isinstance(rule, MergeRule):
        named_families += [family for group in rule.groups for family in group]
    for family in named_families:
        if family not in families:
            yield f"no type of the taxonomy has family '{family}'"
    if isinstance(rule, ThresholdRule):
        yield from _wrong_threshold(rule, types, waiting)
    else:
        yield from _unlawful(rule, types)


def _unlawful(rule: Rule, types: Mapping[str, EventType]) -> Iterator[str]:
    """What of a rule would break a law or a property."""
    match rule:
        case StormRule():
            yield from (
                f"'{code}' is life-safety or silent: it may never be gathered into a storm (law 2)"
                for code in rule.groups_types
                if code in types and (types[code].life_safety or types[code].silent)
            )
        case FloodRule():
            yield from (
                f"'{code}' is life-safety, silent or P1: it may never be one of many (law 2)"
                for code in (*rule.types, rule.opens)
                if code in types
                and (types[code].life_safety or types[code].silent or types[code].level is Level.P1)
            )
            if not 3 <= rule.n <= rule.members_max <= 500:
                yield "3 <= n <= members_max <= 500"
        case PriorityRule():
            yield from rule.table.faults()
            if (rule.table.id, rule.table.version) != (rule.id, rule.version):
                yield "the table must carry the id and version of its rule"
        case PostureRule() if any(points < 0 for points in rule.points.values()):
            yield "a posture may raise, never lower"
        case SuppressRule() if not 0 < rule.hours_max <= 8:
            yield "a suppression lasts 8 hours at most (mission.md feature 34)"
        case _:
            pass


def _wrong_threshold(
    rule: ThresholdRule, types: Mapping[str, EventType], waiting: dict[str, str]
) -> Iterator[str]:
    if rule.n < 2:
        yield "n must be 2 or more"
    if rule.per not in {"place", "subject", "district", "area"} or (rule.per == "place") != (
        rule.radius_m is not None
    ):
        yield "per is 'place' (with radius_m), 'subject', 'district' or 'area'"
    for code in rule.types:
        kind = types.get(code)
        if kind is None:
            continue
        if kind.life_safety or kind.silent or kind.level is Level.P1:
            yield f"'{code}' is life-safety, silent or P1: it may never wait for a threshold (law 2)"
        if kind.alerting != "threshold":
            yield f"'{code}' has alerting = '{kind.alerting}' in the taxonomy"
        if code in waiting:
            yield f"'{code}' is already counted by '{waiting[code]}'"
        waiting[code] = rule.id
