"""What sign-in writes into the ledger: who, from where, how it ended; never a password, nor a name as it was typed.

People type passwords into the field of the name. Of a name that nobody has, the ledger holds a keyed digest, by which
an auditor sees the same one tried again and cannot read it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

from cior_console.sign_in.lockout import Attempt
from cior_core.model import Struct
from cior_core.people import LedgerEntry, LedgerOutcome, Person, Session
from cior_core.privacy import Role

VISITOR: Final = "visitor"
"""The actor of what nobody with a name did."""
PROVIDER: Final = "city provider"
"""The actor of what the city's own sign-in did."""


class Visitor(Struct, frozen=True, kw_only=True):
    """Who is at the door: ``peer`` as ``lockout`` counts it, ``label`` the kind of browser, ``cookie`` what says in
    which accounts it signed in before.
    """

    peer: str
    label: str
    cookie: str = ""


class Book:
    """Makes entries. ``key``: this installation's, for digests of names."""

    def __init__(self, key: bytes, now_ms: Callable[[], int]) -> None:
        self._key, self._now_ms = hmac.digest(key, b"cior names at the door 1", "sha256"), now_ms

    def digest(self, login: str) -> str:
        """A name as nobody can read it, the same each time."""
        return hmac.digest(self._key, login.encode("utf-8", "surrogatepass"), "sha256").hex()[:20]

    def signed_in(
        self, person: Person, session: Session, visitor: Visitor, *, instead_of: Session | None = None
    ) -> LedgerEntry:
        """Somebody began a session; ``instead_of``: took another role, in the place of that one."""
        detail: dict[str, str | int] = {
            "factors": " ".join(session.factors),
            "peer": visitor.peer,
            "browser": visitor.label,
            "kind": session.kind.value,
        }
        if instead_of is not None:
            detail |= {"role_before": instead_of.role.value, "session_before": instead_of.id}
        act = "sign_in" if instead_of is None else "session.role"
        return LedgerEntry(
            at_ms=self._now_ms(), actor=person.id, act=act, subject=session.id, role=session.role,
            session=session.id, detail=detail,
        )  # fmt: skip

    def refused(self, why: str, attempt: Attempt, visitor: Visitor, *, wait_s: int = 0) -> LedgerEntry:
        """Somebody did not get in; ``wait_s``: and has to wait before trying again."""
        detail: dict[str, str | int] = {"peer": visitor.peer, "browser": visitor.label}
        return LedgerEntry(
            at_ms=self._now_ms(), actor=VISITOR, act="sign_in.locked" if wait_s else "sign_in.refused",
            subject=attempt.account, outcome=LedgerOutcome.REFUSED, rule=why,
            detail=detail | ({"wait_s": wait_s} if wait_s else {}),
        )  # fmt: skip

    def of_session(self, act: str, session: Session, *, rule: str = "", subject: str = "") -> LedgerEntry:
        """Something that the person of ``session`` did, or that was done to the session."""
        return LedgerEntry(
            at_ms=self._now_ms(), actor=session.person_id, act=act, subject=subject or session.id,
            role=session.role, session=session.id, rule=rule,
        )  # fmt: skip

    def of_person(self, act: str, person_id: str, visitor: Visitor, *, subject: str = "") -> LedgerEntry:
        """Something on the way in, by somebody whose password was right."""
        return LedgerEntry(
            at_ms=self._now_ms(), actor=person_id, act=act, subject=subject or person_id,
            detail={"peer": visitor.peer, "browser": visitor.label},
        )  # fmt: skip

    def by_provider(self, session_id: str, person_id: str) -> LedgerEntry:
        """The city's provider ended a session of ours."""
        return LedgerEntry(
            at_ms=self._now_ms(), actor=PROVIDER, act="session.ended", subject=session_id, rule="by_provider",
            detail={"person": person_id},
        )  # fmt: skip


def first_role(person: Person, wanted: Role | None) -> Role | None:
    """The role to begin with: the wanted one if it was given, else the first; None when there is none."""
    roles = [grant.role for grant in person.grants]
    if wanted is not None:
        return wanted if wanted in roles else None
    return roles[0] if roles else None
