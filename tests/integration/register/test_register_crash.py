"""Killed with SIGKILL while it acts, again and again: the chain is whole, no act without its row, and nothing that was
answered is lost (laws 9 and 13).
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from sqlalchemy import Connection, func, select

from cior_register import keeping
from cior_register.register import Register
from cior_register.tables import LEDGER, PEOPLE
from engines.long_runs import often
from engines.registers import RegisterPlace

CHILD = Path(__file__).with_name("register_child.py")
SEED = 8


def live(place: RegisterPlace, folder: Path, *, acts: int, kills_server: bool) -> list[str]:
    """One life of so many answered acts, and as many again around a server that dies: what it said was done."""
    with subprocess.Popen(
        [sys.executable, str(CHILD), place.dsn, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as child:  # fmt: skip
        assert child.stdout is not None
        said = list(answers(child.stdout, acts))
        if kills_server and place.server is not None:
            place.server.kill()
            said += answers(child.stdout, acts)
            place.server.start()
            said += answers(child.stdout, acts)
        child.kill()
        return said + list(answers(child.stdout, sys.maxsize))


def answers(lines: IO[bytes], count: int) -> Iterator[str]:
    """The next acts that were answered; fewer only where its words end. A line that the kill cut is none."""
    while count and (line := lines.readline()).endswith(b"\n"):
        if line.startswith(b"did "):
            count -= 1
            yield line.decode().split()[1]


def missing(connection: Connection, said: set[str]) -> set[str]:
    return said - set(connection.execute(select(LEDGER.c.subject)).scalars())


def without_entry(connection: Connection) -> int:
    found = select(func.count()).select_from(PEOPLE.outerjoin(LEDGER, LEDGER.c.seq == PEOPLE.c.ledger_seq))
    orphans: int = connection.execute(
        found.where((LEDGER.c.seq.is_(None)) | (LEDGER.c.subject != PEOPLE.c.id))
    ).scalar_one()
    return orphans


@pytest.mark.crash
@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("kills_server", [False, True], ids=["console", "server"])
def test_law_13_killed_while_it_acts_it_lost_nothing_that_was_answered(
    kills_server: bool, register_place: RegisterPlace, tmp_path: Path
) -> None:
    if kills_server and register_place.server is None:
        pytest.skip("a file has no server")
    chance, said = random.Random(SEED), set[str]()
    for _ in range(often(3, long=50)):
        acts = chance.randint(5, 60)
        said.update(live(register_place, tmp_path / "journal", acts=acts, kills_server=kills_server))
    register: Register = register_place.open(journal=tmp_path / "journal")
    try:
        assert len(said) >= 15
        assert not register.read_now(lambda connection: missing(connection, said))
        assert register.read_now(without_entry) == 0
    finally:
        register.close()
    proof = keeping.prove(register_place.dsn, pins={})
    assert not proof.walked.defects
    assert not proof.misfiled
    assert not list((tmp_path / "journal").iterdir())
