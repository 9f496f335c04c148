"""Our drawn pictures, and under which id Messenger and Instagram have them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Create two empty tables; the workers fill them."""
    op.create_table(
        "pictures",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("png", sa.LargeBinary, nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    )
    op.create_table(
        "attachments",
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("picture", sa.Text, primary_key=True),
        sa.Column("attachment_id", sa.Text, nullable=False),
        sa.Column("renewed", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    )
