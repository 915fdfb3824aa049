"""What sign-in remembers over a restart: who was wrong how often, codes for the day a telephone is lost, and which
sessions the city's provider may end.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def _by_entry() -> sa.Column[Any]:
    reference = sa.ForeignKey("ledger.seq", deferrable=True, initially="DEFERRED")
    return sa.Column("ledger_seq", sa.BigInteger, reference, nullable=False)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "lockouts",
        sa.Column("counter", sa.Text, primary_key=True, nullable=False),
        sa.Column("key", sa.Text, primary_key=True, nullable=False),
        sa.Column("failures", sa.BigInteger, nullable=False),
        sa.Column("last_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("lockouts_last_ms", "lockouts", ["last_ms"])
    op.create_table(
        "recovery_codes",
        sa.Column("digest", sa.LargeBinary, primary_key=True, nullable=False),
        sa.Column("person_id", sa.Text, sa.ForeignKey("people.id"), nullable=False),
        sa.Column("used_ms", sa.BigInteger),
        _by_entry(),
    )
    op.create_index("recovery_codes_person", "recovery_codes", ["person_id", "used_ms"])
    op.create_table(
        "provider_sessions",
        sa.Column("session_id", sa.Text, sa.ForeignKey("sessions.id"), primary_key=True, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("sid", sa.Text, nullable=False),
        _by_entry(),
    )
    op.create_index("provider_sessions_sid", "provider_sessions", ["issuer", "sid"])
    op.create_index("provider_sessions_subject", "provider_sessions", ["issuer", "subject"])
