"""What the sandbox knows: its stand-ins, its people, its faults and what it was asked and told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sandbox.altegio import Altegio
from sandbox.clock import Clock, machine_clock
from sandbox.credentials import environment
from sandbox.faults import Fault, Faults
from sandbox.gotit import GotIt
from sandbox.graph import Graph
from sandbox.instagram import Instagram
from sandbox.journal import Call, Journal, Sent
from sandbox.line import Line
from sandbox.mantago import MantaGo
from sandbox.messenger import Messenger
from sandbox.other import Other
from sandbox.people import People
from sandbox.phone import Phone
from sandbox.poshen import Poshen


class State:
    """Everything the stand-ins know, in memory, and all of it open to tests in the same process."""

    def __init__(self, *, clock: Clock = machine_clock, delay_ms: float = 0) -> None:
        self.url = ""
        self.delay_ms = delay_ms
        self.ahead = timedelta()
        self._clock = clock
        self.faults = Faults()
        self.journal = Journal()
        self.people = People()
        self.line = Line(self.now, self.journal, self.people)
        self.other = Other(self.line.says)
        self.messenger = Messenger()
        self.instagram = Instagram()
        self.graph = Graph(self.now, self.journal, self.people, (self.messenger, self.instagram))
        self.mantago = MantaGo(self.now)
        self.poshen = Poshen(self.now)
        self.gotit = GotIt(self.now)
        self.altegio = Altegio(self.now)

    def now(self) -> datetime:
        """The sandbox's time: the clock it was given, plus what a test moved it ahead."""
        return self._clock() + self.ahead

    def environment(self) -> dict[str, str]:
        """The environment variables that point a bot at this sandbox, all four vendors included."""
        return environment(self.url, now=self.now())

    def fault(self, route: str, **fields: Any) -> Fault:
        """Script a fault: `sandbox.fault("poshen", status=503, times=1)`."""
        return self.faults.add(Fault.parse({"route": route, **fields}))

    def clear_faults(self) -> None:
        self.faults.clear()

    def calls(self, upstream: str | None = None, route: str = "") -> list[Call]:
        """The calls received, oldest first; `route` narrows them, as in `GET /redemption-codes`."""
        wanted = Fault(f"{upstream}:{route}")
        return [
            call
            for call in self.journal.calls
            if upstream is None or wanted.matches(call.upstream, call.method, call.path)
        ]

    def sent(
        self, channel: str | None = None, to: str | None = None, after: int = 0, *, busy: bool = False
    ) -> list[Sent]:
        """The messages delivered to people, oldest first; `busy` adds typing indications."""
        found = self.journal.sent(channel, to, after)
        return found if busy else [item for item in found if item.via != "busy"]

    async def wait_sent(
        self, channel: str | None = None, to: str | None = None, after: int = 0, *, wait: float = 5.0
    ) -> list[Sent]:
        """Like `sent` with typing indications, but waits for the first item."""
        return await self.journal.wait_sent(channel, to, after, wait)

    def phone(self, channel: str, user: str = "yu", **options: Any) -> Phone:
        """Somebody's phone; the reply tokens it makes are good here. `user` is an id or a demo nick."""
        person = self.people.find(channel, user)
        options.setdefault("clock", self.now)
        known = person.id if person else user
        options.setdefault("issue", self.line.issue)
        return Phone(channel, known, elsewhere=lambda: known in self.graph.holders, **options)

    def reset(self) -> None:
        """Everything as it was at the start, except for sequence numbers, which go on."""
        self.ahead = timedelta()
        self.faults.clear()
        self.journal.clear()
        self.people = People()
        self.line.reset(self.people)
        self.other.reset()
        self.graph.reset(self.people)
        self.mantago.reset()
        self.poshen.reset()
        self.gotit.reset()
        self.altegio.reset()
