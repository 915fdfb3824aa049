"""``cior evidence``: every command about evidence, each group of them in a file of its own."""

from __future__ import annotations

from cior.evidence_boxes_command import boxes, hand_back, open_boxes
from cior.evidence_command import evidence
from cior.evidence_daily_command import inclusion, root
from cior.evidence_renew_command import renew

for _each in (boxes, hand_back, inclusion, open_boxes, renew, root):
    evidence.add_command(_each)

__all__ = ["evidence"]
