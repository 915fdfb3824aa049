"""Reminders of judicial requests as notices for telephones: a number, a day and an address, to whoever keeps requests.

They travel on a topic of their own, from which nothing but telephones rings; the connector ``notify`` knows each by its
id, so that one that is sent again rings nobody again.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from cior_bus import topics
from cior_bus.message import MessageOut
from cior_core.judicial.holding import DAY_MS
from cior_core.judicial.reminding import Reminder
from cior_core.model import DEFAULT_AREA, AlertId, Command, CommandKind, Level, Target, TargetKind

TEAM: Final = "custody"
"""The team of the duty directory that hears of requests."""
REFERENCE_LETTERS: Final = 12
PROTOCOL: Final = "judicial_requests"
_STEP: Final = "remind"
_EXPIRES_MS: Final = DAY_MS


def reference_of(request_id: str) -> str:
    """What people call a request by where no page shows it: the beginning of its id, as in its package's name."""
    return request_id[:REFERENCE_LETTERS]


def notice_of(reminder: Reminder, *, now_ms: int, zone: ZoneInfo, origin: str) -> MessageOut:
    """``origin``: the console's address as browsers know it; empty: no address is told."""
    # A clock ends with its last day, at the midnight after it: that is the day to say.
    day = datetime.fromtimestamp((reminder.at_ms - 1) / 1000, UTC).astimezone(zone).date()
    page = {"page": f"{origin}/console/portal/{reminder.request}"} if origin else {}
    command = Command(
        id=f"reminder-{reminder.id}", kind=CommandKind.NOTIFY, alert_id=AlertId(""), area=DEFAULT_AREA,
        target=str(Target(kind=TargetKind.TEAM, id=TEAM)), issued_ms=now_ms, expires_ms=now_ms + _EXPIRES_MS,
        protocol=PROTOCOL, step=_STEP, drill=reminder.drill,
        parameters={
            "level": Level.P4.value, "reference": reference_of(reminder.request), "matter": reminder.matter.value,
            "day": f"{day:%d/%m/%Y}", **page,
        },
    )  # fmt: skip
    return msgspec.structs.replace(MessageOut.of(command), topic=topics.NOTICES.name)
