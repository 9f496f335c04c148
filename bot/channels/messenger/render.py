"""Our messages as Messenger's: cards become templates, and Messenger's limits are kept. Pure.

Templates hold little: whatever a card says and its template cannot is said in a text before it.
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
    pieces,
    portions,
    shorten,
    telephone,
    utf16,
)
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
    """

    message: Json
    stand_in: str | None = None
    instead: tuple[Json, ...] = ()
    under: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class _Taps:
    """What can be tapped on a card, by where Messenger lets it be tapped."""

    buttons: tuple[Json, ...]  # In the template.
    under: tuple[Json, ...]  # Under the last message: tiles, and buttons the template has no room for.
    lines: tuple[str, ...]  # Links that are neither: an address in a text can be tapped too.


def render(reply: Reply, pack: Pack, limits: Limits = MESSENGER) -> list[Rendered]:
    """An answer as Messenger's messages, one call each, the quick replies under the last one."""
    drafts = [draft for message in _with_links(reply) for draft in _drafts(message, pack, limits)]
    more = [item for draft in drafts for item in draft.under]
    # A tile and a choice often open the same list; one quick reply for both is enough.
    opened = {item["payload"] for item in more}
    choices: list[Json] = []
    for choice in offered(reply):
        if isinstance(choice, SharePhone):
            choices.append({"content_type": "user_phone_number"})
        elif isinstance(choice, Button):
            choices += [item for item in _quick(choice, pack) if item["payload"] not in opened]
    if small := [item for each in reply.messages if isinstance(each, SmallPrint) for item in _quick(each.button, pack)]:
        # What tells more comes last: the answer's own choices are what was asked for.
        choices = [*choices[: QUICK_REPLIES - len(small)], *small]
    under = [*more[: max(0, QUICK_REPLIES - len(choices))], *choices]
    if under and drafts and drafts[-1].stand_in is not None and not limits.replies_under_cards:
        drafts.append(_Draft({"text": POINTER}))
    last = len(drafts) - 1
    return [_rendered(draft, under if index == last else []) for index, draft in enumerate(drafts)]


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


def _drafts(message: Message, pack: Pack, limits: Limits) -> Iterator[_Draft]:
    match message:
        case Text(text) | SmallPrint(text):
            yield from _texts(text, limits)
        case Card():
            # Only a generic element shows a picture beside buttons.
            yield from _elements("", [message], pack, limits) if _image(message) else _card(message, pack, limits)
        case Carousel(title, cards):
            if not cards:
                yield from _texts(title, limits)
            for shown in portions(cards, ELEMENTS):
                yield from _elements(title, shown, pack, limits)
        case Listing():
            yield from _list(message, pack, limits)
        case _:
            assert_never(message)


def _texts(text: str, limits: Limits) -> Iterator[_Draft]:
    for part in pieces(clean(text), limits.text, limits.measure) or [BLANK]:
        yield _Draft({"text": part})


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


def _elements(title: str, cards: Sequence[Card], pack: Pack, limits: Limits) -> Iterator[_Draft]:
    """Cards side by side. A subtitle has room for a few facts; cards with more are said in full first.

    A card that stands alone right below its facts repeats none of them: its name, picture and buttons are enough.
    """
    elements: list[Json] = []
    said_first: list[str] = []
    instead: list[Json] = []
    under: list[Json] = []
    for card in cards:
        taps = _taps(card, pack, limits)
        name, subtitle, image = one_line(card.title) or BLANK, _subtitle(card), _image(card)
        if not (subtitle or image or taps.buttons):
            subtitle = one_line(title) or BLANK  # An element may not have a title alone.
        element = {
            "title": shorten(name, ELEMENT_TEXT),
            "subtitle": shorten(subtitle, ELEMENT_TEXT),
            "image_url": image,
            "buttons": list(taps.buttons),
        }
        elements.append({key: value for key, value in element.items() if value})
        cut = element["title"] != name or element["subtitle"] != subtitle
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


def _subtitle(card: Card) -> str:
    """The badge's word, then the facts in their order."""
    word = card.badge.word if card.badge else ""
    parts = (one_line(part) for part in (word, *facts(replace(card, badge=None))))
    return " · ".join(part for part in parts if part)


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
