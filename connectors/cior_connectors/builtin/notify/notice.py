"""What is to be told, out of a command; and the words of it. Pure.

Whoever asked for help may hear how it ended (``device:<id>``): one sentence for each disposition, and nothing else.
Nobody who asked in silence ever does: what sounds or shows at the device tells who stands beside the victim (law 17).

A phone hears the level, the type, the district and what is asked: never an address, a name or a device. Of a silent
alert it hears the level and "call the room", whatever else the command may carry (law 17).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Any

from cior_connectors.registry import package_text
from cior_core import bundled
from cior_core.errors import PayloadRejected
from cior_core.judicial.reminding import Matter
from cior_core.model import (
    AreaId,
    Command,
    CommandKind,
    Disposition,
    Level,
    Struct,
    Target,
    TargetKind,
    TypeCode,
)
from cior_core.sentences import SentenceBook, Text
from cior_core.taxonomy import Taxonomy

_MOST_CHARS = 300
_PRECAUTION = Level.P1


class Notice(Struct, frozen=True, kw_only=True):
    """One thing to tell a team. ``team``: the target's id.

    ``to_sender``: for whoever sent the call; ``team`` is then the target itself, ``disposition`` how it ended.
    ``reference``: of a judicial request: then ``matter`` says what of it, of which ``day``, and ``page`` where to look;
    there is no alert, and nothing to acknowledge.
    ``is_task``: somebody is asked to do something, so that an answer is a note and acknowledges no alert.
    """

    command_id: str
    alert_id: str
    area: AreaId
    team: str
    level: Level
    is_sealed: bool
    is_task: bool
    issued_ms: int
    expires_ms: int
    drill: bool = False
    type: str = ""
    district: str = ""
    asks_es: str = ""
    asks_en: str = ""
    to_sender: bool = False
    disposition: str = ""
    reference: str = ""
    matter: str = ""
    day: str = ""
    page: str = ""


class Words(Struct, frozen=True, kw_only=True):
    """What a message says."""

    title: str
    body: str


def notice_of(command: Command) -> Notice:
    """What ``command`` asks to tell. Raises ``PayloadRejected`` (``notify.not_a_notice``) for other kinds of command,
    ``notify.not_for_senders`` for what no device may show.

    A command without a level is one of an earlier release: told as P1, with what is asked alone.
    """
    if command.kind not in (CommandKind.NOTIFY, CommandKind.TASK):
        raise PayloadRejected("notify.not_a_notice", "only notices and tasks reach phones")
    told, target = command.parameters, Target.parse(command.target)
    to_sender = target.kind is TargetKind.DEVICE
    if to_sender and (told.get("silent") is True or command.kind is CommandKind.TASK):
        raise PayloadRejected(
            "notify.not_for_senders", "a device hears how its call ended, and nothing silent"
        )
    notice = Notice(
        command_id=command.id,
        alert_id=command.alert_id,
        area=command.area,
        team=str(target) if to_sender else target.id,
        to_sender=to_sender,
        level=_level(told),
        is_sealed=told.get("silent") is True,
        is_task=command.kind is CommandKind.TASK,
        issued_ms=command.issued_ms,
        expires_ms=command.expires_ms,
        drill=command.drill,
    )
    return notice if notice.is_sealed else _with_what_may_be_said(notice, told)


def _with_what_may_be_said(notice: Notice, told: Mapping[str, Any]) -> Notice:
    return Notice(
        **{name: getattr(notice, name) for name in _KEPT},
        type=_text(told, "type"),
        district=_text(told, "district"),
        asks_es=_text(told, "text_es"),
        asks_en=_text(told, "text_en"),
        disposition=_text(told, "disposition"),
        reference=_text(told, "reference"),
        matter=_text(told, "matter"),
        day=_text(told, "day"),
        page=_text(told, "page"),
    )


_KEPT = (
    "command_id", "alert_id", "area", "team", "level", "is_sealed", "is_task", "issued_ms", "expires_ms", "drill",
    "to_sender",
)  # fmt: skip


def _level(told: Mapping[str, Any]) -> Level:
    named = told.get("level")
    return Level(named) if isinstance(named, str) and named in set(Level) else _PRECAUTION


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    return plain(value) if isinstance(value, str) else ""


def plain(text: str) -> str:
    """One line without controls, bidirectional or zero-width marks (Unicode categories Cc, Cf, Zl, Zp), of a bounded
    length.
    """
    shown = "".join(" " if unicodedata.category(each) in {"Cc", "Cf", "Zl", "Zp"} else each for each in text)
    return " ".join(shown.split())[:_MOST_CHARS]


def words_of(notice: Notice, *, language: str, link: str) -> Words:
    """The message in the language of whoever gets it."""
    if notice.to_sender:
        return _to_sender(notice, language)
    if notice.reference:
        return _of_request(notice, language)
    title = _say("title_bare" if not notice.type else "title", level=notice.level, type=_name_of(notice.type))
    lines = (
        [_asks(notice), _say("district", district=notice.district)] if notice.district else [_asks(notice)]
    )
    lines.append(_say("call_the_room"))
    if link:
        lines.append(_say("take_task" if notice.is_task else "acknowledge", link=link))
    prefix = getattr(_say("drill"), language) + " " if notice.drill else ""
    return Words(
        title=prefix + getattr(title, language),
        body="\n".join(text for line in lines if (text := getattr(line, language))),
    )


def _to_sender(notice: Notice, language: str) -> Words:
    """How their call ended: no place, no level, nobody's name."""
    code = notice.disposition if notice.disposition in set(Disposition) else Disposition.UNKNOWN
    title, body = (getattr(_say(name), language) for name in ("sender_title", f"sender_{code}"))
    prefix = getattr(_say("drill"), language) + " " if notice.drill else ""
    return Words(title=prefix + title, body=body)


def _of_request(notice: Notice, language: str) -> Words:
    """A number, a day and an address: no person, no case, no office, no camera."""
    matter = f"request_{notice.matter}" if notice.matter in _MATTERS else "request_other"
    lines = [_say(matter, day=notice.day)]
    if notice.page:
        lines.append(_say("request_page", page=notice.page))
    prefix = getattr(_say("drill"), language) + " " if notice.drill else ""
    title = _say("request_title", reference=notice.reference)
    return Words(
        title=prefix + getattr(title, language), body="\n".join(getattr(line, language) for line in lines)
    )


_MATTERS = frozenset(each.value for each in Matter)


def _asks(notice: Notice) -> Text:
    return Text(notice.asks_es, notice.asks_en)


def _name_of(code: str) -> Text:
    try:
        kind = _taxonomy()[TypeCode(code)]
    except KeyError:
        return Text(code, code)
    return Text(kind.name_es, kind.name_en)


def _say(code: str, **arguments: object) -> Text:
    return sentences().text(code, arguments)


@cache
def sentences() -> SentenceBook:
    """Everything that this connector says to people."""
    return SentenceBook.load(package_text(__package__ or "", "sentences.toml"), file="sentences.toml")


@cache
def _taxonomy() -> Taxonomy:
    return Taxonomy.load(bundled.text("taxonomy.toml"))
