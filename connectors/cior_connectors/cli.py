"""``cior connector new|check|try|replay|open|list|run``: the room's command.

Exit codes: 0 well, 1 something must be corrected, 2 wrong use, 3 a source was not run.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
import time
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import click
import msgspec

from cior_bus.openings import Openings, read_key
from cior_connectors import checking, registry, scaffold
from cior_connectors._runtime import process, trying
from cior_connectors._runtime.opening import Opener, opened_records
from cior_connectors._runtime.replay import Report, events_by_raw, records, replay
from cior_connectors._runtime.settings import read_centre, read_registry
from cior_connectors.kit import documents, samples
from cior_connectors.kit.subject import Subject
from cior_core import codec
from cior_core.errors import CiorError
from cior_core.model import Event, RawRecord


@click.group(name="connector", help="New connectors, checks, replay of their raw input.")
def connector() -> None:
    """The group that ``cior`` mounts."""


@connector.command(name="list", help="Installed connectors with kind, tier and capabilities.")
def list_() -> None:
    """One line a connector; a broken one is shown as broken."""
    for name in sorted(registry.names()):
        try:
            kind = registry.load(name)
        except CiorError as error:
            click.echo(f"{name:12} broken  {error}")
            continue
        manifest = kind.manifest
        can = [
            word
            for word in ("acknowledges", "replays", "commands", "discovers", "heartbeats")
            if getattr(manifest, word)
        ]
        safety = "life-safety" if manifest.life_safety else "-"
        click.echo(
            f"{name:12} {manifest.version:8} {kind.quality.tier.value:7} {manifest.mode.value:7} {safety:12} "
            f"{' '.join(can)}"
        )


@connector.command(help="Write the folder of a new connector: it works, and its own tests pass.")
@click.argument("name")
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Folder to create it in."
)
@click.option(
    "--kind",
    type=click.Choice(scaffold.KINDS),
    default="listener",
    show_default=True,
    help="Devices call us (TCP, UDP); we ask (HTTP); a broker tells us (MQTT); files come into a folder.",
)
@click.option("--one-file", is_flag=True, help="The smallest: all of the connector in one Python file.")
def new(*, name: str, into: Path, kind: str, one_file: bool) -> None:
    """Write the templates; refuse a name that something else has, and overwrite nothing."""
    try:
        chosen = scaffold.name_of(name, into)
        if chosen != name:
            click.echo(f"its name is {chosen}")
        written = scaffold.write(chosen, into, kind=kind, one_file=one_file)
    except CiorError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{into / name} cannot be written: {error.strerror}") from error
    for path in written:
        click.echo(f"wrote {path}")
    if not one_file:
        sys.path.insert(0, str((into / chosen).resolve()))
        importlib.invalidate_caches()
        _write_readme(chosen)
        _write_golden(chosen)
    click.echo(f"next: cd {into / chosen} && less README.md")


@connector.command(
    help="Run connectors (by kind) against their peers; lint instance files and run them against far side and peer. "
    "Exit 3: nothing is wrong as far as was seen, but a source was not run."
)
@click.argument("targets", nargs=-1, type=click.Path(path_type=Path))
@click.option("--test-mode", is_flag=True, help="Allow life-safety connectors below gold.")
@click.option("--no-probe", is_flag=True, help="Lint only; says so.")
@click.option("--write-readme", metavar="PACKAGE", help="Write the generated parts of a connector's README.")
@click.option(
    "--write-golden",
    metavar="PACKAGE",
    help="Write missing expected.json files; read them before you commit.",
)
def check(
    *,
    targets: tuple[Path, ...],
    test_mode: bool,
    no_probe: bool,
    write_readme: str | None,
    write_golden: str | None,
) -> None:
    """Exit 1 when anything must be corrected, 3 when a source was not run and nobody asked for that."""
    if write_readme:
        _write_readme(write_readme)
    if write_golden:
        _write_golden(write_golden)
    sys.exit(checking.check(targets, test_mode=test_mode, run=not no_probe))


def _write_readme(package: str) -> None:
    kind = registry.load_package(registry.names().get(package, package))
    if kind.papers is not None:
        click.echo(f"{package} is one file: its docstring is its README")
        return
    path = Path(str(files(kind.package).joinpath("README.md")))
    path.write_text(documents.refreshed(path.read_text(encoding="utf-8"), kind), encoding="utf-8")
    click.echo(f"wrote {path}")


def _write_golden(package: str) -> None:
    subject = Subject(registry.names().get(package, package))
    for sample in subject.samples:
        if sample.expected is None:
            samples.write_expected(sample, subject.decode(sample.raw, subject.stamped(sample)))
            click.echo(f"wrote {sample.folder}/expected.json: read it")


@connector.command(
    name="try", help="Show what the first records of a file would become, and what is not understood."
)
@click.argument("mapping", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--kind", default="cad_drop", help="Whose mapping it is, when the file does not name a kind itself."
)
@click.option("--lang", type=click.Choice(["es", "en"]), default="es", help="Language of what is said.")
def try_(*, mapping: Path, file: Path, kind: str, lang: str) -> None:
    """Exit 0 when everything was understood, 1 when something was not. Needs no broker, and keeps and sends nothing."""
    try:
        report = trying.report(mapping, file, kind=kind, words=trying.words(lang))
    except CiorError as error:
        raise click.ClickException(str(error)) from error
    for line in report.lines:
        click.echo(line)
    sys.exit(0 if report.understood else 1)


@connector.command(
    name="replay", help="Decode archived raw records again and show what changes. Publishes nothing."
)
@click.argument("instance", type=click.Path(path_type=Path, exists=True))
@click.argument("archive", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--from", "origin", type=click.Choice(["raw", "dead"]), default="raw", help="What the archive holds."
)
@click.option(
    "--events", type=click.Path(path_type=Path, exists=True), help="Archived events to compare with (NDJSON)."
)
@click.option("--code", default="", help="Only dead letters of this code.")
@click.option("--devices", type=click.Path(path_type=Path, exists=True), help="The registry file.")
def replay_command(
    *, instance: Path, archive: Path, origin: str, events: Path | None, code: str, devices: Path | None
) -> None:
    """Exit 0 when nothing changes, 1 when something does."""
    try:
        plan = process.plan(instance, test_mode=True)
        known = read_registry(devices) if devices else {}
    except CiorError as error:
        raise click.ClickException(str(error)) from error
    context = process.context_for(
        plan, taxonomy=process.load_taxonomy(), registry=known, zone="America/Argentina/Cordoba"
    )
    live = _live(events)
    with archive.open("rb") as lines:
        report = replay(
            plan.kind.source(plan.settings.config),
            context=context,
            archive=records(lines, dead=origin == "dead"),
            live=live,
            code=code,
        )
    _show(report)
    sys.exit(1 if report.differences else 0)


def _live(path: Path | None) -> dict[str, list[Event]] | None:
    if path is None:
        return None
    with path.open("rb") as lines:
        return events_by_raw(lines)


def _show(report: Report) -> None:
    for difference in report.differences:
        click.echo(msgspec.json.encode(difference).decode())
    click.echo(
        f"{report.payloads} payloads, {report.events} events, {report.rejected} rejected, "
        f"{report.skipped_sealed} sealed (not opened), "
        f"{report.unreadable} unreadable, {len(report.differences)} differences",
        err=True,
    )


@connector.command(
    name="open",
    help="Open sealed records of an archive with the team's or the repair key, off the servers. Each opening is "
    "written down first. What comes out can be given to `replay`.",
)
@click.argument("archive", type=click.Path(path_type=Path, exists=True))
@click.option("--key", type=click.Path(path_type=Path, exists=True), required=True, help="The private key.")
@click.option("--who", required=True, help="Who opens: a name, not a role.")
@click.option("--reason", required=True, help="Why.")
@click.option(
    "--openings",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The record of openings: begun when it is not there, refused when it was changed.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Opened records (NDJSON)."
)
@click.option("--only", multiple=True, help="Open this id alone; may be given again.")
def open_command(
    *,
    archive: Path,
    key: Path,
    who: str,
    reason: str,
    openings: Path,
    out: Path,
    only: tuple[str, ...],
) -> None:
    """Exit 0 when all were opened, 1 when one was not (another key's, or changed)."""
    os.umask(0o077)  # what comes out names people
    try:
        with (
            closing(Openings.open(openings)) as record,
            archive.open("rb") as lines,
            out.open("xb") as opened,
        ):
            opener = Opener(
                who=who,
                reason=reason,
                private_key=read_key(key),
                openings=record,
                now_ms=lambda: time.time_ns() // 1_000_000,
            )
            found = list(opened_records(lines, opener, only=frozenset(only)))
            records_ = [each for each in found if isinstance(each, RawRecord)]
            opened.writelines(codec.encode(each) + b"\n" for each in records_)
    except (CiorError, FileExistsError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{len(records_)} opened, {len(found) - len(records_)} not", err=True)
    click.echo(f"openings end with {record.head.chain} {record.head.seq} {record.head.hash}", err=True)
    sys.exit(0 if len(records_) == len(found) else 1)


@connector.command(help="Run instances in this process until SIGTERM.")
@click.argument("instances", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--centre",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    help="The centre's connector settings.",
)
@click.option(
    "--family",
    default="connectors",
    help="Name of the process: of its spool's folder, and its user at a broker with keys.",
)
def run(instances: tuple[Path, ...], centre: Path, family: str) -> None:
    """Exit 0 after an orderly stop, 1 when a file must be corrected."""
    os.umask(0o077)  # its journals, marks and spools are of people in danger

    async def work() -> None:
        stop = asyncio.Event()
        process.stop_on_signals(stop)
        await process.run(read_centre(centre), instances, stop=stop, family=family)

    try:
        asyncio.run(work())
    except CiorError as error:
        raise click.ClickException(str(error)) from error
