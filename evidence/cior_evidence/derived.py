"""What is in a copy of a package: each native clip encoded again, and which one it is of, by digest.

Clips are made one by one in a workplace beside the package, each whole or not at all, so that a kill costs the one that
was being made; a bag that is filled again links what is there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from cior_bus import durable_file
from cior_core.canonical import canonical
from cior_core.model import Struct
from cior_core.picture_masks import InForce, Masks
from cior_core.rfc3339 import from_rfc3339, to_rfc3339
from cior_evidence.bag import Bag, sha256_of
from cior_evidence.footage_in import Delivered
from cior_evidence.native import Native, NativeClip
from cior_evidence.order import Kind
from cior_evidence.packing import Watch
from cior_evidence.recoding import CODING, Recoded, Script, Veil, check_encoder, recode
from cior_evidence.shelf import Phase
from cior_video.h264 import ENCODER

VIEW_FOLDER: Final = "data/vista/"
COPY_META: Final = "meta/copia.json"
_NATIVE_FOLDER: Final = "data/nativo/"
_TITLE: Final = {Kind.VIEW: "COPIA DE VISTA", Kind.REDACTED: "COPIA VELADA"}
_CLASS: Final = {Kind.VIEW: "vista", Kind.REDACTED: "velada"}
_EVERY_PICTURES: Final = 10
_MASKED: Final = "PARTES TAPADAS POR PRIVACIDAD · el original de su paquete está entero"


class Veiling(Protocol):
    """Veils the clips of one copy, each from its first picture on."""

    def facts(self) -> Mapping[str, Any]:
        """How, for ``copia.json``: the same facts make the same copy."""
        ...

    def veil(self, clip: NativeClip, masks: Masks, /) -> Veil:
        """For one clip, which begins anew. ``masks``: what is under them is covered anyway."""
        ...

    def table(self, path: str, frames: int, /) -> tuple[dict[str, Any], ...]:
        """What was veiled in the clip that was begun last, now at ``path`` of the bag with so many pictures. Raises
        when that cannot be told for each of them.
        """
        ...

    def put(self, bag: Bag, rows: tuple[dict[str, Any], ...], /) -> None:
        """Put the whole table into the bag."""
        ...

    def close(self) -> None:
        """Nothing is veiled any more."""
        ...


class Made(Struct, frozen=True, kw_only=True):
    """A finished clip in the workplace. ``made_of``: of the native file and of everything that decides its bytes."""

    made_of: str
    sha256: str
    clip: Recoded
    veiled: tuple[dict[str, Any], ...] = ()


class Derived:
    """Fills the bag of one copy (:class:`cior_evidence.packing.Filling`). ``native``: what it is made of, read when it
    is filled: while that is away the copy waits. ``masked``: what must be covered of a camera in an interval; it raises
    where that cannot be told, and then nothing is encoded.
    """

    def __init__(
        self,
        kind: Kind,
        named: tuple[str, str],
        workplace: Path,
        *,
        native: Callable[[], Native],
        zone: str,
        masked: Callable[[str, tuple[int, int]], InForce],
        veiling: Callable[[], Veiling] | None = None,
    ) -> None:
        self._kind, self._workplace, self._native_of, self._zone = kind, workplace, native, zone
        self._package, self._digest = named
        self._masked, self._veiling_of = masked, veiling

    def __call__(self, bag: Bag, watch: Watch) -> Delivered:
        """Make what is not made yet, and put all of it in."""
        check_encoder()
        native = self._native_of()
        if self._veiling_of is None:
            return self._filled(bag, watch, native, None)
        veiling = self._veiling_of()
        try:
            return self._filled(bag, watch, native, veiling)
        finally:
            veiling.close()

    def _filled(self, bag: Bag, watch: Watch, native: Native, veiling: Veiling | None) -> Delivered:
        self._workplace.mkdir(parents=True, exist_ok=True)
        counting = _Counting(watch, sum(each.row["cuadros"] for each in native.clips))
        covers = [self._cover(clip) for clip in native.clips]  # all, before the first picture is encoded
        rows: list[dict[str, Any]] = []
        veiled: list[dict[str, Any]] = []
        for number, (clip, cover) in enumerate(zip(native.clips, covers, strict=True), start=1):
            place = self._workplace / f"{number:06d}.mp4"
            made = self._made(native, _Covered(clip, cover), place, counting=counting, veiling=veiling)
            rows.append(self._put(bag, clip, place, made))
            veiled += made.veiled
        stated = [_stated(clip, cover) for clip, cover in zip(native.clips, covers, strict=True)]
        bag.put_json(COPY_META, self._facts(veiling) | {"mascaras": stated})
        if veiling is not None:
            veiling.put(bag, tuple(veiled))
        return Delivered(segments=tuple(rows), gaps=tuple(native.meta("huecos.json")["camaras"]))

    def _made(
        self, native: Native, covered: _Covered, place: Path, *, counting: _Counting, veiling: Veiling | None
    ) -> Made:
        """The clip in the workplace, made now or before a kill."""
        clip, (masks, stored) = covered.clip, (covered.cover.masks, covered.cover.stored)
        wanted = hashlib.sha256(canonical([clip.row, self._facts(veiling), masks, stored])).hexdigest()
        note = place.with_suffix(".json")
        known = _known(note, place, wanted)
        if known is not None:
            counting.skip(clip.row["cuadros"])
            return known
        part = place.with_suffix(".part")
        script = Script(
            lines=(*self._lines(clip), *([_MASKED] if masks or stored else [])),
            zone=self._zone,
            stretches=clip.stretches,
            masks=masks,
            stored_masks=stored,
            veil=veiling.veil(clip, masks) if veiling is not None else None,
            told=counting.one,
        )
        recoded = recode(native.file(clip), part, script)
        veiled = veiling.table(_copied(clip), recoded.frames) if veiling is not None else ()
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(place)
        made = Made(made_of=wanted, sha256=sha256_of(place), clip=recoded, veiled=veiled)
        durable_file.replace(note, msgspec.json.encode(made))
        return made

    def _cover(self, clip: NativeClip) -> InForce:
        row = clip.row
        span = from_rfc3339(row["desde"]), from_rfc3339(row["hasta"])
        return self._masked(row["camara_original"], span)

    def _lines(self, clip: NativeClip) -> tuple[str, ...]:
        row = clip.row
        clock, error_ms = row["reloj"]["fuente"], row["reloj"]["error_ms"]
        error = "error desconocido" if error_ms is None else f"error {error_ms} ms"
        return (
            f"{_TITLE[self._kind]} · NO ES EL ORIGINAL · deriva de {self._digest[:16]}",
            f"Cámara {row['camara_original']} · reloj: {clock}, {error}",
        )

    def _put(self, bag: Bag, clip: NativeClip, place: Path, made: Made) -> dict[str, Any]:
        row, copy = clip.row, made.clip
        path = _copied(clip)
        target = bag.place(path)
        os.link(place, target)
        digests = bag.adopt(path)
        same = ("camara", "camara_original", "desde", "hasta", "pedido_desde", "pedido_hasta", "reloj")
        native = ("archivo", "sha256", "carga_sha256", "cuadros")
        return {
            **{name: row[name] for name in same},
            "archivo": path, "clase": _CLASS[self._kind], "sha256": digests.sha256, "bytes": digests.size_bytes,
            "codec": copy.codec, "ancho": copy.width_px, "alto": copy.height_px, "base_tiempo": list(copy.time_base),
            "cuadros": copy.frames, "carga_sha256": copy.payload_sha256, "sin_decodificar": copy.unread,
            "nativo": {name: row[name] for name in native},
        }  # fmt: skip

    def _facts(self, veiling: Veiling | None) -> dict[str, Any]:
        return {
            "clase": _CLASS[self._kind],
            "deriva_de": {"paquete": self._package, "tagmanifest_sha256": self._digest},
            "codificacion": {"codificador": ENCODER, "opciones": dict(CODING)},
            "franja": "debajo de la imagen; no cubre nada de ella",
            "velado": dict(veiling.facts()) if veiling is not None else None,
        }


class _Covered(NamedTuple):
    """A clip, and what must be covered of it."""

    clip: NativeClip
    cover: InForce


def _stated(clip: NativeClip, cover: InForce) -> dict[str, Any]:
    """What of a clip's copy is painted over, as ``copia.json`` says it."""
    return {
        "archivo": _copied(clip),
        "poligonos": cover.masks,
        "poligonos_sin_girar": cover.stored,
        "constan_desde": None if cover.since_ms is None else to_rfc3339(cover.since_ms),
        "consta_entero": cover.is_known,
    }


class _Counting:
    """Tells how many pictures are made."""

    def __init__(self, watch: Watch, of: int) -> None:
        self._watch, self._of, self._done = watch, of, 0

    def one(self) -> None:
        """Another; what the watch raises ends the copy where it is."""
        self._done += 1
        if self._done % _EVERY_PICTURES == 0 or self._done == self._of:
            self._tell()

    def skip(self, frames: int) -> None:
        """These were made before."""
        self._done += frames
        self._tell()

    def _tell(self) -> None:
        self._watch.phase(Phase.PICTURES)
        self._watch.pictures(min(self._done, self._of), self._of)


def _copied(clip: NativeClip) -> str:
    """Where its copy lies in the bag."""
    return clip.path.replace(_NATIVE_FOLDER, VIEW_FOLDER, 1)


def _known(note: Path, place: Path, wanted: str) -> Made | None:
    """What was finished before, if it is what is wanted now and whole."""
    try:
        made = msgspec.json.decode(note.read_bytes(), type=Made)
    except (OSError, msgspec.MsgspecError):
        return None
    is_whole = made.made_of == wanted and place.is_file() and sha256_of(place) == made.sha256
    return made if is_whole else None
