"""``cior connector check``: a source is run, against its far side and against its peer, or it is said in red that it
was not. Nothing that was not seen to work passes in silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path

import click
import structlog

from cior_connectors import registry
from cior_connectors._runtime import process
from cior_connectors.contract import ConnectorConfig, Tryable
from cior_connectors.kit.meeting import meet
from cior_connectors.kit.subject import CheckFailed, Subject
from cior_core.errors import CiorError


class Verdict(IntEnum):
    """What a target earned; the worst is the exit code's reason."""

    WELL = 0
    NOT_RUN = 3
    WRONG = 1


def check(targets: Sequence[Path], *, test_mode: bool, run: bool) -> int:
    """Check instance files and kinds, a line for each finding. Returns the exit code."""
    verdicts, plans = [], []
    for target in targets:
        try:
            if target.suffix == ".toml" or target.is_file():
                plan = process.plan(target, test_mode=test_mode)
                plans.append(plan)
                verdicts.append(_instance(str(target), plan) if run else _linted(str(target)))
            else:
                verdicts.append(_kind(str(target)))
        except CiorError as error:
            verdicts.append(_wrong(str(error)))
    try:
        process.refuse_conflicts(plans)
    except CiorError as error:
        verdicts.append(_wrong(str(error)))
    asked_not_to = not run and Verdict.WRONG not in verdicts
    worst = next((each for each in (Verdict.WRONG, Verdict.NOT_RUN) if each in verdicts), Verdict.WELL)
    return Verdict.WELL if asked_not_to else worst


def _linted(name: str) -> Verdict:
    _well(f"{name}: reads well")
    return _not_run(f"{name}: --no-probe: nobody has seen it work")


def _instance(name: str, plan: process.Plan) -> Verdict:
    """The far side as it is, then the peer; a source of files is tried on the file that waits."""
    source = plan.kind.source(plan.settings.config)
    report = asyncio.run(source.probe())
    if not report.ok:
        return _wrong(f"{name}: {report.detail}")
    _well(f"{name}: {report.detail}")
    if isinstance(source, Tryable):
        return (
            Verdict.WELL if report.tried else _not_run(f"{name}: `cior connector try` shows a file's records")
        )
    if not report.tried:
        return _not_run(f"{name}: {report.detail}")
    return _met(name, Subject(plan.kind.package), plan.settings.config)


def _kind(name: str) -> Verdict:
    """A connector by its kind, or by its package, with its example's configuration."""
    return _met(name, Subject(registry.names().get(name, name)), None)


def _met(name: str, subject: Subject, config: ConnectorConfig | None) -> Verdict:
    if not subject.kind.manifest.peer:
        return _not_run(f"{name}: its manifest names no peer: nobody has seen this source take a payload")
    if not subject.samples:
        return _not_run(f"{name}: it has no samples: its peer has nothing to say")
    try:
        with structlog.testing.capture_logs():  # the refusals that it provokes are nobody's alarm
            met = asyncio.run(meet(subject, config))
    except CheckFailed as failed:
        return _wrong(f"{name}: run against its peer: {failed}")
    except (OSError, TimeoutError) as error:
        return _not_run(f"{name}: its peer could not be started ({type(error).__name__}: {error})")
    dead = f", {met.dead} not understood" if met.dead else ""
    told = f"{met.payloads} payloads, {met.events} events{dead}"
    _well(f"{name}: ran against {met.peer}: {told}, nothing acknowledged before it was durable")
    return Verdict.WELL


def _well(text: str) -> None:
    click.echo(f"ok       {text}")


def _wrong(text: str) -> Verdict:
    click.secho(f"FAIL     {text}", err=True, fg="red")
    return Verdict.WRONG


def _not_run(text: str) -> Verdict:
    click.secho(f"NOT RUN  {text}", err=True, fg="red", bold=True)
    return Verdict.NOT_RUN
