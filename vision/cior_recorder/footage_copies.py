"""Held footage in a bucket that locks it: ``[copies]`` of the centre file, for a recorder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

import structlog

from cior_bus.message import DurableSink
from cior_bus.metrics import Metrics
from cior_core.centre_copies import CopiesSection
from cior_core.centre_file import Centre
from cior_core.errors import ConfigInvalid, CredentialsRefused, SourceUnavailable
from cior_core.model import Producer
from cior_recorder.copy_notes import Notes
from cior_recorder.copy_part import Copying, Tempo
from cior_recorder.copying import FootageCopier, Where
from cior_recorder.footage_holds import FootageHolds
from cior_recorder.holds import Holds
from cior_recorder.settings import RecorderSettings
from cior_register.place import deleter_of
from cior_store.locked import BucketPlace, LockedBucket
from cior_video.program import program_version

LOG = structlog.get_logger("cior_recorder.footage_copies")
ACTOR = "cior.recorder"
Copies = Callable[[DurableSink, asyncio.Event], Coroutine[Any, Any, None]]


def bucket_of(centre: Centre, section: CopiesSection) -> LockedBucket:
    """As the files say now. Raises ``ConfigInvalid`` (``copies.secret_file``, ``copies.not_installed``)."""
    try:
        secret = centre.beside(section.secret_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(
            "copies.secret_file",
            f"the file with the bucket's secret cannot be read ({type(error).__name__})",
            cure="see secret_file of [copies], and who may read it",
        ) from error
    place = BucketPlace(
        endpoint=section.endpoint,
        bucket=section.bucket,
        region=section.region,
        key_id=section.key_id,
        secret=secret,
        ca=str(centre.beside(section.ca_file)) if section.ca_file else "",
    )
    try:
        return LockedBucket(place)
    except ImportError as error:
        raise ConfigInvalid(
            "copies.not_installed",
            f"the client of buckets is not installed: {error.name} is missing",
            cure="install cior[copies], or take [copies] out of the centre file",
        ) from error


def copies_of(
    centre: Centre, settings: RecorderSettings, metrics: Metrics, now_ms: Callable[[], int]
) -> Copies | None:
    """What copies beside a recorder; None in a centre without ``[copies]``.

    Raises ``ConfigInvalid`` (``copies.*``): a bucket that would not keep what it is given must be noticed before
    somebody relies on it. One that is away is waited for.
    """
    section = centre.file.copies
    if section is None:
        return None
    name = settings.recorder.name
    _refuse_unfit(centre, section)

    async def copy(sink: DurableSink, stop: asyncio.Event) -> None:
        court = FootageHolds(deleter_of(centre, actor=ACTOR, now_ms=now_ms), name=name, now_ms=now_ms)
        ring = settings.ring(centre.data)
        copying = Copying(
            name,
            lambda: bucket_of(centre, section),
            sink,
            metrics=metrics,
            producer=Producer(connector="recorder", version=program_version(), instance=name),
            tempo=Tempo(every_s=section.every_s, mib_s=section.mib_s),
            drill=centre.file.centre.drill,
        )
        copier = FootageCopier(
            Where(ring, tuple(settings.cameras), f"{section.prefix}footage/{name}/"),
            notes=Notes(notes_folder(centre, name)),
            holds=Holds(ring),
            court=court,
            now_ms=now_ms,
            metrics=metrics,
            pause=copying.pause,
        )
        try:
            await copying.run(copier, stop)
        finally:
            court.close()

    return copy


def notes_folder(centre: Centre, recorder: str) -> Path:
    """Where a recorder's receipts of copies are."""
    return centre.data / "state" / f"recorder-{recorder}" / "copies"


def _refuse_unfit(centre: Centre, section: CopiesSection) -> None:
    try:
        with closing(bucket_of(centre, section)) as bucket:
            bucket.check()
    except (SourceUnavailable, CredentialsRefused) as error:
        LOG.warning("copies_wait", code=error.code)
