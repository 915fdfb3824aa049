"""What the demo says of cameras that an alert asked to look."""

from __future__ import annotations

import msgspec

from cior_core.watching import Watching
from cior_demo.desk import Desk
from integration.console.wall_rig import alert

ASKED = Watching(camera="plaza", state="asked", asked_ms=1, until_ms=2, command="c-1", text_es="", text_en="")
SEEN = msgspec.structs.replace(ASKED, state="ended", event_id="e-1", text_es="nadie a la vista")


def test_only_who_answered_is_told_and_once_though_two_alerts_show_it() -> None:
    room = Desk(None, None, area=None, now_ms=lambda: 0, signer=None)  # type: ignore[arg-type]  # it only reads
    room.see(alert(1, watchings=(ASKED,)))
    assert room.looks() == []
    room.see(alert(1, version=2, watchings=(SEEN,)))
    room.see(alert(2, watchings=(SEEN, msgspec.structs.replace(ASKED, command="c-2"))))
    assert room.looks() == [SEEN]
