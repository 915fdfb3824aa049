"""The process that converts segments for looking: ``python -m cior_video.converting``, started and ended by whoever
shows them (:mod:`cior_video.converter`).

It comes after every other process of the machine, opens no file and may take only so much memory: what cameras send is
decoded here, and a fault in a decoder ends this process alone. Its standard input is its life: when that ends, however
whoever started it ended, so does it, in the middle of a picture if need be.

Each message, either way, is a kind (one byte), a length (eight, big-endian) and so many bytes; see :class:`Kind`.
"""

from __future__ import annotations

import os
import queue
import resource
import sys
import threading
from collections.abc import Callable
from enum import Enum
from typing import BinaryIO, Final

from cior_core.errors import CiorError, ConfigInvalid

_LOWEST: Final = 19
_MEMORY_BYTES: Final = 3 * 2**30
"""Sixteen references of the largest level of H.265 and room for the libraries."""
LENGTH_BYTES: Final = 8


class Kind(Enum):
    """``SEGMENT``: to it, a native segment. From it: ``READY`` first (the codec of what it will make), or
    ``UNABLE`` (code, sentence and cure, a line each) and its end; then to each segment one of the others.
    """

    SEGMENT = b"s"
    READY = b"r"
    UNABLE = b"u"
    MADE = b"m"
    BLANK = b"b"
    FAILED = b"f"


def message(kind: Kind, content: bytes = b"") -> bytes:
    """As it goes over the pipe."""
    return kind.value + len(content).to_bytes(LENGTH_BYTES, "big") + content


def main() -> int:
    """Convert until standard input ends."""
    os.setpriority(os.PRIO_PROCESS, 0, _LOWEST)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = sys.stdout.buffer
    try:
        convert, codec = _able()
    except CiorError as error:
        _tell(answers, Kind.UNABLE, f"{error.code}\n{error.sentence}\n{error.cure}".encode())
        return 2
    _tell(answers, Kind.READY, codec.encode())
    asked: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_read, args=(sys.stdin.buffer, asked), daemon=True).start()
    while True:
        _tell(answers, *convert(asked.get()))


def _able() -> tuple[Callable[[bytes], tuple[Kind, bytes]], str]:
    """Raises ``ConfigInvalid`` (``conversion.no_av``, ``conversion.no_encoder``)."""
    try:
        from cior_video import h264
    except ImportError as error:
        raise ConfigInvalid(
            "conversion.no_av",
            f"nothing can be converted here: {error.name} is missing",
            cure="install cior[vision] or cior[evidence] where the console runs",
        ) from error
    h264.check_encoder()

    def convert(native: bytes) -> tuple[Kind, bytes]:
        try:
            made = h264.converted(native)
        except CiorError as error:
            return Kind.FAILED, error.sentence.encode()
        return (Kind.BLANK if made.is_blank else Kind.MADE), made.content

    return convert, h264.CODEC


def _tell(answers: BinaryIO, kind: Kind, content: bytes) -> None:
    answers.write(message(kind, content))
    answers.flush()


def _read(source: BinaryIO, asked: queue.Queue[bytes]) -> None:
    """Whoever started this is gone when nothing more can come."""
    while len(head := source.read(1 + LENGTH_BYTES)) == 1 + LENGTH_BYTES:
        asked.put(source.read(int.from_bytes(head[1:], "big")))
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
