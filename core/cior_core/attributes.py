"""Names of the event attributes that rules, protocols and screens read: whoever sets one and whoever reads it take the
name from here.

A sealed event carries none of them (design §5).
"""

from __future__ import annotations

from typing import Final

BLOCK: Final = "block"
"""Text: the block whose neighbours are told and whose siren sounds."""

FACILITY: Final = "facility"
"""Text: the facility (school, health centre) in which the device stands."""

ROUTE: Final = "route"
"""Text: the line that the vehicle serves, as passengers call it ("101")."""

CAMERAS: Final = "cameras"
"""List of camera ids: those that see the place, the surest first."""

IN_VIEW: Final = "in_view"
"""List of camera ids: those in whose view cone the place lies, or which the sender's registration names."""

SIREN: Final = "siren"
"""True or false: whether the block (or the device) has a siren. Absent: nobody knows."""

NEAR: Final = "near"
"""List of facility kinds beside the place, in alphabetical order (``cior_core.geo.Facility.kind``)."""

AWAY: Final = "away"
"""True: the sender is certainly away from the registered place. Absent: at home, or nobody knows."""

AUTHENTICATED: Final = "authenticated"
"""True: the frame proved that its sender holds the device's key, and when. Absent or False: anybody could have sent it.
False where the line could have proved it; such a press waits in spool room of its own.
"""

PACED: Final = "paced"
"""True: one of so many of its sender at once (a file of calls) that it travels beside the urgent lane, whatever it is,
and must not stand in the way of anybody's press. Its level is that of its type."""

UNBELIEVED: Final = "unbelieved"
"""True: its device must prove itself and this did not. It alarms (law 2), and is no sign of life of that device."""

DRILL_RINGS: Final = "drill_rings"
"""True: a drill whose notices and sirens reach real people. Absent: nobody outside the room hears of it."""

VERIFIED: Final = "verified"
"""True: the source itself says that the alarm was verified, and its type does not say so already."""

MERGED_INTO: Final = "merged_into"
"""Text: the ``native_key`` of the record of the same source into which the source merged this one."""

DISPATCHED_MS: Final = "dispatched_ms"
"""Whole number: when the source's own desk sent somebody (UTC ms)."""

ON_SCENE_MS: Final = "on_scene_ms"
"""Whole number: when the source's own desk knew somebody there (UTC ms)."""

CLOCK_OFFSET: Final = "clock_offset_s"
"""Number, seconds: the median of receipt - device clock over recent messages (positive: slow, or they travel)."""

BUFFERED: Final = "buffered"
"""True: late, as far as can be told because it waited before it was sent; it measures no clock."""

CLOCK_MARK: Final = "clock_mark"
"""Text: a :class:`cior_core.clock.Mark`, why the device's time was not taken as it is.

Absent: believed, late, or none was given.
"""

DEVICE_MS: Final = "device_ms"
"""Whole number: what the device's clock said (UTC ms), when that is not when it happened."""
