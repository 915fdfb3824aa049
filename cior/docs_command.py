"""The generated pages of ``docs/``: tables from code; a test compares what is committed with what this writes.

It also runs the writers that live under ``docs/`` in a checkout: ``generate.py`` (schemas, taxonomy), ``laws.py``
(the laws and their tests) and ``attacks.py`` (what was tried, and the tests that hold it).
"""

from __future__ import annotations

import subprocess
import sys
import typing
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from cior_core.errors import CiorError, ConfigInvalid, IntegrityBroken

METRIC_MODULES = (
    "cior_bus.metrics",
    "cior_streams.metrics",
    "cior_connectors._runtime.metrics",
    "cior_vision.metrics",
    "cior_recorder.metrics",
    "cior_console.metrics",
    "cior_sink.metrics",
    "cior_evidence.metrics",
)
_SCRIPTS = (("generate.py",), ("laws.py", "write"), ("attacks.py",))


def pages() -> dict[str, Callable[[], str]]:
    """File below ``docs/`` → its text."""
    return {
        "topics.md": _topics,
        "rights.md": _rights,
        "metrics.md": _metrics,
        "settings.md": _settings,
        "connectors.md": _connectors,
        "views.md": _views,
        "api.md": _api,
        "roles.md": _roles,
        "openapi.json": _openapi,
    }


def modules() -> dict[str, Callable[[], str]]:
    """File below the root → its text: sources of the console's page that are tables of ours."""
    return {"console/web/src/api/tables.ts": _tables}


def write_docs(root: Path) -> Iterator[Path]:
    """Write every generated page below ``root/docs``; yields the files and the scripts of ``docs/`` that were run.

    Raises ``ConfigInvalid`` when ``root`` is no checkout, ``IntegrityBroken`` when a script refuses.
    """
    if not (root / "docs" / "generate.py").is_file():
        raise ConfigInvalid(
            "docs.no_checkout", "there is no docs/generate.py here", cure="run it in the checkout's root"
        )
    for name, make in pages().items():
        path = root / "docs" / name
        path.write_text(make(), encoding="utf-8")
        yield path
    for name, make in modules().items():
        (root / name).write_text(make(), encoding="utf-8")
        yield root / name
    for script, *arguments in _SCRIPTS:
        path = root / "docs" / script
        if subprocess.run([sys.executable, str(path), *arguments], check=False).returncode:
            raise IntegrityBroken("docs.refused", f"{script} refused", cure="see what it said above")
        yield path


def _table(*header: str, rows: typing.Iterable[typing.Sequence[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += [
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows
    ]
    return "\n".join(lines) + "\n"


def _generated(title: str, source: str) -> str:
    return f"# {title}\n\nGenerated from {source} by `make docs`; a test keeps it fresh.\n\n"


def _topics() -> str:
    from cior_core.catalogue import TOPICS

    rows = [
        (
            f"`{spec.name}`",
            spec.key,
            spec.value,
            str(spec.partitions),
            "by key, for ever" if spec.compacted else f"{(spec.retention_s or 0) // 86_400} d",
            spec.purpose,
        )
        for spec in TOPICS
    ]
    return _generated("Topics", "`cior_core.catalogue`") + _table(
        "topic", "key", "value", "partitions", "kept", "what for", rows=rows
    )


def _rights() -> str:
    from cior_bus.rights import RIGHTS

    def named(names: typing.Iterable[str]) -> str:
        return ", ".join(f"`{name}`" for name in names) or "–"

    rows = [
        (
            f"`{row.part}`" if row.part != "connectors" else "`connectors-{family}`",
            row.what,
            named(spec.name for spec in row.reads),
            named(spec.name for spec in row.writes),
            f"`{row.group}…`" if row.group else "–",
            named(spec.name for spec in row.changelogs()),
        )
        for row in RIGHTS
    ]
    text = _generated("Rights at the broker", "`cior_bus.rights`")
    text += (
        "One user a part. What stands in no row is refused. `admin` (a certificate, no password) provisions;\n"
        "`broker` is the broker itself. A changelog is read and written by its part alone.\n\n"
    )
    return text + _table("user", "what for", "reads", "writes", "groups that begin", "changelogs", rows=rows)


def _metrics() -> str:
    for module in METRIC_MODULES:
        import_module(module)
    from cior_bus.metrics import catalogue

    rows = [
        (f"`{spec.name}`", spec.kind.value, ", ".join(spec.labels) or "–", spec.purpose)
        for spec in catalogue()
    ]
    return _generated("Metrics", "the `declare` calls of every room") + _table(
        "metric", "kind", "labels", "meaning", rows=rows
    )


def _settings() -> str:
    from cior_connectors.kit.documents import config_table
    from cior_core import centre_file
    from cior_core.centre_copies import CopiesSection
    from cior_core.people import RoleRule
    from cior_recorder.settings import RecordedCamera, RecorderSection

    text = _generated("Settings of a centre", "`cior_core.centre_file`")
    text += (
        "One TOML file a centre, given to `cior up --config`. Connectors and vision workers have files "
        "of their own, named here.\n"
    )
    sections: tuple[tuple[str, Any], ...] = (
        ("centre", centre_file.CentreSection),
        ("bus", centre_file.BusSection),
        ("store", centre_file.StoreSection),
        ("register", centre_file.RegisterSection),
        ("console", centre_file.ConsoleSection),
        ("console.openid", centre_file.OpenIdSection),
        ("[console.openid.role]", RoleRule),
        ("metrics", centre_file.MetricsSection),
        ("figures", centre_file.FiguresSection),
        ("[population]", centre_file.PopulationSection),
        ("[connector]", centre_file.ConnectorSection),
        ("[vision]", centre_file.VisionSection),
        ("[recorder]", centre_file.RecorderSection),
        ("copies", CopiesSection),
        ("evidence", centre_file.EvidenceSection),
        ("[evidence.camera_validator]", centre_file.ValidatorSection),
    )
    for name, model in sections:
        text += f"\n## `[{name}]`\n\n" + config_table(model) + "\n"
    text += "\n# Settings of a recorder\n\nThe file that `[[recorder]]` names.\n"
    recorder: tuple[tuple[str, Any], ...] = (("recorder", RecorderSection), ("[camera]", RecordedCamera))
    for name, model in recorder:
        text += f"\n## `[{name}]`\n\n" + config_table(model) + "\n"
    return text


def _connectors() -> str:
    from cior_connectors import registry

    rows = []
    for name in sorted(registry.names()):
        try:
            kind = registry.load(name)
        except CiorError as error:
            rows.append((f"`{name}`", "broken", "", "", "", str(error)))
            continue
        manifest = kind.manifest
        can = [
            word
            for word in ("acknowledges", "replays", "commands", "discovers", "heartbeats")
            if getattr(manifest, word)
        ]
        rows.append(
            (
                f"`{manifest.name}`",
                manifest.version,
                kind.quality.tier.value,
                manifest.mode.value,
                "yes" if manifest.life_safety else "no",
                f"{manifest.title}: {manifest.protocol}. {', '.join(can)}",
            )
        )
    return _generated("Connectors", "each connector's manifest and quality file") + _table(
        "connector", "version", "quality", "mode", "life-safety", "what", rows=rows
    )


def _api() -> str:
    from cior_console import openapi, table

    return openapi.api_page(table.all_endpoints())


def _roles() -> str:
    from cior_console import openapi, table
    from cior_core.bundled_policy import privacy_policy

    return openapi.roles_page(table.all_endpoints(), privacy_policy())


def _openapi() -> str:
    from cior_console import openapi, table

    return openapi.openapi_text(table.all_endpoints())


def _tables() -> str:
    from cior_console import page_tables, table

    return page_tables.tables_module(table.all_endpoints())


def _views() -> str:
    from cior_store import viewdocs

    return viewdocs.page()
