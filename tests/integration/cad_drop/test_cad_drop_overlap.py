"""Each export tells the last hours again: what was closed stays closed, what is new rings (law 14)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cior_core.model import AlertStatus, Event
from doubles.desk import Desk

Until = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.mark.parametrize("numbered", [True, False], ids=["with numbers", "without numbers"])
async def test_law_14_calls_that_an_export_tells_again_do_not_ring(
    desk: Any, until: Until, *, numbered: bool
) -> None:
    desk.configure(default_type="gun.shooting")
    if not numbered:
        columns = type(desk.config.columns)
        told = {name: getattr(desk.config.columns, name) for name in columns.__struct_fields__}
        desk.configure(columns=columns(**{**told, "id": ()}))
    operators = Desk()
    heard, calls = 0, list[Event]()
    async with desk.running():
        for export, numbers in enumerate(((1,), (1,), (1,), (1, 2))):
            desk.put(f"{export}.csv", desk.calls(*numbers, nature="balacera"))
            await until((desk.inbox / "done" / f"{export}.csv").exists)
            calls = [event for event in desk.sink.decoded() if event.type == "gun.shooting"]
            operators.hear(calls[heard:])
            assert len(operators.open) == (1 if export in {0, 3} else 0), f"export {export}"
            operators.close(at_ms=calls[-1].received_ms + 1)
            heard = len(calls)
    assert [alert.status for alert in operators.alerts] == [AlertStatus.CLOSED] * 2
    assert operators.told.count("recovered_copy") == 1
    assert [call.recovered for call in calls] == [False, True, True, True, False]
