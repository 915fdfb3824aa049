"""The ``cior`` command. Every error ends with one line: code, sentence, cure.

Exit codes: 0 done, 1 try again, 2 a human must change something.
"""

from __future__ import annotations

import logging
import sys
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import click
import structlog

from cior.backup_cli import backup, restore
from cior_core.errors import CiorError, ConfigInvalid, CredentialsRefused, IntegrityBroken
from cior_sink.commands.cli import on_a_store

ADDED_COMMANDS = "cior.commands"
APART = {"run": "cior.run_cli:run"}
"""Commands whose words are beside what they do: loaded when somebody asks for them."""
EXTRAS = {
    "cior_bus": "bus",
    "cior_city": "city",
    "cior_evidence": "centre,evidence",
    "cior_grafana": "grafana",
}
"""What brings the packages that a room's commands need; those of any other room, ``centre`` brings."""
HUMAN = (ConfigInvalid, CredentialsRefused, IntegrityBroken)


class _Group(click.Group):
    """Turns an error of ours into its one line and exit code; knows the commands that other packages add."""

    # Rooms, and packages above this one (the demo), add their commands as entry points: an import from here would turn
    # the layers round, and an installation without such a package has just fewer commands.
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_apart()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        known = super().get_command(ctx, cmd_name)
        if known is not None:
            return known
        point = _apart().get(cmd_name)
        if point is None:
            return None
        try:
            command: click.Command = point.load()
        except ModuleNotFoundError as absent:
            return _stand_in(cmd_name, _absence(absent, cmd_name))
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as absent:
            return self._told(ctx, _absence(absent, ctx.invoked_subcommand or ""))
        except CiorError as error:
            return self._told(ctx, error)

    @staticmethod
    def _told(ctx: click.Context, error: CiorError) -> None:
        click.echo(str(error), err=True)
        ctx.exit(2 if isinstance(error, HUMAN) else 1)


@cache
def _apart() -> dict[str, EntryPoint]:
    """Every command that is loaded when somebody asks for it."""
    own = [EntryPoint(name, where, ADDED_COMMANDS) for name, where in APART.items()]
    return {point.name: point for point in (*entry_points(group=ADDED_COMMANDS), *own)}


def _absence(absent: ModuleNotFoundError, command: str) -> CiorError:
    """What to do about a package that a command's room needs and that this installation lacks; of ours none may be
    missing, so that one is raised as it is.
    """
    stranger = (absent.name or "").partition(".")[0]
    if not stranger or stranger.startswith("cior"):
        raise absent
    point = _apart().get(command)
    room = point.module.partition(".")[0] if point is not None else ""
    return ConfigInvalid(
        "cli.not_installed",
        f"'cior {command}' needs {stranger}, which is not installed",
        cure=f"pip install 'cior[{EXTRAS.get(room, 'centre')}]'",
    )


def _stand_in(name: str, error: CiorError) -> click.Command:
    """A command that cannot be loaded: it is listed, and says why when it is called."""

    def refuse() -> None:
        raise error

    arguments = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
    return click.Command(name, callback=refuse, help="Not installed here.", context_settings=arguments)


def configure_logs(level: str) -> None:
    """One JSON object a line on standard error; no colour, no payloads."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cior")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="warning",
    show_default=True,
)
def main(log_level: str) -> None:
    """CIOR: a city's signals in, few explained alerts and verifiable evidence out."""
    configure_logs(log_level)


@main.command()
@click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Centre file (TOML)."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Data folder; default: data beside the centre file.",
)
def up(config: Path, data: Path | None) -> None:
    """Run a centre on this machine until Ctrl-C."""
    from cior.up import up as run_up

    sys.exit(run_up(config, data))


@main.command()
@click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), default=None, help="Check this centre too."
)
def doctor(config: Path | None) -> None:
    """Look at this machine and say what is missing and what to do."""
    from cior.doctor import examine

    sys.exit(examine(config))


@main.command()
@click.argument("log", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--rules",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Rule pack folder; default: the installed pack.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("replay.ndjson"), show_default=True
)
@click.option(
    "--signers",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    help="Public keys (signers.json): actions count when they verify. Default: the log is believed.",
)
def replay(log: Path, rules: Path | None, out: Path, signers: Path | None) -> None:
    """Run a recorded log through the rules again: same log and rules give the same bytes."""
    from cior_bus.signing import ActionOpener
    from cior_city.packs import rule_pack
    from cior_streams.replay import replay as run_replay

    opens = None if signers is None else ActionOpener(signers)
    made = run_replay(log, rule_pack(rules or ""), out, opens=opens)
    click.echo("signatures unread" if opens is None else f"refused {made.refused}")
    click.echo(
        f"items {made.items}  alerts {made.alerts}  transitions {made.transitions}  commands {made.commands}"
    )
    click.echo(f"rules {made.rules}")
    click.echo(f"sha256 {made.sha256}")


@main.group()
def config() -> None:
    """Configuration: lint reads files, check connects."""


@config.command()
@click.argument("file", type=click.Path(path_type=Path))
def lint(file: Path) -> None:
    """Read a centre file and everything it names; say file, line, code and cure."""
    from cior.config_command import lint as run_lint

    sys.exit(run_lint(file))


@config.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Lint, then connect to what the file names."""
    from cior.config_command import check as run_check

    sys.exit(run_check(file))


@main.group()
def store() -> None:
    """The store's schema: status looks, migrate applies what is pending."""


@store.command("status")
@on_a_store
def store_status(**where: Any) -> None:
    """Every migration with its checksum: applied, pending or changed. Changes nothing."""
    from cior.store_command import show_status
    from cior_bus.centre import store_dsn

    sys.exit(show_status(store_dsn(**where)))


@store.command("migrate")
@on_a_store
def store_migrate(**where: Any) -> None:
    """Bring the schema to this program's version."""
    from cior.store_command import apply_migrations
    from cior_bus.centre import store_dsn

    sys.exit(apply_migrations(store_dsn(**where)))


main.add_command(backup)
main.add_command(restore)


@main.command()
@click.option("--url", help="The console, as https://cior.ciudad.example")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="watch.toml, mode 0600.")
@click.option("--once", is_flag=True, help="Look, say, end: 0 all is well, 1 it is not. Nobody is rung.")
def watch(*, url: str | None, config: Path | None, once: bool) -> None:
    """Ring when a centre stops answering, is late, or its clock jumps. Run it on another machine."""
    from cior.watch_command import watch as run_watch

    sys.exit(run_watch(config, url, once=once))


@main.command()
def docs() -> None:
    """Write the generated parts of docs/ again (run from a checkout)."""
    from cior.docs_command import write_docs

    for path in write_docs(Path.cwd()):
        click.echo(str(path))


class _Lazy(click.Group):
    """``cior connector ...``: the connector room's own commands, loaded when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return self._real().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self._real().get_command(ctx, cmd_name)

    @staticmethod
    def _real() -> click.Group:
        from cior_connectors.cli import connector

        found: click.Group = connector
        return found


class _Vision(_Lazy):
    """``cior vision ...``: likewise."""

    @staticmethod
    def _real() -> click.Group:
        from cior.vision_cli import vision

        return vision


main.add_command(_Lazy("connector", help="New connectors, checks, replay of their raw input."))
main.add_command(
    _Vision("vision", help="A camera's zones, lines, masks and rules: try them on a clip, draw them.")
)
