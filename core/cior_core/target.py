"""What a command asks, and of whom. Import it from :mod:`cior_core.model`, like every other word of the domain."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from cior_core.errors import PayloadRejected


class CommandKind(StrEnum):
    """What CIOR asks a device or a service to do."""

    SIREN_ON = "siren_on"
    SIREN_OFF = "siren_off"
    NOTIFY = "notify"
    REQUEST_CLIP = "request_clip"
    HOLD_VIDEO = "hold_video"
    BURST = "burst"
    TASK = "task"


HEARD = frozenset({CommandKind.SIREN_ON, CommandKind.NOTIFY, CommandKind.TASK})
"""What people outside the room hear or are asked to do."""


class TargetKind(StrEnum):
    """What a command can be meant for."""

    DEVICE = "device"
    UNIT = "unit"
    TEAM = "team"
    CAMERA = "camera"
    BLOCK = "block"


_KINDS = frozenset(kind.value for kind in TargetKind)


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a command is meant for: ``<kind>:<id>`` in ``Command.target``; ``id`` is any text that is not blank."""

    kind: TargetKind
    id: str

    @classmethod
    def parse(cls, text: str) -> Target:
        """The target that ``text`` names. Raises ``PayloadRejected``: ``command.target_unreadable``."""
        kind, colon, name = text.partition(":")
        if not colon or kind not in _KINDS or not name.strip():
            raise PayloadRejected(
                "command.target_unreadable",
                "a command's target is not <kind>:<id>",
                cure=f"name one of {', '.join(TargetKind)} and whom it means, as in team:police",
            )
        return cls(kind=TargetKind(kind), id=name)

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.id}"
