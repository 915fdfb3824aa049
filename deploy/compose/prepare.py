"""Before the parts of a centre start: keys and each service's share of them, the broker's users, rights and topics,
migrations. Runs to its end; doing it again changes nothing.

``prepare.py CENTRE_FILE KEYS SHARES PASSWORDS`` with ``CIOR_BUS`` (the administrator's listener), ``CIOR_BUS_KEYS``,
``CIOR_STORE`` (the migrator's DSN) and, the first time, ``CIOR_TEAM_PUBLIC`` (``cior keys team``). Exit code 1: try
again; 2: a human must change something.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from cior.cli import configure_logs
from cior.wall_views import lacking
from cior_bus.access import as_admin
from cior_bus.commands.bus import families_of
from cior_bus.key_shares import hand_out
from cior_bus.keys import open_keys, refuse_team_private
from cior_bus.provisioning import provision
from cior_bus.public_key import TEAM, take_line
from cior_bus.recipients import note_recipients
from cior_bus.register_key import register_key
from cior_bus.rights import Part, users
from cior_bus.signers import open_signer
from cior_core.errors import CiorError, SourceUnavailable
from cior_store.engine import Store
from cior_store.migrate import migrate

_PHONES = "notify"
"""The family of connectors that rings people, and signs what they answer."""


def main(arguments: list[str]) -> int:
    """Prepare and say what was done, never a secret."""
    centre, keys, shares, passwords = map(Path, arguments)
    configure_logs("info")
    try:
        take_line(keys, TEAM, os.environ.get("CIOR_TEAM_PUBLIC", ""))
        ring = open_keys(keys)
        refuse_team_private(ring)
        note_recipients(keys, ring.keys.team_public, now_ms=time.time_ns() // 1_000_000)
        register_key(keys)
        for signer in (Part.CONSOLE.value, _PHONES):
            open_signer(keys, signer)
        hand_out(ring.keys, keys, shares)
        broker = as_admin(os.environ["CIOR_BUS"], client_id="cior-prepare")
        told = provision(broker, users(families_of(centre)), passwords)
        with Store.open(os.environ["CIOR_STORE"]) as store:
            applied = migrate(store)
            lost = tuple(lacking(store))
    except CiorError as error:
        print(error, file=sys.stderr)
        return 1 if isinstance(error, SourceUnavailable) else 2
    for sentence in lost:
        print(sentence, file=sys.stderr)
    print(
        f"keys {'made' if ring.fresh else 'there'}, topics created {len(told.topics)}, "
        f"rights given {told.granted}, taken away {told.withdrawn}, migrations applied {len(applied)}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
