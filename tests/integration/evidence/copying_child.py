"""Makes the copies that are ordered in a process of its own and is killed by SIGKILL: before one of its durable steps,
or in the middle of a picture.

python copying_child.py <folder> <ring> <authorities> <steps to let pass> <pictures to let pass>
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cior_evidence import copying, derived, packing, recoding
from cior_evidence.package_state import StateFile
from cior_evidence.shelf import Making, Progress, Shelf
from cior_register import requests
from doubles.authorities import Authorities
from doubles.requested import Court


def main(folder: str, ring: str, authorities: str, *left: str) -> None:
    court = Court(Path(folder), Path(ring), Authorities.there(Path(authorities)))
    steps_left, pictures_left = map(int, left)
    passed = {"steps": 0, "pictures": 0}

    def dying(step: Callable[..., Any], kind: str, most: int) -> Callable[..., Any]:
        def taken(*arguments: Any, **more: Any) -> Any:
            if any(isinstance(each, Progress) and each.state is Making.BUILDING for each in arguments):
                return step(*arguments, **more)
            if passed[kind] == most:
                os.kill(os.getpid(), signal.SIGKILL)
            passed[kind] += 1
            return step(*arguments, **more)

        return taken

    steps: tuple[tuple[Any, str], ...] = (
        (requests, "take"), (Shelf, "tell"), (StateFile, "write"), (copying, "kept"), (derived, "recode"),
        (derived, "sha256_of"), (packing, "archive"), (Court, "closed"),
    )  # fmt: skip
    for owner, name in steps:
        setattr(owner, name, dying(getattr(owner, name), "steps", steps_left))
    writer: Any = recoding._Writer
    writer.put = dying(writer.put, "pictures", pictures_left)
    court.copier.look()
    court.closed()
    print(passed["steps"], passed["pictures"])


if __name__ == "__main__":
    main(*sys.argv[1:])
