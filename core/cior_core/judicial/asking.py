"""What is asked, as it was written and as it was understood. Intervals are half-open, whole UTC seconds."""

from __future__ import annotations

from cior_core.canonical import canonical
from cior_core.integrity import digest
from cior_core.judicial.jurisdiction import Proceeding
from cior_core.model import Struct
from cior_core.privacy import LegalBasis


class Span(Struct, frozen=True):
    """From ``since_s`` (included) to ``until_s`` (not)."""

    since_s: int
    until_s: int

    def within(self, other: Span) -> bool:
        """Whether nothing of it lies outside ``other``."""
        return other.since_s <= self.since_s and self.until_s <= other.until_s


class WrittenItem(Struct, frozen=True):
    """One camera and one interval as they were written: RFC 3339, or without an offset, which asks for a reading."""

    camera: str
    since: str
    until: str


class Asked(Struct, frozen=True):
    """One item. ``code``: why it was not understood (empty: it was, and ``spans`` is one). ``spans``: what a hold
    covers meanwhile; of a time without a zone every reading, in order of time.

    ``denied``: the code of the refusal of this item; ``missing``: what of it was not there when the package was made.
    """

    written: WrittenItem
    spans: tuple[Span, ...] = ()
    code: str = ""
    denied: str = ""
    missing: tuple[Missing, ...] = ()

    @property
    def camera(self) -> str:
        """Its camera."""
        return self.written.camera


class Missing(Struct, frozen=True):
    """Footage that is not there, to the second, and why: a code of the jurisdiction's list of gaps."""

    span: Span
    cause: str

    @property
    def minutes(self) -> tuple[int, ...]:
        """The UTC minutes (seconds since the epoch, divided by 60) that it touches."""
        return tuple(range(self.span.since_s // 60, (self.span.until_s - 1) // 60 + 1))


class Filing(Struct, frozen=True):
    """An order, or the request to preserve before there is one (``provisional``).

    ``authority``: a row of the jurisdiction; ``office``: the institution's name, never a person's; ``document``: the
    number or name of the order. ``investigation``: it belongs to the preparatory investigation (IPP).
    ``sealed``: it asks for what is sealed; ``identity``: and names the identity of who is protected, without which it
    gets what the centre knows them by. ``alerts``: ids of alerts whose records it asks for.
    """

    authority: str
    office: str
    case: str
    document: str
    reason: str
    items: tuple[WrittenItem, ...]
    order: LegalBasis = LegalBasis.NONE
    proceeding: Proceeding = Proceeding.CRIMINAL
    investigation: bool = True
    alerts: tuple[str, ...] = ()
    sealed: bool = False
    identity: bool = False
    provisional: bool = False
    drill: bool = False


def fingerprint(filing: Filing) -> str:
    """The same for the same order sent twice, however its reason is worded. Secret like the case number: who can guess
    the order can compute it, so it never travels.
    """
    told = (
        "cior.filing.v1", filing.authority, filing.office.strip(), filing.case.strip(), filing.document.strip(),
        sorted({canonical(item).decode() for item in filing.items}), sorted(set(filing.alerts)), filing.provisional,
        filing.order.value, filing.proceeding.value, filing.sealed, filing.investigation, filing.drill,
        *(("identity",) if filing.identity else ()),
    )  # fmt: skip
    return digest(canonical(told))
