"""A new key of the centre, a second keeper: what the sealed channel does with them (law 17)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from nacl.public import PrivateKey

from cior_bus import sealed_box
from cior_bus.sealed_content import opened
from cior_connectors._runtime.seal import Sealer
from cior_connectors.builtin.cad_drop.state import DropState
from cior_connectors.builtin.dc09.window import ResendWindow
from cior_connectors.contract import Facts
from cior_core import identity
from cior_core.errors import AccessDenied
from cior_core.keyed import REMEMBERED_MS, RetiredKey
from cior_core.model import DataClass, Device, Event, EventId, TypeCode
from cior_core.sealed_devices import enrolled

ROTATED_MS = 1_790_000_000_000
OLD, NEW = b"o" * 32, b"n" * 32
RETIRED = RetiredKey(key=OLD, until_ms=ROTATED_MS)
TEAM, KEEPER, MENDER = (PrivateKey.generate() for _ in range(3))
BEFORE, AFTER = (
    Sealer(team_key=bytes(TEAM.public_key), hmac_key=OLD),
    Sealer(team_key=bytes(TEAM.public_key), hmac_key=NEW, retired=(RETIRED,)),
)


def press(occurred_ms: int, *, received_ms: int | None = None) -> Event:
    return Event(
        id=EventId("e-1"),
        source="urn:cior:dc09:norte",
        type=TypeCode("silent.duress"),
        subject="panel:9",
        occurred_ms=occurred_ms,
        received_ms=occurred_ms if received_ms is None else received_ms,
        life_safety=True,
        data_class=DataClass.SEALED,
    )


def names(sealer: Sealer, event: Event) -> tuple[str, ...]:
    shown = sealer.strip(event, raw=None, device=None)
    return shown.id, shown.subject, shown.source, shown.independence or ""


def test_law_17_what_was_pressed_before_the_rotation_has_the_same_names_when_it_is_told_again() -> None:
    pressed_ms = ROTATED_MS - 5_000
    assert names(AFTER, press(pressed_ms, received_ms=ROTATED_MS + 60_000)) == names(
        BEFORE, press(pressed_ms)
    )


@pytest.mark.parametrize(
    ("occurred_ms", "received_ms"),
    [(ROTATED_MS, ROTATED_MS), (ROTATED_MS - 5_000, ROTATED_MS + REMEMBERED_MS)],
    ids=["pressed after", "told too late"],
)
def test_law_17_the_new_key_names_what_comes_after_and_what_nobody_remembers(
    occurred_ms: int, received_ms: int
) -> None:
    event = press(occurred_ms, received_ms=received_ms)
    assert not set(names(AFTER, event)) & set(names(BEFORE, event))


def test_law_17_a_stolen_key_names_nothing_from_the_moment_it_is_replaced() -> None:
    stolen = msgspec.structs.replace(RETIRED, remembered_ms=0)
    sealer = Sealer(team_key=bytes(TEAM.public_key), hmac_key=NEW, retired=(stolen,))
    event = press(ROTATED_MS - 5_000, received_ms=ROTATED_MS)
    assert not set(names(sealer, event)) & set(names(BEFORE, event))
    assert sealer.before("mark", now_ms=ROTATED_MS) == ()


def test_the_name_of_a_chain_is_the_same_through_every_rotation() -> None:
    """A chain that took another name in the middle would look cut off."""
    twice = Sealer(
        team_key=bytes(TEAM.public_key),
        hmac_key=b"z" * 32,
        retired=(RETIRED, RetiredKey(key=NEW, until_ms=ROTATED_MS + 1)),
    )
    assert (
        twice.lasting("chain", "norte")
        == AFTER.lasting("chain", "norte")
        == BEFORE.pseudonym("chain", "norte")
    )
    assert BEFORE.lasting("chain", "norte") == BEFORE.pseudonym("chain", "norte")


def test_a_second_keeper_opens_what_the_team_opens_and_nobody_else_does() -> None:
    public = [bytes(each.public_key) for each in (TEAM, KEEPER, MENDER)]
    sealer = Sealer(team_key=public[0], keeper_key=public[1], repair_key=public[2], hmac_key=NEW)
    facts = Facts(received_ms=ROTATED_MS, source="urn:cior:dc09:norte")
    read, unread = sealer.box(facts, b"who pressed"), sealer.box(facts, b"who pressed", unread=True)
    for private in (TEAM, KEEPER):
        assert opened(read, bytes(private)).payload == b"who pressed"
        assert opened(unread, bytes(private)).payload == b"who pressed"
    assert opened(unread, bytes(MENDER)).payload == b"who pressed"
    with pytest.raises(AccessDenied):
        sealed_box.unseal(read, bytes(MENDER))
    alone = Sealer(team_key=public[0], hmac_key=NEW).box(facts, b"who pressed")
    with pytest.raises(AccessDenied):
        sealed_box.unseal(alone, bytes(KEEPER))


def test_a_journal_of_before_the_rotation_still_knows_its_presses(tmp_path: Path) -> None:
    journal = tmp_path / "presses.journal"
    window = ResendWindow(window_s=600.0, journal=journal)
    window.open(now_ms=ROTATED_MS - 5_000)
    old, new = (identity.pseudonym(key, "press", "9", "0041") for key in (OLD, NEW))
    window.sight(old, now_ms=ROTATED_MS - 5_000)
    window.close()
    window = ResendWindow(window_s=600.0, journal=journal)
    window.open(now_ms=ROTATED_MS + 1_000)
    seen = window.sight(new, now_ms=ROTATED_MS + 1_000, before=(old,))
    assert (seen.first_ms, seen.repeat) == (ROTATED_MS - 5_000, 1)
    other = identity.pseudonym(NEW, "press", "9", "0042")
    assert window.sight(other, now_ms=ROTATED_MS + 1_000, before=("p-" + "0" * 32,)).repeat == 0
    window.close()


def test_a_desks_memory_of_before_the_rotation_still_knows_its_calls(tmp_path: Path) -> None:
    def keyed(key: bytes) -> DropState:
        retired = () if key is OLD else (OLD,)
        return DropState(
            tmp_path / "drop.sqlite",
            now_ms=ROTATED_MS,
            remember_days=30,
            keyed=lambda word: identity.pseudonym(key, word),
            before=lambda word: tuple(identity.pseudonym(each, word) for each in retired),
        )

    state = keyed(OLD)
    assert not state.known("call-1", "v1", now_ms=ROTATED_MS)
    assert state.known("call-1", "v2", now_ms=ROTATED_MS)
    state.given("7001", 2026, now_ms=ROTATED_MS)
    state.commit()
    state.close()
    state = keyed(NEW)
    assert state.again("call-1", "v2")
    assert not state.known("call-1", "v1", now_ms=ROTATED_MS)
    assert state.known("call-1", "v3", now_ms=ROTATED_MS), "an update of a call of before, no new call"
    assert state.year_of("7001") == 2026
    assert not state.known("call-2", "v1", now_ms=ROTATED_MS)
    state.close()


def test_law_17_nobody_waits_for_a_sealed_device_under_the_name_that_it_had() -> None:
    home = Device(id="panel:9", kind="panel", name="Ana", data_class=DataClass.SEALED, expected_every_s=60.0)
    now, gone = enrolled([home], key=NEW, placed=lambda place: place, retired=(RETIRED,))
    assert (now.id, now.enabled) == (identity.device_pseudonym(NEW, "panel:9"), True)
    assert (gone.id, gone.enabled) == (identity.device_pseudonym(OLD, "panel:9"), False)
    assert (gone.name, gone.data_class) == ("", DataClass.SEALED)
