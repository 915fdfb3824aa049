"""Copies a ring's held footage and is killed when the server took one more object, before anybody wrote that down:
``copying_child.py ENDPOINT BUCKET RING FOLDER``. Ends by itself when nothing is left to put.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from cior_store.locked import LockedBucket
from integration.recorder.bucket_copies import bucket_at, copier


def main(endpoint: str, bucket: str, ring: str, folder: str) -> None:
    put = LockedBucket._put

    def killed(self: LockedBucket, *arguments: Any, **named: Any) -> str:
        put(self, *arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("killed")

    LockedBucket._put = killed  # type: ignore[method-assign]
    copier(Path(ring), Path(folder)).look(bucket_at(endpoint, bucket))


if __name__ == "__main__":
    main(*sys.argv[1:])
