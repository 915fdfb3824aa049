"""Puts footage into a bag: clips of every camera of the order, and what ``meta/`` says about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import structlog

from cior_core.errors import IntegrityBroken, SourceUnavailable
from cior_core.footage import GapCause
from cior_core.model import Struct
from cior_core.rfc3339 import to_rfc3339
from cior_core.spans import Span
from cior_evidence import clips
from cior_evidence.bag import Bag
from cior_evidence.camera_validators import Cut, Validators, told
from cior_evidence.clips import Clip, Part, Recorded, Wish
from cior_evidence.order import Item
from cior_evidence.paths import folders_of
from cior_evidence.ring import Found

log = structlog.get_logger("cior.evidence")
Refused = tuple[str, Span]
"""A camera and an interval that are not delivered whole."""
REFUSED: Final = "refused"
"""The cause of their gap: why stands in ``negativas``."""


class Footage(Protocol):
    """Where recorded video is looked up: :func:`cior_evidence.ring.look` over a ring."""

    def __call__(self, camera: str, span: Span, /) -> Found:
        """What there is of a camera in an interval, and why the rest is not."""
        ...


class Delivered(Struct, frozen=True):
    """The lines of ``segmentos.jsonl``, ``huecos.json`` and ``reloj.json``."""

    segments: tuple[dict[str, Any], ...]
    gaps: tuple[dict[str, Any], ...]

    @property
    def clocks(self) -> tuple[dict[str, Any], ...]:
        """Each file's clock again, where an expert looks for clocks."""
        return tuple({"archivo": each["archivo"], **each["reloj"]} for each in self.segments)


class Judging(Struct, frozen=True):
    """Who judges what cameras signed; ``go_on`` is called meanwhile, and ends it by raising."""

    validators: Validators = Validators()
    go_on: Callable[[], None] = lambda: None


def put_footage(
    bag: Bag,
    scope: Sequence[Item],
    look: Footage,
    *,
    refused: frozenset[Refused] = frozenset(),
    judging: Judging | None = None,
) -> Delivered:
    """Cut and put in what the order asks, in its order; of what is ``refused`` the whole interval is a gap."""
    judging = judging or Judging()
    folders = folders_of(each.camera for each in scope)
    held: dict[str, list[Span]] = {folder: [] for folder in folders.values()}
    segments: list[dict[str, Any]] = []
    gaps: list[dict[str, Any]] = []
    for item in scope:
        folder = folders[item.camera]
        if (item.camera, item.span) in refused:
            gaps.append(_refused_line(item, folder))
            continue
        found = look(item.camera, item.span)
        # Intervals that meet within a group of pictures: it stands in the file that was cut first.
        wish = Wish(item.span, _closed(item, scope, refused), held=tuple(held[folder]))
        after = partial(_after, look)
        for path, clip in _clips(bag, clips.runs(found.segments), (wish, after), (folder, len(held[folder]))):
            held[folder].append((clip.start_ms, clip.end_ms))
            made = Cut(bag.folder / path, bag.files[path].sha256, clip)
            judged = judging.validators.judge(made, judging.go_on)
            segments.append(_segment_line(bag, path, clip, item) | {"firma_camara": told(clip, judged)})
        gaps.append(_gaps_line(found, item, folder))
    segments.sort(key=lambda each: (each["camara"], each["desde"]))
    return Delivered(segments=tuple(segments), gaps=tuple(gaps))


def _closed(item: Item, scope: Sequence[Item], refused: frozenset[Refused]) -> tuple[Span, ...]:
    """What of its camera a spare group must not show: what is refused, and what other files of the package hold."""
    others = {each.span for each in scope if each.camera == item.camera and each.span != item.span}
    return tuple(sorted(others | {span for camera, span in refused if camera == item.camera}))


def _after(look: Footage, last: Recorded) -> Recorded | None:
    """The segment that begins where ``last`` ends. It is not of the order: a ring that is broken or away has none."""
    try:
        found = look(last.camera, (last.end_ms, last.end_ms + 1))
    except (IntegrityBroken, SourceUnavailable) as error:
        log.warning("camera_signature_end_unread", code=error.code)
        return None
    return next((each for each in found.segments if each.start_ms == last.end_ms), None)


def _clips(
    bag: Bag,
    runs: Iterator[tuple[Recorded, ...]],
    wanted: tuple[Wish, clips.After],
    numbered: tuple[str, int],
) -> Iterator[tuple[str, Clip]]:
    (wish, after), (folder, number) = wanted, numbered
    for run in runs:
        path = f"data/nativo/{folder}/{number + 1:04d}.mp4"
        clip = clips.cut(run, wish, bag.place(path), after=after)
        if clip is not None:
            number += 1
            bag.adopt(path)
            yield path, clip


def _segment_line(bag: Bag, path: str, clip: Clip, item: Item) -> dict[str, Any]:
    first, last = item.span
    digests = bag.files[path]
    return {
        "archivo": path, "camara": Path(path).parent.name, "camara_original": item.camera, "clase": "nativo",
        "desde": to_rfc3339(clip.start_ms), "hasta": to_rfc3339(clip.end_ms),
        "pedido_desde": to_rfc3339(first), "pedido_hasta": to_rfc3339(last),
        "sha256": digests.sha256, "bytes": digests.size_bytes, "codec": clip.codec, "ancho": clip.width_px,
        "alto": clip.height_px, "base_tiempo": list(clip.time_base), "cuadros": clip.frames,
        "carga_sha256": clip.payload_sha256, "reloj": _clock(clip.parts),
        "partes": [_part(each) for each in clip.parts],
    }  # fmt: skip


def _clock(parts: Sequence[Part]) -> dict[str, Any]:
    """The clock of a clip: that of its first segment, with the widest error of all."""
    clocks = [each.recorded.clock for each in parts]
    errors = [each.error_ms for each in clocks if each.error_ms is not None]
    offsets = [each.offset_ms for each in clocks if each.offset_ms is not None]
    drift = max(offsets) - min(offsets) if offsets else 0
    paced_by = clocks[0].paced_by
    return {
        "fuente": clocks[0].source, "calidad": clocks[0].quality, "corrimiento_ms": offsets[0] if offsets else None,
        "error_ms": max(errors) + drift if errors else None,
    } | ({} if paced_by == "stream" else {"ritmo": paced_by})  # fmt: skip


def _part(part: Part) -> dict[str, Any]:
    origin = part.recorded.origin
    return {
        "numero": part.recorded.number, "desde": to_rfc3339(part.start_ms), "hasta": to_rfc3339(part.end_ms),
        "cuadros": part.frames, "carga_sha256": part.payload_sha256, "entera": part.is_whole,
        "origen": {
            "ruta": origin.path, "sha256": origin.sha256, "carga_sha256": origin.payload_sha256,
            "cadena": origin.chain, "seq": origin.seq, "enlace": origin.link,
        },
    }  # fmt: skip


def _refused_line(item: Item, folder: str) -> dict[str, Any]:
    since, until = (to_rfc3339(each) for each in item.span)
    return {
        "camara": folder, "camara_original": item.camera, "pedido_desde": since, "pedido_hasta": until,
        "cubierto_ms": 0, "huecos": [{"desde": since, "hasta": until, "causa": REFUSED}],
    }  # fmt: skip


def _gaps_line(found: Found, item: Item, folder: str) -> dict[str, Any]:
    first, last = item.span
    return {
        "camara": folder, "camara_original": item.camera, "pedido_desde": to_rfc3339(first),
        "pedido_hasta": to_rfc3339(last), "cubierto_ms": found.coverage.covered_ms,
        "huecos": [
            {"desde": to_rfc3339(each.from_ms), "hasta": to_rfc3339(each.to_ms), "causa": each.cause}
            | (_gone(found.gone_ms) if each.cause is GapCause.EXPIRED else {})
            for each in found.coverage.gaps
        ],
    }  # fmt: skip


def _gone(gone_ms: Span | None) -> dict[str, str]:
    """Between which instants what expired was removed."""
    if gone_ms is None:
        return {}
    return {"borrado_desde": to_rfc3339(gone_ms[0]), "borrado_hasta": to_rfc3339(gone_ms[1])}
