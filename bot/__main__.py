"""`giftdesk`, the same as `python -m bot`."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, BinaryIO

import click

from bot import __version__
from bot.cli.serve import database, follow_parent, prepare_metrics, serve_web
from bot.config import Settings, load_settings
from bot.errors import GiftdeskError
from bot.telemetry.log import configure


def _with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Load settings, set up logs and metrics, and turn our errors into one clear message."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            settings = load_settings()
            configure(settings.log_level, settings.log_format)
            prepare_metrics(settings)
            follow_parent()
            command(settings, *args, **kwargs)
        except GiftdeskError as error:
            raise click.ClickException(str(error)) from error
        except Exception as error:
            if told := _told(error):
                raise click.ClickException(told) from error
            raise

    return run


def _told(error: Exception) -> str | None:
    """What a machine that does not do its part means to whoever runs a command; None for a mistake of ours."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES}:
        return (
            f"{error.strerror}: {error.filename or 'GIFTDESK_HOME'}. GIFTDESK_HOME must be a folder of ours, with room."
        )
    from bot.storage.refusals import explained  # noqa: PLC0415 - most commands end well

    return explained(error)


class _Whole:
    """In the list of commands each has the whole first sentence of its help; click would cut it at the line's end."""

    def get_short_help_str(self, limit: int = 45) -> str:
        """The first sentence, over as many lines as it needs; `limit` is click's, and not kept to."""
        told: str = super().get_short_help_str(limit=10_000)  # type: ignore[misc]  # click's, beside us in each class below
        return told


class _Command(_Whole, click.Command):
    pass


class _Group(_Whole, click.Group):
    command_class = _Command
    group_class = type


@click.group(cls=_Group)
@click.version_option(__version__, prog_name="giftdesk")
def main() -> None:
    """A rewards desk inside LINE and Messenger."""


@main.command()
@_with_settings
def serve(settings: Settings) -> None:
    """Everything on this machine: database (unless DATABASE_URL is set), web and worker."""
    from bot.cli.serve import serve as run  # noqa: PLC0415 - each command loads only what it needs

    run(settings)


@main.command()
@_with_settings
def web(settings: Settings) -> None:
    """The web process: receives webhooks. Any number of machines may run it."""
    _needs_database(settings)
    serve_web(settings)


@main.command()
@_with_settings
def worker(settings: Settings) -> None:
    """A worker process: answers what was received. Any number of machines may run it."""
    _needs_database(settings)
    from bot.worker import run  # noqa: PLC0415

    run(settings)


@main.command()
@click.option(
    "--new-key", is_flag=True, help="Accept another SECRET_KEY than before; what it costs is told without it."
)
@_with_settings
def migrate(settings: Settings, *, new_key: bool) -> None:
    """Bring the database to this version's schema. Safe to run again."""
    from bot.storage import key, version  # noqa: PLC0415

    with database(settings) as url:
        version.migrate(url)
        asyncio.run(key.adopt(url, settings.secret, new=new_key))
    click.echo("The database is at the current schema.")


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_with_settings
def backup(settings: Settings, file: Path) -> None:
    """Write the whole database to FILE while everything runs; the key is not in it.

    FILE holds what the database holds, of people too, and only its owner may read it. It is of one moment, and works
    for any PostgreSQL that Giftdesk runs on. Without the key it is worthless: keep that elsewhere.
    """
    from bot.cli.backup import save  # noqa: PLC0415

    with database(settings) as url:
        save(settings, url, file)


@main.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--answer",
    is_flag=True,
    help="Let go on what was put aside; whatever came of it after the backup may be said a second time.",
)
@_with_settings
def restore(settings: Settings, file: Path | None, *, answer: bool) -> None:
    """Put a backup into an empty database; nothing is answered by itself.

    What was not finished at the backup's moment is put aside until `giftdesk restore --answer`, with FILE or later
    without it. Refused are another key, the file of a newer version, one that was cut short, and a database in use.
    """
    from bot.cli.backup import bring_back, release  # noqa: PLC0415

    if file is None and not answer:
        raise click.UsageError("Name the FILE of a backup, or say --answer to release what a restore has put aside.")
    with database(settings) as url:
        if file is not None:
            bring_back(settings, url, file, answer=answer)
        if answer:
            release(settings, url)


@main.command()
@_with_settings
def doctor(settings: Settings) -> None:
    """Check every setting, the database and each credential, and say what to do about what is wrong."""
    from bot.cli.doctor import examine  # noqa: PLC0415

    with database(settings) as url:
        if not examine(settings, url):
            sys.exit(1)


@main.command()
@click.argument("group", required=False, type=int)
@click.argument("changes", nargs=-1)
@_with_settings
def policy(settings: Settings, group: int | None, changes: tuple[str, ...]) -> None:
    """Show or set what the brand decided about a Poshen group, with the staff commands of /group.

    GROUP is its number; CHANGES are per=1 (claims of one code per customer), max=500 (claims of one code
    in all), from=2026-12-01, until=2026-12-31 (included), pause, resume. `max=none` and the like remove one.
    What is typed here is done at once, as `giftdesk admin --yes` does it, and stands in the trail.
    """
    from bot.cli.policy import change  # noqa: PLC0415

    with database(settings) as url:
        change(settings, url, group, changes)


@main.command()
@click.argument("rules", nargs=-1)
@_with_settings
def rewards(settings: Settings, rules: tuple[str, ...]) -> None:
    """Show or set what a reward of Poshen brings beside its card, with the staff commands /rewards and /reward.

    RULES are REWARD=points:150, REWARD=voucher:GIFT:PRICE (a voucher of Got It, issued at once) or
    REWARD=nothing. What was redeemed before stays as it was. What is typed here is done at once, as
    `giftdesk admin --yes` does it, and stands in the trail.
    """
    from bot.cli.rewards import change  # noqa: PLC0415

    with database(settings) as url:
        change(settings, url, rules)


@main.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be changed.")
@click.option("--remove", is_flag=True, help="Take away what this command installed.")
@_with_settings
def menus(settings: Settings, *, dry_run: bool, remove: bool) -> None:
    """Install LINE's rich menus and Messenger's Get Started, greeting and persistent menu.

    Run it again after a change of brand, colour, vendors or texts: what is as it should be stays as it is,
    and what others made is left alone.
    """
    from bot.cli.menus import run  # noqa: PLC0415

    if not run(settings, dry_run=dry_run, remove=remove):
        sys.exit(1)


@main.command()
@click.option("--retry", is_flag=True, help="Answer them again, once the reason is mended.")
@_with_settings
def held(settings: Settings, *, retry: bool) -> None:
    """Show events that kept failing and are held; nothing of what was written is printed."""
    from bot.cli.doctor import show_held  # noqa: PLC0415

    with database(settings) as url:
        show_held(url, retry=retry)


@main.command()
@_with_settings
def remind(settings: Settings) -> None:
    """Look now for what ends soon, of everybody who wants to be reminded; the workers do so once a day.

    Nobody is reminded of a thing twice, nor in QUIET_HOURS.
    """
    from bot.cli.remind import look_now  # noqa: PLC0415

    with database(settings) as url:
        look_now(settings, url)


@main.command()
@click.option("--days", type=click.IntRange(min=1), default=14, show_default=True, help="How many, today included.")
@click.option("--csv", "as_csv", is_flag=True, help="The kept texts alone, as CSV on standard output.")
@_with_settings
def misses(settings: Settings, *, days: int, as_csv: bool) -> None:
    """Show how many messages were not understood, and the short texts of them that KEEP_MISSES=on keeps."""
    from bot.cli.operator import show_misses  # noqa: PLC0415

    with database(settings) as url:
        show_misses(settings, url, days, as_csv=as_csv)


@main.command()
@click.argument("commands", nargs=-1, required=True, metavar="COMMAND...")
@click.option("--yes", is_flag=True, help="Do it without asking; what has to be typed is still asked for.")
@click.option("--lang", default=None, help="The answer's language, such as zh-TW or en.")
@_with_settings
def admin(settings: Settings, commands: tuple[str, ...], *, yes: bool, lang: str | None) -> None:
    """Run a staff command as the operator, with an owner's rights.

    COMMAND is one such as "/help" or "/code show WELCOME2026", in quotes. Of several, all are previewed before one is
    done.
    """
    from bot.cli.operator import run  # noqa: PLC0415

    if len(commands) > 1 and not all(command.startswith("/") for command in commands):
        raise click.UsageError(f'Put a command in quotes, as in giftdesk admin "{" ".join(commands)}"')
    with database(settings) as url:
        run(settings, url, *commands, yes=yes, language=lang)


@main.command()
@click.argument("job")
@click.option("--output", type=click.File("wb"), default="-", help="The file to write; without it, standard output.")
@click.option("--links", is_flag=True, help="With a link for each code on every channel, to make a QR code of.")
@_with_settings
def codes(settings: Settings, job: str, output: BinaryIO, links: bool) -> None:
    """Write the codes that a bulk JOB (J-12) made as CSV, where PUBLIC_URL is not set or nobody has a chat at hand."""
    from bot.cli.operator import save_codes  # noqa: PLC0415

    with database(settings) as url:
        save_codes(settings, url, job, output, links=links)


@main.command()
@click.argument("name")
@click.option("--to", type=click.Path(file_okay=False, exists=True), default=".", help="The folder to write into.")
@_with_settings
def poster(settings: Settings, name: str, to: str) -> None:
    """Draw the QR pictures of a poster into a folder, where PUBLIC_URL is not set or nobody has a chat at hand."""
    from bot.cli.operator import save_poster  # noqa: PLC0415

    with database(settings) as url:
        for path in save_poster(settings, url, name, Path(to)):
            click.echo(path)


@main.group()
def audit() -> None:
    """The trail of what staff did."""


@audit.command()
@_with_settings
def verify(settings: Settings) -> None:
    """Check that nobody has changed it; exits 1 and says where when somebody has."""
    from bot.cli.operator import verify as check  # noqa: PLC0415

    with database(settings) as url:
        if not check(settings, url):
            sys.exit(1)


@main.command()
@click.option("--port", type=int, default=None, help="Of the bot; the default is PORT, or the next free one.")
@click.option(
    "--shared",
    is_flag=True,
    help="Share LINE's channel with another tool, which answers what the bot does not, and Messenger's with its inbox.",
)
def demo(port: int | None, *, shared: bool) -> None:
    """The bot with stand-ins of all vendors and of LINE, Messenger and Instagram: nothing to sign up for."""
    from bot.cli.demo import run  # noqa: PLC0415

    try:
        run(port, shared=shared)
    except GiftdeskError as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.option(
    "--as", "channel", type=click.Choice(["line", "messenger", "instagram"]), default="line", help="Which app."
)
@click.option("--user", default=None, help="Who; `/people` in the chat lists them.")
@click.option("--lang", type=click.Choice(["zh-TW", "en"]), default=None, help="The person's language.")
def chat(channel: str, user: str | None, lang: str | None) -> None:
    """Talk to the demo's bot in this terminal, as a user of LINE, Messenger or Instagram. Reads a pipe too."""
    from bot.cli.demo import running_or_started  # noqa: PLC0415

    try:
        with running_or_started() as demo:
            # The terminal client belongs to the sandbox, which the bot does not import.
            command = [sys.executable, "-m", "sandbox.terminal", "--as", channel]
            command += ["--sandbox", demo.sandbox, "--bot", demo.bot]
            command += ["--user", user] if user else []
            command += ["--lang", lang] if lang else []
            done = subprocess.run(command, check=False, env=dict(os.environ))  # noqa: S603
    except GiftdeskError as error:
        raise click.ClickException(str(error)) from error
    sys.exit(done.returncode)


def _needs_database(settings: Settings) -> None:
    if not settings.database_url:
        raise click.ClickException(
            "DATABASE_URL is not set. `giftdesk serve` brings its own database and runs web and worker on one "
            "machine; `giftdesk web` and `giftdesk worker` share a PostgreSQL server named by DATABASE_URL."
        )


if __name__ == "__main__":
    main()
