"""MantaGo's newest pair of token and secret, where Giftdesk exchanges it by itself."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """One empty table."""
    op.create_table(
        "mantago_pairs",
        sa.Column("bot", sa.Text, primary_key=True),
        sa.Column("settings", sa.LargeBinary, primary_key=True),
        sa.Column("home", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="kept"),
        sa.Column("generation", sa.Integer, nullable=False, server_default="0"),
        sa.Column("pair", sa.LargeBinary),
        sa.Column("exchanged_at", sa.DateTime(timezone=True)),
        sa.Column("tried_at", sa.DateTime(timezone=True)),
        sa.Column("detail", sa.Text, nullable=False, server_default=""),
    )
