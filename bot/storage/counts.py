"""Counts over days: what a campaign brought, and what failed.

Receipts, vouchers and points are counted where they are kept. What is forgotten sooner than a month, or never
written down one by one, is kept as a daily number in `tallies`. Days begin at midnight of the brand's time zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg

from bot.storage.asked import IS_OPEN
from bot.storage.audit import BY_PHONE

CALLS = "calls"  # the kind of a daily number of all calls to a part; the other kinds are failures
CODES, MISSED = "codes", "missed"  # part and kind of the daily number of wrong codes
GIVEN_UP = "given up"  # the kind of what another tool on the channel was not passed on
# Part of what customers typed in their private chats, and the kind of all of it; the other kinds are of what was not
# understood.
TEXTS, HEARD = "texts", "heard"


@dataclass(frozen=True, slots=True)
class Top:
    """One code or campaign. number: its group's, None when it has none. code: in full; mask it before it is shown."""

    group: int | None
    name: str
    code: str
    claims: int
    codes: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """Calls to one part that failed in one way."""

    part: str
    kind: str
    times: int


@dataclass(frozen=True, slots=True)
class Deeds:
    """What one member of staff did by hand in a period. value: of the vouchers, in VND. given, taken: points. codes:
    made one by one and in bulk. undone: claims. links: link codes. handed: things handed over. visits: counted.
    phones: with which a customer was looked for."""

    name: str
    vouchers: int
    value: int
    given: int
    taken: int
    codes: int
    undone: int
    links: int
    handed: int
    visits: int
    phones: int


@dataclass(frozen=True, slots=True)
class StoreDeeds:
    """What was done at one store in a period. name: None for what was done in none. removed: the store is hidden now.
    handed: things handed over. visits: counted. given, taken: points by hand. links: link codes."""

    name: str | None
    removed: bool
    handed: int
    visits: int
    given: int
    taken: int
    links: int


@dataclass(frozen=True, slots=True)
class Counts:
    """A period's numbers. claims: redeemed codes. misses: wrong ones. handed: things handed over. reminded: things of
    whose end somebody was reminded. calls: to each vendor and platform. heard: texts of customers, of which `unclear`
    were not understood. redeeming: codes of which nobody knows yet whether Poshen redeemed them."""

    new: int
    active: int
    claims: int
    misses: int
    issued: int
    failed: int
    open: int
    granted: int
    spent: int
    linked: int
    handed: int
    reminded: int
    held: int
    heard: int
    unclear: int
    redeeming: int
    calls: Mapping[str, int]
    troubles: tuple[Trouble, ...]


def first_day(now: datetime, days: int, zone: ZoneInfo) -> datetime:
    """Midnight at which the last `days` days begin, today being the last of them."""
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days - 1)  # of the calendar: a day with a changed clock is still one day


async def read(connection: asyncpg.Connection | asyncpg.Pool, since: datetime, now: datetime) -> Counts:
    """Everything from `since`, a midnight in the brand's zone, until now."""
    row = await connection.fetchrow(
        f"""
        SELECT customers.*, issues.*, points.*,
            (SELECT count(*) FROM claims WHERE claimed_at >= $1) AS claims,
            (SELECT count(*) FROM links WHERE linked_at >= $1) AS linked,
            (SELECT count(*) FROM hand_overs WHERE at >= $1 AND undone_at IS NULL) AS handed,
            (SELECT count(*) FROM reminders WHERE at >= $1) AS reminded,
            (SELECT count(*) FROM redemptions WHERE created_at >= $1 AND {IS_OPEN}) AS redeeming,
            (SELECT count(*) FROM events WHERE held_at >= $1) AS held
        FROM (
            SELECT count(*) FILTER (WHERE first_seen >= $1) AS new, count(*) AS active
            FROM customers WHERE last_seen >= $1
        ) customers, (
            SELECT coalesce(sum(quantity) FILTER (WHERE state = 'done'), 0) AS issued,
                coalesce(sum(quantity) FILTER (WHERE state = 'failed'), 0) AS failed,
                coalesce(sum(quantity) FILTER (WHERE {IS_OPEN}), 0) AS open
            FROM issues WHERE created_at >= $1
        ) issues, (
            SELECT coalesce(
                    sum(available) FILTER (WHERE kind IN ('grant', 'adjust', 'visit') AND available > 0), 0
                ) AS granted,
                coalesce(-sum(held) FILTER (WHERE kind = 'commit'), 0) AS spent
            FROM points WHERE at >= $1
        ) points
        """,
        since,
    )
    tallied = await connection.fetch(
        "SELECT part, kind, sum(n)::bigint AS n FROM tallies WHERE day >= $1 AND part <> $2 GROUP BY part, kind",
        since.date(),
        CODES,
    )
    texts = {each["kind"]: each["n"] for each in tallied if each["part"] == TEXTS}
    troubles = (
        Trouble(each["part"], each["kind"], each["n"])
        for each in tallied
        if each["part"] != TEXTS and each["kind"] != CALLS
    )
    heard = texts.pop(HEARD, 0)
    return Counts(
        **row,
        misses=await _misses(connection, since, now),
        heard=heard,
        unclear=sum(texts.values()),
        calls={each["part"]: each["n"] for each in tallied if each["kind"] == CALLS},
        troubles=tuple(sorted(troubles, key=lambda each: (-each.times, each.part, each.kind))),
    )


async def _misses(connection: asyncpg.Connection | asyncpg.Pool, since: datetime, now: datetime) -> int:
    """Wrong codes: of today and yesterday one by one, of the days before from their daily numbers."""
    assert isinstance(since.tzinfo, ZoneInfo), "a midnight of the brand's"
    yesterday = first_day(now, 2, since.tzinfo)
    return int(
        await connection.fetchval(
            """
            SELECT (SELECT count(*) FROM misses WHERE prefix_hash <> '' AND at >= $1)
                + (SELECT coalesce(sum(n), 0) FROM tallies WHERE part = $2 AND kind = $3 AND day >= $4 AND day < $5)
            """,
            max(since, yesterday),
            CODES,
            MISSED,
            since.date(),
            yesterday.date(),
        )
    )


async def claims_by_day(
    connection: asyncpg.Connection | asyncpg.Pool, since: datetime, now: datetime
) -> dict[date, int]:
    """Redeemed codes of each day from `since`, a midnight in the brand's zone, until today; 0 where there were none."""
    assert isinstance(since.tzinfo, ZoneInfo), "a midnight of the brand's"
    rows = await connection.fetch(
        "SELECT (claimed_at AT TIME ZONE $2)::date AS day, count(*) AS n FROM claims WHERE claimed_at >= $1 GROUP BY 1",
        since,
        since.tzinfo.key,
    )
    found = {row["day"]: row["n"] for row in rows}
    first, today = since.date(), now.astimezone(since.tzinfo).date()
    days = (first + timedelta(days=at) for at in range((today - first).days + 1))
    return {day: found.get(day, 0) for day in days}


async def texts_by_day(connection: asyncpg.Connection | asyncpg.Pool, since: date) -> dict[date, dict[str, int]]:
    """How many texts customers typed, and of each kind were not understood, by day; the newest first."""
    rows = await connection.fetch(
        "SELECT day, kind, n FROM tallies WHERE part = $1 AND day >= $2 ORDER BY day DESC", TEXTS, since
    )
    days: dict[date, dict[str, int]] = {}
    for row in rows:
        days.setdefault(row["day"], {})[row["kind"]] = row["n"]
    return days


async def top_codes(connection: asyncpg.Connection | asyncpg.Pool, since: datetime, limit: int) -> list[Top]:
    """The codes that were redeemed most."""
    return await _top(connection, "code_id", since, limit)


async def top_campaigns(connection: asyncpg.Connection | asyncpg.Pool, since: datetime, limit: int) -> list[Top]:
    """The groups whose codes were redeemed most."""
    return await _top(connection, "group_id", since, limit)


async def _top(connection: asyncpg.Connection | asyncpg.Pool, column: str, since: datetime, limit: int) -> list[Top]:
    # Counted by code first, which needs no sorting. The names stand in the receipts' JSON, which is read of one
    # receipt for each line that is shown.
    rows = await connection.fetch(
        f"""
        SELECT c.group_id AS group, coalesce(c.snapshot ->> 'group', '') AS name,
            coalesce(c.snapshot ->> 'code', '') AS code, top.claims, top.codes
        FROM (
            SELECT {column}, sum(claims)::bigint AS claims, count(DISTINCT code_id) AS codes, max(latest) AS latest
            FROM (
                SELECT code_id, group_id, count(*) AS claims, max(id) AS latest
                FROM claims WHERE claimed_at >= $1 GROUP BY code_id, group_id
            ) counted
            GROUP BY {column} ORDER BY claims DESC, latest DESC LIMIT $2
        ) top JOIN claims c ON c.id = top.latest
        ORDER BY top.claims DESC, top.latest DESC
        """,
        since,
        limit,
    )
    return [Top(**row) for row in rows]


async def by_hand(connection: asyncpg.Connection | asyncpg.Pool, since: datetime, until: datetime) -> list[Deeds]:
    """What each member of staff gave, took and made from `since` until before `until`, the dearest first.

    Somebody who is no staff any more is called as the trail calls them.
    """
    rows = await connection.fetch(
        """
        SELECT name, sum(vouchers)::bigint AS vouchers, sum(value)::bigint AS value, sum(given)::bigint AS given,
            sum(taken)::bigint AS taken, sum(codes)::bigint AS codes, sum(undone)::bigint AS undone,
            sum(links)::bigint AS links, sum(handed)::bigint AS handed, sum(visits)::bigint AS visits,
            sum(phones)::bigint AS phones
        FROM (
            SELECT done.*, coalesce(
                (SELECT name FROM staff WHERE id::text = who),
                (SELECT actor FROM audit WHERE staff_id::text = who ORDER BY n DESC LIMIT 1),
                who
            ) AS name
            FROM (
                SELECT issuer AS who, quantity AS vouchers, quantity * (offer ->> 'price_value')::bigint AS value,
                    0 AS given, 0 AS taken, 0 AS codes, 0 AS undone, 0 AS links, 0 AS handed, 0 AS visits, 0 AS phones
                FROM issues WHERE kind = 'staff' AND state <> 'failed' AND created_at >= $1 AND created_at < $2
                UNION ALL
                SELECT actor, 0, 0, greatest(available, 0), greatest(-available, 0), 0, 0, 0, 0, 0, 0
                FROM points
                WHERE kind = 'adjust' AND starts_with(key, 'adjust:') AND at >= $1 AND at < $2  -- not an undone claim's
                UNION ALL
                SELECT actor, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0 FROM points WHERE kind = 'visit' AND at >= $1 AND at < $2
                UNION ALL
                SELECT starter, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0
                FROM bulk_jobs JOIN bulk_codes ON job_id = bulk_jobs.id AND made_at IS NOT NULL
                WHERE created_at >= $1 AND created_at < $2
                UNION ALL
                SELECT actor, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0
                FROM audit WHERE action = 'code create' AND result = 'done' AND at >= $1 AND at < $2
                UNION ALL
                SELECT undone_by, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0 FROM undone WHERE undone_at >= $1 AND undone_at < $2
                UNION ALL
                SELECT issued_by, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0
                FROM link_codes WHERE created_at >= $1 AND created_at < $2
                UNION ALL
                SELECT coalesce(staff_id::text, staff), 0, 0, 0, 0, 0, 0, 0, 1, 0, 0
                FROM hand_overs WHERE undone_at IS NULL AND at >= $1 AND at < $2
                UNION ALL
                SELECT actor, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
                FROM audit WHERE action = 'who' AND target = $3 AND at >= $1 AND at < $2
            ) done
        ) named
        GROUP BY name ORDER BY value DESC, given DESC, codes DESC, name
        """,
        since,
        until,
        BY_PHONE,
    )
    return [Deeds(**row) for row in rows]


async def by_store(connection: asyncpg.Connection | asyncpg.Pool, since: datetime) -> list[StoreDeeds]:
    """What was done at each store from `since` on, the busiest first; those that are there although nothing was done.

    What was undone does not count. Whatever was done in no store is the last line.
    """
    rows = await connection.fetch(
        """
        WITH done AS (
            SELECT store_id, 1 AS handed, 0 AS visits, 0 AS given, 0 AS taken, 0 AS links
            FROM hand_overs WHERE undone_at IS NULL AND at >= $1
            UNION ALL
            SELECT store_id, 0, 1, 0, 0, 0 FROM points WHERE kind = 'visit' AND at >= $1
            UNION ALL
            SELECT store_id, 0, 0, greatest(available, 0), greatest(-available, 0), 0
            FROM points WHERE kind = 'adjust' AND starts_with(key, 'adjust:') AND at >= $1  -- not an undone claim's
            UNION ALL
            SELECT store_id, 0, 0, 0, 0, 1 FROM link_codes WHERE created_at >= $1
        )
        SELECT s.name, s.removed_at IS NOT NULL AS removed, coalesce(sum(handed), 0)::bigint AS handed,
            coalesce(sum(visits), 0)::bigint AS visits, coalesce(sum(given), 0)::bigint AS given,
            coalesce(sum(taken), 0)::bigint AS taken, coalesce(sum(links), 0)::bigint AS links
        FROM stores s FULL JOIN done ON done.store_id = s.id
        GROUP BY s.id HAVING s.removed_at IS NULL AND s.id IS NOT NULL OR count(handed) > 0
        ORDER BY s.id IS NULL, count(handed) DESC, s.id
        """,
        since,
    )
    return [StoreDeeds(**row) for row in rows]


async def add(connection: asyncpg.Connection | asyncpg.Pool, day: date, counted: Mapping[tuple[str, str], int]) -> None:
    """Add what was counted, by part and kind, to a day's numbers."""
    await connection.execute(
        """
        INSERT INTO tallies AS t (day, part, kind, n)
        SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bigint[])
        ON CONFLICT (day, part, kind) DO UPDATE SET n = t.n + excluded.n
        """,
        day,
        [part for part, _ in counted],
        [kind for _, kind in counted],
        list(counted.values()),
    )


async def keep_misses(connection: asyncpg.Connection | asyncpg.Pool, now: datetime, zone: ZoneInfo) -> None:
    """Write down how many wrong codes the finished days had, before those are forgotten. Safe to run again."""
    await connection.execute(
        """
        INSERT INTO tallies AS t (day, part, kind, n)
        SELECT (at AT TIME ZONE $1)::date AS day, $2, $3, count(*) FROM misses
        WHERE prefix_hash <> '' AND at < $4 GROUP BY 1
        ON CONFLICT (day, part, kind) DO UPDATE SET n = greatest(t.n, excluded.n)
        """,
        zone.key,
        CODES,
        MISSED,
        first_day(now, 1, zone),
    )
