"""Types of the events that the runtime itself makes. They exist in the taxonomy (tested)."""

from __future__ import annotations

from cior_core.model import TypeCode

UNDECODED = TypeCode("source.undecoded")
CONFLICT = TypeCode("source.conflict")
"""Also what a connector finds wrong about a device's identity: our word, not the device's."""
DEGRADED = TypeCode("source.degraded")
RESTORED = TypeCode("source.restored")
SILENT_SOURCE = TypeCode("source.silent")
HEARTBEAT = TypeCode("heartbeat")
POSITION = TypeCode("position")
ACCOUNTING = TypeCode("accounting")
SILENT = TypeCode("silent")
"""What every life-safety type of a sealed device is outside its box: which silence it is, only the box says."""

OWN = (UNDECODED, DEGRADED, RESTORED, SILENT_SOURCE, HEARTBEAT, POSITION, ACCOUNTING, SILENT)
