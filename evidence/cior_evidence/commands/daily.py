"""``cior evidence root`` and ``cior evidence inclusion``: what is printed of a day, and one record of it proven."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from cior_bus import durable_file
from cior_bus.centre import load
from cior_core.canonical import canonical
from cior_core.centre_file import Centre
from cior_core.daily_root import RecordKind
from cior_core.errors import PayloadRejected
from cior_evidence.daily_part import roots_of
from cior_evidence.daily_roots import package_record
from cior_evidence.folders import ledger_folder
from cior_register import ledger
from cior_register.place import register_dsn
from cior_register.register import Register, RegisterLimits

_CONFIG = click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Centre file."
)
_DATA = click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), help="Data folder of the centre."
)


@click.command()
@_CONFIG
@_DATA
@click.option("--day", default="", help="AAAA-MM-DD (UTC); default: the last one.")
def root(config: Path, data: Path | None, day: str) -> None:
    """Print the three lines of a day's root (name and day, number of leaves, root) for the gazette, and its file."""
    pages = [each for each in roots_of(load(config, data)).pages() if day in ("", each.stem)]
    if not pages:
        raise PayloadRejected("daily.none", f"there is no root of {day or 'any day'} yet")
    click.echo("".join(pages[-1].read_text(encoding="utf-8").splitlines(keepends=True)[:3]), nl=False)
    click.echo(str(pages[-1]), err=True)


@click.command()
@_CONFIG
@_DATA
@click.option("--access", type=int, help="Number of an entry of the register's ledger.")
@click.option("--package", "package_id", help="Identifier of a package.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Where the proof goes."
)
def inclusion(
    *, config: Path, data: Path | None, access: int | None, package_id: str | None, out: Path
) -> None:
    """Prove one record of a day to a third party: verify.py --inclusion OUT --root-note PAGE."""
    centre = load(config, data)
    if (access is None) == (package_id is None):
        raise click.UsageError("give --access or --package")
    if access is not None:
        kind, number, content = RecordKind.ACCESS, access, _entry(centre, access)
    else:
        number, content = package_record(ledger_folder(centre), package_id or "")
        kind = RecordKind.PACKAGE
    page, made = roots_of(centre).inclusion(kind, number, content)
    durable_file.replace(out, canonical(made) + b"\n")
    click.echo(f"{out}\n{page}")


def _entry(centre: Centre, seq: int) -> bytes:
    register = Register.open(register_dsn(centre), limits=RegisterLimits(readers=1))
    try:
        found = register.read_now(partial(ledger.entry_bytes, seq=seq))
    finally:
        register.close()
    if found is None:
        raise PayloadRejected("daily.no_entry", f"the ledger has no entry {seq}")
    return found
