"""Copies of evidence: how fast they are made, and what of a processor.

    python benchmarks/bench_copies.py [--seconds 60] [--model FOLDER] [--quick]

A street that we draw, at 25 pictures a second, encoded as a camera does; then copied with the bar below it, and with
persons veiled by the network of ``--model`` (default: the one of ../shared/data, else left out). One thread each.
Memory is what the process has held at most, after a tenth of the pictures and at the end.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from cior_core.judicial.copies import CopyKind, CopyOrder
from cior_evidence.native import NativeClip
from cior_evidence.recoding import Script, Stretch, Veil, recode
from cior_evidence.veils import Choice, Veils
from cior_vision.detectors.model_folder import folder_sha256
from cior_vision.person_sight import open_person_sight
from cior_vision.synthetic import encode, loiterer
from measured import Clocked, Row, Table, write

FPS = 25
SIZES = ((1280, 720), (1920, 1080))
LINES = (
    "COPIA DE VISTA · NO ES EL ORIGINAL · deriva de 0123456789abcdef",
    "Cámara Plaza 25 de Mayo · reloj: rtcp, error 15 ms",
)


def native(folder: Path, size_px: tuple[int, int], seconds: int) -> Path:
    """A clip as a camera would give it."""
    scene = replace(loiterer(), duration_s=float(seconds), width_px=size_px[0], height_px=size_px[1], fps=FPS)
    return encode(scene, folder / f"native-{size_px[1]}.mp4")


def resident_mib() -> float:
    """The most that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Watched:
    """Notes memory after the first tenth of the pictures."""

    def __init__(self, pictures: int) -> None:
        self._left, self.early_mib = pictures // 10, 0.0

    def one(self) -> None:
        """A picture is done."""
        self._left -= 1
        if self._left == 0:
            self.early_mib = resident_mib()


def measured(clip: Path, name: str, seconds: int, veil: Veil | None) -> list[Row]:
    """Rows of one copy."""
    pictures = seconds * FPS
    watched = Watched(pictures)
    stretches = (Stretch(start_ms=0, frames=pictures),)
    script = Script(
        lines=LINES, zone="America/Argentina/Cordoba", stretches=stretches, veil=veil, told=watched.one
    )
    target = clip.with_name("copy.mp4")
    began_s, spent_s = time.monotonic(), time.process_time()
    made = recode(clip, target, script)
    took_s, spent_s = time.monotonic() - began_s, time.process_time() - spent_s
    assert made.frames == pictures
    grown_mib = resident_mib() - watched.early_mib
    return [
        Row(label=f"{name}: speed against real time", unit="x", median=round(seconds / took_s, 2)),
        Row(label=f"{name}: processor for a minute of video", unit="s", median=round(spent_s * 60 / seconds, 1)),
        Row(label=f"{name}: size against the native clip", unit="x", median=round(_share(target, clip), 2)),
        Row(label=f"{name}: memory grown after the first tenth", unit="MiB", median=round(grown_mib, 1)),
    ]  # fmt: skip


def _share(one: Path, other: Path) -> float:
    return one.stat().st_size / other.stat().st_size


def veils(model: Path, folder: Path) -> Veils:
    """With the network, one picture at a time on one thread."""
    path = folder / "detector.toml"
    path.write_text(
        f'[detector]\nengine = "openvino"\nmodel_dir = "{model}"\nmodel_sha256 = "{folder_sha256(model)}"\n'
        "threads = 1\nrequests = 1\n"
    )
    order = CopyOrder(n=1, kind=CopyKind.REDACTED, of="0" * 64, build=1, by="nobody", ordered_ms=0)
    return Veils(order, lambda: open_person_sight(path), Choice())


def known_model() -> Path | None:
    """That of ``../shared/data`` beside the checkout, where there is one."""
    shared = Path(__file__).resolve().parents[2] / "shared" / "data" / "models"
    return min((path.parent for path in shared.glob("*openvino_model/*.xml")), default=None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--model", type=Path, default=known_model(), help="folder of an OpenVINO network")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    seconds = 10 if asked.quick else asked.seconds
    clocked = Clocked("copies", "Copies of evidence packages", quick=asked.quick)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="cior-bench-") as made_at:
        folder = Path(made_at)
        for size_px in SIZES:
            clip = native(folder, size_px, seconds)
            rows += measured(clip, f"to look at, {size_px[1]}p", seconds, None)
            if asked.model is not None and size_px == SIZES[0]:
                drawn = NativeClip(row={"archivo": "data/nativo/plaza/0001.mp4"})
                rows += measured(
                    clip, f"redacted, {size_px[1]}p", seconds, veils(asked.model, folder).veil(drawn, ())
                )
    notes = [
        f"{seconds} s of a drawn street at {FPS} pictures a second; redacted: each picture is looked at (384x640)."
    ]
    if asked.model is None:
        notes.append("No network was there: redacted copies were not measured.")
    write(clocked.result([Table(title="one clip", rows=tuple(rows))], notes))


if __name__ == "__main__":
    main()
