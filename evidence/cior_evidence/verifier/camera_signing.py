"""Signatures that cameras put into their video: what the list says of them, and whether they are there. Nothing here
checks one: that is for the validator of whoever made the scheme, and what it said is repeated, never believed.
"""

from __future__ import annotations

from typing import Any, Iterator

from cior_evidence.verifier.contents import TOOLS
from cior_evidence.verifier.findings import Report
from cior_evidence.verifier.strict_json import instant

SIGNED = "firma_camara"
SIGNERS = {
    "onvif": "005bc93f-2d71-5e95-ada4-796f90877a6f",
    "axis": "5369676e-6564-2056-6964-656f2e2e2e30",
}
OF_UUID = {bytes.fromhex(uuid.replace("-", "")): scheme for scheme, uuid in SIGNERS.items()}
NOT_SIGNED, NOT_AUTHENTIC, UNJUDGED = "not_signed", "not_authentic", "unknown"
# The gravest first; what a validator must have said; not signed: no signature is there.
JUDGEMENTS = (NOT_AUTHENTIC, UNJUDGED, "signed_unknown", "authentic")
OF_VALIDATORS = (NOT_AUTHENTIC, "signed_unknown", "authentic")
UNREGISTERED = 5
# Sample entry: bytes of a unit's header, shift and mask of its type, the types that carry messages, the box of the
# decoder's configuration, and where in it the length of lengths stands (ISO/IEC 14496-15).
AVC = (1, 0, 0x1F, (6,), b"avcC", 4)
HEVC = (2, 1, 0x3F, (39, 40), b"hvcC", 21)
CODED = {b"avc1": AVC, b"avc3": AVC, b"hvc1": HEVC, b"hev1": HEVC}


class SignatureReader:
    """Counts the packets that carry a signature. ``described``: the content of ``stsd``."""

    def __init__(self, described: bytes) -> None:
        self.found: dict[str, int] = {}
        self._form = CODED.get(described[12:16])
        self._width = 4
        if self._form is not None:
            at = described.find(self._form[4]) + 4 + self._form[5]
            self._width = (described[at] & 3) + 1 if 4 <= at < len(described) else 4

    def take(self, packet: bytes) -> None:
        """One more packet, in any order."""
        if self._form is None or not any(uuid[-8:] in packet for uuid in OF_UUID):
            return
        for scheme in {scheme for unit in self._units(packet) for scheme in self._signers(unit)}:
            self.found[scheme] = self.found.get(scheme, 0) + 1

    def _units(self, packet: bytes) -> Iterator[bytes]:
        at = 0
        while at + self._width <= len(packet):
            begins = at + self._width
            at = begins + int.from_bytes(packet[at:begins], "big")
            if at > len(packet):
                return
            yield packet[begins:at]

    def _signers(self, unit: bytes) -> Iterator[str]:
        assert self._form is not None
        header, shift, mask, kinds = self._form[:4]
        if len(unit) <= header or (unit[0] >> shift) & mask not in kinds:
            return
        payload, at = unit[header:].replace(b"\0\0\3", b"\0\0"), 0
        while at + 2 < len(payload):
            kind, at = _coded_number(payload, at)
            size, at = _coded_number(payload, at)
            if size > len(payload) - at:
                return
            scheme = OF_UUID.get(payload[at : at + 16]) if size >= 16 else None
            if kind == UNREGISTERED and scheme is not None:
                yield scheme
            at += size


def _coded_number(payload: bytes, at: int) -> tuple[int, int]:
    value = 0
    while at < len(payload) and payload[at] == 0xFF:
        value, at = value + 0xFF, at + 1
    return value + (payload[at] if at < len(payload) else 0), at + 1


def check_signatures(row: dict[str, Any], where: str, found: dict[str, int], report: Report) -> None:
    """What a native file's row says of its camera's signatures, against those that were ``found`` in it."""
    told, path = row.get(SIGNED), "bag/" + str(row.get("archivo"))
    if told is None:
        if found:
            report.say("camera.untold", path, ", ".join(sorted(found)))
        return
    rows = told.get("firmas") if isinstance(told, dict) else None
    signatures = [each for each in rows if isinstance(each, dict)] if isinstance(rows, list) else []
    if (
        not isinstance(told, dict)
        or not isinstance(rows, list)
        or len(signatures) != len(rows)
        or not all(_is_signature(each) for each in signatures)
        or told.get("veredicto") != _gravest(signatures)
        or not _is_spare(row, told.get("gop_agregado_desde"))
    ):
        report.say("meta.field", where, SIGNED)
        return
    counted = {each["esquema"]: each["cuadros"] for each in signatures}
    if counted != found or len(counted) != len(signatures):
        report.say("camera.scheme", path, f"{_told_counts(counted)} / {_told_counts(found)}")
    for each in signatures:
        if each["veredicto"] == NOT_AUTHENTIC:
            report.say("camera.notauthentic", path, "{}: {}".format(each["validador"], each["razon"]))
        elif each["veredicto"] != "authentic":
            report.say("camera.unproven", path, "{}: {}".format(each["esquema"], each["razon"]))


def _told_counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{scheme} {counts[scheme]}" for scheme in sorted(counts)) or NOT_SIGNED


def _is_signature(each: dict[str, Any]) -> bool:
    scheme, verdict, by, said = (each.get(name) for name in ("esquema", "veredicto", "validador", "dicho"))
    return (
        isinstance(scheme, str)
        and SIGNERS.get(scheme, "") == each.get("uuid")
        and type(each.get("cuadros")) is int
        and verdict in JUDGEMENTS
        and isinstance(each.get("razon"), str)
        and (isinstance(by, str) or (by is None and verdict not in OF_VALIDATORS))
        and isinstance(said, list)
        and all(isinstance(line, str) for line in said)
    )


def _gravest(signatures: list[dict[str, Any]]) -> str:
    said = [each["veredicto"] for each in signatures]
    return next((each for each in JUDGEMENTS if each in said), NOT_SIGNED)


def _is_spare(row: dict[str, Any], told: Any) -> bool:
    """Where the group begins that is there for a signature: after the beginning, and not after the end."""
    at, since, until = (instant(each) for each in (told, row.get("desde"), row.get("hasta")))
    return told is None or (
        at is not None and since is not None and until is not None and since < at <= until
    )


def check_validators(rows: list[dict[str, Any]], tools: dict[str, Any], report: Report) -> None:
    """Every validator that a row names is described in ``herramientas.json``."""
    listed = tools.get("validadores_de_camara")
    known = (
        [each.get("nombre") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    )
    for row in rows:
        told = row.get(SIGNED)
        signatures = told.get("firmas") if isinstance(told, dict) else None
        for each in signatures if isinstance(signatures, list) else []:
            by = each.get("validador") if isinstance(each, dict) else None
            if by is not None and by not in known:
                report.say("meta.field", TOOLS, "validadores_de_camara")
