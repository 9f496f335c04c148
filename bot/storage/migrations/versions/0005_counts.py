"""What workers say of themselves, daily numbers, and indexes that find a period in append-only tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create two tables and two small indexes; nothing that is there changes."""
    op.create_table(
        "workers",
        sa.Column("worker", sa.Text, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("parts", JSONB, nullable=False),
        postgresql_with={"fillfactor": 50},
    )
    op.create_table(
        "tallies",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("part", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("n", sa.BigInteger, nullable=False),
    )
    op.create_index("points_at", "points", ["at"], postgresql_using="brin")
    op.create_index("issues_created", "issues", ["created_at"], postgresql_using="brin")
