"""The files of who is on duty and how they are reached; each is read again when it changes.

A file that becomes unreadable leaves what it said before in force, and says so: a slip of the pen at 3 a.m. must not
leave a team without anybody.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cior_bus.signing import refuse_if_shared
from cior_core import strict_toml
from cior_core.duty import DutyBook
from cior_core.errors import ConfigInvalid

T = TypeVar("T")
Contacts = dict[str, dict[str, str]]
"""Person → channel → address."""


class WatchedFile(Generic[T]):
    """A file as last understood. ``faulty``: told of a file that cannot be read, and (None) of one that can again."""

    def __init__(
        self, path: Path, read: Callable[[str], T], *, faulty: Callable[[ConfigInvalid | None], None]
    ) -> None:
        self._path, self._read, self._faulty = path, read, faulty
        self._version: tuple[int, int] | None = None
        self._is_faulty = False
        self._known: T | None = None

    @property
    def now(self) -> T:
        """What it says, or said last. Raises ``ConfigInvalid`` when it has never been readable."""
        try:
            found = os.stat(self._path)  # noqa: PTH116  as cheap as it gets: asked for each notice
            version = (found.st_mtime_ns, found.st_size)
        except OSError:
            version = None
        if version != self._version or self._known is None:
            self._load(version)
        if self._known is None:
            raise AssertionError("loaded or raised")
        return self._known

    def _load(self, version: tuple[int, int] | None) -> None:
        try:
            self._known = self._read(_text(self._path))
        except ConfigInvalid as fault:
            if self._known is None:
                raise
            self._version, self._is_faulty = version, True
            self._faulty(fault)
            return
        self._version = version
        if self._is_faulty:
            self._is_faulty = False
            self._faulty(None)


class Directory:
    """Who is on duty: what the register keeps, once anybody has written a team there; else, and while that was never
    told, the city's file.
    """

    def __init__(self, file: WatchedFile[DutyBook], *, kept: Callable[[], DutyBook | None]) -> None:
        self._file, self._kept = file, kept

    @property
    def now(self) -> DutyBook:
        """Raises ``ConfigInvalid`` when neither was ever readable."""
        kept = self._kept()
        return kept if kept is not None and kept.team else self._file.now


def duty_file(path: Path, *, faulty: Callable[[ConfigInvalid | None], None]) -> WatchedFile[DutyBook]:
    """The directory."""
    return WatchedFile(path, lambda text: DutyBook.load(text, file=path.name), faulty=faulty)


def contacts_file(path: Path, *, faulty: Callable[[ConfigInvalid | None], None]) -> WatchedFile[Contacts]:
    """The addresses. Raises ``ConfigInvalid`` (``keys.readable_by_others``) when others may read it."""

    def read(text: str) -> Contacts:
        refuse_if_shared(path)
        return strict_toml.parse(text, Contacts, file=path.name)

    return WatchedFile(path, read, faulty=faulty)


def zone_of(name: str) -> ZoneInfo:
    """The zone of the shifts. Raises ``ConfigInvalid`` (``config.zone``)."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise ConfigInvalid(
            "config.zone",
            f"there is no time zone '{name}'",
            cure="give an IANA name such as America/Argentina/Cordoba",
        ) from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(
            "config.unreadable",
            f"{path.name}: cannot be read ({type(error).__name__})",
            cure="check the path, the rights and UTF-8",
        ) from error
