"""The schema. A test keeps it equal to what the migrations build."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
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
    Column("state", Text, nullable=False),  # arrivals.EventState
    Column("at", MOMENT, nullable=False),
    Column("received_at", MOMENT, nullable=False, server_default=NOW),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("held_at", MOMENT),
    Column("outcome", Text),  # inbox.EventOutcome
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
    Column("state", JSONB, nullable=False, server_default=EMPTY),  # every name of it: bot/storage/state.py
    Column("muted_until", MOMENT),
    Column("unsubscribed_at", MOMENT),
    Column("unreachable_at", MOMENT),
    Column("blocked_until", MOMENT),  # written by staff, never by turns
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
    Column("outcome", Text),  # pushes.PushOutcome
    Column("created_at", MOMENT, nullable=False, server_default=NOW),
    Column("until", MOMENT),  # after which it is of no use (0020)
    Index("pushes_waiting", "recipient", postgresql_where=text("waiting")),
)

# ── Points, vouchers and linked phones (0002) ────────────────────────────────────────────────────

# What a customer can spend and what is held for vouchers on their way: always the sum of their `points`.
# The constraints are the guard: no race and no bug can spend what is not there.
accounts = Table(
    "accounts",
    metadata,
    Column("customer_id", BigInteger, primary_key=True, autoincrement=False),
    Column("available", Integer, CheckConstraint("available >= 0", name="accounts_available"), nullable=False),
    Column("held", Integer, CheckConstraint("held >= 0", name="accounts_held"), nullable=False),
    postgresql_with={"fillfactor": 80},
)

# The ledger, append-only. Each row says by how much it changes the account: a grant (+n, 0), a hold (-n, +n),
# its commit (0, -n) or its release (+n, -n). `key` makes each step happen once.
points = Table(
    "points",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("customer_id", BigInteger),
    Column("kind", Text, nullable=False),
    Column("available", Integer, nullable=False),
    Column("held", Integer, nullable=False),
    Column("ref", Text),
    Column("actor", Text, nullable=False, server_default="bot"),
    Column("reason", Text),
    Column("at", MOMENT, nullable=False, server_default=NOW),
    Column("store_id", BigInteger),  # where a member did it by hand (0012)
    Index("points_customer", "customer_id", "id"),
    Index("points_at", "at", postgresql_using="brin"),
    Index("points_visits", "actor", "at", postgresql_where=text("kind = 'visit'")),
)

# What a Poshen reward brings beside its card: points, or a voucher at once, or a thing that staff hand over at the
# counter (`handover`). No row: nothing but the card.
rewards = Table(
    "rewards",
    metadata,
    Column("reward_id", BigInteger, primary_key=True, autoincrement=False),
    Column("points", Integer, nullable=False, server_default="0"),
    Column("gift_id", BigInteger),
    Column("price_id", BigInteger),
    Column("offer", JSONB),
    Column("updated_at", MOMENT, nullable=False, server_default=NOW),
    Column("handover", Boolean, nullable=False, server_default=text("false")),
)

# Vouchers asked of Got It. The row and its request id are committed before the first call; see services/vouchers.
# `delivery` (link and code) is sealed.
issues = Table(
    "issues",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("ref", Text, nullable=False, unique=True),
    Column("key", Text, nullable=False, unique=True),
    Column("request_id", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),  # exchange, reward, staff
    Column("state", Text, nullable=False),  # issues.IssueState
    Column("customer_id", BigInteger),
    Column("recipient", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("gift_id", BigInteger, nullable=False),
    Column("price_id", BigInteger, nullable=False),
    Column("quantity", SmallInteger, nullable=False, server_default="1"),
    Column("cost", Integer, nullable=False, server_default="0"),
    Column("balance", Integer, nullable=False, server_default="0"),  # before, as Got It may be told
    Column("offer", JSONB, nullable=False),
    Column("delivery", LargeBinary),
    Column("reason", Text),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("unknowns", SmallInteger, nullable=False, server_default="0"),  # tries that may have arrived
    Column("awaited", Boolean, nullable=False, server_default=text("false")),  # the customer was told to wait for it
    Column("leased_until", MOMENT),
    Column("next_at", MOMENT),
    Column("created_at", MOMENT, nullable=False, server_default=NOW),
    Column("settled_at", MOMENT),
    Column("expires_at", MOMENT),  # the voucher's own end, where Got It tells it (0020)
    Index("issues_customer", "customer_id", "id"),
    Index("issues_open", "id", postgresql_where=text("state IN ('pending', 'unknown', 'check')")),
    Index("issues_created", "created_at", postgresql_using="brin"),
    Index("issues_given", "issuer", "created_at", postgresql_where=text("kind = 'staff'")),
)

# Proven phones: one LINE and one Messenger identity for each, one phone for each identity. The phone is sealed.
links = Table(
    "links",
    metadata,
    Column("customer_id", BigInteger, primary_key=True, autoincrement=False),
    Column("channel", Text, nullable=False),
    Column("phone_hash", LargeBinary, nullable=False),
    Column("phone", LargeBinary, nullable=False),
    Column("assurance", Text, nullable=False),  # staff_code, platform
    Column("linked_at", MOMENT, nullable=False, server_default=NOW),
    Column("used_at", MOMENT, nullable=False, server_default=NOW),
    UniqueConstraint("channel", "phone_hash"),
)

# One-time codes that staff read out at the counter, by hash; one live code for each phone.
link_codes = Table(
    "link_codes",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("code_hash", LargeBinary, nullable=False, unique=True),
    Column("phone_hash", LargeBinary, nullable=False),
    Column("phone", LargeBinary, nullable=False),
    Column("issued_by", Text, nullable=False),
    Column("created_at", MOMENT, nullable=False, server_default=NOW),
    Column("expires_at", MOMENT, nullable=False),
    Column("ended_at", MOMENT),  # used, cancelled or replaced
    Column("used_by", BigInteger),
    Column("store_id", BigInteger),  # where it was read out (0012)
    Index("link_codes_live", "phone_hash", unique=True, postgresql_where=text("ended_at IS NULL")),
    Index("link_codes_issued", "issued_by", "created_at"),
)

# ── Staff (0003) ─────────────────────────────────────────────────────────────────────────────────

# Who may use staff commands: the platform's own id from verified webhooks, never a name. `name` is what lists
# call them. `person` is their chat, whose customer row knows their language. `origin`: settings (only while
# ADMINS lists them), bootstrap or invitation.
staff = Table(
    "staff",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("channel", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("invited_by", Text),
    Column("since", MOMENT, nullable=False, server_default=NOW),
    Column("last_used", MOMENT, nullable=False, server_default=NOW),
    UniqueConstraint("channel", "user_id"),
)

# One-time codes that make somebody staff, by hash.
invitations = Table(
    "invitations",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("code_hash", LargeBinary, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("inviter_id", BigInteger),
    Column("inviter", Text, nullable=False),
    Column("created_at", MOMENT, nullable=False, server_default=NOW),
    Column("expires_at", MOMENT, nullable=False),
    Column("used_at", MOMENT),
)

# What staff did, append-only (a trigger refuses anything else). `hash` covers every other column and with
# `previous` the whole trail before it; both are unique, so the chain cannot fork. `n` has no gaps.
audit = Table(
    "audit",
    metadata,
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("at", MOMENT, nullable=False),
    Column("staff_id", BigInteger),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("line", Text, nullable=False),
    Column("customer", Text),
    Column("target", Text),
    Column("before", Text),
    Column("after", Text),
    Column("result", Text, nullable=False),
    Column("ref", Text),
    Column("previous", LargeBinary, nullable=False, unique=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("store", Text),  # (0012)
    Index("audit_at", "at"),
    Index("audit_customer", "customer", "n", postgresql_where=text("customer IS NOT NULL")),
)

# Who is not served, by the keyed hash that outlives their data. `customers.blocked_until` mirrors it for turns.
blocks = Table(
    "blocks",
    metadata,
    Column("person_hash", LargeBinary, primary_key=True),
    Column("until", MOMENT, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", MOMENT, nullable=False, server_default=NOW),
)

# What is switched on: `maintenance` {text}, and what happened once for ever: `bootstrap`.
switches = Table(
    "switches",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", JSONB, nullable=False, server_default=EMPTY),
    Column("by", Text, nullable=False),
    Column("at", MOMENT, nullable=False, server_default=NOW),
)

# Commands that wait for a second person, with the exact arguments the first one confirmed.
approvals = Table(
    "approvals",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("ref", Text, nullable=False, unique=True),
    Column("key", Text, nullable=False, unique=True),
    Column("command", Text, nullable=False),
    Column("arguments", JSONB, nullable=False),
    Column("seen", JSONB, nullable=False),
    Column("summary", Text, nullable=False),
    Column("staff_id", BigInteger),
    Column("requester", Text, nullable=False),
    Column("created_at", MOMENT, nullable=False, server_default=NOW),
    Column("expires_at", MOMENT, nullable=False),
    Column("approver", Text),
    Column("approved_key", Text),
    Column("approved_at", MOMENT),
)

# ── Codes: made in bulk, handed out as a file, and claims taken back (0004) ───────────────────────

# One wish for many codes. `slot` is 1 while it is under way and NULL once it is over: unique, so there is one at a
# time. From when somebody (`deleter`, since 0007) wants its codes deleted it is under way once more, that way for
# good. `leased_by` is whoever works at it just now; a lease that nobody renews was somebody's who died.
bulk_jobs = Table(
    "bulk_jobs",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),  # bulk.JobState
    Column("slot", SmallInteger, unique=True),
    Column("group_id", BigInteger, nullable=False),
    Column("group_name", Text, nullable=False),
    Column("rewards", JSONB, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("length", SmallInteger, nullable=False),
    Column("total", Integer, nullable=False),
    Column("staff_id", BigInteger),
    Column("starter", Text, nullable=False),
    Column("runs", SmallInteger, nullable=False, server_default="1"),
    Column("troubles", SmallInteger, nullable=False, server_default="0"),  # in a row
    Column("reason", Text),
    Column("leased_by", Text),
    Column("leased_until", MOMENT),
    Column("next_at", MOMENT),
    Column("created_at", MOMENT, nullable=False, server_default=NOW),
    Column("ended_at", MOMENT),
    Column("deleter_id", BigInteger),
    Column("deleter", Text),
)

# The codes of a bulk job, all written down before the first is asked for. A row is `unknown` from just before its
# call until its outcome is written, so whatever dies, it is looked up before it is asked for again.
bulk_codes = Table(
    "bulk_codes",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("job_id", BigInteger, nullable=False),
    Column("code", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False, server_default="pending"),  # bulk.CodeState
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("poshen_id", BigInteger),
    Column("reason", Text),
    Column("made_at", MOMENT),
    Index("bulk_codes_job", "job_id", "state"),
)

# Links to a job's codes as a file, or to the hand-overs `since` a moment, each good once. `page` is what its page says,
# in its maker's language.
exports = Table(
    "exports",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("job_id", BigInteger),
    Column("staff_id", BigInteger),
    Column("maker", Text, nullable=False),
    Column("page", JSONB, nullable=False),
    Column("created_at", MOMENT, nullable=False, server_default=NOW),
    Column("expires_at", MOMENT, nullable=False),
    Column("used_at", MOMENT),
    Column("links", Boolean, nullable=False, server_default=text("false")),  # since 0013: each code's own, too
    Column("since", MOMENT),
)

# Claims that staff took back: their rows left `claims`, so that the code can be claimed again. points: taken with it.
undone = Table(
    "undone",
    metadata,
    Column("ref", Text, primary_key=True),
    Column("code_id", BigInteger, nullable=False),
    Column("customer_id", BigInteger),
    Column("snapshot", JSONB, nullable=False),
    Column("claimed_at", MOMENT, nullable=False),
    Column("points", Integer, nullable=False),
    Column("undone_by", Text, nullable=False),
    Column("undone_at", MOMENT, nullable=False, server_default=NOW),
    Index("undone_customer", "customer_id"),
)

# ── Health and numbers (0005) ────────────────────────────────────────────────────────────────────

# One row for each worker process, which it writes anew every few seconds: how those whom it calls have been
# answering. A row that is not renewed was a worker's that is gone.
workers = Table(
    "workers",
    metadata,
    Column("worker", Text, primary_key=True),
    Column("at", MOMENT, nullable=False),
    Column("parts", JSONB, nullable=False),
    postgresql_with={"fillfactor": 50},
)

# Daily numbers of what is not kept one by one: calls to vendors and platforms and how they failed, wrong codes, texts
# of customers and how they were not understood.
tallies = Table(
    "tallies",
    metadata,
    Column("day", Date, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("n", BigInteger, nullable=False),
)

# ── Counters (0006) ──────────────────────────────────────────────────────────────────────────────

# How many claims a capped code has, once they are too many to be counted for each claim. Changed with `claims` itself,
# also for codes whose cap was lifted; the clean-up removes a row that is wrong, and what has no row is counted.
code_counters = Table(
    "code_counters",
    metadata,
    Column("code_id", BigInteger, primary_key=True, autoincrement=False),
    Column("claims", Integer, nullable=False),
    postgresql_with={"fillfactor": 50},
)

# ── What was not understood (0008) ───────────────────────────────────────────────────────────────

# Short texts for the operator to write better phrases from, while KEEP_MISSES is on (`misses` are wrong codes). Without
# person and time: the hashes find a text again when its message is taken back or its author's data is deleted.
unclear = Table(
    "unclear",
    metadata,
    Column("message_hash", LargeBinary, primary_key=True),
    Column("person_hash", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("day", Date, nullable=False),  # of UTC
    Index("unclear_person", "person_hash"),
)

# ── Own data (0009) ──────────────────────────────────────────────────────────────────────────────

# A customer's own data as a page for them to keep; its link is good once. `page` is what the link's page says, in
# their language. `file` is forgotten when it was fetched, and when a newer one is made.
data_files = Table(
    "data_files",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("customer_id", BigInteger, nullable=False),
    Column("page", JSONB, nullable=False),
    Column("file", Text),
    Column("created_at", MOMENT, nullable=False),
    Column("expires_at", MOMENT, nullable=False),
    Column("used_at", MOMENT),
    Index("data_files_customer", "customer_id"),
)

# ── Pictures (0010) ──────────────────────────────────────────────────────────────────────────────

# What stands above Messenger's and Instagram's cards, drawn by whichever worker is first and served by the web process.
# The file name changes with what a picture is drawn from, so a row never does.
pictures = Table(
    "pictures",
    metadata,
    Column("name", Text, primary_key=True),
    Column("png", LargeBinary, nullable=False),
    Column("drawn_at", MOMENT, nullable=False, server_default=NOW),
)

# The same pictures as a platform knows them. `renewed`: it took the place of an id that was refused before its time, so
# a second refusal waits a day.
attachments = Table(
    "attachments",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("picture", Text, primary_key=True),
    Column("attachment_id", Text, nullable=False),
    Column("renewed", Boolean, nullable=False, server_default=text("false")),
    Column("uploaded_at", MOMENT, nullable=False, server_default=NOW),
)

# ── The counter (0011) ───────────────────────────────────────────────────────────────────────────

# One-time codes that customers show to staff, and staff to customers. A code is made from the row's id with SECRET_KEY,
# so the row has its keyed hash only. `item`: what a customer wants handed over. `opens`: the account whose chat its QR
# opens, `line:@basicid` or `messenger:<page>`; NULL for no QR.
counter_codes = Table(
    "counter_codes",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("purpose", Text, nullable=False),  # counter_codes.Purpose
    Column("code_hash", LargeBinary, nullable=False),
    Column("customer_id", BigInteger),
    Column("staff_id", BigInteger),
    Column("item", JSONB),
    Column("opens", Text),
    Column("created_at", MOMENT, nullable=False),
    Column("expires_at", MOMENT, nullable=False),
    Column("ended_at", MOMENT),  # used or replaced
    Index("counter_codes_live", "code_hash", unique=True, postgresql_where=text("ended_at IS NULL")),
    Index("counter_codes_customer", "customer_id"),
    Index(
        "counter_codes_member",
        "staff_id",
        unique=True,
        postgresql_where=text("purpose = 'member' AND ended_at IS NULL"),
    ),
)

# What the shop gave at its counter. The key outlives the customer's row as that of `claims` does: whatever code finds
# it, the same thing of the same person is handed over once. What is undone can be handed over anew.
hand_overs = Table(
    "hand_overs",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("person_hash", LargeBinary, nullable=False),
    Column("item_key", Text, nullable=False),
    Column("nth", SmallInteger, nullable=False),  # of the things that have this key
    Column("customer_id", BigInteger),
    Column("item", JSONB, nullable=False),
    Column("store_id", BigInteger),
    Column("store", Text),  # its name then
    Column("staff_id", BigInteger),
    Column("staff", Text, nullable=False),
    Column("event_id", BigInteger, nullable=False),
    Column("at", MOMENT, nullable=False, server_default=NOW),
    Column("undone_at", MOMENT),
    Column("undone_by", Text),
    Index("hand_overs_once", "person_hash", "item_key", "nth", unique=True, postgresql_where=text("undone_at IS NULL")),
    Index("hand_overs_customer", "customer_id"),
    Index("hand_overs_at", "at"),
)

# ── Stores (0012) ────────────────────────────────────────────────────────────────────────────────

# The brand's shops. `name_key` is the name as it is looked for: small letters of one width. One that was removed is
# hidden and keeps its number, and what was done there keeps its store; added again, it is the same one.
stores = Table(
    "stores",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False, unique=True),
    Column("created_at", MOMENT, nullable=False, server_default=NOW),
    Column("removed_at", MOMENT),
)

# Who works where. `picked_on`: the last day on which a member of several stores said that they are at this one.
store_members = Table(
    "store_members",
    metadata,
    Column("staff_id", BigInteger, primary_key=True, autoincrement=False),
    Column("store_id", BigInteger, primary_key=True, autoincrement=False),
    Column("picked_on", Date),
)

# When a person's last visit was counted, by the keyed hash that outlives their data; its points are in `points`.
visits = Table(
    "visits",
    metadata,
    Column("person_hash", LargeBinary, primary_key=True),
    Column("at", MOMENT, nullable=False),
)

# ── Posters (0013) ───────────────────────────────────────────────────────────────────────────────

# Links and QR codes that lead into the chat. `token` stands in them, so a row stays when its poster is stopped: what
# was printed is not taken back. Either `code` (Poshen's `code_id`) is offered, or the topic `opens` is opened. `says`:
# what LINE's link types.
posters = Table(
    "posters",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False, unique=True),
    Column("token", Text, nullable=False, unique=True),
    Column("says", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("code_id", BigInteger),
    Column("opens", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("created_at", MOMENT, nullable=False),
    Column("stopped_at", MOMENT),
    Index("posters_code", "code_id"),
)

# Who came by a poster, once for each event that said so. `new`: it was the first that we knew of them.
poster_visits = Table(
    "poster_visits",
    metadata,
    Column("event_id", BigInteger, primary_key=True, autoincrement=False),
    Column("poster_id", BigInteger, nullable=False),
    Column("customer_id", BigInteger),
    Column("new", Boolean, nullable=False),
    Column("at", MOMENT, nullable=False),
    Index("poster_visits_at", "at"),
    Index("poster_visits_customer", "customer_id"),
)

# Links to a poster's QR pictures, each good once. `page`: see `exports`.
poster_files = Table(
    "poster_files",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("poster_id", BigInteger, nullable=False),
    Column("maker", Text, nullable=False),
    Column("page", JSONB, nullable=False),
    Column("created_at", MOMENT, nullable=False),
    Column("expires_at", MOMENT, nullable=False),
    Column("used_at", MOMENT),
)

# ── Relays (0015) ────────────────────────────────────────────────────────────────────────────────

# What other tools on LINE's channel are to have of an event, one row for each tool, until it has it. `body` is sealed:
# LINE's signature, where it holds for these bytes, and the webhook's body. `next_at` is also when a try of which nobody
# heard is over.
relays = Table(
    "relays",
    metadata,
    Column("target", Text, primary_key=True),
    Column("event_id", BigInteger, primary_key=True, autoincrement=False),
    Column("chat", Text, nullable=False),
    Column("state", Text, nullable=False),  # arrivals.RelayState
    Column("since", MOMENT, nullable=False),
    Column("next_at", MOMENT, nullable=False),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("without_token", Boolean, nullable=False, server_default=text("false")),
    Column("message_id", Text),
    Column("body", LargeBinary, nullable=False),
    Column("tried_since", MOMENT),
    Column("tried_at", MOMENT),
    Index("relays_chat", "chat", "event_id"),
    Index("relays_undecided", "event_id", postgresql_where=text("state IN ('rest', 'all')")),
)

# ── Rate limits (0017) ───────────────────────────────────────────────────────────────────────────

# One row for each limit of calls a second that all processes share. Seconds since 1970 by the database's clock: when
# the turns begin that were taken last, and when the next one is free. Not logged: a crash only forgets whose turn it
# was.
rate_limits = Table(
    "rate_limits",
    metadata,
    Column("name", Text, primary_key=True),
    Column("first_at", Double, nullable=False),
    Column("next_at", Double, nullable=False),
    prefixes=["UNLOGGED"],
)

# ── MantaGo's pairs (0018) ───────────────────────────────────────────────────────────────────────

# The newest pair of token and secret that came of the pair in the settings. `settings` is that one's keyed fingerprint:
# another pair set by hand has a row of its own, and so it wins. `pair` is sealed; NULL: still the one of the settings.
# `home` is the database that exchanges it: a copy elsewhere must not. `generation` counts the exchanges.
mantago_pairs = Table(
    "mantago_pairs",
    metadata,
    Column("bot", Text, primary_key=True),
    Column("settings", LargeBinary, primary_key=True),
    Column("home", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="kept"),  # mantago_pairs.PairState
    Column("generation", Integer, nullable=False, server_default="0"),
    Column("pair", LargeBinary),
    Column("exchanged_at", MOMENT),
    Column("tried_at", MOMENT),
    Column("detail", Text, nullable=False, server_default=""),
)

# ── Redeeming at Poshen itself (0019) ────────────────────────────────────────────────────────────

# Which player of the game a customer is, as they told us; sealed. Only where codes are redeemed at Poshen.
players = Table(
    "players",
    metadata,
    Column("customer_id", BigInteger, primary_key=True, autoincrement=False),
    Column("player", LargeBinary, nullable=False),
    Column("since", MOMENT, nullable=False),
    Column("used_at", MOMENT, nullable=False),
)

# Codes asked of Poshen for a player. The row is committed before the first call; what is done has its claim, under the
# same reference. Of a code one redemption at a time for a customer, and one for a player, whoever wants it: an answer
# that says "already" is then nobody else's. `player` (sealed) lives only until it is settled.
redemptions = Table(
    "redemptions",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("ref", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),  # redemptions.RedemptionState
    Column("customer_id", BigInteger, nullable=False),
    Column("event_id", BigInteger, nullable=False),
    Column("code_id", BigInteger, nullable=False),
    Column("code", JSONB, nullable=False),  # as it was when it was looked up
    Column("player_hash", LargeBinary, nullable=False),
    Column("player", LargeBinary),
    Column("refusal", Text),  # poshen.Refusal, or why it was not even asked for
    Column("reason", Text),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("unknowns", SmallInteger, nullable=False, server_default="0"),
    Column("awaited", Boolean, nullable=False, server_default=text("false")),  # the customer was told to wait for it
    Column("leased_until", MOMENT),
    Column("next_at", MOMENT),
    Column("created_at", MOMENT, nullable=False),
    Column("settled_at", MOMENT),
    Index(
        "redemptions_one_for_customer",
        "code_id",
        "customer_id",
        unique=True,
        postgresql_where=text("state IN ('pending', 'unknown', 'check')"),
    ),
    Index(
        "redemptions_one_for_player",
        "code_id",
        "player_hash",
        unique=True,
        postgresql_where=text("state IN ('pending', 'unknown', 'check')"),
    ),
    Index("redemptions_open", "id", postgresql_where=text("state IN ('pending', 'unknown', 'check')")),
    Index("redemptions_customer", "customer_id", "id"),
)

# ── Reminders (0020) ─────────────────────────────────────────────────────────────────────────────

# Who wants to be reminded before something of theirs ends. `looked_on`: the day (of the brand's zone) for which their
# things were looked at last; `due_at`: since when a look is to be made, NULL when none is.
reminder_wishes = Table(
    "reminder_wishes",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("customer_id", BigInteger, nullable=False, unique=True),
    Column("since", MOMENT, nullable=False),
    Column("looked_on", Date),
    Column("due_at", MOMENT),
    Index("reminder_wishes_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)

# What somebody was reminded of, once for each thing and end. `item` is a number and names nothing.
reminders = Table(
    "reminders",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("customer_id", BigInteger, nullable=False),
    Column("item", Text, nullable=False),
    Column("ends", MOMENT, nullable=False),
    Column("at", MOMENT, nullable=False, server_default=NOW),
    UniqueConstraint("customer_id", "item", "ends"),
    Index("reminders_ends", "ends"),
    Index("reminders_at", "at", postgresql_using="brin"),
)

# How many pushes that nobody is owed a month has seen, by its first day in the brand's zone.
push_budgets = Table(
    "push_budgets",
    metadata,
    Column("month", Date, primary_key=True),
    Column("used", Integer, CheckConstraint("used > 0", name="push_budgets_used"), nullable=False),
)
