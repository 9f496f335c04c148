"""A disk without room and a database that can only be read: a clear sentence, nothing lost, nothing said twice."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from engine.processes import Customer, Giftdesk, customers

from sandbox import Sandbox

pytestmark = pytest.mark.install

Disk = Callable[[int], Path]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Makes a disk of so many MB, in memory."""
    mounted: list[Path] = []

    def make(size: int) -> Path:
        place = tmp_path / f"disk{size}"
        place.mkdir()
        words = ("mount", "-t", "tmpfs", "-o", f"size={size}m,mode=0755", "giftdesk-test", place)
        if subprocess.run(words, check=False, capture_output=True).returncode != 0:
            pytest.skip("needs the right to mount a disk")
        mounted.append(place)
        return place

    yield make
    for place in mounted:
        subprocess.run(["umount", "--lazy", place], check=True)


async def answer(desk: Giftdesk, person: Customer, webhook: object) -> int:
    """What a platform gets that delivers once; 0 without an answer."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http,
            http.post(desk.url + webhook.path, data=webhook.body, headers=webhook.headers) as got,  # type: ignore[attr-defined]
        ):
            return got.status
    except (aiohttp.ClientError, TimeoutError, OSError):
        return 0


def fill(place: Path) -> Path:
    """All that is left of a disk."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 65536):
                pass
        except OSError:
            pass
    return filler


async def test_a_start_without_room_says_so(disk: Disk, sandbox: Sandbox) -> None:
    """Whoever runs it reads that the disk is full, and no stack of calls."""
    desk = Giftdesk(disk(8), sandbox)
    desk.start()
    assert desk.process is not None
    desk.process.wait(60)
    said = desk.log.read_text()

    assert desk.process.returncode == 1
    assert f"The disk of {desk.home} is full" in said
    assert "Traceback" not in said
    desk.process = None


async def test_a_disk_that_fills_up_loses_nothing(disk: Disk, sandbox: Sandbox, tmp_path: Path) -> None:
    """What cannot be stored is refused, so the platform brings it again; with room, everybody is answered, once."""
    desk = Giftdesk(disk(192), sandbox)
    await desk.ensure()
    people = customers(sandbox, 400)
    webhooks = [person.webhook for person in people]
    filler = fill(desk.home)
    stored = []
    for person, webhook in zip(people, webhooks, strict=True):
        stored.append(await answer(desk, person, webhook) == 200)
        if not stored[-1]:
            break
    assert not all(stored), "the disk never got full"
    filler.unlink()
    for webhook in webhooks[: len(stored) + 1]:
        await desk.deliver(webhook)
    await desk.settled()
    told = desk.log.read_text()
    receipts = [len(person.receipts) for person in people[: len(stored) + 1]]
    status = await desk.stop()

    assert "webhook not stored" in told or "is full" in told
    assert receipts == [1] * len(receipts)
    assert status == 0


async def test_a_database_that_can_only_be_read_loses_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    """The same, while somebody has closed it: refused with an error that has its name, answered once it is open."""
    desk = Giftdesk(tmp_path / "home", sandbox)
    await desk.ensure()
    before, during = customers(sandbox, 2)
    webhook = during.webhook
    await desk.deliver(before.webhook)
    await desk.settled()
    await _open(desk, writes=False)
    refused = await answer(desk, during, webhook)
    told = desk.log.read_text()
    await _open(desk, writes=True)
    await desk.deliver(webhook)
    await desk.settled()
    receipts = [len(before.receipts), len(during.receipts)]
    status = await desk.stop()

    assert refused == 503
    assert "webhook not stored" in told and "ReadOnlySqlTransaction" in told
    assert receipts == [1, 1]
    assert status == 0


async def _open(desk: Giftdesk, *, writes: bool) -> None:
    connection = await asyncpg.connect(desk.database, server_settings={"default_transaction_read_only": "off"})
    try:
        await connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {'off' if writes else 'on'}")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()
