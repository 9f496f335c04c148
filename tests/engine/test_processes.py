"""`giftdesk serve` with real processes: killed, stopped and started, without losing or repeating anything."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator

import psutil
import pytest

from engine.desk import until
from engine.processes import Customer, Giftdesk, command, customers
from sandbox import Sandbox
from sandbox.credentials import LINE_CHANNEL_SECRET, MESSENGER_APP_SECRET, POSHEN_TOKEN

WORDS = "悄悄話 whispered 7311"


@pytest.fixture(scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory, served_sandbox: Sandbox) -> AsyncIterator[Giftdesk]:
    """A machine of its own; whatever runs on it at the end is stopped."""
    desk = Giftdesk(tmp_path_factory.mktemp("served"), served_sandbox, {"LOG_LEVEL": "DEBUG"})
    yield desk
    if desk.process is not None:
        await desk.stop()


@pytest.fixture
async def served(home: Giftdesk, sandbox: Sandbox) -> Giftdesk:
    """`giftdesk serve`, running and ready, and a sandbox as at its start."""
    await home.ensure()
    return home


async def each_got_one_receipt(served: Giftdesk, people: list[Customer]) -> None:
    """Everybody has one claim and has read of it once; nothing is left to do."""
    await served.settled()
    rows = await served.rows(
        "SELECT c.person, count(*) AS n FROM claims JOIN customers c ON c.id = customer_id GROUP BY 1"
    )
    claims = {row["person"].rsplit(":", 1)[-1]: row["n"] for row in rows}
    assert {person.user: claims.get(person.user, 0) for person in people} == {person.user: 1 for person in people}
    assert [len(person.receipts) for person in people] == [1] * len(people)


async def test_serve_answers(served: Giftdesk) -> None:
    """Ready, alive, and a code that is sent to it is redeemed."""
    people = customers(served.sandbox, 3)
    assert await served.get("/healthz") == 200
    await asyncio.gather(*(served.deliver(person.webhook) for person in people))

    await each_got_one_receipt(served, people)


async def test_a_worker_that_is_killed_in_the_middle_loses_nothing(served: Giftdesk) -> None:
    """kill -9 while ten look-ups are on their way: another worker finishes them, once each."""
    people = customers(served.sandbox, 16)
    served.sandbox.fault("poshen", delay_ms=400, times=16)
    victim = served.child("worker")
    await asyncio.gather(*(served.deliver(person.webhook) for person in people))
    await until(lambda: len(served.sandbox.calls("poshen")) >= 10)
    victim.kill()

    await each_got_one_receipt(served, people)


async def test_a_worker_looks_up_the_installed_menus_when_it_starts(served: Giftdesk) -> None:
    """So that no message has to ask for them."""
    served.child("worker").kill()

    await until(lambda: served.sandbox.calls("line", "GET /v2/bot/richmenu/alias/list"))


async def test_a_web_process_that_is_killed_comes_back(served: Giftdesk) -> None:
    """kill -9 of granian while webhooks come in: the platform's next tries are taken, each event once."""
    people = customers(served.sandbox, 20)
    victim = served.child("web")
    victim.kill()
    await asyncio.gather(*(served.deliver(person.webhook) for person in people))

    await each_got_one_receipt(served, people)
    await until(lambda: served.child("web").pid != victim.pid)
    await served.ready()


async def test_a_web_worker_that_is_killed_comes_back(served: Giftdesk) -> None:
    """kill -9 of the process that granian keeps for the requests."""
    people = customers(served.sandbox, 20)
    for process in served.child("web").children(recursive=True):
        process.kill()
    await asyncio.gather(*(served.deliver(person.webhook) for person in people))

    await each_got_one_receipt(served, people)


async def test_a_database_that_restarts_loses_nothing(served: Giftdesk) -> None:
    """kill -9 of one backend makes PostgreSQL throw everybody out and recover; all are answered once."""
    people = customers(served.sandbox, 16)
    served.sandbox.fault("poshen", delay_ms=300, times=16)
    await asyncio.gather(*(served.deliver(person.webhook) for person in people[:8]))
    await until(lambda: len(served.sandbox.calls("poshen")) >= 4)
    (row,) = await served.rows("SELECT min(pid) AS pid FROM pg_stat_activity WHERE backend_type = 'client backend'")
    psutil.Process(row["pid"]).kill()
    await asyncio.gather(*(served.deliver(person.webhook) for person in people[8:]))

    await each_got_one_receipt(served, people)


async def test_a_killed_database_server_is_started_again(served: Giftdesk) -> None:
    """kill -9 of the embedded server itself: it is ours to start, and nobody else will."""
    people = customers(served.sandbox, 12)
    served.sandbox.fault("poshen", delay_ms=300, times=12)
    await asyncio.gather(*(served.deliver(person.webhook) for person in people[:6]))
    await until(lambda: len(served.sandbox.calls("poshen")) >= 3)
    number = int((served.home / "postgres" / "postmaster.pid").read_text().split()[0])
    psutil.Process(number).kill()
    await asyncio.gather(*(served.deliver(person.webhook) for person in people[6:]))

    await each_got_one_receipt(served, people)


async def test_other_commands_leave_the_running_database_alone(served: Giftdesk) -> None:
    """They join the server of `serve` and must not stop it when they are done."""
    before = (served.home / "postgres" / "postmaster.pid").read_text().split()[0]
    status, said = await command("held", env=served.env)

    assert status == 0, said
    assert (served.home / "postgres" / "postmaster.pid").read_text().split()[0] == before
    assert await served.get("/readyz") == 200


async def test_a_worker_that_is_told_to_stop_finishes_what_it_began(served: Giftdesk) -> None:
    """SIGTERM in the middle of eight look-ups: their answers are used, so nobody has to ask again."""
    people = customers(served.sandbox, 8)
    served.sandbox.fault("poshen", delay_ms=1_000, times=8)
    await asyncio.gather(*(served.deliver(person.webhook) for person in people))
    await until(lambda: len(served.sandbox.calls("poshen")) == 8)
    served.child("worker").terminate()

    await each_got_one_receipt(served, people)
    assert len(served.sandbox.calls("poshen")) == 8


async def test_a_stop_under_load_finishes_and_loses_nothing(served: Giftdesk) -> None:
    """SIGTERM while webhooks come in: status 0, what was accepted is answered, now or after the next start."""
    people = customers(served.sandbox, 40)
    served.sandbox.fault("poshen", delay_ms=250, times=30)
    delivering = asyncio.gather(*(served.deliver(person.webhook) for person in people))
    await until(lambda: len(served.sandbox.calls("poshen")) >= 8)
    begun = time.monotonic()
    status = await served.stop()

    assert status == 0
    assert time.monotonic() - begun < 15
    served.start()
    await delivering
    await each_got_one_receipt(served, people)


async def test_a_killed_parent_takes_its_children_along(served: Giftdesk) -> None:
    """kill -9 of `serve`: web and worker end by themselves, the port is free, the next one just starts."""
    people = customers(served.sandbox, 8)
    served.sandbox.fault("poshen", delay_ms=300, times=8)
    await asyncio.gather(*(served.deliver(person.webhook) for person in people))
    family = served.family()
    assert served.process is not None
    served.process.kill()
    served.process.wait()
    await until(lambda: not any(process.is_running() and process.status() != "zombie" for process in family), 30, 0.05)
    assert await served.get("/healthz") == 0, "the port is free"

    await served.ensure()
    await each_got_one_receipt(served, people)


async def test_a_killed_web_leaves_no_orphan_behind(served: Giftdesk) -> None:
    """What granian had started must not go on answering, and holding the port, when granian is gone."""
    web = served.child("web")
    orphans = web.children(recursive=True)
    assert orphans
    web.kill()

    await until(lambda: not any(p.is_running() and p.status() != "zombie" for p in orphans), 15, 0.05)
    await served.ready()


async def test_nothing_that_people_wrote_is_in_the_logs(served: Giftdesk) -> None:
    """Texts, codes, phones, tokens, secrets and people's ids: in no line, at DEBUG and with everything failing."""
    phones = [served.sandbox.phone("line", "yu"), served.sandbox.phone("messenger", "emily")]
    for fault in ({"status": 500}, {"body": {"echo": WORDS}}, {"status": 401}):
        served.sandbox.fault("poshen", times=1, **fault)
    for phone in phones:
        for text in (f"{WORDS} 0912345678", "WELCOME2026", "我的獎品", "redeem SUMMER-7K3M-Q9TD", "+886912345678"):
            await served.deliver(phone.says(text))
    served.sandbox.fault("line:POST /v2/bot/message/reply", status=400, times=2)
    await served.deliver(phones[0].says(WORDS))
    await served.settled()
    log = served.log.read_text()

    assert "event done" in log, "the log is there"
    secrets = [*served.sandbox.environment().items()]
    kept = [value for name, value in secrets if any(word in name for word in ("SECRET", "TOKEN")) and len(value) > 8]
    assert {LINE_CHANNEL_SECRET, MESSENGER_APP_SECRET, POSHEN_TOKEN} <= set(kept)
    private = [WORDS, "whispered", "0912345678", "912345678", "WELCOME2026", "welcome2026", "SUMMER-7K3M", *kept]
    private += [phone.user for phone in phones] + ["我的獎品", "金幣"]
    assert [word for word in private if word in log] == []


async def test_the_key_that_signs_is_nobody_elses_business(served: Giftdesk) -> None:
    """The generated SECRET_KEY is readable by its owner only, and in no log."""
    path = served.home / "secret_key"

    assert path.stat().st_mode & 0o077 == 0
    assert path.read_text().strip() not in served.log.read_text()


def test_signals_are_what_this_file_thinks_they_are() -> None:
    """psutil's kill is kill -9."""
    with subprocess.Popen(["sleep", "30"]) as process:
        psutil.Process(process.pid).kill()
        assert process.wait() == -signal.SIGKILL
    assert os.name == "posix"
