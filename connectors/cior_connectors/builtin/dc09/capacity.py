"""How many frames a second one core frames, reads and decodes: ``python -m cior_connectors.builtin.dc09.capacity``.

Prints the median of five rounds.
"""

from __future__ import annotations

import statistics
import sys
import time

from cior_connectors.builtin.dc09.config import Dc09Config
from cior_connectors.builtin.dc09.decode import decode
from cior_connectors.builtin.dc09.frame import Framer
from cior_connectors.builtin.dc09.panel import PanelSettings, encode
from cior_connectors.contract import DecodeContext, Facts, Secret
from cior_core import bundled
from cior_core.model import Producer
from cior_core.taxonomy import Taxonomy

FRAMES = 2_000
KEY = "0123456789ABCDEF"
NOW_MS = 1_790_000_000_000


def measure(key: bytes | None) -> float:
    """Frames a second: cut from one stream, decoded to events."""
    context = DecodeContext(
        config=Dc09Config(default_key=Secret(KEY)),
        taxonomy=Taxonomy.load(bundled.text("taxonomy.toml")),
        producer=Producer(connector="dc09", version="1.0.0"),
    )
    facts = Facts(source="urn:cior:dc09:bench", received_ms=NOW_MS, first_received_ms=NOW_MS, context=context)
    panel = PanelSettings(account="1234", port=1, key=key)
    sent = [
        encode(
            panel,
            token="ADM-CID",  # noqa: S106  SIA DC-09's word for the message format
            sequence=n % 9999,
            data=f"#1234|1120 00 {n % 999:03d}",
            at_ms=NOW_MS,
        )
        for n in range(FRAMES)
    ]
    stream = b"".join(sent)
    rates = []
    for _ in range(5):
        began = time.perf_counter()
        frames = Framer(max_bytes=1 << 20).feed(stream)
        for framed in frames:
            decode(framed.raw, facts)
        rates.append(len(frames) / (time.perf_counter() - began))
    return statistics.median(rates)


if __name__ == "__main__":
    sys.stdout.write(f"plain {measure(None):.0f} frames/s, encrypted {measure(KEY.encode()):.0f} frames/s\n")
