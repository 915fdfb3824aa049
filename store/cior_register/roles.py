"""The roles of PostgreSQL that a centre's parts sign in as, and what each may: what stands here is all.

Rights are given again whenever the owner migrates. What a grant cannot say (which acts, from which state) a trigger
says, by who writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from cior_core.requests import RequestStatus
from cior_register.tables import METADATA

SERVICE_ROLE: Final = "cior_register"
"""The role that the service signs in as."""
DELETER_ROLE: Final = "cior_deleter"
"""The role of who only asks for holds and claims what retention deletes: sink and recorders."""
EVIDENCE_ROLE: Final = "cior_evidence"
"""The role of who builds and seals the packages that custodians ordered."""
DELETES: Final = "retention.delete"
"""The one act that a deleter may write into the ledger."""
PACKS: Final = (
    "request.boxes", "request.gather", "request.assemble", "request.seal", "request.copy_gather", "request.seal_copy",
    "camera.masks",
)  # fmt: skip
"""The acts that who builds packages, and copies of them, may write there."""
_APPEND_ONLY: Final = {
    "ledger": "SELECT, INSERT",
    "journal_taken": "SELECT, INSERT",
    "request_acts": "SELECT, INSERT",
    "ledger_head": "SELECT",
}
_GRANTED = (
    RequestStatus.APPROVED,
    RequestStatus.PARTLY_APPROVED,
    RequestStatus.ASSEMBLED,
    RequestStatus.NEGATIVE,
)
_COPIED = (
    RequestStatus.SEALED, RequestStatus.DELIVERED, RequestStatus.RECEIPTED, RequestStatus.CLOSED,
)  # fmt: skip
_BUILT = (RequestStatus.ASSEMBLED, RequestStatus.SEALED, RequestStatus.NEGATIVE)


def _of_service() -> Iterator[str]:
    for table in METADATA.sorted_tables:
        rights = _APPEND_ONLY.get(table.name, "SELECT, INSERT, UPDATE, DELETE")
        yield f"GRANT {rights} ON {table.name} TO {SERVICE_ROLE}"
    yield f"GRANT SELECT ON alembic_version TO {SERVICE_ROLE}"
    yield f"GRANT EXECUTE ON FUNCTION ledger_head_locked() TO {SERVICE_ROLE}"


def _of_deleter() -> Iterator[str]:
    """It sees holds and what is claimed, claims, and writes one kind of entry: it reads no person, no request and no
    line of the ledger, and takes nothing back.
    """
    yield f"GRANT SELECT ON holds, ledger_head, alembic_version TO {DELETER_ROLE}"
    yield f"GRANT SELECT, INSERT, UPDATE (until_ms, at_ms, ledger_seq) ON deletions TO {DELETER_ROLE}"
    yield from _may_write(DELETER_ROLE, "ledger_of_deleter", (DELETES,))


def _of_evidence() -> Iterator[str]:
    """It reads requests, their acts and the names of people, no password, session, hold or line of the ledger. Of a
    request that was granted it adds that it is assembled or sealed, and of one that was sealed that a copy is, whatever
    else stands there staying as it is: it files, approves and delivers none.
    """
    yield f"GRANT SELECT ON ledger_head, alembic_version, request_acts, requests TO {EVIDENCE_ROLE}"
    yield f"GRANT SELECT (id, name) ON people TO {EVIDENCE_ROLE}"
    yield f"GRANT INSERT ON request_acts TO {EVIDENCE_ROLE}"
    written = "state, version, received_ms, due_ms, request, ledger_seq"
    yield f"GRANT UPDATE ({written}) ON requests TO {EVIDENCE_ROLE}"
    yield from _may_write(EVIDENCE_ROLE, "ledger_of_evidence", PACKS)
    acts = "coalesce(convert_from(NEW.act, 'UTF8')::jsonb ->> 'type', '') NOT IN ('assemble', 'seal', 'seal_copy')"
    yield from _refused(EVIDENCE_ROLE, "acts_of_evidence", "INSERT ON request_acts", acts)
    built = f"OLD.state IN ({_listed(_GRANTED)}) AND NEW.state IN ({_listed(_BUILT)})"
    rest = "convert_from({}.request, 'UTF8')::jsonb - 'copies' - 'version'"
    same = f"NEW.state = OLD.state AND {rest.format('NEW')} = {rest.format('OLD')}"
    copied = f"OLD.state IN ({_listed(_COPIED)}) AND {same}"
    refused = f"NOT (({built}) OR ({copied}))"
    yield from _refused(EVIDENCE_ROLE, "requests_of_evidence", "UPDATE ON requests", refused)


def _may_write(role: str, name: str, acts: tuple[str, ...]) -> Iterator[str]:
    """Entries of these acts, each saying itself what its column says."""
    yield f"GRANT INSERT ON ledger TO {role}"
    yield f"GRANT EXECUTE ON FUNCTION ledger_head_locked() TO {role}"
    other = f"NEW.act NOT IN ({_listed(acts)})"
    itself = "NEW.act IS DISTINCT FROM convert_from(NEW.entry, 'UTF8')::jsonb ->> 'act'"
    yield from _refused(role, name, "INSERT ON ledger", f"{other} OR {itself}")


def _refused(role: str, name: str, when: str, condition: str) -> Iterator[str]:
    """A trigger that lets nobody of ``role`` write a row of which ``condition`` holds."""
    yield f"""CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF current_user = '{role}' AND ({condition}) THEN
        RAISE EXCEPTION 'this role may not write this row' USING ERRCODE = 'insufficient_privilege';
      END IF;
      RETURN NEW;
    END $$"""
    yield f"CREATE OR REPLACE TRIGGER {name} BEFORE {when} FOR EACH ROW EXECUTE FUNCTION {name}()"


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{each}'" for each in words)


GRANTS: Final[dict[str, Callable[[], Iterator[str]]]] = {
    SERVICE_ROLE: _of_service,
    DELETER_ROLE: _of_deleter,
    EVIDENCE_ROLE: _of_evidence,
}
"""The statements that give each role its rights; run by the owner."""
