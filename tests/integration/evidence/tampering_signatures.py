"""What is said of cameras' own signatures: true, and otherwise than it is."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from doubles.packages import segment_file
from doubles.signed_video import AXIS, ONVIF, sign
from integration.evidence.package_rig import Draft, at, packets, segment, sha
from integration.evidence.tampering_kit import of_draft

SCHEMES = {ONVIF: "onvif", AXIS: "axis"}
H265 = ("libx265", {"x265-params": "keyint=5:min-keyint=5:scenecut=0:bframes=0:log-level=none"})
GROUPS = 2


@cache
def signed(uuid: UUID = ONVIF, codec: str = "h264", groups: int = GROUPS) -> bytes:
    """A film of a camera that signs."""
    coded = H265 if codec == "hevc" else ("libx264", {"g": "5", "sc_threshold": "0", "bf": "0"})
    with tempfile.TemporaryDirectory() as folder:
        plain, made = Path(folder) / "plain.mp4", Path(folder) / "signed.mp4"
        segment_file(plain, frames=5 * groups, coded=coded)
        sign(plain, made, uuid, fragments=codec == "hevc")
        return made.read_bytes()


def told(uuid: UUID = ONVIF, **changes: Any) -> dict[str, Any]:
    """What a sound row says of :func:`signed`."""
    said = {
        "esquema": SCHEMES[uuid], "uuid": str(uuid), "cuadros": GROUPS, "veredicto": "authentic", "razon": "valid",
        "validador": SCHEMES[uuid], "dicho": ["VIDEO IS VALID!"], **changes,
    }  # fmt: skip
    return {"veredicto": said["veredicto"], "gop_agregado_desde": at(29), "firmas": [said]}


def put(whole: Draft, film: bytes, said: dict[str, Any] | None) -> dict[str, Any]:
    """``film`` in the first segment's place, and what is said of it."""
    row = whole.segments[0]
    made = segment(row["camara"], int(row["archivo"][-8:-4]), (0, 1), film)
    row.update({name: made[name] for name in ("sha256", "bytes", "cuadros", "carga_sha256", "partes")})
    whole.payload[row["archivo"]] = film
    whole.tools["validadores_de_camara"] = [
        {"nombre": name, "esquema": name, "version": "1", "sha256": sha(b"x"), "reglas_sha256": sha(b"y")}
        for name in SCHEMES.values()
    ]
    if said is not None:
        row["firma_camara"] = said
    return row


NONE: dict[str, Any] = {"veredicto": "not_signed", "gop_agregado_desde": None, "firmas": []}


@of_draft
def camera_signature_authentic(whole: Draft) -> None:
    put(whole, signed(), told())
    whole.segments[1]["firma_camara"] = NONE


@of_draft
def camera_signature_of_h265(whole: Draft) -> None:
    put(whole, signed(AXIS, "hevc"), told(AXIS))


@of_draft
def camera_signature_never_told(whole: Draft) -> None:
    put(whole, signed(), None)
    del whole.tools["validadores_de_camara"]


@of_draft
def camera_signature_not_authentic(whole: Draft) -> None:
    put(whole, signed(), told(veredicto="not_authentic", razon="changed"))


@of_draft
def camera_signature_unjudged(whole: Draft) -> None:
    put(whole, signed(), told(veredicto="unknown", razon="no_validator", validador=None, dicho=[]))


@of_draft
def camera_signature_denied(whole: Draft) -> None:
    put(whole, signed(), NONE)


@of_draft
def camera_signature_invented(whole: Draft) -> None:
    put(whole, whole.payload[whole.segments[0]["archivo"]], told())


@of_draft
def camera_signature_of_another_scheme(whole: Draft) -> None:
    put(whole, signed(AXIS), told(ONVIF))


@of_draft
def camera_signatures_fewer(whole: Draft) -> None:
    """One message's UUID is another's now; every digest of the list agrees."""
    film = signed()
    assert film.count(ONVIF.bytes) == GROUPS
    cut = film.replace(ONVIF.bytes, b"\x01" * 16, 1)
    assert len(packets(cut)) == len(packets(film))
    put(whole, cut, told())


@of_draft
def camera_verdict_better(whole: Draft) -> None:
    said = told(veredicto="not_authentic", razon="changed")
    put(whole, signed(), said | {"veredicto": "authentic"})


@of_draft
def camera_verdict_of_nobody(whole: Draft) -> None:
    put(whole, signed(), told(validador=None))


@of_draft
def camera_validator_unlisted(whole: Draft) -> None:
    put(whole, signed(), told(validador="otro"))


@of_draft
def camera_signature_no_list(whole: Draft) -> None:
    put(whole, signed(), {"veredicto": "authentic", "gop_agregado_desde": None, "firmas": "onvif"})


@of_draft
def camera_spare_group_outside(whole: Draft) -> None:
    put(whole, signed(), told() | {"gop_agregado_desde": at(31)})
