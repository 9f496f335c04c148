"""Welcome, menu and the privacy notice."""

from __future__ import annotations

from collections.abc import Sequence

from bot.conversation.context import Brand
from bot.conversation.messages import Banner, Button, Card, Link, Row, SmallPrint, Tile
from bot.i18n import Translator
from bot.storage.unclear import KEPT_FOR
from handlers.views import choices
from handlers.views.choices import Go


def welcome_card(_: Translator, brand: Brand, other_languages: Sequence[Button], *, returning: bool) -> Card:
    """The first thing a customer sees."""
    if returning:
        text = _("Welcome back — everything is still here.")
    elif brand.shows_vouchers and brand.shows_cards:
        text = _("See your tickets and gifts, redeem codes, get vouchers and check gift cards.")
    else:
        text = _("See your tickets and gifts and redeem codes, right here in the chat.")
    buttons: list[Button | Link] = []
    if brand.shows_wallet:
        buttons.append(choices.my_gifts(_))
    if brand.redeems:
        buttons.append(choices.redeem_code(_))
    buttons += other_languages
    return Card(
        title=_("Welcome to %(brand)s Rewards", brand=brand.name),
        text=text,
        look="success",
        banner="gifts",
        buttons=tuple(buttons),
    )


def notice(_: Translator, brand: Brand) -> SmallPrint:
    """The notice as it stands below an answer: two lines, and the way to all of it."""
    if brand.keeps_unclear:
        text = _(
            "We keep your %(channel)s user ID and what you redeem for %(time)s after your last visit; short messages "
            "that we don't understand for up to %(days)s, without your user ID.",
            channel=brand.channel_name,
            time=_period(_, brand.claim_retention.days),
            days=_.ngettext("%(n)s day", "%(n)s days", KEPT_FOR.days),
        )
    else:
        text = _(
            "We keep your %(channel)s user ID and what you redeem for %(time)s after your last visit; no chat "
            "messages.",
            channel=brand.channel_name,
            time=_period(_, brand.claim_retention.days),
        )
    return SmallPrint(text, choices.details(_, Go(command="privacy")))


def _period(_: Translator, days: int) -> str:
    """A period as people say it: years where they are years."""
    if days % 365 == 0:
        return _.ngettext("%(n)s year", "%(n)s years", days // 365)
    return _.ngettext("%(n)s day", "%(n)s days", days)


def notice_card(_: Translator, brand: Brand) -> Card:
    """What we keep of a customer, why, how long, who receives it, and their rights."""
    vendors = (
        ("MantaGo", brand.shows_gifts),
        ("Poshen", brand.redeems),
        ("Got It", brand.shows_vouchers),
        ("Altegio", brand.shows_cards),
    )
    # Translators: what separates the names in a list
    receivers = _(", ").join(name for name, used in vendors if used)
    kept = _kept(_, brand, _period(_, brand.claim_retention.days))
    note = _("Type “my data” to see it, “delete my data” to remove it, “unsubscribe” to stop notifications.")
    return Card(
        eyebrow=_("Privacy"),
        title=_("How we treat your data"),
        text=_keeping(_, brand),
        rows=tuple(
            row
            for row in (
                Row(_("Kept by"), brand.name),
                Row(_("Used for"), _("Showing your gifts, redeeming your codes once, answering you")),
                Row(_("Kept"), kept),
                Row(
                    _("Player ID"),
                    _("Only if you tell it: kept encrypted, given to Poshen to redeem codes, removed when you say so")
                    if brand.offers("player")
                    else "",
                ),
                Row(_("Shared with"), _("%(names)s, only what each one needs", names=receivers) if receivers else ""),
                Row(_("Messages go to"), _passed_on(_, brand)),
            )
            if row.value
        ),
        note=note,
        buttons=(Link(_("Privacy policy"), brand.privacy_url),) if brand.privacy_url else (),
    )


def _passed_on(_: Translator, brand: Brand) -> str:
    """Who else reads what customers write here; "" when nobody does."""
    if not brand.shared_with:
        return ""
    # Translators: what separates the names in a list
    names = _(", ").join(brand.shared_with)
    if brand.shared == "rest":
        return _("%(names)s: what is not about rewards, which they answer for us", names=names)
    return _("%(names)s: your messages to us, but no codes that open something and no phone numbers", names=names)


def _keeping(_: Translator, brand: Brand) -> str:
    if brand.keeps_unclear:
        return _(
            "To serve you we use your %(channel)s user ID and keep a record of what you redeem. Short messages that we "
            "don't understand are kept for up to %(days)s, without your user ID, so that we learn to answer them; your "
            "other chat messages are not kept.",
            channel=brand.channel_name,
            days=_.ngettext("%(n)s day", "%(n)s days", KEPT_FOR.days),
        )
    return _(
        "To serve you we use your %(channel)s user ID and keep a record of what you redeem. "
        "We don't keep your chat messages.",
        channel=brand.channel_name,
    )


def _kept(_: Translator, brand: Brand, time: str) -> str:
    if brand.shows_cards:
        return _(
            "User ID, language, receipts, points, and your phone if you link it (encrypted); up to %(time)s after "
            "your last visit",
            time=time,
        )
    return _("User ID, language, receipts; up to %(time)s after your last visit", time=time)


ICONS: dict[str, str] = {"gifts": "🎁", "redeem": "🔑", "vouchers": "🎫", "cards": "💳", "language": "🌐", "help": "💬"}


def topics(_: Translator, brand: Brand) -> tuple[Button, ...]:
    """What this shop offers, in the order of every menu: the card, LINE's rich menu, Messenger's persistent one."""
    # Translators: a button
    language = Button(_("Language"), Go(command="language"))
    # Translators: a button
    helping = Button(_("Help and staff"), Go(command="help"))
    return (
        *((choices.my_gifts(_),) if brand.shows_wallet else ()),
        *((choices.redeem_code(_),) if brand.redeems else ()),
        *((choices.vouchers(_),) if brand.shows_vouchers else ()),
        *((choices.gift_cards(_),) if brand.shows_cards else ()),
        language,
        helping,
    )


def _behind(_: Translator) -> dict[Banner, str]:
    """What is behind each topic of the menu, in a sentence, by the picture above it."""
    return {
        "gifts": _("See the tickets and gifts you have"),
        "redeem": _("Turn a code into a reward"),
        "vouchers": _("Exchange your points for vouchers"),
        "cards": _("See what is left on your gift cards"),
        "language": _("Read all of this in another language"),
        "help": _("Get an answer, or ask our staff"),
    }


def menu_card(_: Translator, brand: Brand) -> Card:
    """The menu, without what this shop does not offer."""
    opened = {button.action.command: button for button in topics(_, brand) if isinstance(button.action, Go)}
    tiles = tuple(
        Tile(ICONS[banner], opened[banner].label, opened[banner].action, text=text, banner=banner)
        for banner, text in _behind(_).items()
        if banner in opened
    )
    return Card(eyebrow=brand.name, title=_("What would you like to do?"), tiles=tiles)


def greeting(_: Translator, brand: str) -> str:
    """What Messenger shows above its Get Started button, before the first message; at most 160 characters."""
    return _("Welcome to %(brand)s Rewards. Tap the button below to see what is waiting for you.", brand=brand)
