"""What expired before an order came: the package, and its act, say between which instants it was removed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from cior_core import footage
from cior_core.footage import Removal, RemovalRule
from cior_core.rfc3339 import to_rfc3339
from cior_evidence.packing import Packing
from doubles.authorities import Authorities
from doubles.packages import START_MS, place, read, sources

REMOVED_MS = START_MS + 30 * footage.DAY_MS


def test_the_package_says_when_what_expired_was_removed(
    tmp_path: Path, footage_ring: Path, authorities: Authorities
) -> None:
    ring = shutil.copytree(footage_ring, tmp_path / "ring")
    index = next(ring.rglob(footage.INDEX))
    last = footage.read_index(index.read_bytes()).entries[-1]
    removal = Removal(
        camera=last.record.camera, first=1, last=2, size_bytes=1, at_ms=REMOVED_MS, rule=RemovalRule.RETENTION
    )
    with index.open("ab") as file:
        file.write(footage.line_of(footage.entry_after(last.head, removal)))
    for number in (1, 2):
        next(ring.rglob(f"*-0000000{number}.mp4")).unlink()
    made = Packing(place(tmp_path, authorities), read(), sources(ring)).run()
    (row,) = json.loads((made.folder / "bag/meta/huecos.json").read_bytes())["camaras"]
    assert [
        (each["causa"], each.get("borrado_desde"), each.get("borrado_hasta")) for each in row["huecos"]
    ] == [
        ("expired", to_rfc3339(REMOVED_MS), to_rfc3339(REMOVED_MS)),
        ("camera_away", None, None),
    ]
    assert (made.folder / "sello/acta.pdf").read_bytes().startswith(b"%PDF"), "the act that says so was set"
