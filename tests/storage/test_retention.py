"""Forgetting: what is old goes, and nothing else does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from chat import TABLES
from engine.desk import migrated_database

from bot.storage import pool as pools
from bot.storage import retention
from bot.storage.keeping import KEPT
from bot.storage.models import metadata
from bot.storage.retention import clean_up

EVENTS, CLAIMS = timedelta(days=14), timedelta(days=730)


@pytest.fixture(scope="module")
async def kept(database: str) -> AsyncIterator[asyncpg.Pool]:
    url = await migrated_database(database, "kept")
    pool = await pools.connect(url, size=2)
    yield pool
    await pool.close()


@pytest.fixture
async def pool(kept: asyncpg.Pool) -> asyncpg.Pool:
    """A database with empty tables."""
    await kept.execute(
        "TRUNCATE events, customers, claims, misses, waits, wallets, pushes, pgqueuer, pgqueuer_log, accounts, points,"
        " issues, links, link_codes, invitations, approvals, blocks, undone, exports, data_files, bulk_jobs,"
        " bulk_codes, pgqueuer_statistics, unclear, workers, tallies, attachments, counter_codes,"
        " hand_overs, visits, posters, poster_visits, poster_files, relays, players, redemptions, reminder_wishes,"
        " reminders RESTART IDENTITY"
    )
    return kept


ROWS = {
    "attachments": (
        "INSERT INTO attachments (channel, picture, attachment_id, uploaded_at) "
        "VALUES ('messenger', $1::text, '1', now() - $2::interval)"
    ),
    "events": (
        "INSERT INTO events (key, channel, chat, state, at, received_at) "
        "VALUES ($1::text, 'line', 'c', 'done', now(), now() - $2::interval)"
    ),
    "pushes": (
        "INSERT INTO pushes (key, channel, recipient, created_at) VALUES ($1::text, 'line', 'U', now() - $2::interval)"
    ),
    "visits": "INSERT INTO visits (person_hash, at) VALUES ($1::text::bytea, now() - $2::interval)",
    "relays": (
        "INSERT INTO relays (target, event_id, chat, state, since, next_at, body) "
        "VALUES ($1::text, 1, 'c', 'due', now() - $2::interval, now(), '')"
    ),
    "undone": (
        "INSERT INTO undone (ref, code_id, snapshot, claimed_at, points, undone_by, undone_at) "
        "VALUES ($1::text, 1, '{}', now(), 0, 'amy', now() - $2::interval)"
    ),
    "exports": (
        "INSERT INTO exports (job_id, maker, page, created_at, expires_at) "
        "VALUES (length($1::text), 'amy', '{}', now() - $2::interval, now())"
    ),
    "data_files": (
        "INSERT INTO data_files (customer_id, page, file, created_at, expires_at) "
        "VALUES (length($1::text), '{}', 'x', now(), now() - $2::interval)"
    ),
    "poster_visits": (
        "INSERT INTO poster_visits (event_id, poster_id, new, at) "
        "VALUES (hashtext($1::text), 1, true, now() - $2::interval)"
    ),
    "poster_files": (
        "INSERT INTO poster_files (poster_id, maker, page, created_at, expires_at) "
        "VALUES (length($1::text), 'amy', '{}', now(), now() - $2::interval)"
    ),
    "bulk_codes": (
        "WITH job AS (INSERT INTO bulk_jobs (key, state, group_id, group_name, rewards, prefix, length, total, starter,"
        " ended_at) VALUES ($1::text, 'done', 5, '', '[]', '', 8, 1, 'amy', now() - $2::interval) RETURNING id) "
        "INSERT INTO bulk_codes (job_id, code) SELECT id, $1::text FROM job"
    ),
    "invitations": (
        "INSERT INTO invitations (code_hash, role, inviter, expires_at) "
        "VALUES ($1::text::bytea, 'staff', 'amy', now() - $2::interval)"
    ),
    "approvals": (
        "INSERT INTO approvals (ref, key, command, arguments, seen, summary, requester, created_at, expires_at) "
        "VALUES ($1::text, $1::text, 'x', '{}', '{}', '', 'amy', now() - $2::interval, now())"
    ),
    "blocks": (
        "INSERT INTO blocks (person_hash, until, reason, by) VALUES ($1::text::bytea, now() - $2::interval, 'x', 'amy')"
    ),
    "misses": (
        "INSERT INTO misses (person_hash, code_hash, prefix_hash, at) "
        "VALUES ($1::text::bytea, 'x', 'y', now() - $2::interval)"
    ),
    "waits": "INSERT INTO waits (person_hash, until, level) VALUES ($1::text::bytea, now() - $2::interval, 1)",
    "wallets": (
        "INSERT INTO wallets (customer_id, snapshot, taken_at, gifts) "
        "VALUES (length($1::text), 's', now() - $2::interval, '{}')"
    ),
    "reminder_wishes": (
        "INSERT INTO reminder_wishes (customer_id, since) VALUES (length($1::text), now() - $2::interval)"
    ),
    "reminders": (
        "INSERT INTO reminders (customer_id, item, ends) VALUES (length($1::text), 'card:1', now() - $2::interval)"
    ),
    "claims": (
        "INSERT INTO claims (ref, code_id, person_hash, event_id, snapshot, claimed_at) "
        "VALUES ($1::text, 1, $1::text::bytea, 1, '{}', now() - $2::interval)"
    ),
    "customers": (
        "INSERT INTO customers (person, ref, channel, locale, last_seen) "
        "VALUES ($1::text, $1::text, 'line', 'en', now() - $2::interval)"
    ),
    "issues": (
        "INSERT INTO issues (ref, key, request_id, kind, state, recipient, issuer, gift_id, price_id, offer, "
        "settled_at) VALUES ($1::text, $1::text, $1::text, 'exchange', 'done', 'C-1', 'bot', 1, 1, '{}', "
        "now() - $2::interval)"
    ),
    "points": (
        "INSERT INTO points (key, kind, available, held, at) VALUES ($1::text, 'grant', 5, 0, now() - $2::interval)"
    ),
    "links": (
        "INSERT INTO links (customer_id, channel, phone_hash, phone, assurance, used_at) "
        "VALUES (length($1::text), 'line', $1::text::bytea, 'sealed', 'staff_code', now() - $2::interval)"
    ),
    "counter_codes": (
        "INSERT INTO counter_codes (purpose, code_hash, created_at, expires_at) "
        "VALUES ('gift', $1::text::bytea, now() - $2::interval, now())"
    ),
    "hand_overs": (
        "INSERT INTO hand_overs (person_hash, item_key, nth, item, staff, event_id, at) "
        "VALUES ($1::text::bytea, 'x', 1, '{}', 'amy', 1, now() - $2::interval)"
    ),
    "players": (
        "INSERT INTO players (customer_id, player, since, used_at) "
        "VALUES (length($1::text), 'sealed', now(), now() - $2::interval)"
    ),
    "redemptions": (
        "INSERT INTO redemptions (ref, state, customer_id, event_id, code_id, code, player_hash, created_at, "
        "settled_at) VALUES ($1::text, 'done', 1, 1, 1, '{}', '', now(), now() - $2::interval)"
    ),
    "link_codes": (
        "INSERT INTO link_codes (code_hash, phone_hash, phone, issued_by, created_at, expires_at, ended_at) "
        "VALUES ($1::text::bytea, $1::text::bytea, '', 'line:staff', now() - $2::interval, now(), now())"
    ),
    "accounts": (
        "WITH customer AS (INSERT INTO customers (person, ref, channel, locale, last_seen) "
        "VALUES ($1::text, $1::text, 'line', 'en', now() - $2::interval) RETURNING id) "
        "INSERT INTO accounts (customer_id, available, held) SELECT id, 5, 0 FROM customer"
    ),
    "unclear": (
        "INSERT INTO unclear (message_hash, person_hash, kind, text, day) "
        "VALUES ($1::text::bytea, 'x', 'chips', $1::text, (now() AT TIME ZONE 'UTC' - $2::interval)::date)"
    ),
    "workers": "INSERT INTO workers (worker, at, parts) VALUES ($1::text, now() - $2::interval, '{}')",
    "tallies": "INSERT INTO tallies (day, part, kind, n) VALUES ((now() - $2::interval)::date, 'poshen', $1::text, 1)",
    "pgqueuer_statistics": (
        "INSERT INTO pgqueuer_statistics (created, count, priority, entrypoint, status) "
        "VALUES (now() - $2::interval, 1, 0, $1::text, 'successful')"
    ),
    "pgqueuer_log": (
        "INSERT INTO pgqueuer_log (created, job_id, status, priority, entrypoint) "
        "VALUES (now() - $2::interval, length($1::text), 'successful', 0, 'event')"
    ),
}


def age_of(table: str) -> timedelta:
    """After which time the register says that a row goes."""
    goes = KEPT[table].goes
    assert goes is not None
    return {"EVENT_RETENTION_DAYS": EVENTS, "CLAIM_RETENTION_DAYS": CLAIMS}[goes] if isinstance(goes, str) else goes


BY_DAY = {"tallies", "unclear"}  # They know no time.
ALSO = {"accounts": {"customers": 1}}  # Whose account is gone is gone with it.


@pytest.mark.parametrize("table", ROWS)
async def test_only_what_is_older_than_its_time_goes(pool: asyncpg.Pool, table: str) -> None:
    """A row just beyond its time is deleted, one just within stays."""
    insert, age = ROWS[table], age_of(table)
    moment = timedelta(days=1) if table in BY_DAY else timedelta(minutes=5)
    await pool.execute(insert, "old", age + moment)
    await pool.execute(insert, "young one", age - moment)
    gone = await clean_up(pool, events=EVENTS, claims=CLAIMS)

    assert {name: rows for name, rows in gone.items() if rows} == {table: 1, **ALSO.get(table, {})}
    assert await pool.fetchval(f"SELECT count(*) FROM {table}") == 1


async def test_the_register_knows_every_table(pool: asyncpg.Pool) -> None:
    """A new one must say there what it keeps, and is emptied between tests."""
    rows = await pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    there = {row["tablename"] for row in rows} - {"alembic_version"}

    assert there == set(KEPT)
    assert set(metadata.tables) <= there
    assert set(metadata.tables) <= set(TABLES.split(", "))


def test_what_the_register_says_to_go_is_seen_to_go() -> None:
    """Above, by a row that is too old; and what stays has its reason."""
    assert {table for table, kept in KEPT.items() if kept.goes} == set(ROWS)
    assert [table for table, kept in KEPT.items() if bool(kept.goes) is bool(kept.stays)] == []


async def test_the_register_knows_every_column_that_leads_to_a_customer() -> None:
    """By their names; what became of each is tested with "delete my data"."""
    leading = {
        "customer_id",
        "person",
        "chat",
        "recipient",
        "customer",
        "person_hash",
        "phone_hash",
        "player_hash",
        "user_id",
        "used_by",
    }
    there = {name: leading & set(table.columns.keys()) for name, table in metadata.tables.items()}

    assert {name: columns for name, columns in there.items() if columns} == {
        name: set(kept.leads) for name, kept in KEPT.items() if kept.leads
    }
    assert [name for name, kept in KEPT.items() if kept.leads and bool(kept.shown) is bool(kept.hidden)] == []


async def test_a_held_event_goes_with_the_others(pool: asyncpg.Pool) -> None:
    """It holds what a customer wrote, so staff have a fortnight for it and no longer."""
    insert = ROWS["events"]
    for key, age in (("fresh", 13), ("forgotten", 15)):
        await pool.execute(insert, key, timedelta(days=age))
        await pool.execute("UPDATE events SET held_at = received_at WHERE key = $1", key)
    await clean_up(pool, events=EVENTS, claims=CLAIMS)

    assert [row["key"] for row in await pool.fetch("SELECT key FROM events")] == ["fresh"]


async def test_a_push_that_is_still_on_its_way_is_never_deleted(pool: asyncpg.Pool) -> None:
    """What a customer is still to get is not forgotten before they got it or a fortnight is over."""
    insert = ROWS["pushes"]
    await pool.execute(insert, "fresh", timedelta(days=13))
    await pool.execute("UPDATE pushes SET messages = '[]'")
    await clean_up(pool, events=EVENTS, claims=CLAIMS)

    assert await pool.fetchval("SELECT count(*) FROM pushes") == 1


async def test_a_silent_customer_with_receipts_is_kept(pool: asyncpg.Pool) -> None:
    """As long as there is a receipt there is somebody it belongs to."""
    insert = ROWS["customers"]
    await pool.execute(insert, "silent", CLAIMS + timedelta(days=1))
    claim = ROWS["claims"]
    await pool.execute(claim, "R-1", timedelta(days=1))
    await pool.execute("UPDATE claims SET customer_id = (SELECT id FROM customers)")
    await clean_up(pool, events=EVENTS, claims=CLAIMS)

    assert await pool.fetchval("SELECT count(*) FROM customers") == 1


async def test_points_go_with_the_customer_who_no_longer_writes(pool: asyncpg.Pool) -> None:
    """Unless some are held: then neither goes."""
    insert = ROWS["customers"]
    for person, held in (("silent", 0), ("waiting", 50)):
        await pool.execute(insert, person, CLAIMS + timedelta(days=1))
        await pool.execute(
            "INSERT INTO accounts (customer_id, available, held) SELECT id, 100, $2 FROM customers WHERE person = $1",
            person,
            held,
        )
    await clean_up(pool, events=EVENTS, claims=CLAIMS)

    assert [row["person"] for row in await pool.fetch("SELECT person FROM customers")] == ["waiting"]
    assert [row["held"] for row in await pool.fetch("SELECT held FROM accounts")] == [50]


async def test_a_voucher_whose_end_is_open_is_kept(pool: asyncpg.Pool) -> None:
    """However old it is: somebody paid for it, or was promised it."""
    insert, age = ROWS["issues"], age_of("issues")
    for state in ("pending", "unknown", "check", "done", "failed"):
        await pool.execute(insert, state, 2 * age)
        await pool.execute(
            "UPDATE issues SET state = $1, created_at = settled_at, "
            "settled_at = CASE WHEN $1 IN ('done', 'failed') THEN settled_at END WHERE ref = $1",
            state,
        )
    await clean_up(pool, events=EVENTS, claims=CLAIMS)

    left = await pool.fetch("SELECT state FROM issues ORDER BY id")
    assert [row["state"] for row in left] == ["pending", "unknown", "check"]


async def test_a_redemption_whose_end_is_open_is_kept_with_its_customer(pool: asyncpg.Pool) -> None:
    """However old both are: Poshen may have redeemed it."""
    await pool.execute(ROWS["customers"], "silent", CLAIMS + timedelta(days=1))
    await pool.execute(ROWS["redemptions"], "R-1", 2 * CLAIMS)
    await pool.execute(
        "UPDATE redemptions SET state = 'check', settled_at = NULL, customer_id = (SELECT id FROM customers)"
    )
    await clean_up(pool, events=EVENTS, claims=CLAIMS)

    assert await pool.fetchval("SELECT count(*) FROM redemptions") == 1
    assert await pool.fetchval("SELECT count(*) FROM customers") == 1


async def test_the_ledger_of_an_account_is_kept(pool: asyncpg.Pool) -> None:
    """The account is its sum; only what nobody's account needs is forgotten."""
    insert, age = ROWS["points"], age_of("points")
    for owner in (1, 2):
        await pool.execute(insert, f"{owner}", 2 * age)
        await pool.execute("UPDATE points SET customer_id = $1 WHERE key = $2", owner, f"{owner}")
    await pool.execute("INSERT INTO accounts (customer_id, available, held) VALUES (1, 5, 0)")
    await clean_up(pool, events=EVENTS, claims=CLAIMS)

    assert [row["customer_id"] for row in await pool.fetch("SELECT customer_id FROM points")] == [1]


async def test_a_link_code_that_is_over_forgets_its_phone(pool: asyncpg.Pool) -> None:
    """One that nobody used, that is; a live one is left alone."""
    for code, minutes in (("over", -1), ("live", 1)):
        await pool.execute(
            "INSERT INTO link_codes (code_hash, phone_hash, phone, issued_by, expires_at) "
            "VALUES ($1::text::bytea, $1::text::bytea, 'sealed', 'line:staff', now() + $2 * interval '1 minute')",
            code,
            minutes,
        )
    await clean_up(pool, events=EVENTS, claims=CLAIMS)

    kept = await pool.fetch("SELECT phone, ended_at IS NULL AS live FROM link_codes ORDER BY id")
    assert [tuple(row) for row in kept] == [(b"", False), (b"sealed", True)]


async def test_the_codes_of_a_job_that_is_not_over_are_kept(pool: asyncpg.Pool) -> None:
    """However long it waits for its vendor."""
    insert, age = ROWS["bulk_codes"], age_of("bulk_codes")
    await pool.execute(insert, "waiting", age + timedelta(days=1))
    await pool.execute("UPDATE bulk_jobs SET ended_at = NULL, created_at = now() - interval '1 year'")
    await clean_up(pool, events=EVENTS, claims=CLAIMS)

    assert await pool.fetchval("SELECT count(*) FROM bulk_codes") == 1


async def test_what_a_silent_customers_last_answers_left_is_dropped_after_a_month(pool: asyncpg.Pool) -> None:
    """Hashes of card numbers and labels; the customer stays."""
    for person, days in (("silent", 31), ("recent", 29)):
        await pool.execute(
            "INSERT INTO customers (person, ref, channel, locale, last_seen, state) "
            "VALUES ($1::text, $1::text, 'line', 'en', now() - $2::interval, $3)",
            person,
            timedelta(days=days),
            {"cards": {}, "labels": {}, "pages": {}, "seen": 1},
        )
    await clean_up(pool, events=EVENTS, claims=CLAIMS)

    left = {row["person"]: set(row["state"]) for row in await pool.fetch("SELECT * FROM customers")}
    assert left == {"silent": {"seen"}, "recent": {"cards", "labels", "pages", "seen"}}


async def test_a_parked_answer_is_dropped_after_an_hour(pool: asyncpg.Pool) -> None:
    """Nobody tapped for it; the event stays known, its answer does not."""
    insert = ROWS["events"]
    for key, minutes in (("stale", 61), ("fresh", 59)):
        await pool.execute(insert, key, timedelta(minutes=minutes))
    await pool.execute("UPDATE events SET state = 'parked', reply = '{}'")
    await clean_up(pool, events=EVENTS, claims=CLAIMS)

    left = {row["key"]: (row["state"], row["reply"]) for row in await pool.fetch("SELECT * FROM events")}
    assert left == {"stale": ("done", None), "fresh": ("parked", "{}")}


async def test_more_than_a_bite_goes_too(pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is deleted some at a time, until nothing old is left."""
    monkeypatch.setattr(retention, "BITE", 10)
    insert, age = ROWS["events"], age_of("events")
    await pool.executemany(insert, [(f"{number}", 2 * age) for number in range(25)])

    assert (await clean_up(pool, events=EVENTS, claims=CLAIMS))["events"] == 25


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
async def test_texts_that_were_not_understood_go_within_a_fortnight(
    database: str, pool: asyncpg.Pool, zone: str
) -> None:
    """They know their day and no time: it goes when its first minute is a fortnight old, wherever the database is."""
    today = datetime.now(UTC).date()
    for days in (0, 13, 14, 15):
        await pool.execute(
            "INSERT INTO unclear VALUES ($1::text::bytea, 'x', 'chips', $1::text, $2)",
            str(days),
            today - timedelta(days=days),
        )
    url = database.replace("/postgres?", "/kept?", 1)
    async with asyncpg.create_pool(url, min_size=1, max_size=1, server_settings={"timezone": zone}) as elsewhere:
        gone = await clean_up(elsewhere, events=EVENTS, claims=CLAIMS)

    assert {name: rows for name, rows in gone.items() if rows} == {"unclear": 2}
    assert await pool.fetch("SELECT text FROM unclear ORDER BY text") == [("0",), ("13",)]
