"""A console that acts as fast as it can until somebody kills it: ``register_child.py DSN JOURNAL``.

Says each act on standard output once it was answered, and only then.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from pathlib import Path

from sqlalchemy import Connection

from cior_core.errors import SourceUnavailable
from cior_core.people import Grant, LedgerEntry, Person
from cior_core.privacy import Role
from cior_register import people
from cior_register.register import Register


async def acts(register: Register, name: str) -> None:
    n = 0
    while True:
        n += 1
        subject = f"{name}-{n}"
        try:
            if n % 3:
                await register.note_even_away(
                    LedgerEntry(at_ms=n, actor="p-ana", act="alert.acknowledge", subject=subject),
                    patience_s=5,
                )
            else:
                await register.act(
                    LedgerEntry(at_ms=n, actor="p-ana", act="people.add", subject=subject), _adds(subject)
                )
        except SourceUnavailable:
            await asyncio.sleep(0.01)
            continue
        sys.stdout.write(f"did {subject}\n")
        sys.stdout.flush()


def _adds(subject: str):  # type: ignore[no-untyped-def]  # work of an act
    person = Person(subject, subject, "Ana", grants=(Grant(role=Role.OPERATOR),))

    def work(connection: Connection) -> None:
        people.add(connection, person, now_ms=1)

    return work


async def main(dsn: str, journal: Path) -> None:
    register = Register.open(dsn, journal=journal, must_answer=False)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    life = secrets.token_hex(3)
    await asyncio.gather(*(acts(register, f"{life}-{n}") for n in range(8)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
