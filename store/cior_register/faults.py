"""What goes wrong in a database, as a member of ``cior_core.errors``. No text of a driver goes further: it may hold
values.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from cior_core.errors import (
    CiorError,
    CredentialsRefused,
    IntegrityBroken,
    PayloadRejected,
    SourceUnavailable,
)

log = structlog.get_logger("cior_register.faults")
RETRY_S = 1.0
# PostgreSQL's words where it gives no SQLSTATE: a connection that never was has none.
_REFUSED = ("password authentication failed", "no password supplied", "no pg_hba.conf entry")
_DAMAGED = ("malformed", "file is not a database", "invalid page")


def away(sentence: str = "the register does not answer") -> SourceUnavailable:
    """Nobody can be written down now."""
    return SourceUnavailable(
        "register.away",
        sentence,
        cure="see that its database runs and its disk has room; acknowledging life-safety goes on meanwhile",
        retry_after_s=RETRY_S,
    )


def translate(error: SQLAlchemyError) -> CiorError:
    """The error that says what to do next."""
    said = str(getattr(error, "orig", "") or "").lower()
    log.warning("register_fault", kind=type(error).__name__, state=_state(error))
    if any(word in said for word in _REFUSED):
        return CredentialsRefused(
            "register.credentials",
            "the register refuses this user or password",
            cure="correct [register] dsn",
        )
    if any(word in said for word in _DAMAGED):
        return IntegrityBroken(
            "register.damaged",
            "the register's file is damaged",
            cure="cior register restore, from the last backup",
        )
    match error:
        case IntegrityError() | DataError():
            return PayloadRejected("register.contradiction", "this contradicts what the register holds")
        case ProgrammingError():
            return IntegrityBroken(
                "register.refused", "the register refuses what this program asks", cure="cior register status"
            )
        case DBAPIError() | PoolTimeoutError():
            return away()
        case _:
            return IntegrityBroken("register.unexpected", f"the register failed: {type(error).__name__}")


def _state(error: SQLAlchemyError) -> str:
    return str(getattr(getattr(error, "orig", None), "sqlstate", "") or "")


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the database inside come out as ours."""
    try:
        yield
    except SQLAlchemyError as error:
        raise translate(error) from error
