"""The register's ledger against its chain, and its chain against the signed pages that lie in the data folder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from cior_core.centre_file import Centre
from cior_core.checkpoint import public_of
from cior_core.people import REGISTER_CHAIN
from cior_register import keeping
from cior_register.place import register_dsn
from cior_sink.commands.verify_log import key_line
from cior_sink.ledger_pages import pages_folder
from cior_sink.log_check import Finding, read_checkpoints


def ledger_findings(centre: Centre, key: str | None, *, as_owner: bool = False) -> Iterator[Finding]:
    """What ``cior register verify`` says. ``key``: the line that the centre handed out; None: that beside the pages."""
    folder = pages_folder(centre)
    line, is_own = key_line(folder, key)
    if is_own:
        yield Finding("own_key", {"key": line})
    now_ms = time.time_ns() // 1_000_000
    found = read_checkpoints(folder, public_of(line)[1] if line else bytes(32), until_ms=now_ms)
    chain = list(chain_findings(register_dsn(centre, as_owner=as_owner), found.pins.get(REGISTER_CHAIN, {})))
    # Of a ledger in which nothing stands yet no page was ever signed: that is a new centre, and no finding.
    is_new = not found.pins and all(each.arguments.get("entries") == 0 for each in chain)
    yield from (each for each in found.findings if not (is_new and each.code == "no_pages"))
    yield from chain


def chain_findings(dsn: str, pins: Mapping[int, str]) -> Iterator[Finding]:
    """The chain alone, against these hashes by number."""
    proof = keeping.prove(dsn, pins=pins)
    for each in proof.walked.defects:
        names = ", ".join(each.names)
        yield Finding(
            each.code, {"chain": each.chain, "first": each.first, "last": each.last, "names": names}
        )
    if proof.misfiled:
        yield Finding("ledger_misfiled", {"names": ", ".join(map(str, proof.misfiled))})
    yield Finding(
        "chain", {"chain": REGISTER_CHAIN, "entries": proof.walked.entries, "newer": proof.walked.newer}
    )
