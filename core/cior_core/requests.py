"""Judicial requests as walls and statistics see them: states, clocks and counts, never a person, a case or a place.

What was asked, by whom and why stands in the register of the evidence room; this is what may travel without it.
"""

from __future__ import annotations

from enum import StrEnum

from cior_core.model import Struct


class AuthorityKind(StrEnum):
    """Who may ask. The defence is first class: it gets the same bytes as the prosecution."""

    PROSECUTOR = "prosecutor"
    JUDGE = "judge"
    DEFENCE = "defence"
    OTHER = "other"


class RequestStatus(StrEnum):
    """Where a request stands: the words of the register and of the act, which a court reads, as the data.

    In order of a plain one's life, from RECEIVED to CLOSED; the last five are the side ways.
    """

    RECEIVED = "recibida"
    QUERIED = "observada"
    CLARIFIED = "respondida"
    HELD = "resguardada"
    UNDER_REVIEW = "en_revision"
    APPROVED = "aprobada"
    REJECTED = "rechazada"
    PARTLY_APPROVED = "parcial"
    ASSEMBLED = "armada"
    SEALED = "sellada"
    DELIVERED = "entregada"
    RECEIPTED = "acusada"
    CLOSED = "cerrada"
    PROVISIONAL = "provisional"
    LAPSED = "caduca"
    NEGATIVE = "negativa"
    REPLACED = "reemplazada"
    REOPENED = "reabierta"


class Answer(StrEnum):
    """How a request was answered; a negative answer is a signed certificate too."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    NEGATIVE = "negative"
    REFUSED = "refused"


class RequestState(Struct, frozen=True, kw_only=True):
    """The newest state of one request; ``version`` grows by one with each change and orders every copy.

    * ``id``: opaque, made by the register; not the case number.
    * ``authority``: an institution ("Fiscalía Regional 2"), never the name of a person.
    * ``deadline_ms``: when an answer is due. ``earliest_expiry_ms``: when the first of what is asked would be deleted
      by retention if no hold kept it.
    * ``items_*``: cameras times intervals and groups of events: how many are asked, on hold, delivered.
    """

    id: str
    authority_kind: AuthorityKind
    authority: str
    state: RequestStatus
    version: int
    received_ms: int
    held_ms: int | None = None
    exported_ms: int | None = None
    delivered_ms: int | None = None
    closed_ms: int | None = None
    deadline_ms: int | None = None
    earliest_expiry_ms: int | None = None
    items_asked: int = 0
    items_held: int = 0
    items_delivered: int = 0
    answer: Answer | None = None
    drill: bool = False
