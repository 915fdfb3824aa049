"""A process to kill: appends numbered records to a spool and says each number on its standard output once it is
acknowledged.

``python spool_writer.py DIRECTORY FIRST drain|keep [FILE_SIZE_LIMIT]``: with ``drain`` it also drains from the front
and says ``d <number>`` first.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections import deque
from concurrent.futures import Future
from pathlib import Path

from cior_bus.spool import Entry, Spool, SpoolClass, SpoolLimits
from cior_core.errors import CapacityExhausted

CLASSES = tuple(SpoolClass)


def say(text: str) -> None:
    os.write(1, text.encode() + b"\n")


def main(directory: Path, first: int, mode: str, size_limit: int) -> None:
    if size_limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_limit, size_limit))
    spool = Spool.open(directory, limits=SpoolLimits(segment_bytes=20_000, normal_gather_s=0.002))
    flying: deque[tuple[SpoolClass, int, Future[None]]] = deque()
    for n in range(first, first + 100_000):
        each = CLASSES[n % len(CLASSES)]
        try:
            flying.append(
                (
                    each,
                    n,
                    spool.append(each, [Entry(topic="t", key=b"k", value=b"%d:" % n + os.urandom(n % 700))]),
                )
            )
        except CapacityExhausted as full:
            say(f"full {each.value} {full.code}")
            if sum(1 for _ in flying) == 0:
                return
        while flying and (len(flying) > 8 or flying[0][2].done()):
            each, done, future = flying.popleft()
            future.result()
            say(f"a {each.value} {done}")
        if mode == "drain" and n % 50 == 0:
            batch = spool.read(SpoolClass.LIFE_SAFETY, max_records=10)
            for spooled in batch:
                say(f"d life_safety {int(spooled.entries[0].value.split(b':')[0])}")
            spool.advance(SpoolClass.LIFE_SAFETY, batch)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else 0)
