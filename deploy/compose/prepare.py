"""Before the parts of a centre start: keys, topics, migrations. Runs to its end; doing it again changes nothing.

``prepare.py KEYS_FOLDER`` with ``CIOR_BUS``, ``CIOR_STORE`` (the migrator's DSN) and, the first time,
``CIOR_TEAM_PUBLIC`` (``cior keys team``). Exit code 1: try again; 2: a
human must change something.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from cior.cli import configure_logs
from cior.keys import open_keys, refuse_team_private
from cior.public_key import TEAM, take_line
from cior.recipients import note_recipients
from cior.wall_views import lacking
from cior_bus.admin import Topics
from cior_bus.settings import BusSettings
from cior_core.errors import CiorError, SourceUnavailable
from cior_store.engine import Store
from cior_store.migrate import migrate


def main(arguments: list[str]) -> int:
    """Prepare and say what was done, never a secret."""
    (folder,) = arguments
    configure_logs("info")
    try:
        take_line(Path(folder), TEAM, os.environ.get("CIOR_TEAM_PUBLIC", ""))
        ring = open_keys(Path(folder))
        refuse_team_private(ring)
        note_recipients(ring.file.parent, ring.keys.team_public, now_ms=time.time_ns() // 1_000_000)
        created = Topics(BusSettings.from_dsn(os.environ["CIOR_BUS"])).ensure()
        with Store.open(os.environ["CIOR_STORE"]) as store:
            applied = migrate(store)
            lost = tuple(lacking(store))
    except CiorError as error:
        print(error, file=sys.stderr)
        return 1 if isinstance(error, SourceUnavailable) else 2
    for sentence in lost:
        print(sentence, file=sys.stderr)
    print(
        f"keys {'made' if ring.fresh else 'there'}, topics created {len(created)}, migrations applied {len(applied)}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
