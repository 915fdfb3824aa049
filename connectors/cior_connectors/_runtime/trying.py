"""A mapping tried on a file: the first records as they would become, and what was not understood. Sends nothing."""

from __future__ import annotations

import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

import msgspec

from cior_connectors import registry
from cior_connectors._runtime import process
from cior_connectors._runtime.guard import guarded
from cior_connectors._runtime.settings import InstanceSettings, kind_of, read_config, read_instance, read_text
from cior_connectors.contract import DecodeContext, Trial, Tryable
from cior_core import strict_toml
from cior_core.errors import ConfigInvalid
from cior_core.model import DataClass, Event

SHOWN = 10
MAX_RECORDS = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOTES = ("time_note", "clock_mark", "place_note", "id_note", "merged_note", "encoding_note")
_CONTROL = dict.fromkeys((*range(32), *range(127, 160)), " ")


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said, in one language: labels, sentences with ``{places}``, and what codes and notes mean."""

    record: str
    when: str
    by_receipt: str
    where: str
    nowhere: str
    number: str
    title: str
    sealed: str
    hidden: str
    open: str
    phase: str
    lost: str
    understood: str
    not_understood: str
    absent: str
    noted: str
    rejected: str
    empty: str
    more: str
    notes: dict[str, str]


class Report(msgspec.Struct, frozen=True):
    """Lines to show, and whether everything was understood."""

    lines: tuple[str, ...]
    understood: bool


def words(language: str) -> Words:
    """The catalogue of a language (``es``, ``en``)."""
    text = registry.package_text("cior_connectors._runtime", "trying.toml")
    return strict_toml.parse(text, dict[str, Words], file="trying.toml")[language]


def report(mapping: Path, file: Path, *, kind: str, words: Words, now_ms: int | None = None) -> Report:
    """``mapping`` (an instance file, or the part of one under ``[config]``) tried on ``file``.

    Raises ``ConfigInvalid`` for a mapping that cannot work or a kind that reads no files.
    """
    plan = _plan(mapping, kind)
    context = process.context_for(
        plan, taxonomy=process.load_taxonomy(), registry={}, zone="America/Argentina/Cordoba"
    )
    source = plan.kind.source(plan.settings.config)
    if not isinstance(source, Tryable):
        raise ConfigInvalid(
            "connector.no_file",
            f"{plan.kind.manifest.name} reads no files",
            cure="try a mapping of a connector that does, such as cad_drop",
        )
    at_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    with file.open("rb") as stream:
        return _Trying(source, context, words, at_ms=at_ms).report(stream)


def _plan(path: Path, kind: str) -> process.Plan:
    text = read_text(path)
    named = False
    with suppress(tomllib.TOMLDecodeError):  # told with its line when it is read below
        named = "kind" in tomllib.loads(text)
    if named:
        chosen = registry.load(kind_of(text, file=str(path)))
        return process.Plan(kind=chosen, settings=read_instance(text, chosen.config_model, file=str(path)))
    chosen = registry.load(kind)
    config = read_config(text, chosen.config_model, file=str(path))
    return process.Plan(kind=chosen, settings=InstanceSettings(kind=kind, name="trial", config=config))


class _Trying:
    """One file on its way through the decoder."""

    def __init__(self, source: Tryable, context: DecodeContext, words: Words, *, at_ms: int) -> None:
        self._source = source
        self._context = context
        self._words = words
        self._at_ms = at_ms
        self._zone = str(getattr(context.config, "zone", context.zone))
        self._absent: frozenset[str] | None = None
        self._rejected: Counter[str] = Counter()
        self._noted: Counter[str] = Counter()
        self._first: dict[str, int] = {}

    def report(self, stream: BinaryIO) -> Report:
        lines: list[str] = []
        count = 0
        for count, each in enumerate(islice(self._source.trial(stream), MAX_RECORDS), start=1):
            told = self._record(each, count)
            if count <= SHOWN:
                lines.extend(told)
        if not count:
            return Report((self._words.empty,), understood=False)
        if count > SHOWN:
            lines.append(self._words.more.format(count=count, shown=SHOWN))
        faults = tuple(self._faults())
        tail = (
            (self._words.not_understood, *faults) if faults else (self._words.understood.format(count=count),)
        )
        return Report((*lines, "", *tail), understood=not faults)

    def _record(self, each: Trial, number: int) -> list[str]:
        if each.absent is not None:
            self._absent = each.absent if self._absent is None else self._absent & each.absent
        facts = msgspec.structs.replace(
            each.facts, received_ms=self._at_ms, first_received_ms=self._at_ms, context=self._context
        )
        found = guarded(self._source.decode, each.payload, facts)
        if found.code is not None:
            self._count(self._rejected, found.code, number)
            return [self._words.lost.format(number=number, code=self._meaning(found.code)), ""]
        lines: list[str] = []
        for event in found.events:
            for name in _NOTES:
                if note := event.attributes.get(name):
                    self._count(self._noted, f"{name}.{note}", number)
            lines.extend(self._event(event, number))
        return [*lines, ""]

    def _count(self, where: Counter[str], what: str, number: int) -> None:
        where[what] += 1
        self._first.setdefault(what, number)

    def _event(self, event: Event, number: int) -> Iterator[str]:
        say, sealed = self._words, event.data_class is DataClass.SEALED
        yield say.record.format(number=number, type=event.type)
        yield f"   {say.when:8} {self._when(event)}"
        if sealed:  # as it would become: outside its box nobody reads where, which and what
            yield f"   {say.sealed:8} {say.hidden}"
            return
        yield f"   {say.where:8} {self._where(event)}"
        yield f"   {say.number:8} {_shown(event.native_key)}"
        yield f"   {say.title:8} {_shown(event.summary)}"
        yield f"   {say.phase:8} {event.phase.value}"
        yield f"   {say.sealed:8} {say.open}"
        for name in _NOTES:
            if note := event.attributes.get(name):
                yield f"   ! {self._meaning(f'{name}.{note}')}"

    def _when(self, event: Event) -> str:
        at = (_EPOCH + timedelta(milliseconds=event.occurred_ms)).astimezone(ZoneInfo(self._zone))
        width = "" if event.clock_error_s is None else f" ±{event.clock_error_s:g} s"
        text = f"{at:%Y-%m-%d %H:%M:%S %z} ({self._zone}){width}"
        return f"{text} {self._words.by_receipt}" if event.occurred_ms == self._at_ms else text

    def _where(self, event: Event) -> str:
        place = event.place
        point = f"{place.lat:.6f}, {place.lon:.6f}" if place.located else self._words.nowhere
        return f"{point} · {_shown(place.text)}" if place.text else point

    def _faults(self) -> Iterator[str]:
        say = self._words
        if self._absent:
            yield say.absent.format(columns=", ".join(sorted(map(_shown, self._absent))))
        for template, counted in ((say.rejected, self._rejected), (say.noted, self._noted)):
            for what, count in counted.most_common():
                yield template.format(count=count, what=self._meaning(what), first=self._first[what])

    def _meaning(self, code: str) -> str:
        """A code in words, with the code itself to look it up by."""
        told: Mapping[str, str] = self._words.notes
        return f"{told[code]} [{code}]" if code in told else code


def _shown(text: str | None) -> str:
    """Text of a file on a terminal: no control signs."""
    return (text or "-").translate(_CONTROL)[:120]
