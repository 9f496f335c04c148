"""Staff, their trail, and what they may switch."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"

MOMENT = sa.DateTime(timezone=True)
NOW = sa.text("now()")
EMPTY = sa.text("'{}'::jsonb")


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True)


def upgrade() -> None:
    """Create the tables, an index and one column that is empty for everybody; nothing that is there changes."""
    op.add_column("customers", sa.Column("blocked_until", MOMENT))
    op.create_index("issues_given", "issues", ["issuer", "created_at"], postgresql_where=sa.text("kind = 'staff'"))
    op.create_table(
        "staff",
        _id(),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("invited_by", sa.Text),
        sa.Column("since", MOMENT, nullable=False, server_default=NOW),
        sa.Column("last_used", MOMENT, nullable=False, server_default=NOW),
        sa.UniqueConstraint("channel", "user_id"),
    )
    op.create_table(
        "invitations",
        _id(),
        sa.Column("code_hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("inviter_id", sa.BigInteger),
        sa.Column("inviter", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False, server_default=NOW),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT),
    )
    op.create_table(
        "audit",
        sa.Column("n", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("staff_id", sa.BigInteger),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("line", sa.Text, nullable=False),
        sa.Column("customer", sa.Text),
        sa.Column("target", sa.Text),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("ref", sa.Text),
        sa.Column("previous", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),
    )
    op.create_index("audit_at", "audit", ["at"])
    op.create_index("audit_customer", "audit", ["customer", "n"], postgresql_where=sa.text("customer IS NOT NULL"))
    op.execute(
        """
        CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
        FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()
        """
    )
    op.create_table(
        "blocks",
        sa.Column("person_hash", sa.LargeBinary, primary_key=True),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False, server_default=NOW),
    )
    op.create_table(
        "switches",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", JSONB, nullable=False, server_default=EMPTY),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False, server_default=NOW),
    )
    op.create_table(
        "approvals",
        _id(),
        sa.Column("ref", sa.Text, nullable=False, unique=True),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("arguments", JSONB, nullable=False),
        sa.Column("seen", JSONB, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("staff_id", sa.BigInteger),
        sa.Column("requester", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False, server_default=NOW),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("approver", sa.Text),
        sa.Column("approved_key", sa.Text),
        sa.Column("approved_at", MOMENT),
    )
