"""Whether Meta sends us what we live on: the fields of the page and of the app's webhooks. For the doctor alone."""

from __future__ import annotations

from collections.abc import Mapping

from bot.channels import Remark
from bot.channels.calls import LostError, NotSentError
from bot.channels.limits import record, records, word
from bot.channels.messenger.client import Answer, MessengerClient
from bot.config import Settings
from bot.errors import UpstreamUnavailable

NEEDED = ("messages", "messaging_postbacks")
WISHED = {
    "page": {
        "message_edits": "an edited message is not read again",
        "messaging_referrals": "nobody tells us who comes by a link",
    },
}
"""What we do without where it is missing. Nobody is left unanswered for it."""
STANDBY = {
    "standby": "nobody can bring Giftdesk back from the inbox",
    "messaging_handovers": "nobody tells us when the inbox gives a chat back",
}
"""The same with MESSENGER_STANDBY, about `page`."""
WHERE = "the app's dashboard, Webhooks"


async def remarks(client: MessengerClient, settings: Settings, about: str) -> list[Remark]:
    """What is amiss with the webhooks about `page` or `instagram`; one good word when nothing is.

    Only a field that both the page and the app have brings webhooks; Instagram's are the app's alone, once the page has
    the app. Raises UpstreamUnavailable.
    Source: https://developers.facebook.com/docs/graph-api/reference/page/subscribed_apps and app/subscriptions
    """
    app = word((await _ask(client, "/app", fields="id")).body.get("id"))
    listed = await _ask(client, "/me/subscribed_apps")
    if listed.status != 200:
        unread = f"the page's subscriptions cannot be read ({listed.detail}); pages_manage_metadata lets us"
        return [(False, f"{unread}. See that the page is subscribed to {', '.join(NEEDED)} in {WHERE}")]
    apps = [each for each in records(listed.body.get("data")) if app is None or word(each.get("id")) == app]
    if not apps:
        text = f"the page has not the app of MESSENGER_PAGE_ACCESS_TOKEN, so no message reaches us: add it in {WHERE}"
        return [(False, text)]
    found: list[Remark] = []
    if about == "page":
        found += _missing("the page", _wished(about, settings), about, _fields(apps[0].get("subscribed_fields")))
    if app is not None:
        itself = client.as_app(app, settings.messenger_app_secret[0])
        found += _of_app(await _ask(itself, f"/{app}/subscriptions"), about, settings)
    return found or [(True, f"is sent {', '.join(NEEDED)}")]


def _of_app(answer: Answer, about: str, settings: Settings) -> list[Remark]:
    """What the app's own webhooks lack."""
    if answer.status != 200:
        return [(False, f"the app's webhooks cannot be read ({answer.detail}); look at them in {WHERE}")]
    wanted = f"{settings.public_url or 'https://your.host'}/webhooks/messenger"
    of_object = [each for each in records(answer.body.get("data")) if each.get("object") == about]
    if not of_object:
        return [(False, f"the app has no webhooks about `{about}`, so nobody is answered: enter {wanted} in {WHERE}")]
    webhook = of_object[0]
    found: list[Remark] = []
    if webhook.get("active") is False:
        found.append((False, f"the app's webhooks about `{about}` are off, so nobody is answered; see {WHERE}"))
    url = word(webhook.get("callback_url"))
    if settings.public_url and url and url != wanted:
        found.append(
            (False, f"webhooks about `{about}` go to {url}, and by PUBLIC_URL it should be {wanted}; see {WHERE}")
        )
    return found + _missing("the app", _wished(about, settings), about, _fields(webhook.get("fields")))


def _wished(about: str, settings: Settings) -> dict[str, str]:
    standby = STANDBY if about == "page" and settings.messenger_standby == "on" else {}
    return {**WISHED.get(about, {}), **standby}


def _missing(who: str, wishes: Mapping[str, str], about: str, fields: set[str]) -> list[Remark]:
    needed = [name for name in NEEDED if name not in fields]
    wished = {name: without for name, without in wishes.items() if name not in fields}
    if needed:
        what = f"{who} is not subscribed to {', '.join(needed)}, so messages or taps are not answered"
        return [(False, f"{what}: add them under `{about}` in {WHERE}")]
    return [
        (False, f"{who} is not subscribed to {name}, so {without}; add it in {WHERE}")
        for name, without in wished.items()
    ]


def _fields(listed: object) -> set[str]:
    """Names of fields, which the app's call has in records and the page's in a list of words."""
    names = [word(record(each).get("name")) or word(each) for each in listed] if isinstance(listed, list) else []
    return {name for name in names if name}


async def _ask(client: MessengerClient, path: str, fields: str = "") -> Answer:
    try:
        return await client.call("GET", path, fields=fields)
    except (NotSentError, LostError):
        raise UpstreamUnavailable("Messenger", "no answer") from None
