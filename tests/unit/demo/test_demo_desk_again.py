"""The demo's operators on a machine so busy that its broker does not answer at once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cior_bus.message import MessageOut
from cior_core.errors import SourceUnavailable
from cior_demo import desk
from cior_demo.desk import Desk


class Away:
    """A bus that does not answer ``times`` times."""

    def __init__(self, times: int) -> None:
        self.times, self.asked = times, list[bytes | None]()

    def publish_sync(self, messages: Sequence[MessageOut]) -> None:
        self.asked += [each.value for each in messages]
        if len(self.asked) <= self.times:
            raise SourceUnavailable("bus.broker_away", "the broker did not answer")


@pytest.mark.parametrize(("times", "is_sent"), [(0, True), (2, True), (5, False)])
def test_an_act_is_sent_again_byte_for_byte_until_the_broker_answers(
    times: int, is_sent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "_PAUSES_S", (0.0,) * 4)
    bus = Away(times)
    room = Desk(bus, None, area=None, now_ms=lambda: 0, signer=None)  # type: ignore[arg-type]  # only its bus is asked
    message = MessageOut(topic="cior.actions.v1", key=b"a", value=b"signed")
    if is_sent:
        room._sent(message)
    else:
        with pytest.raises(SourceUnavailable):
            room._sent(message)
    assert bus.asked == [b"signed"] * (min(times, 4) + 1)
