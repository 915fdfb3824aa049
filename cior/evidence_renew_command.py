"""``cior evidence renew``: the yearly time-stamps that keep sealed packages provable."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import click

from cior_core.errors import IntegrityBroken
from cior_core.rfc3339 import to_rfc3339
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
    settings, now_ms = load_seal(seal), _now_ms()
    found = list(_standings(out, names, settings))
    if is_list:
        for each in found:
            click.echo(line_of(each, now_ms))
        raise SystemExit(any(each.need(now_ms) is not Need.FRESH for each in found))
    failed = [each for each in found if not _renewed(each, settings, is_now=is_now)]
    if failed:
        raise SystemExit(2)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _standings(out: Path, names: tuple[str, ...], settings: SealSettings) -> Iterator[Standing]:
    there = {each.name: each for each in packages_in(out)}
    unknown = [name for name in names if name not in there]
    if unknown:
        raise click.BadParameter(f"no sealed package {', '.join(unknown)} in {out}")
    for name in names or there:
        yield standing(there[name], settings)


def _renewed(found: Standing, settings: SealSettings, *, is_now: bool) -> bool:
    """Renew it where that is due; what cannot be renewed is told, and the others go on."""
    now_ms = _now_ms()
    if found.need(now_ms) is Need.FRESH and not is_now:
        mend_archive(found.folder)
        return True
    try:
        done = renew_one(found, settings, over_http(settings), now_ms=now_ms)
    except IntegrityBroken as error:
        click.echo(str(error), err=True)
        return False
    click.echo(line_of(done, now_ms))
    return True


def line_of(found: Standing, now_ms: int) -> str:
    """One package on one line: name, how it stands, its last stamp, when the next is due and when it is too late."""
    days = [to_rfc3339(each)[:10] for each in (found.stamped_ms, found.due_ms, found.ends_ms)]
    return "{}  {}  stamped {}  due {}  too late {}".format(
        found.folder.name, found.need(now_ms).value, *days
    )
