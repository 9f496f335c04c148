"""A day's mix of messages, and what has to be true of it at its end: each is answered by one side."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Set
from dataclasses import dataclass, field
from typing import Any

from bot.understanding.personal import has_phone
from sandbox import Phone, Sandbox, Webhook

OURS: tuple[Callable[[Phone, str], Webhook], ...] = (
    lambda phone, _: phone.says("我的獎品"),
    lambda phone, _: phone.says("WELCOME2026"),
    lambda phone, _: phone.says("選單"),  # In English we would ask at last whether they prefer that.
    lambda phone, _: phone.taps("go.help"),
)
# Answered by us, for nobody else may have it; last of all, since our answer may be a question and what follows ours.
PRIVATE: tuple[Callable[[Phone, str, str], Webhook], ...] = (
    lambda phone, mark, _: phone.says(f"/x {mark}"),
    lambda phone, mark, _: phone.says(f"please call me at 0912-345-678 {mark}"),
    lambda phone, mark, _: phone.on_standby(f"0912345678 {mark}"),
    lambda phone, mark, code: phone.says(f"{mark} somebody gave me {code} what is it good for"),
)
THEIRS: tuple[Callable[[Phone, str], Webhook], ...] = (
    lambda phone, mark: phone.says(f"請問雨傘還有貨嗎 {mark}"),
    lambda phone, mark: phone.says(f"do you sell umbrellas in the new shop {mark}"),
    lambda phone, mark: phone.taps(f"campaign=7&step={mark}"),
    lambda phone, _: phone.sends_sticker(),
    lambda phone, _: phone.sends_image(),
)
UNANSWERED: tuple[Callable[[Phone, str], Webhook], ...] = (
    lambda phone, mark: phone.on_standby(f"somebody else talks here {mark}"),
)
# How the other tool fails: down, slow, broken, working and then silent.
TROUBLES: tuple[dict[str, Any], ...] = (
    {"status": 503},
    {"status": 500, "after": True},
    {"drop": True},
    {"drop": True, "after": True},
    {"delay_ms": 400},
    {"status": 429},
    {"status": 302, "headers": {"Location": "https://example.com/"}},
)
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass
class Day:
    """What was written, by the ids of its events: by whom, in which order, and whose it is."""

    sandbox: Sandbox
    chance: random.Random
    ours: set[str] = field(default_factory=set)
    theirs: set[str] = field(default_factory=set)
    unanswerable: set[str] = field(default_factory=set)  # of ours: on standby nobody can answer
    order: dict[str, list[str]] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    # What opens something at the moment, and everything that ever did.
    live: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    codes: set[str] = field(default_factory=set)

    def open_with(self, codes: list[str], links: list[str]) -> None:
        """These are the codes that are good from now on. links: those that link a phone."""
        self.live, self.links = codes, links
        self.codes.update(codes, links)

    async def run(
        self,
        events: int,
        people: int,
        post: Callable[[Webhook], Awaitable[object]],
        *,
        pace: float,
        trouble: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Have `people` write `events` messages, while the other tool fails in every way, one after the other.

        trouble: one more way, which ends by itself.
        """
        users = [f"U{self.chance.getrandbits(128):032x}" for _ in range(people)]
        for user in users:
            self.sandbox.people.put("line", user, locale="zh-TW")
        failing = asyncio.create_task(self._fail(trouble))
        try:
            for number in range(events):
                user = users[number % people]
                phone = self.sandbox.phone("line", user)
                # Letters alone: with a digit in it, a stranger's message is looked at more closely.
                mark = "".join(self.chance.choice(LETTERS) for _ in range(5))
                sides = ((OURS, self.ours), (THEIRS, self.theirs), (UNANSWERED, self.theirs))
                ((kinds, whose),) = self.chance.choices(sides, (5, 5, 1))
                if kinds is OURS and number >= events - people:
                    made = self.chance.choice((*PRIVATE, _on_standby) if self.live else PRIVATE[:3])
                    codes = self.live + self.links if made is _on_standby else self.live
                    webhook = made(phone, mark, self.chance.choice(codes or [""]))
                else:
                    webhook = self.chance.choice(kinds)(phone, mark)
                event = webhook.json["events"][0]["webhookEventId"]
                whose.add(event)
                if webhook.json["events"][0]["mode"] != "active":
                    self.unanswerable.add(event)
                self.said[event] = webhook.body.decode()
                self.order.setdefault(user, []).append(event)
                await post(webhook)
                await asyncio.sleep(pace)
        finally:
            failing.cancel()
            self.sandbox.clear_faults()

    async def _fail(self, trouble: Callable[[], Awaitable[None]] | None) -> None:
        while True:
            if trouble is not None:
                await trouble()
            for fault in TROUBLES:
                self.sandbox.fault("other", **fault, times=6)
                await asyncio.sleep(0.5)
                self.sandbox.clear_faults()
                await asyncio.sleep(0.3)

    def judge(self, *, lost: Set[str] = frozenset()) -> None:
        """Each event of theirs reached them, in each chat's order, and none of ours did; nobody has two answers.

        lost: what was given up, of which staff were told.
        """
        other = self.sandbox.other
        came = [received for received in other.received if not received.known]
        got = {received.id for received in came}
        assert got == self.theirs - lost, [self.said[each] for each in got ^ (self.theirs - lost)]
        assert not other.unsigned
        assert all(received.again for received in other.received if received.known), "a repeat says so"
        for user, events in self.order.items():
            heard = [each.id for each in came if each.event["source"].get("userId") == user]
            assert heard == [event for event in events if event in got], "order"
        self.search()
        asked = {each.id for each in came if each.event.get("replyToken") and each.event["mode"] == "active"}
        answers = Counter([*other.answered, *other.too_late])
        assert set(answers) == asked and set(answers.values()) <= {1}
        assert not set(answers) & self.ours

    def search(self) -> None:
        """In nothing that was passed on, repeats included, is a phone, a line of staff or a code that was good."""
        for received in self.sandbox.other.received:
            texts = [received.text, str(received.event.get("postback", {}).get("data", ""))]
            assert not any(has_phone(text) or text.startswith("/") for text in texts), texts
            written = received.text.upper().replace("-", "")
            assert not [code for code in self.codes if code.replace("-", "") in written], texts


def _on_standby(phone: Phone, mark: str, code: str) -> Webhook:
    """A code that nobody uses up by this; in a sentence to us a link code would link whoever types it."""
    return phone.on_standby(f"{mark} {code}")
