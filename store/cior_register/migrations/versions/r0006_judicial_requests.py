"""Judicial requests: their acts (append-only), how they stand, their holds and copies; what the deleter took."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, **{"nullable": False, **options})


def _number(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, **{"nullable": False, "autoincrement": False, **options})


def _bytes(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary, nullable=False)


def _by_entry() -> sa.Column[Any]:
    reference = sa.ForeignKey("ledger.seq", deferrable=True, initially="DEFERRED")
    return sa.Column("ledger_seq", sa.BigInteger, reference, nullable=False)


def upgrade() -> None:
    """Make the tables; acts are never changed."""
    _requests()
    _holds()
    is_file = op.get_bind().dialect.name == "sqlite"
    for statement in _NEVER_FILE if is_file else _NEVER_SERVER:
        op.execute(statement)


def _requests() -> None:
    op.create_table(
        "requests",
        _text("id", primary_key=True), _text("fingerprint"), _text("state"), _text("filer"),
        _number("version"), _number("published"), _number("received_ms"), _number("due_ms", nullable=True),
        _bytes("request"), _by_entry(),
    )  # fmt: skip
    op.create_index("requests_fingerprint", "requests", ["fingerprint"])
    op.create_index("requests_received_ms", "requests", ["received_ms"])
    op.create_index("requests_due_ms", "requests", ["due_ms"])
    op.create_index("requests_filer", "requests", ["filer", "received_ms"])
    op.create_table(
        "request_acts",
        _text("request_id", primary_key=True), _number("n", primary_key=True), _text("key", nullable=True, unique=True),
        _text("rules"), _bytes("act"), _number("at_ms"), _by_entry(),
    )  # fmt: skip
    op.create_table(
        "request_copies",
        _text("request_id", primary_key=True), _number("n", primary_key=True), _text("recipient"), _text("party"),
        _text("digest"), _number("at_ms"), _number("receipt_ms", nullable=True), _by_entry(),
    )  # fmt: skip


def _holds() -> None:
    op.create_table(
        "holds",
        _text("id", primary_key=True), _text("owner"), _text("reason"), _number("since_ms"), _number("until_ms"),
        _text("cameras"), _number("placed_ms"), _number("expires_ms", nullable=True),
        _number("released_ms", nullable=True), _text("released_code"), _text("came_late"), _by_entry(),
    )  # fmt: skip
    op.create_index("holds_owner", "holds", ["owner"])
    op.create_index("holds_released_ms", "holds", ["released_ms"])
    op.create_table(
        "deletions",
        _text("target", primary_key=True), _text("day", primary_key=True), _number("since_ms"), _number("until_ms"),
        _number("at_ms"), _by_entry(),
    )  # fmt: skip
    op.create_index("deletions_since_ms", "deletions", ["since_ms"])


_NEVER_FILE = tuple(
    f"CREATE TRIGGER request_acts_no_{verb.lower()} BEFORE {verb} ON request_acts "
    "BEGIN SELECT RAISE(ABORT, 'request_acts is append-only'); END"
    for verb in ("UPDATE", "DELETE")
)
_NEVER_SERVER = (
    (
        "CREATE TRIGGER request_acts_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON request_acts "
        "FOR EACH STATEMENT EXECUTE FUNCTION append_only()"
    ),
)
