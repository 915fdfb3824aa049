"""The register in ``cior backup`` and ``cior restore``: its own copy, locked in the backup; its way back, proven
against its chain and its pages.

A register on a server is restored by its owner: where CIOR_REGISTER_OWNER is not set, its copy is left in the new
home's folder ``register``, for ``cior register restore``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cior_bus.centre import load
from cior_core.centre_file import Centre
from cior_register import backup as copies
from cior_register.dsn import RegisterDsn
from cior_register.place import FOLDER, OWNER, register_dsn
from cior_sink.backing_up import DATA
from cior_sink.ledger_pages import pages_folder
from cior_sink.log_check import Finding
from cior_sink.register_proof import chain_findings, ledger_findings


def copier(centre: Centre) -> Callable[[Path], None] | None:
    """Writes the copy of a centre's register, and its facts beside it. None where the data folder is not the console's,
    as that of another part in a container, or where no console ever ran.
    """
    if not (centre.data / FOLDER).is_dir():
        return None
    dsn = register_dsn(centre, as_owner=True)

    def copy(path: Path) -> None:
        """Raises ``SourceUnavailable`` when a server is away: a backup without people is none."""
        file = RegisterDsn.parse(dsn).path
        if file is None or file.exists():
            copies.backup(dsn, path, now_ms=time.time_ns() // 1_000_000)

    return copy


def put_back(home: Path, centre_file: Path, copy: Path) -> Sequence[Finding]:
    """Restore a copy into the register of a home that is being made; what its check found.

    Raises ``ConfigInvalid`` (``register.not_empty``), ``IntegrityBroken`` (``register.backup_…``).
    """
    centre = load(centre_file, home / DATA)
    dsn = register_dsn(centre, as_owner=True)
    if RegisterDsn.parse(dsn).path is None and not os.environ.get(OWNER):
        return (Finding("register_waits", {"name": copy.name}),)
    copies.restore(dsn, copy)
    for path in (copy, Path(f"{copy}.json")):
        path.unlink()
    # A centre whose console never ran has no pages: then the chain is checked in itself.
    has_pages = pages_folder(centre).is_dir()
    return tuple(ledger_findings(centre, None, as_owner=True) if has_pages else chain_findings(dsn, {}))
