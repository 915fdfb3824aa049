"""``cior register``: its schema, its state, its proof, its copies; by whoever keeps the machine.

On a server, migrations, copies and their way back are its owner's: CIOR_REGISTER_OWNER holds that address.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from cior_bus.centre import load
from cior_console.commands.users import on_register, register_words
from cior_core.errors import ConfigInvalid
from cior_register import backup as copies
from cior_register import keeping, roles
from cior_register.place import FOLDER, register_dsn
from cior_sink.commands.verify_log import tell
from cior_sink.register_proof import ledger_findings


@click.group()
def register() -> None:
    """The register: people, sessions and the ledger."""


def _say(language: str, code: str, **arguments: object) -> None:
    click.echo(getattr(register_words().text(code, arguments), language))


@register.command()
@click.option(
    "--service-password",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A file with the password that the service's role gets; the role is made where it is not there.",
)
@click.option(
    "--deleter-password",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The same for the role of sink and recorders, which ask for holds and claim what they delete.",
)
@click.option(
    "--evidence-password",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The same for the role of who builds packages of judicial requests.",
)
@on_register
def migrate(
    *,
    service_password: Path | None,
    deleter_password: Path | None,
    evidence_password: Path | None,
    config: Path,
    data: Path | None,
    language: str,
) -> None:
    """Bring the schema up to date, and give the roles of the service and of the other parts their rights."""
    dsn = register_dsn(load(config, data), as_owner=True)
    files = {
        roles.SERVICE_ROLE: service_password,
        roles.DELETER_ROLE: deleter_password,
        roles.EVIDENCE_ROLE: evidence_password,
    }
    found = keeping.bring_up_to_date(dsn, {role: _told(file) for role, file in files.items()})
    code = "current" if found.before == found.after else "migrated"
    _say(language, code, address=found.address, after=found.after, **_before(code, found.before))
    if not found.has_service_role:
        _say(language, "no_role", role=roles.SERVICE_ROLE)
        sys.exit(1)


def _told(file: Path | None) -> str:
    return file.read_text(encoding="utf-8").strip() if file is not None else ""


def _before(code: str, before: str) -> dict[str, str]:
    return {"before": before or "-"} if code == "migrated" else {}


@register.command()
@on_register
def status(*, config: Path, data: Path | None, language: str) -> None:
    """How it is; ends with 1 while its schema is not this program's."""
    centre = load(config, data)
    found = keeping.status(register_dsn(centre))
    journal = len(list((centre.data / FOLDER / "journal").glob("*.journal")))
    told: dict[str, Any] = {
        "address": found.address,
        "revision": found.revision or "-",
        "newest": found.newest,
    }
    _say(language, "status", **told, entries=found.entries, people=found.people, journal=journal)
    if found.waiting:
        _say(language, "waiting", count=found.waiting)
    sys.exit(0 if found.revision == found.newest else 1)


@register.command()
@click.option("--key", help="The line that the centre handed out, or a file with it.")
@on_register
def verify(*, config: Path, data: Path | None, key: str | None, language: str) -> None:
    """The ledger against its chain, and its chain against the signed pages; 2: something was changed."""
    centre = load(config, data)
    findings = list(ledger_findings(centre, key))
    sys.exit(tell(findings, language=language, say=click.echo))


@register.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@on_register
def backup(*, file: Path, config: Path, data: Path | None, language: str) -> None:
    """Copy the register into FILE while it runs."""
    dsn = register_dsn(load(config, data), as_owner=True)
    facts = copies.backup(dsn, file, now_ms=time.time_ns() // 1_000_000)
    _say(language, "backed_up", file=file, entries=facts.seq, sha256=facts.sha256)


@register.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@on_register
def restore(*, file: Path, config: Path, data: Path | None, language: str) -> None:
    """Bring FILE back into a register that holds nothing."""
    centre = load(config, data)
    if any((centre.data / "run").glob("*console*.ready")):
        raise ConfigInvalid(
            "register.in_use", "this centre's console runs", cure="stop the centre, restore, start it again"
        )
    dsn = register_dsn(centre, as_owner=True)
    facts = copies.restore(dsn, file)
    _say(language, "restored", file=file, address=keeping.status(dsn).address, entries=facts.seq)
