"""LINE's and Messenger's stand-ins keep the platforms' rules."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import uuid
from typing import Any

import aiohttp
import pytest

from sandbox import Sandbox
from sandbox.messenger_messages import problems
from sandbox.people import demo_id

USER = demo_id("line", "yu")
PSID = demo_id("messenger", "yu")
TEXT = {"type": "text", "text": "嗨"}


async def test_a_reply_token_works_once(api: Any, sandbox: Sandbox) -> None:
    """The second use is refused, and the message was shown once."""
    sandbox.line.issue("token", USER)

    first, second = await api.reply("token"), await api.reply("token")

    assert (first.status, len(first.json["sentMessages"])) == (200, 1)
    assert "x-line-request-id" in first.headers
    assert (second.status, second.json) == (400, {"message": "Invalid reply token"})
    assert [item.message for item in sandbox.sent("line", USER)] == [TEXT]


async def test_a_reply_token_grows_old(api: Any, sandbox: Sandbox, ticker: Any) -> None:
    """After a minute it is refused like one that never was."""
    sandbox.line.issue("young", USER)
    sandbox.line.issue("old", USER)
    ticker.advance(60)
    assert (await api.reply("young")).status == 200
    ticker.advance(1)

    assert [(await api.reply(token)).status for token in ("old", "never")] == [400, 400]


async def test_refused_content_leaves_the_reply_token(api: Any, sandbox: Sandbox) -> None:
    """By default a second try with good content works; a switch makes the first one count."""
    bad = {"type": "text", "text": ""}
    for burns, status in ((False, 200), (True, 400)):
        sandbox.line.refusal_burns_token = burns
        sandbox.line.issue("token", USER)

        refused = await api.reply("token", bad)

        assert refused.status == 400
        assert refused.json["details"] == [{"message": "May not be empty", "property": "messages[0].text"}]
        assert (await api.reply("token")).status == status


async def test_bench_tokens_need_no_state(api: Any, sandbox: Sandbox) -> None:
    """They are good again and again, and are counted instead of kept."""
    assert [(await api.reply("bench-1")).status for _ in range(2)] == [200, 200]
    assert [(token, count) for token, count, _ in sandbox.journal.ticks] == [("bench-1", 1)] * 2
    assert (await api("GET", "/_sandbox/ticks?after=1")).json[0][:2] == ["bench-1", 1]
    assert sandbox.sent() == []


async def test_a_push_is_accepted_once_per_retry_key(api: Any, sandbox: Sandbox, ticker: Any) -> None:
    """The repetition is told so with 409, names the first request, and sends nothing, for a day."""
    body, key = {"to": USER, "messages": [TEXT]}, str(uuid.uuid4())
    path = "/v2/bot/message/push"

    first = await api.line("POST", path, body, X_Line_Retry_Key=key)
    again = await api.line("POST", path, body, X_Line_Retry_Key=key.upper())

    assert (first.status, again.status) == (200, 409)
    assert again.headers["x-line-accepted-request-id"] == first.headers["x-line-request-id"]
    assert again.json["sentMessages"] == first.json["sentMessages"]
    assert [item.via for item in sandbox.sent("line", USER)] == ["push"]
    ticker.advance(24 * 3_600 + 1)
    assert (await api.line("POST", path, body, X_Line_Retry_Key=key)).status == 200


async def test_a_reply_takes_no_retry_key(api: Any, sandbox: Sandbox) -> None:
    sandbox.line.issue("token", USER)
    body = {"replyToken": "token", "messages": [TEXT]}
    path = "/v2/bot/message/reply"

    assert (await api.line("POST", path, body, X_Line_Retry_Key=str(uuid.uuid4()))).status == 400
    assert (await api.reply("token")).status == 200


@pytest.mark.parametrize(
    ("to", "messages", "status"),
    [
        ("somebody", [TEXT], 400),
        (USER, [], 400),
        (USER, [TEXT] * 6, 400),
        ("C" + "0" * 32, [TEXT], 200),
    ],
)
async def test_what_may_be_pushed(api: Any, to: str, messages: list[Any], status: int) -> None:
    body = {"to": to, "messages": messages}

    assert (await api.line("POST", "/v2/bot/message/push", body)).status == status


async def test_a_wrong_token_is_told_apart(api: Any) -> None:
    body = {"replyToken": "x", "messages": [TEXT]}

    answer = await api("POST", "/line/v2/bot/message/reply", body, headers={"Authorization": "Bearer no"})

    assert answer.status == 401
    assert "message" in answer.json


async def test_bodies_that_are_no_json(api: Any) -> None:
    headers = api.bearer("LINE_CHANNEL_ACCESS_TOKEN")
    path = "/line/v2/bot/message/reply"

    garbage = await api("POST", path, data=b"{", headers=headers | {"Content-Type": "application/json"})
    form = await api("POST", path, data=b"a=b", headers=headers)

    assert (garbage.status, form.status) == (400, 415)


async def test_who_blocked_the_bot_sees_nothing(api: Any, sandbox: Sandbox) -> None:
    """LINE answers 200 all the same, and knows no profile."""
    sandbox.people.put("line", USER, blocked=True)
    sandbox.line.issue("token", USER)

    assert (await api.reply("token")).status == 200
    assert (await api.line("POST", "/v2/bot/message/push", {"to": USER, "messages": [TEXT]})).status == 200
    assert sandbox.sent() == []
    assert (await api.line("GET", f"/v2/bot/profile/{USER}")).status == 404


async def test_validation_spends_nothing(api: Any, sandbox: Sandbox) -> None:
    path = "/v2/bot/message/validate/reply"

    good = await api.line("POST", path, {"messages": [TEXT]})
    bad = await api.line("POST", path, {"messages": []})

    assert (good.status, good.json) == (200, {})
    assert bad.json["details"] == [{"message": "Size must be between 1 and 5", "property": "messages"}]
    assert sandbox.sent() == []


async def test_the_monthly_limit(api: Any, sandbox: Sandbox) -> None:
    """Pushes count, replies do not, and the one too many gets a 429."""
    sandbox.line.monthly_limit = 1
    push = {"to": USER, "messages": [TEXT]}

    statuses = [(await api.line("POST", "/v2/bot/message/push", push)).status for _ in range(2)]

    assert statuses == [200, 429]
    assert (await api.line("GET", "/v2/bot/message/quota")).json == {"type": "limited", "value": 1}
    assert (await api.line("GET", "/v2/bot/message/quota/consumption")).json == {"totalUsage": 1}


@pytest.mark.parametrize(("seconds", "status"), [(5, 202), (60, 202), (7, 400), (65, 400)])
async def test_loading_is_listed_as_busy(api: Any, sandbox: Sandbox, seconds: int, status: int) -> None:
    body = {"chatId": USER, "loadingSeconds": seconds}

    answer = await api.line("POST", "/v2/bot/chat/loading/start", body)

    assert answer.status == status
    assert [item.via for item in sandbox.sent(busy=True)] == ["busy"] * (status == 202)
    assert sandbox.sent() == []


async def test_profile_info_and_webhook_endpoint(api: Any) -> None:
    assert (await api.line("GET", f"/v2/bot/profile/{USER}")).json == {
        "userId": USER,
        "displayName": "林小雨",
        "language": "zh-TW",
    }
    assert (await api.line("GET", "/v2/bot/profile/U" + "9" * 32)).status == 404
    assert (await api.line("GET", "/v2/bot/info")).json["chatMode"] == "chat"
    path = "/v2/bot/channel/webhook/endpoint"
    assert (await api.line("GET", path)).status == 404
    assert (await api.line("PUT", path, {"endpoint": "http://example.com/x"})).status == 400
    assert (await api.line("PUT", path, {"endpoint": "https://example.com/x"})).status == 200
    assert (await api.line("GET", path)).json == {"endpoint": "https://example.com/x", "active": True}
    tested = await api.line("POST", "/v2/bot/channel/webhook/test", {})
    assert (tested.json["success"], tested.json["reason"]) == (False, "COULD_NOT_CONNECT")


async def test_the_webhook_test_knocks_on_this_machine(api: Any, sandbox: Sandbox) -> None:
    """A loopback endpoint is really called; here the sandbox itself refuses it."""
    answer = await api.line(
        "POST", "/v2/bot/channel/webhook/test", {"endpoint": f"{sandbox.url}/line/v2/bot/message/reply"}
    )

    assert (answer.json["statusCode"], answer.json["reason"]) == (401, "ERROR_STATUS_CODE")


async def test_rich_menus(api: Any) -> None:
    """A menu needs a picture before anybody can have it."""
    menu = {
        "size": {"width": 2_500, "height": 1_686},
        "selected": True,
        "name": "主選單",
        "chatBarText": "選單",
        "areas": [
            {
                "bounds": {"x": 0, "y": 0, "width": 10, "height": 10},
                "action": {"type": "postback", "data": "v1.m"},
            }
        ],
    }
    made = (await api.line("POST", "/v2/bot/richmenu", menu)).json["richMenuId"]
    link = f"/v2/bot/user/all/richmenu/{made}"
    headers = api.bearer("LINE_CHANNEL_ACCESS_TOKEN") | {"Content-Type": "image/png"}

    assert (await api.line("POST", link)).status == 400
    path = f"/line/v2/bot/richmenu/{made}/content"
    assert (await api("POST", path, data=b"png", headers=headers)).status == 200
    assert (await api.line("POST", link)).status == 200
    assert (await api.line("GET", "/v2/bot/user/all/richmenu")).json == {"richMenuId": made}
    alias = {"richMenuAliasId": "zh", "richMenuId": made}
    assert (await api.line("POST", "/v2/bot/richmenu/alias", alias)).status == 200
    assert (await api.line("GET", "/v2/bot/richmenu/alias/list")).json == {"aliases": [alias]}
    assert (await api.line("DELETE", f"/v2/bot/richmenu/{made}")).status == 200
    assert (await api.line("GET", "/v2/bot/richmenu/list")).json == {"richmenus": []}
    assert (await api.line("POST", "/v2/bot/richmenu", menu | {"chatBarText": "字" * 15})).status == 400


async def test_customers_move_between_rich_menus(api: Any, sandbox: Sandbox) -> None:
    """All of one menu at once, to another one or to none; a menu without a picture moves nobody."""
    menu = {"size": {"width": 2_500, "height": 843}, "selected": True, "name": "m", "chatBarText": "m", "areas": []}
    headers = api.bearer("LINE_CHANNEL_ACCESS_TOKEN") | {"Content-Type": "image/png"}
    made = [(await api.line("POST", "/v2/bot/richmenu", menu)).json["richMenuId"] for _ in range(3)]
    for each in made[:2]:
        await api("POST", f"/line/v2/bot/richmenu/{each}/content", data=b"png", headers=headers)
    await api.line("POST", f"/v2/bot/user/{USER}/richmenu/{made[0]}")
    old, new, unfinished = made

    async def move(**operation: str) -> Any:
        return await api.line("POST", "/v2/bot/richmenu/batch", {"operations": [operation]})

    moved = await move(**{"type": "link", "from": old, "to": new})
    assert (moved.status, sandbox.line.rich_menu_of) == (202, {USER: new})
    path = f"/v2/bot/richmenu/progress/batch?requestId={moved.headers['x-line-request-id']}"
    assert (await api.line("GET", path)).json["phase"] == "succeeded"
    assert (await api.line("GET", "/v2/bot/richmenu/progress/batch?requestId=x")).status == 404
    assert [(await move(**{"type": "link", "from": new, "to": to})).status for to in (unfinished, "gone")] == [400, 404]
    assert (await move(**{"type": "unlink", "from": new})).status == 202
    assert sandbox.line.rich_menu_of == {}
    pictures = [(await api.line("GET", f"/v2/bot/richmenu/{each}/content")).status for each in (old, unfinished)]
    assert pictures == [200, 404]


async def test_linebot_sdk_speaks_with_the_sandbox(api: Any, sandbox: Sandbox) -> None:
    """The official client is content with every answer it gets."""
    from linebot.v3.messaging import (
        ApiException,
        AsyncApiClient,
        AsyncMessagingApi,
        Configuration,
        PushMessageRequest,
        ReplyMessageRequest,
        TextMessage,
    )

    settings = Configuration(host=api.settings["LINE_API_URL"], access_token=api.settings["LINE_CHANNEL_ACCESS_TOKEN"])
    text = TextMessage(text="嗨")
    sandbox.line.issue("token", USER)
    async with AsyncApiClient(settings) as client:
        line = AsyncMessagingApi(client)
        sent = await line.reply_message(ReplyMessageRequest(replyToken="token", messages=[text]))
        profile = await line.get_profile(USER)
        key = str(uuid.uuid4())
        await line.push_message(PushMessageRequest(to=USER, messages=[text]), x_line_retry_key=key)
        with pytest.raises(ApiException) as caught:
            await line.push_message(PushMessageRequest(to=USER, messages=[text]), x_line_retry_key=key)

    assert sent.sent_messages[0].id
    assert profile.display_name == "林小雨"
    assert caught.value.status == 409


# Messenger


def generic(**changes: Any) -> dict[str, Any]:
    element = {"title": "保溫杯", "subtitle": "可使用", **changes}
    elements = [{name: value for name, value in element.items() if value is not None}]
    return template("generic", elements=elements)


def template(kind: str, **payload: Any) -> dict[str, Any]:
    return {"attachment": {"type": "template", "payload": {"template_type": kind, **payload}}}


def picture(**source: Any) -> dict[str, Any]:
    return {"attachment": {"type": "image", "payload": source}}


def media(**element: Any) -> dict[str, Any]:
    return template("media", elements=[{"media_type": "image", **element}])


def postback(title: str = "我的獎品", payload: str = "v1.g") -> dict[str, Any]:
    return {"type": "postback", "title": title, "payload": payload}


def replies(count: int, title: str = "選單", payload: str = "v1.m") -> list[dict[str, Any]]:
    return [{"content_type": "text", "title": title, "payload": payload}] * count


@pytest.mark.parametrize(
    "message",
    [
        {"text": "字" * 2_000},
        {"text": "選", "quick_replies": replies(13, "字" * 20, "x" * 1_000)},
        {"text": "手機？", "quick_replies": [{"content_type": "user_phone_number"}]},
        generic(title="字" * 80, subtitle="字" * 80, buttons=[postback("字" * 20, "x" * 1_000)] * 3),
        generic(default_action={"type": "web_url", "url": "https://example.com/%E7%8D%8E"}),
        template("generic", elements=[{"title": "一", "subtitle": "二"}] * 10),
        template("button", text="字" * 640, buttons=[postback()]),
        template("coupon", title="85 折", coupon_code="SUMMER-7K3M-Q9TD"),
        {"attachment": {"type": "image", "payload": {"url": "https://example.com/a.png"}}},
        generic(image_url="http://127.0.0.1:8000/pictures/a.png"),
    ],
)
async def test_good_messages_reach_messenger(api: Any, sandbox: Sandbox, message: Any) -> None:
    answer = await api.send(PSID, message)

    assert (answer.status, answer.json["recipient_id"]) == (200, PSID)
    assert answer.json["message_id"].startswith("m_")
    assert [item.message for item in sandbox.sent("messenger", PSID)] == [message]


@pytest.mark.parametrize(
    ("message", "where"),
    [
        (None, "message"),
        ({}, "message"),
        ({"text": "嗨", **generic()}, "message"),
        ({"text": ""}, "message.text"),
        ({"text": "字" * 2_001}, "message.text"),
        ({"text": "🎁" * 1_001}, "message.text"),
        ({"text": "嗨", "wrap": True}, "message.wrap"),
        ({"text": "嗨", "quick_replies": replies(14)}, "message.quick_replies"),
        ({"text": "嗨", "quick_replies": []}, "message.quick_replies"),
        ({"text": "嗨", "quick_replies": replies(1, "字" * 21)}, "message.quick_replies[0].title"),
        (
            {"text": "嗨", "quick_replies": replies(1, payload="x" * 1_001)},
            "message.quick_replies[0].payload",
        ),
        (
            {"text": "嗨", "quick_replies": [{"content_type": "location"}]},
            "message.quick_replies[0].content_type",
        ),
        (generic(title="字" * 81), "message.attachment.payload.elements[0].title"),
        (generic(title=None), "message.attachment.payload.elements[0].title"),
        (generic(subtitle=None), "message.attachment.payload.elements[0]"),
        (generic(subtitle="字" * 81), "message.attachment.payload.elements[0].subtitle"),
        (generic(image_url="http://example.com/a.png"), "message.attachment.payload.elements[0].image_url"),
        (generic(buttons=[postback()] * 4), "message.attachment.payload.elements[0].buttons"),
        (
            generic(buttons=[postback("字" * 21)]),
            "message.attachment.payload.elements[0].buttons[0].title",
        ),
        (
            generic(buttons=[{"type": "web_url", "title": "看", "url": "javascript:alert(1)"}]),
            "message.attachment.payload.elements[0].buttons[0].url",
        ),
        (
            generic(default_action={"type": "web_url", "url": "https://example.com", "title": "看"}),
            "message.attachment.payload.elements[0].default_action.title",
        ),
        (
            generic(buttons=[{"type": "phone_number", "title": "打", "payload": "0912345678"}]),
            "message.attachment.payload.elements[0].buttons[0].payload",
        ),
        (template("generic", elements=[]), "message.attachment.payload.elements"),
        (
            template("generic", elements=[{"title": "一", "subtitle": "二"}] * 11),
            "message.attachment.payload.elements",
        ),
        (template("button", text="字" * 641, buttons=[postback()]), "message.attachment.payload.text"),
        (template("button", text="字", buttons=[]), "message.attachment.payload.buttons"),
        (template("list", elements=[]), "message.attachment.payload.template_type"),
        (picture(), "message.attachment.payload"),
        (picture(url="https://example.com/a.png", attachment_id="1"), "message.attachment.payload"),
        (picture(attachment_id="no number"), "message.attachment.payload.attachment_id"),
        (picture(url="http://example.com/a.png"), "message.attachment.payload.url"),
        (media(), "message.attachment.payload.elements[0]"),
        (media(url="https://example.com/a.png"), "message.attachment.payload.elements[0].url"),
        (media(attachment_id="1", title="字"), "message.attachment.payload.elements[0].title"),
        (template("coupon", title="85 折"), "message.attachment.payload"),
        (template("coupon", title="x", coupon_code="A B"), "message.attachment.payload.coupon_code"),
    ],
)
async def test_each_breach_of_messenger_is_found(api: Any, sandbox: Sandbox, message: Any, where: str) -> None:
    """The finding names the field, and the call answers 400 with code 100."""
    answer = await api.send(PSID, message)

    assert [problem.property for problem in problems(message)] == [where]
    assert (answer.status, answer.json["error"]["code"]) == (400, 100)
    assert sandbox.sent() == []


PNG = b"\x89PNG\r\n\x1a\n--boundary\r\n\r\n"


async def upload(
    api: Any,
    png: bytes = PNG,
    about: str = '{"attachment":{"type":"image","payload":{"is_reusable":true}}}',
    **more: str,
) -> Any:
    form = aiohttp.FormData()
    for name, value in {"message": about, **more}.items():
        form.add_field(name, value)
    form.add_field("filedata", png, filename="a.png", content_type="image/png")
    headers = api.bearer("MESSENGER_PAGE_ACCESS_TOKEN")
    url = f"{api.sandbox.url}/messenger/v26.0/me/message_attachments"
    async with api.session.post(url, data=form, headers=headers) as response:
        return response.status, await response.json()


async def test_an_uploaded_picture_is_sent_for_90_days(api: Any, sandbox: Sandbox, ticker: Any) -> None:
    """In an image or a media template, by the platform that it was uploaded for, byte for byte."""
    status, body = await upload(api)
    known = body["attachment_id"]
    assert (status, sandbox.graph.attachments[known].image) == (200, PNG)
    for message in (picture(attachment_id=known), media(attachment_id=known, buttons=[postback()])):
        assert (await api.send(PSID, message)).status == 200
    other = await api.send(demo_id("instagram", "yu"), picture(attachment_id=known))
    sandbox.people.put("messenger", PSID, window_open=True)
    ticker.advance(90 * 24 * 3_600 + 1)
    over = await api.send(PSID, picture(attachment_id=known))
    never = await api.send(PSID, picture(attachment_id="1234567890123456"))

    for refused in (other, over, never):
        assert (refused.status, refused.json["error"]["error_subcode"]) == (400, 2018074)


async def test_what_cannot_be_uploaded(api: Any, sandbox: Sandbox) -> None:
    """No picture, one that nobody could send again, another type, a platform that there is not."""
    image = '{"attachment":{"type":"image","payload":{"is_reusable":true}}}'
    tries = [
        await upload(api, b"GIF89a"),
        await upload(api, about='{"attachment":{"type":"image","payload":{}}}'),
        await upload(api, about=image.replace("image", "video")),
        await upload(api, about="no JSON"),
        await upload(api, platform="line"),
    ]
    plain = await api.graph("POST", "/me/message_attachments", {"message": {}})

    assert [status for status, _ in tries] == [400] * 5 and plain.status == 400
    assert sandbox.graph.attachments == {}
    assert (await upload(api, platform="instagram"))[0] == 200


async def test_a_persons_own_menu(api: Any, sandbox: Sandbox, ticker: Any) -> None:
    """Set, shown beside the page's, removed; ten calls in ten minutes, and on Messenger alone."""
    path = "/me/custom_user_settings"
    menu = [{"locale": "default", "composer_input_disabled": False, "call_to_actions": [postback()]}]
    early = await api.graph("POST", path, {"psid": PSID, "persistent_menu": menu})
    await api.graph("POST", "/me/messenger_profile", {"get_started": {"payload": "x"}, "persistent_menu": menu})

    assert (early.status, early.json["error"]["error_subcode"]) == (400, 2018145)
    assert (await api.graph("POST", path, {"psid": PSID, "persistent_menu": menu})).status == 200
    shown = await api.graph("GET", path, params={"psid": PSID})
    assert shown.json == {"data": [{"user_level_persistent_menu": menu, "page_level_persistent_menu": menu}]}
    gone = await api.graph("DELETE", path, params={"psid": PSID, "params": '["persistent_menu"]'})
    assert gone.status == 200 and sandbox.graph.menu_of == {}
    for body in ({"psid": PSID}, {"psid": PSID, "persistent_menu": menu, "extra": 1}, {"persistent_menu": menu}):
        assert (await api.graph("POST", path, body)).status == 400
    stranger = await api.graph("POST", path, {"psid": demo_id("instagram", "yu"), "persistent_menu": menu})
    assert stranger.status == 400

    statuses = [(await api.graph("GET", path, params={"psid": PSID})) for _ in range(6)]
    assert [each.status for each in statuses] == [200] * 4 + [400] * 2
    assert statuses[-1].json["error"]["code"] == 613
    ticker.advance(601)
    assert (await api.graph("GET", path, params={"psid": PSID})).status == 200


async def test_the_window_blocks_and_strangers(api: Any, sandbox: Sandbox) -> None:
    """Each has the code and subcode that Graph gives it."""
    hello = {"text": "嗨"}
    sandbox.people.put("messenger", PSID, window_open=False)
    closed = await api.send(PSID, hello)
    sandbox.people.put("messenger", PSID, window_open=True, blocked=True)
    blocked = await api.send(PSID, hello)
    unknown = await api.send("1234567890123456", hello)
    crowd = await api.send("9999000000000001", hello)

    codes = [
        (answer.json["error"]["code"], answer.json["error"].get("error_subcode"))
        for answer in (closed, blocked, unknown)
    ]
    assert codes == [(10, 2018278), (551, 1545041), (100, 2018001)]
    assert crowd.status == 200
    assert sandbox.sent() == []


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"messaging_type": "MESSAGE_TAG", "tag": "ACCOUNT_UPDATE"}, 100),
        ({"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}, 10),
        ({"messaging_type": None}, 100),
        ({"sender_action": "typing_on"}, 100),
        ({"surprise": 1}, 100),
    ],
)
async def test_what_a_send_may_say_of_itself(api: Any, more: dict[str, Any], code: int) -> None:
    assert (await api.send(PSID, {"text": "嗨"}, **more)).json["error"]["code"] == code


async def test_typing_is_listed_as_busy(api: Any, sandbox: Sandbox) -> None:
    body = {"recipient": {"id": PSID}, "sender_action": "typing_on"}

    answer = await api.graph("POST", "/108200000000042/messages", body)

    assert (answer.status, answer.json) == (200, {"recipient_id": PSID})
    assert [item.via for item in sandbox.sent(busy=True)] == ["busy"]


async def test_tokens_of_messenger(api: Any) -> None:
    """The token may come in the header, the query or not at all."""
    path, token = "/messenger/v26.0/me", api.settings["MESSENGER_PAGE_ACCESS_TOKEN"]
    proof = hmac.new(api.settings["MESSENGER_APP_SECRET"].encode(), token.encode(), hashlib.sha256).hexdigest()
    query = {"access_token": token, "appsecret_proof": proof}

    assert (await api("GET", path, params=query)).json["id"] == "108200000000042"
    assert (await api("GET", path, params=query | {"appsecret_proof": "no"})).json["error"]["code"] == 100
    assert (await api("GET", path)).json["error"]["code"] == 104
    assert (await api("GET", path, headers={"Authorization": "Bearer no"})).json["error"]["code"] == 190


async def test_profiles_and_the_pages_settings(api: Any) -> None:
    user = await api.graph("GET", f"/{PSID}?fields=first_name,locale")
    assert user.json == {"first_name": "林小雨", "locale": "zh_TW", "id": PSID}
    assert (await api.graph("GET", "/1234567890123456?fields=locale")).json["error"]["code"] == 100

    menu = {"locale": "default", "call_to_actions": [postback()]}
    assert (await api.graph("POST", "/me/messenger_profile", {"persistent_menu": [menu]})).status == 400
    profile = {"get_started": {"payload": "GET_STARTED"}, "persistent_menu": [menu]}
    assert (await api.graph("POST", "/me/messenger_profile", profile)).json == {"result": "success"}
    assert (await api.graph("GET", "/me/messenger_profile?fields=get_started")).json == {
        "data": [{"get_started": {"payload": "GET_STARTED"}}]
    }
    both = {"fields": ["get_started", "persistent_menu"]}
    assert (await api.graph("DELETE", "/me/messenger_profile", {"fields": ["get_started"]})).status == 400
    assert (await api.graph("DELETE", "/me/messenger_profile", both)).status == 200

    assert (await api.graph("DELETE", "/me/subscribed_apps")).json == {"success": True}
    assert (await api.graph("GET", "/me/subscribed_apps")).json == {"data": []}
    fields = "/me/subscribed_apps?subscribed_fields=messages,messaging_postbacks"
    assert (await api.graph("POST", fields)).json == {"success": True}
    subscribed = (await api.graph("GET", "/me/subscribed_apps")).json["data"][0]["subscribed_fields"]
    assert subscribed == ["messages", "messaging_postbacks"]


async def test_what_was_sent_can_be_waited_for(api: Any, sandbox: Sandbox) -> None:
    """A long poll returns as soon as there is something, and only what is newer."""
    asked = asyncio.create_task(api("GET", f"/_sandbox/sent?channel=line&to={USER}&after=0&wait_ms=5000"))
    await asyncio.sleep(0.02)
    assert not asked.done()

    sandbox.line.issue("token", USER)
    await api.reply("token", TEXT, {"type": "text", "text": "二"})
    first = (await asked).json
    rest = (await api("GET", f"/_sandbox/sent?after={first[0]['seq']}")).json
    nothing = (await api("GET", f"/_sandbox/sent?after={rest[-1]['seq']}&wait_ms=10")).json

    assert first[0] == {
        "seq": 1,
        "channel": "line",
        "to": USER,
        "via": "reply",
        "message": TEXT,
        "at": 1795147200000,
    }
    assert [item["message"]["text"] for item in rest] == ["二"]
    assert nothing == []
