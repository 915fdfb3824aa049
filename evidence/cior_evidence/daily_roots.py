"""Daily roots on the disk: ``AAAA-MM-DD.txt`` is published, its first three lines printed; ``.txt.tsr`` is its RFC 3161
stamp; ``.hojas`` stays here and is what proofs are made of. :mod:`cior_core.daily_root` says what they hold.

A page stands once and is never written again. What it covers begins where the page before ended, so that a day on which
the machine stood still is in the next one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog

from cior_bus import durable_file
from cior_core import checkpoint
from cior_core.daily_root import DailyKey, Record, RecordKind, page_text, proof
from cior_core.errors import IntegrityBroken, PayloadRejected
from cior_core.model import Struct
from cior_evidence.package_ledger import LEAVES, Signing

log = structlog.get_logger("cior.evidence")
PAGE: Final = ".txt"
STAMP: Final = ".txt.tsr"
RECORDS: Final = ".hojas"
PUBLIC_KEY: Final = "clave.pub"


class DayRecords(Struct, frozen=True):
    """Where the records of a day come from. ``accesses``: numbers and SHA-256 of the register's entries above a number
    and written before an instant (UTC ms), in order; ``packages``: the file of the ledger of packages.
    """

    accesses: Callable[[int, int], Sequence[tuple[int, str]]]
    packages: Path


class DailyRoots:
    """The pages of one centre. One writer: who owns the register."""

    def __init__(self, folder: Path, signing: Signing, secret: bytes) -> None:
        self._folder, self._signing = folder, signing
        self._key = DailyKey(signing.origin, secret)
        folder.mkdir(parents=True, exist_ok=True)
        line = checkpoint.verifier_key(signing.origin, signing.public)
        durable_file.replace(folder / PUBLIC_KEY, f"{line}\n".encode())

    def pages(self) -> list[Path]:
        """What was published, oldest first."""
        return sorted(self._folder.glob(f"????-??-??{PAGE}"))

    def publish(self, sources: DayRecords, *, now_ms: int) -> Path | None:
        """The page of yesterday (UTC), unless it stands; None when there is nothing at all to cover yet."""
        today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
        page = self._folder / f"{today - timedelta(days=1)}{PAGE}"
        before = [each for each in self.pages() if each <= page]
        if before[-1:] == [page]:
            return page
        records = list(self._covered(sources, before, until_ms=_midnight_ms(today)))
        if not records:
            return None
        self._write(page, records, at_ms=_midnight_ms(today))
        log.info("daily_root_published", day=page.stem, records=len(records))
        return page

    def _covered(self, sources: DayRecords, before: list[Path], *, until_ms: int) -> Iterator[Record]:
        last = dict.fromkeys(RecordKind, 0)
        for each in before:
            last |= {record.kind: record.number for record in self._records(each)}
        if before:
            content = before[-1].read_bytes()
            yield Record(RecordKind.BEFORE, len(before), hashlib.sha256(content).hexdigest())
        for number, digest in sources.accesses(last[RecordKind.ACCESS], until_ms):
            yield Record(RecordKind.ACCESS, number, digest)
        for number, line in enumerate(package_lines(sources.packages), start=1):
            if number > last[RecordKind.PACKAGE]:
                yield Record(RecordKind.PACKAGE, number, hashlib.sha256(line).hexdigest())

    def _write(self, page: Path, records: Sequence[Record], *, at_ms: int) -> None:
        """The records first: a page without them could prove nothing."""
        text = page_text(self._key, date.fromisoformat(page.stem), records, at_ms=at_ms)
        durable_file.replace(page.with_suffix(RECORDS), "".join(each.line for each in records).encode())
        signature = self._signing.sign(text.encode())
        note = checkpoint.signed(
            text, name=self._signing.origin, public=self._signing.public, signature=signature
        )
        durable_file.replace(page, note.encode())
        durable_file.sync_folder(self._folder)

    def stamp(self, stamped: Callable[[bytes], bytes]) -> None:
        """Keep a time-stamp of each page that has none; ``stamped`` gives the answer to keep, or raises."""
        for page in self.pages():
            if not page.with_suffix(STAMP).exists():
                durable_file.replace(page.with_suffix(STAMP), stamped(page.read_bytes()))

    def _records(self, page: Path) -> list[Record]:
        try:
            text = page.with_suffix(RECORDS).read_text(encoding="ascii")
            return [Record.of_line(line) for line in text.splitlines()]
        except (OSError, UnicodeDecodeError, PayloadRejected) as error:
            raise IntegrityBroken(
                "daily.unreadable",
                f"what the page of {page.stem} covers cannot be read",
                cure=f"restore {page.stem}{RECORDS} from its copy: no later page is made meanwhile",
            ) from error

    def inclusion(self, kind: RecordKind, number: int, content: bytes) -> tuple[Path, dict[str, Any]]:
        """The page that covers a record, and the proof. Raises ``PayloadRejected`` (``daily.not_yet``,
        ``daily.record``) and ``IntegrityBroken`` (``daily.unreadable``).
        """
        for page in reversed(self.pages()):
            records = self._records(page)
            for index, record in enumerate(records):
                if (record.kind, record.number) == (kind, number):
                    day = date.fromisoformat(page.stem)
                    return page, proof(self._key, day, records, index=index, content=content)
        raise PayloadRejected("daily.not_yet", "no daily root covers this record: its day is not over yet")


def package_lines(path: Path) -> list[bytes]:
    """The whole lines of the ledger of packages, without their ends."""
    data = path.read_bytes() if path.exists() else b""
    return data[: data.rfind(b"\n") + 1].splitlines()


def package_record(folder: Path, package: str) -> tuple[int, bytes]:
    """Number and line of a package in its ledger. Raises ``PayloadRejected`` (``daily.no_package``)."""
    wanted = f'"paquete":"{package}"'.encode()
    for number, line in enumerate(package_lines(folder / LEAVES), start=1):
        if wanted in line:
            return number, line
    raise PayloadRejected("daily.no_package", f"the ledger of packages has no {package}")


def _midnight_ms(day: date) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
