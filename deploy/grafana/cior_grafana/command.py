"""``cior grafana``: the commands that this package adds to ``cior`` (entry point group ``cior.commands``)."""

from __future__ import annotations

import click


@click.group()
def grafana() -> None:
    """Walls as code: build the boards, look at them, bring them to a Grafana and check them there."""
