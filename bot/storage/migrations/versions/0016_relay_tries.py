"""Since when a copy for another tool has been tried, and when last: what is given up was tried for an hour."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Two empty columns: what waits is tried for an hour from the next failure on."""
    op.add_column("relays", sa.Column("tried_since", sa.DateTime(timezone=True)))
    op.add_column("relays", sa.Column("tried_at", sa.DateTime(timezone=True)))
