"""Types of the events that the runtime itself makes. They must exist in the taxonomy (tested)."""

from __future__ import annotations

from cior_core.model import TypeCode

UNDECODED = TypeCode("source.undecoded")
HEALTH = TypeCode("source.health")
ALARM = TypeCode("source.alarm")
ACCOUNTING = TypeCode("source.accounting")
SILENT = TypeCode("silent")
