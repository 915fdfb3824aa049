"""The act: what a court reads and a person signs. Typst makes PDF/A-3a and PDF/UA-1, pyhanko the PAdES signature.

It prints the digest of the tag manifest and carries that file, so that who signs the PDF signs the video. The same
facts give the same bytes; only the signature differs.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from io import BytesIO
from typing import Any, Final

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers.pdf_cms import Signer
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata, PdfSigner

from cior_core.canonical import canonical
from cior_core.errors import SourceUnavailable
from cior_core.model import Struct
from cior_core.rfc3339 import from_rfc3339
from cior_evidence import drawing
from cior_evidence.bag import TAG_MANIFEST
from cior_evidence.drawing import both_clocks, drawable, grouped
from cior_evidence.signature_words import signed_rows
from cior_evidence.time_stamping import Tsa

_TEMPLATE: Final = "act.typ"
STEPS: Final = (
    "cd bag && sha256sum -c tagmanifest-sha256.txt manifest-sha256.txt",
    (
        "openssl cms -verify -binary -inform DER -in ../sello/tagmanifest.p7s -content tagmanifest-sha256.txt"
        " -CAfile raiz.pem -out /dev/null"
    ),
    (
        "openssl ts -verify -data ../sello/tagmanifest.p7s -in ../sello/tagmanifest.p7s.tsr -CAfile raiz.pem"
        " -untrusted ../sello/cadena.pem"
    ),
)
"""How to verify with nothing of ours, as docs/paquete.md and LEEME.txt print it too."""


class ActFacts(Struct, frozen=True):
    """What the act says: ``request`` (solicitud.json), lines of ``segmentos.jsonl`` and of ``huecos.json``, the raw
    records that were ``opened`` out of their boxes and those that stay ``closed``, the alerts and events of what is
    ``sealed`` that a judge's order takes (``told``: of the index of events), the sealed bytes, the roots' fingerprints
    and the verifier files' digests.
    """

    request: Mapping[str, Any]
    segments: tuple[Mapping[str, Any], ...]
    gaps: tuple[Mapping[str, Any], ...]
    opened: tuple[Mapping[str, Any], ...]
    closed: tuple[Mapping[str, Any], ...]
    sealed: tuple[Mapping[str, Any], ...]
    told: tuple[Mapping[str, Any], ...]
    tag_manifest: bytes
    roots: tuple[str, ...]
    verifiers: Mapping[str, str]
    sealed_ms: int


def drawn(facts: ActFacts) -> bytes:
    """The PDF, unsigned. Raises ``IntegrityBroken`` (``pdf.template``) when it cannot be drawn to both standards."""
    files = {"acta.json": canonical(_said(facts)), TAG_MANIFEST: facts.tag_manifest}
    return drawing.drawn(_TEMPLATE, files, at_ms=facts.sealed_ms)


def signed(pdf: bytes, signer: Signer, tsa: Tsa) -> bytes:
    """The act with a PAdES B-T signature over all of it. Raises ``SourceUnavailable`` (``seal.*``)."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    metadata = PdfSignatureMetadata(
        field_name="Sello", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES, reason="Sello del centro"
    )
    out = BytesIO()
    try:
        asyncio.run(PdfSigner(metadata, signer, timestamper=tsa).async_sign_pdf(writer, output=out))
    except (SigningError, PdfError, OSError) as error:
        raise SourceUnavailable(
            "seal.act",
            f"the act could not be signed: {error}",
            cure="look at the key and the authority, then again",
        ) from error
    return out.getvalue()


def _said(facts: ActFacts) -> dict[str, Any]:
    zone = str(facts.request["zona_horaria"])
    return {
        "solicitud": _with_local(facts.request, zone),
        "segmentos": _with_local([_short(each) for each in facts.segments], zone),
        "firmas": [
            {name: drawable(said) for name, said in each.items()} for each in signed_rows(facts.segments)
        ],
        "huecos": _with_local(list(facts.gaps), zone),
        "abiertos": _with_local(list(facts.opened), zone),
        "cerrados": _with_local(list(facts.closed), zone),
        "reservadas": _with_local(
            [{name: each[name] for name in ("alerta", "tipo", "nivel", "abierta")} for each in facts.sealed],
            zone,
        ),
        "reservados": sum("identidad_de" not in each for each in facts.told),
        "identidades": sum("identidad_de" in each for each in facts.told),
        "pasos": list(STEPS),
        "digesto": grouped(hashlib.sha256(facts.tag_manifest).hexdigest()),
        "raices": [grouped(each) for each in facts.roots],
        "verificadores": {name: grouped(each) for name, each in sorted(facts.verifiers.items())},
        "sellado": both_clocks(facts.sealed_ms, zone),
    }


def _short(segment: Mapping[str, Any]) -> dict[str, Any]:
    names = (
        "archivo",
        "camara_original",
        "desde",
        "hasta",
        "bytes",
        "cuadros",
        "codec",
        "ancho",
        "alto",
        "reloj",
    )
    return {name: segment[name] for name in names}


_INSTANTS: Final = frozenset(
    {
        "desde",
        "hasta",
        "pedido_desde",
        "pedido_hasta",
        "borrado_desde",
        "borrado_hasta",
        "recibida",
        "recibido",
        "creado",
        "momento",
        "entregada",
        "abierta",
    }
)


def _with_local(value: Any, zone: str) -> Any:
    """Every instant in both clocks, the zone's and UTC; words as they can be drawn."""
    match value:
        case Mapping():
            return {
                key: both_clocks(from_rfc3339(each), zone)
                if key in _INSTANTS and isinstance(each, str)
                else _with_local(each, zone)
                for key, each in value.items()
            }
        case list() | tuple():
            return [_with_local(each, zone) for each in value]
        case str():
            return drawable(value)
        case _:
            return value
