"""A sink process for the crash tests: consumes a made-up partition from the committed offset on, and may kill itself
at a named step.

argv: dsn, commit file, dead-letter file, number of messages, seed of this life's batch sizes, step ("" for none), how
many times the step passes first.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cior_core import codec as bus_codec
from cior_core.model import DeadLetter, RawId, RawPointer
from cior_store import migrate
from cior_store.engine import Store
from cior_store.sink import Sink, SinkSettings
from cior_store.writers import Writers
from integration.store import city

UNFIT = 2**40
"""An index that no column takes: only the engine's insert finds out, so the batch is bisected."""


def life(number: int) -> list[city.Msg]:
    """The whole partition: mostly single events, some envelopes, some garbage, some rows that no table takes."""
    made = []
    for offset in range(number):
        if offset % 97 == 13:
            value = b'{"not": "an event", "offset": %d}' % offset
        elif offset % 89 == 7:
            value = bus_codec.encode(
                city.event(offset, raw=RawPointer(raw_id=RawId("raw-x"), sha256="", index=UNFIT))
            )
        elif offset % 50 == 0:
            value = bus_codec.join(
                [
                    bus_codec.encode(city.event(10**6 + offset * 1000 + n, at_ms=city.NOON_MS + offset))
                    for n in range(20)
                ]
            )
        else:
            value = bus_codec.encode(city.event(offset, at_ms=city.NOON_MS + offset))
        made.append(city.Msg(topic="cior.events.urgent.v1", partition=3, offset=offset, value=value))
    return made


class Suicidal:
    """Wraps a callable: SIGKILL of this process before or after its n-th call."""

    def __init__(self, step: str, passes: int) -> None:
        self.step, self.passes = step, passes

    def around(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def called(*positional: Any, **named: Any) -> Any:
            self._maybe(f"before-{name}")
            result = work(*positional, **named)
            self._maybe(f"after-{name}")
            return result

        return called

    def _maybe(self, here: str) -> None:
        if here != self.step:
            return
        if self.passes == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.passes -= 1


def main() -> None:
    dsn, commit, buried, number, seed, step, passes = sys.argv[1:8]
    store = Store.open(dsn)
    migrate.migrate(store)
    fate = Suicidal(step, int(passes))
    store.insert = fate.around("insert", store.insert)  # type: ignore[method-assign]  # death is put around it
    book = Writers(store)
    book.save_plan = fate.around("plan", book.save_plan)  # type: ignore[method-assign]  # death is put around it

    def bury(letter: DeadLetter) -> None:
        with Path(buried).open("a") as out:
            out.write(f"{letter.id}\n")
            out.flush()
            os.fsync(out.fileno())

    sink = Sink(
        book,
        on_dead=fate.around("bury", bury),
        settings=SinkSettings(max_messages=150),
        may_hold=True,
    )
    log, dice, committed = life(int(number)), random.Random(int(seed)), Path(commit)
    position = int(committed.read_text()) if committed.exists() else 0
    print("READY", flush=True)
    while position < len(log):
        batch = log[position : position + dice.randint(1, 120)]
        written = sink.write_batch("cior.events.urgent.v1", 3, batch)
        position = batch[-1].offset + 1
        if written.next_offset is not None:
            fate.around("commit", lambda to=written.next_offset: _commit(committed, to))()
    store.close()
    print("DONE", flush=True)


def _commit(file: Path, offset: int) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text(str(offset))
    fresh.replace(file)


if __name__ == "__main__":
    main()
