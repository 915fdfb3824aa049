"""Loading a rule pack: read, check, and prove each rule by its own two scenarios."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cior_core import bundled
from cior_core.identity import digest
from cior_core.model import Level
from cior_core.protocols import ProtocolBook
from cior_core.rehearsal import run
from cior_core.rules import (
    SILENCE_HOURS_MAX,
    FloodRule,
    LineRule,
    MergeRule,
    PostureRule,
    PriorityRule,
    Rule,
    RuleFile,
    RulePack,
    SeenRule,
    StormRule,
    SuppressRule,
    ThresholdRule,
)
from cior_core.sentences import SentenceBook
from cior_core.strict_toml import ConfigFault, locate, parse
from cior_core.taxonomy import EventType

PROTOCOLS_FILE = "protocols.toml"
_KINDS = RuleFile.__struct_fields__
_ONE_EACH = ("merge", "late", "priority", "suppress")


def load(
    texts: Mapping[str, str], *, types: Mapping[str, EventType], sentences: SentenceBook | None = None
) -> RulePack:
    """Read, check and prove ``texts`` (name to TOML; :data:`PROTOCOLS_FILE` among them); ``sentences`` None: the
    bundled.

    Raises :class:`~cior_core.strict_toml.ConfigFault` with code ``rule.*``, ``protocol.*`` or ``config.*``.
    """
    if PROTOCOLS_FILE not in texts:
        raise ConfigFault(
            "rule.protocols_missing",
            f"the pack has no {PROTOCOLS_FILE}",
            file=PROTOCOLS_FILE,
            line=0,
            cure="add the file",
        )
    words = sentences or SentenceBook.load(bundled.text("sentences.toml"))
    book = ProtocolBook.load(texts[PROTOCOLS_FILE], types, file=PROTOCOLS_FILE)
    parsed = {
        name: parse(text, RuleFile, file=name)
        for name, text in sorted(texts.items())
        if name != PROTOCOLS_FILE
    }
    for fault in _faults(parsed, texts, types):
        raise fault
    pack = RulePack(
        tuple(parsed.values()),
        protocols=book,
        types=types,
        sentences=words,
        version=_version(texts, types, words),
    )
    for fault in _verify(pack, parsed, texts):
        raise fault
    return pack


def _verify(
    pack: RulePack, parsed: Mapping[str, RuleFile], texts: Mapping[str, str]
) -> Iterator[ConfigFault]:
    """Run both scenarios of every rule against the whole pack; yield what does not hold."""
    for name, file in parsed.items():
        for kind, n, rule in _rules(file):
            for part, wanted in (("fires", True), ("quiet", False)):
                played = run(getattr(rule, part), pack)
                line = locate(texts[name], (kind, n))
                if played.failures:
                    yield ConfigFault(
                        f"rule.{part}_failed",
                        f"rule '{rule.id}', scenario '{part}': {played.failures[0]}",
                        file=name,
                        line=line,
                        cure="correct the rule or its scenario; what the run showed is in the sentence",
                    )
                elif (rule.id in played.rules_hit) is not wanted:
                    yield ConfigFault(
                        f"rule.{part}_failed",
                        f"rule '{rule.id}' was {'not ' if wanted else ''}at work in scenario '{part}'",
                        file=name,
                        line=line,
                        cure="'fires' must show the rule at work, 'quiet' must not",
                    )


def _version(texts: Mapping[str, str], types: Mapping[str, EventType], words: SentenceBook) -> str:
    """The first 16 hex digits of a hash over every text, every type and every sentence, whatever their order."""
    fields = [part for name in sorted(texts) for part in (name, texts[name])]
    said = [f"{code}/{words.sentences[code]!r}" for code in sorted(words.sentences)]
    kinds = [repr(types[code]) for code in sorted(types)]
    return digest("cior.rules", *fields, *kinds, *said).hex()[:16]


def _rules(file: RuleFile) -> Iterator[tuple[str, int, Rule]]:
    for kind in _KINDS:
        for n, rule in enumerate(getattr(file, kind)):
            yield kind, n, rule


def _faults(
    parsed: Mapping[str, RuleFile], texts: Mapping[str, str], types: Mapping[str, EventType]
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
    for field in ("types", "groups_types", "opens", "evidence"):
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
    yield from _lifted_guesses(rule, types)
    if isinstance(rule, ThresholdRule):
        yield from _wrong_threshold(rule, types, waiting)
    else:
        yield from _unlawful(rule, types)


def _lifted_guesses(rule: Rule, types: Mapping[str, EventType]) -> Iterator[str]:
    """Many guesses are no certainty: what a rule opens for them keeps their ceiling."""
    opened = types.get(getattr(rule, "opens", None) or "")
    if opened is None or opened.unconfirmed_ceiling is not None:
        return
    for code in getattr(rule, "types", ()):
        if code in types and types[code].unconfirmed_ceiling is not None:
            yield f"'{code}' may not rise before a person confirms, but it opens '{opened.code}', which may"


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
        case SeenRule() if rule.points < 0 or rule.least < 1 or not rule.labels:
            yield "points >= 0, least >= 1 and at least one label: what a camera saw never lowers (law 10)"
        case PostureRule() if any(points < 0 for points in rule.points.values()):
            yield "a posture may raise, never lower"
        case LineRule():
            if not (3 <= rule.n <= 100 and 0 < rule.within_s <= 3600):
                yield "3 <= n <= 100 and 0 < within_s <= 3600"
        case SuppressRule() if not 0 < rule.hours_max <= SILENCE_HOURS_MAX:
            yield f"hours_max is {rule.hours_max:g}: a silence lasts {SILENCE_HOURS_MAX:g} hours at most"
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
