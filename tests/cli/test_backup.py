"""A desk saved and brought back: nothing of before is missing, and nothing is said by itself."""

from __future__ import annotations

import asyncio
import errno
import json
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import psycopg
import pytest
from chat import Chat
from engine.desk import Desk, another_database, references, until
from engine.processes import ROOT, command, environment, forked
from engine.shopping import ISSUE, PAID_AND_GOT, asked, ended, ended_for, newcomer, shopper, wish

from bot.storage import backup, bulk, inbox, issues, key, pushes, reminders, schema
from bot.storage.backup import Aside, BackupError, Content
from bot.storage.version import HEAD
from sandbox import Sandbox

FINGERPRINT = key.fingerprint(b"0" * 64)
CODE = "WELCOME2026"


@pytest.fixture
async def elsewhere(database: str) -> str:
    """An empty database."""
    return await another_database(database, "elsewhere")


@pytest.fixture
async def saved(desk: Desk, tmp_path: Path) -> Path:
    """A backup of a desk where somebody has redeemed a code."""
    chat = await newcomer(desk)
    await chat.say(CODE)
    backup.write(desk.database, tmp_path / "desk.zip", FINGERPRINT)
    return tmp_path / "desk.zip"


async def rows(url: str, table: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        return [row[0] for row in await connection.fetch(f"SELECT t::text FROM {table} t ORDER BY 1")]
    finally:
        await connection.close()


async def fetchval(url: str, query: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def contents(folder: Path) -> dict[str, bytes]:
    """Its files, the hidden ones too."""
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


# ── what comes back ──────────────────────────────────────────────────────────────────────────────


async def busy(desk: Desk) -> tuple[Chat, Chat, Chat]:
    """Somebody without an answer yet, somebody whose answer is not delivered, somebody whose voucher has no end.

    And a message on its way, one that waits for its reader, a bulk job, and somebody whose things are looked at.
    """
    unanswered, undelivered, waiting = await newcomer(desk), await newcomer(desk), await shopper(desk)
    desk.sandbox.fault(ISSUE, status=504, times=1)
    desk.post(await wish(waiting))
    await desk.turns.take((await desk.event())["id"])
    await desk.pool.execute("DELETE FROM pgqueuer")
    desk.sandbox.fault("line:POST /v2/bot/message/reply", status=503, times=1)
    desk.post(undelivered.phone.says(CODE))
    await desk.step()
    desk.post(unanswered.phone.says(CODE))
    async with desk.pool.acquire() as connection, connection.transaction():
        for name, waits in (("notice:now", False), ("notice:later", True)):
            text = json.dumps([{"text": f"news {name}"}])
            await pushes.add(connection, key=name, channel="line", recipient=waiting.user, messages=text, waiting=waits)
        job = await bulk.add(
            connection,
            key="k",
            group_id=5,
            group_name="g",
            rewards=[1],
            prefix="P",
            length=8,
            total=1,
            staff_id=None,
            starter="o",
            now=desk.clock(),
        )
        assert job is not None
        await connection.execute("INSERT INTO bulk_codes (job_id, code) VALUES ($1, 'PABCDEFGH')", job.id)
        await connection.execute(
            "INSERT INTO reminder_wishes (customer_id, since, due_at) VALUES (1, now(), now() - interval '1 hour')"
        )
    # Old enough for every sweep.
    for table, column in (("events", "received_at"), ("pushes", "created_at"), ("bulk_jobs", "created_at")):
        await desk.pool.execute(f"UPDATE {table} SET {column} = {column} - interval '1 hour'")
    for chat in (unanswered, undelivered, waiting):
        chat.look()
    return unanswered, undelivered, waiting


async def test_a_desk_comes_back_with_every_row_and_nothing_unfinished(
    desk: Desk, elsewhere: str, tmp_path: Path
) -> None:
    """Each table as it was but for what was put aside; and no sweep finds anything to do."""
    await busy(desk)
    written = backup.write(desk.database, tmp_path / "b", FINGERPRINT)
    restored, aside = backup.restore(elsewhere, tmp_path / "b", FINGERPRINT)

    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600
    assert restored == written
    assert aside == Aside(events=2, pushes=2, issues=1, jobs=1)
    assert schema.drift(elsewhere) == []
    assert {"customers", "claims", "points", "accounts", "issues", "audit", "switches"} < set(written.tables)
    for table in set(written.tables) - {"events", "pushes", "issues", "bulk_jobs", "bulk_codes", "reminder_wishes"}:
        assert await rows(elsewhere, table) == await rows(desk.database, table), table
    pool = await asyncpg.create_pool(elsewhere, min_size=1, max_size=2)
    try:
        again = [await each.requeue_orphans(pool) for each in (inbox, pushes, issues, bulk, reminders)]
        jobs = await pool.fetchval("SELECT count(*) FROM pgqueuer")
    finally:
        await pool.close()
    assert (again, jobs) == ([0, 0, 0, 0, 0], 0)
    code = await fetchval(elsewhere, "SELECT state FROM bulk_codes")
    assert code == "unknown", "it may have been made since, and is looked up before it is made"


async def test_what_was_put_aside_goes_on_once_when_somebody_says_so(
    desk: Desk, elsewhere: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Whoever writes to the desk that came back hears nothing of before; released, each hears theirs, once."""
    chats = await busy(desk)
    unanswered, undelivered, waiting = chats
    backup.write(desk.database, tmp_path / "b", FINGERPRINT)
    backup.restore(elsewhere, tmp_path / "b", FINGERPRINT)

    async with Desk.open(elsewhere, sandbox) as there:
        waiting.bot = there
        await waiting.say("hours")
        assert "news" not in waiting.text
        assert len(asked(sandbox)) == 1
        assert [chat.look() for chat in (unanswered, undelivered)] == [[], []]

        assert backup.release(elsewhere) == Aside(events=2, pushes=2, issues=1)
        assert backup.release(elsewhere) == Aside(events=0, pushes=0, issues=0)
        await there.run()
        for chat in (unanswered, undelivered):
            chat.look()
            assert sum(bool(references(item.message)) for item in chat.shown) == 1
        waiting.look()
        assert [waiting.text.count(f"news {name}") for name in ("notice:now", "notice:later")] == [1, 1]
        assert len({call.json["request_id"] for call in asked(sandbox)}) == 1
        assert await ended_for(there.pool, sandbox, "line", waiting.user) == PAID_AND_GOT


async def test_a_backup_is_of_one_moment(
    desk: Desk, elsewhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is changed when half of the tables are written is in none of them."""
    chat = await newcomer(desk)
    copy_out = backup._copy_out

    def interrupted(connection: psycopg.Connection[Any], archive: zipfile.ZipFile, table: str) -> Content:
        if table == "events":
            with psycopg.connect(desk.database, autocommit=True) as other:
                other.execute("UPDATE customers SET ref = 'C-LATER1'")
                other.execute("UPDATE events SET outcome = 'later'")
        return copy_out(connection, archive, table)

    monkeypatch.setattr(backup, "_copy_out", interrupted)
    backup.write(desk.database, tmp_path / "b", FINGERPRINT)
    backup.restore(elsewhere, tmp_path / "b", FINGERPRINT)

    assert await fetchval(desk.database, "SELECT count(*) FROM events WHERE outcome = 'later'") > 0
    assert await fetchval(elsewhere, "SELECT count(*) FROM events WHERE outcome = 'later'") == 0
    assert await fetchval(elsewhere, f"SELECT count(*) FROM customers WHERE person LIKE '%{chat.user}'") == 1


async def test_a_voucher_that_was_issued_after_the_backup_is_not_issued_again(
    desk: Desk, elsewhere: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Its first call was on its way when the backup was taken. The one that came back asks with the same request id."""
    chat = await shopper(desk)
    sandbox.fault(ISSUE, delay_ms=300, times=1)
    desk.post(await wish(chat))
    turn = asyncio.create_task(desk.turns.take((await desk.event())["id"]))
    await until(lambda: asked(sandbox))
    backup.write(desk.database, tmp_path / "b", FINGERPRINT)
    await turn
    await desk.run()
    assert await ended(desk, chat) == PAID_AND_GOT
    assert backup.restore(elsewhere, tmp_path / "b", FINGERPRINT)[1] == Aside(events=1, pushes=0, issues=1)

    async with Desk.open(elsewhere, sandbox) as there:
        await there.run()
        assert len(asked(sandbox)) == 1
        backup.release(elsewhere)
        await there.run()
        found = await ended_for(there.pool, sandbox, "line", chat.user)
    assert len({call.json["request_id"] for call in asked(sandbox)}) == 1
    assert len(asked(sandbox)) == 2
    assert (found.issued, found.states, found.available) == (1, ("done",), PAID_AND_GOT.available)


async def test_a_number_of_after_the_backup_never_means_another_row(desk: Desk, elsewhere: str, tmp_path: Path) -> None:
    """A link to the file of export 7 must not open another's, which would be the seventh there."""
    fill = "INSERT INTO exports (job_id, maker, page, expires_at) VALUES (1, 'o', '{}', now() + interval '1 day') "
    await desk.pool.execute(fill)
    backup.write(desk.database, tmp_path / "b", FINGERPRINT)
    lost = await desk.pool.fetchval(fill + "RETURNING id")
    backup.restore(elsewhere, tmp_path / "b", FINGERPRINT)

    assert await fetchval(elsewhere, fill + "RETURNING id") > lost + 1000
    assert await fetchval(elsewhere, "SELECT count(*) FROM exports WHERE used_at IS NULL") == 1


async def test_a_backup_of_an_older_schema_is_brought_up_to_date(
    database: str, elsewhere: str, desk: Desk, tmp_path: Path
) -> None:
    """As one that was taken before an upgrade."""
    old = await another_database(database, "older")
    schema.migrate(old, "0001")
    await fetchval(old, "INSERT INTO policies (group_id, max_claims) VALUES (5, 7) RETURNING 1")
    assert backup.write(old, tmp_path / "b", FINGERPRINT).schema == "0001"
    backup.restore(elsewhere, tmp_path / "b", FINGERPRINT)

    assert schema.drift(elsewhere) == []
    assert await fetchval(elsewhere, "SELECT version_num FROM alembic_version") == HEAD
    assert await fetchval(elsewhere, "SELECT max_claims FROM policies") == 7


# ── what is refused, with nothing changed ────────────────────────────────────────────────────────


def cut(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size - 100)


def half(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size // 2)


def rewritten(
    change: Callable[[dict[str, Any]], None], rows: Callable[[bytes], bytes] = bytes
) -> Callable[[Path], None]:
    """The same file with another manifest, or with other rows of customers, as a whole zip."""

    def rewrite(file: Path) -> None:
        with zipfile.ZipFile(file) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        manifest = json.loads(parts[backup.MANIFEST])
        change(manifest)
        parts[backup.MANIFEST] = json.dumps(manifest).encode()
        parts["tables/customers"] = rows(parts["tables/customers"])
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, content)

    return rewrite


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (cut, "cut short"),
        (half, "cut short"),
        (lambda file: file.write_text("hello"), "cut short, or is something else"),
        (lambda file: file.unlink(), "No such file"),
        (rewritten(lambda manifest: None, lambda rows: rows.replace(b"line:", b"lime:")), "damaged"),
        (rewritten(lambda manifest: manifest.update(format=2)), "newer Giftdesk"),
        (rewritten(lambda manifest: manifest.update(schema="9999")), "newer Giftdesk (schema 9999)"),
        (rewritten(lambda manifest: manifest.update(fingerprint="other")), "another key"),
        (rewritten(lambda manifest: manifest.update(taken_at="yesterday")), "damaged"),
    ],
    ids=["cut", "half", "no zip", "gone", "rows", "format", "schema", "key", "nonsense"],
)
async def test_a_file_that_is_not_as_it_should_be_is_refused(
    saved: Path, elsewhere: str, damage: Callable[[Path], object], says: str
) -> None:
    """Before anything is changed, in a sentence that says what to do."""
    damage(saved)
    with pytest.raises(BackupError) as refused:
        backup.restore(elsewhere, saved, FINGERPRINT)

    assert says in str(refused.value)
    assert await fetchval(elsewhere, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


async def test_a_desk_that_somebody_uses_is_not_written_over(saved: Path, desk: Desk, elsewhere: str) -> None:
    """Neither one with rows, nor one that something is connected to; a desk that was only started is welcome."""
    before = await rows(desk.database, "customers")
    with pytest.raises(BackupError, match="in use by"):
        backup.restore(desk.database, saved, FINGERPRINT)
    schema.migrate(elsewhere)
    await key.adopt(elsewhere, b"0" * 64)
    connection = await asyncpg.connect(elsewhere)
    await connection.execute("INSERT INTO mantago_pairs (bot, settings, home) VALUES ('b', 's', 'h')")
    with pytest.raises(BackupError, match="in use by 1"):
        backup.restore(elsewhere, saved, FINGERPRINT)
    await connection.close()

    backup.restore(elsewhere, saved, FINGERPRINT)
    assert await rows(elsewhere, "customers") == before
    with pytest.raises(BackupError, match="rows in claims, customers, events"):
        backup.restore(elsewhere, saved, FINGERPRINT)
    assert await rows(elsewhere, "customers") == before


async def test_a_restore_that_breaks_in_the_middle_leaves_nothing(
    saved: Path, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the tables."""

    def breaks(_raw: object) -> Aside:
        raise RuntimeError("died here")

    monkeypatch.setattr(backup, "_put_aside", breaks)
    with pytest.raises(RuntimeError):
        backup.restore(elsewhere, saved, FINGERPRINT)

    assert await fetchval(elsewhere, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


async def test_a_backup_is_not_written_over_another_file(saved: Path, desk: Desk) -> None:
    """Last night's is worth more than this one of an emptied desk."""
    before = contents(saved.parent)
    with pytest.raises(BackupError, match="never written over"):
        backup.write(desk.database, saved, FINGERPRINT)

    assert contents(saved.parent) == before


async def test_where_nothing_can_be_linked_a_backup_gets_its_name(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a stick with a simple file system; and there, too, nothing is written over."""

    def no_links(self: Path, _to: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted", str(self))

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    there = tmp_path / "stick.zip"
    backup.write(desk.database, there, FINGERPRINT)

    assert there.stat().st_mode & 0o777 == 0o600 and contents(tmp_path).keys() == {"stick.zip"}
    with pytest.raises(BackupError, match="never written over"):
        backup.write(desk.database, there, FINGERPRINT)


# ── as commands ──────────────────────────────────────────────────────────────────────────────────


async def test_a_disk_that_is_full_leaves_no_half_file(saved: Path, desk: Desk, tmp_path: Path) -> None:
    """The system lets this process write 2,000 bytes to a file and no more."""
    env = environment(tmp_path / "home", DATABASE_URL=desk.database, SECRET_KEY="0" * 64)
    env["PYTHONDONTWRITEBYTECODE"] = "1"  # Python would leave cut files behind, too.
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "bot", "backup", str(tmp_path / "full.zip")],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
    )

    assert done.returncode == 1
    assert "full.zip cannot be written: File too large" in done.stderr
    assert list(contents(tmp_path)) == ["desk.zip"]


async def test_the_commands_say_what_an_operator_must_know(
    desk: Desk, elsewhere: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Where the key lies, from when on nothing is known, what waits."""
    chat = await newcomer(desk)
    desk.post(chat.phone.says(CODE))
    home, file = tmp_path / "home", tmp_path / "desk.zip"
    env = environment(home, DATABASE_URL=desk.database, SECRET_KEY="0" * 64, TIMEZONE="Asia/Taipei")
    status, said = await forked("backup", str(file), env=env)
    assert status == 0, said
    assert "It lies in SECRET_KEY" in said
    assert "0" * 64 not in said
    with zipfile.ZipFile(file) as archive:
        assert not [name for name in archive.namelist() if b"0" * 64 in archive.read(name)]
    taken_at = json.loads(zipfile.ZipFile(file).read(backup.MANIFEST))["taken_at"]

    env["DATABASE_URL"] = elsewhere
    status, said = await command("restore", str(file), env=env)
    assert status == 0, said
    there = datetime.fromisoformat(taken_at).astimezone(ZoneInfo("Asia/Taipei"))
    assert f"What happened after {there:%Y-%m-%d %H:%M:%S} CST is not known here" in said
    assert "Put aside, and not answered: 1 event." in said
    assert await forked("restore", "--answer", env=env) == (0, "Let go on: 1 event.\n")
