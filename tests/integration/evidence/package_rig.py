"""A whole sound package, made anew for each tampering: by other people's libraries wherever there are some."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import msgspec
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl.public import PrivateKey
from pyhanko.pdf_utils import embed, generic, writer
from pyhanko.pdf_utils.content import RawContent
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.signers import SimpleSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore

from cior_bus import sealed_box
from cior_bus.sealed_content import SealedContent
from cior_core import checkpoint, integrity
from integration.evidence.authorities import (
    SEALED_AT,
    Pki,
    Sealing,
    pki,
    revocation_list,
    seal,
    stamp,
    stamper,
)

ROOT = Path(__file__).resolve().parents[3]
TRAVELLING = ROOT / "evidence" / "cior_evidence"
VERIFIERS = ("verify.py", "verificar.html")
READ_ME = "Léame: verifique con docs/perito.md.\n".encode()
PACKAGE, CASE = "SF-2026-000123", "21-06912345-6"
FROM = datetime.fromisoformat("2026-11-20T10:00:00+00:00")
ORIGIN = "cior.example.org/paquetes"
LEDGER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def at(seconds: float) -> str:
    """An instant of the story, as packages write it."""
    return (FROM + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def line(value: Any) -> bytes:
    """Canonical JSON of a line."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def lines(rows: Sequence[Any]) -> bytes:
    return b"".join(map(line, rows))


# --- video ------------------------------------------------------------------------------------------------------


@cache
def clip(
    seed: int, *, flags: str = "+faststart", frames: int = 10, sound: bool = False, options: str = ""
) -> bytes:
    """A little H.264 film, by PyAV."""
    more = dict(each.split("=") for each in options.split()) if options else {"use_editlist": "0"}
    chosen = {"movflags": flags, "fflags": "+bitexact", **more}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        _film(path, chosen, seed, frames=frames, sound=sound)
        return path.read_bytes()


def _film(path: Path, chosen: dict[str, str], seed: int, *, frames: int, sound: bool) -> None:
    with av.open(str(path), "w", options=chosen) as container:
        stream: Any = container.add_stream("libx264", rate=5, options={"threads": "1", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 64, 48, "yuv420p", 5
        other: Any = container.add_stream("aac", rate=8_000) if sound else None
        chance = np.random.default_rng(seed)
        for number in range(frames):
            picture = av.VideoFrame.from_ndarray(
                chance.integers(0, 255, (48, 64, 3), dtype=np.uint8), format="rgb24"
            )
            picture.pts, picture.time_base = number, Fraction(1, 5)
            container.mux(stream.encode(picture))
        if other is not None:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1_024), np.float32), format="fltp", layout="mono")
            frame.rate, frame.pts = 8_000, 0
            container.mux(other.encode(frame))
            container.mux(other.encode(None))
        container.mux(stream.encode(None))


def packets(film: bytes) -> list[bytes]:
    """The payloads of its pictures, as PyAV gives them."""
    with av.open(io.BytesIO(film), "r") as container:
        return [bytes(packet) for packet in container.demux(container.streams.video[0]) if packet.size]


def segment(camera: str, number: int, span: tuple[float, float], film: bytes) -> dict[str, Any]:
    """A row of ``segmentos.jsonl``."""
    load = packets(film)
    whole = sha(b"".join(load))
    half = len(load) // 2
    parts = [load[:half], load[half:]]
    return {
        "archivo": f"data/nativo/{camera}/{number:04}.mp4", "camara": camera, "camara_original": camera.upper(),
        "clase": "nativo", "desde": at(span[0]), "hasta": at(span[1]), "pedido_desde": at(0),
        "pedido_hasta": at(60), "sha256": sha(film), "bytes": len(film), "codec": "h264", "ancho": 64, "alto": 48,
        "base_tiempo": [1, 90_000], "cuadros": len(load), "carga_sha256": whole,
        "reloj": {"fuente": "ntp", "calidad": "synced", "corrimiento_ms": 12, "error_ms": 40},
        "partes": [
            {
                "numero": place, "desde": at(span[0]), "hasta": at(span[1]), "cuadros": len(part),
                "carga_sha256": sha(b"".join(part)), "entera": True,
                "origen": {"ruta": f"{camera}/{place}.mp4", "sha256": sha(b"%d" % place),
                           "carga_sha256": sha(b"".join(part)), "cadena": camera, "seq": place, "enlace": sha(b"x")},
            }
            for place, part in enumerate(parts)
        ],
    }  # fmt: skip


# --- the package ------------------------------------------------------------------------------------------------


@dataclass
class Draft:
    """All that a package says, before it is sealed: a tampering by somebody who may seal changes it here."""

    payload: dict[str, bytes] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)
    segments: list[dict[str, Any]] = field(default_factory=list)
    gaps: list[dict[str, Any]] = field(default_factory=list)
    closed: list[dict[str, Any]] = field(default_factory=list)
    custody: list[dict[str, Any]] = field(default_factory=list)
    reads: list[dict[str, Any]] = field(default_factory=list)
    clocks: list[dict[str, Any]] | None = None
    tools: dict[str, Any] = field(default_factory=dict)
    last_custody: str = ""
    raw_meta: dict[str, bytes] = field(default_factory=dict)
    info_lines: list[str] | None = None
    pki: Pki = field(default_factory=pki)
    sealing: Sealing | None = None
    stamped_at: datetime = SEALED_AT + timedelta(seconds=2)
    lists: list[bytes] = field(default_factory=list)
    act_digest: bytes | None = None
    consistency: dict[str, list[str]] = field(default_factory=dict)
    ledger_before: list[bytes] = field(default_factory=lambda: [b"%064d" % number for number in range(6)])

    def write(self, folder: Path) -> Path:
        """The package under ``folder``."""
        top = folder / PACKAGE.lower()
        bag = self.bag()
        for path, content in bag.items():
            put(top / "bag" / path, content)
        for path, content in self.seal_files(bag["tagmanifest-sha256.txt"]).items():
            put(top / "sello" / path, content)
        put(top / "LEEME.txt", READ_ME)
        for name in VERIFIERS:
            put(top / name, (TRAVELLING / name).read_bytes())
        return top

    def bag(self) -> dict[str, bytes]:
        """Every file of the bag."""
        payload = dict(sorted(self.payload.items()))
        sizes = [len(each) for each in payload.values()]
        labels = self.info_lines or [
            "BagIt-Profile-Identifier: CIOR-Bag-1", "Bagging-Date: 2026-11-20", f"External-Identifier: {CASE}",
            f"Internal-Sender-Identifier: {PACKAGE}", f"Payload-Oxum: {sum(sizes)}.{len(sizes)}",
        ]  # fmt: skip
        tags = {
            "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
            "bag-info.txt": "".join(f"{each}\n" for each in labels).encode(),
            "manifest-sha256.txt": manifest(payload, "sha256"),
            "manifest-sha512.txt": manifest(payload, "sha512"),
            **{f"meta/{name}": content for name, content in self.meta().items()},
        }
        return payload | tags | {"tagmanifest-sha256.txt": manifest(tags, "sha256")}

    def meta(self) -> dict[str, bytes]:
        """Every file of ``meta/``."""
        clocks = self.clocks
        if clocks is None:
            clocks = [{"archivo": row["archivo"], **row["reloj"]} for row in self.segments]
        made = {
            "solicitud.json": line(self.request),
            "segmentos.jsonl": lines(self.segments),
            "huecos.json": line({"camaras": self.gaps, "crudos": self.closed}),
            "reloj.json": line(
                {"centro": {"medido": at(70), "fuente": "ntp", "corrimiento_ms": 1}, "archivos": clocks}
            ),
            "salud.jsonl": lines([{"camara": "cam-a", "desde": at(0), "estado": "up", "motivo": None}]),
            "custodia.jsonl": lines(self.custody),
            "accesos.jsonl": lines(self.reads),
            "herramientas.json": line(self.tools),
        }
        return made | self.raw_meta

    def seal_files(self, tagmanifest: bytes) -> dict[str, bytes]:
        """Every file of ``sello/``."""
        ours = self.pki
        how = self.sealing or Sealing(
            ours.signer, stamper(ours.stamper, SEALED_AT + timedelta(seconds=1), beside=[ours.middle]),
            beside=[ours.middle],
        )  # fmt: skip
        signature = seal(tagmanifest, how)
        by = stamper(ours.stamper, self.stamped_at, beside=[ours.middle])
        lists = self.lists or [revocation_list(ours.middle), revocation_list(ours.root)]
        note, inclusion = self.ledger()
        return {
            "tagmanifest.p7s": signature,
            "tagmanifest.p7s.tsr": stamp(signature, by),
            "cadena.pem": ours.chain,
            **{f"crl/{number:04}.crl": each for number, each in enumerate(lists, start=1)},
            "checkpoint.txt": note,
            "inclusion.json": line(inclusion),
            "acta.pdf": act(tagmanifest if self.act_digest is None else self.act_digest, ours),
        }

    def ledger(self) -> tuple[bytes, dict[str, Any]]:
        """The checkpoint and the proof."""
        leaf = self.last_custody.encode()
        leaves = [*self.ledger_before, leaf, b"f" * 64]
        index = len(self.ledger_before)
        proof = [each.hex() for each in integrity.inclusion_proof(leaves, index)]
        inclusion: dict[str, Any] = {
            "hoja": self.last_custody, "indice": index, "tamano": len(leaves), "prueba": proof,
        }  # fmt: skip
        if self.consistency:
            inclusion["consistencia"] = self.consistency
        return checkpoint_note(leaves), inclusion


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def manifest(files: dict[str, bytes], algorithm: str) -> bytes:
    rows = sorted((path, hashlib.new(algorithm, content).hexdigest()) for path, content in files.items())
    return "".join(f"{digest}  {path}\n" for path, digest in rows).encode()


def checkpoint_note(leaves: Sequence[bytes], *, key: Ed25519PrivateKey = LEDGER_KEY) -> bytes:
    text = checkpoint.text_of(ORIGIN, leaves, at_ms=int(SEALED_AT.timestamp() * 1_000))
    public = key.public_key().public_bytes_raw()
    return checkpoint.signed(text, name=ORIGIN, public=public, signature=key.sign(text.encode())).encode()


def ledger_key() -> str:
    return checkpoint.verifier_key(ORIGIN, LEDGER_KEY.public_key().public_bytes_raw())


def act(tagmanifest: bytes, ours: Pki) -> bytes:
    """A PDF with the tagmanifest attached, signed as PAdES by pyhanko."""
    made = writer.PdfFileWriter()
    page = writer.PageObject(
        contents=made.add_object(generic.StreamObject(stream_data=RawContent(b"").render())),
        media_box=generic.ArrayObject(map(generic.NumberObject, (0, 0, 300, 300))),
    )
    made.insert_page(page)
    embed.embed_file(
        made,
        embed.FileSpec(
            "tagmanifest-sha256.txt",
            embedded_data=embed.EmbeddedFileObject.from_file_data(made, tagmanifest),
        ),
    )
    plain = io.BytesIO()
    made.write(plain)
    signer = SimpleSigner(ours.signer.asn1, ours.signer.asn1_key, SimpleCertificateStore(), embed_roots=False)
    meta = signers.PdfSignatureMetadata(
        field_name="Sello", subfilter=fields.SigSeedSubFilter.PADES, md_algorithm="sha256"
    )
    signed = signers.sign_pdf(IncrementalPdfFileWriter(plain), meta, signer=signer)
    return bytes(signed.getvalue())


ACTS = ("recibida", "resguardada", "aprobada", "exportada", "armado")


def custody_of(package: str, acts: Sequence[str] = ACTS) -> list[dict[str, Any]]:
    """A chain of custody."""
    previous, rows = sha(f"CIOR-Bag-1\n{package}\n".encode()), []
    for number, each in enumerate(acts, start=1):
        row = {
            "seq": number, "previo": previous, "momento": at(100 + number), "acto": each, "quien": f"persona-{number}",
            "detalle": {"qué": "añade"}, "nonce": f"{number:032x}",
        }  # fmt: skip
        previous = sha(line(row)[:-1])
        rows.append(row | {"hash": previous})
    return rows


def draft() -> Draft:
    """A delivery of two cameras, one of which was away for ten seconds, with an alarm and its bytes."""
    whole = _delivery()
    said = (
        "payload",
        "request",
        "segments",
        "gaps",
        "closed",
        "custody",
        "reads",
        "tools",
        "raw_meta",
        "consistency",
    )
    return dataclasses.replace(whole, **{name: copy.deepcopy(getattr(whole, name)) for name in said})


def written(folder: Path) -> Path:
    """A sound package under ``folder``."""
    top = folder / PACKAGE.lower()
    for path, content in _sealed_files().items():
        put(top / path, content)
    return top


@cache
def _sealed_files() -> dict[str, bytes]:
    with TemporaryDirectory() as folder:
        top = draft().write(Path(folder))
        return {
            path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()
        }


@cache
def _delivery() -> Draft:
    films = {
        ("cam-a", 1, (-2.0, 30.0)): clip(1),
        ("cam-a", 2, (40.0, 62.0)): clip(2, flags="frag_keyframe+empty_moov+default_base_moof"),
        ("cam-b", 1, (-1.0, 61.0)): clip(3, flags="frag_every_frame+empty_moov"),
    }
    rows = [segment(*where, film) for where, film in films.items()]
    raw = b"\x02PANIC 42\x03"
    event, second = (
        line({"id": number, "type": "panic", "data": {"raw": {"raw_id": f"r{number}", "sha256": digest}}})
        for number, digest in (("1", sha(raw)), ("3", sha(box(2)[0])))
    )
    payload = {row["archivo"]: film for row, film in zip(rows, films.values(), strict=True)}
    payload["data/eventos/000001.json"] = event
    payload["data/eventos/000002.json"] = second
    payload["data/crudo/000001.bin"] = raw
    payload["data/eventos/indice.jsonl"] = lines(
        [{"archivo": "data/eventos/000001.json", "sha256": sha(event), "evento": "1", "tipo": "panic.fixed",
          "fuente": "totem", "ocurrido": at(5), "recibido": at(6), "crudos": ["data/crudo/000001.bin"]},
         {"archivo": "data/eventos/000002.json", "sha256": sha(second), "evento": "3", "tipo": "panic.fixed",
          "fuente": "urn:cior:dc09:norte", "ocurrido": at(7), "recibido": at(8), "crudos": []}]
    )  # fmt: skip
    payload["data/crudo/indice.jsonl"] = lines(
        [{"archivo": "data/crudo/000001.bin", "sha256": sha(raw), "registro": "r1", "fuente": "totem",
          "recibido": at(6), "tipo_contenido": "application/octet-stream"}, *boxes(payload)]
    )  # fmt: skip
    custody = custody_of(PACKAGE)
    return Draft(
        payload=payload, request=request(), segments=rows, gaps=gap_rows(), closed=closed_rows(), custody=custody,
        last_custody=custody[-1]["hash"],
        reads=[{"momento": at(90), "quien": "p1", "rol": "custodio", "acto": "ver", "sobre": "a", "proposito": "x"}],
        tools={
            "programas": [{"nombre": "cior", "version": "0.1.0"}], "reglas": [],
            "verificadores": {
                "LEEME.txt": sha(READ_ME), **{name: sha((TRAVELLING / name).read_bytes()) for name in VERIFIERS},
            },
            "sello": {"certificado_sha256": sha(pki().signer.der)},
        },
    )  # fmt: skip


OPEN_BOX, CLOSED_BOX, OPENED = "data/crudo/000002.sobre", "data/crudo/000003.sobre", "data/crudo/000002.bin"
FRAME = b"[#4711|NPA01]"


@cache
def box(number: int, payload: bytes = FRAME) -> tuple[bytes, bytes]:
    """A real sealed box, as a connector makes it, and its key."""
    del number  # each its own
    holder = PrivateKey.generate()
    content = SealedContent(
        payload=payload, sha256=sha(payload), source="urn:cior:dc09:norte", subject="4711"
    )
    sealed = sealed_box.seal(msgspec.msgpack.encode(content), [bytes(holder.public_key)])
    return sealed, sealed_box.content_key(sealed, bytes(holder))


def boxes(payload: dict[str, bytes]) -> list[dict[str, Any]]:
    """An opened record and a closed one go into ``payload``; the row of the first."""
    sealed, key = box(1)
    payload |= {OPENED: FRAME, OPEN_BOX: sealed, CLOSED_BOX: box(2)[0]}
    return [
        {"archivo": OPENED, "sha256": sha(FRAME), "registro": "r2", "fuente": "urn:cior:dc09:norte",
         "recibido": at(7), "tipo_contenido": "text/plain", "sha256_recibido": sha(FRAME),
         "sobre": {"archivo": OPEN_BOX, "sha256": sha(sealed), "clave": key.hex()},
         "apertura": {"quien": "Ana Paz", "motivo": "oficio 12", "momento": at(95), "entregada": at(96),
                      "entregada_por": "p3"}}
    ]  # fmt: skip


def closed_rows() -> list[dict[str, Any]]:
    """``crudos`` of ``huecos.json``."""
    return [
        {"registro": "r3", "recibido": at(8), "archivo": CLOSED_BOX, "sha256": sha(box(2)[0]), "eventos": ["3"],
         "causa": "sealed_not_opened"}
    ]  # fmt: skip


def request() -> dict[str, Any]:
    """``solicitud.json``."""
    scope = [
        {"camara": camera, "desde": at(0), "hasta": at(60), "motivo": "esquina"}
        for camera in ("cam-a", "cam-b")
    ]
    return {
        "formato": "CIOR-Bag-1", "paquete": PACKAGE, "tipo": "entrega", "deriva_de": None, "cuij": CASE,
        "solicitud": {"id": "s1", "recibida": at(80), "autoridad": "Fiscalía", "clase": "prosecutor",
                      "caratula": "NN", "motivo": "robo"},
        "base_legal": {"codigo": "cpp", "texto": "art. 1"},
        "pedida_por": {"id": "p1", "nombre": "Ana", "cargo": "Mesa"},
        "aprobada_por": {"id": "p2", "nombre": "Bea", "cargo": "Jefa"},
        "armada_por": {"id": "p3", "nombre": "Ciro", "cargo": "Técnico"},
        "alcance": scope, "eventos": {"desde": at(0), "hasta": at(60)}, "negativas": [], "reservado": 0,
        "zona_horaria": "America/Argentina/Cordoba", "creado": at(110),
    }  # fmt: skip


def gap_rows() -> list[dict[str, Any]]:
    """``camaras`` of ``huecos.json``."""
    gap = {"desde": at(30), "hasta": at(40), "causa": "camera_away"}
    return [
        {
            "camara": "cam-a",
            "pedido_desde": at(0),
            "pedido_hasta": at(60),
            "cubierto_ms": 50_000,
            "huecos": [gap],
        },
        {
            "camara": "cam-b",
            "pedido_desde": at(0),
            "pedido_hasta": at(60),
            "cubierto_ms": 60_000,
            "huecos": [],
        },
    ]


def zipped(top: Path) -> Path:
    """The package as a stored ZIP, by the standard library."""
    path = top.parent / f"{top.name}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(top.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(top.parent).as_posix())
    return path
