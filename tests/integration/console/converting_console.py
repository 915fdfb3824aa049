"""A console over a ring, to be killed: ``python converting_console.py RING``. On standard output the address, then the
process id of each process that converts.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from cior_core.privacy import Role
from cior_video.converter import Converter
from integration.console.api_rig import office


async def started() -> Converter:
    made = await Converter.start()
    print(made.pid, flush=True)
    return made


async def main(ring: Path) -> None:
    async with office() as here:
        here.rings, here.converter = {"plaza": ring}, started
        here.known(Role.OPERATOR, login="agomez")
        print(here.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
