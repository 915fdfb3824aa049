"""Whether a part in this container is well; the health checks of docker-compose.yml. Exit code 0 well, 1 not.

``http URL``: it answers 200. ``process FILE``: the process that announced itself in FILE is alive. ``worker FOLDER``:
the stream worker whose health file lies there is ready and wrote it within ten seconds.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from pathlib import Path

FRESH_MS = 10_000


def http(url: str) -> bool:
    """Whether ``url`` answers 200."""
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  a fixed loopback address
        return bool(answer.status == 200)


def process(file: str) -> bool:
    """Whether the announced process lives."""
    os.kill(int(json.loads(Path(file).read_bytes())["pid"]), 0)
    return True


def worker(folder: str) -> bool:
    """Whether every health file of the folder is fresh and says ready."""
    states = [json.loads(path.read_bytes()) for path in Path(folder).glob("*.health.json")]
    now_ms = time.time_ns() // 1_000_000
    return bool(states) and all(each["ready"] and now_ms - each["at_ms"] < FRESH_MS for each in states)


CHECKS = {"http": http, "process": process, "worker": worker}


def main(arguments: list[str]) -> int:
    """Look once."""
    kind, target = arguments
    try:
        return 0 if CHECKS[kind](target) else 1
    except (OSError, ValueError, KeyError) as error:
        print(f"{kind}: {type(error).__name__}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
