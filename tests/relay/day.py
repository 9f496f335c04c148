"""A day's mix of messages, and what has to be true of it at its end."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from bot.understanding.personal import has_phone
from sandbox import Phone, Sandbox, Webhook

OURS: tuple[Callable[[Phone, str], Webhook], ...] = (
    lambda phone, _: phone.says("我的獎品"),
    lambda phone, _: phone.says("WELCOME2026"),
    lambda phone, _: phone.says("menu"),
    lambda phone, _: phone.taps("go.help"),
)
# Answered by us, for nobody else may have it; once, since after several of them we ask whether to call somebody.
PRIVATE: tuple[Callable[[Phone, str], Webhook], ...] = (
    lambda phone, mark: phone.says(f"/x {mark}"),
    lambda phone, mark: phone.on_standby(f"0912345678 {mark}"),
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
    order: dict[str, list[str]] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)

    async def run(self, events: int, people: int, post: Callable[[Webhook], Awaitable[object]], *, pace: float) -> None:
        """Have `people` write `events` messages, while the other tool fails in every way, one after the other."""
        users = [f"U{self.chance.getrandbits(128):032x}" for _ in range(people)]
        for user in users:
            self.sandbox.people.put("line", user, locale="zh-TW")
        private: set[str] = set()
        failing = asyncio.create_task(self._fail())
        try:
            for number in range(events):
                user = users[number % people]
                phone = self.sandbox.phone("line", user)
                # Letters alone: with a digit in it, a stranger's message is looked at more closely.
                mark = "".join(self.chance.choice(LETTERS) for _ in range(5))
                sides = ((OURS, self.ours), (THEIRS, self.theirs), (UNANSWERED, self.theirs))
                ((kinds, whose),) = self.chance.choices(sides, (5, 5, 1))
                if kinds is OURS and number >= 4 * people and user not in private:
                    private.add(user)
                    kinds = PRIVATE
                webhook = self.chance.choice(kinds)(phone, mark)
                event = webhook.json["events"][0]["webhookEventId"]
                whose.add(event)
                self.said[event] = webhook.body.decode()
                self.order.setdefault(user, []).append(event)
                await post(webhook)
                await asyncio.sleep(pace)
        finally:
            failing.cancel()
            self.sandbox.clear_faults()

    async def _fail(self) -> None:
        while True:
            for trouble in TROUBLES:
                self.sandbox.fault("other", **trouble, times=6)
                await asyncio.sleep(0.5)
                self.sandbox.clear_faults()
                await asyncio.sleep(0.3)

    def judge(self) -> None:
        """Each event of theirs reached them, in each chat's order, and none of ours did; nobody has two answers."""
        other = self.sandbox.other
        came = [received for received in other.received if not received.known]
        got = {received.id for received in came}
        assert got == self.theirs, [self.said[each] for each in got ^ self.theirs]
        assert not other.unsigned
        assert all(received.again for received in other.received if received.known), "a repeat says so"
        for user, events in self.order.items():
            heard = [each.id for each in came if each.event["source"].get("userId") == user]
            assert heard == [event for event in events if event in self.theirs], "order"
        assert not [each.text for each in other.received if has_phone(each.text) or each.text.startswith("/")]
        answers = Counter(other.answered)
        assert set(answers.values()) <= {1} and not set(answers) & self.ours
