"""Agreements under which another administration sees what is ours."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the table."""
    reference = sa.ForeignKey("ledger.seq", deferrable=True, initially="DEFERRED")
    op.create_table(
        "agreements",
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        sa.Column("terms", sa.Text, nullable=False),
        sa.Column("proposed_by", sa.Text, sa.ForeignKey("people.id"), nullable=False),
        sa.Column("proposed_ms", sa.BigInteger, nullable=False),
        sa.Column("approved_by", sa.Text, nullable=False),
        sa.Column("approved_ms", sa.BigInteger),
        sa.Column("withdrawn_by", sa.Text, nullable=False),
        sa.Column("withdrawn_ms", sa.BigInteger),
        sa.Column("withdrawn_why", sa.Text, nullable=False),
        sa.Column("ledger_seq", sa.BigInteger, reference, nullable=False),
    )
