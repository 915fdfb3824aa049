"""``cior config lint`` reads a centre file and everything it names; ``check`` then connects.

Each fault: file, line, code, cure.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import click

from cior.stack import SUPPLIED_SECRETS
from cior_bus.centre import instance_kinds, load
from cior_city import packs
from cior_city.city_of_centre import load_cameras, load_city
from cior_core.cameras import NO_CAMERAS, Cameras
from cior_core.centre_copies import CopiesSection
from cior_core.centre_file import EMBEDDED, Centre, EvidenceSection
from cior_core.errors import CiorError, ConfigInvalid, SourceUnavailable
from cior_core.registry import Registry


def lint(path: Path) -> int:
    """Print a line a file; 2 when one has a fault."""
    try:
        centre = load(path)
    except CiorError as error:
        click.echo(f"FAIL  {error}")
        return 2
    click.echo(f"ok    {path.name}")
    for name in (
        SUPPLIED_SECRETS
    ):  # the stack supplies them at start; a placeholder lets the files be read without making keys
        os.environ.setdefault(name, "0" * 32)
    faults = list(_faults(centre))
    return 2 if faults else 0


def _faults(centre: Centre) -> Iterator[CiorError]:
    for name, read in _readers(centre):
        try:
            read()
        except CiorError as error:
            click.echo(f"FAIL  {error}")
            yield error
        else:
            click.echo(f"ok    {name}")


def _readers(centre: Centre) -> Iterator[tuple[str, Callable[[], object]]]:
    from cior_connectors._runtime import process
    from cior_connectors._runtime.settings import read_registry

    registry = centre.beside(centre.file.registry)
    cameras = NO_CAMERAS

    def catalogue() -> object:
        nonlocal cameras
        cameras = load_cameras(centre, load_city(centre))
        return cameras

    if centre.file.centre.city:
        yield f"city {centre.file.centre.city}", lambda: load_city(centre)
    if centre.file.centre.city or centre.file.cameras:
        yield f"cameras {centre.file.cameras or '(city pack)'}", catalogue
    yield registry.name, lambda: _refuse_strangers(centre, read_registry(registry, cameras))
    yield (
        f"rules {centre.file.rules or '(default pack)'}",
        lambda: packs.rule_pack(centre.beside(centre.file.rules) if centre.file.rules else ""),
    )
    if centre.file.population:
        yield "population", lambda: _population(centre)
    files = [centre.beside(section.file) for section in centre.file.connector]
    for path in files:
        yield path.name, partial(process.plan, path, test_mode=centre.file.centre.test_mode)
    if files:
        yield "connectors together", lambda: _together(centre)
    for section in centre.file.vision:
        yield section.file, partial(_vision, centre.beside(section.file), lambda: cameras)
    for recorder in centre.file.recorder:
        yield recorder.file, partial(_recorder, centre.beside(recorder.file), lambda: cameras)
    if (copies := centre.file.copies) is not None:
        yield copies.secret_file, partial(_opened, centre, copies)
    if (evidence := centre.file.evidence) is not None:
        yield evidence.seal, partial(_evidence, centre, evidence)
        if evidence.detector:
            yield evidence.detector, partial(_detector, centre.beside(evidence.detector))


def _vision(path: Path, catalogue: Callable[[], Cameras]) -> None:
    from cior_vision.settings import load_settings

    load_settings(path, catalogue())


def _detector(path: Path) -> None:
    from cior_vision.settings import load_detector_settings

    load_detector_settings(path)


def _evidence(centre: Centre, section: EvidenceSection) -> None:
    from cior.evidence_check import read_files

    read_files(centre, section)


def _sealing(centre: Centre, section: EvidenceSection) -> str:
    from cior.evidence_check import reach

    return reach(centre, section)


def _opened(centre: Centre, section: CopiesSection) -> None:
    from cior_recorder.footage_copies import bucket_of

    bucket_of(centre, section).close()


def _bucket(centre: Centre, section: CopiesSection) -> str:
    from cior_recorder.footage_copies import bucket_of

    with closing(bucket_of(centre, section)) as bucket:
        bucket.check()
    return "it has object lock, and its server takes this key"


def _recorder(path: Path, catalogue: Callable[[], Cameras]) -> None:
    from cior_recorder.settings import load_settings

    load_settings(path, catalogue())


def _refuse_strangers(centre: Centre, devices: Registry) -> None:
    """A unit of an agency that the centre's protocols do not know is nobody's."""
    agencies = packs.protocols(centre.beside(centre.file.rules) if centre.file.rules else "").agencies
    for device in devices.values():
        if device.agency is not None and device.agency not in agencies:
            raise ConfigInvalid(
                "registry.unknown_agency",
                f"device '{device.id}' is a unit of '{device.agency}', which no protocol knows",
                cure=f"name one of {', '.join(agencies)}",
            )


def _population(centre: Centre) -> None:
    from cior.figures import centre_facts

    centre_facts(centre)


def _together(centre: Centre) -> None:
    """Two instances may not claim one name, port or folder."""
    from cior_connectors._runtime import process

    paths = [path for group in instance_kinds(centre).values() for path in group]
    process.refuse_conflicts([process.plan(path, test_mode=centre.file.centre.test_mode) for path in paths])


def check(path: Path) -> int:
    """Lint, then reach the broker, the store and what every connector talks to. 1 when something does not answer."""
    code = lint(path)
    if code:
        return code
    centre = load(path)
    failed = False
    for name, reach in _reachers(centre):
        try:
            said = reach()
        except CiorError as error:
            click.echo(f"FAIL  {name}: {error}")
            failed = True
        else:
            click.echo(f"ok    {name}: {said}")
    return 1 if failed else 0


def _reachers(centre: Centre) -> Iterator[tuple[str, Callable[[], str]]]:
    if centre.file.bus.dsn != EMBEDDED:
        yield "broker", lambda: _broker(centre.file.bus.dsn)
    if centre.file.store.dsn != EMBEDDED:
        yield "store", lambda: _store(centre.file.store.dsn)
    for section in centre.file.connector:
        yield section.file, partial(_probe, centre, section.file)
    if (copies := centre.file.copies) is not None:
        yield f"bucket {copies.bucket}", partial(_bucket, centre, copies)
    if (evidence := centre.file.evidence) is not None:
        yield evidence.seal, partial(_sealing, centre, evidence)


def _broker(dsn: str) -> str:
    from cior_bus.access import as_admin
    from cior_bus.admin import Topics, TopicState

    found = Topics(as_admin(dsn, client_id="cior-check")).check()
    missing = [one.name for one in found if one.state is not TopicState.OK]
    return (
        "all topics as in the catalogue"
        if not missing
        else f"{len(missing)} topics missing or different: run cior topics"
    )


def _store(dsn: str) -> str:
    from cior_store.engine import Store
    from cior_store.migrate import status

    store = Store.open(dsn)
    try:
        pending = [one for one in status(store) if one.state != "applied"]
    finally:
        store.close()
    return "schema is current" if not pending else f"{len(pending)} migrations pending: cior store status"


def _probe(centre: Centre, name: str) -> str:
    from cior_connectors._runtime import process

    plan = process.plan(centre.beside(name), test_mode=centre.file.centre.test_mode)
    report = asyncio.run(plan.kind.source(plan.settings.config).probe())
    if not report.ok:
        raise SourceUnavailable("config.probe_failed", report.detail, cure="see the connector's README")
    return report.detail
