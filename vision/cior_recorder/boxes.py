"""The boxes of a fragmented MP4 (ISO/IEC 14496-12 §4.2) as they pass: a header, then for each picture a ``moof`` and an
``mdat``. Pure; every segment that we write is made so.
"""

from __future__ import annotations

import hashlib

_HEADER = 8


class BoxReader:
    """Fed with the bytes of a file in order, in pieces of any size. ``whole_bytes``: up to the end of the last picture
    that is whole. ``payload``: SHA-256 over the contents of the ``mdat`` boxes, whole pictures only.
    """

    def __init__(self) -> None:
        self.frames = self.whole_bytes = 0
        self.payload = hashlib.sha256()
        self._at = 0
        self._header = bytearray()
        self._left = 0
        self._data: bytearray | None = None

    def feed(self, piece: bytes) -> None:
        """The next bytes. What is no box at all stops the reading: nothing after it is counted."""
        view = memoryview(piece)
        while view and self._left >= 0:
            taken = self._take_header(view) if self._left == 0 else self._take_content(view)
            self._at += taken
            view = view[taken:]

    def _take_header(self, view: memoryview) -> int:
        taken = min(_HEADER - len(self._header), len(view))
        self._header += view[:taken]
        if len(self._header) == _HEADER:
            size, kind = int.from_bytes(self._header[:4], "big"), bytes(self._header[4:])
            self._header.clear()
            is_box = size > _HEADER and kind.isalnum()
            self._left = size - _HEADER if is_box else -1
            self._data = bytearray() if kind == b"mdat" else None
        return taken

    def _take_content(self, view: memoryview) -> int:
        taken = min(self._left, len(view))
        self._left -= taken
        if self._data is not None:
            self._data += view[:taken]
            if self._left == 0:
                self.frames += 1
                self.payload.update(self._data)
                self.whole_bytes = self._at + taken
        return taken
