"""What a process lends to each of its connector instances."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from cior_bus.message import DurableSink
from cior_bus.metrics import Metrics
from cior_bus.settings import BusSettings
from cior_bus.signing import ActionSigner
from cior_connectors._runtime.seal import Sealer
from cior_core.duty import DutyBook
from cior_core.model import Place
from cior_core.vicinity import Vicinity


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What the centre lends to every instance of a process. ``broker`` None: no commands are read (a check, a test);
    ``signer`` None: no decision comes in here. ``duty``: the register's directory, for who may read it.
    """

    sink: DurableSink
    sealer: Sealer
    metrics: Metrics
    state_dir: Path
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    accounting_every_s: float = 60.0
    placed: Callable[[Place], Place] = lambda place: place
    vicinity: Vicinity = Vicinity({})
    broker: BusSettings | None = None
    signer: ActionSigner | None = None
    duty: Callable[[], DutyBook | None] = lambda: None
