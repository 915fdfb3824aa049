"""A recorder's settings file: which cameras it records, how long footage is kept, how much disk. Strict TOML; paths are
relative to the file. By which address a camera's pictures come is in the catalogue (:mod:`cior_core.cameras`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec

from cior_core import strict_toml
from cior_core.cameras import CameraId, Cameras
from cior_core.strict_toml import ConfigFault
from cior_video.sources import SourceSettings, Strict

MIB = 1024 * 1024
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]


class RecordedCamera(Strict, frozen=True, kw_only=True):
    """``[[camera]]``: a camera of the catalogue, and how its connection is judged."""

    id: Annotated[CameraId, msgspec.Meta(description="Its id in the catalogue", examples=["camera-plaza"])]
    stall_s: Annotated[
        Seconds, msgspec.Meta(description="Silence that ends a segment, s", examples=[5.0])
    ] = 5.0
    open_timeout_s: Annotated[
        Seconds, msgspec.Meta(description="How long a connection may take, s", examples=[8.0])
    ] = 8.0
    backoff_s: Annotated[
        Seconds, msgspec.Meta(description="First wait before the next try, s; doubles", examples=[0.5])
    ] = 0.5
    backoff_max_s: Annotated[Seconds, msgspec.Meta(description="Longest wait, s", examples=[30.0])] = 30.0


class RecorderSection(Strict, frozen=True, kw_only=True):
    """``[recorder]``: the process and its ring."""

    name: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=64,
            pattern=r"^[A-Za-z0-9_\-]+$",
            description="Its name, unique in the centre",
            examples=["centro"],
        ),
    ] = "recorder"
    ring: Annotated[
        str,
        msgspec.Meta(
            description="Folder for the footage, on a file system with hard links; empty: in the data folder",
            examples=["/var/lib/cior/ring"],
        ),
    ] = ""
    keep_days: Annotated[
        float, msgspec.Meta(gt=0, le=3650, description="Age at which footage goes", examples=[30])
    ] = 30.0
    past_years: Annotated[
        int,
        msgspec.Meta(
            ge=1,
            le=100,
            description="How long a day that is gone is known, years, in a line of its own",
            examples=[10],
        ),
    ] = 10
    reserve_mib: Annotated[
        int, msgspec.Meta(ge=1, description="Kept free by removing the oldest, MiB", examples=[20480])
    ] = 2_048
    stop_mib: Annotated[
        int,
        msgspec.Meta(
            ge=1,
            description="Below it nothing is recorded, so that the index still fits, MiB",
            examples=[512],
        ),
    ] = 256
    held_share: Annotated[
        float,
        msgspec.Meta(
            gt=0,
            le=1,
            description="Share of the disk that holds may take before somebody is told",
            examples=[0.5],
        ),
    ] = 0.5
    hold_days: Annotated[
        float,
        msgspec.Meta(gt=0, le=3650, description="How long a protocol's hold lasts", examples=[60]),
    ] = 60.0
    segment_s: Annotated[
        float, msgspec.Meta(ge=0.5, le=30, description="Shortest segment, s", examples=[2.0])
    ] = 2.0
    sync_s: Annotated[
        float, msgspec.Meta(ge=0.1, le=60, description="What a power cut may take, s", examples=[1.0])
    ] = 1.0
    sweep_every_s: Annotated[
        float,
        msgspec.Meta(ge=0.2, le=3600, description="How often what is due is removed, s", examples=[30.0]),
    ] = 30.0


class RecorderFile(Strict, frozen=True, kw_only=True):
    """The whole file."""

    recorder: RecorderSection = RecorderSection()
    camera: Annotated[tuple[RecordedCamera, ...], msgspec.Meta(min_length=1)]


class RecorderSettings(Strict, frozen=True, kw_only=True):
    """The file with its cameras' sources, by id."""

    recorder: RecorderSection
    cameras: dict[str, SourceSettings]
    folder: Path

    def ring(self, data: Path) -> Path:
        """Where the footage is; ``data``: the centre's data folder."""
        section = self.recorder
        return self.folder / section.ring if section.ring else data / "footage" / section.name


def load_settings(path: Path, cameras: Cameras) -> RecorderSettings:
    """Read and check a settings file. Raises ``ConfigFault`` with file, line, code and cure."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigFault(
            "config.unreadable",
            "the file cannot be read as UTF-8 text",
            file=str(path),
            line=0,
            cure="give the path of the recorder's settings file",
        ) from error
    read = strict_toml.parse(text, RecorderFile, file=str(path))
    for code, sentence, where, cure in _faults(read, cameras):
        raise ConfigFault(code, sentence, file=str(path), line=strict_toml.locate(text, where), cure=cure)
    folder = path.resolve().parent
    sources = {each.id: _source(each, cameras[each.id].stream) for each in read.camera}
    return RecorderSettings(recorder=read.recorder, cameras=sources, folder=folder)


def _faults(read: RecorderFile, cameras: Cameras) -> Iterator[tuple[str, str, tuple[str | int, ...], str]]:
    seen: set[str] = set()
    for index, each in enumerate(read.camera):
        where = ("camera", index, "id")
        if each.id in seen:
            yield "recorder.double_id", f"camera '{each.id}' is there twice", where, "name each once"
        seen.add(each.id)
        if each.id not in cameras:
            yield (
                "recorder.not_in_catalogue",
                f"camera '{each.id}' is not in the camera catalogue",
                where,
                "add it to the file that the centre file names as cameras, or correct the id",
            )
        elif "://" not in cameras[each.id].stream:
            yield (
                "recorder.no_stream",
                f"the camera catalogue has no stream to record for '{each.id}'",
                where,
                "give its stream in the catalogue, as rtsp://…",
            )
    if read.recorder.reserve_mib <= read.recorder.stop_mib:
        yield (
            "recorder.reserve",
            "the reserve is not above what stops the recording",
            ("recorder", "reserve_mib"),
            "let reserve_mib be several times stop_mib",
        )


def _source(camera: RecordedCamera, url: str) -> SourceSettings:
    return SourceSettings(
        url=url,
        stall_s=camera.stall_s,
        open_timeout_s=camera.open_timeout_s,
        backoff_s=camera.backoff_s,
        backoff_max_s=camera.backoff_max_s,
    )
