"""The validator of LINE messages: what it lets pass LINE's own models can read, and each limit holds."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.line_messages import Problem, error_body, problems

BUTTON: dict[str, Any] = {
    "type": "button",
    "style": "primary",
    "height": "sm",
    "color": "#0F766E",
    "action": {"type": "postback", "label": "我的獎品", "data": "v1.gifts", "displayText": "我的獎品"},
}
BUBBLE: dict[str, Any] = {
    "type": "bubble",
    "size": "mega",
    "header": {"type": "box", "layout": "vertical", "contents": [], "height": "6px", "paddingAll": "0px"},
    "hero": {"type": "image", "url": "https://example.com/%E7%8D%8E.png", "aspectRatio": "1.91:1"},
    "body": {
        "type": "box",
        "layout": "vertical",
        "spacing": "md",
        "contents": [
            {"type": "text", "text": "保溫杯", "wrap": True, "maxLines": 3, "size": "xl", "weight": "bold"},
            {"type": "separator", "color": "#E5E7EB"},
            {
                "type": "box",
                "layout": "baseline",
                "contents": [
                    {"type": "icon", "url": "https://example.com/i.png"},
                    {"type": "text", "contents": [{"type": "span", "text": "可使用", "color": "#15803D"}]},
                ],
            },
            {
                "type": "box",
                "layout": "horizontal",
                "contents": [{"type": "filler"}],
                "action": {"type": "uri", "uri": "tel:+886-912-345-678"},
                "background": {
                    "type": "linearGradient",
                    "angle": "23.5deg",
                    "startColor": "#0F766E",
                    "endColor": "#0F766E80",
                },
            },
        ],
    },
    "footer": {"type": "box", "layout": "vertical", "contents": [BUTTON]},
    "styles": {"footer": {"separator": True, "backgroundColor": "#FFFFFF"}},
}


def flex(contents: Any, **more: Any) -> dict[str, Any]:
    return {"type": "flex", "altText": "您的獎品", "contents": contents, **more}


def carousel(count: int, bubble: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "carousel", "contents": [copy.deepcopy(bubble or BUBBLE) for _ in range(count)]}


def body(*contents: Any) -> dict[str, Any]:
    return flex({"type": "bubble", "body": {"type": "box", "layout": "vertical", "contents": list(contents)}})


def quick(count: int, label: str = "選單") -> dict[str, Any]:
    item = {"type": "action", "action": {"type": "message", "label": label, "text": "選單"}}
    return {"items": [item] * count}


def buttons(**changes: Any) -> dict[str, Any]:
    action = {"type": "message", "label": "好", "text": "好"}
    template = {"type": "buttons", "text": "您想做什麼？", "actions": [action], **changes}
    return {"type": "template", "altText": "選單", "template": template}


GOOD: dict[str, list[Any]] = {
    "text at its limit": [{"type": "text", "text": "字" * 5_000}],
    "text of astral characters at its limit": [{"type": "text", "text": "🎁" * 2_500}],
    "five messages": [{"type": "text", "text": "一"}] * 5,
    "quick replies": [{"type": "text", "text": "選", "quickReply": quick(13, "👨‍👩‍👧" * 20)}],
    "bubble": [flex(BUBBLE)],
    "twelve bubbles": [flex(carousel(12))],
    "buttons template": [buttons()],
    "confirm template": [
        {
            "type": "template",
            "altText": "確認",
            "template": {
                "type": "confirm",
                "text": "確定嗎？",
                "actions": [{"type": "postback", "label": "好", "data": "y"}] * 2,
            },
        }
    ],
    "video hero": [
        flex(
            {
                "type": "bubble",
                "hero": {
                    "type": "video",
                    "url": "https://example.com/v.mp4",
                    "previewUrl": "https://example.com/v.png",
                    "altContent": {"type": "image", "url": "https://example.com/v.png"},
                },
            }
        )
    ],
    "fill-in": [
        body(
            {
                "type": "button",
                "action": {
                    "type": "postback",
                    "label": "輸入",
                    "data": "v1.x",
                    "inputOption": "openKeyboard",
                    "fillInText": "兌換 ",
                },
            }
        )
    ],
    "copy": [body({"type": "button", "action": {"type": "clipboard", "label": "複製", "clipboardText": "A1"}})],
    "sticker": [{"type": "sticker", "packageId": "446", "stickerId": "1988"}],
    "image": [
        {
            "type": "image",
            "originalContentUrl": "https://example.com/a.png",
            "previewImageUrl": "https://example.com/a.png",
        }
    ],
    "textV2": [
        {
            "type": "textV2",
            "text": "嗨 {you}，{{}}",
            "substitution": {"you": {"type": "mention", "mentionee": {"type": "user", "userId": "U" + "0" * 32}}},
        }
    ],
    "emojis": [{"type": "text", "text": "🎁$", "emojis": [{"index": 2, "productId": "5ac1", "emojiId": "001"}]}],
}


@pytest.mark.parametrize("messages", GOOD.values(), ids=GOOD.keys())
def test_good_messages_pass_and_linebot_reads_them(messages: list[Any]) -> None:
    """What the validator accepts, LINE's own Python models accept as well."""
    from linebot.v3.messaging import PushMessageRequest

    assert problems(messages) == []
    request = PushMessageRequest.from_dict({"to": "U" + "0" * 32, "messages": messages})
    assert request is not None
    assert len(request.messages) == len(messages)


def text(**more: Any) -> list[Any]:
    return [{"type": "text", "text": "嗨", **more}]


def component(**fields: Any) -> list[Any]:
    return [body(fields)]


def button(**action: Any) -> list[Any]:
    return [body({"type": "button", "action": action})]


def broken(change: Callable[[Any], object]) -> list[Any]:
    bubble = copy.deepcopy(BUBBLE)
    change(bubble)
    return [flex(bubble)]


FIRST = "/body/contents/0"

BAD: dict[str, tuple[Any, str]] = {
    # The request
    "no list": (None, "messages"),
    "no message": ([], "messages"),
    "six messages": (text() * 6, "messages"),
    "null message": ([None], "messages[0]"),
    "no type": ([{"text": "嗨"}], "messages[0].type"),
    "unknown type": ([{"type": "carousel"}], "messages[0].type"),
    # Text
    "empty text": ([{"type": "text", "text": ""}], "messages[0].text"),
    "no text": ([{"type": "text"}], "messages[0].text"),
    "null text": ([{"type": "text", "text": None}], "messages[0].text"),
    "number as text": ([{"type": "text", "text": 5}], "messages[0].text"),
    "text too long": ([{"type": "text", "text": "a" * 5_001}], "messages[0].text"),
    "astral text too long": ([{"type": "text", "text": "🎁" * 2_501}], "messages[0].text"),
    "unknown property": (text(wrap=True), "messages[0].wrap"),
    "emoji without placeholder": (
        text(emojis=[{"index": 0, "productId": "1", "emojiId": "1"}]),
        "messages[0].emojis[0].index",
    ),
    "open brace in textV2": ([{"type": "textV2", "text": "{name"}], "messages[0].text"),
    "sender named like LINE": (text(sender={"name": "LINE 客服"}), "messages[0].sender.name"),
    # Quick replies
    "no quick reply": (text(quickReply=quick(0)), "messages[0].quickReply.items"),
    "fourteen quick replies": (text(quickReply=quick(14)), "messages[0].quickReply.items"),
    "long quick reply label": (
        text(quickReply=quick(1, "字" * 21)),
        "messages[0].quickReply.items[0].action.label",
    ),
    "empty quick reply label": (
        text(quickReply=quick(1, "")),
        "messages[0].quickReply.items[0].action.label",
    ),
    "quick reply without label": (
        text(quickReply={"items": [{"type": "action", "action": {"type": "message", "text": "好"}}]}),
        "messages[0].quickReply.items[0].action.label",
    ),
    "quick reply without type": (
        text(quickReply={"items": [{"action": {"type": "camera", "label": "拍照"}}]}),
        "messages[0].quickReply.items[0].type",
    ),
    "quick reply icon by http": (
        text(
            quickReply={
                "items": [
                    {
                        "type": "action",
                        "imageUrl": "http://example.com/a.png",
                        "action": {"type": "camera", "label": "拍照"},
                    }
                ]
            }
        ),
        "messages[0].quickReply.items[0].imageUrl",
    ),
    # Actions
    "no label": (button(type="postback", data="x"), f"{FIRST}/action/label"),
    "label too long": (button(type="postback", label="字" * 41, data="x"), f"{FIRST}/action/label"),
    "no data": (button(type="postback", label="好"), f"{FIRST}/action/data"),
    "empty data": (button(type="postback", label="好", data=""), f"{FIRST}/action/data"),
    "data too long": (button(type="postback", label="好", data="x" * 301), f"{FIRST}/action/data"),
    "displayText too long": (
        button(type="postback", label="好", data="x", displayText="字" * 301),
        f"{FIRST}/action/displayText",
    ),
    "displayText and text": (
        button(type="postback", label="好", data="x", displayText="好", text="好"),
        f"{FIRST}/action/displayText",
    ),
    "fillInText without keyboard": (
        button(type="postback", label="好", data="x", fillInText="兌換"),
        f"{FIRST}/action/fillInText",
    ),
    "unknown inputOption": (
        button(type="postback", label="好", data="x", inputOption="open"),
        f"{FIRST}/action/inputOption",
    ),
    "message too long": (button(type="message", label="好", text="字" * 301), f"{FIRST}/action/text"),
    "camera outside quick replies": (button(type="camera", label="拍照"), f"{FIRST}/action/type"),
    "javascript": (button(type="uri", label="好", uri="javascript:alert(1)"), f"{FIRST}/action/uri"),
    "relative uri": (button(type="uri", label="好", uri="/menu"), f"{FIRST}/action/uri"),
    "Chinese in uri": (button(type="uri", label="好", uri="https://example.com/獎"), f"{FIRST}/action/uri"),
    "space in uri": (button(type="uri", label="好", uri="https://example.com/a b"), f"{FIRST}/action/uri"),
    "half an escape": (button(type="uri", label="好", uri="https://example.com/%E7%"), f"{FIRST}/action/uri"),
    "no host": (button(type="uri", label="好", uri="https:///a"), f"{FIRST}/action/uri"),
    "uri too long": (
        button(type="uri", label="好", uri="https://example.com/" + "a" * 981),
        f"{FIRST}/action/uri",
    ),
    "clipboard too long": (
        button(type="clipboard", label="好", clipboardText="a" * 1_001),
        f"{FIRST}/action/clipboardText",
    ),
    "picker without mode": (button(type="datetimepicker", label="好", data="x"), f"{FIRST}/action/mode"),
    "picker upside down": (
        button(type="datetimepicker", label="好", data="x", mode="date", min="2026-02-02", max="2026-01-01"),
        f"{FIRST}/action/max",
    ),
    # Flex
    "no altText": ([{"type": "flex", "contents": BUBBLE}], "messages[0].altText"),
    "empty altText": ([flex(BUBBLE) | {"altText": ""}], "messages[0].altText"),
    "altText too long": ([flex(BUBBLE) | {"altText": "字" * 1_501}], "messages[0].altText"),
    "no contents": ([{"type": "flex", "altText": "x"}], "messages[0].contents"),
    "no container": ([flex(BUTTON)], "/type"),
    "empty bubble": ([flex({"type": "bubble"})], "/"),
    "unknown bubble size": (broken(lambda b: b.update(size="huge")), "/size"),
    "body is text": (broken(lambda b: b.update(body={"type": "text", "text": "x"})), "/body/type"),
    "null block": (broken(lambda b: b.update(body=None)), "/body"),
    "unknown block": (broken(lambda b: b.update(foot=BUTTON)), "/foot"),
    "thirteen bubbles": ([flex(carousel(13))], "/contents"),
    "no bubbles": ([flex({"type": "carousel", "contents": []})], "/contents"),
    "null bubble": ([flex({"type": "carousel", "contents": [BUBBLE, None]})], "/contents/1"),
    "bubbles of two sizes": (
        [flex({"type": "carousel", "contents": [BUBBLE, BUBBLE | {"size": "kilo"}]})],
        "/contents",
    ),
    "bubble too large": ([body(*[{"type": "text", "text": "字" * 500}] * 21)], "/"),
    "carousel too large": (
        [flex(carousel(12, body(*[{"type": "text", "text": "字" * 500}] * 3)["contents"]))],
        "/",
    ),
    "box without layout": (component(type="box", contents=[]), f"{FIRST}/layout"),
    "box without contents": (component(type="box", layout="vertical"), f"{FIRST}/contents"),
    "null in box": ([body(None)], "/body/contents"),
    "button in baseline": (
        component(type="box", layout="baseline", contents=[BUTTON]),
        f"{FIRST}/contents/0/type",
    ),
    "icon in vertical": (component(type="icon", url="https://example.com/i.png"), f"{FIRST}/type"),
    "span in box": (component(type="span", text="x"), f"{FIRST}/type"),
    "spacer": (component(type="spacer"), f"{FIRST}/type"),
    "video in body": (component(type="video"), f"{FIRST}/type"),
    "typo": (component(type="text", text="x", algin="center"), f"{FIRST}/algin"),
    "empty flex text": (component(type="text", text=""), f"{FIRST}/text"),
    "null flex text": (component(type="text", text=None), f"{FIRST}/text"),
    "flex text without text": (component(type="text"), f"{FIRST}/text"),
    "button as span": (component(type="text", contents=[BUTTON]), f"{FIRST}/contents/0/type"),
    "named colour": (component(type="text", text="x", color="red"), f"{FIRST}/color"),
    "short colour": (component(type="text", text="x", color="#FFF"), f"{FIRST}/color"),
    "unknown text size": (component(type="text", text="x", size="6xl"), f"{FIRST}/size"),
    "share as margin": (component(type="text", text="x", margin="5%"), f"{FIRST}/margin"),
    "wrap as text": (component(type="text", text="x", wrap="true"), f"{FIRST}/wrap"),
    "negative flex": (component(type="text", text="x", flex=-1), f"{FIRST}/flex"),
    "flag as flex": (component(type="text", text="x", flex=True), f"{FIRST}/flex"),
    "image by http": (component(type="image", url="http://example.com/a.png"), f"{FIRST}/url"),
    "image url too long": (
        component(type="image", url="https://example.com/" + "a" * 1_981),
        f"{FIRST}/url",
    ),
    "image without url": (component(type="image"), f"{FIRST}/url"),
    "image too tall": (
        component(type="image", url="https://example.com/a.png", aspectRatio="1:4"),
        f"{FIRST}/aspectRatio",
    ),
    "eleven animations": (
        [body(*[{"type": "image", "url": "https://example.com/a.png", "animated": True}] * 11)],
        "/",
    ),
    "button without action": (component(type="button"), f"{FIRST}/action"),
    "absolute first child": (
        component(type="box", layout="vertical", contents=[], position="absolute"),
        f"{FIRST}/position",
    ),
    "gradient without angle": (
        component(
            type="box",
            layout="vertical",
            contents=[],
            background={"type": "linearGradient", "startColor": "#000000", "endColor": "#FFFFFF"},
        ),
        f"{FIRST}/background/angle",
    ),
    "angle too wide": (
        component(
            type="box",
            layout="vertical",
            contents=[],
            background={
                "type": "linearGradient",
                "angle": "360deg",
                "startColor": "#000000",
                "endColor": "#FFFFFF",
            },
        ),
        f"{FIRST}/background/angle",
    ),
    "unknown style": (
        broken(lambda b: b.update(styles={"body": {"colour": "#FFFFFF"}})),
        "/styles/body/colour",
    ),
    # Templates
    "template text too long": ([buttons(text="字" * 161)], "messages[0].template.text"),
    "template text with a title too long": (
        [buttons(text="字" * 61, title="標題")],
        "messages[0].template.text",
    ),
    "template title too long": ([buttons(title="字" * 41)], "messages[0].template.title"),
    "five template buttons": (
        [buttons(actions=[{"type": "message", "label": "好", "text": "好"}] * 5)],
        "messages[0].template.actions",
    ),
    "template label too long": (
        [buttons(actions=[{"type": "message", "label": "字" * 21, "text": "好"}])],
        "messages[0].template.actions[0].label",
    ),
    "unknown template property": ([buttons(subtitle="x")], "messages[0].template.subtitle"),
    "uneven columns": (
        [
            {
                "type": "template",
                "altText": "x",
                "template": {
                    "type": "carousel",
                    "columns": [
                        {"text": "一", "actions": [{"type": "message", "label": "好", "text": "好"}] * count}
                        for count in (1, 2)
                    ],
                },
            }
        ],
        "messages[0].template.columns",
    ),
}


@pytest.mark.parametrize(("messages", "where"), BAD.values(), ids=BAD.keys())
def test_each_breach_is_found_where_it_is(messages: Any, where: str) -> None:
    """One fault gives one finding, with LINE's kind of path to it."""
    assert [problem.property for problem in problems(messages)] == [where]


def test_flex_errors_are_told_like_lines() -> None:
    """Inside Flex the top message names the message, and the details point into its contents."""
    found = problems([*text(), *component(type="text", text="")])

    assert error_body(found) == {
        "message": "A message (messages[1]) in the request body is invalid",
        "details": [{"message": "must be specified", "property": "/body/contents/0/text"}],
    }


def test_other_errors_are_told_like_lines() -> None:
    """Outside of Flex they are counted, and each names its field."""
    assert error_body(problems([{"type": "text", "text": "a" * 5_001}])) == {
        "message": "The request body has 1 error(s)",
        "details": [{"message": "Length must be between 1 and 5000", "property": "messages[0].text"}],
    }


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(("box", "text", "bubble")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(("type", "contents", "text", "body", "action", "layout", "altText", "items", "size")),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@given(_json, st.sampled_from(("text", "flex", "template", "textV2", "audio")))
def test_whatever_comes_is_judged_without_a_crash(value: Any, kind: str) -> None:
    """Any JSON gives findings, never an exception."""
    message = {"type": kind, "text": value, "contents": value, "template": value, "quickReply": value}

    assert all(isinstance(problem, Problem) for problem in [*problems([message, value]), *problems(value)])
