"""Maintenance silences: nobody is rung about a device or a block while somebody with a name works on it. Pure.

A silence never covers life-safety (law 2), always ends, and is shown while it lasts.
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Annotated

import msgspec

from cior_core.errors import PayloadRejected
from cior_core.strict_toml import ConfigFault, locate, parse
from cior_core.target import Target, TargetKind

_KINDS = frozenset({TargetKind.DEVICE, TargetKind.BLOCK})
_LONGEST = timedelta(days=31)
_Filled = Annotated[str, msgspec.Meta(pattern=r"\S", max_length=500)]
_LocalTime = Annotated[datetime, msgspec.Meta(tz=False)]


class Silence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who silences what, why, and until when (city time, no offset). ``target``: ``device:<id>`` or ``block:<id>``."""

    target: str
    by: _Filled
    reason: _Filled
    starts: _LocalTime
    ends: _LocalTime

    def covers(self, instant: datetime, zone: tzinfo) -> bool:
        """Whether it lasts at ``instant`` (with an offset)."""
        return self.starts.replace(tzinfo=zone) <= instant < self.ends.replace(tzinfo=zone)


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    silence: tuple[Silence, ...] = ()


def load(text: str, *, file: str = "silences.toml") -> tuple[Silence, ...]:
    """Read and check. Raises :class:`~cior_core.strict_toml.ConfigFault`: ``silence.target``, ``silence.span`` or a
    ``config.*`` code.
    """
    silences = parse(text, _File, file=file).silence
    for n, each in enumerate(silences):
        if not _means_something(each.target):
            raise ConfigFault(
                "silence.target",
                f"'{each.target}' is no device and no block",
                file=file,
                line=locate(text, ("silence", n, "target")),
                cure="write device:<id> or block:<id>",
            )
        if not each.starts < each.ends <= each.starts + _LONGEST:
            raise ConfigFault(
                "silence.span",
                "a silence ends after it starts, and within 31 days",
                file=file,
                line=locate(text, ("silence", n, "ends")),
                cure="correct the end; write another one when this one is over",
            )
    return silences


def silence_of(
    silences: tuple[Silence, ...], *, names: frozenset[str], life_safety: bool, at: datetime, zone: tzinfo
) -> Silence | None:
    """The silence that covers one of ``names`` (targets as text) now; never one of what may cost a life."""
    if life_safety:
        return None
    return next((each for each in silences if each.target in names and each.covers(at, zone)), None)


def active(silences: tuple[Silence, ...], at: datetime, zone: tzinfo) -> tuple[Silence, ...]:
    """Those that last now, the first to end first."""
    return tuple(sorted((each for each in silences if each.covers(at, zone)), key=lambda each: each.ends))


def _means_something(target: str) -> bool:
    try:
        return Target.parse(target).kind in _KINDS
    except PayloadRejected:
        return False
