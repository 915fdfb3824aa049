"""Who may take closed boxes out for a request and hand their openings back, and what the ledger says of it: for the
desk and for the command alike.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from cior_core.errors import AccessDenied, PayloadRejected
from cior_core.judicial.persons import check_exporter
from cior_core.judicial.state import Request
from cior_core.model import DataClass
from cior_core.people import LedgerEntry, LedgerOutcome
from cior_core.privacy import Asking, Decision, Policy, Purpose, Role, decide
from cior_core.requests import RequestStatus
from cior_evidence.box_room import Judged
from cior_evidence.boxes_of_store import Warrant, lets_out_sealed

GRANTED: Final = frozenset({RequestStatus.APPROVED, RequestStatus.PARTLY_APPROVED})
TAKEN_OUT: Final = "request.boxes_out"
OPENED: Final = "request.box_opened"


def warrant_of(request: Request) -> Warrant:
    """What it may have of what lies in boxes."""
    filing = request.filing
    return Warrant(
        alerts=filing.alerts, basis=filing.order, reason=filing.reason, approvers=len(request.parties.approvers),
        sealed=filing.sealed, identity=filing.identity,
    )  # fmt: skip


def check_hands(request: Request, person: str) -> None:
    """Whether this person may have the boxes of this request opened now: who may build its package, once it is
    approved and until it is sealed; of what is sealed, a third.

    Raises ``PayloadRejected`` (``boxes.not_now``) and ``AccessDenied`` (``request.two_persons``, ``request.conflict``).
    """
    if request.state not in GRANTED or request.package:
        raise PayloadRejected(
            "boxes.not_now",
            "boxes are opened for a request that is approved, until its package is sealed",
            cure="see the state of the request",
        )
    check_exporter(request, person)


def decision_of(request: Request, policy: Policy) -> Decision:
    """What the privacy table says. Raises ``AccessDenied`` with its code."""
    warrant = warrant_of(request)
    decision = decide(
        Asking(
            role=Role.CUSTODIAN, purpose=Purpose.JUDICIAL_REQUEST, data_class=DataClass.RESTRICTED,
            legal_basis=warrant.basis, approvers=warrant.approvers, reason=warrant.reason,
        ),
        policy,
    )  # fmt: skip
    if decision.outcome != "allow" or (warrant.sealed and not lets_out_sealed(policy, warrant)):
        raise AccessDenied(
            decision.code or "deny.sealed",
            "the privacy table opens no box for this order",
            cure="see which order the request names, and docs/fiscalia.md",
        )
    return decision


def opening_entry(entry: LedgerEntry, judged: Judged) -> LedgerEntry:
    """``entry`` as it tells of one opening that was handed back, accepted or refused."""
    opened = judged.opened
    told: dict[str, Any] = {"record": judged.record}
    if opened is None:
        return msgspec.structs.replace(
            entry,
            act=OPENED,
            outcome=LedgerOutcome.REFUSED,
            rule=judged.code,
            detail={**entry.detail, **told},
        )
    told |= {"box": opened.box, "opened_by": opened.who, "opened_ms": opened.at_ms, "openings": opened.place}
    return msgspec.structs.replace(
        entry, act=OPENED, reason=opened.reason[:_REASON_LIMIT], detail={**entry.detail, **told}
    )


_REASON_LIMIT: Final = 500
