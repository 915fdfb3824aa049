"""``cior evidence renew``: the yearly time-stamps that keep sealed packages provable."""

from __future__ import annotations

from pathlib import Path

import click

from cior_core.errors import IntegrityBroken, SourceUnavailable
from cior_core.rfc3339 import to_rfc3339
from cior_evidence.commands.package import now_ms
from cior_evidence.package_state import BUSY
from cior_evidence.renewal import Need, Standing, mend_archive, packages_in, standing
from cior_evidence.renewal import renew as renew_one
from cior_evidence.seal_settings import SealSettings, load_seal
from cior_evidence.time_stamping import over_http


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--seal", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Seal file (TOML)."
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where packages are."
)
@click.option("--list", "is_list", is_flag=True, help="Only tell what is due and when; 1 when something is.")
@click.option("--now", "is_now", is_flag=True, help="Also those that are not due yet.")
def renew(names: tuple[str, ...], *, seal: Path, out: Path, is_list: bool, is_now: bool) -> None:
    """Renew the time-stamps of NAMES, or of every package that is due (docs/paquete.md, renovaciones)."""
    settings, at_ms = load_seal(seal), now_ms()
    there = list(packages_in(out))
    if unknown := set(names) - {each.name for each in there}:
        raise click.BadParameter(f"no sealed package {', '.join(sorted(unknown))} in {out}")
    chosen = [each for each in there if not names or each.name in names]
    if is_list:
        told = [line_of(standing(each, settings), at_ms) for each in chosen]
        click.echo("".join(f"{line}\n" for line in told), nl=False)
        raise SystemExit(any(f"  {Need.FRESH.value}  " not in line for line in told))
    failed = [each for each in chosen if not _renewed(each, settings, is_now=is_now)]
    raise SystemExit(2 if failed else 0)


def _renewed(folder: Path, settings: SealSettings, *, is_now: bool) -> bool:
    """Renew it where that is due; what cannot be renewed is told, and the others go on."""
    at_ms = now_ms()
    try:
        found = standing(folder, settings)
        if found.need(at_ms) is Need.FRESH and not is_now:
            mend_archive(folder)
            return True
        done = renew_one(found, settings, over_http(settings), now_ms=at_ms)
    except (IntegrityBroken, SourceUnavailable) as error:
        if isinstance(error, SourceUnavailable) and error.code != BUSY:
            raise  # who stamps is away for all of them
        click.echo(str(error), err=True)
        return False
    click.echo(line_of(done, at_ms))
    return True


def line_of(found: Standing, at_ms: int) -> str:
    """One package on one line: name, how it stands, its last stamp, when the next is due and when it is too late."""
    days = [to_rfc3339(each)[:10] for each in (found.stamped_ms, found.due_ms, found.ends_ms)]
    need = found.need(at_ms).value
    return "{}  {}  stamped {}  due {}  too late {}".format(found.folder.name, need, *days)


def overdue(out: Path, seal: Path) -> list[str]:
    """A line about each package that must be renewed, or that cannot be read. Raises ``ConfigInvalid`` (``seal.*``)."""
    settings, at_ms = load_seal(seal), now_ms()
    lines = []
    for folder in packages_in(out):
        try:
            found = standing(folder, settings)
        except IntegrityBroken as error:
            lines.append(str(error))
            continue
        if found.need(at_ms) is not Need.FRESH:
            lines.append(line_of(found, at_ms))
    return lines
