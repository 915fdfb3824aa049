"""The demo's summary in words, and its verdict: what would have to be true, and is not."""

from __future__ import annotations

import statistics
from pathlib import Path

import click
import msgspec

from cior_console.summary import Summary
from cior_demo.desk import Desk
from cior_demo.player import Truth
from cior_demo.watching import WallWatch

KINDS = ("dc09", "traccar", "cad", "vision")


def percentile(values: list[float], share: float) -> float:
    """Nearest-rank percentile; 0 for no values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def wall_latencies_ms(watch: WallWatch) -> list[float]:
    """Receipt of the first signal → first sight of the alert on the open page, for alerts that were P1 when they appeared. Silent ones carry no receipt."""
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


def print_summary(summary: Summary, watch: WallWatch, *, truth: Path) -> None:
    """The closing report."""
    sent = [msgspec.json.decode(line, type=Truth) for line in truth.read_bytes().splitlines()]
    click.echo("\nSeñales por fuente / signals by source")
    for row in summary.sources:
        click.echo(
            f"  {row.source:40} {row.signals:>6} signals  {row.events:>6} events  {row.dead:>4} dead  {row.drills:>4} drills (not counted)"
        )
    click.echo(f"  {'vision (events of cameras; frames never leave)':40} {summary.cameras:>6} events")
    click.echo(
        f"  sent by the simulator: {len(sent)}, acknowledged to the device: {sum(one.acked_ms is not None for one in sent)}"
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
        f"P1: receipt → open page p50 {statistics.median(wall) if wall else 0:.0f} ms, p99 {percentile(wall, 0.99):.0f} ms (n={len(wall)}); "
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
            f"  {entry.source:40} {entry.type:22} judged {entry.judged}, confirmed {entry.confirmed}, false {entry.false_alarms}: {share}"
        )
    even = summary.balance
    click.echo(
        f"Cuentas / accounts: accepted {even.accepted} = stored {even.raw}; outcomes declared {even.declared} = events {even.events} + dead {even.dead}: "
        f"{'balance' if even.even else f'MISSING {even.missing_raw} raw, {even.missing_outcomes} outcomes; unclaimed {even.unclaimed_raw}'}"
    )


def verdict(summary: Summary, watch: WallWatch, desk: Desk, *, same_bytes: bool) -> list[str]:
    """What is not right; empty when the demo showed what it must."""
    wrong = [f"no signal of {kind} was heard" for kind, count in heard(summary).items() if count == 0]
    if not any(one.p1_ms is not None for one in watch.seen.values()):
        wrong.append("no P1 alert reached the wall")
    if not summary.balance.even:
        wrong.append("the accounts do not balance: something accepted is neither stored nor dead")
    if not summary.dead:
        wrong.append("the garbage that was sent left no dead letter")
    if summary.drill_alerts == 0:
        wrong.append("the drill raised no alert")
    if desk.missed:
        wrong.append(f"{len(desk.missed)} operator steps found no alert to act on")
    if not same_bytes:
        wrong.append("two replays of the same log differ")
    return wrong
