"""``cior evidence``: every command about evidence, each group of them in a file of its own."""

from __future__ import annotations

from cior.evidence_command import evidence
from cior.evidence_renew_command import renew

evidence.add_command(renew)

__all__ = ["evidence"]
