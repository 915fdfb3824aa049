"""What is said of a camera's signatures, in words for whoever reads the act and LEEME.txt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from cior_core.camera_signing import Reason, Scheme, Verdict

FIELD: Final = "firma_camara"
_SCHEMES: Final = {Scheme.ONVIF: "ONVIF Media Signing", Scheme.AXIS: "Axis Signed Video"}
_VERDICTS: Final = {
    Verdict.AUTHENTIC: "AUTÉNTICO según el validador externo",
    Verdict.NOT_AUTHENTIC: "NO AUTÉNTICO según el validador externo",
    Verdict.SIGNED_UNKNOWN: "firmado; el validador externo no responde por todo",
    Verdict.UNKNOWN: "firmado; nadie lo comprobó",
}
_REASONS: Final = {
    Reason.VALID: "lo pedido es lo que la cámara firmó, con una clave reconocida",
    Reason.CHANGED: "la imagen o su orden no son los que la cámara firmó",
    Reason.KEY_NOT_TRUSTED: "la imagen es la firmada, pero la clave no es de una autoridad reconocida",
    Reason.KEY_UNPROVEN: "la imagen es la firmada, pero no se comprobó de quién es la clave",
    Reason.FRAMES_MISSING: "lo que hay es lo firmado, pero faltan imágenes entre medio",
    Reason.PARTLY: "lo comprobado es lo firmado, pero quedan imágenes pedidas sin comprobar",
    Reason.UNFINISHED: "ningún grupo de imágenes concuerda con una firma entera: también se dice de un video cambiado",
    Reason.SAID_UNSIGNED: "el validador no reconoció las firmas que hay: también se dice de un video cambiado",
    Reason.NO_VALIDATOR: "este centro no tiene un validador para esas firmas",
    Reason.NOT_STARTED: "el validador no arrancó",
    Reason.TIMED_OUT: "el validador no terminó a tiempo",
    Reason.FAILED: "el validador terminó con un error",
    Reason.NO_RESULT: "el validador no dejó ningún resultado",
    Reason.NOT_UNDERSTOOD: "no se entendió lo que dijo el validador",
}
_SHORT: Final = len("data/nativo/")


def signed_rows(segments: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Of each file that carries signatures: ``archivo``, ``esquema`` and what is said of it, in words."""
    return [
        {
            "archivo": row["archivo"],
            "esquema": _SCHEMES[Scheme(each["esquema"])],
            "dicho": f"{_VERDICTS[Verdict(each['veredicto'])]}: {_REASONS[Reason(each['razon'])]}",
        }
        for row in segments
        for each in row.get(FIELD, {}).get("firmas", ())
    ]


def read_me(segments: Iterable[Mapping[str, Any]]) -> bytes:
    """What LEEME.txt says more where cameras sign; nothing where none does."""
    rows = signed_rows(segments)
    if not rows:
        return b""
    told = "".join(f"  {each['archivo'][_SHORT:]} ({each['esquema']}): {each['dicho']}\n" for each in rows)
    return (
        "\nFIRMA DE LA CAMARA\n"
        "Estos videos llevan firmas que puso la propia cámara. Las juzga el programa de quien hizo ese esquema;\n"
        "el sello de este paquete no depende de eso. Vea firma_camara en bag/meta/segmentos.jsonl.\n" + told
    ).encode()
