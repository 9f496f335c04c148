"""Posters: their links, who came by them, and their QR pictures to be fetched once."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0013"
down_revision = "0012"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create three empty tables; files of codes may have links in them."""
    op.add_column("exports", sa.Column("links", sa.Boolean, nullable=False, server_default=sa.text("false")))
    op.create_table(
        "posters",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("token", sa.Text, nullable=False, unique=True),
        sa.Column("says", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("code_id", sa.BigInteger),
        sa.Column("opens", sa.Text, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("stopped_at", MOMENT),
    )
    op.create_index("posters_code", "posters", ["code_id"])
    op.create_table(
        "poster_visits",
        sa.Column("event_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("poster_id", sa.BigInteger, nullable=False),
        sa.Column("customer_id", sa.BigInteger),
        sa.Column("new", sa.Boolean, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )
    op.create_index("poster_visits_at", "poster_visits", ["at"])
    op.create_index("poster_visits_customer", "poster_visits", ["customer_id"])
    op.create_table(
        "poster_files",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("poster_id", sa.BigInteger, nullable=False),
        sa.Column("maker", sa.Text, nullable=False),
        sa.Column("page", JSONB, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT),
    )
