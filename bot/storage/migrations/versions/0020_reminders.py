"""Reminders of what ends soon: who wants them, what was reminded of, and how many pushes of a month they took."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Three empty tables; vouchers may have an end, and pushes a moment after which they are of no use."""
    op.add_column("issues", sa.Column("expires_at", MOMENT))
    op.add_column("pushes", sa.Column("until", MOMENT))
    op.create_table(
        "reminder_wishes",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("customer_id", sa.BigInteger, nullable=False, unique=True),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("looked_on", sa.Date),
        sa.Column("due_at", MOMENT),
    )
    op.create_index(
        "reminder_wishes_due", "reminder_wishes", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL")
    )
    op.create_table(
        "reminders",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("customer_id", sa.BigInteger, nullable=False),
        sa.Column("item", sa.Text, nullable=False),
        sa.Column("ends", MOMENT, nullable=False),
        sa.Column("at", MOMENT, nullable=False, server_default=sa.text("now()")),
        sa.UniqueConstraint("customer_id", "item", "ends"),
    )
    op.create_index("reminders_ends", "reminders", ["ends"])
    op.create_index("reminders_at", "reminders", ["at"], postgresql_using="brin")
    op.create_table(
        "push_budgets",
        sa.Column("month", sa.Date, primary_key=True),
        sa.Column("used", sa.Integer, sa.CheckConstraint("used > 0", name="push_budgets_used"), nullable=False),
    )
