"""What is done to a package: one function for each row of ``tamperings.toml``, by its name.

``_of_draft`` functions are an insider's: they change what is said and seal it again with the real key. ``_of_disk``
functions change a package that was sealed.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import shutil
import struct
import subprocess
import unicodedata
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asn1crypto import cms, tsp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyhanko.pdf_utils import generic, writer
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from cior_core import integrity
from integration.evidence.authorities import (
    SEALED_AT,
    SEALING,
    STAMPING,
    Sealing,
    Wish,
    issue,
    pki,
    revocation_list,
    seal,
    stamp,
    stamper,
)
from integration.evidence.old_certificates import sha1_signed
from integration.evidence.package_rig import (
    PACKAGE,
    Draft,
    act,
    at,
    checkpoint_note,
    clip,
    custody_of,
    draft,
    line,
    manifest,
    put,
    segment,
    sha,
    written,
    zipped,
)

FILM, OTHER_FILM = "bag/data/nativo/cam-a/0001.mp4", "bag/data/nativo/cam-a/0002.mp4"
SHORT, LONG, TAGS = "bag/manifest-sha256.txt", "bag/manifest-sha512.txt", "bag/tagmanifest-sha256.txt"
REQUEST = "bag/meta/solicitud.json"
P7S, TSR, CHAIN = "sello/tagmanifest.p7s", "sello/tagmanifest.p7s.tsr", "sello/cadena.pem"


@dataclass
class Outside:
    """What the reader brings along, where a tampering shows only against it."""

    kept: bytes = b""
    digest: str = ""
    at: str = ""


Made = tuple[Path, Outside]
TAMPERINGS: dict[str, Callable[[Path], Made]] = {}


def of_disk(function: Callable[[Path], None]) -> Callable[[Path], None]:
    def make(folder: Path) -> Made:
        top = written(folder)
        function(top)
        return top, Outside()

    TAMPERINGS[function.__name__] = make
    return function


def of_draft(function: Callable[[Draft], Draft | None]) -> Callable[[Draft], Draft | None]:
    def make(folder: Path) -> Made:
        whole = draft()
        return (function(whole) or whole).write(folder), Outside()

    TAMPERINGS[function.__name__] = make
    return function


def of_zip(function: Callable[[Path], None]) -> Callable[[Path], None]:
    def make(folder: Path) -> Made:
        path = zipped(written(folder))
        function(path)
        return path, Outside()

    TAMPERINGS[function.__name__] = make
    return function


def of_all(function: Callable[[Path], Made]) -> Callable[[Path], Made]:
    TAMPERINGS[function.__name__] = function
    return function


def flip(path: Path, place: int = -20) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(bytes(content))


def edit(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def first_line(path: Path) -> bytes:
    return path.read_bytes().split(b"\n")[0] + b"\n"


def add_line(path: Path, name: str, digest: str) -> None:
    """One more line, in its place."""
    rows = [*path.read_text().splitlines(), f"{digest}  {name}"]
    path.write_text("".join(f"{row}\n" for row in sorted(rows, key=lambda row: row.split("  ", 1)[1])))


# --- 1 to 9: bytes ----------------------------------------------------------------------------------------------


@of_disk
def bit_in_video(top: Path) -> None:
    flip(top / FILM)


@of_disk
def bit_in_metadata(top: Path) -> None:
    edit(top / REQUEST, b'"motivo":"robo"', b'"motivo":"hurto"')


@of_disk
def bit_in_manifest(top: Path) -> None:
    text = (top / SHORT).read_text()
    (top / SHORT).write_text(("1" if text[0] == "0" else "0") + text[1:])


@of_disk
def sha512_only(top: Path) -> None:
    text = (top / LONG).read_text()
    (top / LONG).write_text(("1" if text[0] == "0" else "0") + text[1:])


@of_disk
def two_videos_swapped(top: Path) -> None:
    first, second = (top / FILM).read_bytes(), (top / OTHER_FILM).read_bytes()
    (top / FILM).write_bytes(second)
    (top / OTHER_FILM).write_bytes(first)


@of_disk
def video_truncated(top: Path) -> None:
    (top / FILM).write_bytes((top / FILM).read_bytes()[:-100])


@of_disk
def video_appended(top: Path) -> None:
    (top / FILM).write_bytes((top / FILM).read_bytes() + b"\x00" * 8)


@of_disk
def video_emptied(top: Path) -> None:
    (top / FILM).write_bytes(b"")


@of_disk
def video_deleted(top: Path) -> None:
    (top / FILM).unlink()


# --- 10 to 13: what does not belong -----------------------------------------------------------------------------


@of_disk
def payload_added(top: Path) -> None:
    put(top / "bag/data/nativo/cam-a/0009.mp4", clip(9))


@of_disk
def tag_file_added(top: Path) -> None:
    put(top / "bag/notas.txt", b"x\n")


@of_disk
def file_beside_bag(top: Path) -> None:
    put(top / "informe.pdf", b"x\n")


@of_disk
def empty_folder(top: Path) -> None:
    (top / "bag/data/vista").mkdir()


# --- 14 to 25: names --------------------------------------------------------------------------------------------


@of_disk
def video_renamed(top: Path) -> None:
    (top / FILM).rename(top / "bag/data/nativo/cam-a/0003.mp4")


@of_disk
def video_in_capitals(top: Path) -> None:
    (top / FILM).rename((top / FILM).with_name("0001.MP4"))


@of_disk
def composed_and_decomposed(top: Path) -> None:
    name = unicodedata.normalize("NFD", "data/nativo/cámara.mp4")
    put(top / "bag" / name, clip(8))
    add_line(top / SHORT, unicodedata.normalize("NFC", name), sha(clip(8)))


@of_disk
def twice_by_composition(top: Path) -> None:
    for form in ("NFC", "NFD"):
        add_line(top / SHORT, unicodedata.normalize(form, "data/nativo/cámara.mp4"), "a" * 64)


@of_disk
def twice_same_digest(top: Path) -> None:
    (top / SHORT).write_bytes(first_line(top / SHORT) + (top / SHORT).read_bytes())


@of_disk
def case_twin(top: Path) -> None:
    put((top / FILM).with_name("0001.MP4"), b"x")
    add_line(top / SHORT, "data/nativo/cam-a/0001.MP4", sha(b"x"))


def _listed(name: str) -> Callable[[Path], None]:
    def function(top: Path) -> None:
        add_line(top / SHORT, name, "a" * 64)

    return function


for _id, _name in {
    "path_upwards": "data/../../fuera.mp4",
    "path_absolute": "/etc/passwd",
    "path_drive": "c:/fuera.mp4",
    "path_bidirectional": "data/nativo/\u202e4pm.exe",
    "path_trailing_dot": "data/nativo/video.",
    "path_ntfs_stream": "data/nativo/cam-a/0001.mp4:oculto",
    "path_backslash": "data\\nativo\\x.mp4",
    "path_home": "~root/x",
}.items():
    _function = _listed(_name)
    _function.__name__ = _id
    of_disk(_function)


@of_disk
def device_name_added(top: Path) -> None:
    put(top / "bag/data/nativo/con", b"x")


# --- 26 to 30: what is no file ----------------------------------------------------------------------------------


@of_disk
def link_instead_of_file(top: Path) -> None:
    (top / FILM).rename(top.parent / "0001.mp4")
    (top / FILM).symlink_to(top.parent / "0001.mp4")


@of_disk
def link_to_outside(top: Path) -> None:
    (top / "bag/data/nativo/afuera").symlink_to("/etc/hostname")


@of_disk
def link_to_folder(top: Path) -> None:
    (top / "bag/data/nativo/cam-a").rename(top.parent / "cam-a")
    (top / "bag/data/nativo/cam-a").symlink_to(top.parent / "cam-a", target_is_directory=True)


@of_disk
def hard_link(top: Path) -> None:
    os.link(top / FILM, top.parent / "otra.mp4")


@of_disk
def pipe_instead_of_file(top: Path) -> None:
    (top / FILM).unlink()
    os.mkfifo(top / FILM)


@of_disk
def hidden_stream(top: Path) -> None:
    os.setxattr(top / FILM, "user.oculto", b"x")


# --- 31 to 42: the bag's own files ------------------------------------------------------------------------------


@of_disk
def fetch_file(top: Path) -> None:
    put(top / "bag/fetch.txt", b"http://example.org/x 1 data/x\n")


@of_disk
def manifest_cut(top: Path) -> None:
    (top / SHORT).write_bytes((top / SHORT).read_bytes()[:-1])


@of_disk
def manifest_emptied(top: Path) -> None:
    (top / SHORT).write_bytes(b"")


@of_disk
def manifest_removed(top: Path) -> None:
    (top / SHORT).unlink()


@of_disk
def tagmanifest_removed(top: Path) -> None:
    (top / TAGS).unlink()


@of_disk
def manifest_reordered(top: Path) -> None:
    rows = (top / SHORT).read_bytes().splitlines(keepends=True)
    (top / SHORT).write_bytes(b"".join(reversed(rows)))


@of_disk
def manifest_crlf(top: Path) -> None:
    (top / SHORT).write_bytes((top / SHORT).read_bytes().replace(b"\n", b"\r\n"))


@of_disk
def manifest_bom(top: Path) -> None:
    (top / SHORT).write_bytes(b"\xef\xbb\xbf" + (top / SHORT).read_bytes())


@of_disk
def manifest_latin1(top: Path) -> None:
    (top / SHORT).write_bytes((top / SHORT).read_bytes() + b"a" * 64 + b"  data/nativo/c\xe1mara\n")


@of_disk
def manifest_upper_hex(top: Path) -> None:
    content = (top / SHORT).read_bytes()
    (top / SHORT).write_bytes(content[:64].upper() + content[64:])


@of_disk
def other_version(top: Path) -> None:
    edit(top / "bag/bagit.txt", b"1.0", b"0.97")


@of_disk
def md5_added(top: Path) -> None:
    put(top / "bag/manifest-md5.txt", b"d41d8cd98f00b204e9800998ecf8427e  data/x\n")


# --- 43 to 52: the seal -----------------------------------------------------------------------------------------


@of_draft
def oxum_wrong(whole: Draft) -> None:
    rows = whole.bag()["bag-info.txt"].decode().splitlines()
    whole.info_lines = [*rows[:-1], "Payload-Oxum: 1.1"]


@of_disk
def rehashed_unsigned(top: Path) -> None:
    """Everything made to agree again, by somebody without the key."""
    flip(top / "bag/data/crudo/000001.bin", 0)
    _rehash(top)


def _rehash(top: Path) -> None:
    bag = top / "bag"
    files = {path.relative_to(bag).as_posix(): path.read_bytes() for path in bag.rglob("*") if path.is_file()}
    payload = {path: content for path, content in files.items() if path.startswith("data/")}
    tags = {p: c for p, c in files.items() if not p.startswith("data/") and p != "tagmanifest-sha256.txt"}
    for name in ("sha256", "sha512"):
        tags[f"manifest-{name}.txt"] = manifest(payload, name)
        put(bag / f"manifest-{name}.txt", tags[f"manifest-{name}.txt"])
    put(bag / "tagmanifest-sha256.txt", manifest(tags, "sha256"))


def _sealed_again(top: Path, how: Sealing) -> None:
    signature = seal((top / TAGS).read_bytes(), how)
    put(top / P7S, signature)
    put(top / TSR, stamp(signature, _clock(2)))


def _clock(seconds: float) -> Any:
    ours = pki()
    return stamper(ours.stamper, SEALED_AT + timedelta(seconds=seconds), beside=[ours.middle])


@of_disk
def other_root_same_name(top: Path) -> None:
    root = issue(Wish("AC Raíz de Prueba", is_authority=True, key_name="impostor"))
    middle = issue(Wish("AC de Prueba", is_authority=True, key_name="impostor 2"), root)
    signer = issue(dataclasses.replace(SEALING, key_name="impostor 3"), middle)
    _sealed_again(top, Sealing(signer, _clock(1), beside=[middle]))
    put(top / CHAIN, signer.pem + middle.pem + pki().stamper.pem + pki().middle.pem)


@of_disk
def other_key_same_authority(top: Path) -> None:
    other = issue(Wish("Otro del mismo municipio"), pki().middle)
    _sealed_again(top, Sealing(other, _clock(1), beside=[pki().middle]))
    put(top / CHAIN, other.pem + pki().stamper.pem + pki().middle.pem)


def _signer(whole: Draft, wish: Wish, **more: Any) -> None:
    """Seal with a certificate of another make, declared as such."""
    ours = whole.pki
    signer = issue(wish, ours.middle)
    whole.pki = dataclasses.replace(ours, signer=signer)
    whole.tools["sello"] = {"certificado_sha256": sha(signer.der)}
    whole.sealing = Sealing(signer, _clock(1), beside=[ours.middle], **more)


def of_signature(folder: Path, wish: Wish, *, is_bent: bool, **how: Any) -> Path:
    """A package sealed with this kind of key and digest; ``is_bent``: one bit of the signature is turned over."""
    whole = draft()
    _signer(whole, wish, **how)
    top = whole.write(folder)
    if is_bent:
        signature_bit(top)
    return top


@of_draft
def signer_expired(whole: Draft) -> None:
    _signer(whole, dataclasses.replace(SEALING, until=SEALED_AT - timedelta(days=1)))


@of_draft
def signer_early(whole: Draft) -> None:
    _signer(whole, dataclasses.replace(SEALING, since=SEALED_AT + timedelta(days=1)))


@of_disk
def signature_removed(top: Path) -> None:
    (top / P7S).unlink()


@of_disk
def signature_of_another(top: Path) -> None:
    ours = pki()
    signature = seal(b"otro\n", Sealing(ours.signer, _clock(1), beside=[ours.middle]))
    put(top / P7S, signature)
    put(top / TSR, stamp(signature, _clock(2)))


@of_disk
def signature_bit(top: Path) -> None:
    """In the signature's own value, found by asn1crypto; stamped anew."""
    raw = (top / P7S).read_bytes()
    value = cms.ContentInfo.load(raw)["content"]["signer_infos"][0]["signature"].native
    put(top / P7S, raw.replace(value, value[:-1] + bytes([value[-1] ^ 1])))
    put(top / TSR, stamp((top / P7S).read_bytes(), _clock(2)))


@of_disk
def signature_trailing(top: Path) -> None:
    put(top / P7S, (top / P7S).read_bytes() + b"x")


@of_disk
def signature_cut(top: Path) -> None:
    put(top / P7S, (top / P7S).read_bytes()[:-50])


@of_disk
def signature_without_cades(top: Path) -> None:
    """As ``openssl cms -sign`` makes it when nobody asks for ``-cades``."""
    ours = pki()
    for name, content in {"signer.pem": ours.signer.pem, "key.der": ours.signer.asn1_key.dump()}.items():
        put(top.parent / name, content)
    subprocess.run(
        ["openssl", "cms", "-sign", "-binary", "-md", "sha256", "-in", str(top / TAGS), "-outform", "DER",
         "-signer", "signer.pem", "-inkey", "key.der", "-keyform", "DER", "-out", str(top / P7S)],
        cwd=top.parent, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    put(
        top / TSR,
        stamp((top / P7S).read_bytes(), stamper(ours.stamper, datetime.now(UTC), beside=[ours.middle])),
    )


# --- 53 to 63: time ---------------------------------------------------------------------------------------------


@of_disk
def token_removed(top: Path) -> None:
    (top / TSR).unlink()


@of_disk
def inner_token_missing(top: Path) -> None:
    _sealed_again(top, Sealing(pki().signer, None, beside=[pki().middle]))


@of_disk
def token_of_another(top: Path) -> None:
    put(top / TSR, stamp(b"otro", _clock(2)))


@of_disk
def token_bit(top: Path) -> None:
    raw = (top / TSR).read_bytes()
    value = tsp.TimeStampResp.load(raw)["time_stamp_token"]["content"]["signer_infos"][0]["signature"].native
    put(top / TSR, raw.replace(value, bytes([value[0] ^ 1]) + value[1:]))


@of_disk
def token_time_rewritten(top: Path) -> None:
    edit(top / TSR, b"20261120150002Z", b"20261120150003Z")


@of_disk
def resealed_old_token(top: Path) -> None:
    old = (top / TSR).read_bytes()
    _sealed_again(
        top, Sealing(pki().signer, _clock(1), at=SEALED_AT + timedelta(seconds=1), beside=[pki().middle])
    )
    put(top / TSR, old)


def _stamped_by(top: Path, wish: Wish, **more: Any) -> None:
    holder = issue(wish, more.pop("issuer", pki().middle))
    by = stamper(holder, SEALED_AT + timedelta(seconds=2), beside=[pki().middle])
    put(top / TSR, stamp((top / P7S).read_bytes(), by))


@of_disk
def token_not_of_an_authority(top: Path) -> None:
    _stamped_by(top, Wish("Cualquiera"))


@of_disk
def token_of_two_purposes(top: Path) -> None:
    _stamped_by(
        top, Wish("Dos fines", purposes=(ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING))
    )


@of_disk
def token_of_foreign_authority(top: Path) -> None:
    root = issue(Wish("AC ajena", is_authority=True))
    _stamped_by(top, Wish("TSA ajena", purposes=STAMPING.purposes), issuer=root)


@of_disk
def token_expired_authority(top: Path) -> None:
    _stamped_by(top, dataclasses.replace(STAMPING, until=SEALED_AT - timedelta(days=1)))


@of_disk
def token_before_signing(top: Path) -> None:
    put(top / TSR, stamp((top / P7S).read_bytes(), _clock(-600)))


@of_draft
def token_before_last_segment(whole: Draft) -> None:
    whole.segments[-1]["hasta"] = at(6 * 3_600)
    whole.segments[-1]["partes"][-1]["hasta"] = at(6 * 3_600)


@of_disk
def token_a_month_late(top: Path) -> None:
    put(top / TSR, stamp((top / P7S).read_bytes(), _clock(30 * 86_400)))


@of_draft
def event_after_token(whole: Draft) -> None:
    path = "data/eventos/indice.jsonl"
    whole.payload[path] = whole.payload[path].replace(
        f'"recibido":"{at(6)}"'.encode(), f'"recibido":"{at(20_000)}"'.encode()
    )


@of_all
def control(folder: Path) -> Made:
    """Nothing is done."""
    return written(folder), Outside()


@of_all
def control_years_later(folder: Path) -> Made:
    """Sound, looked at after everything ended: what counts is the stamp's instant."""
    return written(folder), Outside()


@of_all
def control_zip(folder: Path) -> Made:
    return zipped(written(folder)), Outside()


# --- 64 to 68: resealed with the key ----------------------------------------------------------------------------


@of_draft
def clock_in_one_file(whole: Draft) -> None:
    whole.clocks = [{"archivo": row["archivo"], **row["reloj"]} for row in whole.segments]
    whole.clocks[1]["corrimiento_ms"] = -4_000


@of_draft
def gap_removed(whole: Draft) -> None:
    whole.gaps[0]["huecos"] = []


@of_draft
def end_cut(whole: Draft) -> None:
    gone = whole.segments.pop(1)
    del whole.payload[gone["archivo"]]


@of_draft
def list_reordered(whole: Draft) -> None:
    whole.segments = [whole.segments[1], whole.segments[0], whole.segments[2]]


@of_draft
def digest_not_of_list(whole: Draft) -> None:
    whole.segments[0]["sha256"] = "a" * 64


@of_draft
def segment_not_listed(whole: Draft) -> None:
    whole.payload["data/nativo/cam-a/0009.mp4"] = clip(9)


# --- 69 to 72: persons and cases --------------------------------------------------------------------------------


@of_draft
def one_person(whole: Draft) -> None:
    whole.request["aprobada_por"] = whole.request["armada_por"]


@of_draft
def other_case(whole: Draft) -> None:
    whole.request["cuij"] = "21-00000001-1"


@of_disk
def two_bags_merged(top: Path) -> None:
    other = draft()
    other.payload = {f"{path}.b": content for path, content in other.payload.items()}
    for path, content in other.bag().items():
        if not (top / "bag" / path).exists():
            put(top / "bag" / path, content)


@of_draft
def custody_of_another(whole: Draft) -> None:
    whole.custody = custody_of("SF-2026-000999")
    whole.last_custody = whole.custody[-1]["hash"]


# --- 73 to 78: custody and ledger -------------------------------------------------------------------------------


@of_draft
def custody_entry_removed(whole: Draft) -> None:
    del whole.custody[2]


@of_draft
def custody_entry_rewritten(whole: Draft) -> None:
    whole.custody[2]["quien"] = "otra"


@of_draft
def custody_tail_dropped(whole: Draft) -> None:
    whole.custody.pop()


@of_draft
def custody_chained_anew(whole: Draft) -> None:
    """A whole new chain, without an entry: only the ledger knows."""
    whole.custody = custody_of(PACKAGE, ("recibida", "exportada", "armado"))


@of_disk
def proof_changed(top: Path) -> None:
    path = top / "sello/inclusion.json"
    said = json.loads(path.read_bytes())
    said["prueba"][0] = "0" * 64
    put(path, line(said))


@of_disk
def checkpoint_changed(top: Path) -> None:
    edit(top / "sello/checkpoint.txt", b"\n8\n", b"\n9\n")


@of_disk
def checkpoint_of_another_key(top: Path) -> None:
    whole = draft()
    leaves = [*whole.ledger_before, whole.last_custody.encode(), b"f" * 64]
    put(top / "sello/checkpoint.txt", checkpoint_note(leaves, key=Ed25519PrivateKey.generate()))


@of_draft
def junk_json(whole: Draft) -> None:
    whole.raw_meta["reloj.json"] = b'{"archivos": ['


# --- ZIP --------------------------------------------------------------------------------------------------------


@of_zip
def zip_compressed(path: Path) -> None:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{PACKAGE.lower()}/bag/bomba", bytes(10_000_000))


@of_zip
def zip_upwards(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{PACKAGE.lower()}/../../fuera.txt", b"x")


@of_zip
def zip_twice(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr(f"{PACKAGE.lower()}/LEEME.txt", b"otro")


@of_zip
def zip_link(path: Path) -> None:
    member = zipfile.ZipInfo(f"{PACKAGE.lower()}/bag/data/enlace")
    member.create_system, member.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(member, "/etc/passwd")


@of_zip
def zip_prefix(path: Path) -> None:
    path.write_bytes(b"MZ" + bytes(62) + path.read_bytes())


@of_zip
def zip_comment(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"oculto"


@of_zip
def zip_hidden_member(path: Path) -> None:
    """The second member's bytes stay, its row in the directory is taken away."""
    content = path.read_bytes()
    end = content.rindex(b"PK\x05\x06")
    count, size, start = struct.unpack("<HII", content[end + 10 : end + 20])
    second, length = start + _row_size(content, start), _row_size(content, start + _row_size(content, start))
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count - 1, count - 1, size - length, start, 0)
    path.write_bytes(content[:second] + content[second + length : end] + tail)


def _row_size(content: bytes, place: int) -> int:
    name, extra, comment = struct.unpack("<3H", content[place + 28 : place + 34])
    return 46 + int(name) + int(extra) + int(comment)


@of_zip
def zip_two_names(path: Path) -> None:
    """A member's own header names another file than the directory."""
    content = path.read_bytes()
    place = content.index(b"LEEME.txt")
    path.write_bytes(content[:place] + b"OTRO1.txt" + content[place + 9 :])


@of_zip
def zip_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


# --- evidence.md's list "to write" ------------------------------------------------------------------------------


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


@of_all
def ledger_rolled_back(folder: Path) -> Made:
    """The package's checkpoint is older than one that a court kept before."""
    whole = draft()
    kept = checkpoint_note([*whole.ledger_before, whole.last_custody.encode(), b"f" * 64, b"g" * 64])
    return whole.write(folder), Outside(kept=kept)


@of_all
def split_view(folder: Path) -> Made:
    """Two checkpoints of one size and two roots, both signed."""
    whole = draft()
    kept = checkpoint_note([*whole.ledger_before, b"otra", b"f" * 64])
    return whole.write(folder), Outside(kept=kept)


@of_all
def history_rewritten(folder: Path) -> Made:
    """An older checkpoint that was kept is no beginning of the package's tree."""
    whole = draft()
    leaves = [*whole.ledger_before, whole.last_custody.encode(), b"f" * 64]
    whole.consistency = {"4": [each.hex() for each in integrity.consistency_proof(leaves, 4)]}
    kept = checkpoint_note([*whole.ledger_before[:3], b"otra"])
    return whole.write(folder), Outside(kept=kept)


@of_all
def control_kept_checkpoint(folder: Path) -> Made:
    whole = draft()
    leaves = [*whole.ledger_before, whole.last_custody.encode(), b"f" * 64]
    whole.consistency = {"4": [each.hex() for each in integrity.consistency_proof(leaves, 4)]}
    return whole.write(folder), Outside(kept=checkpoint_note(leaves[:4]))


@of_all
def kept_checkpoint_unlinked(folder: Path) -> Made:
    whole = draft()
    return whole.write(folder), Outside(kept=checkpoint_note(whole.ledger_before[:4]))


@of_draft
def revoked_before(whole: Draft) -> None:
    ours = whole.pki
    when = SEALED_AT - timedelta(days=2)
    whole.lists = [revocation_list(ours.middle, [(ours.signer, when)]), revocation_list(ours.root)]


@of_draft
def revoked_after(whole: Draft) -> None:
    ours = whole.pki
    when = SEALED_AT + timedelta(days=2)
    whole.lists = [revocation_list(ours.middle, [(ours.signer, when)]), revocation_list(ours.root)]


@of_draft
def time_authority_revoked(whole: Draft) -> None:
    ours = whole.pki
    when = SEALED_AT - timedelta(days=2)
    whole.lists = [revocation_list(ours.middle, [(ours.stamper, when)]), revocation_list(ours.root)]


@of_draft
def authority_revoked(whole: Draft) -> None:
    ours = whole.pki
    when = SEALED_AT - timedelta(days=2)
    whole.lists = [revocation_list(ours.middle), revocation_list(ours.root, [(ours.middle, when)])]


@of_disk
def revocation_list_junk(top: Path) -> None:
    put(top / "sello/crl/0001.crl", b"\x30\x03\x02\x01\x01")


@of_draft
def signed_with_sha1(whole: Draft) -> None:
    _signer(whole, SEALING, digest="sha1")


@of_draft
def signed_with_rsa_1024(whole: Draft) -> None:
    _signer(whole, dataclasses.replace(SEALING, kind="rsa1024"))


@of_draft
def certificate_with_sha1(whole: Draft) -> None:
    """By a library that still makes them: the DER of another one, its algorithm and signature replaced."""
    signer = sha1_signed(pki().signer, pki().middle)
    whole.pki = dataclasses.replace(whole.pki, signer=signer)
    whole.tools["sello"] = {"certificado_sha256": sha(signer.der)}
    whole.sealing = Sealing(signer, _clock(1), beside=[whole.pki.middle])


@of_draft
def key_usage_of_another_kind(whole: Draft) -> None:
    _signer(whole, dataclasses.replace(SEALING, usage=("key_encipherment",)))


@of_draft
def purpose_of_a_server(whole: Draft) -> None:
    _signer(whole, dataclasses.replace(SEALING, purposes=(ExtendedKeyUsageOID.SERVER_AUTH,)))


@of_draft
def issued_by_no_authority(whole: Draft) -> None:
    ours = whole.pki
    person = issue(Wish("Una persona"), ours.middle)
    signer = issue(SEALING, person)
    whole.pki = dataclasses.replace(ours, signer=signer)
    whole.tools["sello"] = {"certificado_sha256": sha(signer.der)}
    whole.sealing = Sealing(signer, _clock(1), beside=[ours.middle, person])


@of_disk
def act_pages_added(top: Path) -> None:
    """A page more, as an incremental update after the signature."""
    update = IncrementalPdfFileWriter(io.BytesIO((top / "sello/acta.pdf").read_bytes()))
    blank = update.add_object(generic.StreamObject(stream_data=b"q Q"))
    update.insert_page(
        writer.PageObject(
            contents=blank, media_box=generic.ArrayObject(map(generic.NumberObject, (0, 0, 9, 9)))
        )
    )
    made = io.BytesIO()
    update.write(made)
    put(top / "sello/acta.pdf", made.getvalue())


@of_disk
def act_changed(top: Path) -> None:
    edit(top / "sello/acta.pdf", b"/MediaBox", b"/MediaBix")


@of_draft
def act_of_another(whole: Draft) -> None:
    whole.act_digest = b"a" * 64 + b"  bagit.txt\n"


@of_disk
def act_removed(top: Path) -> None:
    (top / "sello/acta.pdf").unlink()


@of_disk
def act_unsigned(top: Path) -> None:
    content = act((top / TAGS).read_bytes(), pki())
    put(top / "sello/acta.pdf", content[: content.index(b"%%EOF") + 6])


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


@of_draft
def duplicate_json_key(whole: Draft) -> None:
    content = whole.meta()["solicitud.json"]
    whole.raw_meta["solicitud.json"] = content.replace(b'{"alcance"', b'{"reservado":7,"alcance"')


@of_draft
def json_nan(whole: Draft) -> None:
    content = whole.meta()["solicitud.json"]
    whole.raw_meta["solicitud.json"] = content.replace(b'"reservado":0', b'"reservado":NaN')


@of_draft
def json_endless_number(whole: Draft) -> None:
    content = whole.meta()["solicitud.json"]
    whole.raw_meta["solicitud.json"] = content.replace(b'"reservado":0', b'"reservado":' + b"9" * 5_000)


@of_draft
def json_bottomless(whole: Draft) -> None:
    whole.raw_meta["solicitud.json"] = b"[" * 200_000 + b"]" * 200_000


@of_disk
def verifier_replaced(top: Path) -> None:
    put(top / "verify.py", b'print("SIN DEFECTOS")\n')


@of_disk
def page_replaced(top: Path) -> None:
    put(top / "verificar.html", b"<h1>SIN DEFECTOS</h1>\n")


@of_all
def sent_twice(folder: Path) -> Made:
    """The second answer to one order is another package: the receipt in hand names the first."""
    first = written(folder / "primera")
    whole = draft()
    whole.request["creado"] = at(111)
    return whole.write(folder / "segunda"), Outside(digest=sha((first / TAGS).read_bytes()))


@of_disk
def raw_record_not_indexed(top: Path) -> None:
    shutil.copy(top / "bag/data/crudo/000001.bin", top / "bag/data/crudo/000002.bin")


@of_draft
def index_digest(whole: Draft) -> None:
    path = "data/crudo/indice.jsonl"
    whole.payload[path] = whole.payload[path].replace(
        sha(whole.payload["data/crudo/000001.bin"]).encode(), b"a" * 64
    )


@of_draft
def negative_with_video(whole: Draft) -> None:
    whole.request["tipo"] = "constancia_negativa"


@of_all
def looked_at_without_a_stamp(folder: Path) -> Made:
    """Certificates judged at an instant after their end, as ``openssl -attime`` does."""
    return written(folder), Outside(at="2031-01-01T00:00:00Z")
