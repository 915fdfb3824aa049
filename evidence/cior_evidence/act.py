"""The act: what a court reads and a person signs. Typst makes PDF/A-3a and PDF/UA-1, pyhanko the PAdES signature.

It prints the digest of the tag manifest and carries that file, so that who signs the PDF signs the video. The same
facts give the same bytes; only the signature differs.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import typst
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers.pdf_cms import Signer
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata, PdfSigner

from cior_core.canonical import canonical
from cior_core.errors import IntegrityBroken, SourceUnavailable
from cior_core.model import Struct
from cior_core.rfc3339 import from_rfc3339
from cior_evidence.bag import TAG_MANIFEST
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
_STANDARDS: Final[list[Any]] = ["a-3a", "ua-1"]


class ActFacts(Struct, frozen=True):
    """What the act says: ``request`` (solicitud.json), lines of ``segmentos.jsonl`` and of ``huecos.json``, the sealed
    bytes, the roots' fingerprints and the verifier files' digests.
    """

    request: Mapping[str, Any]
    segments: tuple[Mapping[str, Any], ...]
    gaps: tuple[Mapping[str, Any], ...]
    tag_manifest: bytes
    roots: tuple[str, ...]
    verifiers: Mapping[str, str]
    sealed_ms: int


def drawn(facts: ActFacts) -> bytes:
    """The PDF, unsigned. Raises ``IntegrityBroken`` (``act.template``) when it cannot be drawn to both standards."""
    with tempfile.TemporaryDirectory(prefix="cior-act-") as folder:
        root = Path(folder)
        (root / _TEMPLATE).write_bytes(
            resources.files(__package__ or "cior_evidence").joinpath(_TEMPLATE).read_bytes()
        )
        (root / "acta.json").write_bytes(canonical(_said(facts)))
        (root / TAG_MANIFEST).write_bytes(facts.tag_manifest)
        try:
            made = typst.Compiler(root / _TEMPLATE, root=root, ignore_system_fonts=True).compile(
                format="pdf", pdf_standards=_STANDARDS, timestamp=facts.sealed_ms // 1000
            )
        except typst.TypstError as error:
            raise IntegrityBroken(
                "act.template",
                f"the act cannot be drawn: {error.message}",
                cure="report this as a defect of CIOR",
            ) from error
    assert isinstance(made, bytes)
    # Typst ends at %%EOF without an end of line; what pyhanko appended there would break PDF/A (6.1.9-1).
    return made + b"\n"


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
        "huecos": _with_local(list(facts.gaps), zone),
        "pasos": list(STEPS),
        "digesto": grouped(hashlib.sha256(facts.tag_manifest).hexdigest()),
        "raices": [grouped(each) for each in facts.roots],
        "verificadores": {name: grouped(each) for name, each in sorted(facts.verifiers.items())},
        "sellado": _both(facts.sealed_ms, zone),
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


def grouped(digest: str) -> str:
    """In groups of eight, as people compare it."""
    return " ".join(digest[at : at + 8] for at in range(0, len(digest), 8))


_INSTANTS: Final = frozenset({"desde", "hasta", "pedido_desde", "pedido_hasta", "recibida", "creado"})


def _with_local(value: Any, zone: str) -> Any:
    """Every instant in both clocks: the zone's and UTC."""
    match value:
        case Mapping():
            return {
                key: _both(from_rfc3339(each), zone)
                if key in _INSTANTS and isinstance(each, str)
                else _with_local(each, zone)
                for key, each in value.items()
            }
        case list() | tuple():
            return [_with_local(each, zone) for each in value]
        case _:
            return value


def _both(at_ms: int, zone: str) -> str:
    utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    here = utc.astimezone(ZoneInfo(zone))
    return f"{here:%d/%m/%Y %H:%M:%S}.{at_ms % 1000:03d} (UTC {utc:%d/%m %H:%M:%S}.{at_ms % 1000:03d})"
