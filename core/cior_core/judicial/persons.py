"""Two persons, three for what is sealed, and none with an interest in the case (evidence is no better than who made
it). Enforced in the step: whoever writes the log otherwise writes one that does not replay.
"""

from __future__ import annotations

from cior_core.errors import AccessDenied
from cior_core.judicial.state import Request

SEALED_APPROVERS = 2


def check_impartial(request: Request, person: str) -> None:
    """Raises ``AccessDenied`` (``request.conflict``)."""
    if person in request.parties.conflicted:
        raise AccessDenied(
            "request.conflict",
            "this person declared an interest in the case, or was named in it",
            cure="somebody else of the centre goes on",
        )


def check_clerk(request: Request, person: str) -> None:
    """Whoever asks does not review. Raises ``AccessDenied``."""
    check_impartial(request, person)
    _check_other(person, (request.parties.requester,))


def check_approver(request: Request, person: str) -> None:
    """Raises ``AccessDenied`` (``request.two_persons``, ``request.conflict``)."""
    check_impartial(request, person)
    parties = request.parties
    _check_other(person, (parties.requester, parties.clerk, *parties.approvers))


def check_exporter(request: Request, person: str) -> None:
    """Raises ``AccessDenied``; of what is sealed the clerk does not build the package either."""
    check_impartial(request, person)
    parties = request.parties
    others = (parties.requester, *parties.approvers)
    _check_other(person, (*others, parties.clerk) if request.filing.sealed else others)


def needs_more_approvers(request: Request) -> bool:
    """Whether another person must approve before it is approved."""
    return request.filing.sealed and len(request.parties.approvers) < SEALED_APPROVERS


def _check_other(person: str, others: tuple[str, ...]) -> None:
    if person in others:
        raise AccessDenied(
            "request.two_persons",
            "the same person may not do both",
            cure="another person of the centre does this step",
        )
