"""The ``cior`` command. Every error ends with one line: code, sentence, cure.

Exit codes: 0 done, 1 try again, 2 a human must change something.
"""

from __future__ import annotations

import logging
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import click
import structlog

from cior.backup_cli import backup, restore
from cior_core.errors import CiorError, ConfigInvalid, CredentialsRefused, IntegrityBroken

ADDED_COMMANDS = "cior.commands"
APART = {
    "city": "cior_city.command:city",
    "evidence": "cior.evidence_cli:evidence",
    "register": "cior.register_command:register",
    "run": "cior.run_cli:run",
    "tls": "cior.tls_command:tls",
    "users": "cior.users_command:users",
}
"""Commands whose words are beside what they do: loaded when somebody asks for them."""
HUMAN = (ConfigInvalid, CredentialsRefused, IntegrityBroken)


class _Group(click.Group):
    """Turns an error of ours into its one line and exit code; knows the commands that other packages add."""

    # Packages above this one (the demo) add their commands as entry points: an import from here would turn the layers
    # round, and an installation without such a package has just fewer commands.
    def list_commands(self, ctx: click.Context) -> list[str]:
        added = (point.name for point in entry_points(group=ADDED_COMMANDS))
        return sorted({*super().list_commands(ctx), *added, *APART})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        known = super().get_command(ctx, cmd_name)
        if known is not None:
            return known
        if ctx.parent is None and cmd_name in APART:
            apart: click.Command = EntryPoint(cmd_name, APART[cmd_name], ADDED_COMMANDS).load()
            return apart
        for point in entry_points(group=ADDED_COMMANDS, name=cmd_name):
            added: click.Command = point.load()
            return added
        return None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CiorError as error:
            click.echo(str(error), err=True)
            ctx.exit(2 if isinstance(error, HUMAN) else 1)


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
@click.option("--bus", required=True, help="kafka://host:port?profile=kafka|tansu")
@click.option("--create", is_flag=True, help="Create what is missing.")
def topics(bus: str, *, create: bool) -> None:
    """Compare the broker's topics with the catalogue."""
    from cior.topics_command import show_topics

    sys.exit(show_topics(bus, create=create))


@main.group("bus")
def bus_group() -> None:
    """A broker that lets nobody in without a key: its certificates, users, rights and topics."""


@bus_group.command("keys")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--broker-host", "hosts", multiple=True, required=True, help="Name of the broker; may repeat.")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Centre: passwords too.")
def bus_keys(folder: Path, hosts: tuple[str, ...], config: Path | None) -> None:
    """Make certificates (again when they end soon) and passwords, a folder for each service."""
    from cior.bus_command import make_keys

    sys.exit(make_keys(folder, hosts, config))


@bus_group.command("provision")
@click.option("--bus", required=True, envvar="CIOR_BUS", help="kafkas://host:port of the admin's listener")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Centre.")
@click.option("--passwords", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder.")
def bus_provision(bus: str, config: Path, passwords: Path) -> None:
    """Users, topics, changelogs and rights, with the administrator's key. Again: only what changed."""
    from cior.bus_command import provision_broker

    sys.exit(provision_broker(bus, config, passwords))


@main.command()
@click.option("--bus", required=True, help="kafka://host:port?profile=kafka|tansu")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="NDJSON file to write."
)
def record(bus: str, out: Path) -> None:
    """Write the area log of a running centre to a file that `cior replay` reads."""
    from cior.recording import record_log

    click.echo(f"{record_log(bus, out)} items")


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
    from cior.packs import rule_pack
    from cior.replay import replay as run_replay
    from cior_bus.signing import ActionOpener

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


_store_options = (
    click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Centre file."),
    click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Its data folder."),
    click.option(
        "--store", "dsn", envvar="CIOR_STORE", help="chdb://folder or clickhouse://user:pass@host:port"
    ),
)


def _on_a_store(command: Any) -> Any:
    for option in reversed(_store_options):
        command = option(command)
    return command


@store.command("status")
@_on_a_store
def store_status(**where: Any) -> None:
    """Every migration with its checksum: applied, pending or changed. Changes nothing."""
    from cior.store_command import show_status, store_dsn

    sys.exit(show_status(store_dsn(**where)))


@store.command("migrate")
@_on_a_store
def store_migrate(**where: Any) -> None:
    """Bring the schema to this program's version."""
    from cior.store_command import apply_migrations, store_dsn

    sys.exit(apply_migrations(store_dsn(**where)))


@main.command("verify-log")
@_on_a_store
@click.option(
    "--checkpoints",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of checkpoints; default: the centre's. A copy that was kept elsewhere proves more.",
)
@click.option("--key", help="Public key of the checkpoints, or the file it is in, as it was handed out.")
@click.option("--lang", "language", type=click.Choice(["es", "en"]), default="es", show_default=True)
def verify_log_of(**options: Any) -> None:
    """Hold the store against its chains and checkpoints: what was changed, removed, inserted or moved. Exit 0 or 2."""
    from cior.verify_log_command import verify_log

    sys.exit(verify_log(**options))


@main.group()
def keys() -> None:
    """Keys: the response team's pair (on its own computer), new ones for old ones, what is lost with one."""


_language = click.option(
    "--lang", "language", type=click.Choice(["es", "en"]), default="es", show_default=True
)


def _on_keys(command: Any) -> Any:
    for option in (
        _language,
        click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Its data folder."),
        click.option(
            "--config", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Centre file."
        ),
    ):
        command = option(command)
    return command


def _keys_folder(config: Path, data: Path | None) -> Path:
    from cior_bus.centre import load

    return load(config, data).data / "keys"


@keys.command("team")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@_language
def keys_team(folder: Path, language: str) -> None:
    """Make the response team's key pair, on the team's own computer. The public half goes to the centre."""
    from cior.keys_command import make

    sys.exit(make(folder, language=language))


@keys.command("keeper")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@_language
def keys_keeper(folder: Path, language: str) -> None:
    """Make a second keeper's pair, on a computer that is kept offline: it opens what the team opens."""
    from cior.keys_command import make

    sys.exit(make(folder, language=language, role="keeper"))


@keys.command("repair")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@_language
def keys_repair(folder: Path, language: str) -> None:
    """Make the key pair of whoever mends decoders, on a computer of theirs: what nobody could read is for them too."""
    from cior.keys_command import make
    from cior_bus.public_key import REPAIR

    sys.exit(make(folder, language=language, role=REPAIR))


@keys.command("rotate")
@click.argument("what", type=click.Choice(["actions", "centre", "team", "wall"]))
@click.option("--public", type=click.Path(path_type=Path, dir_okay=False), help="The team's new team.public.")
@click.option("--stolen", is_flag=True, help="The old key is in wrong hands: it is honoured no longer.")
@_on_keys
def keys_rotate(*, what: str, public: Path | None, stolen: bool, language: str, **where: Any) -> None:
    """A new key for an old one: of signed actions, of pseudonyms (centre), of the team, of the wall."""
    from cior.keys_command import What, rotate

    folder = _keys_folder(**where)
    sys.exit(rotate(folder, What(what), public=public, stolen=stolen, language=language))


@keys.command("lost")
@click.argument("name", required=False)
@_on_keys
def keys_lost(*, name: str | None, language: str, **where: Any) -> None:
    """Say what is gone with a private key of the team that was lost, and who can still open what."""
    from cior.keys_command import lost

    sys.exit(lost(_keys_folder(**where), name, language=language))


@keys.command("list")
@_on_keys
def keys_list(*, language: str, **where: Any) -> None:
    """Every public key of this centre and its time."""
    from cior.keys_command import show

    sys.exit(show(_keys_folder(**where), language=language))


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


class _Duty(_Lazy):
    """``cior duty ...``: likewise."""

    @staticmethod
    def _real() -> click.Group:
        from cior.duty_cli import duty

        return duty


main.add_command(_Lazy("connector", help="New connectors, checks, replay of their raw input."))
main.add_command(_Duty("duty", help="Who is on duty by the city's file: show, check that nobody is missing."))
main.add_command(
    _Vision("vision", help="A camera's zones, lines, masks and rules: try them on a clip, draw them.")
)
