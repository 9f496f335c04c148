"""How often popular capped codes were claimed, so that it need not be counted for each claim."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create one table; each code's row is written when it is next claimed."""
    op.create_table(
        "code_counters",
        sa.Column("code_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("claims", sa.Integer, nullable=False),
        postgresql_with={"fillfactor": 50},
    )
