"""The schema. A test keeps it equal to what the migrations build."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(naming_convention={"pk": "%(table_name)s_pkey", "uq": "%(table_name)s_%(column_0_N_name)s_key"})

MOMENT = DateTime(timezone=True)
NOW = text("now()")
EMPTY = text("'{}'::jsonb")

# Every webhook event once, unique by `key`. `payload` (what the customer wrote) lives only until the
# answer is committed, `reply` only until it is delivered. Both are JSON kept as text: jsonb refuses
# NUL and lone surrogates, and one such message must not cost its whole webhook.
events = Table(
    "events",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("channel", Text, nullable=False),
    Column("chat", Text, nullable=False),
    Column("state", Text, nullable=False),  # new → ready → done; parked: its answer waits for a tap; ignored
    Column("at", MOMENT, nullable=False),
    Column("received_at", MOMENT, nullable=False, server_default=NOW),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("held_at", MOMENT),
    Column("outcome", Text),
    Column("payload", Text),
    Column("reply", Text),
    # Only unfinished events are looked up by chat, so only they are indexed: it stays tiny for ever.
    Index("events_unfinished", "chat", "id", postgresql_where=text("state IN ('new', 'ready', 'parked')")),
    Index("events_held", "held_at", postgresql_where=text("held_at IS NOT NULL")),
    Index("events_received", "received_at", postgresql_using="brin"),
)

# Who writes to us. `person` is `<channel>:<account>:<user id>`; `ref` is what staff see (C-8F3K2M).
customers = Table(
    "customers",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("person", Text, nullable=False, unique=True),
    Column("ref", Text, nullable=False, unique=True),
    Column("channel", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("locale_chosen", Boolean, nullable=False, server_default=text("false")),
    Column("notice", SmallInteger, nullable=False, server_default="0"),
    Column("state", JSONB, nullable=False, server_default=EMPTY),
    Column("muted_until", MOMENT),
    Column("unsubscribed_at", MOMENT),
    Column("unreachable_at", MOMENT),
    Column("first_seen", MOMENT, nullable=False, server_default=NOW),
    Column("last_seen", MOMENT, nullable=False, server_default=NOW),
    Column("version", Integer, nullable=False, server_default="0"),
    postgresql_with={"fillfactor": 80},  # Room to update a row in place.
)

# Redeemed codes. `person_hash` is a keyed hash that outlives the customer's row, so that deleting
# one's data does not allow a second claim; the unique constraint is the double-tap guard.
claims = Table(
    "claims",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("ref", Text, nullable=False, unique=True),
    Column("code_id", BigInteger, nullable=False),
    Column("person_hash", LargeBinary, nullable=False),
    Column("nth", SmallInteger, nullable=False, server_default="1"),
    Column("customer_id", BigInteger),
    Column("event_id", BigInteger, nullable=False),
    Column("group_id", BigInteger),
    Column("snapshot", JSONB, nullable=False),
    Column("claimed_at", MOMENT, nullable=False, server_default=NOW),
    UniqueConstraint("code_id", "person_hash", "nth"),
    Index("claims_customer", "customer_id"),
    Index("claims_claimed", "claimed_at", postgresql_using="brin"),
)

# What the brand decides about a Poshen group; Poshen itself knows neither caps nor ends.
policies = Table(
    "policies",
    metadata,
    Column("group_id", BigInteger, primary_key=True, autoincrement=False),
    Column("per_customer", SmallInteger, nullable=False, server_default="1"),
    Column("max_claims", Integer),
    Column("starts_at", MOMENT),
    Column("ends_at", MOMENT),
    Column("paused", Boolean, nullable=False, server_default=text("false")),
    Column("updated_at", MOMENT, nullable=False, server_default=NOW),
)

# Wrong codes, by keyed hashes only. What the guess limits count.
misses = Table(
    "misses",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("person_hash", LargeBinary, nullable=False),
    Column("code_hash", LargeBinary, nullable=False),
    Column("prefix_hash", LargeBinary, nullable=False),
    Column("at", MOMENT, nullable=False, server_default=NOW),
    Index("misses_person", "person_hash", "at"),
    Index("misses_at", "at"),
)

waits = Table(
    "waits",
    metadata,
    Column("person_hash", LargeBinary, primary_key=True),
    Column("until", MOMENT, nullable=False),
    Column("level", SmallInteger, nullable=False),
)

# One row: whether guessing is so frequent that redemption is guarded for everyone.
guard = Table(
    "guard",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("raised_until", MOMENT),
    Column("alerted_at", MOMENT),
)

# The last list a vendor gave for a customer: pages are cut from it, and it answers when the vendor is down.
wallets = Table(
    "wallets",
    metadata,
    Column("customer_id", BigInteger, primary_key=True, autoincrement=False),
    Column("snapshot", Text, nullable=False),
    Column("taken_at", MOMENT, nullable=False),
    Column("gifts", Text, nullable=False),
)

# Messages that answer no event, or answer it too late for a free reply: results, alerts.
pushes = Table(
    "pushes",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("channel", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("messages", Text),
    Column("done", SmallInteger, nullable=False, server_default="0"),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("waiting", Boolean, nullable=False, server_default=text("false")),  # for the recipient to write again
    Column("outcome", Text),
    Column("created_at", MOMENT, nullable=False, server_default=NOW),
    Index("pushes_waiting", "recipient", postgresql_where=text("waiting")),
)
