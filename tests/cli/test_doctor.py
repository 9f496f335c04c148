"""What a first deployment forgets, one by one, and what the doctor says of it."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import orjson
import psycopg
import pytest
from aiohttp import ClientSession, web
from chat import Bot
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from engine.desk import another_database, migrated_database
from engine.processes import environment, forked, free_port
from structlog.testing import capture_logs
from werkzeug.serving import make_server

from bot.apis import Apis
from bot.channels import Remark, known
from bot.cli import reach
from bot.cli.doctor import (
    BAD,
    GOOD,
    NAMED_GROUPS,
    NOTE,
    Stored,
    _database,
    _patiently,
    _settings,
    _strangers,
    _token,
    _without_history,
    _without_policy,
    unknown,
)
from bot.config import Settings, load_settings
from bot.errors import ConfigurationError
from bot.services.mantago_pairs import Standing
from bot.storage.refusals import explained
from bot.web import create_app
from bot.wiring import open_apis
from sandbox import Sandbox
from sandbox.people import demo_id

URL = "postgresql://x@127.0.0.1/x"


def set_right(sandbox: Sandbox, **more: str) -> Settings:
    """Everything on, at the sandbox."""
    given = {name.lower(): value for name, value in sandbox.environment().items()}
    ours = {name: value for name, value in given.items() if name in Settings.model_fields}
    return load_settings(**{**ours, "secret_key": "k" * 64, "database_url": URL, **more})


@pytest.fixture
async def apis(sandbox: Sandbox) -> AsyncIterator[Apis]:
    """The vendors as the doctor asks them."""
    apis = open_apis(set_right(sandbox))
    yield apis
    await apis.aclose()


async def remarks_of(title: str, settings: Settings) -> list[Remark]:
    """What a platform lets the doctor say of the account, but for the button that `giftdesk menus` sets."""
    channel = next(each for each in known.CHANNELS if each.title == title)
    assert channel.examines is not None
    client = channel.opens(settings)
    try:
        return [each for each in await channel.examines(client, settings) if "Get Started" not in each[1]]
    finally:
        await client.aclose()


# ── settings ─────────────────────────────────────────────────────────────────────────────────


def test_no_channel_is_a_problem() -> None:
    """Vendors alone are asked by nobody."""
    told = {part: (verdict, text) for part, verdict, text in _settings(load_settings(poshen_token="1|x"))}

    assert told["channels"][0] is BAD and "nobody can write" in told["channels"][1]


async def test_a_setting_that_does_not_exist_is_named(tmp_path: Path) -> None:
    """In the file, with what was meant where it looks like a slip; and a file that is right is not spoken of."""
    file = tmp_path / ".env"
    file.write_text("BRAND_COLOUR=#112233\nbrand=Tea\nSHOP_WEATHER=fine\nPOSTGRES_PASSWORD=x\n")
    env = environment(tmp_path, DATABASE_URL=URL, SECRET_KEY="k" * 64, GIFTDESK_ENV_FILE=str(file))
    _, said = await forked("doctor", env=env)

    assert "did you mean BRAND_COLOR?" in said
    assert "SHOP_WEATHER" in said and "is no setting" in said
    assert "POSTGRES_PASSWORD" not in said and "GIFTDESK_ENV_FILE" not in said


def test_of_the_environment_only_what_looks_like_ours_is_named() -> None:
    """Whatever else a machine has set is nobody's business."""
    assert list(unknown({}, {"LINE_CHANEL_SECRET": "x", "HOME": "/", "HOSTNAME": "a", "SHELL": "sh"})) == [
        "LINE_CHANEL_SECRET"
    ]
    assert unknown({"PORT": "1"}, {"PORT": "1", "line_api_url": "x"}) == {}


# ── the way to us ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def served(sandbox: Sandbox, database: str) -> Iterator[Settings]:
    """The real web process's application on a port, and its settings."""
    settings = set_right(sandbox, database_url=database, port=str(free_port()))
    server = make_server(settings.host, settings.port, create_app(settings), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield settings
    server.shutdown()
    thread.join()
    server.server_close()


@asynccontextmanager
async def proxy(settings: Settings, manner: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[Settings]:
    """Something between the internet and us, and the settings with its address as PUBLIC_URL."""

    async def hand_on(request: web.Request) -> web.Response:
        body, headers = await request.read(), dict(request.headers)
        match manner:
            case "rewrites":
                body = orjson.dumps(orjson.loads(body))
            case "drops":
                headers = {name: value for name, value in headers.items() if "signature" not in name.lower()}
            case "is alone":
                return web.Response(status=502)
            case "leads elsewhere":
                raise web.HTTPMovedPermanently("https://elsewhere.example/")
            case "is somebody else":
                return web.Response(status=404)
        headers.pop("Content-Length", None)
        where = f"http://{settings.host}:{settings.port}{request.path}"
        async with ClientSession() as http, http.post(where, data=body, headers=headers) as answer:
            return web.Response(status=answer.status, body=await answer.read())

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hand_on)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        port = runner.addresses[0][1]
        yield settings.model_copy(update={"public_url": f"{'https' if tls else 'http'}://127.0.0.1:{port}"})
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("manner", "verdict", "teaches"),
    [
        ("hands on", "good", "arrives there as it was sent"),
        ("rewrites", "bad", "changes what it hands on"),
        ("drops", "bad", "changes what it hands on"),
        ("is alone", "note", "behind it no web process"),
        ("leads elsewhere", "bad", "platforms do not follow"),
        ("is somebody else", "bad", "HTTP 404, which is not us"),
    ],
)
async def test_what_a_proxy_does_is_told(served: Settings, manner: str, verdict: str, teaches: str) -> None:
    """By the very request that a platform would send; plain http is named beside it."""
    async with proxy(served, manner) as settings:
        said = await reach.reached(settings)

    assert ("note", True) in [(how, "is not https" in text) for how, text in said]
    assert {how for how, text in said if "is not https" not in text} == {verdict}
    assert any(teaches in text for _, text in said), said


async def test_another_secret_is_not_taken_for_the_proxys_fault(served: Settings) -> None:
    """Where the web process itself does not believe us."""
    other = served.model_copy(update={"line_channel_secret": ("x" * 32,), "messenger_app_secret": ("y" * 32,)})
    async with proxy(other, "hands on") as settings:
        said = await reach.reached(settings)

    assert [how for how, text in said if "another secret runs there" in text] == ["bad", "bad"]


async def test_the_web_process_tells_where_a_wrong_signature_comes_from(served: Settings) -> None:
    """In its log, for whoever looks there first."""
    with capture_logs() as logged:
        url = f"http://{served.host}:{served.port}/webhooks/line"
        async with ClientSession() as http, http.post(url, data="{}") as got:
            assert got.status == 401
    [line] = [each for each in logged if "signature" in each["event"]]

    assert "a proxy that changes body or headers" in line["hint"] and "giftdesk doctor" in line["hint"]
    assert line["size"] == 2


async def test_nobody_there_is_told(sandbox: Sandbox) -> None:
    """Perhaps nothing was started yet: no problem, but worth knowing."""
    said = await reach.reached(set_right(sandbox, public_url=f"http://127.0.0.1:{free_port()}"))

    assert {how for how, _ in said} == {"note"}
    assert "nothing answers" in said[-1][1] and "start `giftdesk serve`" in said[-1][1]


async def test_a_certificate_of_ones_own_is_told(served: Settings, tmp_path: Path) -> None:
    """No platform accepts it."""
    async with proxy(served, "hands on", _self_signed(tmp_path)) as settings:
        said = await reach.reached(settings)

    assert {how for how, _ in said} == {"bad"}
    assert all("the certificate of https://127.0.0.1" in text for _, text in said)


def _self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
    file = folder / "own.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


# ── what the platforms say ───────────────────────────────────────────────────────────────────


async def test_the_operator_is_asked_to_look_at_lines_redelivery(sandbox: Sandbox) -> None:
    """It cannot be read, and without it messages are lost while nothing runs."""
    assert [text for _, text in await remarks_of("LINE", set_right(sandbox)) if "Webhook redelivery is on" in text]


@pytest.mark.parametrize(
    ("part", "amiss", "teaches"),
    [
        ("Messenger", {}, "is sent messages, messaging_postbacks"),
        ("Messenger", {"subscribed_fields": []}, "the page has not the app"),
        (
            "Messenger",
            {"subscribed_fields": ["messages", "messaging_referrals", "message_edits"]},
            "the page is not subscribed to messaging_postbacks",
        ),
        (
            "Messenger",
            {"subscribed_fields": ["messages", "messaging_postbacks", "messaging_referrals"]},
            "the page is not subscribed to message_edits",
        ),
        (
            "Messenger",
            {"subscribed_fields": ["messages", "messaging_postbacks", "message_edits"]},
            "the page is not subscribed to messaging_referrals, so nobody tells us who comes by a link",
        ),
        (
            "Messenger",
            {"app_webhooks": {"page": ["feed"]}},
            "the app is not subscribed to messages, messaging_postbacks",
        ),
        ("Messenger", {"app_webhooks": {}}, "the app has no webhooks about `page`"),
        ("Messenger", {"app_callback": "https://old.example/hook"}, "go to https://old.example/hook"),
        ("Instagram", {}, "is sent messages, messaging_postbacks"),
        ("Instagram", {"subscribed_fields": []}, "the page has not the app"),
        ("Instagram", {"app_webhooks": {"instagram": ["comments"]}}, "the app is not subscribed to messages"),
        ("Instagram", {"app_webhooks": {"page": ["messages"]}}, "the app has no webhooks about `instagram`"),
    ],
)
async def test_what_meta_does_not_send_is_told(
    sandbox: Sandbox, part: str, amiss: dict[str, object], teaches: str
) -> None:
    """Fields of the page, and fields of the app: only what both have brings a webhook."""
    sandbox.graph.app_callback = "https://bot.example/webhooks/messenger"
    for name, value in amiss.items():
        setattr(sandbox.graph, name, value)
    remarks = await remarks_of(part, set_right(sandbox, public_url="https://bot.example"))

    assert [(well, teaches in text) for well, text in remarks] == [(not amiss, True)], remarks


async def test_what_meta_does_not_tell_is_looked_at_by_hand(sandbox: Sandbox) -> None:
    """A token without pages_manage_metadata is no reason to stop."""
    sandbox.fault("messenger:GET /me/subscribed_apps", status=403)
    [(well, text)] = await remarks_of("Messenger", set_right(sandbox))

    assert not well and "cannot be read (" in text and "pages_manage_metadata" in text


# ── what the vendors say ─────────────────────────────────────────────────────────────────────


async def test_groups_nobody_decided_about_are_told(sandbox: Sandbox, apis: Apis) -> None:
    """Poshen shows no limits; one that has a policy is left out, and nothing is said once all have."""
    groups = {code.group for code in sandbox.poshen.codes.values()}
    one = min(groups)
    text = await _without_policy(apis, Stored(policies=groups - {one}))
    everything = await _without_policy(apis, Stored())

    name, codes = sandbox.poshen.groups[one][0], [code for code in sandbox.poshen.codes.values() if code.group == one]
    assert f"without a policy: {one} ({name}, codes: {len(codes)}). " in text
    assert f"`giftdesk policy {one} max=1 until=2026-12-31`" in text
    assert await _without_policy(apis, Stored(policies=groups)) == ""
    assert len(groups) <= NAMED_GROUPS or f"and {len(groups) - NAMED_GROUPS} more" in everything


async def test_a_history_that_may_not_be_read_is_told(sandbox: Sandbox, apis: Apis) -> None:
    """Without it, a lost answer to a redemption can only be found out by staff."""
    assert await _without_history(apis) == ""
    sandbox.fault("poshen:GET /redemptions", status=403)

    assert "staff have to decide" in await _without_history(apis)


@pytest.mark.parametrize("mode", ["claim", "check", "redeem"])
def test_the_mode_of_poshen_is_named(sandbox: Sandbox, mode: str) -> None:
    """With what it means."""
    [said] = [text for name, _, text in _settings(set_right(sandbox, poshen_mode=mode)) if name == "POSHEN_MODE"]

    assert said.startswith(f"{mode}: ")


def test_wrong_modes_of_poshen_stop_the_start_and_teach(sandbox: Sandbox) -> None:
    """One that does not exist, with those that do; and redeeming at a Poshen that is switched off."""
    with pytest.raises(ConfigurationError, match=r"'reedem' is no mode. claim: .*; check: .*; redeem: Poshen redeems"):
        set_right(sandbox, poshen_mode="reedem")
    with pytest.raises(ConfigurationError, match="POSHEN_MODE=redeem needs POSHEN_TOKEN"):
        set_right(sandbox, poshen_mode="redeem", poshen_token="")


async def test_customers_of_another_provider_are_told(apis: Apis) -> None:
    """MantaGo knows none of the last fifty; one whom it knows is enough to say nothing, and so are too few."""
    strangers = [("line", f"U{'e' * 30}{number:02x}") for number in range(50)]
    friend = ("messenger", demo_id("messenger", "yu"))

    assert "knows none of the last 50 customers" in await _strangers(apis, Stored(customers=strangers))
    assert await _strangers(apis, Stored(customers=[*strangers[:49], friend])) == ""
    assert await _strangers(apis, Stored(customers=strangers[:9])) == ""


async def test_the_database_tells_whom_and_what_to_ask_about(bot: Bot) -> None:
    """The latest customers by their own ids, and the groups that have a policy."""
    await bot.pool.execute("INSERT INTO policies (group_id, per_customer) VALUES (7, 1)")
    for number in range(3):
        person, seen = f"line:shop:U{number}", datetime.now(UTC) - timedelta(days=number)
        insert = "INSERT INTO customers (person, ref, channel, locale, last_seen) VALUES ($1, $1, 'line', 'en', $2)"
        await bot.pool.execute(insert, person, seen)
    stored = Stored()
    await asyncio.to_thread(_database, bot.settings, bot.settings.database_url, stored)

    assert stored == Stored({7}, [("line", "U0"), ("line", "U1"), ("line", "U2")], ready=True)


async def test_a_slow_vendor_does_not_keep_the_doctor(sandbox: Sandbox, apis: Apis) -> None:
    """What takes many calls is left out then."""
    sandbox.fault("poshen", status=503)

    assert await _patiently("Poshen", _without_policy(apis, Stored())) == []


# ── bad days ─────────────────────────────────────────────────────────────────────────────────


async def test_a_database_that_can_only_be_read_is_told(sandbox: Sandbox, database: str) -> None:
    """As a replica, or one whose disk is nearly full and whose keeper closed it."""
    url = await migrated_database(database, "reading")
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("ALTER DATABASE reading SET default_transaction_read_only = on")
    finally:
        await connection.close()
    [(part, verdict, text)] = _database(set_right(sandbox), url, Stored())

    assert (part, verdict) == ("database", BAD)
    assert "can only be read" in text and "primary" in text


async def test_a_command_says_what_is_wrong_with_the_database(tmp_path: Path, database: str) -> None:
    """One sentence, and no stack of calls: nobody there, and one that can only be read."""
    base = environment(tmp_path, SECRET_KEY="k" * 64)
    await another_database(database, "locked")
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("ALTER DATABASE locked SET default_transaction_read_only = on")
    finally:
        await connection.close()
    locked = database.replace("/postgres?", "/locked?")
    nobody, reading = [
        await forked("migrate", env={**base, "DATABASE_URL": url})
        for url in (f"postgresql://x@127.0.0.1:{free_port()}/x", locked)
    ]

    assert nobody[0] == reading[0] == 1
    assert "The database cannot be reached; check DATABASE_URL" in nobody[1]
    assert "The database can only be read" in reading[1]
    assert "Traceback" not in nobody[1] + reading[1]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (psycopg.errors.DiskFull("could not extend file"), "its disk is full. What was committed is safe"),
        (psycopg.errors.InsufficientPrivilege("permission denied for schema public"), "the database's owner"),
        (psycopg.errors.TooManyConnections("too many clients"), "max_connections"),
        (psycopg.OperationalError('FATAL: password authentication failed for user "x"'), "user or password"),
        (psycopg.OperationalError('FATAL: database "x" does not exist'), "does not exist on that server"),
        (asyncpg.InvalidPasswordError("password"), "user or password"),
        (asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT"), "primary"),
        (psycopg.errors.UndefinedTable("no such table"), None),
        (ValueError("no database at all"), None),
    ],
)
def test_what_the_database_refuses_is_explained(error: Exception, says: str | None) -> None:
    """By its codes; a mistake of ours stays one."""
    told = explained(error)

    assert (says is None and told is None) or (says is not None and says in str(told)), told


@pytest.mark.parametrize(
    ("standing", "verdict", "says"),
    [
        (Standing(None, 9, "by hand"), None, ""),
        (Standing(None, 7, "by hand"), NOTE, "expires in 7 days"),
        (Standing(None, 1, "by hand"), BAD, "expires in 1 days"),
        (Standing(None, 2, "by itself"), GOOD, "exchanged by itself"),
        (Standing(None, 2, "by itself", failed=True, detail="429"), NOTE, "failed so far (429)"),
        (Standing(None, 20, "by hand", exchanged_at=datetime(2026, 11, 1, tzinfo=UTC)), GOOD, "2026-11-01"),
        (Standing(None, 20, "not here"), NOTE, "is a copy"),
        (Standing(None, 20, "unknown", tried_at=datetime(2026, 11, 1, tzinfo=UTC)), BAD, "press Refresh"),
        (Standing(None, 20, "refused", detail="403"), BAD, "403; it is not tried again"),
    ],
)
def test_it_is_said_who_renews_mantagos_token(standing: Standing, verdict: str | None, says: str) -> None:
    """And what to do, where it is people."""
    said = _token(standing)
    assert [each for each, _ in said] == ([verdict] if verdict else [])
    assert all(says in text for _, text in said)
