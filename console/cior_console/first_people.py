"""A trial's first accounts: one a role at least, made when nobody is in its register yet, told once and never again."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from cior_core.centre_file import EMBEDDED, Centre
from cior_core.people import Grant, LedgerEntry, Person
from cior_core.privacy import Role
from cior_register import people
from cior_register.passwords import hashed
from cior_register.place import register_dsn
from cior_register.register import Register

_ACTOR: Final = "cior up"
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
ACCOUNTS: Final = (
    ("operadora", "Operadora de guardia", Role.OPERATOR),
    ("despacho", "Despacho municipal", Role.DISPATCHER),
    ("supervision", "Supervisión de sala", Role.SUPERVISOR),
    ("equipo", "Equipo de respuesta", Role.RESPONSE_TEAM),
    ("auditoria", "Auditoría", Role.AUDITOR),
    ("ingenieria", "Ingeniería", Role.ENGINEER),
    ("fiscalia", "Fiscalía de turno", Role.PROSECUTOR),
    ("defensa", "Defensa pública", Role.DEFENDER),
    # Three, since who takes a request up, who approves it and who has it built are never one person.
    ("custodia", "Custodia, mesa de entradas", Role.CUSTODIAN),
    ("custodia2", "Custodia, aprobación", Role.CUSTODIAN),
    ("custodia3", "Custodia, armado", Role.CUSTODIAN),
)


class FirstAccount(msgspec.Struct, frozen=True):
    """One of them; its password is for whoever started the trial."""

    login: str
    role: Role
    password: str

    def __repr__(self) -> str:
        return f"FirstAccount({self.login})"


def first_people(centre: Centre) -> tuple[FirstAccount, ...]:
    """Make them in a trial on this machine, if its register has nobody; none otherwise.

    Their passwords may stay: they were made here, and a trial has nobody to keep out. A real centre begins with
    ``cior users add``.
    """
    if not centre.file.centre.test_mode or centre.file.register.dsn != EMBEDDED:
        return ()
    register = Register.open(register_dsn(centre))
    try:
        return () if register.read_now(people.everybody) else _made(register, ACCOUNTS)
    finally:
        register.close()


def more_people(centre: Centre, rows: Sequence[tuple[str, str, Role]]) -> tuple[FirstAccount, ...]:
    """Accounts (login, name, role) besides those, on a register that nothing else writes yet."""
    register = Register.open(register_dsn(centre))
    try:
        return _made(register, rows)
    finally:
        register.close()


def _made(register: Register, rows: Sequence[tuple[str, str, Role]]) -> tuple[FirstAccount, ...]:
    return tuple(_one(register, login, name, role) for login, name, role in rows)


def _one(register: Register, login: str, name: str, role: Role) -> FirstAccount:
    password = "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(3))
    kept, now_ms = hashed(password), time.time_ns() // 1_000_000
    person = Person(id=f"p-{secrets.token_hex(8)}", login=login, name=name, grants=(Grant(role),))
    entry = LedgerEntry(
        at_ms=now_ms, actor=_ACTOR, act="people.add", subject=person.id, detail={"role": role.value}
    )
    added = register.submit(entry, lambda c: people.add(c, person, now_ms=now_ms, password_hash=kept))
    added.result(30.0)
    return FirstAccount(login, role, password)
