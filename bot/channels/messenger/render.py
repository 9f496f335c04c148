"""Our messages as Messenger's: cards become templates, and Messenger's limits are kept. Pure.

Templates hold little: what a card says and an element of a list cannot is behind its [Details], and else in a text
before it. They have no colours either, so our own pictures stand above some of them (see `bot/channels/messenger/
pictures.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from bot.channels import Json, Pack, Rendered
from bot.channels.limits import (
    BLANK,
    UTF16,
    Measure,
    address,
    clean,
    one_line,
    picture,
    pieces,
    portions,
    shorten,
    telephone,
    utf16,
)
from bot.channels.messenger.pictures import NONE, Shown
from bot.conversation.messages import (
    Button,
    Card,
    Carousel,
    Item,
    Link,
    Listing,
    Message,
    Reply,
    SharePhone,
    SmallPrint,
    Text,
    about,
    facts,
    labelled,
    offered,
    plain,
    tile_label,
)

# https://developers.facebook.com/docs/messenger-platform/reference/send-api names the limits and
# templates/generic and templates/button beside it; none says what it counts, and UTF-16 is the most.
TEXT = 2000
QUICK_REPLIES = 13
TITLE = 20  # Of buttons and quick replies; longer ones are cut without a word.
PAYLOAD = 1000
BUTTONS = 3
BUTTON_TEXT = 640
ELEMENTS = 10
ELEMENT_TEXT = 80
READ = 200  # Ours, in characters: of a name in a list; whatever is hidden behind so many is not looked for.
URL = 2000  # Ours; Messenger names none.
POINTER = "👇"  # Said above quick replies that may not stand under a card; the same in every language.


@dataclass(frozen=True, slots=True)
class Limits:
    """Where Meta's platforms differ. Instagram has the same templates, and less room.

    text, measure: how long a text may be, and how it is counted. replies_under_cards: quick replies may stand under a
    template. calls: a button may call a number.
    """

    text: int = TEXT
    measure: Measure = UTF16
    replies_under_cards: bool = True
    calls: bool = True


MESSENGER = Limits()


@dataclass(frozen=True, slots=True)
class _Draft:
    """A message before its quick replies.

    stand_in, instead: what a template becomes as text, and its own buttons as quick replies.
    under: quick replies for the end of the whole answer; Messenger shows them under its last message only.
    opens: payloads of its buttons that no quick reply under it shall repeat.
    """

    message: Json
    stand_in: str | None = None
    instead: tuple[Json, ...] = ()
    under: tuple[Json, ...] = ()
    opens: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Taps:
    """What can be tapped on a card, by where Messenger lets it be tapped."""

    buttons: tuple[Json, ...]  # In the template.
    under: tuple[Json, ...]  # Under the last message: tiles, and buttons the template has no room for.
    lines: tuple[str, ...]  # Links that are neither: an address in a text can be tapped too.


def render(reply: Reply, pack: Pack, limits: Limits = MESSENGER, pictures: Shown = NONE) -> list[Rendered]:
    """An answer as Messenger's messages, one call each, the quick replies under the last one."""
    drafts = [draft for message in _with_links(reply) for draft in _drafts(message, pack, limits, pictures)]
    more = [item for draft in drafts for item in draft.under]
    # A button and a choice often open the same list; one quick reply for both is enough, and none where it is a button.
    opened = {item["payload"] for item in more} | {item for draft in drafts for item in draft.opens}
    menu_shown = any(draft.opens for draft in drafts)
    choices: list[Json] = []
    for choice in offered(reply):
        if isinstance(choice, SharePhone):
            choices.append({"content_type": "user_phone_number"})
        elif isinstance(choice, Button) and not (menu_shown and _is_menu(choice)):
            choices += [item for item in _quick(choice, pack) if item["payload"] not in opened]
    if small := [item for each in reply.messages if isinstance(each, SmallPrint) for item in _quick(each.button, pack)]:
        # What tells more comes last: the answer's own choices are what was asked for.
        choices = [*choices[: QUICK_REPLIES - len(small)], *small]
    under = [*more[: max(0, QUICK_REPLIES - len(choices))], *choices]
    if under and drafts and drafts[-1].stand_in is not None and not limits.replies_under_cards:
        if (whole := _with_buttons(drafts[-1], under)) is not None:
            drafts[-1], under = whole, []
        else:
            drafts.append(_Draft({"text": POINTER}))
    last = len(drafts) - 1
    return [_rendered(draft, under if index == last else []) for index, draft in enumerate(drafts)]


def _is_menu(button: Button) -> bool:
    """Whether it opens the menu, which then need not lead to itself."""
    return button.action.__dict__.get("command") == "menu"


def _with_buttons(draft: _Draft, under: list[Json]) -> _Draft | None:
    """A lone card with these quick replies as its last buttons; None when it has no room for all of them."""
    template = draft.message["attachment"]["payload"]
    if template["template_type"] == "button":
        card, rest = template, {}
    else:
        (card, *others) = template["elements"]
        if others:
            return None
        rest = template
    more = [
        {"type": "postback", "title": item["title"], "payload": item["payload"]} for item in under if "payload" in item
    ]
    buttons = [*card.get("buttons", ()), *more]
    if len(more) < len(under) or len(buttons) > BUTTONS:
        return None
    whole = {**card, "buttons": buttons}
    payload = {**rest, "elements": [whole]} if rest else whole
    message = {"attachment": {"type": "template", "payload": payload}}
    return replace(draft, message=message, instead=(*draft.instead, *under))


def _rendered(draft: _Draft, under: list[Json]) -> Rendered:
    message = _above(draft.message, under)
    if draft.stand_in is None:
        return Rendered(message)
    instead = draft.instead[: max(0, QUICK_REPLIES - len(under))]
    return Rendered(message, plain=_above({"text": draft.stand_in}, [*instead, *under]))


def _with_links(reply: Reply) -> tuple[Message, ...]:
    """Quick replies cannot open pages: links among the choices become lines of the last message."""
    lines = [line for choice in reply.choices if isinstance(choice, Link) for line in _line(choice)]
    if not lines or not reply.messages:
        return reply.messages
    small = tuple(message for message in reply.messages if isinstance(message, SmallPrint))
    *before, last = (message for message in reply.messages if message not in small)
    said = "\n".join(lines)
    if isinstance(last, Text):
        return (*before, Text(f"{last.text}\n{said}"), *small)
    return (*before, last, Text(said), *small)


def _drafts(message: Message, pack: Pack, limits: Limits, pictures: Shown) -> Iterator[_Draft]:
    match message:
        case Text(text) | SmallPrint(text):
            yield from _texts(text, limits)
        case Card(tiles=tiles) if tiles:
            yield from _menu(message, pack, limits, pictures)
        case Card(qr=qr) if qr and (whole := picture(qr, URL)):
            # As a message of its own nothing of it is cut off.
            yield _Draft({"attachment": {"type": "image", "payload": {"url": whole}}})
            yield from _card(message, pack, limits)
        case Card():
            if _image(message) or (message.banner and pictures.address(message.banner) and _is_brief(message)):
                # Only a generic element shows a picture beside buttons.
                yield from _elements("", [message], pack, limits, pictures)
            else:
                yield from _banner(message, pictures)
                yield from _card(message, pack, limits)
        case Carousel(title, cards):
            if not cards:
                yield from _texts(title, limits)
            elif not pictures.address(cards[0].banner):
                yield from _banner(cards[0], pictures)  # Elements show pictures by their address alone.
            for shown in portions(cards, ELEMENTS):
                yield from _elements(title, shown, pack, limits, pictures)
        case Listing():
            yield from _list(message, pack, limits)
        case _:
            assert_never(message)


def _is_brief(card: Card) -> bool:
    """Whether an element says it all, and well: facts in a row are read in lines."""
    return not (card.rows or card.receipt) and utf16(_subtitle(card)) <= ELEMENT_TEXT


def _banner(card: Card, pictures: Shown) -> Iterator[_Draft]:
    """Our picture as a message of its own; nothing when the platform cannot have it."""
    if not card.banner:
        return
    if known := pictures.attachment(card.banner):
        yield _Draft({"attachment": {"type": "image", "payload": {"attachment_id": known}}})
    elif there := pictures.address(card.banner):
        yield _Draft({"attachment": {"type": "image", "payload": {"url": there}}})


def is_banner(message: Json) -> bool:
    """Whether this is a picture above an answer, which is as good without it."""
    return bool(message.get("attachment", {}).get("type") == "image")


def _texts(text: str, limits: Limits) -> Iterator[_Draft]:
    for part in pieces(clean(text), limits.text, limits.measure) or [BLANK]:
        yield _Draft({"text": part})


def _menu(card: Card, pack: Pack, limits: Limits, pictures: Shown) -> Iterator[_Draft]:
    """A menu's tiles as cards side by side: what is behind each, and one button. Whatever else it says comes before."""
    yield from _texts("\n".join([card.title, *facts(replace(card, eyebrow="", tiles=()))]), limits)
    for shown in portions(card.tiles, ELEMENTS):
        elements, opens, instead = list[Json](), list[str](), list[Json]()
        for tile in shown:
            # A title cannot be tapped, so it says what the button opens.
            image = pictures.address(tile.banner) if tile.banner else None
            said = one_line(tile.text if image and tile.text else f"{tile.icon} {tile.text or tile.label}")
            element: Json = {"title": shorten(said, ELEMENT_TEXT) or BLANK, "image_url": image}
            if (button := _button(Button(tile.label, tile.action), pack)) is not None:
                element["buttons"] = [button]
                opens.append(button["payload"])
                instead.append(_as_quick(button))
            else:
                element["subtitle"] = shorten(one_line(tile.label), ELEMENT_TEXT) or BLANK
            elements.append({name: value for name, value in element.items() if value})
        under = tuple(item for choice in card.buttons if isinstance(choice, Button) for item in _quick(choice, pack))
        text = "\n".join(tile_label(tile) for tile in shown)
        yield _Draft(
            _template("generic", elements=elements),
            stand_in=shorten(clean(text), limits.text, limits.measure) or BLANK,
            instead=tuple(instead),
            under=under,
            opens=tuple(opens),
        )


def _card(card: Card, pack: Pack, limits: Limits) -> Iterator[_Draft]:
    """All facts as lines, above the buttons when they fit there, else in a text of their own."""
    taps = _taps(card, pack, limits)
    text = clean("\n".join([plain(card), *taps.lines])) or BLANK
    above = text
    if not taps.buttons or utf16(text) > BUTTON_TEXT:
        *texts, end = _texts(text, limits)
        yield from texts
        yield replace(end, under=() if taps.buttons else taps.under)
        above = shorten(one_line(card.title), BUTTON_TEXT) or BLANK
    if taps.buttons:
        yield _Draft(
            _template("button", text=above, buttons=list(taps.buttons)),
            stand_in=shorten(above, limits.text, limits.measure),
            instead=tuple(_as_quick(button) for button in taps.buttons if button["type"] == "postback"),
            under=taps.under,
        )


def _elements(title: str, cards: Sequence[Card], pack: Pack, limits: Limits, pictures: Shown) -> Iterator[_Draft]:
    """Cards side by side. A subtitle has room for a few facts; a card with more has [Details], or is said before.

    A card that stands alone right below its facts repeats none of them: its name, picture and buttons are enough.
    """
    elements: list[Json] = []
    said_first: list[str] = []
    instead: list[Json] = []
    under: list[Json] = []
    for card in cards:
        taps = _taps(card, pack, limits)
        name, subtitle = one_line(card.title) or BLANK, _subtitle(card)
        image = _image(card) or (pictures.address(card.banner) if card.banner else None)
        cut = utf16(name) > ELEMENT_TEXT or utf16(subtitle) > ELEMENT_TEXT
        if cut and card.details:
            taps = _taps(_with_details(card, card.details), pack, limits)
            subtitle, cut = _subtitle(card, most=ELEMENT_TEXT), False
        if not (subtitle or image or taps.buttons):
            subtitle = one_line(title) or BLANK  # An element may not have a title alone.
        element = {
            "title": shorten(name, ELEMENT_TEXT),
            "subtitle": shorten(subtitle, ELEMENT_TEXT),
            "image_url": image,
            "buttons": list(taps.buttons),
        }
        elements.append({key: value for key, value in element.items() if value})
        if cut and len(cards) == 1 and (image or taps.buttons):
            del elements[-1]["subtitle"]
        if cut or taps.lines:
            said_first.append("\n".join([plain(card) if cut else name, *taps.lines]))
        # Out of its element a button is called what its card is: many cards have the same button.
        instead += [
            _as_quick(button | {"title": _title(name)}) for button in taps.buttons[:1] if button["type"] == "postback"
        ]
        under += taps.under
    if said_first:
        yield from _texts("\n\n".join(said_first), limits)
    yield _Draft(
        _template("generic", elements=elements),
        stand_in=shorten(clean(plain(Carousel(title, tuple(cards)))), limits.text, limits.measure) or BLANK,
        instead=tuple(instead),
        under=tuple(under),
    )


def _with_details(card: Card, details: Button) -> Card:
    """The card with [Details] among its buttons, the last of those that have room."""
    if any(isinstance(button, Button) and button.action == details.action for button in card.buttons):
        return card
    return replace(card, buttons=(*card.buttons[: BUTTONS - 1], details, *card.buttons[BUTTONS - 1 :]))


def _list(listing: Listing, pack: Pack, limits: Limits) -> Iterator[_Draft]:
    """A page of a list: an element each, and one at its end that leads on. Names are cut: the card has all of them."""
    if not listing.items:
        yield from _texts(plain(listing), limits)
        return
    leads = [button for each in listing.buttons[:BUTTONS] if (button := _button(each, pack, limits))]
    under = tuple(map(_as_quick, leads))
    elements = [_item(listing, item, pack, limits) for item in listing.items]
    if leads:
        elements.append(_element(listing.position or listing.title, listing.hint, leads))
    for shown in portions(elements, ELEMENTS):
        said = "\n".join(" · ".join(filter(None, (each["title"], each.get("subtitle")))) for each in shown)
        yield _Draft(
            _template("generic", elements=list(shown)),
            stand_in=shorten(clean(f"{listing.title}\n{said}"), limits.text, limits.measure) or BLANK,
            instead=under if shown[-1] is elements[-1] else (),
        )


def _item(listing: Listing, item: Item, pack: Pack, limits: Limits) -> Json:
    button = _button(Button(listing.opens, item.action), pack, limits)
    image = address(item.image, URL) if item.image else None
    name = item.title[:READ] if image else f"{item.icon} {item.title[:READ]}"
    said = about(item)
    if not (said or image or button):
        said = listing.title  # An element may not have a title alone.
    return _element(name, said, [button] if button else [], image)


def _element(title: str, subtitle: str, buttons: list[Json], image: str | None = None) -> Json:
    element = {
        "title": shorten(one_line(title), ELEMENT_TEXT) or BLANK,
        "subtitle": shorten(one_line(subtitle), ELEMENT_TEXT),
        "image_url": image,
        "buttons": buttons,
    }
    return {key: value for key, value in element.items() if value}


def _subtitle(card: Card, *, most: int = 0) -> str:
    """The badge's word, then the facts in their order. most: only whole facts, as many as fit in so many units."""
    word = card.badge.word if card.badge else ""
    said = facts(replace(card, badge=None))
    parts = [part for part in map(one_line, (word, *said)) if part]
    while most and len(parts) > 1 and utf16(" · ".join(parts)) > most:
        parts.pop()
    return " · ".join(parts)


def _image(card: Card) -> str | None:
    return address(card.image, URL) if card.image else None


def _taps(card: Card, pack: Pack, limits: Limits) -> _Taps:
    buttons: list[Json] = []
    under: list[Json] = []
    lines: list[str] = []
    for choice in card.buttons:
        button = _button(choice, pack, limits)
        if button and len(buttons) < BUTTONS:
            buttons.append(button)
        elif isinstance(choice, Link):
            lines += _line(choice)
        else:
            under += _quick(choice, pack)
    for tile in card.tiles:
        under += _quick(Button(tile_label(tile), tile.action), pack)
    return _Taps(tuple(buttons), tuple(under), tuple(lines))


def _button(choice: Button | Link, pack: Pack, limits: Limits = MESSENGER) -> Json | None:
    """A template's button; None when Messenger has none for it."""
    match choice:
        case Button(label):
            payload = _payload(choice, pack)
            return {"type": "postback", "title": _title(label), "payload": payload} if payload else None
        case Link(label, url):
            if safe := address(url, URL):
                return {"type": "web_url", "title": _title(label), "url": safe}
            number = (telephone(url) or "").removeprefix("tel:").replace("-", "")
            # Only numbers with their country code can be called from a button.
            if limits.calls and number.startswith("+") and 7 <= len(number) <= 16:
                return {"type": "phone_number", "title": _title(label), "payload": number}
            return None
        case _:
            assert_never(choice)


def _quick(choice: Button, pack: Pack) -> list[Json]:
    button = _button(choice, pack)
    return [_as_quick(button)] if button else []


def _as_quick(button: Json) -> Json:
    return {"content_type": "text", "title": button["title"], "payload": button["payload"]}


def _payload(button: Button, pack: Pack) -> str | None:
    """None when the button could not be sent: a missing button beats a refused answer."""
    try:
        payload = pack(button.action)
    except ValueError:
        return None
    return payload if 0 < utf16(payload) <= PAYLOAD else None


def _line(link: Link) -> list[str]:
    """A link as a line of text."""
    shown = address(link.url, URL) or (telephone(link.url) or "").removeprefix("tel:")
    return [labelled(one_line(link.label), shown)] if shown else []


def _title(label: str) -> str:
    return shorten(one_line(label), TITLE) or BLANK


def _template(kind: str, **payload: object) -> Json:
    return {"attachment": {"type": "template", "payload": {"template_type": kind, **payload}}}


def _above(message: Json, quick: list[Json]) -> Json:
    return {**message, "quick_replies": quick[:QUICK_REPLIES]} if quick else message
