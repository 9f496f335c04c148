"""What people do on the page's phones, as the webhooks that their platform posts. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.graph import PAGE_INBOX
from sandbox.phone import Phone, Webhook

LONGEST_TEXT = 10_000  # Every platform takes less; a person may still paste it.


def webhook(phone: Phone, act: dict[str, Any], group: str | None) -> Webhook:
    """The request that `act` makes the platform post.

    act: `type` names what was done, the rest is what it was done with (see `_PRIVATE`).
    group: the group chat it was done in, LINE only. Raises ValueError with a sentence.
    """
    kind = str(act.get("type"))
    if group is None:
        made = _PRIVATE.get(kind)
        if made is None:
            raise ValueError(f"nobody can do {kind!r}; there are {', '.join(_PRIVATE)}")
        return made(phone, act)
    if kind == "says":
        mentioned, others, emoji = bool(act.get("mention")), _words(act, "others"), _words(act, "emoji")
        return phone.says_in_group(group, _text(act, "text"), mention=mentioned, others=others, emoji=emoji)
    if kind == "taps":
        return phone.taps_in_group(group, _text(act, "data"))
    if kind == "invites":
        return phone.invites(group)
    if kind == "removes":
        return phone.removes(group)
    raise ValueError(f"nobody can do {kind!r} in a group; there are says, taps, invites, removes")


def _taps(phone: Phone, act: dict[str, Any]) -> Webhook:
    params = act.get("params")
    if isinstance(params, dict) and phone.channel == "line":
        return phone.picks_date(_text(act, "data"), **{str(name): str(value) for name, value in params.items()})
    if (ref := _ref(act)) and phone.channel == "instagram":
        return phone.breaks_ice(str(act.get("label", "")), _text(act, "data"), ref=ref)
    return phone.taps(_text(act, "data"), str(act.get("label", "")))


def _ref(act: dict[str, Any]) -> str | None:
    """What the link said by which they came to do this, in a chat that was new."""
    ref = act.get("ref")
    return ref[:LONGEST_TEXT] if isinstance(ref, str) and ref else None


def _text(act: dict[str, Any], name: str) -> str:
    value = act.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{act.get('type')} needs a {name}")
    return value[:LONGEST_TEXT]


def _words(act: dict[str, Any], name: str) -> list[str]:
    value = act.get(name)
    return [word for word in value if isinstance(word, str)][:100] if isinstance(value, list) else []


_PRIVATE: dict[str, Callable[[Phone, dict[str, Any]], Webhook]] = {
    "says": lambda phone, act: phone.says(_text(act, "text"), emoji=_words(act, "emoji"), ref=_ref(act) or ""),
    "comes": lambda phone, act: phone.comes_by_link(_text(act, "ref")),
    "taps": _taps,
    "answers": lambda phone, act: phone.taps(_text(act, "data"), str(act.get("label", "")), quick_reply=True),
    "shares_phone": lambda phone, act: phone.shares_phone(_text(act, "text")),
    "follows": lambda phone, _: phone.follows(),
    "returns": lambda phone, _: phone.follows(returning=True),
    "blocks": lambda phone, _: phone.unfollows(),
    "starts": lambda phone, act: phone.gets_started(_text(act, "data"), ref=_ref(act)),
    "sticker": lambda phone, _: phone.sends_sticker(),
    "image": lambda phone, _: phone.sends_image(),
    "location": lambda phone, _: phone.sends_location(),
    "story": lambda phone, _: phone.mentions_in_story(),
    "post": lambda phone, _: phone.shares_post(),
    "reel": lambda phone, _: phone.shares_reel(),
    "unsupported": lambda phone, _: phone.sends_unsupported(),
    "reveals": lambda phone, act: phone.messenger_event(
        {"template": {"type": "coupon", "coupon_code": _text(act, "text"), "payload": str(act.get("data", ""))}}
    ),
    "given_back": lambda phone, _: phone.gets_back(PAGE_INBOX),
    "unsends": lambda phone, act: phone.unsends(_text(act, "message_id")),
}
