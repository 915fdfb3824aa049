"""``cior grafana``: the commands that this package adds to ``cior`` (entry point group ``cior.commands``)."""

from __future__ import annotations

from pathlib import Path

import click

from cior_core.errors import ConfigInvalid
from cior_grafana import http_commands


@click.group()
def grafana() -> None:
    """Walls as code: build the boards, look at them, bring them to a Grafana and check them there."""


for _command in http_commands.COMMANDS:
    grafana.add_command(_command)


@grafana.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("deploy/grafana/dashboards"),
    show_default=True,
    help="Folder of the boards' files.",
)
@click.option("--language", type=click.Choice(["es", "en"]), multiple=True, help="Both when none is named.")
@click.option("--timezone", default="", help="IANA name; times on the boards are shown in it.")
@click.option("--check", is_flag=True, help="Write nothing; fail when a file is not what would be written.")
def build(out: Path, language: tuple[str, ...], timezone: str, *, check: bool) -> None:
    """Write every board's JSON, after the house rules have judged it."""
    from cior_grafana import building
    from cior_grafana.board import TIMEZONE
    from cior_grafana.boards import BOARDS
    from cior_grafana.words import Language

    languages = [Language(each) for each in language] or list(Language)
    wanted = building.files(languages, timezone=timezone or TIMEZONE)
    if check and (stale := building.stale(out, wanted)):
        names = ", ".join(str(path) for path in stale)
        raise ConfigInvalid("board.stale", f"not as the code has it: {names}", cure="run: cior grafana build")
    changed = [] if check else building.write(out, wanted)
    click.echo(f"{len(wanted)} boards, {len(changed)} changed, in {out}")
    for board in BOARDS:
        click.echo(f"  {board.address}")


@grafana.command()
@click.argument("boards", nargs=-1)
@click.option("--store", "dsn", required=True, help="chdb://<folder> or clickhouse(s)://user:pass@host:port")
@click.option("--language", type=click.Choice(["es", "en"]), default="es", show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("preview"), show_default=True
)
@click.option("--timezone", default="", help="IANA name; times are shown in it.")
@click.option(
    "--city",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Districts as GeoJSON, for the map.",
)
@click.option(
    "--choose", multiple=True, metavar="VARIABLE=VALUE", help="A board's choice, such as district=centro."
)
def preview(
    *,
    boards: tuple[str, ...],
    dsn: str,
    language: str,
    out: Path,
    timezone: str,
    city: Path | None,
    choose: tuple[str, ...],
) -> None:
    """Draw what BOARDS (all, if none is named) would show, as HTML files. It is not Grafana."""
    from cior_grafana.preview import Asking, preview_files

    asking = Asking(boards=boards, dsn=dsn, language=language, timezone=timezone, city=city, choose=choose)
    click.echo(preview_files(asking, out)[0])


@grafana.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the files; the checkout's deploy/grafana/provisioning when none is given.",
)
def provision(out: Path | None) -> None:
    """Write what Grafana reads at its start: data sources, folders, alert rules, contact points."""
    from cior_grafana import provisioning

    for path in provisioning.write(out):
        click.echo(path)


@grafana.command()
@click.argument("url", default="http://127.0.0.1:3000")
def kiosk(url: str) -> None:
    """The addresses of the boards for screens, with everything hidden that kiosk alone leaves."""
    from cior_grafana.boards import BOARDS

    for board in BOARDS:
        if board.kiosk:
            click.echo(f"{url.rstrip('/')}{board.address}")
