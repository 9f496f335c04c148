"""A desk saved under load, killed, and brought back on another machine."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest
from engine.desk import another_database, references, until
from engine.processes import Customer, Giftdesk, command, customers
from engine.shopping import GOLD, VOUCHER, count_read

from bot.storage import pool as pools
from bot.storage import rewards
from bot.storage.rewards import Grant
from sandbox import Sandbox

pytestmark = pytest.mark.install
KEY = "b" * 64
POINTS = 25


@dataclass
class Load:
    """People who redeem a code, one after the other, more than one worker can answer: a claim, points, a voucher."""

    web: Giftdesk
    people: list[Customer]
    accepted: list[Customer] = field(default_factory=list)

    async def run(self) -> None:
        for customer in self.people:
            await self.web.deliver(customer.webhook)
            self.accepted.append(customer)
            await asyncio.sleep(0.01)
        raise AssertionError("nobody is left to write")

    @asynccontextmanager
    async def going(self) -> AsyncIterator[None]:
        running = asyncio.create_task(self.run())
        try:
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    @property
    def told(self) -> list[Customer]:
        """Those who have their receipt."""
        told = {item.to for item in self.web.sandbox.sent("line") if references(item.raw.decode())}
        return [customer for customer in self.accepted if customer.user in told]


async def kill(machine: Giftdesk) -> None:
    """kill -9 of everything of it, as when its machine dies."""
    assert machine.process is not None
    family = machine.family()
    machine.process.kill()
    for process in family:
        with suppress(Exception):
            process.kill()
    await asyncio.to_thread(machine.process.wait)
    machine.process = None


async def owned(url: str, people: list[Customer]) -> dict[str, tuple[str, int, str]]:
    """Each person's receipt, points and voucher, as the database has them."""
    connection = await asyncpg.connect(url)
    try:
        found = await connection.fetch(
            """
            SELECT split_part(c.person, ':', 3) AS user_id, k.ref, a.available, i.state
            FROM customers c JOIN claims k ON k.customer_id = c.id JOIN accounts a ON a.customer_id = c.id
            JOIN issues i ON i.customer_id = c.id WHERE split_part(c.person, ':', 3) = ANY($1)
            """,
            [customer.user for customer in people],
        )
        return {row["user_id"]: (row["ref"], row["available"], row["state"]) for row in found}
    finally:
        await connection.close()


BOOKS = """
SELECT
    (SELECT count(*) FROM accounts a WHERE (available, held) <> (
        SELECT sum(available), sum(held) FROM points p WHERE p.customer_id = a.customer_id)),
    (SELECT count(*) FROM claims k WHERE NOT EXISTS (SELECT FROM issues i WHERE i.customer_id = k.customer_id)),
    (SELECT count(*) FROM claims k WHERE NOT EXISTS (SELECT FROM events e WHERE e.id = k.event_id)),
    (SELECT count(*) FROM pgqueuer),
    (SELECT count(*) FROM events WHERE state IN ('new', 'ready'))
"""


async def test_a_desk_saved_under_load_and_killed_comes_back_whole_and_says_nothing_twice(
    database: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Every claim, its points and its voucher of before are there; what nobody had answered is answered once, when
    somebody says so and not before. One backup is taken in the middle of the work, one while no worker is there."""
    source = await another_database(database, "source")
    settings = {"DATABASE_URL": source, "SECRET_KEY": KEY, "LOG_LEVEL": "WARNING"}
    web = Giftdesk(tmp_path / "web", sandbox, settings, role="web")
    worker = Giftdesk(tmp_path / "worker", sandbox, settings, role="worker")
    assert (await command("migrate", env=web.env))[0] == 0
    pool = await pools.connect(source, size=1)
    await rewards.put(pool, GOLD, Grant(POINTS, VOUCHER.gift_id, VOUCHER.price_id, VOUCHER.offer))
    await pool.close()
    load = Load(web, customers(sandbox, 3000))
    worker.start()
    await web.ensure()

    async with load.going():
        await until(lambda: len(load.told) >= 30)
        before = load.told
        status, said = await command("backup", str(tmp_path / "busy.zip"), env=web.env)
        assert status == 0, said
        await worker.stop()
        answered = load.told
        await until(lambda: len(load.accepted) >= len(answered) + 30)
        certain = list(load.accepted)
        status, said = await command("backup", str(tmp_path / "late.zip"), env=web.env)
        assert status == 0, said
        await kill(web)

    # The one taken in the middle of the work, on another database of the same server.
    middle = await another_database(database, "middle")
    env = web.env | {"DATABASE_URL": middle}
    status, said = await command("restore", str(tmp_path / "busy.zip"), env=env)
    assert status == 0, said
    found = await owned(middle, before)
    assert found == {each.user: (each.receipts[0], POINTS, "done") for each in before}
    connection = await asyncpg.connect(middle)
    assert tuple(await connection.fetchrow(BOOKS)) == (0, 0, 0, 0, 0)
    await connection.close()

    # The other one, on a machine with nothing but the file and the key.
    home = tmp_path / "elsewhere"
    home.mkdir()
    (home / "secret_key").write_text(KEY)
    there = Giftdesk(home, sandbox, {"LOG_LEVEL": "WARNING"})
    status, said = await command("restore", str(tmp_path / "late.zip"), env=there.env)
    assert status == 0, said
    assert "Put aside, and not answered: " in said
    await there.ensure()
    try:
        everything = len(sandbox.sent())
        (somebody,) = customers(sandbox, 1)
        await there.deliver(somebody.webhook)
        await until(lambda: somebody.receipts)
        assert {item.to for item in sandbox.sent()[everything:]} == {somebody.user}, "nothing is said by itself"
        assert (await owned(there.database, answered)) == {
            each.user: (each.receipts[0], POINTS, "done") for each in answered
        }
        held = await there.rows("SELECT split_part(chat, ':', 3) AS user_id FROM events WHERE held_at IS NOT NULL")
        assert {each.user for each in certain} - {each.user for each in answered} <= {row["user_id"] for row in held}

        for _ in range(2):
            status, said = await command("restore", "--answer", env=there.env)
            assert status == 0, said
        assert said == "Nothing was put aside.\n"
        await there.settled()
    finally:
        await there.stop()

    known = [each for each in load.accepted if each.user in {row["user_id"] for row in held}]
    assert Counter(len(each.receipts) for each in [*answered, *known]) == {1: len(answered) + len(known)}
    assert {count_read(sandbox, "line", each.user, each.receipts[0]) for each in known} == {1}
    issued = Counter(each["recipient_identify_id"] for each in sandbox.gotit.issued.values())
    assert set(issued.values()) == {1}
