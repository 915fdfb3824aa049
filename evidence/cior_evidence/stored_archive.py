"""A package as one ZIP: stored, no comment, nothing before it, the same bytes from the same folder."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

from cior_bus import durable_file

_DAY = (1980, 1, 1, 0, 0, 0)


def archive(folder: Path, target: Path) -> None:
    """Write ``folder``, by its name, into ``target``, which stands whole or not at all. ``OSError`` passes through."""
    fresh = target.with_name(f"{target.name}.new")
    fresh.unlink(missing_ok=True)
    with zipfile.ZipFile(fresh, "x", zipfile.ZIP_STORED, allowZip64=True) as made:
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            entry = zipfile.ZipInfo(f"{folder.name}/{path.relative_to(folder).as_posix()}", _DAY)
            entry.external_attr = 0o100644 << 16
            entry.file_size = path.stat().st_size
            with path.open("rb") as source, made.open(entry, "w") as out:
                shutil.copyfileobj(source, out, 1 << 20)
    with fresh.open("rb") as file:
        os.fsync(file.fileno())
    fresh.replace(target)
    durable_file.sync_folder(target.parent)
