"""Scenario scripts: what happens in the city, at which second, in words an operator can read.

A script is TOML: a seed, a background (traffic that a real city makes all the time) and steps. The same script and
seed give the same bytes on the wire, except for clock readings. Steps name actors of the roster
(``cior_demo.roster``).
"""

from __future__ import annotations

from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated

import msgspec

from cior_core import strict_toml
from cior_core.errors import ConfigInvalid


class Do(StrEnum):
    """What an actor does. Comments name the wire."""

    PRESS = "press"  # vehicle: Traccar position with alarm=sos
    PRESS_NOWHERE = "press_nowhere"  # the same without a fix: (0,0), valid=false
    PRESS_BUFFERED = "press_buffered"  # the same, made `hours` ago, delivered now
    RESEND = "resend"  # vehicle: its last press again, byte for byte
    ALARM = "alarm"  # panel: ADM-CID `code`
    RESTORE = "restore"  # panel: ADM-CID `code`, qualifier 3
    REPEAT = "repeat"  # panel: the same frame `times` times (a panel that hears no answer)
    CALL = "call"  # cad: a row of nature `text`, near `near`
    EDIT = "edit"  # cad: the row `ref` again, with another `text`
    BROKEN_ROW = "broken_row"  # cad: a row that cannot be read
    GARBAGE = "garbage"  # noise on the DC-09 port
    WRONG_CRC = "wrong_crc"  # a DC-09 frame with a wrong checksum
    BAD_JSON = "bad_json"  # a broken Traccar POST
    ACKNOWLEDGE = "acknowledge"  # operator: the alert that holds a signal of `about`
    DISPATCH = "dispatch"
    ON_SCENE = "on_scene"
    CONFIRM = "confirm"
    CLOSE = "close"  # with `disposition`


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base: unknown keys are refused."""


class Step(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a script."""

    at_s: Annotated[float, msgspec.Meta(ge=0)]
    who: str
    do: Do
    code: str = ""
    text: str = ""
    near: str = ""
    about: str = ""
    ref: str = ""
    times: int = 1
    hours: float = 0.0
    disposition: str = ""
    note: str = ""


class Background(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Traffic without a story. Rates are for the whole city."""

    vehicles: int = 40
    position_every_s: float = 2.0
    panels: int = 24
    supervision_every_s: float = 10.0
    calls_per_min: float = 30.0
    cad_file_every_s: float = 3.0


class Script(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole scenario."""

    id: str
    title_es: str
    title_en: str
    seed: int
    duration_s: Annotated[float, msgspec.Meta(gt=0)]
    background: Background = Background()
    step: tuple[Step, ...] = ()

    def operators(self) -> tuple[Step, ...]:
        """The steps that people in the centre do; they go over the actions topic, not over a device's wire."""
        return tuple(step for step in self.step if step.do in _HUMAN)


_HUMAN = frozenset({Do.ACKNOWLEDGE, Do.DISPATCH, Do.ON_SCENE, Do.CONFIRM, Do.CLOSE})


def load(text: str, *, file: str) -> Script:
    """Read a script. Raises ``ConfigInvalid`` for a step after the end or out of order."""
    script = strict_toml.parse(text, Script, file=file)
    last_s = 0.0
    for step in script.step:
        if not last_s <= step.at_s <= script.duration_s:
            raise ConfigInvalid(
                "script.order",
                f"{file}: step of {step.who} at {step.at_s} s is out of order or after the end",
                cure="sort the steps by at_s and keep them within duration_s",
            )
        last_s = step.at_s
    return script


def bundled_text(name: str) -> str:
    """A bundled simulator script. Raises ``ConfigInvalid`` naming those that exist."""
    folder = resources.files("cior_demo").joinpath("scenarios")
    found = {Path(entry.name).stem: entry for entry in folder.iterdir() if entry.name.endswith(".toml")}
    if name not in found:
        raise ConfigInvalid(
            "script.unknown",
            f"no script '{name}'",
            cure=f"one of: {', '.join(sorted(found))}, or a file path",
        )
    return found[name].read_text(encoding="utf-8")
