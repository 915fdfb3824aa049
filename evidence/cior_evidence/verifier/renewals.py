"""Renewals: each year a new time-stamp over everything that proves the one before (RFC 4998 §5, in plain files).

``sello/renovaciones/AAAA/lista.txt`` names, by SHA-512, every file of the bag outside ``data/`` (whose SHA-512 manifest
is among them), every file of ``sello/``, and every renewal before it; ``lista.txt.tsr`` is a time-stamp over that list.
So from the first renewal on nothing rests on SHA-256, on the seal's key, or on an authority whose certificate ended.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import NamedTuple

from cior_evidence.verifier.bag import MOST_MANIFEST_BYTES, is_sound_path
from cior_evidence.verifier.certificates import (
    MOST_CERTIFICATES,
    Certificate,
    RevocationList,
    Trust,
    chain_of,
    pem_blocks,
)
from cior_evidence.verifier.der import Malformed
from cior_evidence.verifier.findings import Report
from cior_evidence.verifier.folder import RENEWALS, Files, TooLarge
from cior_evidence.verifier.seal import SIGNATURE, TOKEN, Sealed, small
from cior_evidence.verifier.time_stamps import check_stamp, read_stamp, readable_lists, token_of

LIST, LIST_TOKEN, LIST_CHAIN = "lista.txt", "lista.txt.tsr", "cadena.pem"
NOT_YET = "sello/acta-firmada.pdf"  # may come back from its signer after a renewal
MOST_RENEWALS = 100
LIST_LINE = re.compile(r"([0-9a-f]{128}) {2}([^ ]+)")


class Link(NamedTuple):
    """A time-stamp of the chain: of when, and until when its authority's certificates answer for it."""

    at: datetime
    until: datetime | None


def check_renewals(folder: Files, sealed: Sealed, trust: Trust, report: Report) -> None:
    """Check each renewal against what lies in the package and against the time-stamp before it."""
    names = renewal_names(folder)
    last = _link_of_seal(folder, sealed, trust)
    for place, name in enumerate(names):
        found = _check_one_renewal(folder, names, place, trust=trust, report=report)
        if found is not None:
            if last is not None:
                _check_link(last, found, RENEWALS + name, report)
            report.facts["renovado"] = f"{found.at:%Y-%m-%dT%H:%M:%SZ}"
        last = found or last
    if last is not None and last.until is not None:
        report.facts["renovar-antes-de"] = f"{last.until:%Y-%m-%dT%H:%M:%SZ}"
        if last.until < datetime.now(timezone.utc):
            report.say("renewal.overdue", RENEWALS, f"{last.until:%Y-%m-%d}")


def renewal_names(folder: Files) -> list[str]:
    """Folders below ``sello/renovaciones/``, oldest first."""
    found = {path[len(RENEWALS) :].split("/")[0] for path in folder.sizes if path.startswith(RENEWALS)}
    return sorted(found)[:MOST_RENEWALS]


def _link_of_seal(folder: Files, sealed: Sealed, trust: Trust) -> Link | None:
    path = TOKEN if TOKEN in folder.sizes else SIGNATURE
    if sealed.at is None or path == SIGNATURE:
        return Link(sealed.at, None) if sealed.at is not None else None
    return Link(sealed.at, _until(small(folder, path, Report()) or b"", trust))


def _until(response: bytes, trust: Trust) -> datetime | None:
    """When the first certificate of a sound token's chain ends, its root left aside; None where there is no chain."""
    try:
        signed = read_stamp(token_of(response)).signed
        own = trust.with_more(signed.certificates, [])
        signer = signed.signer(own.others)
        chain = chain_of(signer, own) if signer is not None else None
    except Malformed:
        return None
    ends = [each.until for each in (chain or [])[: max(1, len(chain or []) - 1)]]
    return min(ends) if ends else None


def _check_one_renewal(
    folder: Files, names: list[str], place: int, *, trust: Trust, report: Report
) -> Link | None:
    here = RENEWALS + names[place] + "/"
    content, response = _small_list(folder, here + LIST, report), small(folder, here + LIST_TOKEN, report)
    for path, found in ((here + LIST, content), (here + LIST_TOKEN, response)):
        if found is None:
            report.say("renewal.missing", path)
    if content is None or response is None:
        return None
    _check_list(folder, names, place, content=content, report=report)
    following = [RENEWALS + names[place + 1] + "/"] if place + 1 < len(names) else []
    more = trust.with_more(_certificates(folder, here, report), lists_below(folder, [here] + following))
    at = check_stamp(response, content, more, report.say, path=here + LIST_TOKEN)
    return Link(at, _until(response, more)) if at is not None else None


def _small_list(folder: Files, path: str, report: Report) -> bytes | None:
    try:
        return folder.read(path, MOST_MANIFEST_BYTES) if path in folder.sizes else None
    except (OSError, TooLarge):
        report.say("file.unreadable", path)
        return None


def _certificates(folder: Files, here: str, report: Report) -> list[Certificate]:
    try:
        raws = pem_blocks(small(folder, here + LIST_CHAIN, report) or b"", "CERTIFICATE")
        return [Certificate(raw) for raw in raws[:MOST_CERTIFICATES]]
    except Malformed as why:
        report.say("renewal.malformed", here + LIST_CHAIN, str(why))
        return []


def lists_below(folder: Files, places: list[str]) -> list[RevocationList]:
    """Readable revocation lists in these folders of renewals."""
    paths = [
        path for path in sorted(folder.sizes) if path.endswith(".crl") and path.startswith(tuple(places))
    ]
    raws = [small(folder, path, Report()) or b"" for path in paths[:MOST_CERTIFICATES]] if places else []
    return readable_lists([raw for raw in raws if raw])


def _check_list(folder: Files, names: list[str], place: int, *, content: bytes, report: Report) -> None:
    """It names all that it must, nothing that came later, and every digest is still right."""
    where = RENEWALS + names[place] + "/" + LIST
    listed = _listed(content, where, report)
    if listed is None:
        return
    later = tuple(RENEWALS + name + "/" for name in names[place:])
    own = RENEWALS + names[place] + "/"
    for path in sorted(_to_cover(folder, own, later) - set(listed)):
        if path != NOT_YET:
            report.say("renewal.uncovered", path, where)
    for path, digest in listed.items():
        if path.startswith(later) and not _is_own_list(path, own):
            report.say("renewal.order", where, path)
        elif path not in folder.sizes:
            report.say("renewal.dropped", path, where)
        elif _digest512(folder, path) != digest:
            report.say("renewal.digest", path, where)


def _to_cover(folder: Files, own: str, later: tuple[str, ...]) -> set[str]:
    found = {path for path in folder.sizes if path.startswith("bag/") and not path.startswith("bag/data/")}
    found |= {path for path in folder.sizes if path.startswith("sello/") and not path.startswith(later)}
    return found | {path for path in folder.sizes if _is_own_list(path, own)}


def _is_own_list(path: str, own: str) -> bool:
    """A revocation list that was fetched for this renewal."""
    return path.startswith(own) and path.endswith(".crl")


def _listed(content: bytes, where: str, report: Report) -> dict[str, str] | None:
    found: dict[str, str] = {}
    last = ""
    lines = content.decode("ascii", "replace").split("\n")
    for number, line in enumerate(lines[:-1], start=1):
        match = LIST_LINE.fullmatch(line)
        if match is None or match.group(2) <= last or not is_sound_path(match.group(2)):
            report.say("renewal.malformed", where, str(number))
            return None
        last = match.group(2)
        found[last] = match.group(1)
    if not found or lines[-1]:
        report.say("renewal.malformed", where, "0")
        return None
    return found


def _digest512(folder: Files, path: str) -> str:
    try:
        return folder.digests(path)[1]
    except OSError:
        return ""


def _check_link(before: Link, after: Link, path: str, report: Report) -> None:
    if after.at <= before.at:
        report.say("renewal.order", path, f"{after.at:%Y-%m-%d %H:%M:%S} <= {before.at:%Y-%m-%d %H:%M:%S}")
    if before.until is not None and after.at > before.until:
        report.say("renewal.late", path, f"{after.at:%Y-%m-%d} > {before.until:%Y-%m-%d}")
