"""The phone in a terminal: cards become boxes, buttons become numbers, and nothing hostile gets through."""

from __future__ import annotations

import argparse
import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from rich.cells import cell_len
from rich.console import Console

from sandbox import Sandbox, terminal
from sandbox.people import demo_id
from sandbox.phone import line_signature, messenger_signature
from sandbox.screen import Button, Card, Line, Screen, clean

CARD = {
    "type": "bubble",
    "body": {
        "type": "box",
        "layout": "vertical",
        "contents": [
            {
                "type": "box",
                "layout": "horizontal",
                "contents": [
                    {"type": "text", "text": "實體獎品・抽獎遊戲"},
                    {
                        "type": "box",
                        "layout": "vertical",
                        "backgroundColor": "#DCFCE7",
                        "contents": [{"type": "text", "text": "可使用"}],
                    },
                ],
            },
            {"type": "text", "text": "保溫杯 500ml", "weight": "bold"},
            {"type": "separator"},
            {
                "type": "box",
                "layout": "baseline",
                "contents": [
                    {"type": "text", "text": "取得日"},
                    {"type": "text", "contents": [{"type": "span", "text": "2026/11/02"}]},
                ],
            },
            {
                "type": "box",
                "layout": "horizontal",
                "contents": [
                    {
                        "type": "box",
                        "layout": "vertical",
                        "contents": [{"type": "text", "text": "3"}, {"type": "text", "text": "票券"}],
                        "action": {"type": "postback", "data": "v1.t"},
                    }
                ],
            },
        ],
    },
    "footer": {
        "type": "box",
        "layout": "vertical",
        "contents": [
            {
                "type": "button",
                "action": {"type": "postback", "label": "領取", "data": "v1.c", "displayText": "領取"},
            },
            {"type": "button", "action": {"type": "uri", "label": "看看", "uri": "https://example.com/a"}},
        ],
    },
}
MENU = {"items": [{"type": "action", "action": {"type": "message", "label": "選單", "text": "選單"}}]}


def shown(*parts: str | Card) -> str:
    console = Console(file=io.StringIO(), width=80, no_color=True, highlight=False, markup=False, emoji=False)
    for part in parts:
        console.print(terminal.drawn(part))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_a_line_card_becomes_a_box() -> None:
    """Title, badge, facts and numbered buttons, in the order of the card; quick replies come last."""
    screen = Screen()
    screen.add("line", {"type": "flex", "altText": "x", "contents": CARD, "quickReply": MENU})

    assert screen.parts == [
        Card(
            lines=[
                Line("實體獎品・抽獎遊戲   ‹可使用›"),
                Line("保溫杯 500ml", "bold"),
                Line("", "rule"),
                Line("取得日：2026/11/02"),
                Line("[1] 3 票券"),
                Line("[2] 領取", "button"),
                Line("[3] 看看 ↗", "button"),
            ]
        )
    ]
    assert screen.button(2) == Button("領取", "postback", "v1.c", "領取")
    assert screen.button(3) == Button("看看", "uri", "https://example.com/a")
    assert screen.button(4) == Button("選單", "message", "選單", "選單")
    assert (screen.quick_replies, screen.button(5), screen.button(0)) == ([4], None, None)


def test_a_price_beside_its_worth_is_no_label() -> None:
    """Labels are never bold."""
    price = {"type": "text", "text": "1,000 點", "weight": "bold"}
    row = {"type": "box", "layout": "baseline", "contents": [price, {"type": "text", "text": "₫100,000"}]}
    body = {"type": "box", "layout": "vertical", "contents": [row]}
    screen = Screen()
    screen.add("line", {"type": "flex", "altText": "x", "contents": {"type": "bubble", "body": body}})

    assert screen.parts == [Card(lines=[Line("1,000 點   ₫100,000", "bold")])]


def test_boxes_are_straight_in_chinese() -> None:
    """Every row of a box is as wide as the others, counted in cells."""
    screen = Screen()
    bubbles = {"type": "carousel", "contents": [CARD, CARD]}
    screen.add("line", {"type": "flex", "altText": "x", "contents": bubbles})
    rows = shown(*screen.parts).splitlines()

    assert {cell_len(row) for row in rows} == {50}
    assert sum("1/2" in row for row in rows) == 1


def test_messenger_templates_become_boxes() -> None:
    """Generic and button templates and coupons, each with its buttons."""
    screen = Screen()
    postback = {"type": "postback", "title": "領取", "payload": "v1.c"}
    link = {"type": "web_url", "title": "看看", "url": "https://example.com/a"}
    templates: list[dict[str, Any]] = [
        {
            "template_type": "generic",
            "elements": [{"title": "保溫杯", "subtitle": "可使用", "buttons": [postback, link]}],
        },
        {"template_type": "button", "text": "確定嗎？", "buttons": [postback]},
        {"template_type": "coupon", "title": "85 折", "coupon_code": "A1"},
    ]
    for payload in templates:
        screen.add("messenger", {"attachment": {"type": "template", "payload": payload}})
    replies = [
        {"content_type": "text", "title": "選單", "payload": "v1.m"},
        {"content_type": "user_phone_number"},
    ]
    screen.add("messenger", {"text": "嗨", "quick_replies": replies})

    lines = [line.text for part in screen.parts if isinstance(part, Card) for line in part.lines]
    assert lines == [
        "保溫杯",
        "可使用",
        "[1] 領取",
        "[2] 看看 ↗",
        "確定嗎？",
        "[3] 領取",
        "85 折",
        "Terms may apply.",
        "[4] Reveal code ⧉",
    ]
    assert [screen.button(number) for number in screen.quick_replies] == [
        Button("選單", "quick_reply", "v1.m", "選單"),
        Button("(user_phone_number)", "phone", "user_phone_number"),
    ]


def test_pictures_of_meta_are_told_by_their_names() -> None:
    """A banner, a media template and a card with one."""
    screen = Screen()
    address = "http://127.0.0.1:8000/pictures/gifts-0123456789ab.png"
    media = {"template_type": "media", "elements": [{"media_type": "image", "attachment_id": "1"}]}
    card = {"template_type": "generic", "elements": [{"title": "看看您有哪些票券", "image_url": address}]}
    screen.add("messenger", {"attachment": {"type": "image", "payload": {"attachment_id": "1"}}})
    screen.add("instagram", {"attachment": {"type": "image", "payload": {"url": address}}})
    for payload in (media, card):
        screen.add("messenger", {"attachment": {"type": "template", "payload": payload}})

    said = [part if isinstance(part, str) else [line.text for line in part.lines] for part in screen.parts]
    assert said == ["▨ picture", "▨ gifts", ["▨ picture"], ["▨ gifts", "看看您有哪些票券"]]


def test_templates_and_other_messages_of_line() -> None:
    screen = Screen()
    action = {"type": "clipboard", "label": "複製", "clipboardText": "A1"}
    template = {"type": "buttons", "title": "標題", "text": "內容", "actions": [action]}
    screen.add("line", {"type": "template", "altText": "x", "template": template})
    screen.add("line", {"type": "sticker", "packageId": "446", "stickerId": "1988"})
    screen.add("line", {"type": "image", "originalContentUrl": "https://example.com/a.png"})

    assert screen.parts[1:] == ["(sticker 446/1988)", "(image) https://example.com/a.png"]
    assert "[1] 複製 ⧉" in shown(screen.parts[0])


@pytest.mark.parametrize("text", ["[bold]x[/bold]", ":smile:", "[link=https://evil.example]x[/link]", "[/]"])
def test_markup_is_only_text(text: str) -> None:
    """What looks like rich's markup is printed as it is, inside a card and outside."""
    assert text in shown(text)
    assert text in shown(Card(lines=[Line(text)]))


def test_hostile_text_cannot_move_the_cursor_or_turn_the_line() -> None:
    """Escapes, bells, carriage returns and overrides of the writing direction are taken out."""
    hostile = "\x1b[31m紅\x07\r\u202egnp\u202c\u2028\ud800\n第二行"

    assert clean(hostile) == " [31m紅  gnp  \n第二行"
    screen = Screen()
    screen.add("line", {"type": "text", "text": hostile})
    output = shown(*screen.parts)
    assert not set(output) & set("\x1b\x07\r\u202e\u202c")


# The whole way: terminal, bot, sandbox.


@pytest_asyncio.fixture
async def bot(sandbox: Sandbox) -> AsyncIterator[str]:
    """A bot of one idea: it repeats what it heard, with a card and quick replies."""
    settings = sandbox.environment()
    tasks: set[asyncio.Task[None]] = set()

    async def heard(request: web.Request) -> web.Response:
        body = await request.read()
        if request.headers["x-line-signature"] != line_signature(settings["LINE_CHANNEL_SECRET"], body):
            return web.Response(status=401)
        for event in (await request.json())["events"]:
            task = asyncio.create_task(answer(event))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        return web.Response()

    async def answer(event: dict[str, Any]) -> None:
        said = event.get("message", {}).get("text") or event.get("postback", {}).get("data") or event["type"]
        if said == "安靜":
            return
        headers = {"Authorization": f"Bearer {settings['LINE_CHANNEL_ACCESS_TOKEN']}"}
        messages = [
            {"type": "text", "text": f"聽到：{said}"},
            {"type": "flex", "altText": "x", "contents": CARD, "quickReply": MENU},
        ]
        body = {"replyToken": event["replyToken"], "messages": messages}
        url = f"{settings['LINE_API_URL']}/v2/bot/message/reply"
        async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as done:
            assert done.status == 200

    async def heard_by_meta(request: web.Request) -> web.Response:
        body = await request.read()
        if request.headers["X-Hub-Signature-256"] != messenger_signature(settings["MESSENGER_APP_SECRET"], body):
            return web.Response(status=401)
        for entry in (await request.json())["entry"]:
            task = asyncio.create_task(answer_to_meta(entry["messaging"][0]))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        return web.Response()

    async def answer_to_meta(event: dict[str, Any]) -> None:
        said = event.get("message") or event["postback"]
        kinds = [attachment["type"] for attachment in said.get("attachments", [])]
        tapped = (said.get("quick_reply") or said).get("payload")
        menu = [{"content_type": "text", "title": "選單", "payload": "v1.m"}]
        message = {"text": f"聽到：{tapped or said.get('text') or ', '.join(kinds) or '…'}", "quick_replies": menu}
        body = {"recipient": event["sender"], "messaging_type": "RESPONSE", "message": message}
        headers = {"Authorization": f"Bearer {settings['MESSENGER_PAGE_ACCESS_TOKEN']}"}
        url = f"{settings['MESSENGER_API_URL']}/me/messages"
        async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as done:
            assert done.status == 200

    app = web.Application()
    app.router.add_post("/webhooks/line", heard)
    app.router.add_post("/webhooks/messenger", heard_by_meta)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def chatted(sandbox: Sandbox, bot: str, *lines: str, **options: Any) -> str:
    """What the terminal prints when these lines come from a pipe."""
    given: dict[str, Any] = {"channel": "line", "user": None, "lang": "zh-TW", "lang_given": False}
    namespace = argparse.Namespace(**given | {"sandbox": sandbox.url, "bot": bot} | options)
    output = io.StringIO()
    console = Console(file=output, width=100, no_color=True, highlight=False, markup=False, emoji=False)
    await asyncio.to_thread(terminal.talk, namespace, io.StringIO("".join(f"{x}\n" for x in lines)), console)
    return output.getvalue()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "QUIET_S", 0.05)
    monkeypatch.setattr(terminal, "FIRST_ANSWER_S", 1.0)


@pytest.mark.usefixtures("quick")
async def test_a_conversation_through_a_pipe(sandbox: Sandbox, bot: str) -> None:
    """Lines are echoed, numbers tap what is on screen, other numbers are text, links stay here."""
    output = await chatted(sandbox, bot, "我的獎品", "2", "3", "#9", "42", ":sticker", "/people", "/quit", "x")

    assert output.startswith("您是 林小雨（line）")
    assert [line for line in output.splitlines() if line.startswith("> ")] == [
        "> 我的獎品",
        "> 2",
        "> 3",
        "> #9",
        "> 42",
        "> :sticker",
        "> /people",
        "> /quit",
    ]
    heard = [line.strip() for line in output.splitlines() if "聽到：" in line]
    assert heard == ["聽到：我的獎品", "聽到：v1.c", "聽到：42", "聽到：message"]
    assert "開啟網址：https://example.com/a" in output
    assert "畫面上沒有 9 號按鈕。" in output
    assert "[4] 選單" in output
    assert demo_id("line", "hoarder") in output


@pytest.mark.usefixtures("quick")
async def test_what_a_phone_picks_and_nobody_types(sandbox: Sandbox, bot: str) -> None:
    """LINE's emoji, which Messenger has not, and photos."""
    output = await chatted(sandbox, bot, ":emoji WELCOME2026(love)", ":voice")
    assert [line.strip() for line in output.splitlines() if "聽到：" in line] == [
        "聽到：WELCOME2026(love)",
        "聽到：message",
    ]

    elsewhere = await chatted(sandbox, bot, ":emoji hi(love)", channel="messenger")
    assert "messenger has no such event; line has" in elsewhere


@pytest.mark.usefixtures("quick")
async def test_a_conversation_on_instagram(sandbox: Sandbox, bot: str) -> None:
    """Typed, tapped, and what only Instagram has; without a bot that knows better it looks like Messenger."""
    lines = ("我的獎品", "1", ":story", ":post", ":reel", ":unsupported", ":follow", ":block", "/people")
    output = await chatted(sandbox, bot, *lines, channel="instagram")

    assert output.startswith("您是 林小雨（instagram）")
    assert [line.strip() for line in output.splitlines() if "聽到：" in line] == [
        "聽到：我的獎品",
        "聽到：v1.m",
        "聽到：story_mention",
        "聽到：share",
        "聽到：ig_reel",
        "聽到：…",
        "聽到：GET_STARTED",
    ]
    assert "instagram has no such event; line has" in output
    assert demo_id("instagram", "hoarder") in output
    elsewhere = await chatted(sandbox, bot, ":story")
    assert "line has no such event; instagram has" in elsewhere


@pytest.mark.usefixtures("quick")
async def test_who_one_is(sandbox: Sandbox, bot: str) -> None:
    """English picks the English speaker, a nick or an id that person; a stranger becomes the default."""
    english = await chatted(sandbox, bot, lang="en", lang_given=True)
    staff = await chatted(sandbox, bot, user="staff")
    nobody = await chatted(sandbox, bot, user="nobody")
    await chatted(sandbox, bot, user=demo_id("line", "yu"), lang="en", lang_given=True)

    assert english.startswith("You are Emily Carter (line)")
    assert "這裡會收到提醒" in staff
    assert nobody.startswith("沒有 nobody 這個人，改用示範顧客。\n您是 林小雨")
    changed = sandbox.people.find("line", "yu")
    assert changed is not None
    assert changed.locale == "en"


@pytest.mark.usefixtures("quick")
async def test_silence_is_told(sandbox: Sandbox, bot: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "FIRST_ANSWER_S", 0.05)

    assert "（沒有回應）" in await chatted(sandbox, bot, "安靜")


async def test_errors_say_what_to_do(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No sandbox, no bot, and a bot that refuses: one line each, and status 1."""
    nowhere = "http://127.0.0.1:1"

    def run(sandbox_url: str, bot_url: str) -> int:
        monkeypatch.setattr("sys.stdin", io.StringIO("嗨\n"))
        return terminal.main(["--sandbox", sandbox_url, "--bot", bot_url])

    assert await asyncio.to_thread(run, nowhere, nowhere) == 1
    assert capsys.readouterr().err.startswith(f"No sandbox answers at {nowhere}")
    assert await asyncio.to_thread(run, sandbox.url, nowhere) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"No bot answers at {nowhere}")
    assert error.count("\n") == 1
    assert await asyncio.to_thread(run, sandbox.url, sandbox.url) == 1
    assert "answered HTTP 404" in capsys.readouterr().err
