"""Codes made in bulk, links to them as files, and claims taken back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"

MOMENT = sa.DateTime(timezone=True)
NOW = sa.text("now()")


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True)


def upgrade() -> None:
    """Create the tables; nothing that is there changes."""
    op.create_table(
        "bulk_jobs",
        _id(),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("slot", sa.SmallInteger, unique=True),
        sa.Column("group_id", sa.BigInteger, nullable=False),
        sa.Column("group_name", sa.Text, nullable=False),
        sa.Column("rewards", JSONB, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("length", sa.SmallInteger, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("staff_id", sa.BigInteger),
        sa.Column("starter", sa.Text, nullable=False),
        sa.Column("runs", sa.SmallInteger, nullable=False, server_default="1"),
        sa.Column("troubles", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("reason", sa.Text),
        sa.Column("leased_by", sa.Text),
        sa.Column("leased_until", MOMENT),
        sa.Column("next_at", MOMENT),
        sa.Column("created_at", MOMENT, nullable=False, server_default=NOW),
        sa.Column("ended_at", MOMENT),
    )
    op.create_table(
        "bulk_codes",
        _id(),
        sa.Column("job_id", sa.BigInteger, nullable=False),
        sa.Column("code", sa.Text, nullable=False, unique=True),
        sa.Column("state", sa.Text, nullable=False, server_default="pending"),
        sa.Column("attempts", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("poshen_id", sa.BigInteger),
        sa.Column("reason", sa.Text),
        sa.Column("made_at", MOMENT),
    )
    op.create_index("bulk_codes_job", "bulk_codes", ["job_id", "state"])
    op.create_table(
        "exports",
        _id(),
        sa.Column("job_id", sa.BigInteger, nullable=False),
        sa.Column("staff_id", sa.BigInteger),
        sa.Column("maker", sa.Text, nullable=False),
        sa.Column("page", JSONB, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False, server_default=NOW),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT),
    )
    op.create_table(
        "undone",
        sa.Column("ref", sa.Text, primary_key=True),
        sa.Column("code_id", sa.BigInteger, nullable=False),
        sa.Column("customer_id", sa.BigInteger),
        sa.Column("snapshot", JSONB, nullable=False),
        sa.Column("claimed_at", MOMENT, nullable=False),
        sa.Column("points", sa.Integer, nullable=False),
        sa.Column("undone_by", sa.Text, nullable=False),
        sa.Column("undone_at", MOMENT, nullable=False, server_default=NOW),
    )
    op.create_index("undone_customer", "undone", ["customer_id"])
