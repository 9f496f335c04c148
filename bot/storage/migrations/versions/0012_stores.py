"""The brand's shops, who works where, and visits."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

MOMENT = sa.DateTime(timezone=True)
NOW = sa.text("now()")


def upgrade() -> None:
    """Three empty tables, columns that are empty in every row that is there, and an index that covers none of them."""
    op.create_table(
        "stores",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False, unique=True),
        sa.Column("created_at", MOMENT, nullable=False, server_default=NOW),
        sa.Column("removed_at", MOMENT),
    )
    op.create_table(
        "store_members",
        sa.Column("staff_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("store_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("picked_on", sa.Date),
    )
    op.create_table(
        "visits",
        sa.Column("person_hash", sa.LargeBinary, primary_key=True),
        sa.Column("at", MOMENT, nullable=False),
    )
    op.add_column("points", sa.Column("store_id", sa.BigInteger))
    op.add_column("link_codes", sa.Column("store_id", sa.BigInteger))
    op.add_column("audit", sa.Column("store", sa.Text))
    op.create_index("points_visits", "points", ["actor", "at"], postgresql_where=sa.text("kind = 'visit'"))
