"""Renewals: each year a time-stamp over everything that proves the one before, so that a package stays provable after
its seal's certificate, its time authority and SHA-256 have gone (RFC 4998 §5; ETSI EN 319 422 in spirit, plain files).

A renewal is a folder below ``sello/renovaciones`` that comes whole or not at all; no byte that was sealed is touched.
docs/paquete.md is its contract. What is broken is not renewed, and what is not due is left alone.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

import structlog
from asn1crypto import cms, pem, tsp, x509

from cior_bus import durable_file
from cior_core.errors import ConfigInvalid, IntegrityBroken
from cior_core.model import Struct
from cior_evidence.bag import PAYLOAD, sync_tree
from cior_evidence.package_state import StateFile
from cior_evidence.seal import in_time
from cior_evidence.seal_settings import SealSettings
from cior_evidence.stored_archive import archive_head
from cior_evidence.time_stamping import Ask, Stamp, Tsa, certificates_of, time_of
from cior_evidence.verifier.certificates import Certificate
from cior_evidence.verifier.command import Given, check_seals, verify
from cior_evidence.verifier.registering import Kept

log = structlog.get_logger("cior.evidence")
FOLDER: Final = "sello/renovaciones"
LIST: Final = "lista.txt"
STAMP: Final = "lista.txt.tsr"
CHAIN: Final = "cadena.pem"
_SEAL_STAMP: Final = "sello/tagmanifest.p7s.tsr"
_SEAL_CHAIN: Final = "sello/cadena.pem"


class Need(StrEnum):
    """``LATE``: the last authority's certificate ended, and a stamp now would prove nothing of what was before."""

    FRESH = "fresh"
    DUE = "due"
    LATE = "late"


class Standing(Struct, frozen=True):
    """How long a package is proven. ``stamped_ms``: its last time-stamp; ``ends_ms``: when the first certificate that
    answers for it ends; ``due_ms``: from when on it is to be renewed; ``renewals``: how many there are.
    """

    folder: Path
    stamped_ms: int
    ends_ms: int
    due_ms: int
    renewals: int

    def need(self, now_ms: int) -> Need:
        """What is to be done about it now."""
        if now_ms >= self.ends_ms:
            return Need.LATE
        return Need.DUE if now_ms >= self.due_ms else Need.FRESH


def packages_in(out: Path) -> Iterator[Path]:
    """Sealed packages of a folder, by name."""
    for each in sorted(out.iterdir() if out.is_dir() else ()):
        if not each.name.startswith(".") and (each / _SEAL_STAMP).is_file():
            yield each


def standing(folder: Path, settings: SealSettings) -> Standing:
    """Of one package, by its files alone. Raises ``IntegrityBroken`` (``renewal.unreadable``)."""
    made = _made(folder)
    here = made[-1] if made else None
    token_path, chain_path = (
        (here / STAMP, here / CHAIN) if here else (folder / _SEAL_STAMP, folder / _SEAL_CHAIN)
    )
    try:
        token = tsp.TimeStampResp.load(token_path.read_bytes())["time_stamp_token"]
        stamped_ms, ends_ms = time_of(token), _end_of(token, chain_path.read_bytes(), settings)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise IntegrityBroken(
            "renewal.unreadable",
            f"the last time-stamp of {folder.name} cannot be read",
            cure="verify the package (verify.py) and restore it from its copy",
        ) from error
    yearly_ms = stamped_ms + _ms(days=settings.file.renew_after_days)
    before_end_ms = ends_ms - _ms(days=settings.file.renew_before_end_days)
    return Standing(folder, stamped_ms, ends_ms, min(yearly_ms, before_end_ms), len(made))


def _ms(*, days: float) -> int:
    return round(timedelta(days=days).total_seconds() * 1000)


def _made(folder: Path) -> list[Path]:
    there = folder / FOLDER
    return sorted(there.iterdir()) if there.is_dir() else []


def _end_of(token: cms.ContentInfo, chain: bytes, settings: SealSettings) -> int:
    """When the first certificate from the token's signer up to its root ends, the root left aside, UTC ms."""
    beside = [x509.Certificate.load(der) for _, _, der in pem.unarmor(chain, multiple=True)] if chain else []
    embedded = [x509.Certificate.load(der) for der in certificates_of(token)]
    known = [*embedded, *beside, *settings.tsa_chain]
    named = token["content"]["signer_infos"][0]["sid"].chosen
    signers = [each for each in known if each.serial_number == named["serial_number"].native]
    below, ends = signers[:1], list[datetime]()
    while below and below[0].self_signed == "no" and len(ends) < len(known):
        ends.append(below[0].not_valid_after)
        below = [each for each in known if each.subject == below[0].issuer][:1]
    if not ends:
        raise ValueError("no certificate of the authority")
    return round(min(ends).timestamp() * 1000)


def renew(found: Standing, settings: SealSettings, ask: Ask, *, now_ms: int) -> Standing:
    """Renew this package now. Raises ``IntegrityBroken`` (``renewal.late``, ``renewal.broken``), ``ConfigInvalid``
    (``seal.clock``), ``SourceUnavailable`` (``package.busy``), and what :meth:`Tsa.stamp` raises: the same again when
    the authority is back. One that somebody else renewed since ``found`` was read is left as they made it.
    """
    folder = found.folder
    with _alone(folder):
        if len(_made(folder)) != found.renewals:
            _mend(folder)
            return standing(folder, settings)
        if found.need(now_ms) is Need.LATE:
            raise IntegrityBroken(
                "renewal.late",
                f"the certificate of the last time-stamp of {folder.name} has ended: a stamp now bridges nothing",
                cure="keep the package as it is; what proves it is the act's digest and kept checkpoints",
            )
        _refuse_broken(folder, settings)
        work = folder.parent / f".{folder.name}.renovando"
        shutil.rmtree(work, ignore_errors=True)
        name = _name(folder, now_ms)
        stamp = _written(work / name, folder, settings=settings, tsa=Tsa(settings, ask))
        in_time(stamp.at_ms, now_ms, settings)
        sync_tree(work)
        _placed(work, folder, name)
        _refuse_unproven(folder, name, settings)
        archive_head(folder, archive_of(folder))
        log.info("package_renewed", package=folder.name, renewal=name)
    return standing(folder, settings)


def archive_of(folder: Path) -> Path:
    """The package as a ZIP."""
    return folder.with_name(f"{folder.name}.zip")


def mend_archive(folder: Path) -> None:
    """Write the ZIP anew when a kill left it without the last renewal. Raises ``SourceUnavailable`` (``package.busy``)
    while somebody is at work on it.
    """
    if not _is_archived(folder):
        with _alone(folder):
            _mend(folder)


def _mend(folder: Path) -> None:
    if not _is_archived(folder):
        archive_head(folder, archive_of(folder))


def _is_archived(folder: Path) -> bool:
    """Whether its ZIP, if it has one, has the newest renewal, if there is one."""
    made, path = _made(folder), archive_of(folder)
    if not made or not path.is_file():
        return True
    try:
        with zipfile.ZipFile(path) as there:
            return f"{folder.name}/{FOLDER}/{made[-1].name}/{STAMP}" in there.namelist()
    except zipfile.BadZipFile:
        return False


def _alone(folder: Path) -> AbstractContextManager[None]:
    """Nobody else builds or renews this package. Raises ``SourceUnavailable`` (``package.busy``)."""
    return StateFile(folder.parent / f".{folder.name}.estado").only_one()


def _given(settings: SealSettings) -> Given:
    return Given([Certificate(each.dump()) for each in settings.roots], Kept(None, []), None, "")


def _refuse_broken(folder: Path, settings: SealSettings) -> None:
    """By the verifier that travels, which shares no code with what built the package."""
    codes = verify(str(folder), _given(settings)).codes()
    if codes:
        raise IntegrityBroken(
            "renewal.broken",
            f"{folder.name} does not verify ({', '.join(codes)}): a new stamp would cover what is wrong with it",
            cure="run verify.py on it, restore it from its copy, then again",
        )


def _refuse_unproven(folder: Path, name: str, settings: SealSettings) -> None:
    codes = check_seals(str(folder), _given(settings)).codes()
    if codes:
        shutil.rmtree(folder / FOLDER / name)
        if not _made(folder):
            (folder / FOLDER).rmdir()
        raise ConfigInvalid(
            "renewal.unproven",
            f"the renewal just made would not be believed: {', '.join(codes)}",
            cure="correct root, tsa_chain and crls in the seal's file, then again",
        )


def _name(folder: Path, now_ms: int) -> str:
    year = f"{datetime.fromtimestamp(now_ms / 1000, UTC).year:04d}"
    taken = [each.name for each in _made(folder) if each.name.startswith(year)]
    return f"{year}-{len(taken) + 1:02d}" if taken else year


def _written(here: Path, folder: Path, *, settings: SealSettings, tsa: Tsa) -> Stamp:
    """The renewal's files, in a folder of its own."""
    here.mkdir(parents=True)
    own = f"{FOLDER}/{here.name}"
    fresh = {f"{own}/{number:04d}.crl": each.dump() for number, each in enumerate(settings.crls, start=1)}
    for path, content in fresh.items():
        (here / Path(path).name).write_bytes(content)
    rows = {path: hashlib.sha512(content).hexdigest() for path, content in fresh.items()}
    rows |= {path: _sha512(folder / path) for path in _covered(folder)}
    content = "".join(f"{rows[path]}  {path}\n" for path in sorted(rows)).encode()
    stamp = tsa.stamp(content, digest="sha512")
    (here / LIST).write_bytes(content)
    (here / STAMP).write_bytes(stamp.response)
    (here / CHAIN).write_bytes(_chain(settings, stamp))
    return stamp


def _covered(folder: Path) -> Iterator[str]:
    """What a renewal names: the bag without its payload, whose SHA-512 manifest is there, and all of the seal."""
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        name = path.relative_to(folder).as_posix()
        if name.startswith(("bag/", "sello/")) and not name.startswith(f"bag/{PAYLOAD}"):
            yield name


def _sha512(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha512").hexdigest()


def _chain(settings: SealSettings, stamp: Stamp) -> bytes:
    tsa = (x509.Certificate.load(der) for der in stamp.certificates)
    found = {each.dump(): None for each in (*tsa, *settings.tsa_chain) if each.self_signed == "no"}
    return b"".join(pem.armor("CERTIFICATE", der) for der in found)


def _placed(work: Path, folder: Path, name: str) -> None:
    """At its place in one step, whether or not it is the first."""
    target = folder / FOLDER
    if target.is_dir():
        (work / name).replace(target / name)
        work.rmdir()
    else:
        work.replace(target)
    durable_file.sync_folder(target)
    durable_file.sync_folder(target.parent)
