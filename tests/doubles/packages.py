"""A small whole package, by the real builder: a drawn camera's ring, made-up records, a certification authority of the
test's own and a real ``openssl ts``. Nothing of it is a stand-in but the people and the city.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.stream import VideoStream
from nacl.signing import SigningKey

from cior_core import footage
from cior_core.camera_stretch import PictureForm
from cior_core.footage import FootageClock, Gap, GapCause, Segment
from cior_core.model import ClockQuality
from cior_core.rfc3339 import to_rfc3339
from cior_evidence.custody import Deed
from cior_evidence.order import Order, read_order
from cior_evidence.package_ledger import PackageLedger, Signing
from cior_evidence.packing import Package, Packing, Place, Sources
from cior_evidence.records_in import ClosedRaw, EventBytes, RawBytes
from cior_evidence.ring import look
from cior_evidence.seal_settings import load_seal
from doubles.authorities import Authorities

START_MS = 1_795_392_000_000
"""A round minute of November 2026."""
FPS, GROUP, FRAMES = 10, 10, 40
CAMERA = "Cám 7/Oroño"


def order(camera: str = "cam-7", **changes: Any) -> dict[str, Any]:
    """A good order over the whole of :func:`ring`, as JSON."""
    who = {"nombre": "Nadie", "cargo": "de prueba"}
    return {
        "paquete": "SF-2026-000123",
        "cuij": "21-00000000-0",
        "solicitud": {
            "id": "r-1", "recibida": to_rfc3339(START_MS), "autoridad": "Fiscalía Regional 2", "clase": "prosecutor",
            "caratula": "N.N. s/ robo", "motivo": "robo a mano armada",
        },
        "base_legal": {"codigo": "ley-13164-9", "texto": "Ley 13.164, artículo 9."},
        "pedida_por": {"id": "p-1", **who},
        "aprobada_por": {"id": "p-2", **who},
        "armada_por": {"id": "p-3", **who},
        "alcance": [
            {"camara": camera, "desde": to_rfc3339(START_MS + 1500), "hasta": to_rfc3339(START_MS + 14_500),
             "motivo": "esquina del hecho"},
        ],
        "eventos": {"desde": to_rfc3339(START_MS), "hasta": to_rfc3339(START_MS + 60_000)},
        "zona_horaria": "America/Argentina/Cordoba",
        **changes,
    }  # fmt: skip


def read(**changes: Any) -> Order:
    """The same, read."""
    return read_order(json.dumps(order(**changes)).encode())


def segment_file(
    path: Path,
    *,
    frames: int = FRAMES,
    group: int = GROUP,
    seed: int = 0,
    coded: tuple[str, dict[str, str]] | None = None,
) -> None:
    """Noise in H.264 with a key picture each ``group`` frames, or by another encoder with its own options."""
    codec, options = coded or ("libx264", {"g": str(group), "sc_threshold": "0", "bf": "0"})
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4", options={"movflags": "frag_keyframe+empty_moov"}) as out:
        stream = out.add_stream(codec, rate=FPS, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        noise = np.random.default_rng(seed)
        for _ in range(frames):
            picture = av.VideoFrame.from_ndarray(
                noise.integers(0, 255, (48, 64, 3), dtype=np.uint8), format="rgb24"
            )
            out.mux(stream.encode(picture))
        out.mux(stream.encode())


def payloads(path: Path) -> list[bytes]:
    """Every packet's bytes, in decoding order."""
    with av.open(str(path)) as source:
        return [bytes(packet) for packet in source.demux(video=0) if packet.size]


Draw = Callable[[Path, int], tuple[int, int]]
"""Writes the file of a segment by its number; the size of its pictures in pixels."""


def noise(path: Path, number: int) -> tuple[int, int]:
    """What is recorded where nobody looks."""
    segment_file(path, seed=number)
    return 64, 48


def ring(folder: Path, camera: str = "cam-7", *, segments: int = 4, draw: Draw = noise) -> Path:
    """Segments of 4 s from :data:`START_MS`, the third one missing with its cause; the folder."""
    day = footage.day_of(START_MS)
    head, lines = footage.first_head(camera, day), []
    for number in range(1, segments + 1):
        record = _gap(camera, number) if number == 3 else _segment(folder, camera, number, draw)
        entry = footage.entry_after(head, record)
        head = entry.head
        lines.append(footage.line_of(entry))
    (folder / footage.index_path(camera, day)).write_bytes(b"".join(lines))
    return folder


def idle_ring(folder: Path) -> Path:
    """Of a recorder that has recorded nothing yet; the folder."""
    (folder / "+holds").mkdir(parents=True, exist_ok=True)
    return folder


def _gap(camera: str, number: int) -> Gap:
    from_ms = START_MS + (number - 1) * 4000
    return Gap(camera=camera, from_ms=from_ms, to_ms=from_ms + 4000, cause=GapCause.CAMERA_AWAY)


def _segment(folder: Path, camera: str, number: int, draw: Draw) -> Segment:
    start_ms = START_MS + (number - 1) * 4000
    path = footage.segment_path(camera, number, start_ms)
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    width_px, height_px = draw(folder / path, number)
    data, packets = (folder / path).read_bytes(), payloads(folder / path)
    return Segment(
        camera=camera, number=number, stretch=START_MS, epoch=1 if number < 3 else 2, start_ms=start_ms,
        end_ms=start_ms + 4000, frames=len(packets), keyframes=FRAMES // GROUP, size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(), payload_sha256=hashlib.sha256(b"".join(packets)).hexdigest(),
        path=path, form=PictureForm(codec="h264", width_px=width_px, height_px=height_px), codec_sha256="00" * 32,
        first_pts=(number - 1) * 4 * 90_000, time_base=(1, 90_000),
        clock=FootageClock(source="rtcp", quality=ClockQuality.SYNCED, offset_ms=120, error_ms=15),
    )  # fmt: skip


class SomeRecords:
    """Two raw records, the event that both carried, and its alert."""

    reserved = 1

    def raws(self) -> Iterator[RawBytes]:
        for number, payload in enumerate((b"\x00\xffpress", b"press again\r\n"), start=1):
            yield RawBytes(
                id=f"raw-{number}", source="panel-1", received_ms=START_MS + number,
                content_type="application/octet-stream", sha256=hashlib.sha256(payload).hexdigest(), payload=payload,
            )  # fmt: skip

    def closed(self) -> Iterator[ClosedRaw]:
        yield from ()

    def events(self) -> Iterator[EventBytes]:
        yield EventBytes(
            id="ev-1", type="panic.button", source="panel-1", occurred_ms=START_MS, received_ms=START_MS + 1,
            body=b'{"id":"ev-1"}', raws=("raw-1", "raw-2"),
        )  # fmt: skip

    def alerts(self) -> Iterator[dict[str, Any]]:
        yield {"alerta": "al-1", "version": 1, "tipo": "panic.button", "nivel": "P1", "razones": []}


def signing(origin: str = "cior/prueba/paquetes") -> Signing:
    """A checkpoint key that is the same in each test."""
    key = SigningKey(hashlib.sha256(origin.encode()).digest())
    return Signing(origin, bytes(key.verify_key), lambda text: key.sign(text).signature)


def place(folder: Path, authorities: Authorities, **changes: Any) -> Place:
    """Where packages of a test are built, stamped by the test's authority without a wire."""
    import time

    return Place(
        **{
            "out": folder / "paquetes",
            "settings": load_seal(authorities.folder / "sello.toml"),
            "ask": authorities.answer,
            "ledger": PackageLedger(folder / "libro", signing()),
            "beside": {"LEEME.txt": b"prueba\n"},
            "now_ms": lambda: time.time_ns() // 1_000_000,
            **changes,
        }
    )


def sources(ring_folder: Path, **changes: Any) -> Sources:
    """The ring's footage and :class:`SomeRecords`."""
    return Sources(
        **{
            "footage": lambda camera, span: look(ring_folder, camera, span),
            "records": SomeRecords(),
            "health": ({"camara": "cam-7", "desde": to_rfc3339(START_MS), "estado": "ok", "motivo": ""},),
            "reads": (),
            "deeds": (Deed(START_MS + 60_000, "recibida", "p-1", "por el portal", "ab" * 16),),
            "rules": ({"nombre": "reglas", "version": "1", "sha256": "00" * 32},),
            **changes,
        }
    )


def small_package(
    folder: Path,
    authorities: Authorities | None = None,
    *,
    split: dict[str, int] | None = None,
    **changes: Any,
) -> Package:
    """A sealed package in ``folder``; ``changes`` of the order's JSON; ``split``: of its place."""
    authorities = authorities or Authorities(folder / "autoridades")
    made = ring(folder / "anillo")
    return Packing(place(folder, authorities, **(split or {})), read(**changes), sources(made)).run()
