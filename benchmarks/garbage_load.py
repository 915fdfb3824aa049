"""Garbage on a DC-09 port, made by a process of its own.

    python benchmarks/garbage_load.py PORT --rate 1500 [--connections 24] [--seconds 60]

Each kind of garbage in turn: noise, a good frame with a wrong checksum, a right checksum over nonsense, a length that
lies, a frame encrypted with another key, a frame that never ends. Who is hung up on calls again. Prints one line of
JSON when it ends (closed standard input, or ``--seconds``).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time

from cior_connectors.builtin.dc09.panel import PanelSettings, encode

_TURN_S = 0.02
_HOST = "127.0.0.1"


def garbage(port: int, *, seed: int, kinds: int = 600) -> list[bytes]:
    """Frames of every kind of garbage, by turns."""
    dice = random.Random(seed)
    plain = PanelSettings(account="9999", port=port)
    foreign = PanelSettings(account="9998", port=port, key=bytes(range(16)))
    made = []
    for number in range(kinds):
        good = _frame(plain, number, f"#9999|1130 00 {number % 999:03d}")
        made.append(
            (
                dice.randbytes(60) + b"\r",
                good[:1] + b"0000" + good[5:],
                _frame(plain, number, f"nonsense {dice.getrandbits(64):x}"),
                good[:5] + b"0FFF" + good[9:],
                _frame(foreign, number, f"#9998|1120 00 {number % 999:03d}"),
                b"\n" + b"A" * 300,
            )[number % 6]
        )
    return made


def _frame(panel: PanelSettings, number: int, data: str) -> bytes:
    return encode(
        panel,
        token="ADM-CID",
        sequence=number % 9999 + 1,
        data=data,
        at_ms=time.time_ns() // 1_000_000 if panel.key else None,
    )


class Told:
    """What was done: frames written, calls made, how often we were hung up on, calls refused."""

    def __init__(self) -> None:
        self.frames = self.calls = self.hung_up = self.refused = 0
        self.late_s = 0.0


async def caller(port: int, frames: list[bytes], *, rate: float, told: Told, stop: asyncio.Event) -> None:
    """One peer: so many frames a second, over as many connections as that takes."""
    began_s, sent, writer = time.monotonic(), 0, None
    reading: asyncio.Task[None] | None = None
    while not stop.is_set():
        due = int((time.monotonic() - began_s) * rate)
        told.late_s = max(told.late_s, (due - sent) / rate - _TURN_S)
        try:
            if writer is None or writer.is_closing() or (reading is not None and reading.done()):
                told.hung_up += writer is not None
                reader, writer = await asyncio.open_connection(_HOST, port)
                reading = asyncio.ensure_future(_drop(reader))
                told.calls += 1
            burst = [frames[(sent + n) % len(frames)] for n in range(due - sent)]
            writer.write(b"".join(burst))
            await asyncio.wait_for(writer.drain(), 1.0)
            told.frames += len(burst)
        except (OSError, TimeoutError):
            told.refused += 1
            writer = None
        sent = due
        await asyncio.sleep(_TURN_S)
    if writer is not None:
        writer.close()


async def _drop(reader: asyncio.StreamReader) -> None:
    """Until the other side hangs up."""
    try:
        while await reader.read(4096):
            pass
    except ConnectionError:
        pass


async def run(options: argparse.Namespace) -> None:
    """Until told to stop."""
    stop, told, loop = asyncio.Event(), Told(), asyncio.get_running_loop()
    if options.seconds:
        loop.call_later(options.seconds, stop.set)
    else:
        loop.add_reader(sys.stdin, stop.set)
    frames = garbage(options.port, seed=61)
    print("started", flush=True)
    began_s = time.monotonic()
    each = options.rate / options.connections
    await asyncio.gather(
        *(
            caller(options.port, frames[n:] + frames[:n], rate=each, told=told, stop=stop)
            for n in range(options.connections)
        )
    )
    lasted_s = time.monotonic() - began_s
    said = {
        "seconds": round(lasted_s, 1), "frames_per_s": round(told.frames / lasted_s), "calls": told.calls,
        "hung_up": told.hung_up, "refused": told.refused, "latest_s": round(told.late_s, 2),
        "cpu_s": round(time.process_time(), 1),
    }  # fmt: skip
    print(json.dumps(said), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("port", type=int)
    parser.add_argument("--rate", type=float, default=1_500)
    parser.add_argument("--connections", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=0)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
