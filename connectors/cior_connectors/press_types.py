"""What a press means, by the kind under which its device is registered: the default of every connector whose devices
have a button. Data.
"""

from __future__ import annotations

from typing import Final

PRESS_TYPES: Final = {
    "bus": "panic.bus",
    "taxi": "panic.taxi",
    "stop": "panic.stop",
    "school": "panic.school",
    "unit": "panic.unit",
    "community": "panic.community",
    "app": "panic.app",
    "health_centre": "panic.health_centre",
    "gbv": "silent.gbv",
}
"""Registered kind to event type; an installation names others in its instance files (``press_types``)."""


def press_types() -> dict[str, str]:
    """A copy, for a configuration's default."""
    return dict(PRESS_TYPES)
