"""The counter: one-time codes, what was handed over, rewards that are, and links to a list of it all."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0011"
down_revision = "0010"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create two empty tables; no reward is handed over until staff say so."""
    op.create_table(
        "counter_codes",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("code_hash", sa.LargeBinary, nullable=False),
        sa.Column("customer_id", sa.BigInteger),
        sa.Column("staff_id", sa.BigInteger),
        sa.Column("item", JSONB),
        sa.Column("opens", sa.Text),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
    )
    op.create_index(
        "counter_codes_live", "counter_codes", ["code_hash"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_index("counter_codes_customer", "counter_codes", ["customer_id"])
    op.create_index(
        "counter_codes_member",
        "counter_codes",
        ["staff_id"],
        unique=True,
        postgresql_where=sa.text("purpose = 'member' AND ended_at IS NULL"),
    )
    op.create_table(
        "hand_overs",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("person_hash", sa.LargeBinary, nullable=False),
        sa.Column("item_key", sa.Text, nullable=False),
        sa.Column("nth", sa.SmallInteger, nullable=False),
        sa.Column("customer_id", sa.BigInteger),
        sa.Column("item", JSONB, nullable=False),
        sa.Column("store_id", sa.BigInteger),
        sa.Column("store", sa.Text),
        sa.Column("staff_id", sa.BigInteger),
        sa.Column("staff", sa.Text, nullable=False),
        sa.Column("event_id", sa.BigInteger, nullable=False),
        sa.Column("at", MOMENT, nullable=False, server_default=sa.text("now()")),
        sa.Column("undone_at", MOMENT),
        sa.Column("undone_by", sa.Text),
    )
    op.create_index(
        "hand_overs_once",
        "hand_overs",
        ["person_hash", "item_key", "nth"],
        unique=True,
        postgresql_where=sa.text("undone_at IS NULL"),
    )
    op.create_index("hand_overs_customer", "hand_overs", ["customer_id"])
    op.create_index("hand_overs_at", "hand_overs", ["at"])
    op.alter_column("exports", "job_id", nullable=True)
    op.add_column("exports", sa.Column("since", MOMENT))
    op.add_column("rewards", sa.Column("handover", sa.Boolean, nullable=False, server_default=sa.text("false")))
