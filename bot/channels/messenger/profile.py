"""A page's Messenger profile: Get Started, greeting and persistent menu, each locale in its language.

Messenger has one of each per page and app, without a name. Ours are known by what they hold: our payload,
our sentence, our topics. What somebody else put there is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from babel import Locale, UnknownLocaleError
from babel.core import get_global

from bot.channels import Json, MenuContents, MenuTexts, Step
from bot.channels.calls import LostError, NotSentError
from bot.channels.limits import clean, records, shorten
from bot.channels.messenger.client import CREDENTIALS, LIMITED, PARAMETER, Answer, MessengerClient
from bot.channels.messenger.inbound import GET_STARTED
from bot.channels.messenger.personal import menu_items
from bot.conversation.actions import MENU_TAP
from bot.errors import CredentialsRefused, RateLimited, UpstreamRefused, UpstreamUnavailable

# https://developers.facebook.com/docs/messenger-platform/reference/messenger-profile-api
FIELDS = ("get_started", "greeting", "persistent_menu")
GREETING = 160
# Messenger's own spellings, where a language is read in more than one place.
LOCALES = {"zh": ("zh_TW", "zh_HK", "zh_CN"), "en": ("en_US", "en_GB")}


def locales_of(language: str) -> tuple[str, ...]:
    """Messenger's locales that read a language of ours: its most likely country, unless we know better."""
    short = language.split("_", maxsplit=1)[0]
    if short in LOCALES:
        return LOCALES[short]
    likely = get_global("likely_subtags").get(short, short)
    try:
        territory = Locale.parse(likely).territory
    except (UnknownLocaleError, ValueError):
        territory = None
    return (f"{short}_{territory}",) if territory else ()


def by_locale(texts: Sequence[MenuTexts], default_language: str) -> dict[str, MenuTexts]:
    """What each locale reads. default_language: for everybody whose locale has none of its own."""
    of = {"default": next(each for each in texts if each.language == default_language)}
    return of | {locale: each for each in texts for locale in locales_of(each.language)}


def profile(texts: Sequence[MenuTexts], default_language: str) -> Json:
    """The profile as Messenger's API takes it. default_language: for everybody whose locale has none of its own."""
    of = by_locale(texts, default_language)
    return {
        "get_started": {"payload": GET_STARTED},
        "greeting": [
            {"locale": locale, "text": shorten(clean(each.greeting), GREETING)} for locale, each in of.items()
        ],
        "persistent_menu": [
            # Codes are typed.
            {"locale": locale, "composer_input_disabled": False, "call_to_actions": menu_items(each)}
            for locale, each in of.items()
        ],
    }


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done. put: properties to set. drop: properties to remove.
    foreign: properties that somebody else set; they stay."""

    put: Json = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.put or self.drop)


def plan(
    wanted: Json | None, texts: Sequence[MenuTexts], there: Mapping[str, Any], fields: Sequence[str] = FIELDS
) -> Plan:
    """How to get from the profile that is there to the wanted one; None: ours goes."""
    foreign = tuple(name for name in fields if name in there and not _is_ours(name, there[name], texts))
    free = [name for name in fields if name not in foreign]
    if wanted is None:
        # The persistent menu needs Get Started, also while both are being removed.
        keeps = "persistent_menu" in foreign
        drop = tuple(name for name in free if name in there and not (keeps and name == "get_started"))
        return Plan(drop=drop, foreign=foreign)
    put = {name: wanted[name] for name in free if _plain(there.get(name)) != _plain(wanted[name])}
    return Plan(put=put, foreign=foreign)


def _is_ours(name: str, value: Any, texts: Sequence[MenuTexts]) -> bool:
    if name == "get_started":
        return isinstance(value, dict) and value.get("payload") == GET_STARTED
    if name in ("persistent_menu", "ice_breakers"):
        items = [item for menu in records(value) for item in records(menu.get("call_to_actions"))]
        return all(str(item.get("payload", "")).startswith(MENU_TAP) for item in items)
    halves = [each.sentence.partition("%s") for each in texts]
    known = [shorten(clean(each.greeting), GREETING) for each in texts]
    greetings = [str(entry.get("text", "")) for entry in records(value)]
    return all(
        text in known or any(text.startswith(before) and text.endswith(after) for before, _, after in halves)
        for text in greetings
    )


def _plain(value: Any) -> Any:
    """A property without what Messenger adds to it, and with its locales in no particular order."""
    match value:
        case {"payload": payload}:
            return payload
        case list():
            known = ("text", "composer_input_disabled")
            return {
                entry.get("locale"): (
                    *(entry.get(name) or "" for name in known),
                    *(
                        (item.get("title") or item.get("question"), item.get("payload"))
                        for item in records(entry.get("call_to_actions"))
                    ),
                )
                for entry in records(value)
            }
        case _:
            return value


def _named(properties: Iterable[str]) -> str:
    """Properties of the profile as people call them."""
    return ", ".join(name.replace("_", " ") for name in properties)


class Profile:
    """The page's profile, read and changed through the Graph API: one call each.

    fields: what of it is ours to set. platform: "" is Messenger's own; the page has Instagram's as well.
    """

    def __init__(self, client: MessengerClient, fields: Sequence[str] = FIELDS, platform: str = "") -> None:
        self._client = client
        self._fields = fields
        self._platform = platform
        self.title = platform.title() or "Messenger"

    async def read(self) -> Json:
        """What is set, by property. Raises UpstreamError."""
        answer = await self._call("GET", fields=",".join(self._fields))
        found: Json = {}
        for part in records(answer.body.get("data")):
            found |= {name: value for name, value in part.items() if name in self._fields and value}
        return found

    def steps(self, plan: Plan) -> list[Step]:
        """What carries out a plan: one call at most."""
        if plan.put:
            of = len(records(plan.put.get("persistent_menu") or plan.put.get("greeting")))
            said = _named(plan.put) + (f" in {of} locales" if of else "")
            return [(said, partial(self._change, "POST", plan.put))]
        if plan.drop:
            return [(f"{_named(plan.drop)}: removed", partial(self._change, "DELETE", {"fields": list(plan.drop)}))]
        return []

    async def _change(self, method: str, body: Json) -> str:
        await self._call(method, {"platform": self._platform, **body} if self._platform else body)
        return ""

    async def _call(self, method: str, body: Json | None = None, *, fields: str = "") -> Answer:
        try:
            answer = await self._client.call(
                method, "/me/messenger_profile", body, fields=fields, platform=self._platform
            )
        except (NotSentError, LostError):
            raise UpstreamUnavailable(self.title, "no answer; check the network, and run this again") from None
        if 200 <= answer.status < 300 and not answer.code:
            return answer
        if answer.code in LIMITED or answer.status == 429:
            raise RateLimited(self.title, "asked too often (ten calls in ten minutes); run this again in a while")
        if answer.code in CREDENTIALS or answer.status in {401, 403}:
            raise CredentialsRefused(
                self.title,
                f"MESSENGER_PAGE_ACCESS_TOKEN is refused ({answer.detail}); make a new page access token with"
                " pages_messaging in the app's dashboard and set it",
                status=answer.status,
                code=answer.code,
            )
        if answer.status >= 500:
            raise UpstreamUnavailable(self.title, f"{answer.detail}; run this again later")
        hint = "; is MESSENGER_APP_SECRET the secret of the token's app?" if answer.code == PARAMETER else ""
        raise UpstreamRefused(self.title, f"{answer.detail}{hint}", status=answer.status, code=answer.code)


class MessengerMenus:
    """The page's profile, as `giftdesk menus` installs it; Instagram's differs in what stands here first.

    fields: what of it is ours to set. platform: "" is Messenger's own. missing, amiss: what the doctor says.
    """

    fields: ClassVar[Sequence[str]] = FIELDS
    platform: ClassVar[str] = ""
    missing: ClassVar[str] = "no Get Started button and no persistent menu; `giftdesk menus` installs them"
    amiss: ClassVar[str] = (
        "the Messenger profile is not as it should be; `giftdesk menus` renews it, --dry-run says how"
    )

    def __init__(self, client: MessengerClient) -> None:
        self._profile = Profile(client, self.fields, self.platform)

    def wanted(self, contents: MenuContents) -> Json:
        """The profile as it should be."""
        return profile(contents.languages, contents.default)

    async def steps(self, wanted: MenuContents, *, remove: bool) -> tuple[list[Step], Sequence[str]]:
        there = await self._profile.read()
        change = plan(None if remove else self.wanted(wanted), wanted.languages, there, self.fields)
        return self._profile.steps(change), change.foreign

    async def differs(self, wanted: MenuContents) -> str:
        there = await self._profile.read()
        change = plan(self.wanted(wanted), wanted.languages, there, self.fields)
        if not there:
            return self.missing
        if change.put:
            return self.amiss
        if change.foreign:
            return f"{', '.join(change.foreign)} of the {self._profile.title} profile were set by somebody else"
        return ""
