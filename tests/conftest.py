"""A real database, the sandbox's vendors and platforms, and a bot between them, for every test."""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import FrameType, SimpleNamespace

import asyncpg
import psycopg
import pytest
from chat import Bot, Chat
from engine.desk import MIGRATED, Desk, migrated_database
from hypothesis import HealthCheck, settings

from bot.i18n import Translator
from bot.storage import pool as pools
from bot.storage import schema
from bot.storage.embedded import EmbeddedPostgres
from bot.understanding.recogniser import Recogniser
from bot.understanding.words import Lexicon
from sandbox import Sandbox

ALL_WELL = pytest.StashKey[bool]()
# A developer's own .env must not reach into tests.
os.environ["GIFTDESK_ENV_FILE"] = os.devnull
os.environ.pop("DATABASE_URL", None)
# How long one example takes, or ten take to be made, says how busy the machine is.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
# The loop that a worker has. It takes an eighth less processor time than asyncio's own.
with suppress(ImportError), warnings.catch_warnings():  # Not on Windows.
    warnings.simplefilter("ignore", DeprecationWarning)  # From Python 3.14 on policies are on their way out.
    import uvloop

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


def interrupt(number: int, frame: FrameType | None) -> None:
    """Ctrl-C, as Python itself has it."""
    signal.default_int_handler(number, frame)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """A folder of this run's own, which goes with it when all is well.

    All runs of a user have one in common otherwise, and pytest shuts it to everybody else whenever one of them
    starts. The database of root's tests belongs to somebody else: it would end, in the middle of the other run.
    """
    if config.option.basetemp is None and not hasattr(config, "workerinput"):
        own = Path(tempfile.mkdtemp(prefix="giftdesk-tests-"))
        own.chmod(0o755)
        config.option.basetemp = str(own / "run")
        atexit.register(leave, own, config.stash)  # Not earlier: a database writes its lock once more at its end.


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Note whether there is anything to look into."""
    session.config.stash[ALL_WELL] = exitstatus == pytest.ExitCode.OK


def leave(folder: Path, stash: pytest.Stash) -> None:
    """Remove the folder of a run in which nothing failed."""
    if stash.get(ALL_WELL, False):
        shutil.rmtree(folder, ignore_errors=True)


def pytest_sessionstart() -> None:
    """Before any test is loaded."""
    keep_interrupt()


def keep_interrupt() -> None:
    """Let asyncio not put its own handler into the place of Python's.

    It would for each fixture and test, and to compare the handlers Python makes a text of them, with all that the task
    holds: the bot, its settings, its clients. That was a tenth of the processor time of a conversation.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)


@pytest.fixture(scope="session", autouse=True)
def read_once() -> Iterator[None]:
    """Words and weights are read once: they never change, and every test's bot has the same."""
    lexicons: dict[tuple[object, ...], Lexicon] = {}

    def lexicon(words: Mapping[str, str], languages: Iterable[Translator]) -> Lexicon:
        known = tuple(languages)
        key = (*words.items(), *known)
        if key not in lexicons:
            lexicons[key] = Lexicon(words, known)
        return lexicons[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bot.wiring.Lexicon", lexicon)
        patch.setattr("bot.wiring.Recogniser", SimpleNamespace(load=cache(Recogniser.load)))
        yield


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated PostgreSQL of this run's own."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("giftdesk") / "postgres")
    hurry(server.url)
    schema.migrate(server.url)
    with psycopg.connect(server.url.replace("/postgres?", "/template1?", 1), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {MIGRATED} TEMPLATE postgres")
    yield server.url
    server.stop()


def hurry(url: str) -> None:
    """Have a database not wait for the disk. No test turns the power off, and what is killed has written it all."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")


@pytest.fixture(scope="session")
async def served_sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox.running() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(served_sandbox: Sandbox) -> Sandbox:
    """The vendors and platforms as they are at their start."""
    served_sandbox.reset()
    return served_sandbox


@pytest.fixture(scope="session")
async def served_bot(database: str, served_sandbox: Sandbox) -> AsyncIterator[Bot]:
    async with Bot.running(database, served_sandbox) as bot:
        yield bot


@pytest.fixture
async def bot(served_bot: Bot, sandbox: Sandbox) -> AsyncIterator[Bot]:
    """The bot with empty tables and a clock at now."""
    await served_bot.reset()
    yield served_bot
    await served_bot.quiet()  # What is still on its way must not reach the next test's people.


@pytest.fixture(scope="session")
async def open_desk(database: str, served_sandbox: Sandbox) -> AsyncIterator[Desk]:
    """On a database of its own, so that no other test's worker takes its events."""
    url = await migrated_database(database, "desk")
    async with Desk.open(url, served_sandbox) as desk:
        yield desk


@pytest.fixture
async def desk(open_desk: Desk, sandbox: Sandbox) -> Desk:
    """A bot without a worker, with empty tables and a clock at now."""
    await open_desk.reset()
    return open_desk


@pytest.fixture
async def tables(database: str) -> AsyncIterator[asyncpg.Pool]:
    """The database itself, for looking and for setting things up."""
    pool = await pools.connect(database, size=3)
    yield pool
    await pool.close()


@pytest.fixture(params=["line", "messenger"])
def channel(request: pytest.FixtureRequest) -> str:
    """Every test that asks for it runs on both channels."""
    return str(request.param)


@pytest.fixture(params=["zh-TW", "en"])
def language(request: pytest.FixtureRequest) -> str:
    """Every test that asks for it runs in both languages."""
    return str(request.param)


@pytest.fixture
def chat(bot: Bot, channel: str, language: str) -> Chat:
    """A new customer's chat, on every channel and in every language."""
    return bot.chat(channel, language=language)
