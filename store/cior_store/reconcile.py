"""Each minute: is what was accepted also stored?

The verdicts are data; the composition root turns gaps into ``accounting.gap`` events.

Two equations per connector instance and minute of receipt::

    accepted          = raw stored + in flight
    outcomes declared = events stored + dead letters stored + in flight

Younger than ``grace_s`` a difference is *in flight*; older it is a *gap*. A minute with more stored than claimed, or
without a claim about exactly that minute, is *unclaimed*: a connector that was killed took its last claim with it, and
nothing is lost (:func:`totals` compares sums all the same). A minute in which two different records stand under one
id is a *conflict*, whatever its sums: a forged record may well have the counts of the one that it imitates.

A sealed record does not say its instance (that could narrow down where the victim is), so a minute in which a connector
has sealed records is compared for the connector as a whole (:func:`without_names`).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from msgspec import structs

from cior_core.model import Struct
from cior_store.answers import AccountingAnswers, BalanceRow
from cior_store.engine import Store

_MINUTE_MS = 60_000


class Balance(StrEnum):
    """What the check of a minute found."""

    BALANCED = "balanced"
    IN_FLIGHT = "in_flight"
    GAP = "gap"
    UNCLAIMED = "unclaimed"
    CONFLICT = "conflict"


class ReconcileSettings(Struct, frozen=True):
    """``grace_s``: how long a signal may be on its way.

    ``look_back_s``: how far each check looks, so that late arrivals close old gaps.
    """

    grace_s: int = 120
    look_back_s: int = 1800


class Checked(Struct, frozen=True):
    """One minute's row with its verdict."""

    row: BalanceRow
    verdict: Balance


class Gap(Struct, frozen=True):
    """A minute that does not balance although its time is up. Positive numbers are missing, negative are too many."""

    minute_ms: int
    connector: str
    instance: str
    missing_raw: int
    missing_outcomes: int
    accepted: int | None

    @property
    def key(self) -> str:
        """Stable id of this gap in its present size: the same finding repeated is the same gap event."""
        return f"{self.connector}:{self.instance}:{self.minute_ms}:{self.missing_raw}:{self.missing_outcomes}"


def balance_of(row: BalanceRow, *, now_ms: int, settings: ReconcileSettings) -> Balance:
    """The verdict on one minute, at ``now_ms``."""
    missing = row.missing_raw > 0 or row.missing_outcomes != 0
    young = now_ms - (row.minute_ms + _MINUTE_MS) < settings.grace_s * 1000
    if missing and not young:
        return Balance.GAP
    if row.conflicts:
        return Balance.CONFLICT
    if missing:
        return Balance.IN_FLIGHT
    claimed = row.accepted is not None and row.exact and row.missing_raw == 0
    return Balance.BALANCED if claimed else Balance.UNCLAIMED


def check(
    answers: AccountingAnswers, *, now_ms: int, settings: ReconcileSettings | None = None
) -> tuple[Checked, ...]:
    """Every connector instance's minutes in the look-back window, with verdicts."""
    limits = settings or ReconcileSettings()
    rows = answers.reconciliation(
        since_ms=_floor(now_ms - limits.look_back_s * 1000), until_ms=_floor(now_ms) + _MINUTE_MS
    )
    return tuple(
        Checked(row=row, verdict=balance_of(row, now_ms=now_ms, settings=limits))
        for row in without_names(rows)
    )


def without_names(rows: Sequence[BalanceRow]) -> tuple[BalanceRow, ...]:
    """The rows, with all instances of a connector joined in those minutes in which it has records that do not say their
    instance.
    """
    nameless = {(row.minute_ms, row.connector) for row in rows if not row.instance}
    joined: dict[tuple[int, str, str], BalanceRow] = {}
    for row in rows:
        name = "" if (row.minute_ms, row.connector) in nameless else row.instance
        where = (row.minute_ms, row.connector, name)
        joined[where] = _sum(joined[where], row) if where in joined else structs.replace(row, instance=name)
    return tuple(joined[where] for where in sorted(joined))


def _sum(one: BalanceRow, other: BalanceRow) -> BalanceRow:
    claims = [row.accepted for row in (one, other) if row.accepted is not None]
    counts = {
        name: getattr(one, name) + getattr(other, name)
        for name in ("raw_stored", "outcomes_declared", "events_stored", "dead_stored", "conflicts")
    }
    return structs.replace(
        one, accepted=sum(claims) if claims else None, exact=one.exact and other.exact, **counts
    )


def gaps(checked: Sequence[Checked]) -> tuple[Gap, ...]:
    """The gaps among the findings, oldest first."""
    return tuple(
        Gap(
            minute_ms=each.row.minute_ms,
            connector=each.row.connector,
            instance=each.row.instance,
            missing_raw=each.row.missing_raw,
            missing_outcomes=each.row.missing_outcomes,
            accepted=each.row.accepted,
        )
        for each in checked
        if each.verdict is Balance.GAP
    )


class Total(Struct, frozen=True):
    """A connector instance's sums over all rows of a check, whatever windows its claims had."""

    connector: str
    instance: str
    accepted: int
    raw_stored: int


def totals(rows: Sequence[BalanceRow]) -> tuple[Total, ...]:
    """Sums by connector instance: equal once an instance has stated all it accepted and all has arrived."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for row in rows:
        accepted, stored = found.get((row.connector, row.instance), (0, 0))
        found[row.connector, row.instance] = accepted + (row.accepted or 0), stored + row.raw_stored
    return tuple(
        Total(connector=key[0], instance=key[1], accepted=sums[0], raw_stored=sums[1])
        for key, sums in sorted(found.items())
    )


_COLUMNS = (
    "minute",
    "connector",
    "instance",
    "accepted",
    "raw_stored",
    "outcomes_declared",
    "events_stored",
    "dead_stored",
    "verdict",
    "checked",
)


def record(store: Store, checked: Sequence[Checked], *, now_ms: int) -> None:
    """Write the findings for the walls (``v_reconciliation``); a later check of the same minute replaces them."""
    rows = [
        (
            each.row.minute_ms // 1000,
            each.row.connector,
            each.row.instance,
            each.row.accepted or 0,
            each.row.raw_stored,
            each.row.outcomes_declared,
            each.row.events_stored,
            each.row.dead_stored,
            each.verdict.value,
            now_ms,
        )
        for each in checked
    ]
    if rows:
        store.insert(
            "ops.reconciliation", _COLUMNS, list(zip(*rows, strict=True)), token=f"reconciliation-{now_ms}"
        )


def _floor(at_ms: int) -> int:
    return at_ms // _MINUTE_MS * _MINUTE_MS
