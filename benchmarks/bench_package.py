"""An evidence package of native video: cut, digested, sealed and archived.

    python benchmarks/bench_package.py [--cameras 4] [--minutes 60] [--folder F] [--quick]

The ring is as the recorder leaves it: files of two seconds, 2 Mbit/s, an index a camera. Each file is real H.264, the
same one under many names, so that no cache of ours can help (the system's may: the ring is written just before). The
seal is whole: CAdES-T, RFC 3161 by ``openssl ts`` over HTTP, act, ledger, ZIP. ``--quick``: three minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from cior_core import footage
from cior_core.camera_stretch import PictureForm
from cior_core.footage import FootageClock, Segment
from cior_core.model import ClockQuality
from cior_core.rfc3339 import to_rfc3339
from cior_evidence.packing import Package, Packing
from cior_evidence.seal_settings import load_seal
from cior_evidence.time_stamping import over_http
from doubles.authorities import Authorities, tsa_over_http
from doubles.packages import START_MS, payloads, place, read, sources
from measured import Clocked, Row, Table, markdown, write

SEGMENT_MS, FPS, WIDTH, HEIGHT = 2000, 25, 640, 360
RATE_BPS = 2_000_000
AIM_S = 300.0


def film(path: Path) -> None:
    """Two seconds of noise in one group of pictures, about as large as a camera's."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "frag_every_frame+empty_moov"}) as out:
        stream = out.add_stream("libx264", rate=FPS, options={"g": "50", "preset": "ultrafast", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, "yuv420p", RATE_BPS
        dice = np.random.default_rng(1)
        for _ in range(SEGMENT_MS * FPS // 1000):
            picture = dice.integers(96, 160, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode())


def record(ring: Path, camera: str, clip: Path, minutes: int) -> None:
    """One camera's ring."""
    data, packets = clip.read_bytes(), payloads(clip)
    sha256, payload = hashlib.sha256(data).hexdigest(), hashlib.sha256(b"".join(packets)).hexdigest()
    day = footage.day_of(START_MS)
    head, lines = footage.first_head(camera, day), []
    for number in range(1, minutes * 60_000 // SEGMENT_MS + 1):
        start_ms = START_MS + (number - 1) * SEGMENT_MS
        path = footage.segment_path(camera, number, start_ms)
        (ring / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(clip, ring / path)
        segment = Segment(
            camera=camera, number=number, stretch=START_MS, epoch=1, start_ms=start_ms, end_ms=start_ms + SEGMENT_MS,
            frames=len(packets), keyframes=1, size_bytes=len(data), sha256=sha256, payload_sha256=payload, path=path,
            form=PictureForm(codec="h264", width_px=WIDTH, height_px=HEIGHT), codec_sha256="00" * 32,
            first_pts=(number - 1) * SEGMENT_MS * 90, time_base=(1, 90_000),
            clock=FootageClock(source="rtcp", quality=ClockQuality.SYNCED, offset_ms=0, error_ms=5),
        )  # fmt: skip
        entry = footage.entry_after(head, segment)
        head = entry.head
        lines.append(footage.line_of(entry))
    (ring / footage.index_path(camera, day)).write_bytes(b"".join(lines))


def built(folder: Path, cameras: list[str], minutes: int) -> tuple[float, float, Package]:
    """Build one package: seconds on the wall, of the processor, and what was made."""
    scope = [
        {"camara": camera, "desde": to_rfc3339(START_MS), "hasta": to_rfc3339(START_MS + minutes * 60_000),
         "motivo": "medida"}
        for camera in cameras
    ]  # fmt: skip
    authorities = Authorities(folder / "authorities")
    with tsa_over_http(authorities) as url:
        settings = load_seal(authorities.seal_file(tsa_url=url))
        where = place(folder, authorities, settings=settings, ask=over_http(settings))
        began_s, spent_s = time.monotonic(), time.process_time()
        made = Packing(where, read(alcance=scope, eventos=None), sources(folder / "ring")).run()
        return time.monotonic() - began_s, time.process_time() - spent_s, made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument(
        "--folder", type=Path, default=None, help="where the ring and the package are written"
    )
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    minutes = 3 if asked.quick else asked.minutes
    clocked = Clocked("package", "An evidence package of native video", quick=asked.quick)
    with tempfile.TemporaryDirectory(dir=asked.folder, prefix="cior-bench-") as made_at:
        folder = Path(made_at)
        film(folder / "clip.mp4")
        cameras = [f"cam-{number}" for number in range(1, asked.cameras + 1)]
        for camera in cameras:
            record(folder / "ring", camera, folder / "clip.mp4", minutes)
        before_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        took_s, spent_s, made = built(folder, cameras, minutes)
        size_mib = made.archive.stat().st_size / 2**20
        rows = told((took_s, spent_s), size_mib, before_mib, minutes * asked.cameras)
    os.sync()
    note = f"{asked.cameras} cameras × {minutes} minutes at 2 Mbit/s; the aim is for 4 × 60."
    result = clocked.result([Table(title="one package", rows=rows)], [note])
    write(result)
    print(markdown(result))


def told(
    times_s: tuple[float, float], size_mib: float, before_mib: float, camera_minutes: int
) -> tuple[Row, ...]:
    """The rows of a run."""
    grown_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before_mib
    took_s, spent_s = times_s
    whole = camera_minutes >= 240
    return (
        Row(
            label="order to sealed ZIP", unit="s", median=round(took_s, 1), aim=f"≤ {AIM_S:.0f} for 4 cameras × 1 hour",
            met=took_s <= AIM_S if whole else None,
        ),
        Row(label="processor's time of it", unit="s", median=round(spent_s, 1)),
        Row(label="package", unit="MiB", median=round(size_mib, 1)),
        Row(label="native video through all steps", unit="MiB/s", median=round(size_mib / took_s, 1)),
        Row(label="memory grown while building", unit="MiB", median=round(grown_mib, 1)),
    )  # fmt: skip


if __name__ == "__main__":
    main()
