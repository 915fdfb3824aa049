"""The drop folder: which files are whole, who they are, and where they go when every record is durable."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from cior_connectors.builtin.cad_drop.config import CadDropConfig

UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp", ".done", ".ack")
DONE, QUARANTINE = "done", "quarantine"
_EDGE_BYTES = 65_536


def fingerprint(path: Path, stream: BinaryIO) -> str:
    """Who this file is: name, size, change time and both ends of its content. A replaced or grown file is another one.

    Leaves the stream at 0.
    """
    facts = os.fstat(stream.fileno())
    digest = hashlib.sha256(
        f"{path.name}\0{facts.st_size}\0{facts.st_mtime_ns}\0".encode("utf-8", "surrogateescape")
    )
    stream.seek(0)
    digest.update(stream.read(_EDGE_BYTES))
    stream.seek(max(0, facts.st_size - _EDGE_BYTES))
    digest.update(stream.read(_EDGE_BYTES))
    stream.seek(0)
    return digest.hexdigest()[:32]


class Folder:
    """One folder to look at. Remembers sizes between looks, for the rule ``stable``."""

    def __init__(self, config: CadDropConfig, *, now_ms: Callable[[], int]) -> None:
        self._config = config
        self._root = Path(config.folder)
        self._now_ms = now_ms
        self._resting: dict[str, tuple[int, int, int]] = {}

    def ready(self, busy: set[str]) -> list[Path]:
        """Whole files, oldest change first, without those in ``busy`` (names).

        Raises ``OSError`` when the folder cannot be read.
        """
        found: list[tuple[int, str]] = []
        present: set[str] = set()
        with os.scandir(self._root) as entries:
            listing = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
        names = {entry.name for entry in listing}
        for entry in listing:
            present.add(entry.name)
            if entry.name in busy or not self._ours(entry.name):
                continue
            with contextlib.suppress(FileNotFoundError):
                facts = entry.stat(follow_symlinks=False)
                if self._whole(entry.name, facts, names) and not self._acknowledged(entry.name, facts):
                    found.append((facts.st_mtime_ns, entry.name))
        self._resting = {name: seen for name, seen in self._resting.items() if name in present}
        return [self._root / name for _, name in sorted(found)]

    def finish(self, path: Path, *, good: bool, report: dict[str, int | str]) -> None:
        """Acknowledge towards the CAD: move the file, or write its ``.ack``. Raises ``OSError``."""
        facts = path.stat()
        text = (
            json.dumps(report | {"size": facts.st_size, "mtime_ns": facts.st_mtime_ns}, sort_keys=True) + "\n"
        )
        if self._config.finish == "ack_file":
            _write_whole(path.with_name(path.name + ".ack"), text)
            return
        target = self._root / (DONE if good else QUARANTINE)
        target.mkdir(exist_ok=True)
        place = target / path.name
        if place.exists():
            place = target / f"{path.stem}.{str(report.get('fingerprint', ''))[:12]}{path.suffix}"
        _write_whole(place.with_name(place.name + ".ack"), text)
        path.replace(place)
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + ".done").unlink()

    def _ours(self, name: str) -> bool:
        return (
            not name.startswith((".", "~"))
            and not name.lower().endswith(UNFINISHED)
            and fnmatch.fnmatch(name, self._config.pattern)
        )

    def _whole(self, name: str, facts: os.stat_result, names: set[str]) -> bool:
        match self._config.ready:
            case "rename":
                return True
            case "mark":
                return f"{name}.done" in names
            case "stable":
                return self._rested(name, facts)

    def _rested(self, name: str, facts: os.stat_result) -> bool:
        now_ms, seen = self._now_ms(), self._resting.get(name)
        if seen is None or seen[:2] != (facts.st_size, facts.st_mtime_ns):
            self._resting[name] = (facts.st_size, facts.st_mtime_ns, now_ms)
            return False
        return now_ms - seen[2] >= self._config.stable_s * 1000

    def _acknowledged(self, name: str, facts: os.stat_result) -> bool:
        if self._config.finish != "ack_file":
            return False
        try:
            report = json.loads((self._root / f"{name}.ack").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return isinstance(report, dict) and (report.get("size"), report.get("mtime_ns")) == (
            facts.st_size,
            facts.st_mtime_ns,
        )


def _write_whole(path: Path, text: str) -> None:
    fresh = path.with_name(path.name + ".tmp")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
