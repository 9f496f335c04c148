"""Short texts that were not understood, kept for a fortnight where the operator wants that."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create one empty table; it stays empty unless KEEP_MISSES is on."""
    op.create_table(
        "unclear",
        sa.Column("message_hash", sa.LargeBinary, primary_key=True),
        sa.Column("person_hash", sa.LargeBinary, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
    )
    op.create_index("unclear_person", "unclear", ["person_hash"])
