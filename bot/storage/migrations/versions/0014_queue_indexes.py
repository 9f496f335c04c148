"""Two of PgQueuer's indexes that no statement needs."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Drop them. Every job was written into both. And the planner, which has mostly seen the table empty, took jobs by
    the first one, which has those of all kinds: each look went through all of them once for every kind."""
    op.execute("DROP INDEX IF EXISTS pgqueuer_priority_id_id1_idx, pgqueuer_updated_id_id1_idx")
