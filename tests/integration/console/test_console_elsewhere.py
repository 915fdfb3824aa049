"""What people decide elsewhere than at the console, as by the link on a phone that rang, stands in the one ledger:
once, under their name, and only when its part signed it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from cior_bus.admin import Topics
from cior_bus.consumer import Batch
from cior_bus.embedded.tansu import Tansu
from cior_bus.message import MessageOut, RecordIn
from cior_bus.metrics import Metrics
from cior_bus.producer import Bus
from cior_bus.settings import BusSettings, Profile
from cior_bus.signers import open_signer, opener
from cior_console import metrics as m
from cior_console.acts_elsewhere import ActsElsewhere
from cior_core import codec
from cior_core.chain import verify
from cior_core.errors import SourceUnavailable
from cior_core.model import Action, ActionKind, AlertId
from cior_core.people import REGISTER_CHAIN, Grant, LedgerEntry, LedgerRow, Person
from cior_core.privacy import Role
from cior_register import ledger, people
from cior_register.ledger import LedgerQuestion
from cior_register.register import Register, RegisterLimits
from engines.registers import RegisterPlace

T_MS = 1_796_000_000_000
"""A fixed instant: keys are made when a test runs, so its acts are signed then, not when the tests were collected."""
ANA = Person("p-ana", "ana", "Ana Pérez", grants=(Grant(role=Role.OPERATOR),))
PRESSED = Action(
    id="notify:00aa", kind=ActionKind.ACKNOWLEDGE, actor="ana", at_ms=T_MS, alert_id=AlertId("a-1"),
    reason="confirmó por el enlace",
)  # fmt: skip
NOWHERE = BusSettings(bootstrap="127.0.0.1:9", profile=Profile.TANSU)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def register(register_place: RegisterPlace) -> Iterator[Register]:
    opened = register_place.open(limits=RegisterLimits(patience_s=60))
    entry = LedgerEntry(at_ms=T_MS, actor="cior users", act="people.add", subject=ANA.id)
    opened.submit(entry, lambda connection: people.add(connection, ANA, now_ms=T_MS)).result(60)
    yield opened
    opened.close()


def batch(*actions: Action) -> Batch:
    records = tuple(
        RecordIn("cior.actions.v1", 0, offset, T_MS, None, codec.encode(each))
        for offset, each in enumerate(actions)
    )
    return Batch("cior.actions.v1", 0, records)


def signed(keys: Path, signer: str, action: Action = PRESSED, **change: object) -> Action:
    return open_signer(keys, signer).sign(
        msgspec.structs.replace(action, **change), at_ms=time.time_ns() // 1_000_000
    )


def rows(register: Register) -> list[LedgerRow]:
    return register.read_now(lambda connection: ledger.rows(connection, LedgerQuestion(act="alert.")))


def elsewhere(register: Register, keys: Path, *, bus: BusSettings = NOWHERE) -> tuple[ActsElsewhere, Metrics]:
    metrics = Metrics()
    return ActsElsewhere(bus, register, opener(keys), metrics=metrics), metrics


def test_law_13_a_link_that_was_pressed_stands_in_the_ledger_once_under_its_persons_id(
    register: Register, keys: Path
) -> None:
    taking, metrics = elsewhere(register, keys)
    for _ in range(2):  # a console that died before its position was kept reads it again
        taking.take(batch(signed(keys, "notify")))
    (row,) = rows(register)
    told = row.entry
    assert (told.actor, told.act, told.subject, told.reason) == (
        "p-ana", "alert.acknowledge", "a-1", "confirmó por el enlace",
    )  # fmt: skip
    assert (told.id, told.detail["signer"], told.detail["said"]) == ("notify:00aa", "notify", "ana")
    assert metrics.value(m.ELSEWHERE, "notify") == 1
    walked = register.read_now(lambda connection: verify(REGISTER_CHAIN, ledger.falling(connection)))
    assert not walked.defects


def test_law_13_what_nobody_of_ours_signed_and_what_this_console_signed_itself_get_no_row(
    register: Register, keys: Path
) -> None:
    taking, _ = elsewhere(register, keys)
    own = signed(keys, "console", id="own", actor="p-ana")
    forged = msgspec.structs.replace(signed(keys, "notify"), actor="root")
    taking.take(batch(own, forged))
    assert rows(register) == []
    taking.take(batch(signed(keys, "notify", id="notify:00bb", actor="nobody-here")))
    assert [row.entry.actor for row in rows(register)] == ["nobody-here"], (
        "not in the register: as the part said it"
    )


def test_while_the_register_is_away_nothing_is_skipped(
    register_place: RegisterPlace, register: Register, keys: Path
) -> None:
    taking, _ = elsewhere(register, keys)
    register.close()
    with pytest.raises(SourceUnavailable):
        taking.take(batch(signed(keys, "notify")))
    again = register_place.open(limits=RegisterLimits(patience_s=60))
    elsewhere(again, keys)[0].take(batch(signed(keys, "notify")))
    assert len(rows(again)) == 1
    again.close()


def test_over_a_real_broker_what_came_while_no_console_ran_is_written_when_one_does(
    register: Register, keys: Path, tansu: Tansu
) -> None:
    settings = BusSettings(bootstrap=tansu.bootstrap, profile=Profile.TANSU)
    Topics(settings).ensure()
    with Bus(settings) as bus:
        bus.publish_sync([MessageOut.of(signed(keys, "notify", id=f"notify:{n}")) for n in range(3)])
        taking, _ = elsewhere(register, keys, bus=settings)
        taking.start()
        until(lambda: len(rows(register)) == 3)
        bus.publish_sync([MessageOut.of(signed(keys, "notify", id="notify:later"))])
        until(lambda: len(rows(register)) == 4)
        taking.stop()
    assert taking.failure is None


def until(is_so: Callable[[], bool], *, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert is_so()
