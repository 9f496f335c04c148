"""Points, vouchers and linked phones."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"

MOMENT = sa.DateTime(timezone=True)
NOW = sa.text("now()")


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True)


def upgrade() -> None:
    """Create the tables; nothing that is there changes."""
    op.create_table(
        "accounts",
        sa.Column("customer_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("available", sa.Integer, nullable=False),
        sa.Column("held", sa.Integer, nullable=False),
        sa.CheckConstraint("available >= 0", name="accounts_available"),
        sa.CheckConstraint("held >= 0", name="accounts_held"),
        postgresql_with={"fillfactor": 80},
    )
    op.create_table(
        "points",
        _id(),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("customer_id", sa.BigInteger),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("available", sa.Integer, nullable=False),
        sa.Column("held", sa.Integer, nullable=False),
        sa.Column("ref", sa.Text),
        sa.Column("actor", sa.Text, nullable=False, server_default="bot"),
        sa.Column("reason", sa.Text),
        sa.Column("at", MOMENT, nullable=False, server_default=NOW),
    )
    op.create_index("points_customer", "points", ["customer_id", "id"])
    op.create_table(
        "rewards",
        sa.Column("reward_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("points", sa.Integer, nullable=False, server_default="0"),
        sa.Column("gift_id", sa.BigInteger),
        sa.Column("price_id", sa.BigInteger),
        sa.Column("offer", JSONB),
        sa.Column("updated_at", MOMENT, nullable=False, server_default=NOW),
    )
    op.create_table(
        "issues",
        _id(),
        sa.Column("ref", sa.Text, nullable=False, unique=True),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("request_id", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("customer_id", sa.BigInteger),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("gift_id", sa.BigInteger, nullable=False),
        sa.Column("price_id", sa.BigInteger, nullable=False),
        sa.Column("quantity", sa.SmallInteger, nullable=False, server_default="1"),
        sa.Column("cost", sa.Integer, nullable=False, server_default="0"),
        sa.Column("balance", sa.Integer, nullable=False, server_default="0"),
        sa.Column("offer", JSONB, nullable=False),
        sa.Column("delivery", sa.LargeBinary),
        sa.Column("reason", sa.Text),
        sa.Column("attempts", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("unknowns", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("awaited", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("leased_until", MOMENT),
        sa.Column("next_at", MOMENT),
        sa.Column("created_at", MOMENT, nullable=False, server_default=NOW),
        sa.Column("settled_at", MOMENT),
    )
    op.create_index("issues_customer", "issues", ["customer_id", "id"])
    op.create_index(
        "issues_open", "issues", ["id"], postgresql_where=sa.text("state IN ('pending', 'unknown', 'check')")
    )
    op.create_table(
        "links",
        sa.Column("customer_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("phone_hash", sa.LargeBinary, nullable=False),
        sa.Column("phone", sa.LargeBinary, nullable=False),
        sa.Column("assurance", sa.Text, nullable=False),
        sa.Column("linked_at", MOMENT, nullable=False, server_default=NOW),
        sa.Column("used_at", MOMENT, nullable=False, server_default=NOW),
        sa.UniqueConstraint("channel", "phone_hash"),
    )
    op.create_table(
        "link_codes",
        _id(),
        sa.Column("code_hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("phone_hash", sa.LargeBinary, nullable=False),
        sa.Column("phone", sa.LargeBinary, nullable=False),
        sa.Column("issued_by", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False, server_default=NOW),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("used_by", sa.BigInteger),
    )
    op.create_index(
        "link_codes_live", "link_codes", ["phone_hash"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_index("link_codes_issued", "link_codes", ["issued_by", "created_at"])
