"""Builds what is ordered in a process of its own and is killed by SIGKILL before one of the part's durable steps.

python making_child.py <folder> <ring> <authorities> <steps to let pass>
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cior_evidence import making, packing
from cior_evidence.package_state import StateFile
from cior_evidence.shelf import Making, Progress, Shelf
from cior_register import requests
from doubles.authorities import Authorities
from doubles.requested import Court


def main(folder: str, ring: str, authorities: str, left: str) -> None:
    court = Court(Path(folder), Path(ring), Authorities.there(Path(authorities)))
    court.begin()
    court.approved()
    passed = [0]

    def dying(step: Callable[..., Any]) -> Callable[..., Any]:
        def taken(*arguments: Any, **more: Any) -> Any:
            building = any(isinstance(each, Progress) and each.state is Making.BUILDING for each in arguments)
            if building:
                return step(*arguments, **more)
            if passed[0] == int(left):
                os.kill(os.getpid(), signal.SIGKILL)
            passed[0] += 1
            return step(*arguments, **more)

        return taken

    steps: tuple[tuple[Any, str], ...] = (
        (requests, "take"), (Shelf, "tell"), (StateFile, "write"), (making, "kept"), (packing, "archive"),
        (Court, "closed"),
    )  # fmt: skip
    for owner, name in steps:
        setattr(owner, name, dying(getattr(owner, name)))
    court.maker.look()
    court.closed()
    print(passed[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
