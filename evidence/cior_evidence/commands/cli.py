"""``cior evidence``: every command about evidence, each group of them in a file of its own."""

from __future__ import annotations

from cior_evidence.commands.boxes import boxes, hand_back, open_boxes
from cior_evidence.commands.daily import inclusion, root
from cior_evidence.commands.package import evidence
from cior_evidence.commands.renew import renew

for _each in (boxes, hand_back, inclusion, open_boxes, renew, root):
    evidence.add_command(_each)

__all__ = ["evidence"]
