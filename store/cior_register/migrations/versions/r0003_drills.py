"""Drills and their results."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    reference = sa.ForeignKey("ledger.seq", deferrable=True, initially="DEFERRED")
    op.create_table(
        "drills",
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("started_by", sa.Text, sa.ForeignKey("people.id"), nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("rings", sa.Boolean, nullable=False),
        sa.Column("alerts", sa.Text, nullable=False),
        sa.Column("ended_by", sa.Text, sa.ForeignKey("people.id")),
        sa.Column("ended_ms", sa.BigInteger),
        sa.Column("ledger_seq", sa.BigInteger, reference, nullable=False),
    )
    op.create_index("drills_started_ms", "drills", ["started_ms"])
