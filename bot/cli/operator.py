"""`giftdesk admin`, `audit`, `codes`, `poster`, `misses`: staff commands, their trail, what the server alone reads."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import asyncpg
import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from bot.channels.entrances import code_links
from bot.channels.poster_picture import pictures as poster_pictures
from bot.config import Settings
from bot.conversation.context import Answer, Context, Prepared, Work
from bot.conversation.events import Chat, Incoming, Said
from bot.conversation.messages import Button, Card, Carousel, Choice, Link, Listing, Message, Reply, plain
from bot.errors import ConfigurationError
from bot.i18n import closest, load_translators
from bot.services.staffing import OPERATOR, Actor
from bot.services.trail import UNDONE, Broken, Notes, Trail
from bot.services.unclear import KINDS
from bot.staff.desk import TYPED
from bot.staff.lines import is_command
from bot.staff.routes import Confirm
from bot.staff.teaching import Run
from bot.storage import bulk, counts, export_files, posters, unclear
from bot.storage import pool as pools
from bot.storage.bulk import Job
from bot.storage.clocks import DatabaseClock
from bot.storage.customers import Customer
from bot.storage.unclear import Kept
from bot.storage.version import is_current_now
from bot.turn import Turns
from bot.understanding import references
from bot.wiring import build_turns, open_apis, open_channels
from handlers.views.staff_codes import missing_text

CHANNEL = "cli"
WATCHED_EVERY = 0.5  # seconds
OLD_DATABASE = "The database is not at this version's schema; `giftdesk migrate` brings it there."


@dataclass(slots=True)
class Operator:
    """Whoever can read the settings: an owner, in the trail as `operator`."""

    turns: Turns
    language: str
    actor: Actor = field(default=Actor(None, OPERATOR, "owner", CHANNEL))
    done: bool = field(default=True, init=False)  # or asked about; else nothing was done, and the answer says why
    _me: Customer = field(init=False)

    def __post_init__(self) -> None:
        now = self.turns.clock()
        self._me = Customer(None, f"{CHANNEL}::{OPERATOR}", "", CHANNEL, self.language, now, now)

    async def run(self, line: str) -> Reply:
        """The answer to one command, committed."""
        staff = self.turns.dispatcher.staff
        # Nobody scans anything here: what one tap does in a chat is done by the line.
        return await self._turn(line, lambda ctx: staff.answer(ctx, self.actor, line, tapped=True))

    @property
    def asked(self) -> str | None:
        """What is waited for: None for nothing, "" for a yes, else what has to be typed."""
        pending = self._me.state.sure
        return pending["typed"] if pending else None

    async def confirm(self, typed: str) -> Reply:
        """Do what was previewed. typed: what was asked for, "" when it was a yes."""
        pending = self._me.state.sure
        assert pending is not None, "called only while something is asked"
        routes, nonce = self.turns.dispatcher.routes, pending["nonce"]
        take, tap = routes.answers[TYPED], routes.actions[Confirm].handler

        async def answer(ctx: Context) -> Answer:
            if typed and (said := await take(ctx, typed)) is not None and self.asked is None:
                return said  # That was not it.
            return await tap(ctx, Confirm(nonce=nonce))

        said = await self._turn("", answer)
        if (left := self._me.state.sure) is not None and left["nonce"] == nonce:
            self._me.state.sure = None  # It was too late, and is not asked about again.
        return said

    async def _turn(self, line: str, answer: Callable[[Context], Awaitable[Answer]]) -> Reply:
        turns, now = self.turns, self.turns.clock()
        ctx = Context(
            incoming=Incoming(CHANNEL, Chat(CHANNEL, "", "user", OPERATOR), OPERATOR, now, Said(line)),
            # No event of the inbox: a number of its own, so that keys made of it differ.
            event_id=-secrets.randbits(60),
            customer=self._me,
            now=now,
            _=turns.languages[self.language],
            languages=turns.languages,
            lexicon=turns.lexicon,
            recogniser=turns.recogniser,
            brand=next(iter(turns.brands.values())),
            apis=turns.apis,
            services=turns.services,
            work=Work(turns.pool, turns.batches),
            topics=turns.dispatcher.routes.commands,
            actor=self.actor,
        )
        try:
            said = await answer(ctx)
            await ctx.work.end(commit=True)
        except BaseException:
            await ctx.work.end(commit=False)
            raise
        assert not isinstance(said, Prepared), "staff commands make their answers when they are asked"
        self.done = bool(ctx.result) and not ctx.result.startswith(UNDONE)
        return said


def run(settings: Settings, url: str, *lines: str, yes: bool, language: str | None, shown: bool = False) -> None:
    """Run staff commands and print their answers; what they would change is asked about first, unless `yes`.

    All of them are previewed before one is done. Exits 1 when one of them cannot be. shown: print each line, too.
    """

    async def main() -> None:
        pool = await pools.connect(url, size=3)
        if not await is_current_now(pool):
            await pool.close()
            raise ConfigurationError(OLD_DATABASE)
        channels, apis = open_channels(settings), open_apis(settings)
        try:
            clock = DatabaseClock()
            await clock.compare(pool)
            turns = build_turns(settings, pool, channels, apis, clock)
            tag = closest(language, turns.languages) or turns.default_locale
            before = await bulk.under_way(pool)
            previews: list[tuple[Operator, Reply]] = []
            for line in lines:
                operator = Operator(turns, tag)
                if shown:
                    click.echo(line)
                said = await operator.run(line if is_command(line) else f"/{line}")
                _print(operator, said)
                previews.append((operator, said))
            if not all(operator.done for operator, _ in previews):
                raise SystemExit(1)
            for operator, said in previews:
                await _confirm(operator, said, yes=yes)
            job = await bulk.under_way(pool)
            if job is not None and (before is None or before.id != job.id):
                await _watch(pool, job)
        finally:
            await asyncio.gather(*(channel.aclose() for channel in channels.values()), apis.aclose())
            await pool.close()

    asyncio.run(main())


async def _confirm(operator: Operator, preview: Reply, *, yes: bool) -> None:
    """Do what was previewed, once it is agreed to. Exits 1 when it could not be done."""
    said = preview
    while (asked := operator.asked) is not None:
        if asked:
            typed = click.prompt(">", default="", show_default=False) or " "
        elif yes or click.confirm(f"\n{_deed(said)}", default=False):
            typed = ""
        else:
            return
        said = await operator.confirm(typed)
        _print(operator, said)
        if not operator.done:
            raise SystemExit(1)


async def _watch(pool: asyncpg.Pool, job: Job) -> None:
    """A progress bar for what this command has started, until a worker has done it. Exits 1 when codes are left."""
    click.echo(f'\nCtrl-C leaves it running; giftdesk admin "/job {job.ref}" shows it again.')
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[state]}")) as bar:
        task = bar.add_task(job.ref, total=job.total, state=job.state)
        current: Job | None = job
        while current is not None:
            counts = await bulk.counts(pool, job.id)
            waits = "waiting for Poshen" if current.troubles else "waiting for a worker" if not counts.tried else ""
            done = current.total - current.left(counts) if current.deleting else counts.done
            bar.update(task, completed=done, state=waits or current.state)
            if not current.under_way:
                break
            await asyncio.sleep(WATCHED_EVERY)
            current = await bulk.read(pool, job.id)
    if job.left(counts) if job.deleting else counts.done < job.total:
        raise SystemExit(1)


def save_codes(settings: Settings, url: str, ref: str, output: BinaryIO, *, links: bool = False) -> None:
    """Write the codes that a job made as CSV, and say how many are missing; it stands in the trail.

    links: with each code's own link on every channel.

    Raises ConfigurationError for an unknown job.
    """
    job = references.read(f"J-{ref}" if ref.isascii() and ref.isdigit() else ref, "J")
    if job is None:
        raise ConfigurationError(f"{ref!r} is no job; they are called J-12")
    number = job.removeprefix("J-")

    async def main() -> tuple[list[export_files.Made], str]:
        connection = await pools.connect_one(url)
        try:
            async with connection.transaction():
                codes = await bulk.all_made(connection, int(number))
                made = await bulk.read(connection, int(number))
                counts = await bulk.counts(connection, int(number))
                await Trail(settings.secret).write(
                    connection,
                    Actor(None, OPERATOR, "owner", CHANNEL),
                    action="codes",
                    line=f"giftdesk codes J-{number}",
                    notes=Notes(ref=f"J-{number}", after=f"a file of {len(codes)} codes"),
                    now=datetime.now(UTC),
                )
        finally:
            await connection.close()
        english = load_translators(settings.zone)["en"]
        return codes, missing_text(english, made, counts) if made else ""

    codes, missing = asyncio.run(main())
    if not codes:
        raise ConfigurationError(f"There is no job J-{number}, or it has made no code yet")
    output.write(export_files.file(codes, settings.zone, code_links(settings) if links else None))
    if missing:
        Console(stderr=True).print(missing)


def save_poster(settings: Settings, url: str, name: str, folder: Path) -> list[Path]:
    """Draw a poster's QR pictures into a folder, a file for each kind of link; which files they are.

    Raises ConfigurationError for an unknown poster, and where no link can be made.
    """

    async def read() -> posters.Poster | None:
        connection = await pools.connect_one(url)
        try:
            return await posters.by_name(connection, name.lower())
        finally:
            await connection.close()

    poster = asyncio.run(read())
    if poster is None:
        raise ConfigurationError(f'there is no poster {name!r}; `giftdesk admin "/poster list"` lists them')
    drawn = poster_pictures(settings, poster.token, poster.says, poster.code)
    if not drawn:
        raise ConfigurationError("set LINE_BASIC_ID, MESSENGER_PAGE or INSTAGRAM_USERNAME: links lead there")
    files = []
    for kind, (_link, png) in drawn.items():
        path = folder / f"{poster.name}-{kind}.png"
        path.write_bytes(png)
        files.append(path)
    return files


def show_misses(settings: Settings, url: str, days: int, *, as_csv: bool) -> None:
    """Print what was not understood: how much of which kind by day, and the texts that were kept, if any.

    That texts were read stands in the trail.
    """
    now = datetime.now(UTC)
    first_day = counts.first_day(now, days, settings.zone).date()

    async def main() -> tuple[dict[date, dict[str, int]], list[Kept]]:
        pool = await pools.connect(url, size=1)
        try:
            if not await is_current_now(pool):
                raise ConfigurationError(OLD_DATABASE)
            async with pool.acquire() as connection, connection.transaction():
                texts = await unclear.texts(connection, now.date() - timedelta(days=days - 1))
                if texts:
                    await Trail(settings.secret).write(
                        connection,
                        Actor(None, OPERATOR, "owner", CHANNEL),
                        action="misses",
                        line=f"giftdesk misses --days {days}",
                        notes=Notes(after=f"{len(texts)} kept texts"),
                        now=now,
                    )
                return await counts.texts_by_day(connection, first_day), texts
        finally:
            await pool.close()

    by_day, texts = asyncio.run(main())
    keeps = settings.keep_misses == "on"
    if not keeps:
        left = " What follows was kept while it was on, and goes within 14 days." if texts else ""
        click.echo(f"KEEP_MISSES is off: messages are counted and no text of them is kept.{left}", err=as_csv)
    if as_csv:
        rows = ((each.text, each.times, " ".join(each.kinds), each.day) for each in texts)
        click.echo(export_files.table(("text", "times", "kinds", "last day"), rows), nl=False)
        return
    numbers = Table("day", "messages", "not understood", "%", *KINDS)
    for day, kinds in by_day.items():
        heard, missed = kinds.get(counts.HEARD, 0), sum(kinds.get(kind, 0) for kind in KINDS)
        share = f"{100 * missed / heard:.1f}" if heard else "-"
        numbers.add_row(str(day), *map(str, (heard, missed, share)), *(str(kinds.get(kind, 0)) for kind in KINDS))
    Console().print(numbers if by_day else "No messages were counted in this time.")
    found = Table("last day", "times", "text", "kind")
    for each in texts:  # As Text, since brackets of what customers wrote are no markup of ours.
        found.add_row(str(each.day), str(each.times), Text(each.text), " ".join(each.kinds))
    if texts:
        Console().print(found)
    elif keeps:
        Console().print("No text was kept in this time.")


def verify(settings: Settings, url: str) -> bool:
    """Check the whole trail and say where it breaks; whether it holds."""

    async def main() -> bool:
        connection = await pools.connect_one(url)
        try:
            if not await is_current_now(connection):
                raise ConfigurationError(OLD_DATABASE)
            found = await Trail(settings.secret).verify(connection)
        finally:
            await connection.close()
        if isinstance(found, Broken):
            click.echo(f"The trail breaks at row {found.n}: {found.why}.")
            return False
        click.echo(f"The trail holds: {found.rows} rows, the last hash is {found.last}.")
        return True

    return asyncio.run(main())


def _print(operator: Operator, reply: Reply) -> None:
    """Print an answer; one that says why nothing was done, as a complaint."""
    for message in reply.messages:
        click.echo(plain(message), err=not operator.done)
    on_cards = (button for message in reply.messages for button in _buttons(message))
    lines = dict.fromkeys(line for each in (*on_cards, *reply.choices) if (line := _typed(each)))
    if lines:
        click.echo("\n".join(["", *lines]), err=not operator.done)


def _deed(preview: Reply) -> str:
    """The label of the button that does what is shown."""
    confirms = (each for each in preview.choices if isinstance(each, Button) and isinstance(each.action, Confirm))
    return next(confirms).label


def _typed(choice: Choice) -> str:
    """What to type, or open, in place of a button; empty for those that only a chat has."""
    match choice:
        case Button(label=label, action=Run(line=line)):
            return f"  {line}  ({label})" if label != line else f"  {line}"
        case Link(label=label, url=url):
            return f"  {url}  ({label})"
        case _:
            return ""


def _buttons(message: Message) -> tuple[Button | Link, ...]:
    match message:
        case Card() | Listing():
            return message.buttons
        case Carousel():
            return tuple(button for card in message.cards for button in card.buttons)
        case _:
            return ()
