"""Welcome, menu and the privacy notice."""

from __future__ import annotations

from collections.abc import Sequence

from bot.conversation.context import Desk
from bot.conversation.messages import Button, Card, Link, Row
from bot.i18n import Translator
from handlers.views import choices
from handlers.views.choices import Go


def welcome_card(_: Translator, desk: Desk, other_languages: Sequence[Button], *, returning: bool) -> Card:
    """The first thing a customer sees."""
    text = (
        _("Welcome back — everything is still here.")
        if returning
        else _("See your tickets and gifts and redeem codes, right here in the chat.")
    )
    buttons: list[Button | Link] = []
    if desk.shows_gifts:
        buttons.append(choices.my_gifts(_))
    if desk.redeems:
        buttons.append(choices.redeem_code(_))
    buttons += other_languages
    return Card(
        title=_("Welcome to %(brand)s Rewards", brand=desk.brand), text=text, look="success", buttons=tuple(buttons)
    )


def notice_card(_: Translator, desk: Desk) -> Card:
    """What we keep of a customer, why, how long, who receives it, and their rights."""
    receivers = _(", ").join(name for name, used in (("MantaGo", desk.shows_gifts), ("Poshen", desk.redeems)) if used)
    days = _.ngettext("%(n)s day", "%(n)s days", desk.claim_retention.days)
    note = _("Type “my data” to see it, “delete my data” to remove it, “unsubscribe” to stop notifications.")
    return Card(
        eyebrow=_("Privacy"),
        title=_("How we treat your data"),
        text=_(
            "To serve you we use your %(channel)s user ID and keep a record of what you redeem. "
            "We don't keep your chat messages.",
            channel=desk.channel_name,
        ),
        rows=tuple(
            row
            for row in (
                Row(_("Kept by"), desk.brand),
                Row(_("Used for"), _("Showing your gifts, redeeming your codes once, answering you")),
                Row(_("Kept"), _("User ID, language, receipts; up to %(days)s after your last visit", days=days)),
                Row(_("Shared with"), _("%(names)s, only what each one needs", names=receivers) if receivers else ""),
            )
            if row.value
        ),
        note=note,
        buttons=(Link(_("Privacy policy"), desk.privacy_url),) if desk.privacy_url else (),
    )


def menu_card(_: Translator, desk: Desk) -> Card:
    """The menu, without what this shop does not offer."""
    # Translators: a button
    language = Button(_("Language"), Go(command="language"))
    # Translators: a button
    helping = Button(_("Help and staff"), Go(command="help"))
    buttons = (
        *((choices.my_gifts(_),) if desk.shows_gifts else ()),
        *((choices.redeem_code(_),) if desk.redeems else ()),
        language,
        helping,
    )
    return Card(eyebrow=desk.brand, title=_("What would you like to do?"), buttons=buttons)
