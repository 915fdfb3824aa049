"""Whether a centre could seal a package: its files (``cior config lint``), and the authority of time (``check``)."""

from __future__ import annotations

import time

from cior_console.evidence_place import rings
from cior_core.centre_file import Centre, EvidenceSection
from cior_core.errors import ConfigInvalid
from cior_evidence.commands.package import camera_validators
from cior_evidence.seal import in_time
from cior_evidence.seal_keys import signer
from cior_evidence.seal_settings import SealSettings, load_seal
from cior_evidence.time_stamping import Tsa, over_http


def read_files(centre: Centre, section: EvidenceSection) -> None:
    """The seal's file with what it names, and that there is a recorder to take footage from.

    Raises ``ConfigInvalid`` (``seal.*``, ``keys.*``, ``evidence.no_ring``, ``validator.*``). A security module is not
    asked: each wrong PIN brings its lock nearer.
    """
    camera_validators(centre)
    settings = _settings(centre, section)
    if settings.file.hsm is None:
        with signer(settings):
            pass
    if not rings(centre):
        raise ConfigInvalid(
            "evidence.no_ring",
            "[evidence] has no recorder to take footage from",
            cure='add a [[recorder]], or rings = ["/the/folder/of/one"] to [evidence]',
        )


def reach(centre: Centre, section: EvidenceSection) -> str:
    """Have something stamped. Raises ``SourceUnavailable`` (``seal.tsa_*``), ``ConfigInvalid`` (``seal.clock``, …)."""
    settings = _settings(centre, section)
    stamp = Tsa(settings, over_http(settings)).stamp(b"cior config check")
    now_ms = time.time_ns() // 1_000_000
    in_time(stamp.at_ms, now_ms, settings)
    return f"the authority of time answers, {abs(stamp.at_ms - now_ms) / 1000:.0f} s from this clock"


def _settings(centre: Centre, section: EvidenceSection) -> SealSettings:
    path = centre.beside(section.seal)
    if not path.is_file():
        raise ConfigInvalid(
            "seal.file",
            f"there is no {section.seal} beside {centre.path.name}",
            cure="write it (deploy/README.md, keys of the seal), or correct [evidence] seal",
        )
    return load_seal(path)
