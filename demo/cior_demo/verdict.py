"""The demo's summary in words, and its verdict: what would have to be true, and is not."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence

import click
import msgspec

from cior_console.summary import Summary
from cior_demo.desk import Desk
from cior_demo.player import Truth
from cior_demo.script import Do
from cior_demo.watching import WallWatch

P1_AIM_MS = 500.0
"""Design §2: panic press to wall, p95."""

REFUSED = frozenset({Do.GARBAGE, Do.WRONG_CRC})
"""What no device may be told that it was taken."""

KINDS = ("dc09", "traccar", "cad", "vision")


def percentile(values: list[float], share: float) -> float:
    """Nearest-rank percentile; 0 for no values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def wall_latencies_ms(watch: WallWatch) -> list[float]:
    """Receipt of the first signal → first sight of the alert on the open page, for alerts that were P1 when they
    appeared. Silent ones carry no receipt.
    """
    return [
        float(one.first_ms - one.received_ms)
        for one in watch.seen.values()
        if one.p1_ms == one.first_ms and one.received_ms is not None
    ]


def heard(summary: Summary) -> dict[str, int]:
    """Signals by kind of source: raw records of the connectors, events of the cameras."""
    found = dict.fromkeys(KINDS, 0)
    for row in summary.sources:
        for kind in KINDS:
            if f":{kind}:" in row.source:
                found[kind] += row.signals
    found["vision"] = summary.cameras
    return found


def print_summary(summary: Summary, watch: WallWatch, *, sent: Sequence[Truth]) -> None:
    """The closing report."""
    click.echo("\nSeñales por fuente / signals by source")
    for row in summary.sources:
        click.echo(
            f"  {row.source:40} {row.signals:>6} signals  {row.events:>6} events  {row.dead:>4} dead  "
            f"{row.drills:>4} drills (not counted)"
        )
    click.echo(f"  {'vision (events of cameras; frames never leave)':40} {summary.cameras:>6} events")
    click.echo(
        f"  sent by the simulator: {len(sent)}, acknowledged to the device: "
        f"{sum(one.acked_ms is not None for one in sent)}, "
        f"never answered: {len(unanswered(sent))}"
    )
    click.echo(
        "Cartas muertas / dead letters: "
        + (", ".join(f"{one.code} {one.count}" for one in summary.dead) or "none")
    )
    click.echo("Alertas por nivel / alerts by level (drills left out: " + str(summary.drill_alerts) + ")")
    for level in summary.levels:
        why = ", ".join(f"{code} ×{count}" for code, count in level.reasons[:5])
        click.echo(f"  {level.level}: {level.alerts} ({level.open} open)   {why}")
    wall = wall_latencies_ms(watch)
    stored = summary.latency
    click.echo(
        f"P1: receipt → open page p50 {statistics.median(wall) if wall else 0:.0f} ms, p95 "
        f"{percentile(wall, 0.95):.0f} ms, p99 {percentile(wall, 0.99):.0f} ms (n={len(wall)}); "
        f"receipt → stored p50 {stored.visible_p50_ms:.0f} ms, p99 {stored.visible_p99_ms:.0f} ms (n={stored.alerts})"
    )
    click.echo("Libro de falsas alarmas / false-alarm ledger")
    for entry in summary.false_alarms:
        share = (
            "–"
            if entry.false_share is None
            else f"{entry.false_share:.0%} [{entry.false_share_low or 0:.0%}–{entry.false_share_high or 0:.0%}]"
        )
        click.echo(
            f"  {entry.source:40} {entry.type:22} judged {entry.judged}, confirmed {entry.confirmed}, false "
            f"{entry.false_alarms}: {share}"
        )
    even = summary.balance
    missing = (
        f"MISSING {even.missing_raw} raw, {even.missing_outcomes} outcomes; unclaimed {even.unclaimed_raw}"
    )
    click.echo(
        f"Cuentas / accounts: accepted {even.accepted} = stored {even.raw}; outcomes declared "
        f"{even.declared} = events {even.events} + dead {even.dead}: "
        f"{'balance' if even.even else missing}"
    )


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What a demo left to be judged. ``leaks``: records by place in which a sealed identity stood."""

    summary: Summary
    watch: WallWatch
    desk: Desk
    sent: tuple[Truth, ...]
    same_bytes: bool
    leaks: Mapping[str, int]


def unanswered(sent: Iterable[Truth]) -> list[Truth]:
    """Signals that a device had to hear an answer to and did not. Files of the 911 desk have no answer."""
    return [one for one in sent if one.wire != "cad" and one.do not in REFUSED and one.acked_ms is None]


def leak_faults(leaks: Mapping[str, int]) -> list[str]:
    """A sentence a place."""
    return [f"a sealed identity stands in {where} ({count})" for where, count in sorted(leaks.items())]


def verdict(shown: Shown) -> list[str]:
    """What is not right; empty when the demo showed what it must."""
    summary = shown.summary
    wrong = [f"no signal of {kind} was heard" for kind, count in heard(summary).items() if count == 0]
    wrong += _latency_faults(shown.watch)
    if not summary.balance.even:
        wrong.append("the accounts do not balance: something accepted is neither stored nor dead")
    if not summary.dead:
        wrong.append("the garbage that was sent left no dead letter")
    if summary.drill_alerts == 0:
        wrong.append("the drill raised no alert")
    if shown.desk.missed:
        wrong.append(f"{len(shown.desk.missed)} operator steps found no alert to act on")
    if not shown.same_bytes:
        wrong.append("two replays of the same log differ")
    return wrong + _answer_faults(shown.sent) + leak_faults(shown.leaks)


def _latency_faults(watch: WallWatch) -> list[str]:
    if not any(one.p1_ms is not None for one in watch.seen.values()):
        return ["no P1 alert reached the wall"]
    p95_ms = percentile(wall_latencies_ms(watch), 0.95)
    if p95_ms > P1_AIM_MS:
        return [f"P1 alerts took {p95_ms:.0f} ms to the page (p95), the aim is {P1_AIM_MS:.0f}"]
    return []


def _answer_faults(sent: Iterable[Truth]) -> list[str]:
    sent = tuple(sent)
    wrong = []
    if lost := unanswered(sent):
        wrong.append(
            f"{len(lost)} of {len(sent)} sent signals were never acknowledged, first: {lost[0].actor} {lost[0].do}"
        )
    if any(one.do in REFUSED and one.acked_ms is not None for one in sent):
        wrong.append("noise or a frame with a wrong checksum was acknowledged")
    return wrong
