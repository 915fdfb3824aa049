"""A package as ZIPs: stored, no comment, nothing before them, the same bytes from the same folder. One that is larger
than a part may be is several: the first has everything but the payload, each other one whole files of that, as the
package's own sealed list says (``meta/partes.json``). Unpacked in one place they are the package again.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from cior_bus import durable_file

LIST: Final = "meta/partes.json"
_BAG: Final = "bag"
_DAY = (1980, 1, 1, 0, 0, 0)
_PAYLOAD: Final = "data/"


class _Listed(msgspec.Struct, frozen=True):
    parts: tuple[tuple[str, ...], ...] = msgspec.field(name="partes", default=())


def plan(sizes: Mapping[str, int], part_bytes: int) -> tuple[tuple[str, ...], ...]:
    """The payload of each part, none of the first; empty when one ZIP holds it all. ``sizes``: of files of the payload
    by their path in the bag; ``part_bytes`` 0: never split. A file that is larger alone is a part of its own.
    """
    if not part_bytes or sum(sizes.values()) <= part_bytes:
        return ()
    parts: list[list[str]] = []
    left = 0
    for path in sorted(sizes):
        if not parts or sizes[path] > left:
            parts.append([])
            left = part_bytes
        parts[-1].append(path)
        left -= sizes[path]
    return ((), *map(tuple, parts))


def parts_of(folder: Path) -> tuple[tuple[str, ...], ...]:
    """What a package's own list says; empty for one ZIP."""
    path = folder / _BAG / LIST
    return msgspec.json.decode(path.read_bytes(), type=_Listed).parts if path.is_file() else ()


def archives(target: Path, parts: int) -> list[Path]:
    """The ZIPs of a package: ``target`` itself, then those of its payload."""
    more = (f"{target.stem}.parte-{number:02d}-de-{parts:02d}.zip" for number in range(2, parts + 1))
    return [target, *(target.with_name(name) for name in more)]


def archive(folder: Path, target: Path) -> list[Path]:
    """Write ``folder``, by its name, into ``target`` and its further parts, each of which stands whole or not at all,
    the first one last. ``OSError`` passes through.
    """
    parts = parts_of(folder)
    paths = archives(target, len(parts))
    for path, names in zip(paths[1:], parts[1:], strict=True):
        _write(folder, path, [folder / _BAG / name for name in names])
    archive_head(folder, target)
    return paths


def archive_head(folder: Path, target: Path) -> None:
    """The first ZIP alone: what came beside a package since changes no other."""
    payload = folder / _BAG / _PAYLOAD
    is_split = bool(parts_of(folder))
    inside = (each for each in folder.rglob("*") if each.is_file())
    _write(folder, target, (each for each in inside if not (is_split and each.is_relative_to(payload))))


def _write(folder: Path, target: Path, paths: Iterable[Path]) -> None:
    fresh = target.with_name(f"{target.name}.new")
    fresh.unlink(missing_ok=True)
    with zipfile.ZipFile(fresh, "x", zipfile.ZIP_STORED, allowZip64=True) as made:
        for path in sorted(paths):
            entry = zipfile.ZipInfo(f"{folder.name}/{path.relative_to(folder).as_posix()}", _DAY)
            entry.external_attr = 0o100644 << 16
            entry.file_size = path.stat().st_size
            with path.open("rb") as source, made.open(entry, "w") as out:
                shutil.copyfileobj(source, out, 1 << 20)
    with fresh.open("rb") as file:
        os.fsync(file.fileno())
    fresh.replace(target)
    durable_file.sync_folder(target.parent)
