"""A bulk job whose codes are deleted again: who does it."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Two empty columns; nothing that is there changes."""
    op.add_column("bulk_jobs", sa.Column("deleter_id", sa.BigInteger))
    op.add_column("bulk_jobs", sa.Column("deleter", sa.Text))
