"""Teams with their shifts. Agencies are data of the rule pack alone: their table was never written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table of teams, drop that of agencies."""
    op.drop_table("agencies")
    reference = sa.ForeignKey("ledger.seq", deferrable=True, initially="DEFERRED")
    op.create_table(
        "duty_teams",
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        sa.Column("team", sa.Text, nullable=False),
        sa.Column("is_fallback", sa.Boolean, nullable=False),
        sa.Column("ledger_seq", sa.BigInteger, reference, nullable=False),
    )
