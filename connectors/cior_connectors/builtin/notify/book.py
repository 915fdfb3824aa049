"""What is being told to whom, on disk before it is tried: a process killed anywhere tells everybody at least once, and
with the same keys. Append-only JSON lines, fsynced one by one.

It knows people by their login, and no number or address. Not thread-safe: one task writes at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import structlog

from cior_bus import durable_file
from cior_connectors.builtin.notify.notice import Notice
from cior_core.errors import SourceUnavailable
from cior_core.model import Action, Receipt, Struct

_LOG = structlog.get_logger(__name__)
REMEMBER_MS = 172_800_000
"""How long a notice is known after it expired: as long as the topic of commands keeps it, so none is told anew."""


class Recipient(Struct, frozen=True, kw_only=True):
    """One person on one channel."""

    person: str
    channel: str
    language: str = "es"


class _Taken(Struct, frozen=True, tag="taken"):
    notice: Notice
    to: tuple[Recipient, ...]
    links: tuple[tuple[str, str], ...] = ()


class _More(Struct, frozen=True, tag="more"):
    command_id: str
    to: tuple[Recipient, ...]
    links: tuple[tuple[str, str], ...] = ()


class _Told(Struct, frozen=True, tag="told"):
    command_id: str
    person: str
    channel: str
    code: str = ""


class _Ended(Struct, frozen=True, tag="ended"):
    receipt: Receipt


class _Answered(Struct, frozen=True, tag="answered"):
    command_id: str


class _Pressed(Struct, frozen=True, tag="pressed"):
    link: str
    action: Action


class _Decided(Struct, frozen=True, tag="decided"):
    link: str


_Line = _Taken | _More | _Told | _Ended | _Answered | _Pressed | _Decided
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Line).decode


class Entry:
    """What is known of one notice.

    ``results``: by person and channel, empty for told, else the code of why not. ``links``: by person, their names.
    """

    def __init__(self, notice: Notice) -> None:
        self.notice = notice
        self.to: dict[tuple[str, str], Recipient] = {}
        self.results: dict[tuple[str, str], str] = {}
        self.links: dict[str, str] = {}
        self.widened = False
        self.receipt: Receipt | None = None
        self.answered = False

    @property
    def waiting(self) -> list[Recipient]:
        """Who has not been told yet, and was not given up."""
        return [each for key, each in self.to.items() if key not in self.results]

    @property
    def reached(self) -> int:
        """How many people were told on one channel at least."""
        return len({person for (person, _), code in self.results.items() if not code})


class Pressed(Struct, frozen=True, kw_only=True):
    """A link that was used: the decision, and whether it is on the log yet."""

    action: Action
    decided: bool = False


class NoticeBook:
    """``path`` is a file that no other process writes. Raises ``OSError`` when it cannot be read or written anew."""

    def __init__(self, path: Path, *, now_ms: Callable[[], int]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path, self._now_ms = path, now_ms
        self.entries: dict[str, Entry] = {}
        self.pressed: dict[str, Pressed] = {}
        self._links: dict[str, tuple[str, str]] = {}
        for line in _read(path):
            self._apply(line)
        self._file = self._compacted()

    def close(self) -> None:
        """Free the file; nothing is written any more."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def link(self, name: str) -> tuple[Entry, str] | None:
        """The notice and the person of a link; None when it is not known (any more)."""
        found = self._links.get(name)
        return None if found is None else (self.entries[found[0]], found[1])

    def take(self, notice: Notice, to: Iterable[Recipient], links: dict[str, str]) -> None:
        """``notice`` goes to these; ``links``: the name of each person's link."""
        self._append(_Taken(notice=notice, to=tuple(to), links=tuple(links.items())))

    def widen(self, command_id: str, to: Iterable[Recipient], links: dict[str, str]) -> None:
        """Nobody of those was reached: these too."""
        self._append(_More(command_id=command_id, to=tuple(to), links=tuple(links.items())))

    def told(self, command_id: str, recipient: Recipient, code: str = "") -> None:
        """The far side took it, or (``code``) it was given up."""
        self._append(
            _Told(command_id=command_id, person=recipient.person, channel=recipient.channel, code=code)
        )

    def end(self, receipt: Receipt) -> None:
        """How it ended; written before it is said, so that a repeat says the same."""
        self._append(_Ended(receipt=receipt))

    def answered(self, command_id: str) -> None:
        """The last receipt is durable elsewhere."""
        self._append(_Answered(command_id=command_id))

    def press(self, link: str, action: Action) -> None:
        """A link was used: it acts once, with this very decision."""
        self._append(_Pressed(link=link, action=action))

    def decided(self, link: str) -> None:
        """Its decision is on the log."""
        self._append(_Decided(link=link))

    def _append(self, line: _Line) -> None:
        """Durable on return. Raises ``SourceUnavailable`` (``notify.book_unwritable``): nothing of it counts."""
        size = os.fstat(self._file).st_size
        try:
            _write(self._file, _encode(line) + b"\n")
        except OSError as error:
            os.ftruncate(self._file, size)
            raise SourceUnavailable(
                "notify.book_unwritable",
                f"the book of notices cannot be written ({error.strerror})",
                cure="free the disk: until then nobody is told anything",
            ) from error
        self._apply(line)

    def _apply(self, line: _Line) -> None:
        match line:
            case _Taken():
                self.entries.setdefault(line.notice.command_id, Entry(line.notice))
                self._add(line.notice.command_id, line.to, line.links)
            case _More():
                self._add(line.command_id, line.to, line.links)
                if (entry := self.entries.get(line.command_id)) is not None:
                    entry.widened = True
            case _Told() if line.command_id in self.entries:
                self.entries[line.command_id].results[line.person, line.channel] = line.code
            case _Ended() if line.receipt.command_id in self.entries:
                self.entries[line.receipt.command_id].receipt = line.receipt
            case _Answered() if line.command_id in self.entries:
                self.entries[line.command_id].answered = True
            case _Pressed():
                self.pressed[line.link] = Pressed(action=line.action)
            case _Decided() if line.link in self.pressed:
                self.pressed[line.link] = msgspec.structs.replace(self.pressed[line.link], decided=True)
            case _:  # of a notice that is forgotten
                pass

    def _add(self, command_id: str, to: tuple[Recipient, ...], links: tuple[tuple[str, str], ...]) -> None:
        if (entry := self.entries.get(command_id)) is None:
            return
        entry.to |= {(each.person, each.channel): each for each in to}
        entry.links |= dict(links)
        self._links |= {name: (command_id, person) for person, name in links}

    def _compacted(self) -> int:
        """The file with what is still worth knowing, and nothing torn; opened for appending."""
        limit_ms = self._now_ms() - REMEMBER_MS
        self.entries = {
            name: entry
            for name, entry in self.entries.items()
            if not entry.answered or entry.notice.expires_ms > limit_ms
        }
        self._links = {link: found for link, found in self._links.items() if found[0] in self.entries}
        self.pressed = {
            link: each for link, each in self.pressed.items() if link in self._links or not each.decided
        }
        lines = [line for entry in self.entries.values() for line in _lines_of(entry)]
        lines += [line for name, each in self.pressed.items() for line in _lines_of_press(name, each)]
        durable_file.replace(self._path, b"".join(_encode(line) + b"\n" for line in lines))
        durable_file.sync_folder(self._path.parent)
        return os.open(self._path, os.O_WRONLY | os.O_APPEND)


def _read(path: Path) -> Iterable[_Line]:
    """The lines that can be read. A torn last one was never relied on."""
    if not path.exists():
        return
    for number, text in enumerate(path.read_bytes().split(b"\n")):
        if not text:
            continue
        try:
            yield _decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            _LOG.warning("notice_line_unreadable", line=number, size_bytes=len(text))


def _lines_of(entry: Entry) -> Iterable[_Line]:
    name = entry.notice.command_id
    yield _Taken(notice=entry.notice, to=tuple(entry.to.values()), links=tuple(entry.links.items()))
    if entry.widened:
        yield _More(command_id=name, to=())
    for (person, channel), code in entry.results.items():
        yield _Told(command_id=name, person=person, channel=channel, code=code)
    if entry.receipt is not None:
        yield _Ended(receipt=entry.receipt)
    if entry.answered:
        yield _Answered(command_id=name)


def _lines_of_press(link: str, pressed: Pressed) -> Iterable[_Line]:
    yield _Pressed(link=link, action=pressed.action)
    if pressed.decided:
        yield _Decided(link=link)


def _write(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]
    os.fsync(file)
