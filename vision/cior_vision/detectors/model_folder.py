"""A model is a folder with a known digest: nobody's verdict may rest on a file that changed silently."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from cior_core.errors import ConfigInvalid, IntegrityBroken

_NAME = re.compile(r"^\s+(?P<index>\d+):\s*(?P<name>.+?)\s*$")


def folder_sha256(folder: Path) -> str:
    """Digest of a model folder, the same as ``cd FOLDER && LC_ALL=C sha256sum * | sha256sum`` prints.

    Raises ``ConfigInvalid`` when there is none.
    """
    if not folder.is_dir():
        raise ConfigInvalid(
            "vision.model_missing",
            "the model folder does not exist",
            cure='set detector.model_dir to the folder, or engine = "none"',
        )
    listing = hashlib.sha256()
    for path in sorted(
        (path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")),
        key=lambda path: path.name.encode(),
    ):
        with path.open("rb") as file:
            listing.update(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n".encode())
    return listing.hexdigest()


def verified_sha256(folder: Path, expected: str) -> str:
    """The folder's digest, if it is the expected one.

    Raises ``IntegrityBroken`` (``vision.model_changed``) otherwise: the worker must not start.
    """
    actual = folder_sha256(folder)
    if actual != expected.lower():
        raise IntegrityBroken(
            "vision.model_changed",
            f"the model folder's digest is {actual}, the settings say {expected.lower()}",
            cure="restore the approved model, or approve this one: set detector.model_sha256 to its digest",
        )
    return actual


def network_file(folder: Path, suffixes: Sequence[str], name: str = "") -> Path:
    """The network's file: ``name`` in the folder, or the only one of these kinds.

    Nothing beside what the digest covers may be loaded, so a name is a plain one and the folder has no hidden file
    and no folder, to which a network could refer. Raises ``ConfigInvalid`` (``vision.model_files``).
    """
    uncovered = sorted(path.name for path in folder.iterdir() if path.name.startswith(".") or path.is_dir())
    if uncovered:
        raise ConfigInvalid(
            "vision.model_files",
            f"the model folder holds what its digest does not cover: {', '.join(uncovered)}",
            cure="keep only the model's own, visible files in it",
        )
    found = sorted(path for path in folder.iterdir() if path.suffix in suffixes)
    if name:
        found = [path for path in found if path.name == name]
    if len(found) != 1:
        raise ConfigInvalid(
            "vision.model_files",
            f"the model folder holds {len(found)} networks{f' named {name}' if name else ''} ({', '.join(suffixes)})",
            cure="keep exactly one in it, or name one by its file name: detector.weights",
        )
    return found[0]


def read_labels(folder: Path) -> tuple[str, ...]:
    """Class names by index from the ``names:`` block of the export's ``metadata.yaml`` (``index: name``).

    Raises ``ConfigInvalid``.
    """
    path = folder / "metadata.yaml"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    names: dict[int, str] = {}
    in_block = False
    for line in text.splitlines():
        if not line.startswith(" "):
            in_block = line.strip() == "names:"
        elif in_block and (found := _NAME.match(line)):
            names[int(found["index"])] = found["name"].strip("'\"")
    if not names or sorted(names) != list(range(len(names))):
        raise ConfigInvalid(
            "vision.model_labels",
            "the model folder has no usable class names (metadata.yaml, names:)",
            cure="export the model again with its metadata",
        )
    return tuple(names[index] for index in range(len(names)))
