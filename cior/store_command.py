"""``cior store status|migrate``: the schema of a store, by people; a server's user for it is ``cior_migrator``."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import click

from cior.wall_views import lacking
from cior_core.bundled_policy import privacy_policy
from cior_store.engine import Store
from cior_store.expire import Due, due
from cior_store.migrate import migrate, status


def show_status(dsn: str) -> int:
    """Print a line a migration and a line a table with days past their retention.

    0: all are applied, 1: some are pending or a view of Grafana's boards is not there, 2: one was changed after it was
    applied.
    """
    with Store.open(dsn) as store:
        found = status(store)
        current = all(one.state == "applied" for one in found)
        overdue = due(store, privacy_policy(), now_ms=time.time_ns() // 1_000_000) if current else ()
        lost = tuple(lacking(store)) if current else ()
    for one in found:
        click.echo(f"{one.state:8} {one.version:03d}_{one.name:28} sha256 {one.sha256[:16]}…")
    states = {one.state for one in found}
    for line in (*_overdue_lines(overdue), *lost):
        click.echo(line)
    click.echo(f"{sum(one.state == 'applied' for one in found)} of {len(found)} applied")
    return 2 if "changed" in states else 1 if "pending" in states or lost else 0


def _overdue_lines(overdue: Sequence[Due]) -> Iterator[str]:
    """What retention would delete if holds could be asked; there is no register of them yet, so it stays."""
    for table in sorted({each.table for each in overdue}):
        mine = [each for each in overdue if each.table == table]
        rows = sum(each.rows for each in mine)
        yield f"past its retention, kept because holds cannot be asked: {table}, {len(mine)} days, {rows} rows"


def apply_migrations(dsn: str) -> int:
    """Apply what is pending and say which; 0. Raises ``IntegrityBroken`` when an applied file was changed since."""
    with Store.open(dsn) as store:
        applied = migrate(store)
    click.echo(
        f"applied {', '.join(f'{version:03d}' for version in applied)}" if applied else "nothing to apply"
    )
    return 0
