"""Where the signed pages of the register's ledger are."""

from __future__ import annotations

from pathlib import Path

from cior_bus.checkpoint_key import CHECKPOINTS, open_checkpoint_key, origin_of
from cior_core.centre_file import Centre
from cior_register.place import FOLDER
from cior_sink.checkpoints import CheckpointPlace


def ledger_place(centre: Centre) -> CheckpointPlace:
    """Where the pages of the ledger go: a folder, a name and a key of their own, since each folder has one writer, and
    a centre's services are shown their keys to read only.
    """
    origin = origin_of(centre.file.centre.name) + "/register"
    return CheckpointPlace(
        folder=pages_folder(centre),
        origin=origin,
        key=open_checkpoint_key(centre.data / FOLDER, origin=origin),
        blinding=bytes(32),  # nothing sealed has a head of its own in these pages
    )


def pages_folder(centre: Centre) -> Path:
    """The folder of the ledger's pages."""
    return centre.data / CHECKPOINTS / FOLDER
