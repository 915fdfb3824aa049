"""Who works here and what they did: the words that the register, sign-in and the console share. Pure data.

A ledger entry is a record of the past: it is written with the act or the read that it is about, never changed, and
never deleted (laws 9 and 13).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

import msgspec

from cior_core.chain_place import ChainPlace
from cior_core.model import Struct
from cior_core.privacy import Purpose, Role

REGISTER_CHAIN = "register"
"""The name of the ledger's hash chain (:mod:`cior_core.chain`)."""


class Scope(Struct, frozen=True):
    """Where a grant holds, as identifiers. An empty tuple narrows nothing: all of them."""

    districts: tuple[str, ...] = ()
    agencies: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()


class Grant(Struct, frozen=True):
    """A role that a person may take, and where."""

    role: Role
    scope: Scope = Scope()


class RoleRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``claim`` (``groups``, ``realm_access.roles``) holds ``value``: this person has ``role``, in ``districts`` and
    ``agencies`` only, where these are named.
    """

    claim: Annotated[str, msgspec.Meta(min_length=1, description="Claim of the token; dots lead inside")]
    value: Annotated[str, msgspec.Meta(min_length=1, description="Text that it is or contains")]
    role: Annotated[Role, msgspec.Meta(description="Role that it gives")]
    districts: Annotated[tuple[str, ...], msgspec.Meta(description="Only there; none named: everywhere")] = ()
    agencies: Annotated[tuple[str, ...], msgspec.Meta(description="Only these; none named: all")] = ()


class Person(Struct, frozen=True):
    """Somebody with a name. ``id`` never changes and is what the ledger says; ``login`` may be changed.

    ``must_change``: the password was made for them, and the next sign-in asks for one of their own.
    """

    id: str
    login: str
    name: str
    language: str = "es"
    grants: tuple[Grant, ...] = ()
    disabled: bool = False
    must_change: bool = False


class SessionKind(StrEnum):
    """What is signed in: somebody's browser, or the account of a wall display, which can only look."""

    BROWSER = "browser"
    DISPLAY = "display"


class Session(Struct, frozen=True):
    """A sign-in that lasts. Its token is known to the browser alone: the register keeps a digest.

    Instants are UTC ms. ``factors``: what was proven (``password``, ``totp``, ``passkey``, ``oidc``);
    ``reauthenticated_ms``: when last, None for never after the sign-in; ``ended_ms``: None while it lasts;
    ``label``: what to call it in a list, such as the browser's name.
    """

    id: str
    person_id: str
    role: Role
    kind: SessionKind
    created_ms: int
    expires_ms: int
    reauthenticated_ms: int | None = None
    factors: tuple[str, ...] = ()
    label: str = ""
    ended_ms: int | None = None


class LedgerOutcome(StrEnum):
    """What became of it."""

    ALLOWED = "allowed"
    REDACTED = "redacted"
    REFUSED = "refused"


class LedgerEntry(Struct, frozen=True):
    """One act or one read, by whom and what for.

    ``act`` is a dotted code: ``alert.acknowledge``, ``alert.read``, ``sealed.open``, ``sign_in.refused``. ``actor`` is
    a person's id, or the name of a part of the system (``cior users``); ``role`` and ``purpose`` are None before
    anybody is signed in; ``session`` is a session's id. ``subject``: what it is about, by its identifier.
    ``rule``: the row of the privacy table that decided, or the code of the refusal. ``reason``: what the actor wrote.
    ``detail``: facts of this kind of act, never a secret.

    ``id`` is random (128 bits, hex) and tells one entry from another of the same words; the register makes it when it
    is empty. Whoever may have to say the same thing twice gives it.
    """

    at_ms: int
    actor: str
    act: str
    subject: str = ""
    role: Role | None = None
    session: str = ""
    purpose: Purpose | None = None
    outcome: LedgerOutcome = LedgerOutcome.ALLOWED
    rule: str = ""
    reason: str = ""
    detail: Mapping[str, str | int] = {}
    id: str = ""


class LedgerRow(Struct, frozen=True):
    """An entry at its place in the register's chain."""

    place: ChainPlace
    hash: str
    entry: LedgerEntry
