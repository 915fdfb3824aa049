"""Acts that are taken and not yet on the bus."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    reference = sa.ForeignKey("ledger.seq", deferrable=True, initially="DEFERRED")
    op.create_table(
        "acts",
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("action", sa.LargeBinary, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("sent_ms", sa.BigInteger),
        sa.Column("ledger_seq", sa.BigInteger, reference, nullable=False),
    )
    op.create_index("acts_sent_ms", "acts", ["sent_ms"])
