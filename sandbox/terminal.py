"""`python -m sandbox.terminal`: a phone in a terminal. You type, the bot answers, cards become boxes."""

from __future__ import annotations

import argparse
import json as stdlib_json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException
from typing import Any, NamedTuple, TextIO
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from sandbox.people import CHANNELS, LOCALES
from sandbox.phone import Phone, Webhook
from sandbox.screen import Button, Card, Screen, clean

FIRST_ANSWER_S = 8.0
QUIET_S = 0.4
WHILE_BUSY_S = 20.0
DEFAULT_NICKS = {"zh-TW": "yu", "en": "emily"}

TEXTS = {
    "zh-TW": {
        "hello": "您是 {name}（{channel}）：{about}。",
        "try": "試試看：輸入「我的獎品」、貼上 WELCOME2026，或輸入「說明」。",
        "try_staff": "顧客輸入「客服」或系統有狀況時，這裡會收到提醒。",
        "keys": "輸入數字可按按鈕；/people 列出人物，/ref 代表掃描連結，/quit 離開。",
        "unknown": "沒有 {user} 這個人，改用示範顧客。",
        "silence": "（沒有回應）",
        "no_button": "畫面上沒有 {number} 號按鈕。",
        "opens": "開啟網址：{value}",
        "copies": "已複製：{value}",
        "other": "終端機無法使用這個按鈕（{value}）。",
    },
    "en": {
        "hello": "You are {name} ({channel}): {about}.",
        "try": 'Try: "my gifts", paste WELCOME2026, or "help".',
        "try_staff": "When a customer asks for a person, or something is wrong, you are told here.",
        "keys": "Type a number to tap that button; /people lists people, /ref comes by a link, /quit leaves.",
        "unknown": "There is nobody called {user}; going on as the demo customer.",
        "silence": "(no answer)",
        "no_button": "There is no button {number} on screen.",
        "opens": "Opens: {value}",
        "copies": "Copied: {value}",
        "other": "A terminal cannot use this button ({value}).",
    },
}


FAILURES = (OSError, HTTPException, ValueError)  # of a call; the last for what is no URL or no JSON


class ChatError(Exception):
    """The chat cannot go on. The text says what to do about it."""


class Did(NamedTuple):
    """What somebody did: as the simulator's page tells it, what their chat shows of it, and what the platform posts."""

    act: dict[str, Any]
    shown: str
    webhook: Webhook


class Chat:
    """One person talking to one bot."""

    def __init__(self, *, sandbox: str, bot: str, person: dict[str, Any]) -> None:
        self.sandbox = sandbox.rstrip("/")
        self.bot = bot.rstrip("/")
        self.person = person
        self.screen = Screen()
        self.tokens: list[tuple[str, str]] = []
        self.phone = Phone(person["channel"], person["id"], issue=lambda token, chat: self.tokens.append((token, chat)))
        self.seen = int(self.control("GET", "")["last_seq"])

    def control(self, method: str, path: str, **options: Any) -> Any:
        """One call to the sandbox's own API."""
        return control(self.sandbox, method, path, **options)

    def post(self, did: Did) -> None:
        """Give the bot one webhook, as the platform would. The sandbox is told, so that its page shows it."""
        webhook = did.webhook
        for token, chat in self.tokens:
            self.control("POST", "/line/tokens", json={"token": token, "user": chat})
        self.tokens.clear()
        whole = [webhook.path, webhook.headers, webhook.body.decode()]
        deed = {"channel": self.phone.channel, "user": self.phone.user, "act": did.act, "shown": did.shown}
        number = self.control("POST", "/deeds", json={**deed, "webhook": whole})["number"]
        started, status = time.perf_counter(), 0
        try:
            status, _ = exchange("POST", self.bot + webhook.path, webhook.body, webhook.headers)
        except FAILURES as error:
            raise ChatError(
                f"No bot answers at {self.bot} ({type(error).__name__}). "
                "Start it with `giftdesk demo`, or give its address with --bot."
            ) from error
        finally:
            took = (time.perf_counter() - started) * 1_000
            self.control("PUT", f"/deeds/{number}", json={"status": status, "ms": took})
        if status in (401, 403):
            raise ChatError(
                f"The bot at {self.bot} refused the signature (HTTP {status}). "
                "Start it with the sandbox's credentials: `giftdesk demo` does."
            )
        if status != 200:
            raise ChatError(
                f"The bot at {self.bot} answered HTTP {status} to {webhook.path}. "
                "Is this channel switched on? `giftdesk doctor` tells."
            )

    def answers(self, wait: float) -> Iterator[dict[str, Any]]:
        """What the bot sends now: the first message within `wait` seconds, then until it is quiet."""
        deadline = time.monotonic() + wait
        while (left := deadline - time.monotonic()) > 0:
            query = {
                "channel": self.phone.channel,
                "to": self.phone.user,
                "after": self.seen,
                "wait_ms": max(1, int(left * 1_000)),
            }
            for item in self.control("GET", f"/sent?{urlencode(query)}", timeout=left + 5):
                self.seen = item["seq"]
                if item["via"] == "busy":
                    deadline = time.monotonic() + WHILE_BUSY_S
                else:
                    deadline = time.monotonic() + QUIET_S
                    yield item

    def tap(self, button: Button) -> Did | None:
        """What a tap on `button` makes the platform post; None when it stays on the phone."""
        tapped = {"data": button.value, "label": button.label, "how": {"by": "tap", "label": button.label}}
        if button.kind == "postback":
            shown = button.shown if self.phone.channel == "line" else button.label
            return Did({"type": "taps", **tapped}, shown, self.phone.taps(button.value, button.label))
        if button.kind == "quick_reply":
            made = self.phone.taps(button.value, button.label, quick_reply=True)
            return Did({"type": "answers", **tapped}, button.label, made)
        if button.kind == "message":
            return self.says(button.value)
        if button.kind == "phone":
            number = "+886912345678"
            return Did({"type": "shares_phone", "text": number}, number, self.phone.shares_phone(number))
        return None

    def says(self, text: str) -> Did:
        """A typed line."""
        return Did({"type": "says", "text": text}, text, self.phone.says(text))

    def special(self, line: str) -> Did | None:
        """An event that is not typed, such as `:sticker` or `:block`; None when `line` is none."""
        made: dict[str, tuple[str, Callable[[], Webhook]]] = {
            ":follow": ("follows", self.phone.follows),
            ":block": ("blocks", self.phone.unfollows),
            ":unblock": ("returns", lambda: self.phone.follows(returning=True)),
            ":sticker": ("sticker", self.phone.sends_sticker),
            ":image": ("image", self.phone.sends_image),
            ":location": ("location", self.phone.sends_location),
            ":voice": ("audio", lambda: self.phone.sends("audio")),
            ":video": ("video", lambda: self.phone.sends("video")),
            ":file": ("file", lambda: self.phone.sends("file")),
            ":album": ("album", lambda: self.phone.together(*self.phone.sends_album(3))),
            ":story": ("story", self.phone.mentions_in_story),
            ":post": ("post", self.phone.shares_post),
            ":reel": ("reel", self.phone.shares_reel),
            ":unsupported": ("unsupported", self.phone.sends_unsupported),
        }
        if line not in made:
            return None
        if line in (":block", ":unblock"):
            path = f"/people/{self.phone.channel}/{self.phone.user}"
            self.control("PUT", path, json={"blocked": line == ":block"})
        kind, make = made[line]
        return Did({"type": kind}, line, make())


class Terminal:
    """The lines between a `Chat` and whoever types."""

    def __init__(self, chat: Chat, console: Console, texts: dict[str, str], language: str) -> None:
        self.chat = chat
        self.console = console
        self.texts = texts
        self.language = language

    def greet(self) -> None:
        person = self.chat.person
        about = person["about"].get(_short(self.language), person["id"])
        self.say("hello", name=clean(person["name"]), channel=person["channel"], about=about)
        self.say("try_staff" if person["staff"] else "try")
        self.say("keys")

    def say(self, key: str, **values: Any) -> None:
        """One of our own sentences."""
        self.console.print(Text(self.texts[key].format(**values), style="dim"))

    def take(self, line: str) -> bool:
        """Do what one typed line asks for. False ends the chat."""
        line = line.strip("\r\n")
        typed = line.strip()
        if typed == "/quit":
            return False
        if typed == "/people":
            people = self.chat.control("GET", "/people")
            for person in people:
                if person["channel"] == self.chat.phone.channel:
                    about = person["about"].get(_short(self.language), "")
                    row = f"{person['nick']:<10} {clean(person['name'])}  {about}  {person['id']}"
                    self.console.print(Text(row))
            return True
        if not typed:
            self.show_answers(QUIET_S, expected=False)  # Somebody looks whether anything came meanwhile.
            return True
        try:
            did = self.done(typed, line)
        except ValueError as error:
            self.console.print(Text(str(error), style="dim"))
            return True
        if did is not None:
            self.chat.post(did)
            self.show_answers(FIRST_ANSWER_S, expected=True)
        return True

    def done(self, typed: str, line: str) -> Did | None:
        number = typed.removeprefix("#")
        if number.isascii() and number.isdigit() and len(number) <= 3:
            button = self.chat.screen.button(int(number))
            if button is not None:
                return self.tap(button)
            if typed.startswith("#"):
                self.say("no_button", number=number)
                return None
        if typed.startswith(":emoji "):  # On a phone they are picked, not typed: `:emoji WELCOME2026(love)`.
            said = typed.removeprefix(":emoji ").strip()
            emoji = re.findall(r"\([^()]+\)", said)
            return Did({"type": "says", "text": said, "emoji": emoji}, said, self.chat.phone.says(said, emoji=emoji))
        if typed.startswith("/ref "):  # On a phone a link or a QR code says it: `/ref p_7K3MQX`.
            ref = typed.removeprefix("/ref ").strip()
            return Did({"type": "comes", "ref": ref}, typed, self.chat.phone.comes_by_link(ref))
        return self.chat.special(typed) or self.chat.says(line)

    def tap(self, button: Button) -> Did | None:
        did = self.chat.tap(button)
        if did is None:
            key = {"uri": "opens", "copy": "copies"}.get(button.kind, "other")
            self.say(key, value=clean(button.value))
        elif button.shown:
            self.console.print(Text(f"  {button.shown}", style="italic"))
        return did

    def show_answers(self, wait: float, *, expected: bool) -> None:
        """Wait for the bot, and show each message as it comes. Where one is `expected`, silence is told."""
        screen = Screen()
        for item in self.chat.answers(wait):
            shown = len(screen.parts)
            screen.add(item["channel"], item["message"])
            for part in screen.parts[shown:]:
                self.console.print(drawn(part))
        if not screen.parts:
            if expected:
                self.say("silence")
            return
        replies = [f"[{number}] {screen.buttons[number - 1].label}" for number in screen.quick_replies]
        if replies:
            self.console.print(Padding(Text("  ".join(replies), style="cyan"), (0, 0, 0, 2), expand=False))
        self.chat.screen = screen


def drawn(part: str | Card) -> RenderableType:
    """A part of a screen for rich. Nothing in it is read as markup."""
    if isinstance(part, str):
        return Padding(Text(part), (0, 0, 0, 2), expand=False)
    rows: list[RenderableType] = []
    styles = {"bold": "bold", "dim": "dim", "button": "cyan"}
    for line in part.lines:
        if line.style == "rule":
            rows.append(Rule(style="dim"))
        else:
            rows.append(Text(line.text, style=styles.get(line.style, "")))
    title = Text(part.title) if part.title else None
    panel = Panel(Group(*rows), title=title, title_align="right", width=48)
    return Padding(panel, (0, 0, 0, 2), expand=False)


def exchange(
    method: str, url: str, content: bytes | None, headers: Mapping[str, str], timeout: float = 10
) -> tuple[int, bytes]:
    """One HTTP call, past any proxy: its status and body. Raises one of FAILURES."""
    request = Request(url, content, dict(headers), method=method)  # noqa: S310 - whoever runs this chose the address
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=timeout) as response:
            return response.status, response.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()


def control(sandbox: str, method: str, path: str, *, json: object = None, timeout: float = 10) -> Any:
    """One call to the sandbox's own API: its answer. Raises ChatError when there is no sandbox."""
    content = None if json is None else stdlib_json.dumps(json).encode()
    url = f"{sandbox.rstrip('/')}/_sandbox{path}"
    try:
        status, body = exchange(method, url, content, {"Content-Type": "application/json"}, timeout)
        if status < 300:
            return stdlib_json.loads(body or b"null")
        reason, cause = f"HTTP {status}", None
    except FAILURES as error:
        reason, cause = type(error).__name__, error
    raise ChatError(
        f"No sandbox answers at {sandbox} ({reason}). "
        "Start it with `python -m sandbox`, or give its address with --sandbox."
    ) from cause


def pick(people: list[dict[str, Any]], channel: str, user: str | None, language: str) -> dict[str, Any]:
    """The person to be: by id or nick, else the demo customer who speaks `language`."""
    here = [person for person in people if person["channel"] == channel]
    wanted = (user, DEFAULT_NICKS[language])
    return next(person for key in wanted if key for person in here if key in (person["id"], person["nick"]))


def talk(options: argparse.Namespace, stdin: TextIO, console: Console) -> None:
    """Chat until the input ends. Raises ChatError when bot or sandbox is out of reach."""
    texts = TEXTS[options.lang]
    people = control(options.sandbox, "GET", "/people")
    person = pick(people, options.channel, options.user, options.lang)
    if options.user and options.user not in (person["id"], person["nick"]):
        console.print(Text(texts["unknown"].format(user=clean(options.user)), style="dim"))
    elif options.user and options.lang_given:
        path = f"/people/{options.channel}/{person['id']}"
        control(options.sandbox, "PUT", path, json={"locale": LOCALES[options.channel][_short(options.lang)]})
    chat = Chat(sandbox=options.sandbox, bot=options.bot, person=person)
    terminal = Terminal(chat, console, texts, options.lang)
    terminal.greet()
    for line in _lines(stdin, console):
        if not terminal.take(line):
            break


def _short(language: str) -> str:
    """A language as the people of the demo are described in it."""
    return "zh" if language == "zh-TW" else "en"


def _lines(stdin: TextIO, console: Console) -> Iterator[str]:
    """What is typed. From a pipe each line is echoed, so that the output reads like the chat it was."""
    if stdin.isatty():
        while True:
            try:
                yield console.input(Text("> ", style="bold"))
            except (EOFError, KeyboardInterrupt):
                console.print()
                return
    for line in stdin:
        if line.strip():
            console.print(Text(f"> {clean(line.rstrip())}"))
            yield line


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and chat; the number is the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.terminal", description=__doc__)
    parser.add_argument("--as", dest="channel", choices=CHANNELS, default="line")
    parser.add_argument("--user", help="an id or a nick; /people lists them")
    parser.add_argument("--lang", choices=("zh-TW", "en"))
    parser.add_argument("--sandbox", required=True, help="the sandbox's address")
    parser.add_argument("--bot", required=True, help="the bot's address")
    options = parser.parse_args(arguments)
    options.lang_given = options.lang is not None
    options.lang = options.lang or "zh-TW"
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, emoji=False, no_color=True, width=100)
    try:
        talk(options, sys.stdin, console)
    except ChatError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
