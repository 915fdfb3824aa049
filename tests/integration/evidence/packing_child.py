"""Builds a package in a process of its own and is killed by SIGKILL before one of its durable steps.

python packing_child.py <folder> <authorities> <ring> <steps to let pass>
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cior_bus import durable_file
from cior_evidence import bag, clips, package_ledger, packing
from cior_evidence.package_state import StateFile
from cior_evidence.packing import Packing
from doubles.authorities import Authorities
from doubles.packages import place, read, sources

STEPS: tuple[tuple[Any, str], ...] = (
    (StateFile, "write"), (packing, "_write"), (packing, "archive"), (packing, "sync_tree"), (Path, "replace"),
    (bag.Bag, "adopt"), (clips, "cut"), (durable_file, "create"), (package_ledger.PackageLedger, "_append"),
)  # fmt: skip
"""What changes the disk, in the order in which nobody cares: each is a place to die at."""


def main(folder: str, authorities: str, ring: str, left: str) -> None:
    passed = [0]

    def dying(step: Callable[..., Any]) -> Callable[..., Any]:
        def taken(*arguments: Any, **more: Any) -> Any:
            if passed[0] == int(left):
                os.kill(os.getpid(), signal.SIGKILL)
            passed[0] += 1
            return step(*arguments, **more)

        return taken

    for owner, name in STEPS:
        setattr(owner, name, dying(getattr(owner, name)))
    known = Authorities.there(Path(authorities))
    Packing(place(Path(folder), known), read(), sources(Path(ring))).run()
    print(passed[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
