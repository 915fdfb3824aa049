"""A package in several ZIPs: its own sealed list says which file is in which, so that a part that is missing, of
another package, given twice or put together otherwise has a name.
"""

from __future__ import annotations

import os
from typing import Any

from cior_evidence.verifier.findings import Report
from cior_evidence.verifier.folder import Files
from cior_evidence.verifier.stored_zip import StoredZip
from cior_evidence.verifier.strict_json import read_object

PARTS_LIST = "bag/meta/partes.json"
OF_PAYLOAD = "bag/data/"
MOST_PARTS = 999


class ZipParts(Files):
    """The files of all ZIPs together; ``names``: of each, what of the payload is in it."""

    def __init__(self, paths: list[str], report: Report) -> None:
        super().__init__()
        self.names: dict[str, set[str]] = {}
        self._within: dict[str, StoredZip] = {}
        top = ""
        for path in paths[: MOST_PARTS + 1]:
            name, found = os.path.basename(path), StoredZip(path, report)
            if not found.sizes:
                continue  # why was said
            if top and found.top != top:
                report.say("part.foreign", name, f"{found.top} / {top}")
                continue
            top = found.top
            self._take(name, found, report)

    def _take(self, name: str, found: StoredZip, report: Report) -> None:
        twice = sorted(path for path in found.sizes if path in self.sizes)
        if twice:
            report.say("part.twice", name, twice[0])
        self.names[name] = {path for path in found.sizes if path.startswith(OF_PAYLOAD)}
        for path, size in found.sizes.items():
            self.sizes.setdefault(path, size)
            self._within.setdefault(path, found)

    def place(self, path: str) -> tuple[int, int]:
        """In the ZIP that has it."""
        return self._within[path].place(path)


def check_parts(folder: Files, payload: dict[str, str], report: Report) -> None:
    """Check the list of parts, if there is one, against the manifest and against what was given."""
    names = folder.names if isinstance(folder, ZipParts) else {}
    if PARTS_LIST not in folder.sizes:
        if len(names) > 1:
            report.say("part.list", PARTS_LIST)
        return
    listed = _handed_out(read_object(folder, PARTS_LIST, report))
    told = [path for part in listed for path in part]
    if len(listed) < 2 or len(told) != len(set(told)) or set(told) != {"bag/" + path for path in payload}:
        report.say("part.list", PARTS_LIST, f"{len(told)} / {len(payload)}")
        return
    for number, part in enumerate(listed, start=1):
        if part and not any(path in folder.sizes for path in part):
            report.say("part.missing", f"{number}/{len(listed)}", part[0])
    for name, inside in names.items():
        if inside and inside not in [set(part) for part in listed]:
            report.say("part.mixed", name, min(inside))


def _handed_out(found: dict[str, Any]) -> list[list[str]]:
    """The payload of each part, as paths from the package's top."""
    parts = found.get("partes")
    if not isinstance(parts, list) or len(parts) > MOST_PARTS:
        return []
    return [
        ["bag/" + path for path in part if isinstance(path, str)] if isinstance(part, list) else []
        for part in parts
    ]
