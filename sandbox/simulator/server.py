"""The page's server: on loopback, beside the sandbox, and never part of the bot."""

from __future__ import annotations

import asyncio
import io
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
from aiohttp import web

from sandbox import shop
from sandbox.answers import RefusedError, answer, json_object, refuse
from sandbox.clock import milliseconds
from sandbox.gotit import IMAGES
from sandbox.graph import PAGE_INBOX
from sandbox.journal import Call, Deed, Sent
from sandbox.people import Person, Wallet, demo_wallets, gift, new_id
from sandbox.phone import Phone, Webhook
from sandbox.simulator.acts import webhook
from sandbox.simulator.record import Record, Trace
from sandbox.simulator.trouble import Trouble
from sandbox.simulator.worker import Worker

if TYPE_CHECKING:
    from sandbox.server import Sandbox

PAGE = Path(__file__).parent / "page"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
GROUP = {"id": "C5a0de5c0000000000000000000000000", "name": {"zh": "週末團購群", "en": "Weekend group buy"}}
YESTERDAY = timedelta(hours=25)
# Seconds for the bot to acknowledge; then it is delivered again.
PLATFORM_WAITS = {"line": 2.0, "messenger": 5.0, "instagram": 5.0}
DEAD_TOKEN_AGE = 1_300.0  # seconds; LINE takes no reply token after 20 minutes, whatever happens
HEARTBEAT = 15.0
ENDED = "ended"  # The last thing that a page is told: nobody will be here to be asked again.
PORTS_TRIED = 50

# Nothing but this server's own files; styles that come from cards are set on elements by script, which a
# policy allows. Trusted types make the browser refuse HTML made from text, wherever a script should try.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Afresh = Callable[[], Awaitable[None]]


class Simulator:
    """The page and what it asks for. `async with Simulator.running(sandbox, bot) as simulator:` serves it.

    bot: the address webhooks are posted to. afresh: makes the bot forget everything, None where nobody can.
    waits: how many seconds each platform gives the bot to acknowledge.
    """

    def __init__(
        self, sandbox: Sandbox, bot: str, afresh: Afresh | None = None, waits: Mapping[str, float] = PLATFORM_WAITS
    ) -> None:
        self.sandbox = sandbox
        self.bot = bot.rstrip("/")
        self.url = ""
        self.record = Record(self._channel_of)
        self.trouble = Trouble(sandbox.faults)
        self.worker = Worker()
        self.tokens_die = False
        self._afresh = afresh
        self._waits = waits
        self.epoch = secrets.token_hex(4)
        self._wallets: dict[tuple[str, str], Wallet] = {}
        self._newcomers = 0
        self._begun: dict[int, Trace] = {}
        self._held: set[str] = set()
        self._pictured = (f"{IMAGES}/", f"{self.bot}/")
        self._http: aiohttp.ClientSession | None = None

    @classmethod
    @asynccontextmanager
    async def running(
        cls,
        sandbox: Sandbox,
        bot: str,
        *,
        port: int = 0,
        afresh: Afresh | None = None,
        waits: Mapping[str, float] = PLATFORM_WAITS,
    ) -> AsyncIterator[Simulator]:
        """A simulator that serves until the block ends, on `port` or the next free one; port 0 takes any."""
        simulator = cls(sandbox, bot, afresh, waits)
        runner = web.AppRunner(simulator.app(), access_log=None, handle_signals=False, shutdown_timeout=0.1)
        await runner.setup()
        sandbox.journal.watchers.append(simulator.watch)
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as simulator._http:
                await _start(runner, port)
                simulator.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
                yield simulator
        finally:
            sandbox.journal.watchers.remove(simulator.watch)
            simulator.record.tell(ENDED)
            await runner.cleanup()

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=1_000_000)
        for path in PAGE.iterdir():
            if path.suffix in TYPES:
                name = "" if path.name == "index.html" else path.name
                app.router.add_get(f"/{name}", _file(path))
        app.router.add_get("/api/stream", self._stream)
        app.router.add_post("/api/acts", self._act)
        app.router.add_post("/api/deliveries", self._deliver_again)
        app.router.add_put("/api/trouble", self._set_trouble)
        app.router.add_put("/api/tokens", self._set_tokens)
        app.router.add_post("/api/people", self._add_person)
        app.router.add_put("/api/people/{channel}/{user}", self._change_person)
        app.router.add_post("/api/gifts", self._give)
        app.router.add_post("/api/worker/kill", self._kill_worker)
        app.router.add_post("/api/reset", self._reset)
        app.router.add_get("/api/menus/{channel}/{user}", self._menus)
        app.router.add_get("/api/richmenus/{menu}", self._menu_image)
        app.router.add_get("/api/attachments/{id}", self._attachment)
        app.router.add_get("/api/transcript", self._transcript)
        app.router.add_get("/api/pictures", self._picture)
        app.router.add_get("/api/scans", self._scan)
        return app

    def watch(self, what: Call | Sent | Deed) -> None:
        """The journal's."""
        if isinstance(what, Deed):
            self._elsewhere(what)
            return
        self.record.watch(what)
        if isinstance(what, Call):
            if self.trouble.ended():
                self.record.tell("trouble", trouble=self.trouble.as_json())
            if what.answered and set(self.sandbox.graph.holders) != self._held:
                self._tell_people()
            if what.answered and (
                "richmenu" in what.path or what.path.endswith(("/messenger_profile", "/custom_user_settings"))
            ):
                self.record.tell("menus")

    def _elsewhere(self, deed: Deed) -> None:
        """Somebody does something in a terminal, or has: their chat shows both halves here, too."""
        if deed.status is None:
            made = self.record.did(
                deed.webhook,
                channel=deed.channel,
                chat=deed.user,
                user=deed.user,
                act=deed.act,
                shown=deed.shown,
                at=deed.at,
            )
            self._begun[id(deed)] = made
        elif (trace := self._begun.pop(id(deed), None)) is not None:
            self.record.acknowledged(trace, deed.status, deed.ms)

    def hear(self, line: bytes | str) -> None:
        """One line of the bot's log, as JSON; anything else is not for us."""
        try:
            known = orjson.loads(line)
        except orjson.JSONDecodeError:
            return
        if isinstance(known, dict):
            self.record.hear(known)
            if self.worker.hear(known):
                self.record.tell("worker", worker=self.worker.as_json())

    @web.middleware
    async def _guard(self, request: web.Request, handler: Callable[..., Any]) -> web.StreamResponse:
        """Only for this page: other sites in the same browser may neither ask nor, by a name of theirs, listen."""
        port = request.url.port
        hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        if request.host not in hosts or (
            request.method != "GET"
            and (
                request.headers.get("Origin", f"http://{request.host}") != f"http://{request.host}"
                or request.content_type != "application/json"
            )
        ):
            return web.Response(status=403, text="Only this page may ask that.", headers=HEADERS)
        try:
            response: web.StreamResponse = await handler(request)
        except RefusedError as refused:
            response = answer(refused.body, refused.status)
        except web.HTTPException as failure:
            response = web.Response(status=failure.status, text=failure.reason)
        except ValueError as error:
            response = answer({"error": str(error)}, 400)
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    # What people do.

    async def _act(self, request: web.Request) -> web.Response:
        """{"channel", "user", "group"?, "act": {"type", …}, "shown"}: somebody did something."""
        body = await _body(request)
        person, act = self._person(body), body.get("act")
        if not isinstance(act, dict):
            refuse(400, {"error": 'what was done must be an object such as {"type": "says", "text": "…"}'})
        group = GROUP["id"] if body.get("group") else None
        made = webhook(self._phone(person), act, str(group) if group else None)
        if act.get("type") in ("blocks", "returns"):
            person.blocked = act["type"] == "blocks"
            self._tell_people()
        trace = self.record.did(
            made,
            channel=person.channel,
            chat=str(group or person.id),
            user=person.id,
            act=act,
            shown=str(body.get("shown", "")),
            at=self._now(),
        )
        await self._post(trace, made)
        return answer(trace.as_json())

    async def _deliver_again(self, request: web.Request) -> web.Response:
        """{"trace", "old"}: the platform delivers that webhook once more; `old`: somebody posts one of yesterday."""
        body = await _body(request)
        number, old = body.get("trace"), bool(body.get("old"))
        first = self.record.find(number) if isinstance(number, int) else None
        if first is None or first.webhook is None:
            refuse(404, {"error": "there is no such webhook any more"})
        phone = self._phone_of(first.channel, first.user)
        made = phone.replayed(first.webhook, YESTERDAY) if old else phone.redelivered(first.webhook)
        for event in made.json.get("events", []):
            if "replyToken" in event and event["replyToken"] not in self.sandbox.line.tokens:
                self._issue(event["replyToken"], first.chat)
        trace = self.record.delivers_again(first, made, self._now(), old=old)
        await self._post(trace, made)
        return answer(trace.as_json())

    async def _post(self, trace: Trace, made: Webhook) -> None:
        """Give the bot one webhook, as the platform would."""
        assert self._http is not None, "it is there while the server runs"
        started = time.perf_counter()
        status = 0
        timeout = aiohttp.ClientTimeout(total=self._waits[trace.channel])
        try:
            async with self._http.post(
                self.bot + made.path, data=made.body, headers=made.headers, timeout=timeout
            ) as response:
                status = response.status
        except (aiohttp.ClientError, TimeoutError):
            pass
        self.record.acknowledged(trace, status, (time.perf_counter() - started) * 1_000)

    def _person(self, body: dict[str, Any]) -> Person:
        person = self.sandbox.people.find(str(body.get("channel")), str(body.get("user")))
        if person is None:
            refuse(404, {"error": "there is no such person"})
        return person

    def _phone(self, person: Person) -> Phone:
        return self._phone_of(person.channel, person.id)

    def _phone_of(self, channel: str, user: str) -> Phone:
        return self.sandbox.phone(channel, user, issue=self._issue)

    def _channel_of(self, call: Call, user: str) -> str:
        return self.sandbox.graph.platform_of(user).channel if call.upstream == "messenger" else call.upstream

    def _issue(self, token: str, chat: str) -> None:
        self.sandbox.line.issue(token, chat, age=DEAD_TOKEN_AGE if self.tokens_die else 0.0)

    def _now(self) -> int:
        return milliseconds(self.sandbox.now())

    # Who people are.

    async def _add_person(self, request: web.Request) -> web.Response:
        """{"like": {"channel", "user"}, "locale"?}: somebody new who owns what that person owned at first."""
        body = await _body(request)
        like = self._person(body)
        user = new_id(like.channel)
        self._newcomers += 1
        locale = body.get("locale", like.locale)
        person = self.sandbox.people.put(like.channel, user, name=f"{like.name} {self._newcomers + 1}", locale=locale)
        person.nick = f"new-{self._newcomers}"
        person.about = like.about
        wallet = demo_wallets().get((like.channel, like.id))
        known = self._wallets.get((like.channel, like.id)) or (wallet(self.sandbox.now()) if wallet else None)
        if known is not None:
            self._own(person, known)
        self._tell_people()
        return answer(person.as_json(), 201)

    async def _change_person(self, request: web.Request) -> web.Response:
        """{"locale"?, "window_open"?, "blocked"?, "held"?}; held: by the page's inbox, on Messenger."""
        match = request.match_info
        person = self._person({"channel": match["channel"], "user": match["user"]})
        changes = await _body(request)
        held = changes.pop("held", None)
        self.sandbox.people.put(person.channel, person.id, **changes)
        if held is not None and person.channel == "messenger":
            await self._hold(person, held=bool(held))
        self._tell_people()
        return answer(person.as_json())

    async def _hold(self, person: Person, *, held: bool) -> None:
        """Somebody answers in the page's inbox, which then holds the chat; or is done there, and the bot is told."""
        before = person.id in self.sandbox.graph.holders
        self.sandbox.graph.holds(person.id, PAGE_INBOX if held else None)
        if before and not held:
            act = {"type": "given_back"}
            made = webhook(self._phone(person), act, None)
            about = {"channel": person.channel, "chat": person.id, "user": person.id}
            await self._post(self.record.did(made, **about, act=act, shown="", at=self._now()), made)

    async def _give(self, request: web.Request) -> web.Response:
        """{"channel", "user"}: MantaGo has one more gift for that person."""
        person = self._person(await _body(request))
        key = person.channel, person.id
        first = demo_wallets().get(key)
        now = self.sandbox.now()
        wallet = self._wallets.get(key) or (first(now) if first else {})
        zh = not (person.locale or "zh").startswith("en")
        name = "新到的禮物：馬克杯" if zh else "A new gift: enamel mug"
        gifts = [gift(name, "lotteryGame", now - timedelta(seconds=1)), *wallet.get("physicalGifts", [])]
        self._own(person, {**wallet, "physicalGifts": gifts})
        return answer({"name": name}, 201)

    def _own(self, person: Person, wallet: Wallet) -> None:
        self._wallets[person.channel, person.id] = wallet
        self.sandbox.mantago.put_client(person.channel, person.id, wallet)

    def _tell_people(self) -> None:
        self._held = set(self.sandbox.graph.holders)
        self.record.tell("people", people=self._people())

    def _people(self) -> list[dict[str, Any]]:
        holders = self.sandbox.graph.holders
        return [{**person.as_json(), "held": person.id in holders} for person in self.sandbox.people]

    # Bad days.

    async def _set_trouble(self, request: web.Request) -> web.Response:
        """{"upstream", "mode", "once"?}; an empty mode ends it."""
        body = await _body(request)
        self.trouble.set(str(body.get("upstream")), str(body.get("mode") or ""), once=bool(body.get("once")))
        self.record.tell("trouble", trouble=self.trouble.as_json())
        return answer(self.trouble.as_json())

    async def _set_tokens(self, request: web.Request) -> web.Response:
        """{"die": true}: LINE's reply tokens are too old when they come."""
        self.tokens_die = bool((await _body(request)).get("die"))
        self.record.tell("tokens", die=self.tokens_die)
        return answer({"die": self.tokens_die})

    async def _kill_worker(self, _: web.Request) -> web.Response:
        if not self.worker.kill():
            refuse(409, {"error": "no worker is running, or it is not known which process it is"})
        self.record.tell("worker", worker=self.worker.as_json())
        return answer(self.worker.as_json())

    async def _reset(self, _: web.Request) -> web.Response:
        """Everybody and everything as at the start, the bot's memory too where somebody can empty it."""
        if self._afresh is not None:
            self.record.tell("resetting")
            await self._afresh()
        self.forget()
        return answer({"afresh": self._afresh is not None})

    def forget(self) -> None:
        """All phones and stand-ins as at the start; what is installed at the platforms stays."""
        line = self.sandbox.line
        menus = line.rich_menus, line.rich_menu_images, line.rich_menu_aliases
        everybodys = line.rich_menu_of.get("all")
        uploaded = self.sandbox.graph.attachments
        profiles = [(platform, platform.profile) for platform in self.sandbox.graph.platforms]
        self.sandbox.reset()
        line.rich_menus, line.rich_menu_images, line.rich_menu_aliases = menus
        line.rich_menu_of = {"all": everybodys} if everybodys else {}
        for platform, profile in profiles:
            platform.profile = profile
        self.sandbox.graph.attachments = uploaded
        self.trouble = Trouble(self.sandbox.faults)
        self.tokens_die = False
        self._wallets.clear()
        self._newcomers = 0
        self._begun.clear()
        self.record.clear()
        self.epoch = secrets.token_hex(4)
        self.record.tell("hello", **self._everything())

    # What the page shows.

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: everything once, then whatever happens, as it happens."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **HEADERS})
        await response.prepare(request)
        queue = self.record.listen()
        try:
            await response.write(_event({"type": "hello", **self._everything()}))
            while True:
                try:
                    async with asyncio.timeout(HEARTBEAT):
                        told = await queue.get()
                except TimeoutError:
                    await response.write(b": still here\n\n")
                    continue
                await response.write(_event(told))
                if told["type"] == ENDED:
                    break
        except ConnectionResetError:
            pass  # The page was closed.
        finally:
            self.record.leave(queue)
        return response

    def _everything(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "account": shop.NAME,
            "pictures": self._pictured,
            "group": GROUP,
            "people": self._people(),
            "entries": [entry.as_json() for entry in self.record.entries],
            "traces": [trace.as_json() for trace in self.record.traces],
            "trouble": self.trouble.as_json(),
            "tokens_die": self.tokens_die,
            "shared": self.sandbox.other.shared,
            "worker": self.worker.as_json(),
        }

    async def _menus(self, request: web.Request) -> web.Response:
        """The menu that this person sees, as it was installed; null without one."""
        channel, user = request.match_info["channel"], request.match_info["user"]
        person = self._person({"channel": channel, "user": user})
        if channel == "line":
            line = self.sandbox.line
            # https://developers.line.biz/en/docs/messaging-api/using-rich-menus/: their own before everybody's
            menu = line.rich_menus.get(line.rich_menu_of.get(user) or line.rich_menu_of.get("all", ""))
            aliases = {alias: line.rich_menus.get(menu_id) for alias, menu_id in line.rich_menu_aliases.items()}
            return answer({"rich_menu": menu, "aliases": aliases})
        profile = dict(self.sandbox.graph.platform_of(user).profile)
        if own := self.sandbox.graph.menu_of.get(user):  # Their own before the page's, whatever their phone speaks.
            profile["persistent_menu"] = own
        by_locale = ("greeting", "persistent_menu", "ice_breakers")
        seen = {name: _for_locale(profile.get(name), person.locale) for name in by_locale}
        return answer({"get_started": profile.get("get_started"), **seen})

    async def _menu_image(self, request: web.Request) -> web.Response:
        image = self.sandbox.line.rich_menu_images.get(request.match_info["menu"])
        if image is None:
            refuse(404, {"error": "that rich menu has no image"})
        kind = "image/png" if image.startswith(b"\x89PNG") else "image/jpeg"
        return web.Response(body=image, content_type=kind)

    async def _picture(self, request: web.Request) -> web.Response:
        """The picture at an address of a message: drawn for a vendor's, the bot's own one as it serves it."""
        address = request.query.get("address", "")
        if not address.startswith(self._pictured):
            refuse(404, {"error": "nothing is fetched from there"})
        if address.startswith(f"{self.bot}/"):
            image, kind = await self._of_bot(address)
            return web.Response(body=image, content_type=kind)
        return web.Response(text=shop.drawing(address), content_type="image/svg+xml")

    async def _of_bot(self, address: str) -> tuple[bytes, str]:
        """A picture of the bot's own, and its type. Refuses what is none (any more)."""
        assert self._http is not None, "it is there while the server runs"
        image, kind = b"", ""
        with suppress(aiohttp.ClientError, TimeoutError):
            async with self._http.get(address, allow_redirects=False) as response:
                if response.status == 200:
                    image, kind = await response.read(), response.content_type
        if kind not in {"image/png", "image/jpeg"}:
            refuse(404, {"error": "the bot has no such picture"})
        return image, kind

    async def _scan(self, request: web.Request) -> web.Response:
        """What a camera reads of a QR code of the bot's, as {"text"}."""
        address = request.query.get("address", "")
        if not address.startswith(f"{self.bot}/"):
            refuse(404, {"error": "nothing is fetched from there"})
        image, _ = await self._of_bot(address)
        try:
            import zxingcpp  # noqa: PLC0415 - a development dependency, for whoever scans
            from PIL import Image  # noqa: PLC0415 - the same
        except ImportError:
            refuse(501, {"error": "scanning needs zxing-cpp: pip install zxing-cpp"})
        found = zxingcpp.read_barcodes(Image.open(io.BytesIO(image)).convert("RGB"))
        if not found:
            refuse(404, {"error": "no QR code can be read there"})
        return answer({"text": found[0].text})

    async def _attachment(self, request: web.Request) -> web.Response:
        found = self.sandbox.graph.attachments.get(request.match_info["id"])
        if found is None:
            refuse(404, {"error": "nothing was uploaded with that id"})
        return web.Response(body=found.image, content_type="image/png")

    async def _transcript(self, _: web.Request) -> web.Response:
        """All chats as one file, which the page can do again."""
        whole = {
            "transcript": 1,
            "made": self.sandbox.now().isoformat(timespec="seconds"),
            "people": self._people(),
            "entries": [entry.as_json() for entry in self.record.entries],
            "traces": [trace.as_json() for trace in self.record.traces],
        }
        named = f'attachment; filename="giftdesk-{self.sandbox.now():%Y%m%d-%H%M%S}.json"'
        raw = orjson.dumps(whole, option=orjson.OPT_INDENT_2)
        return web.Response(body=raw, content_type="application/json", headers={"Content-Disposition": named})


async def _start(runner: web.AppRunner, port: int) -> None:
    """Listen on `port`, or, where somebody else does, on one of the next. Raises OSError when all are taken."""
    last = port + PORTS_TRIED if port else 0
    while True:
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except OSError:
            if port >= last:
                raise
            port += 1
        else:
            return


def _file(path: Path) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def served(_: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": f"{TYPES[path.suffix]}; charset=utf-8"}
        return web.FileResponse(path, headers=headers)

    return served


def _event(what: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(what) + b"\n\n"


def _for_locale(entries: Any, locale: str | None) -> Any:
    """The entry of a page's profile for a person's locale, else the default one."""
    if not isinstance(entries, list):
        return None
    named = {str(entry.get("locale")): entry for entry in entries if isinstance(entry, dict)}
    return named.get(str(locale)) or named.get("default")


async def _body(request: web.Request) -> dict[str, Any]:
    body = await json_object(request)
    if body is None:
        refuse(400, {"error": "the body must be a JSON object"})
    return body
