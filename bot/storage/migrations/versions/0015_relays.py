"""What other tools on LINE's channel are passed on, until they have it."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """One empty table."""
    op.create_table(
        "relays",
        sa.Column("target", sa.Text, primary_key=True),
        sa.Column("event_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("chat", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("without_token", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("message_id", sa.Text),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("relays_chat", "relays", ["chat", "event_id"])
    op.create_index("relays_undecided", "relays", ["event_id"], postgresql_where=sa.text("state IN ('rest', 'all')"))
