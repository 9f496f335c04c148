"""`giftdesk serve` as the first process of a container: nobody above it takes leave of what ended."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from engine.desk import until
from engine.processes import Giftdesk, customers
from sandbox import Sandbox

ALONE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


def _can_be_alone() -> bool:
    return shutil.which("unshare") is not None and subprocess.run([*ALONE, "true"], check=False).returncode == 0


@pytest.fixture
async def alone(tmp_path: Path, served_sandbox: Sandbox) -> AsyncIterator[Giftdesk]:
    """`giftdesk serve` with the number 1, which sees no other processes than its own."""
    desk = Giftdesk(tmp_path / "home", served_sandbox, inside=ALONE)
    yield desk
    if desk.process is not None:
        first_process(desk).terminate()
        desk.process.wait(60)


def first_process(desk: Giftdesk) -> psutil.Process:
    assert desk.process is not None
    (first,) = psutil.Process(desk.process.pid).children()
    return first


def postmaster(desk: Giftdesk) -> psutil.Process | None:
    """The server itself: it became a child of the first process, beside web and worker."""
    for child in first_process(desk).children():
        with suppress(psutil.NoSuchProcess):  # Whatever starts it is gone a moment later.
            if (
                child.name().startswith("postgres")
                and child.status() != psutil.STATUS_ZOMBIE
                and "-D" in child.cmdline()
            ):
                return child
    return None


def socket_locks(desk: Giftdesk) -> list[Path]:
    """They lie beside the socket, which a long path of the home drives out of it."""
    return list(Path(desk.database.partition("host=")[2]).glob(".s.PGSQL.*.lock"))


@pytest.mark.skipif(not _can_be_alone(), reason="needs a PID namespace: Linux, and root or the right to make one")
async def test_a_killed_database_comes_back(alone: Giftdesk, sandbox: Sandbox) -> None:
    """kill -9 of it, three times: started again each time, people are answered, and no zombie stays."""
    await alone.ensure()
    people = customers(sandbox, 3)
    for person in people:
        # A session of the killed one may still take a webhook before the next one is there.
        (await until(lambda: postmaster(alone))).kill()
        await alone.deliver(person.webhook)
        await alone.ready()
    await alone.settled()

    assert [len(person.receipts) for person in people] == [1, 1, 1]
    await until(lambda: not [each for each in alone.family() if each.status() == psutil.STATUS_ZOMBIE])


@pytest.mark.skipif(not _can_be_alone(), reason="needs a PID namespace: Linux, and root or the right to make one")
async def test_a_power_cut_is_survived(alone: Giftdesk, sandbox: Sandbox) -> None:
    """All of it gone at once, its locks there and empty: it starts again, and who wrote before is answered once."""
    await alone.ensure()
    (person,) = customers(sandbox, 1)
    webhook = person.webhook
    await alone.deliver(webhook)
    locks = [alone.home / "postgres" / "postmaster.pid", *socket_locks(alone)]
    first_process(alone).kill()
    assert alone.process is not None
    alone.process.wait(60)
    for lock in locks:
        lock.write_bytes(b"")
    await alone.ensure()
    await alone.deliver(webhook)
    await alone.settled()

    assert len(person.receipts) == 1
