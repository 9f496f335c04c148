"""Redeeming at Poshen itself: players' ids, and what is redeemed for them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0019"
down_revision = "0018"

MOMENT = sa.DateTime(timezone=True)
OPEN = sa.text("state IN ('pending', 'unknown', 'check')")


def upgrade() -> None:
    """Two empty tables."""
    op.create_table(
        "players",
        sa.Column("customer_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("player", sa.LargeBinary, nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=False),
    )
    op.create_table(
        "redemptions",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("customer_id", sa.BigInteger, nullable=False),
        sa.Column("event_id", sa.BigInteger, nullable=False),
        sa.Column("code_id", sa.BigInteger, nullable=False),
        sa.Column("code", JSONB, nullable=False),
        sa.Column("player_hash", sa.LargeBinary, nullable=False),
        sa.Column("player", sa.LargeBinary),
        sa.Column("refusal", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("attempts", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("unknowns", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("awaited", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("leased_until", MOMENT),
        sa.Column("next_at", MOMENT),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("settled_at", MOMENT),
        sa.UniqueConstraint("ref", name="redemptions_ref_key"),
    )
    op.create_index(
        "redemptions_one_for_customer", "redemptions", ["code_id", "customer_id"], unique=True, postgresql_where=OPEN
    )
    op.create_index(
        "redemptions_one_for_player", "redemptions", ["code_id", "player_hash"], unique=True, postgresql_where=OPEN
    )
    op.create_index("redemptions_open", "redemptions", ["id"], postgresql_where=OPEN)
    op.create_index("redemptions_customer", "redemptions", ["customer_id", "id"])
