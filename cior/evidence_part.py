"""The part that builds and seals what custodians order: ``cior run evidence``, or a thread of who owns the store.

chDB's folder has one owner, so there the thread lives beside the sink, as the console does; with a server it is a
process of its own, and nothing that it does can hold up a press.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from threading import Event

from cior.parts import PartArguments, drive
from cior_bus.metrics import Metrics
from cior_bus.readiness import announce
from cior_console.evidence_place import rings
from cior_console.footage_masks import masks_now
from cior_console.judicial_desk import rules_of
from cior_core.bundled_policy import privacy_policy
from cior_core.centre_file import Centre, EvidenceSection
from cior_core.errors import ConfigInvalid
from cior_evidence.commands.package import now_ms, place_of, rules_told
from cior_evidence.copying import Copier, give_way
from cior_evidence.errands import PART, written
from cior_evidence.folders import boxes_folder, masks_file, packages_folder
from cior_evidence.making import Maker, Workshop
from cior_evidence.mask_history import MaskHistory
from cior_evidence.packing import Place
from cior_evidence.records_of_store import StoreContent
from cior_evidence.renewing import Renewer
from cior_evidence.seal_settings import load_seal
from cior_evidence.shelf import Shelf
from cior_evidence.time_stamping import over_http
from cior_evidence.veils import PersonFinder
from cior_register.following import Follower
from cior_register.place import register_dsn
from cior_register.register import Register, RegisterLimits
from cior_register.writer import nothing
from cior_store.engine import Store

_EVERY_S = 1.0
_RENEWALS_EVERY_S = 3600.0
_MASKS_EVERY_S = 60.0


def run_evidence(arguments: PartArguments) -> int:
    """The part alone, with a register and a store of its own. Raises ``ConfigInvalid`` (``evidence.none``)."""

    async def work(stop: asyncio.Event) -> None:
        centre = arguments.centre
        if centre.file.evidence is None:
            raise ConfigInvalid(
                "evidence.none",
                "this centre builds no packages",
                cure='add [evidence] with seal = "sello.toml" to the centre file (docs/settings.md)',
            )
        store = await asyncio.to_thread(Store.open, arguments.store_dsn)
        register = await asyncio.to_thread(
            Register.open, register_dsn(centre), limits=RegisterLimits(readers=1), must_answer=False
        )
        try:
            async with making(centre, register, store, metrics):
                announce(arguments.ready, metrics=endpoint.url)
                await stop.wait()
        finally:
            arguments.ready.unlink(missing_ok=True)
            await asyncio.to_thread(register.close)
            store.close()

    metrics = Metrics()
    with arguments.serve_metrics(metrics) as endpoint:
        return drive(work)


@asynccontextmanager
async def making(centre: Centre, register: Register, store: Store, metrics: Metrics) -> AsyncIterator[None]:
    """Builds what is ordered, renews what is due, and makes copies behind everything else while this lasts; nothing in
    a centre without ``[evidence]``.
    """
    if centre.file.evidence is None:
        yield
        return
    ending, at_once, masks_at_once = Event(), Event(), Event()
    shop = await asyncio.to_thread(workshop, centre, register, store)
    copier = Copier(shop, ending.is_set)

    def copies() -> None:
        give_way()
        copier.look()

    renewer = _renewer(centre, centre.file.evidence, metrics, ending)
    at_once.set()
    masks_at_once.set()
    followers = (
        Follower("evidence", Maker(shop, ending.is_set).look, Event(), every_s=_EVERY_S),
        Follower("evidence-renewals", renewer.look, at_once, every_s=_RENEWALS_EVERY_S),
        Follower("evidence-copies", copies, Event(), every_s=_EVERY_S),
        Follower("evidence-masks", shop.masks.look, masks_at_once, every_s=_MASKS_EVERY_S),
    )
    for each in followers:
        each.start()
    try:
        yield
    finally:
        ending.set()
        for each in followers:
            await asyncio.to_thread(each.stop)


def _renewer(centre: Centre, section: EvidenceSection, metrics: Metrics, ending: Event) -> Renewer:
    seal = centre.beside(section.seal)
    return Renewer(
        packages_folder(centre, section),
        lambda: load_seal(seal),
        over_http,
        now_ms=now_ms,
        metrics=metrics,
        stopping=ending.is_set,
    )


def workshop(centre: Centre, register: Register, store: Store) -> Workshop:
    """What the part works with. Raises ``ConfigInvalid`` (``config.*``, ``evidence.none``)."""
    section = centre.file.evidence
    assert section is not None
    out, seal = packages_folder(centre, section), centre.beside(section.seal)

    def place() -> Place:
        return place_of(centre, load_seal(seal), out)

    policy = privacy_policy()
    return Workshop(
        register=register,
        rules=rules_of(),
        policy=policy,
        shelf=Shelf(out),
        boxes=boxes_folder(centre),
        place=place,
        rings=rings(centre),
        content=StoreContent(store, policy, rules_told(), now_ms=now_ms),
        masks=MaskHistory(
            masks_file(centre),
            read=partial(masks_now, centre),
            tell=lambda entry: written(register, entry, nothing),
            now_ms=now_ms,
            actor=PART,
        ),
        zone=section.zone or centre.file.centre.zone,
        now_ms=now_ms,
        finder=_finder(centre.beside(section.detector)) if section.detector else None,
    )


def _finder(path: Path) -> Callable[[], PersonFinder]:
    """Opened for each copy, so that a corrected file counts."""

    def opened() -> PersonFinder:
        try:
            from cior_vision.person_sight import open_person_sight
        except ImportError as error:
            raise ConfigInvalid(
                "copy.no_vision",
                f"the vision parts are not installed: {error.name} is missing",
                cure="install cior[vision] where the part evidence runs",
            ) from error
        return open_person_sight(path)

    return opened
