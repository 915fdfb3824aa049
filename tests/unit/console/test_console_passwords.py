"""Passwords: what may become one, what a hash costs, and what a name that nobody has costs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher, extract_parameters

from cior_console.sign_in.passwords import LONGEST, Passwords, Verdict, canonical, weakness
from cior_core.errors import CapacityExhausted
from cior_register import passwords as kept_passwords

GOOD = "tres gatos bajo la lluvia"


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    kept = Passwords()
    yield kept
    kept.close()


def test_a_hash_costs_what_was_decided() -> None:
    kept = Passwords()
    made = asyncio.run(kept.make(GOOD))
    kept.close()
    found = extract_parameters(made)
    assert (found.type.name, found.memory_cost, found.time_cost, found.parallelism) == ("ID", 19_456, 2, 1)


async def test_only_the_password_opens(passwords: Passwords) -> None:
    kept = await passwords.make(GOOD)
    assert await passwords.check(GOOD, kept) == Verdict(is_right=True)
    for wrong in ("", "Tres gatos bajo la lluvia", GOOD + " ", "x" * (LONGEST + 1), "\ud800", "\0"):
        assert not (await passwords.check(wrong, kept)).is_right
    assert not (await passwords.check(GOOD, "no hash at all")).is_right


async def test_a_name_that_nobody_has_costs_a_hash_and_opens_to_nothing(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    verify = kept_passwords.is_right

    def counting(password_hash: str, password: str) -> bool:
        hashed.append(password_hash)
        return verify(password_hash, password)

    monkeypatch.setattr(kept_passwords, "is_right", counting)
    assert not (await passwords.check(GOOD, None)).is_right
    assert not (await passwords.check("", None)).is_right
    assert not (await passwords.check("x" * (LONGEST + 1), hashed[0])).is_right
    assert len(hashed) == 3
    assert all(each.startswith("$argon2id$v=19$m=19456,t=2,p=1$") for each in hashed)


async def test_a_hash_of_yesterdays_cost_is_made_again_when_its_password_comes(passwords: Passwords) -> None:
    old = PasswordHasher(memory_cost=64, time_cost=1, parallelism=1).hash(GOOD)
    verdict = await passwords.check(GOOD, old)
    assert verdict.is_right
    assert verdict.fresh is not None
    assert await passwords.check(GOOD, verdict.fresh) == Verdict(is_right=True)
    assert (await passwords.check("something else", old)).fresh is None


async def test_who_finds_the_queue_full_is_told_to_come_again() -> None:
    kept = Passwords(waiting=2)
    answers = await asyncio.gather(*(kept.check(GOOD, None) for _ in range(12)), return_exceptions=True)
    refused = [each for each in answers if isinstance(each, CapacityExhausted)]
    served = [each for each in answers if isinstance(each, Verdict)]
    kept.close()
    assert len(refused) + len(served) == 12
    assert len(served) >= 2
    assert refused
    assert refused[0].code == "sign_in.busy"
    assert refused[0].retry_after_s


async def test_somebody_who_goes_takes_nobody_with_him(passwords: Passwords) -> None:
    waits = asyncio.ensure_future(passwords.check(GOOD, None))
    await asyncio.sleep(0)
    waits.cancel()
    assert not (await passwords.check(GOOD, None)).is_right


def test_the_same_password_from_every_keyboard() -> None:
    assert canonical("cami\u00f3n azul") == canonical("camio\u0301n\u00a0azul")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        (GOOD, None),
        ("zapallo-9 ruta", None),
        ("corto", "sign_in.password_short"),
        ("contraseña123", "sign_in.password_common"),
        ("Municipalidad2026!", "sign_in.password_common"),
        ("aaaaaaaaaaaaaaaa", "sign_in.password_common"),
        ("123456789012", "sign_in.password_common"),
        ("qwertyuiopas", "sign_in.password_common"),
        ("ñlkjhgfdsapo", "sign_in.password_common"),
        ("yo soy agomez hoy", "sign_in.password_personal"),
        ("graciela en casa", "sign_in.password_personal"),
        ("tabulador\tadentro", "sign_in.password_no_text"),
        ("medio \ud800 emoji largo", "sign_in.password_no_text"),
        ("é" * (LONGEST // 2 + 1), "sign_in.password_no_text"),
    ],
)
def test_what_may_become_a_password(password: str, code: str | None) -> None:
    assert weakness(password, login="agomez", name="Graciela Gómez") == code
