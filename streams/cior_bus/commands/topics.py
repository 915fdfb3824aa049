"""``cior topics``: the catalogue against the broker."""

from __future__ import annotations

import click

from cior_bus.access import as_admin
from cior_bus.admin import Topics, TopicState
from cior_bus.embedded.tansu import PARTITIONS
from cior_bus.settings import Profile
from cior_bus.topics import CATALOGUE


def show_topics(dsn: str, *, create: bool) -> int:
    """Print a line a topic; 1 when one is missing or differs."""
    settings = as_admin(dsn, client_id="cior-topics")
    topics = Topics(settings)
    partitions = PARTITIONS if settings.profile is Profile.TANSU else None
    if create:
        for name in topics.ensure(partitions=partitions):
            click.echo(f"created {name}")
    found = topics.check(partitions=partitions)
    purposes = {spec.name: spec.purpose for spec in CATALOGUE}
    for one in found:
        click.echo(
            f"{one.state.value:17} {one.name:24} {one.partitions:>3}  {one.detail or purposes[one.name]}"
        )
    wrong = [one for one in found if one.state is not TopicState.OK]
    if wrong and not create:
        click.echo(
            "cure: cior topics --create makes what is missing; partitions and settings of existing topics "
            "are changed with the broker's own tools"
        )
    return 1 if wrong else 0
