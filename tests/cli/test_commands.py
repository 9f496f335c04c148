"""The commands as somebody types them: what they print, and the status they end with."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from chat import Bot
from engine.desk import another_database, until
from engine.processes import ROOT, command, environment, forked, free_port

from bot.cli import policy, rewards
from bot.cli.doctor import examine
from bot.cli.operator import Operator
from bot.config import Settings, load_settings
from bot.conversation.messages import plain
from bot.errors import ConfigurationError
from bot.services.rewarding import NotARule, read_rule
from bot.storage import rewards as stored_rewards
from bot.storage.rewards import Grant
from sandbox import Sandbox

KEY = "k" * 64


@pytest.fixture
def env(tmp_path: Path, sandbox: Sandbox, database: str) -> dict[str, str]:
    """A machine with everything set right."""
    return environment(tmp_path, sandbox, DATABASE_URL=database, SECRET_KEY=KEY)


def without(env: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in env.items() if name not in names}


# ── settings ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("gone", "kept"),
    [
        ("LINE_CHANNEL_ACCESS_TOKEN", "LINE_CHANNEL_SECRET"),
        ("LINE_CHANNEL_SECRET", "LINE_CHANNEL_ACCESS_TOKEN"),
        ("MESSENGER_VERIFY_TOKEN", "MESSENGER_APP_SECRET"),
        ("MANTAGO_BOT_ID", "MANTAGO_TOKEN"),
        ("GOTIT_API_URL", "GOTIT_CLIENT_SECRET"),
        ("ALTEGIO_COMPANY_ID", "ALTEGIO_USER_TOKEN"),
    ],
)
async def test_a_half_set_channel_stops_the_start(env: dict[str, str], gone: str, kept: str) -> None:
    """What is missing is named; what is there is neither complained about nor printed."""
    status, said = await forked("serve", env=without(env, gone))

    assert status == 1
    assert gone in said
    assert kept not in said
    assert env[kept] not in said
    assert "Traceback" not in said


async def test_all_wrong_settings_are_listed_at_once(env: dict[str, str]) -> None:
    """One start is enough to learn of every mistake."""
    wrong = {
        "PORT": "eighty",
        "TIMEZONE": "Asia/Taipeh",
        "BRAND_COLOR": "green",
        "ADMINS": "somebody",
        "QUIET_HOURS": "at night",
        "LINE_API_URL": "http://example.com",
        "DATABASE_URL": "mysql://here",
        "CODE_PATTERN": "(",
        "GOTIT_POINT_PER_VND": "-1",
        "GOTIT_POINT_OVERRIDES": "1899:90",
        "GOTIT_REQUEST_PREFIX": "gift desk",
        "GOTIT_IMAGE_HOSTS": "https://gotit.vn",
        "ALTEGIO_COMPANY_ID": "680001;680002",
        "ALTEGIO_CURRENCY": "NTD",
        "PHONE_REGION": "UK",
        "SHOP_MAP_URL": "http://maps.example.com",
    }
    status, said = await forked("web", env={**env, **wrong})

    assert status == 1
    assert [name for name in wrong if name not in said] == []
    assert "Traceback" not in said


async def test_a_wrong_setting_does_not_hide_a_half_set_channel(env: dict[str, str]) -> None:
    """Both kinds of mistakes are told in one go."""
    status, said = await forked("web", env={**without(env, "LINE_CHANNEL_SECRET"), "PORT": "eighty"})

    assert status == 1
    assert "PORT" in said
    assert "LINE_CHANNEL_SECRET" in said


async def test_a_shared_database_needs_a_shared_key(env: dict[str, str]) -> None:
    """Each machine making a key of its own would break every button of the others."""
    status, said = await forked("worker", env=without(env, "SECRET_KEY"))

    assert status == 1
    assert "SECRET_KEY" in said


async def test_a_short_key_is_refused(env: dict[str, str]) -> None:
    """And it is not printed."""
    status, said = await forked("worker", env={**env, "SECRET_KEY": "hunter2"})

    assert status == 1
    assert "SECRET_KEY" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("role", ["web", "worker"])
async def test_a_role_without_a_database_says_where_to_get_one(env: dict[str, str], role: str) -> None:
    """Two of them would each start a database of their own."""
    status, said = await forked(role, env=without(env, "DATABASE_URL"))

    assert status == 1
    assert "DATABASE_URL" in said
    assert "giftdesk serve" in said


async def test_a_language_without_a_catalogue_is_refused(env: dict[str, str]) -> None:
    """With the ones there are."""
    status, said = await forked("doctor", env={**env, "DEFAULT_LOCALE": "tlh"})

    assert status == 1
    assert "tlh" in said
    assert "zh_Hant_TW" in said


# ── doctor ───────────────────────────────────────────────────────────────────────────────────


async def test_the_doctor_is_content_when_all_is_right(env: dict[str, str]) -> None:
    """Status 0, and each credential was used once."""
    status, said = await command("doctor", env=env)

    assert status == 0, said
    assert "problem" not in said and "GOTIT_POINT_PER_VND" not in said
    for part in ("LINE", "Messenger", "MantaGo", "Poshen", "Got It", "Altegio", "database"):
        assert part in said


@pytest.mark.parametrize(
    ("upstream", "name"),
    [
        ("line", "LINE_CHANNEL_ACCESS_TOKEN"),
        ("messenger", "MESSENGER_PAGE_ACCESS_TOKEN"),
        ("poshen", "POSHEN_TOKEN"),
        ("mantago", "MANTAGO_TOKEN"),
        ("gotit", "GOTIT_CLIENT_SECRET"),
        ("altegio", "ALTEGIO_USER_TOKEN"),
    ],
)
async def test_the_doctor_names_a_refused_credential(
    env: dict[str, str],
    sandbox: Sandbox,
    upstream: str,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All is not well, the setting to change, and no secret on the screen."""
    sandbox.fault(upstream, status=401)
    monkeypatch.setenv("COLUMNS", env["COLUMNS"])  # A secret that is broken over two lines would not be found.
    known = {key.lower(): value for key, value in env.items() if key.lower() in Settings.model_fields}
    settings = load_settings(**known)
    healthy = await asyncio.to_thread(examine, settings, settings.database_url)
    said = capsys.readouterr().out

    assert not healthy
    assert name in said
    secrets = [value for key, value in env.items() if ("TOKEN" in key or "SECRET" in key) and len(value) > 12]
    assert [value for value in secrets if value in said] == []


async def test_the_doctor_looks_where_links_lead(env: dict[str, str], sandbox: Sandbox) -> None:
    """Whether they name our accounts, and whether a new customer reaches us by one."""
    _, said = await forked("doctor", env=env)
    assert said.count("posters have no links") == 3 and "LINE_BASIC_ID" in said

    wrong = {"LINE_BASIC_ID": "@other", "MESSENGER_PAGE": "other", "INSTAGRAM_USERNAME": "other"}
    _, said = await forked("doctor", env={**env, **wrong})
    assert [name for name in wrong if f"{name} is " not in said] == [] and "posters have no links" not in said
    assert "no Get Started button" in said

    right = {
        "LINE_BASIC_ID": "@persimmondays",
        "MESSENGER_PAGE": "PersimmonDays",
        "INSTAGRAM_USERNAME": "persimmondays",
    }
    await forked("menus", env=without({**env, **right}, "LINE_CHANNEL_SECRET", "LINE_CHANNEL_ACCESS_TOKEN"))
    _, said = await forked("doctor", env={**env, **right})
    for words in (*(f"{name} is " for name in right), "posters have no links", "Get Started"):
        assert words not in said


async def test_the_doctor_notes_that_nobody_can_answer_on_line(env: dict[str, str], sandbox: Sandbox) -> None:
    """While LINE's chat is switched off; that is no problem of ours, and not said when it is on."""
    for mode, noted in (("bot", True), ("chat", False)):
        sandbox.line.chat_mode = mode
        status, said = await forked("doctor", env=env)

        assert status == 0, said
        assert ("chat is switched off" in said) is noted


async def test_the_doctor_finds_a_wrong_token_by_itself(env: dict[str, str]) -> None:
    """Really wrong, and not only a scripted fault."""
    status, said = await forked("doctor", env={**env, "LINE_CHANNEL_ACCESS_TOKEN": "mistyped-mistyped-mistyped"})

    assert status == 1
    assert "LINE_CHANNEL_ACCESS_TOKEN" in said
    assert "mistyped" not in said


async def test_the_doctor_notes_that_vouchers_have_no_price(env: dict[str, str]) -> None:
    """All credentials are right, and yet customers see an empty catalogue: Got It tells dong, not points."""
    status, said = await forked("doctor", env={**env, "GOTIT_POINT_PER_VND": ""})
    assert status == 0 and "GOTIT_POINT_PER_VND" in said

    _, said = await forked("doctor", env={**env, "GOTIT_POINT_PER_VND": "", "GOTIT_POINT_OVERRIDES": "1899=90"})
    assert "GOTIT_POINT_PER_VND" not in said


async def test_the_doctor_says_how_it_reads_the_hours(env: dict[str, str]) -> None:
    """What it cannot read is only shown to customers: no problem, but worth knowing, with an example to copy."""
    status, said = await forked(
        "doctor", env={**env, "OPENING_HOURS": "daily 18:00-02:00", "SUPPORT_HOURS": "週一至週五 10-18"}
    )

    assert status == 0, said
    assert "OPENING_HOURS" in said and "每天 18:00–02:00" in said
    assert "SUPPORT_HOURS" in said and "cannot be read" in said and "Mon-Fri 10:00-12:00 13:00-18:00" in said


@pytest.mark.parametrize(("phone", "noted"), [("02-2345-6789 分機 12", False), ("line: @capoo", True)])
async def test_the_doctor_says_when_nobody_can_call_the_shop(env: dict[str, str], phone: str, noted: bool) -> None:
    """Customers then read it without a button."""
    status, said = await forked("doctor", env={**env, "SHOP_PHONE": phone})

    assert status == 0, said
    assert ("SHOP_PHONE" in said) is noted


async def test_the_doctor_tells_when_there_is_no_database(env: dict[str, str]) -> None:
    """With what to look at."""
    status, said = await forked("doctor", env={**env, "DATABASE_URL": f"postgresql://x@127.0.0.1:{free_port()}/x"})

    assert status == 1
    assert "DATABASE_URL" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "rule", ["²=nothing", "①=nothing", "=nothing", "0=nothing", "9999999999=nothing", "-1=nothing"]
)
def test_a_reward_without_a_number_is_named(rule: str) -> None:
    """Also where a digit is one to `isdigit` and none to `int`."""
    with pytest.raises(ConfigurationError, match="begin with the reward's number at Poshen"):
        rewards.lines_of([rule])


@pytest.mark.parametrize("rule", ["1", "1=", "1= "])
def test_a_reward_without_a_rule_is_named(rule: str) -> None:
    """It would only be shown, and whoever typed it expects a change."""
    with pytest.raises(ConfigurationError, match="say what it brings"):
        rewards.lines_of(["2=nothing", rule])


async def test_rewards_are_set_by_their_old_spelling(env: dict[str, str], bot: Bot) -> None:
    """Each by its command; nothing takes a rule away. Without a rule, all are shown."""
    await stored_rewards.put(bot.pool, 3, Grant(points=20))
    status, said = await command("rewards", "1=points:150", "6=voucher:812:2260", "3=nothing", env=env)
    assert status == 0, said
    assert "Traceback" not in said

    rules = await stored_rewards.listed(bot.pool)
    assert rules.keys() == {1, 6}
    assert rules[1] == Grant(points=150)
    assert (rules[6].gift_id, rules[6].price_id) == (812, 2260)
    status, said = await forked("rewards", env=env)
    assert status == 0, said
    assert "150 points" in said and "voucher 812:2260" in said


async def test_rewards_are_set_all_or_none(env: dict[str, str], bot: Bot) -> None:
    """A voucher that is not in the catalogue is noticed before the first rule is set; what is no rule is taught."""
    status, said = await forked("rewards", "1=points:150", "6=voucher:812:1", "2=points:²", env=env)

    assert status == 1
    assert "no such voucher: voucher:812:1" in said
    assert "“points:²” is no rule. Write points:150" in said
    assert await stored_rewards.listed(bot.pool) == {}


async def test_rewards_wait_for_a_poshen_that_cannot_be_asked(env: dict[str, str], bot: Bot) -> None:
    """It says so, and nothing is changed; a group is paused all the same."""
    bot.sandbox.fault("poshen", status=503)
    status, said = await forked("rewards", "1=points:150", env=env)
    assert status == 1
    assert "Poshen cannot be reached right now. Nothing was changed." in said
    assert await stored_rewards.listed(bot.pool) == {}

    status, said = await forked("policy", "5", "pause", env=env)
    assert status == 0, said
    assert "Nobody could check now whether Poshen has this group." in said
    assert await bot.pool.fetchval("SELECT paused FROM policies WHERE group_id = 5")


@pytest.mark.parametrize("rule", ["points:²", "points:٣", "voucher:812:²", "voucher:①:2260"])
def test_a_rule_is_written_in_plain_digits(rule: str) -> None:
    """What is no rule is said to be none."""
    with pytest.raises(NotARule):
        read_rule(rule)


# ── policy ───────────────────────────────────────────────────────────────────────────────────


async def test_a_policy_is_set_kept_and_taken_back(env: dict[str, str]) -> None:
    """What was given is shown; a later change keeps the rest; `none` removes one."""
    status, said = await command("policy", "901", "per=1", "max=2", "until=2026-12-31", env=env)
    assert status == 0, said
    assert all(word in said for word in ("901", "1 claim per customer · 2 in all", "31 Dec 2026", "open"))

    status, said = await forked("policy", "901", "max=none", "pause", env=env)
    assert status == 0, said
    assert "→ 1 claim per customer · no limit in all · until the end of 31 Dec 2026 · paused" in said

    status, said = await forked("policy", env=env)
    assert status == 0
    assert "901" in said


@pytest.mark.parametrize(
    ("change", "teaches"),
    [
        ("per=0", "at least 1"),
        ("max=many", "whole number"),
        ("until=31.12.2026", "YYYY-MM-DD"),
        ("limit=5", "max=500"),
    ],
)
async def test_a_wrong_change_teaches_the_right_one(bot: Bot, change: str, teaches: str) -> None:
    """What is printed holds the change and how it is written."""
    operator = Operator(bot.turns, "en")
    (line,) = policy.lines_of(5, [change])
    said = await operator.run(line)

    assert not operator.done
    assert change in line
    assert teaches in plain(said.messages[0])
    assert await bot.pool.fetchval("SELECT count(*) FROM policies") == 0


@pytest.mark.parametrize("change", ["pause=yes", "RESUME=1"])
def test_a_group_is_paused_by_the_word_alone(change: str) -> None:
    """The message holds the change and how it is written."""
    word = change.partition("=")[0].lower()
    with pytest.raises(ConfigurationError, match=f"{change}.*giftdesk policy 5 {word}$"):
        policy.lines_of(5, ["max=3", change])


@pytest.mark.parametrize(
    ("group", "changes", "lines"),
    [
        (None, [], ["/group list"]),
        (5, [], ["/group show 5"]),
        (5, ["pause"], ["/group pause 5 --anyway"]),
        (5, ["pause", "Resume"], ["/group resume 5"]),
        (5, ["pause", "max=none"], ["/group policy 5 max=none --anyway", "/group pause 5 --anyway"]),
    ],
)
def test_the_old_spelling_means_staff_commands(group: int | None, changes: list[str], lines: list[str]) -> None:
    """One grammar: the words are only put in order."""
    assert policy.lines_of(group, changes) == lines


async def test_a_wrong_policy_changes_nothing(env: dict[str, str]) -> None:
    """Half of a command is not carried out."""
    status, said = await forked("policy", "902", "max=3", "until=soon", env=env)
    assert status == 1
    assert "Traceback" not in said

    _, said = await forked("policy", env=env)
    assert "902" not in said


# ── remind ───────────────────────────────────────────────────────────────────────────────────


async def test_reminding_now_says_how_many_are_looked_at(env: dict[str, str], bot: Bot) -> None:
    """Off, and at night, it says so and does nothing."""
    await bot.chat("line", "yu").say("選單")
    await bot.pool.execute("INSERT INTO reminder_wishes (customer_id, since) SELECT id, now() FROM customers")
    off = await forked("remind", env=env)
    on = env | {"REMINDERS": "on"}
    now = bot.clock().astimezone(bot.settings.zone)
    night = f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=1):%H:%M}"
    asleep = await forked("remind", env=on | {"QUIET_HOURS": night})
    assert await bot.pool.fetchval("SELECT count(*) FROM reminder_wishes WHERE due_at IS NOT NULL") == 0
    status, said = await command("remind", env=on | {"QUIET_HOURS": "off"})

    assert (off[0], asleep[0], status) == (1, 1, 0)
    assert "set REMINDERS=on" in off[1]
    assert "nobody is woken" in asleep[1]
    assert "look at now: 1." in said


# ── held, migrate, help ──────────────────────────────────────────────────────────────────────


async def test_held_events_are_listed_without_what_was_written(
    env: dict[str, str], tables: object, database: str
) -> None:
    """Only when, where and how often; --retry queues them."""
    import asyncpg

    connection = await asyncpg.connect(database)
    payload = json.dumps({"account": "a", "event": {"type": "unknown", "text": "private words"}})
    await connection.execute(
        "INSERT INTO events (key, channel, chat, state, at, held_at, attempts, payload) "
        "VALUES ('cli', 'line', 'line:a:nobody', 'done', now(), now(), 3, $1)",
        payload,
    )
    status, said = await forked("held", env=env)
    retried, said_then = await forked("held", "--retry", env=env)
    state = await connection.fetchval("SELECT state FROM events WHERE key = 'cli'")
    await connection.execute("DELETE FROM events WHERE key = 'cli'")
    await connection.execute("DELETE FROM pgqueuer")
    await connection.close()

    assert status == retried == 0
    assert "line" in said
    assert "private words" not in said
    assert "1 queued again" in said_then
    assert state == "new"


async def test_migrating_again_is_fine(env: dict[str, str]) -> None:
    """The release phase runs it each time."""
    status, said = await command("migrate", env=env)

    assert (status, "current" in said) == (0, True), said


async def test_another_key_is_noticed_before_anything_is_granted_twice(env: dict[str, str]) -> None:
    """Claims are found by what the key hashes: with another one each code could be redeemed again."""
    env = {**env, "DATABASE_URL": await another_database(env["DATABASE_URL"], "keyed")}
    assert (await forked("migrate", env=env))[0] == 0
    other = {**env, "SECRET_KEY": "another" * 8}

    for words in ("migrate",), ("worker",), ("doctor",), ("serve",):
        status, said = await forked(*words, env={**other, "PORT": str(free_port())})
        assert (status, "SECRET_KEY" in said, "--new-key" in said) == (1, True, True), (words, said)
        assert "Traceback" not in said
    assert (await forked("migrate", env=env))[0] == 0, "the former key is good as ever"


async def test_a_lost_key_can_be_replaced(env: dict[str, str]) -> None:
    """By who knows what it costs; then the former one is another."""
    env = {**env, "DATABASE_URL": await another_database(env["DATABASE_URL"], "keyed")}
    await forked("migrate", env=env)
    other = {**env, "SECRET_KEY": "another" * 8}

    assert (await forked("migrate", "--new-key", env=other))[0] == 0
    assert (await forked("migrate", env=other))[0] == 0
    assert (await forked("doctor", env=other))[0] == 0
    assert (await forked("migrate", env=env))[0] == 1


async def test_every_command_explains_itself(env: dict[str, str]) -> None:
    """`giftdesk --help` lists all of them."""
    _, said = await command("--help", env=env)

    for name in (
        "serve",
        "web",
        "worker",
        "migrate",
        "demo",
        "chat",
        "doctor",
        "menus",
        "policy",
        "held",
        "remind",
        "admin",
        "audit",
    ):
        assert name in said.split(), name


# ── demo and chat ────────────────────────────────────────────────────────────────────────────

TYPED = "我的獎品\nWELCOME2026\n"


async def test_a_chat_without_a_demo_starts_one_for_itself(tmp_path: Path) -> None:
    """Lines from a pipe are answered, in Chinese, and nothing is left running."""
    env = environment(tmp_path, PORT=str(free_port()))
    status, said = await command("chat", env=env, given=TYPED)

    assert status == 0, said
    assert "金幣 100" in said
    assert "R-" in said
    assert not (tmp_path / "demo" / "demo.json").exists()
    assert not (tmp_path / "demo" / "postgres" / "postmaster.pid").exists()


async def test_a_chat_talks_to_the_running_demo(tmp_path: Path) -> None:
    """`giftdesk demo` says where it is; two chats and the operator use it; SIGTERM ends all that it started."""
    env = environment(tmp_path)
    port = free_port()
    with (tmp_path / "demo.log").open("wb") as log:
        demo = subprocess.Popen(  # noqa: ASYNC220 - starting it takes no time
            [sys.executable, "-m", "bot", "demo", "--port", str(port)], env=env, cwd=ROOT, stdout=log, stderr=log
        )
    try:
        await until((tmp_path / "demo" / "lock").exists)
        line, messenger = await asyncio.gather(  # They are typed before it is ready, and wait for it.
            command("chat", env=env, given=TYPED),
            command("chat", "--as", "messenger", "--lang", "en", env=env, given="my gifts\nWELCOME2026\n"),
        )
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/readyz") as answer:
            assert answer.status == 200
        printed = (tmp_path / "demo.log").read_text().split("as its operator:\n")[1].split("\n")[0].split()
        settings = dict(word.split("=", 1) for word in printed if "=" in word)
        operator = await forked("admin", "/code show WELCOME2026", env=env | settings)
    finally:
        demo.send_signal(signal.SIGTERM)
        await until(lambda: demo.poll() is not None)

    assert [line[0], messenger[0], operator[0]] == [0, 0, 0], line[1] + messenger[1] + operator[1]
    assert "#99" in operator[1]
    assert "starting one" not in line[1]
    assert "R-" in line[1]
    assert "R-" in messenger[1]
    assert "Tickets" in messenger[1] or "gifts" in messenger[1]
    assert demo.returncode == 0
    assert not (tmp_path / "demo" / "postgres" / "postmaster.pid").exists()
    assert f"http://127.0.0.1:{port}" in (tmp_path / "demo.log").read_text()
