"""Tamperings of native video: edit lists, tracks, boxes, packets, pictures encoded again."""

from __future__ import annotations

import struct

from integration.evidence.package_rig import (
    Draft,
    clip,
    segment,
    sha,
)
from integration.evidence.tampering_kit import (
    of_draft,
)


def _film(whole: Draft, film: bytes, place: int = 0) -> None:
    """Another film in a segment's place, listed as if it were right."""
    row = whole.segments[place]
    made = segment(row["camara"], int(row["archivo"][-8:-4]), (0, 1), film)
    row.update({name: made[name] for name in ("sha256", "bytes", "cuadros", "carga_sha256", "partes")})
    whole.payload[row["archivo"]] = film


@of_draft
def edit_list(whole: Draft) -> None:
    _film(whole, clip(5, options="use_editlist=1"))
    film = whole.payload[whole.segments[0]["archivo"]]
    if b"elst" not in film:
        whole.payload[whole.segments[0]["archivo"]] = with_edit_list(film)
        whole.segments[0]["sha256"] = sha(whole.payload[whole.segments[0]["archivo"]])


def with_edit_list(film: bytes) -> bytes:
    """An edit list in the first track, hiding its first second; offsets moved along."""
    rows = struct.pack(">IIiHH", 1_000, 0, 1_000, 1, 0)[:12] + struct.pack(">HH", 1, 0)
    elst = struct.pack(">I4sII", 16 + len(rows), b"elst", 0, 1) + rows
    edts = struct.pack(">I4s", 8 + len(elst), b"edts") + elst
    place = film.index(b"mdia") - 4
    made = bytearray(film[:place] + edts + film[place:])
    for name in (b"moov", b"trak"):
        start = made.index(name) - 4
        made[start : start + 4] = struct.pack(
            ">I", struct.unpack(">I", made[start : start + 4])[0] + len(edts)
        )
    table = made.index(b"stco") + 4
    count = struct.unpack(">I", made[table + 4 : table + 8])[0]
    for number in range(count):
        where = table + 8 + 4 * number
        made[where : where + 4] = struct.pack(
            ">I", struct.unpack(">I", made[where : where + 4])[0] + len(edts)
        )
    return bytes(made)


@of_draft
def packets_not_of_clip(whole: Draft) -> None:
    """Another film, with its own digest in the list, and the packets of the first one."""
    row = whole.segments[0]
    film = clip(6)
    whole.payload[row["archivo"]] = film
    row.update(sha256=sha(film), bytes=len(film))


@of_draft
def a_packet_fewer(whole: Draft) -> None:
    row = whole.segments[0]
    film = clip(1, frames=9)
    whole.payload[row["archivo"]] = film
    row.update(sha256=sha(film), bytes=len(film))


@of_draft
def second_track(whole: Draft) -> None:
    _film(whole, clip(5, sound=True))


@of_draft
def trailing_box(whole: Draft) -> None:
    _film(whole, clip(1) + struct.pack(">I4s", 24, b"uuid") + b"oculto oculto 16")


@of_draft
def free_box_with_bytes(whole: Draft) -> None:
    _film(whole, clip(1) + struct.pack(">I4s", 24, b"free") + b"oculto oculto 16")


@of_draft
def bytes_in_no_packet(whole: Draft) -> None:
    _film(whole, clip(1) + struct.pack(">I4s", 24, b"mdat") + b"oculto oculto 16")


@of_draft
def redacted_as_native(whole: Draft) -> None:
    """Encoded again: the recorder's own digest of the load is another."""
    original = whole.segments[0]["partes"]
    _film(whole, clip(7))
    for part, before in zip(whole.segments[0]["partes"], original, strict=True):
        part["origen"] = before["origen"]


@of_draft
def redacted_class(whole: Draft) -> None:
    whole.segments[0]["clase"] = "velada"
