"""``cior grafana apply|diff|check URL``: the commands that speak to a Grafana.

Credentials come from the environment: ``CIOR_GRAFANA_TOKEN_FILE`` or ``CIOR_GRAFANA_TOKEN``, else
``CIOR_GRAFANA_USER`` with ``CIOR_GRAFANA_PASSWORD_FILE`` or ``CIOR_GRAFANA_PASSWORD``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cior_core.errors import CiorError, SourceUnavailable
from cior_grafana.connecting import Client, fit, grafana
from cior_grafana.port import GrafanaPort

if TYPE_CHECKING:
    from cior_grafana.applying import Line, OurBoard
    from cior_grafana.asking_panels import Finding
    from cior_grafana.drift import Wanted

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_options = (
    click.argument("url"),
    click.option(
        "--client", type=click.Choice([each.value for each in Client]), default=Client.GRAFANA_CLIENT.value,
        show_default=True, help="The package that speaks to it; grafana-api can do less.",
    ),
    click.option("--timeout", "timeout_s", type=float, default=10.0, show_default=True, help="Seconds a call."),
    click.option("--access", "access_file", type=_FILE, help="Who sees what; default: the package's access.toml."),
    click.option("--language", type=click.Choice(["es", "en"]), default="es", show_default=True,
                 help="Of the boards."),
    click.option("--timezone", help="Of the boards (IANA name); default: that of the committed ones."),
)  # fmt: skip


def _on_a_grafana(command: Any) -> Any:
    for option in reversed(_options):
        command = option(command)
    return command


def _open(url: str, client: str, timeout_s: float) -> AbstractContextManager[GrafanaPort]:
    return grafana(url, client=Client(client), environment=os.environ, timeout_s=timeout_s)


def _ended(work: Callable[[], int], *, away: int = 2) -> int:
    """The exit code; an error that stopped the work is said in one line and gives 2, or ``away`` when it passes."""
    try:
        return work()
    except CiorError as error:
        click.echo(str(error), err=True)
        return away if isinstance(error, SourceUnavailable) else 2
    except ImportError as missing:
        click.echo(
            f"grafana.not_installed: {missing.name} is not there — pip install 'cior[grafana]'", err=True
        )
        return 2


def _our_boards(language: str, timezone: str | None) -> tuple[OurBoard, ...]:
    """The boards as this version makes them."""
    from cior_grafana.applying import OurBoard
    from cior_grafana.board import TIMEZONE
    from cior_grafana.building import boards
    from cior_grafana.words import Language

    made = boards(Language(language), timezone=timezone or TIMEZONE)
    return tuple(OurBoard(folder_uid=one.board.audience.source_uid, board=one.body) for one in made)


def _wanted(language: str, timezone: str | None, access_file: Path | None) -> Wanted:
    from cior_grafana.access import read_access
    from cior_grafana.alert_rules import titles
    from cior_grafana.drift import Wanted
    from cior_grafana.port import Rule

    rules = tuple(Rule(uid=uid, title=title) for uid, title in titles().items())
    return Wanted(access=read_access(access_file), boards=_our_boards(language, timezone), rules=rules)


def _views(dsn: str | None) -> list[Finding]:
    """A finding a view that a board needs and the store lacks; nothing when no store was named."""
    if not dsn:
        return []
    from cior_grafana.asking_panels import Finding, State, lacking
    from cior_grafana.needed_views import missing_views
    from cior_store.engine import Store

    with Store.open(dsn) as store:
        lost = missing_views(store)
    return [
        Finding(kind="view", name=view, state=State.MISSING, what=f"{', '.join(boards)}: {lacking([view])}")
        for view, boards in lost.items()
    ]


@click.command("apply")
@_on_a_grafana
@click.option("--boards", is_flag=True, help="Push boards too: for a Grafana whose disk you do not own.")
@click.option(
    "--force", is_flag=True, help="Overwrite boards that somebody edited there; a copy is saved first."
)
@click.option("--save", "replaced", type=_FOLDER, default=Path("grafana-replaced"), show_default=True,
              help="Where replaced boards go.")  # fmt: skip
@click.option("--tokens", type=_FOLDER, default=Path("grafana-tokens"), show_default=True,
              help="Where new tokens go, each in a file that only you can read.")  # fmt: skip
def apply_command(
    url: str, *, client: str, timeout_s: float, access_file: Path | None, **options: Any
) -> None:
    """Bring to the Grafana at URL what files cannot: teams, who sees which folder, accounts, playlists.

    Exit codes: 0 everything is so, 1 Grafana is away (what was done stays; run it again), 2 a person must decide or
    correct something.
    """
    from cior_grafana.access import read_access
    from cior_grafana.applying import Choices, apply, exit_code

    def work() -> int:
        choices = Choices(
            boards=_our_boards(options["language"], options["timezone"]) if options["boards"] else (),
            force=options["force"],
            replaced=options["replaced"],
            tokens=options["tokens"],
        )
        with _open(url, client, timeout_s) as port:
            fit(port)
            return exit_code(_said(apply(port, read_access(access_file), choices)))

    sys.exit(_ended(work, away=1))


def _said(lines: Iterator[Line]) -> list[Line]:
    """The lines, each printed as it comes, for whoever must know how far it went."""
    done: list[Line] = []
    try:
        for line in lines:
            done.append(line)
            why = f"  {line.why}" if line.why else ""
            click.echo(f"{line.outcome.value:8} {line.kind:11} {line.name}{why}")
    except CiorError:
        click.echo(
            f"stopped after {len(done)} things; they stay, and a second run goes on from there", err=True
        )
        raise
    return done


@click.command("diff")
@_on_a_grafana
def diff_command(
    url: str, *, client: str, timeout_s: float, access_file: Path | None, **options: Any
) -> None:
    """Say what the Grafana at URL has otherwise: data sources, teams, folders, permissions, boards, rules.

    Exit codes: 0 nothing, 1 something, 2 could not be compared.
    """
    from cior_grafana.drift import drift

    def work() -> int:
        wanted = _wanted(options["language"], options["timezone"], access_file)
        found = 0
        with _open(url, client, timeout_s) as port:
            fit(port)
            for one in drift(port, wanted):
                found += 1
                click.echo(f"{one.kind:11} {one.name}: {one.what}")
        click.echo(f"{found} differences" if found else "nothing differs")
        return 1 if found else 0

    sys.exit(_ended(work))


@click.command("check")
@_on_a_grafana
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of the table.")
@click.option(
    "--slow-ms", type=int, default=1000, show_default=True, help="A query that takes longer is slow."
)
@click.option("--store", "store_dsn", envvar="CIOR_STORE", help="Look for the boards' views here too.")
def check_command(
    url: str, *, client: str, timeout_s: float, access_file: Path | None, **options: Any
) -> None:
    """Ask the Grafana at URL whether everything is there, and put every panel's query to it.

    Exit codes: 0 all well (empty panels are told, not counted), 1 something failing, slow, missing or different, 2
    something could not be looked at.
    """
    from cior_grafana.checking import check, exit_code, report, table

    def work() -> int:
        wanted = _wanted(options["language"], options["timezone"], access_file)
        found = _views(options["store_dsn"])
        with _open(url, client, timeout_s) as port:
            found += check(port, wanted, slow_ms=options["slow_ms"])
        click.echo(report(url, found) if options["as_json"] else "\n".join(table(found)))
        return exit_code(found)

    sys.exit(_ended(work))


COMMANDS = (apply_command, diff_command, check_command)
