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
ACCOUNTING = TypeCode("accounting")
SILENT = TypeCode("silent.duress")
"""What a loud life-safety type of a sealed device becomes; types that are silent already stay."""

OWN = (UNDECODED, DEGRADED, RESTORED, SILENT_SOURCE, HEARTBEAT, ACCOUNTING, SILENT)
