"""The act in PDF: it must hold this package's digest, and its last signature must cover every byte (ISO 32000-2)."""

from __future__ import annotations

import hashlib
import re
import zlib
from typing import Iterator

from cior_evidence.verifier.bag import MOST_MANIFEST_BYTES, TAGS
from cior_evidence.verifier.cms import TST_INFO, SignedData
from cior_evidence.verifier.der import Malformed, read_der
from cior_evidence.verifier.findings import Report
from cior_evidence.verifier.folder import Files, TooLarge

ACTS = ("sello/acta.pdf", "sello/acta-firmada.pdf")
MOST_ACT_BYTES = 64 * 1024 * 1024
MOST_STREAMS, MOST_STREAM_BYTES, MOST_SIGNATURES_OF_AN_ACT = 2_000, 16 * 1024 * 1024, 16
_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d{1,12})\s+(\d{1,12})\s+(\d{1,12})\s+(\d{1,12})\s*\]")
_STREAM = re.compile(rb"(?<!end)stream\r?\n")


def check_acts(folder: Files, report: Report) -> None:
    """Check each act that is there; one must be."""
    if not any(path in folder.sizes for path in ACTS):
        report.say("act.missing", ACTS[0])
    try:
        sealed = folder.read("bag/" + TAGS, MOST_MANIFEST_BYTES)
    except (OSError, TooLarge):
        return
    for path in ACTS:
        if path not in folder.sizes:
            continue
        try:
            content = folder.read(path, MOST_ACT_BYTES)
        except (OSError, TooLarge):
            report.say("file.unreadable", path)
            continue
        _check_act(content, sealed, path, report)


def _check_act(content: bytes, sealed: bytes, path: str, report: Report) -> None:
    if not content.startswith(b"%PDF-"):
        report.say("act.malformed", path)
        return
    digest = hashlib.sha256(sealed).hexdigest().encode("ascii")
    if not any(part == sealed or digest in part for part in _streams(content)):
        report.say("act.digest", path)
    _check_signatures_of(content, path, report)


def _streams(content: bytes) -> Iterator[bytes]:
    """Every stream, inflated where that can be done within limits, and as it is."""
    budget = 8 * MOST_STREAM_BYTES
    for number, match in enumerate(_STREAM.finditer(content)):
        if number >= MOST_STREAMS or budget <= 0:
            return
        end = content.find(b"endstream", match.end())
        if end < 0:
            return
        raw = content[match.end() : end]
        try:
            inflated = zlib.decompressobj().decompress(raw, MOST_STREAM_BYTES)
        except zlib.error:
            inflated = raw
        budget -= len(inflated)
        yield inflated
        if inflated is raw:
            yield raw.rstrip(b"\r\n")
            yield raw[:-1]


def _check_signatures_of(content: bytes, path: str, report: Report) -> None:
    ranges = list(_RANGE.finditer(content))[: MOST_SIGNATURES_OF_AN_ACT + 1]
    if not ranges:
        report.say("act.unsigned", path)
        return
    covered = 0
    for match in ranges:
        start, size, second, rest = (int(number) for number in match.groups())
        if start or second < size or second + rest > len(content):
            report.say("act.coverage", path)
            continue
        covered = max(covered, second + rest)
        _check_one_signature(content, (size, second, rest), path, report)
    if covered != len(content):
        report.say("act.coverage", path, f"{covered} / {len(content)}")


def _check_one_signature(content: bytes, places: tuple[int, int, int], path: str, report: Report) -> None:
    size, second, rest = places
    hexed = content[size:second].strip()
    try:
        is_hex = hexed[:1] == b"<" and hexed[-1:] == b">"
        signed = SignedData(_unpadded(bytes.fromhex(hexed[1:-1].decode("ascii")) if is_hex else b""))
        covered = content[:size] + content[second : second + rest]
        signer = signed.signer([])
        if signer is None or not signed.is_signed_by(signer) or not _is_over(signed, covered):
            report.say("act.changed", path)
        elif signed.content is None:
            report.facts["acta"] = signer.name
    except (ValueError, Malformed) as why:
        report.say("act.malformed", path, type(why).__name__)


def _is_over(signed: SignedData, covered: bytes) -> bool:
    """A signature over the bytes, or a document time-stamp of them (ETSI EN 319 142-1 §5.4.3)."""
    if signed.content_type != TST_INFO or signed.content is None:
        return signed.is_over(covered)
    imprint = read_der(signed.content).sequence(5, 10)[2].sequence(2, 2)[1].body
    digests = (hashlib.new(name, covered).digest() for name in ("sha256", "sha384", "sha512"))
    return signed.is_over(signed.content) and imprint in list(digests)


def _unpadded(raw: bytes) -> bytes:
    """The value at the front of a reserved place that zeros fill up."""
    if len(raw) < 4 or raw[0] != 0x30:
        raise Malformed("CMS")
    count = raw[1] & 0x7F if raw[1] & 0x80 else 0
    size = 2 + count + (int.from_bytes(raw[2 : 2 + count], "big") if count else raw[1])
    if raw[size:].strip(b"\x00"):
        raise Malformed("CMS")
    return raw[:size]
