"""A pruning that says each step and stands still after the first until somebody kills it:
``pruning_child.py RING NOW_MS KEEP_MS``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from cior_core.footage import PastDay
from cior_recorder import pruning
from cior_recorder.holds import Holds
from cior_recorder.ledger import Ledger
from doubles.courts import NoOrders

REDUCING = pruning.reducing


def stands(folder: Path, past: PastDay | None, *, ledger: Ledger, index_bytes: int) -> Iterator[str]:
    for step in REDUCING(folder, past, ledger=ledger, index_bytes=index_bytes):
        print(step, flush=True)
        time.sleep(3_600)
        yield step


def main(ring: str, now_ms: str, keep_ms: str) -> None:
    pruning.reducing = stands
    pruning.Pruner(
        Path(ring),
        {"plaza": Ledger(Path(ring), "plaza")},
        holds=Holds(Path(ring)),
        court=NoOrders(),
        now_ms=lambda: int(now_ms),
    ).prune(keep_ms=int(keep_ms), years=10)


if __name__ == "__main__":
    main(*sys.argv[1:])
