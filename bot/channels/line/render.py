"""Our messages as LINE's: cards become Flex bubbles of one family, and LINE's limits are kept. Pure.

Whatever a text holds, the result is legal: LINE refuses a whole request for one bad field.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import assert_never

from bot.channels import Json, Pack, Rendered
from bot.channels.limits import BLANK, clean, one_line, pieces, shorten, utf16
from bot.channels.line.colors import Palette
from bot.channels.line.flex import (
    BUTTONS,
    QUICK_REPLY_LABEL,
    carousels,
    fitting_bubble,
    list_carousels,
    small_print,
    tap,
)
from bot.conversation.messages import (
    TOGETHER,
    Button,
    Card,
    Carousel,
    Listing,
    Message,
    Reply,
    SharePhone,
    SmallPrint,
    Text,
    Tile,
    gist,
    offered,
    plain,
    tile_label,
)

# https://developers.line.biz/en/reference/messaging-api/ names the limits at these anchors; how LINE
# counts is in https://developers.line.biz/en/docs/messaging-api/text-character-count/
TEXT = 5000  # #text-message
ALT_TEXT = 1500  # #flex-message
QUICK_REPLIES = 13  # #quick-reply


@dataclass(frozen=True, slots=True)
class _Draft:
    """A message before its quick replies: what LINE shows, and what stands in for a card."""

    message: Json
    stand_in: str | None = None
    actions: tuple[Json, ...] = ()


def render(reply: Reply, pack: Pack, colors: Palette) -> list[Rendered]:
    """An answer as at most five LINE messages, the quick replies under the last one."""
    drafts = [draft for message in reply.messages for draft in _drafts(message, pack, colors)]
    drafts = _at_most_five(drafts)
    choices = [
        action
        for choice in offered(reply)
        if not isinstance(choice, SharePhone) and (action := tap(choice, pack, QUICK_REPLY_LABEL))
    ]
    buttons = [action for draft in drafts for action in draft.actions]
    last = len(drafts) - 1
    return [
        Rendered(
            message=_with_quick_replies(draft.message, choices if index == last else []),
            # LINE shows quick replies under the last message only, so all cards' buttons go there.
            plain=None
            if draft.stand_in is None
            else _with_quick_replies(
                {"type": "text", "text": draft.stand_in},
                [*buttons[: QUICK_REPLIES - len(choices)], *choices] if index == last else [],
            ),
        )
        for index, draft in enumerate(drafts)
    ]


def _drafts(message: Message, pack: Pack, colors: Palette) -> Iterator[_Draft]:
    match message:
        case Text(text):
            for part in pieces(clean(text), TEXT) or [BLANK]:
                yield _Draft({"type": "text", "text": part})
        case Card():
            yield _flex(message, fitting_bubble(message, pack, colors), tuple(_actions(message, pack)))
        case Carousel(title, cards):
            if not cards:
                yield from _drafts(Text(title), pack, colors)
            for shown, contents in carousels(cards, pack, colors):
                named = tuple(action for card in shown for action in _named_action(card, pack))
                yield _flex(Carousel(title, shown), contents, named)
        case Listing():
            if not message.items:
                yield from _drafts(Text(plain(message)), pack, colors)
                return
            leads = tuple(action for each in message.buttons if (action := tap(each, pack, QUICK_REPLY_LABEL)))
            for contents in list_carousels(message, pack, colors):
                yield _flex(message, contents, leads)
                leads = ()
        case SmallPrint(text, button):
            more = tap(button, pack, QUICK_REPLY_LABEL)
            yield _flex(message, small_print(text, more, colors), (more,) if more else ())
        case _:
            assert_never(message)


def _at_most_five(drafts: list[_Draft]) -> list[_Draft]:
    """Neighbouring texts become one while there are too many; what is still too much is left out."""
    index = 1
    while len(drafts) > TOGETHER and index < len(drafts):
        one, other = drafts[index - 1].message, drafts[index].message
        if one["type"] == other["type"] == "text":
            text = f"{one['text']}\n\n{other['text']}"
            if utf16(text) <= TEXT:
                drafts[index - 1 : index + 1] = [_Draft({"type": "text", "text": text})]
                continue
        index += 1
    return drafts[:TOGETHER]


def _with_quick_replies(message: Json, actions: list[Json]) -> Json:
    if not actions:
        return message
    items = [{"type": "action", "action": action} for action in actions[:QUICK_REPLIES]]
    return {**message, "quickReply": {"items": items}}


def _flex(message: Card | Carousel | Listing | SmallPrint, contents: Json, actions: tuple[Json, ...]) -> _Draft:
    alt = shorten(one_line(gist(message)), ALT_TEXT) or BLANK
    stand_in = shorten(clean(plain(message)), TEXT) or BLANK
    return _Draft({"type": "flex", "altText": alt, "contents": contents}, stand_in, actions)


def _tile_button(tile: Tile) -> Button:
    return Button(tile_label(tile), tile.action)


def _actions(card: Card, pack: Pack) -> Iterator[Json]:
    """Everything tappable on a card, as quick replies."""
    for choice in (*card.buttons[:BUTTONS], *map(_tile_button, card.tiles)):
        if action := tap(choice, pack, QUICK_REPLY_LABEL):
            yield action


def _named_action(card: Card, pack: Pack) -> Iterator[Json]:
    """A carousel's cards often have the same button: out of its card it is called what the card is."""
    for choice in card.buttons[:1]:
        if action := tap(replace(choice, label=card.title), pack, QUICK_REPLY_LABEL):
            yield action
