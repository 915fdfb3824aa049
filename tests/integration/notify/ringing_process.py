"""A process that tells one notice and says what became of it: `ringing_process.py FOLDER URL COMMANDS`.

``COMMANDS`` 1: the command is handed over (again); 0: only what the last process left is gone on with.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from integration.notify.desk import Desk, command, now_ms
from integration.notify.peers import until


async def main(folder: Path, url: str, *, is_told: bool) -> None:
    told = command(issued_ms=now_ms() // 600_000 * 600_000, expires_ms=now_ms() + 120_000)
    async with Desk(folder, url) as desk:
        if is_told:
            await desk.source.act(told)
        await until(lambda: bool(desk.lent.receipts), within_s=60)
        print(desk.lent.receipts[0].outcome, flush=True)


asyncio.run(main(Path(sys.argv[1]), sys.argv[2], is_told=sys.argv[3] == "1"))
