"""What to call a browser in a list of sessions, out of its User-Agent (RFC 9110 §10.1.5): the kind and the system.

Without versions, so that it stays the same while a browser renews itself: a session shown by another kind of browser
than began it was taken from there.
"""

from __future__ import annotations

from typing import Final

_KINDS: Final = (
    ("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chromium", "Chromium"), ("Chrome", "Chrome"),
    ("Safari", "Safari"), ("python", "Python"), ("curl", "curl"),
)  # fmt: skip
_SYSTEMS: Final = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def label(user_agent: str) -> str:
    """``Firefox · Windows``; what nobody knows is ``?``."""
    found = (
        next((says for mark, says in table if mark.lower() in user_agent.lower()), "?")
        for table in (_KINDS, _SYSTEMS)
    )
    return " · ".join(found)
