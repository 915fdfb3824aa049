"""Native video against its list: every file whole and as the camera gave it, every missing stretch declared."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from typing import Any, NamedTuple

from cior_evidence.verifier.camera_signing import SignatureReader, check_signatures, check_validators
from cior_evidence.verifier.contents import META, NATIVE, REQUEST, TOOLS
from cior_evidence.verifier.copies import OF_COPIES, VIEWS, Expected, check_copy, expected
from cior_evidence.verifier.der import Malformed
from cior_evidence.verifier.findings import Report
from cior_evidence.verifier.folder import Files, Read, reader_of
from cior_evidence.verifier.mp4 import MOST_BOX_BYTES, read_clip
from cior_evidence.verifier.strict_json import instant, read_lines, read_object

SEGMENTS, GAPS, CLOCKS = META + "segmentos.jsonl", META + "huecos.json", META + "reloj.json"
CLOCK_FIELDS = ("fuente", "calidad", "corrimiento_ms", "error_ms")


class Segment(NamedTuple):
    """One row of ``segmentos.jsonl``, as far as it could be read."""

    line: int
    camera: str
    path: str
    since: datetime
    until: datetime
    row: dict[str, Any]


def check_footage(
    folder: Files, request: dict[str, Any], payload: dict[str, str], report: Report
) -> datetime | None:
    """Check video, gaps and clocks; the end of the latest file."""
    segments = _read_segments(folder, report)
    _check_files(segments, payload, expected(request), report)
    check_copy(folder, request, [segment.row for segment in segments], report)
    _check_sequence(segments, report)
    for segment in segments:
        _check_video(folder, segment, report)
    check_validators([segment.row for segment in segments], read_object(folder, TOOLS, report), report)
    rows = _read_gap_rows(folder, report)
    _check_coverage(request, segments, rows, report)
    _check_clocks(folder, segments, report)
    return max((segment.until for segment in segments), default=None)


# --- the list -------------------------------------------------------------------------------------------------


def _read_segments(folder: Files, report: Report) -> list[Segment]:
    found = []
    for number, row in read_lines(folder, SEGMENTS, report):
        camera, path = row.get("camara"), row.get("archivo")
        since, until = instant(row.get("desde")), instant(row.get("hasta"))
        if not isinstance(camera, str) or not isinstance(path, str) or since is None or until is None:
            report.say("meta.field", f"{SEGMENTS}:{number}", "camara, archivo, desde, hasta")
        else:
            found.append(Segment(number, camera, path, since, until, row))
    report.facts["segmentos"] = str(len(found))
    return found


def _check_files(segments: list[Segment], payload: dict[str, str], wanted: Expected, report: Report) -> None:
    listed = set()
    for segment in segments:
        where = "bag/" + segment.path
        if segment.path in listed:
            report.say("segment.order", where, str(segment.line))
        listed.add(segment.path)
        if segment.path not in payload:
            report.say("segment.missing", where)
        elif segment.row.get("sha256") != payload[segment.path]:
            report.say("segment.digest", where)
        is_there = segment.path.startswith(wanted.folder + segment.camera + "/")
        if segment.row.get("clase") != wanted.of_class or not is_there:
            report.say("copy.asnative", where, str(segment.row.get("clase")))
    for path in sorted(payload):
        if path.startswith((NATIVE, VIEWS)) and path not in listed:
            report.say("segment.unlisted", "bag/" + path)


def _check_sequence(segments: list[Segment], report: Report) -> None:
    for before, segment in zip(segments, segments[1:]):
        is_next = (before.camera, before.since) < (segment.camera, segment.since)
        overlaps = before.camera == segment.camera and segment.since < before.until
        if not is_next or overlaps:
            report.say("segment.order", f"{SEGMENTS}:{segment.line}", segment.camera)
    for segment in segments:
        if segment.until <= segment.since:
            report.say("segment.order", f"{SEGMENTS}:{segment.line}", segment.camera)


# --- the bytes ------------------------------------------------------------------------------------------------


def _check_video(folder: Files, segment: Segment, report: Report) -> None:
    where = "bag/" + segment.path
    if where not in folder.sizes:
        return
    try:
        descriptor, start = folder.place(where)
    except OSError:
        report.say("file.unreadable", where)
        return
    try:
        read = reader_of(descriptor, start)
        clip = read_clip(read, folder.sizes[where])
        for code, detail in clip.faults:
            report.say(code, where, detail)
        signs = SignatureReader(clip.described)
        is_read = _check_packets(read, clip.samples, segment, signs=signs, report=report)
        if is_read and segment.row.get("clase") not in OF_COPIES:
            check_signatures(segment.row, f"{SEGMENTS}:{segment.line}", signs.found, report)
    except Malformed as why:
        report.say("video.malformed", where, str(why))
    except OSError as why:
        report.say("file.unreadable", where, type(why).__name__)
    finally:
        os.close(descriptor)


def _check_packets(
    read: Read, samples: list[tuple[int, int]], segment: Segment, *, signs: SignatureReader, report: Report
) -> bool:
    """The file's packets, and each part's, are as many and the same as the list says; a copy is one part, its own.
    ``signs`` is shown each; false when they are not as many as the list says, and none was read.
    """
    where, row = "bag/" + segment.path, segment.row
    parts = [row] if row.get("clase") in OF_COPIES else row.get("partes")
    rows = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    counts = [part.get("cuadros") for part in rows]
    numbers = [count for count in counts if isinstance(count, int) and count >= 0]
    if len(numbers) != len(counts) or sum(numbers) != len(samples) or row.get("cuadros") != len(samples):
        report.say("video.packets", where, "{} / {}".format(row.get("cuadros"), len(samples)))
        return False
    whole, at = hashlib.sha256(), 0
    for number, (part, count) in enumerate(zip(rows, numbers)):
        own = hashlib.sha256()
        for place, size in samples[at : at + count]:
            content = _packet(read, place, size)
            own.update(content)
            whole.update(content)
            signs.take(content)
        at += count
        if part.get("carga_sha256") != own.hexdigest():
            report.say("video.packets", where, f"partes[{number}]")
        _check_origin(part, where, number, report)
    if row.get("carga_sha256") != whole.hexdigest():
        report.say("video.packets", where, "carga_sha256")
    return True


def _packet(read: Read, place: int, size: int) -> bytes:
    if size > MOST_BOX_BYTES:
        raise Malformed(f"MP4: packet of {size} bytes")
    return read(place, size)


def _check_origin(part: dict[str, Any], where: str, number: int, report: Report) -> None:
    """A part that was taken whole holds what the recorder's index says that the camera gave."""
    origin = part.get("origen")
    recorded = origin.get("carga_sha256") if isinstance(origin, dict) else None
    if part.get("entera") is True and recorded is not None and recorded != part.get("carga_sha256"):
        report.say("copy.asnative", where, f"partes[{number}]")


# --- what is missing, and what the clocks said ----------------------------------------------------------------


def _read_gap_rows(folder: Files, report: Report) -> list[dict[str, Any]]:
    rows = read_object(folder, GAPS, report).get("camaras")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        report.say("meta.field", GAPS, "camaras")
        return []
    return rows


def _check_coverage(
    request: dict[str, Any], segments: list[Segment], rows: list[dict[str, Any]], report: Report
) -> None:
    """For each stretch asked for, files and declared gaps leave nothing unaccounted for."""
    scope = request.get("alcance")
    asked = [row for row in scope if isinstance(row, dict)] if isinstance(scope, list) else []
    if request and (not asked or len(asked) != len(scope or [])):
        report.say("meta.field", REQUEST, "alcance")
    if len(rows) != len(asked):
        report.say("gap.hidden", GAPS, f"{len(rows)} / {len(asked)}")
    gaps = 0
    for wanted, row in zip(asked, rows):
        span = instant(wanted.get("desde")), instant(wanted.get("hasta"))
        told = instant(row.get("pedido_desde")), instant(row.get("pedido_hasta"))
        camera = str(wanted.get("camara"))
        if span[0] is None or span[1] is None or span != told or row.get("camara") != camera:
            report.say("gap.hidden", GAPS, camera)
            continue
        stretches = _gaps_of(row, report)
        gaps += len(stretches)
        stretches += [(each.since, each.until) for each in segments if each.camera == camera]
        _check_stretch(camera, (span[0], span[1]), stretches, report)
    report.facts["huecos"] = str(gaps)
    cameras = {str(row.get("camara")) for row in asked}
    for camera in sorted({segment.camera for segment in segments} - cameras):
        report.say("segment.camera", SEGMENTS, camera)


def _gaps_of(row: dict[str, Any], report: Report) -> list[tuple[datetime, datetime]]:
    found = []
    rows = row.get("huecos")
    for gap in rows if isinstance(rows, list) else []:
        since, until = (
            instant(gap.get(name)) if isinstance(gap, dict) else None for name in ("desde", "hasta")
        )
        if since is None or until is None or not gap.get("causa"):
            report.say("meta.field", GAPS, "huecos")
        else:
            found.append((since, until))
    return found


def _check_stretch(
    camera: str, span: tuple[datetime, datetime], stretches: list[tuple[datetime, datetime]], report: Report
) -> None:
    reached = span[0]
    for since, until in sorted(stretches):
        if since > reached:
            break
        reached = max(reached, until)
    if reached < span[1]:
        report.say("gap.hidden", GAPS, f"{camera}: {reached:%Y-%m-%d %H:%M:%S}")


def _check_clocks(folder: Files, segments: list[Segment], report: Report) -> None:
    """``reloj.json`` tells of each file what ``segmentos.jsonl`` tells."""
    rows = read_object(folder, CLOCKS, report).get("archivos")
    if not isinstance(rows, list):
        report.say("meta.field", CLOCKS, "archivos")
        return
    for place, segment in enumerate(segments):
        row = rows[place] if place < len(rows) and isinstance(rows[place], dict) else {}
        own = segment.row.get("reloj")
        told = own if isinstance(own, dict) else {}
        is_same = row.get("archivo") == segment.path and all(
            name in told and row.get(name) == told[name] for name in CLOCK_FIELDS
        )
        if not is_same:
            report.say("clock.mismatch", "bag/" + segment.path, segment.camera)
    if len(rows) > len(segments):
        report.say("clock.mismatch", CLOCKS, f"{len(rows)} / {len(segments)}")
