"""Limits of calls a second that all processes share."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """One empty table, which is not written to the log: a crash only forgets whose turn it was."""
    op.create_table(
        "rate_limits",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("first_at", sa.Double, nullable=False),
        sa.Column("next_at", sa.Double, nullable=False),
        prefixes=["UNLOGGED"],
    )
