"""Instagram's stand-in: behind Messenger's address and token, with ids, limits, profiles and webhooks of its own."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from sandbox import Phone, Sandbox
from sandbox.credentials import INSTAGRAM_ACCOUNT_ID, MESSENGER_APP_SECRET, MESSENGER_PAGE_ID
from sandbox.instagram import RULES
from sandbox.messenger_messages import MESSENGER, problems
from sandbox.people import CHANNELS, CROWD, demo_id, demo_people, new_id
from sandbox.screen import Button, Card, Line, Screen

IGSID = demo_id("instagram", "yu")
PSID = demo_id("messenger", "yu")
CROWDED = "9998000000000001"


def template(kind: str, **payload: Any) -> dict[str, Any]:
    return {"attachment": {"type": "template", "payload": {"template_type": kind, **payload}}}


def generic(**changes: Any) -> dict[str, Any]:
    return template("generic", elements=[{"title": "保溫杯", "subtitle": "可使用", **changes}])


def postback(title: str = "我的獎品", payload: str = "v1.g") -> dict[str, Any]:
    return {"type": "postback", "title": title, "payload": payload}


def replies(count: int, title: str = "選單", payload: str = "v1.m", **more: Any) -> list[dict[str, Any]]:
    return [{"content_type": "text", "title": title, "payload": payload, **more}] * count


@pytest.fixture
def phone(ticker: Any) -> Phone:
    return Phone("instagram", IGSID, clock=ticker)


def event(webhook: Any) -> dict[str, Any]:
    happened: dict[str, Any] = webhook.json["entry"][0]["messaging"][0]
    return happened


# People


def test_no_id_is_of_two_channels() -> None:
    """Messenger's and Instagram's are told apart by nothing else; no newcomer has one of the crowd's."""
    ids = [person.id for person in demo_people()]
    fresh = [(channel, new_id(channel)) for channel in CHANNELS for _ in range(50)]

    assert len(set(ids)) == len(ids)
    assert all(person.id.isdecimal() for person in demo_people() if person.channel == "instagram")
    assert not any(pattern.fullmatch(each) for pattern in CROWD.values() for each in ids)
    assert not any(pattern.fullmatch(each) for pattern in CROWD.values() for _, each in fresh)
    assert [channel for channel in CHANNELS if CROWD[channel].fullmatch(CROWDED)] == ["instagram"]


async def test_the_same_people_own_the_same_on_instagram(api: Any) -> None:
    """MantaGo calls the channel by its own name and knows no id of another one."""
    theirs, messengers = await api.gifts(IGSID, "instagram"), await api.gifts(PSID, "facebook")

    assert theirs.status == 200
    assert theirs.json == messengers.json
    assert (await api.gifts(PSID, "instagram")).json["errResponse"]["code"] == 37011
    assert (await api.gifts(CROWDED, "instagram")).status == 200
    path = f"/mantago/openapi/client/point?botId={api.settings['MANTAGO_BOT_ID']}"
    body = {"secret": api.settings["MANTAGO_SECRET"], "platform": "instagram", "platformClientIds": [IGSID, PSID]}
    points = (await api("POST", path, body, headers=api.bearer("MANTAGO_TOKEN"))).json["points"]
    assert points == [{"platform": "instagram", "platformClientId": IGSID, "points": 30}]


async def test_who_somebody_is(api: Any) -> None:
    """Never which language they read: asking for it is an error, as for anything that Messenger knows and this not."""
    told = (await api.graph("GET", f"/{IGSID}?fields=name,username,profile_pic")).json
    refused = [await api.graph("GET", f"/{IGSID}?fields={name}") for name in ("locale", "first_name")]

    assert told == {"name": "林小雨", "username": "yu.0101", "id": IGSID}
    assert [answer.json["error"]["code"] for answer in refused] == [100, 100]
    assert "nonexisting field (locale)" in refused[0].json["error"]["message"]
    assert (await api.graph("GET", f"/{PSID}?fields=locale")).json == {"locale": "zh_TW", "id": PSID}
    assert (await api.graph("GET", f"/{CROWDED}")).json["id"] == CROWDED


async def test_the_page_names_its_instagram_account(api: Any) -> None:
    asked = (await api.graph("GET", "/me?fields=id,name,instagram_business_account")).json
    account = (await api.graph("GET", f"/{INSTAGRAM_ACCOUNT_ID}?fields=username")).json

    assert asked["instagram_business_account"] == {"id": INSTAGRAM_ACCOUNT_ID}
    assert api.settings["INSTAGRAM_ACCOUNT_ID"] == account["id"] == INSTAGRAM_ACCOUNT_ID


# Sending


@pytest.mark.parametrize("page", ["me", MESSENGER_PAGE_ID])
async def test_one_address_sends_to_both(api: Any, sandbox: Sandbox, page: str) -> None:
    """With the page's token; the id decides whom it reaches, and where."""
    for user in (IGSID, PSID):
        body = {"recipient": {"id": user}, "messaging_type": "RESPONSE", "message": {"text": "嗨"}}
        answer = await api.graph("POST", f"/{page}/messages", body)
        assert (answer.status, answer.json["recipient_id"]) == (200, user)

    assert [(item.channel, item.to, item.via) for item in sandbox.sent()] == [
        ("instagram", IGSID, "send"),
        ("messenger", PSID, "send"),
    ]
    assert (await api.graph("POST", f"/{INSTAGRAM_ACCOUNT_ID}/messages", body)).json["error"]["code"] == 100


@pytest.mark.parametrize(
    "message",
    [
        {"text": "字" * 333},
        {"text": "x" * 1_000},
        {"text": "選", "quick_replies": replies(13, "字" * 20, "x" * 1_000)},
        {"text": "手機？", "quick_replies": [{"content_type": "user_phone_number"}]},
        generic(title="字" * 80, subtitle="字" * 80, buttons=[postback("字" * 20, "x" * 1_000)] * 3),
        generic(
            image_url="https://example.com/a.png", default_action={"type": "web_url", "url": "https://example.com/"}
        ),
        template("generic", elements=[{"title": "一", "subtitle": "二"}] * 10),
        template(
            "button", text="字" * 640, buttons=[postback(), {"type": "web_url", "title": "看", "url": "https://a.tw"}]
        ),
        {"attachment": {"type": "image", "payload": {"url": "https://example.com/a.png"}}},
    ],
)
async def test_good_messages_reach_instagram(api: Any, sandbox: Sandbox, message: Any) -> None:
    answer = await api.send(IGSID, message)

    assert answer.status == 200, answer.json
    assert [item.message for item in sandbox.sent("instagram", IGSID)] == [message]


@pytest.mark.parametrize(
    ("message", "where"),
    [
        ({"text": "字" * 334}, "message.text"),
        ({"text": "x" * 998 + "字"}, "message.text"),
        ({"text": "嗨", "metadata": "x"}, "message.metadata"),
        ({"text": "嗨", "quick_replies": replies(14)}, "message.quick_replies"),
        ({"text": "嗨", "quick_replies": replies(1, "字" * 21)}, "message.quick_replies[0].title"),
        (
            {"text": "嗨", "quick_replies": replies(1, image_url="https://example.com/a.png")},
            "message.quick_replies[0].image_url",
        ),
        ({**generic(), "quick_replies": replies(1)}, "message.quick_replies"),
        (
            template("generic", elements=[{"title": "一", "subtitle": "二"}], image_aspect_ratio="square"),
            "message.attachment.payload.image_aspect_ratio",
        ),
        (generic(title="字" * 81), "message.attachment.payload.elements[0].title"),
        (generic(buttons=[postback()] * 4), "message.attachment.payload.elements[0].buttons"),
        (
            generic(buttons=[{"type": "phone_number", "title": "打", "payload": "+886912345678"}]),
            "message.attachment.payload.elements[0].buttons[0].type",
        ),
        (
            generic(buttons=[{"type": "web_url", "title": "看", "url": "https://a.tw", "fallback_url": "https://b.tw"}]),
            "message.attachment.payload.elements[0].buttons[0].fallback_url",
        ),
        (template("button", text="字" * 641, buttons=[postback()]), "message.attachment.payload.text"),
        (template("coupon", title="85 折", coupon_code="A1"), "message.attachment.payload.template_type"),
        (template("media", elements=[{}]), "message.attachment.payload.template_type"),
        (template("generic"), "message.attachment.payload.elements"),
        ({"attachment": {"type": "template", "payload": {"template_type": ["generic"]}}},
         "message.attachment.payload.template_type"),
    ],
)  # fmt: skip
async def test_each_breach_of_instagram_is_found(api: Any, sandbox: Sandbox, message: Any, where: str) -> None:
    """The finding names the field, and the call answers 400 with code 100."""
    answer = await api.send(IGSID, message)

    assert [problem.property for problem in problems(message, RULES)] == [where]
    assert (answer.status, answer.json["error"]["code"]) == (400, 100)
    assert answer.json["error"]["message"].startswith(f"(#100) {where} ")
    assert sandbox.sent() == []


def test_an_error_says_that_bytes_are_counted() -> None:
    """Messenger takes the same text, and has no such word in its own error."""
    text = {"text": "字" * 334}

    assert problems(text, RULES)[0].message.endswith("less than or equal to 1000 bytes of UTF-8")
    assert problems(text, MESSENGER) == []
    assert problems({"text": "x" * 2_001})[0].message.endswith("less than or equal to 2000")


async def test_whom_instagram_does_not_reach(api: Any, sandbox: Sandbox) -> None:
    """Each has the code that Graph gives it, some subcodes being Instagram's own."""
    hello = {"text": "嗨"}
    sandbox.people.put("instagram", IGSID, window_open=False)
    closed = await api.send(IGSID, hello)
    sandbox.people.put("instagram", IGSID, window_open=True, blocked=True)
    blocked = await api.send(IGSID, hello)
    crowd = await api.send(CROWDED, hello)
    tagged = await api.send(demo_id("instagram", "emily"), hello, messaging_type="MESSAGE_TAG", tag="HUMAN_AGENT")
    silent = await api.send(demo_id("instagram", "emily"), hello, notification_type="NO_PUSH")

    codes = [
        (answer.json["error"]["code"], answer.json["error"].get("error_subcode"))
        for answer in (closed, blocked, tagged, silent)
    ]
    assert codes == [(10, 2534022), (551, 1545041), (10, None), (100, None)]
    assert crowd.status == 200
    assert sandbox.sent() == []
    assert (await api.send(PSID, hello)).status == 200


async def test_typing_is_shown_on_instagram(api: Any, sandbox: Sandbox) -> None:
    answer = await api.graph("POST", "/me/messages", {"recipient": {"id": IGSID}, "sender_action": "typing_on"})

    assert answer.json == {"recipient_id": IGSID}
    assert [(item.channel, item.via) for item in sandbox.sent(busy=True)] == [("instagram", "busy")]


# The page's profile inside Instagram

MENU = [{"locale": "default", "call_to_actions": [postback("選單", "v1.m")]}]
ASKED = [{"locale": "default", "call_to_actions": [{"question": "有什麼獎品？", "payload": "v1.g"}]}]


async def test_each_platform_has_its_own_profile(api: Any, sandbox: Sandbox) -> None:
    """Which one is meant is said in the address or in the body; without a word it is Messenger's."""
    profile = "/me/messenger_profile"
    set_up = await api.graph("POST", f"{profile}?platform=instagram", {"persistent_menu": MENU})
    asked = await api.graph("POST", profile, {"platform": "instagram", "ice_breakers": ASKED})
    menu = await api.graph("GET", f"{profile}?platform=instagram&fields=persistent_menu")
    both = await api.graph("GET", f"{profile}?platform=instagram&fields=persistent_menu,ice_breakers")

    assert (set_up.json, asked.json) == ({"result": "success"}, {"result": "success"})
    assert menu.json == {"data": [{"persistent_menu": MENU}]}
    assert both.json == {"data": [{"persistent_menu": MENU, "ice_breakers": ASKED}]}
    assert (await api.graph("GET", f"{profile}?platform=instagram&fields=ice_breakers")).json == {"data": ASKED}
    assert (await api.graph("GET", f"{profile}?fields=persistent_menu")).json == {"data": []}
    assert sandbox.messenger.profile == {}
    gone = await api.graph("DELETE", f'{profile}?platform=instagram&fields=["persistent_menu"]')
    assert (gone.status, list(sandbox.instagram.profile)) == (200, ["ice_breakers"])
    sandbox.reset()
    assert sandbox.instagram.profile == {}


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ({"persistent_menu": [{"locale": "zh_TW", "call_to_actions": []}]}, "locale default"),
        ({"persistent_menu": [MENU[0] | {"composer_input_disabled": False}]}, "composer_input_disabled"),
        (
            {
                "persistent_menu": [
                    {
                        "locale": "default",
                        "call_to_actions": [
                            {"type": "web_url", "title": "看", "url": "https://a.tw", "webview_height_ratio": "full"}
                        ],
                    }
                ]
            },
            "webview_height_ratio",
        ),
        ({"persistent_menu": [{"locale": "default", "call_to_actions": [postback("字" * 31)]}]}, "title"),
        ({"ice_breakers": [{"locale": "en_US", "call_to_actions": ASKED[0]["call_to_actions"]}]}, "locale default"),
        ({"ice_breakers": [ASKED[0] | {"call_to_actions": []}]}, "1 to 4"),
        ({"ice_breakers": [{"locale": "default", "call_to_actions": [*ASKED[0]["call_to_actions"]] * 5}]}, "1 to 4"),
        ({"ice_breakers": ASKED[0]["call_to_actions"]}, "locale default"),
        ({"get_started": {"payload": "GET_STARTED"}}, "get_started is not supported for instagram"),
        ({"persistent_menu": MENU, "greeting": []}, "greeting is not supported for instagram"),
        ({"commands": []}, "commands is not supported for instagram"),
    ],
)
async def test_what_instagrams_profile_may_not_have(
    api: Any, sandbox: Sandbox, profile: dict[str, Any], said: str
) -> None:
    answer = await api.graph("POST", "/me/messenger_profile?platform=instagram", profile)

    assert (answer.status, answer.json["error"]["code"]) == (400, 100)
    assert said in answer.json["error"]["message"]
    assert sandbox.instagram.profile == {}


async def test_there_is_no_third_platform_behind_the_page(api: Any) -> None:
    answer = await api.graph("GET", "/me/messenger_profile?platform=whatsapp&fields=persistent_menu")

    assert answer.json["error"]["message"] == "(#100) Param platform must be one of {messenger, instagram}"


# What the phone posts


def test_instagram_signs_as_the_same_app(phone: Phone) -> None:
    """To Messenger's webhook, over the escaped bytes, about the account instead of the page."""
    said = phone.says("兌換／🎁 a/b")
    mac = hmac.new(MESSENGER_APP_SECRET.encode(), said.body, hashlib.sha256)

    assert said.path == "/webhooks/messenger"
    assert said.headers["X-Hub-Signature-256"] == f"sha256={mac.hexdigest()}"
    assert said.body.isascii()
    now = int(phone.clock().timestamp() * 1_000)
    mid = event(said)["message"]["mid"]
    assert said.json == {
        "object": "instagram",
        "entry": [
            {
                "id": INSTAGRAM_ACCOUNT_ID,
                "time": now,
                "messaging": [
                    {
                        "sender": {"id": IGSID},
                        "recipient": {"id": INSTAGRAM_ACCOUNT_ID},
                        "timestamp": now,
                        "message": {"mid": mid, "text": "兌換／🎁 a/b"},
                    }
                ],
            }
        ],
    }
    assert mid != event(phone.says("嗨"))["message"]["mid"]


@pytest.mark.parametrize(
    ("make", "name", "content"),
    [
        (lambda phone: phone.taps("v1.m", "選單", quick_reply=True), "message",
         {"text": "選單", "quick_reply": {"payload": "v1.m"}}),
        (lambda phone: phone.shares_phone("+886912345678"), "message",
         {"text": "+886912345678", "quick_reply": {"payload": "+886912345678"}}),
        (lambda phone: phone.taps("v1.g", "我的獎品"), "postback", {"title": "我的獎品", "payload": "v1.g"}),
        (lambda phone: phone.follows(), "postback", {"title": "What can you do?", "payload": "GET_STARTED"}),
        (lambda phone: phone.breaks_ice("有什麼獎品？", "v1.g", ref="poster"), "postback",
         {"title": "有什麼獎品？", "payload": "v1.g",
          "referral": {"ref": "poster", "source": "SHORTLINKS", "type": "OPEN_THREAD"}}),
        (lambda phone: phone.says("嗨", ref="poster"), "message",
         {"text": "嗨", "referral": {"ref": "poster", "source": "SHORTLINKS", "type": "OPEN_THREAD"}}),
        (lambda phone: phone.comes_by_link("poster"), "referral",
         {"ref": "poster", "source": "SHORTLINKS", "type": "OPEN_THREAD"}),
        (lambda phone: phone.unsends("m1"), "message", {"mid": "m1", "is_deleted": True}),
        (lambda phone: phone.sends_unsupported(), "message", {"is_unsupported": True}),
        (lambda phone: phone.sends_location(), "message", {"is_unsupported": True}),
        (lambda phone: phone.sends_disappearing(), "message", {"attachments": [{"type": "ephemeral"}]}),
    ],
)  # fmt: skip
def test_what_people_do_on_instagram(phone: Phone, make: Any, name: str, content: dict[str, Any]) -> None:
    """The names and places that Meta gives them; whatever is said or tapped has an id."""
    happened = event(make(phone))
    found = happened[name]

    assert {key: value for key, value in found.items() if key in content} == content
    assert set(found) - set(content) <= {"mid"}
    assert name == "referral" or found["mid"]
    assert (happened["sender"], happened["recipient"]) == ({"id": IGSID}, {"id": INSTAGRAM_ACCOUNT_ID})


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda phone: phone.sends_image(), "image"),
        (lambda phone: phone.sends_sticker(), "image"),
        (lambda phone: phone.sends("audio"), "audio"),
        (lambda phone: phone.mentions_in_story(), "story_mention"),
        (lambda phone: phone.shares_post(), "share"),
        (lambda phone: phone.shares_reel(), "ig_reel"),
    ],
)
def test_media_and_stories_are_addresses(phone: Phone, make: Any, kind: str) -> None:
    """A sticker looks like any picture."""
    (attachment,) = event(make(phone))["message"]["attachments"]

    assert attachment["type"] == kind
    assert attachment["payload"]["url"].startswith("https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id=")
    assert "sticker_id" not in attachment["payload"]


def test_more_of_what_the_platform_tells(phone: Phone) -> None:
    """Echoes from the account to the person, edits, what was seen, answers to stories, standby, batches, replays."""
    echo, said = event(phone.echoes("嗨")), phone.says("嗨")
    edit, story = event(phone.edits(said, "哈囉")), event(phone.replies_to_story("好看"))
    aside = phone.on_standby("嗨").json["entry"][0]
    both = phone.together(said, phone.says("二"))

    assert (echo["sender"], echo["recipient"]) == ({"id": INSTAGRAM_ACCOUNT_ID}, {"id": IGSID})
    assert (echo["message"]["is_echo"], "app_id" in echo["message"]) == (True, False)
    assert edit["message_edit"] == {"mid": event(said)["message"]["mid"], "text": "哈囉", "num_edit": 1}
    assert list(event(phone.reads())["read"]) == ["mid"]
    assert list(story["message"]["reply_to"]["story"]) == ["id", "url"]
    assert ("messaging" in aside, aside["standby"][0]["message"]["text"]) == (False, "嗨")
    assert (both.json["object"], len(both.json["entry"])) == ("instagram", 2)
    assert phone.redelivered(said) == said


@pytest.mark.parametrize(
    ("channel", "make", "said"),
    [
        ("instagram", lambda phone: phone.gets_started(), "instagram has no such event; messenger has"),
        ("instagram", lambda phone: phone.unfollows(), "instagram has no such event; line has"),
        ("instagram", lambda phone: phone.says("(love)", emoji=["(love)"]), "line has"),
        ("messenger", lambda phone: phone.breaks_ice(), "messenger has no such event; instagram has"),
        ("messenger", lambda phone: phone.mentions_in_story(), "instagram has"),
        ("messenger", lambda phone: phone.unsends("m1"), "line and instagram have"),
        ("line", lambda phone: phone.says("嗨", ref="poster"), "messenger and instagram have"),
    ],
)
def test_what_other_channels_have_is_refused(channel: str, make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make(Phone(channel, "1"))


def test_there_are_three_channels() -> None:
    with pytest.raises(ValueError, match="there are line, messenger, instagram"):
        Phone("whatsapp", "1")


# What is seen of it


async def test_the_control_api_knows_instagram(api: Any, sandbox: Sandbox) -> None:
    """Its people, what reached them, and what can be changed about them."""
    await api.send(IGSID, {"text": "嗨"})
    changed = await api("PUT", f"/_sandbox/people/instagram/{IGSID}", {"window_open": False})
    people = (await api("GET", "/_sandbox/people")).json

    assert (changed.status, changed.json["window_open"]) == (200, False)
    assert sum(person["channel"] == "instagram" for person in people) == 10
    assert [item["to"] for item in (await api("GET", "/_sandbox/sent?channel=instagram")).json] == [IGSID]
    assert (await api("PUT", "/_sandbox/people/whatsapp/1", {})).status == 404


def test_a_terminal_draws_instagrams_messages_as_messengers() -> None:
    screen = Screen()
    screen.add("instagram", generic(buttons=[postback("領取", "v1.c")]))
    screen.add("instagram", {"text": "還要什麼？", "quick_replies": replies(1)})

    assert screen.parts == [
        Card(lines=[Line("保溫杯", "bold"), Line("可使用"), Line("[1] 領取", "button")]),
        "還要什麼？",
    ]
    assert screen.button(2) == Button("選單", "quick_reply", "v1.m", "選單")
