"""From the first schema to today's, step by step, while a worker of then goes on."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import asyncpg
import pytest
from chat import Chat
from engine.desk import Desk, another_database, references, until

from bot.storage import inbox, schema
from install.first_worker import CLAIM, MEET, PUSH, SNAPSHOT, STORE, FirstWorker, hashed, reply
from sandbox import Sandbox

pytestmark = pytest.mark.install
SECRET = b"0" * 64
CODE = "WELCOME2026"


async def fill(connection: asyncpg.Connection, people: dict[str, Chat]) -> None:
    """What a desk of the first version leaves: somebody with a receipt, an event that nobody has answered, a committed
    reply, a held event, a message that waits for its reader, a policy."""
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
    now = datetime.now(UTC)
    events = {}
    for name, chat in people.items():
        body = json.loads(chat.phone.says(CODE).body)
        (raw,) = body["events"]
        person = f"line:{body['destination']}:{chat.user}"
        payload = json.dumps({"account": body["destination"], "event": raw})
        key = f"line:{raw['webhookEventId']}"
        events[name] = await connection.fetchval(STORE, key, "line", person, "new", now, payload)
        customer = await connection.fetchrow(MEET, person, f"C-{name.upper():0<6}"[:8], "line", "en")
        await connection.execute("UPDATE customers SET notice = 99, state = '{\"lost\": 1}' WHERE person = $1", person)
        if name == "owner":
            me = hashed(SECRET, "person", person)
            await connection.fetchrow(CLAIM, "R-7K3M9Q", 99, me, 1, customer["id"], events[name], 5, SNAPSHOT, now)
    await connection.execute("UPDATE events SET state = 'done', payload = NULL WHERE id = $1", events["owner"])
    await connection.execute("UPDATE events SET state = 'done', payload = NULL WHERE id = $1", events["reader"])
    await connection.execute("UPDATE events SET state = 'done', held_at = now() WHERE id = $1", events["held"])
    await connection.execute(
        "UPDATE events SET state = 'ready', payload = NULL, reply = $2 WHERE id = $1",
        events["answered"],
        reply(people["answered"].user, "committed then", "reply:then"),
    )
    text = json.dumps([{"message": {"type": "text", "text": "owed since then"}, "plain": "owed since then"}])
    await connection.fetchval(PUSH, "then", "line", people["reader"].user, text, True, 0.0)
    await connection.execute("INSERT INTO policies (group_id, max_claims) VALUES (5, 100000)")


async def test_the_first_schema_comes_to_today_beside_a_worker_of_then(database: str, sandbox: Sandbox) -> None:
    """No statement of the old worker ever fails, at no step; and today's desk finds all that both wrote."""
    url = await another_database(database, "first")
    steps = schema.revisions()
    schema.migrate(url, steps[0])
    async with Desk.open(url, sandbox) as desk:
        people = {name: desk.chat("line", language="en") for name in ("owner", "new", "answered", "held", "reader")}
        connection = await asyncpg.connect(url)
        await fill(connection, people)
        await connection.close()

        async with FirstWorker.working(url, SECRET) as old:
            for revision in steps[1:]:
                await asyncio.to_thread(schema.migrate, url, revision)
                goal = len(old.done) + 5
                await until(lambda goal=goal: len(old.done) >= goal)  # type: ignore[misc]
        assert schema.drift(url) == []

        await desk.run()
        owner, new, answered, held, reader = people.values()
        for chat in people.values():
            chat.look()
        assert [len(references(item.message)) > 0 for item in new.shown] == [True]
        assert "committed then" in answered.text
        assert (owner.shown, held.shown, reader.shown) == ([], [], [])
        await reader.say("menu")
        assert "owed since then" in reader.text
        assert await inbox.release_held(desk.pool) == 1
        await desk.run()
        held.look()
        assert [len(references(item.message)) > 0 for item in held.shown] == [True]
        await owner.say(CODE)
        assert "R-7K3M9Q" in owner.text

        found = await desk.pool.fetch(
            "SELECT c.person, k.ref FROM customers c JOIN claims k ON k.customer_id = c.id "
            "JOIN events e ON e.id = k.event_id AND e.state = 'done' AND e.outcome = 'delivered' "
            "JOIN pushes p ON p.waiting AND p.recipient = split_part(c.person, ':', 3) "
            "WHERE c.person LIKE 'line:Uold:%'"
        )
        assert {row["person"]: row["ref"] for row in found} == old.done
        assert await desk.pool.fetchval("SELECT count(*) FROM claims") == len(old.done) + 3
        assert await desk.pool.fetchval("SELECT max_claims FROM policies") == 100_000
