"""The first schema, with PgQueuer's beside it."""

import sqlalchemy as sa
from alembic import op
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.domain.settings import DBSettings, Durability
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

MOMENT = sa.DateTime(timezone=True)
NOW = sa.text("now()")


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True)


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "events",
        _id(),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("chat", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("received_at", MOMENT, nullable=False, server_default=NOW),
        sa.Column("attempts", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("held_at", MOMENT),
        sa.Column("outcome", sa.Text),
        sa.Column("payload", sa.Text),
        sa.Column("reply", sa.Text),
    )
    op.create_index(
        "events_unfinished",
        "events",
        ["chat", "id"],
        postgresql_where=sa.text("state IN ('new', 'ready', 'parked')"),
    )
    op.create_index("events_held", "events", ["held_at"], postgresql_where=sa.text("held_at IS NOT NULL"))
    op.create_index("events_received", "events", ["received_at"], postgresql_using="brin")
    op.create_table(
        "customers",
        _id(),
        sa.Column("person", sa.Text, nullable=False, unique=True),
        sa.Column("ref", sa.Text, nullable=False, unique=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("locale", sa.Text, nullable=False),
        sa.Column("locale_chosen", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("notice", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("state", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
        sa.Column("muted_until", MOMENT),
        sa.Column("unsubscribed_at", MOMENT),
        sa.Column("unreachable_at", MOMENT),
        sa.Column("first_seen", MOMENT, nullable=False, server_default=NOW),
        sa.Column("last_seen", MOMENT, nullable=False, server_default=NOW),
        sa.Column("version", sa.Integer, nullable=False, server_default="0"),
        postgresql_with={"fillfactor": 80},
    )
    op.create_table(
        "claims",
        _id(),
        sa.Column("ref", sa.Text, nullable=False, unique=True),
        sa.Column("code_id", sa.BigInteger, nullable=False),
        sa.Column("person_hash", sa.LargeBinary, nullable=False),
        sa.Column("nth", sa.SmallInteger, nullable=False, server_default="1"),
        sa.Column("customer_id", sa.BigInteger),
        sa.Column("event_id", sa.BigInteger, nullable=False),
        sa.Column("group_id", sa.BigInteger),
        sa.Column("snapshot", JSONB, nullable=False),
        sa.Column("claimed_at", MOMENT, nullable=False, server_default=NOW),
        sa.UniqueConstraint("code_id", "person_hash", "nth"),
    )
    op.create_index("claims_customer", "claims", ["customer_id"])
    op.create_index("claims_claimed", "claims", ["claimed_at"], postgresql_using="brin")
    op.create_table(
        "policies",
        sa.Column("group_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("per_customer", sa.SmallInteger, nullable=False, server_default="1"),
        sa.Column("max_claims", sa.Integer),
        sa.Column("starts_at", MOMENT),
        sa.Column("ends_at", MOMENT),
        sa.Column("paused", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("updated_at", MOMENT, nullable=False, server_default=NOW),
    )
    op.create_table(
        "misses",
        _id(),
        sa.Column("person_hash", sa.LargeBinary, nullable=False),
        sa.Column("code_hash", sa.LargeBinary, nullable=False),
        sa.Column("prefix_hash", sa.LargeBinary, nullable=False),
        sa.Column("at", MOMENT, nullable=False, server_default=NOW),
    )
    op.create_index("misses_person", "misses", ["person_hash", "at"])
    op.create_index("misses_at", "misses", ["at"])
    op.create_table(
        "waits",
        sa.Column("person_hash", sa.LargeBinary, primary_key=True),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("level", sa.SmallInteger, nullable=False),
    )
    op.create_table(
        "guard",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("raised_until", MOMENT),
        sa.Column("alerted_at", MOMENT),
    )
    op.create_table(
        "wallets",
        sa.Column("customer_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("snapshot", sa.Text, nullable=False),
        sa.Column("taken_at", MOMENT, nullable=False),
        sa.Column("gifts", sa.Text, nullable=False),
    )
    op.create_table(
        "pushes",
        _id(),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("messages", sa.Text),
        sa.Column("done", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("attempts", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("waiting", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("outcome", sa.Text),
        sa.Column("created_at", MOMENT, nullable=False, server_default=NOW),
    )
    op.create_index("pushes_waiting", "pushes", ["recipient"], postgresql_where=sa.text("waiting"))
    # PgQueuer's log and statistics are for looking at, not for correctness: they need not survive a crash.
    install = QueryBuilderEnvironment(DBSettings(durability=Durability.balanced)).build_install_query()
    op.get_bind().exec_driver_sql(install.replace("%", "%%"))
