"""What happened: what people did, what reached them, and how each answer came about, step by step."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from sandbox.journal import Call, Sent
from sandbox.phone import Webhook

ENTRIES_KEPT = 5_000
TRACES_KEPT = 500
STILL_OPEN_MS = 120_000  # A webhook without an outcome by then is no longer taken for the cause of anything.
TOGETHER_MS = 5_000  # Calls that nobody asked for, such as a list kept fresh, are shown in one line.
_REQUEST = re.compile(r"giftdesk-(\d+)")
_LINKED = re.compile(r"/v2/bot/user/(U[0-9a-f]{32})/richmenu")
_PLATFORMS = ("line", "messenger")
_QUIET = ("reveals", "unsends")


@dataclass(slots=True)
class Entry:
    """One line of a chat. by: `person` or `bot`. chat: the person's id, or the group's.

    act: what a person did, as the page sent it, so that it can be done again. shown: their own bubble.
    via, message: how and what the bot sent.
    """

    seq: int
    by: str
    channel: str
    chat: str
    at: int
    user: str = ""
    act: dict[str, Any] = field(default_factory=dict)
    shown: str = ""
    message_id: str = ""
    trace: int = 0
    via: str = ""
    message: Any = None

    def as_json(self) -> dict[str, Any]:
        common = {"seq": self.seq, "by": self.by, "channel": self.channel, "chat": self.chat, "at": self.at}
        if self.by == "bot":
            return common | {"via": self.via, "message": self.message}
        return common | {
            "user": self.user,
            "act": self.act,
            "shown": self.shown,
            "message_id": self.message_id,
            "trace": self.trace,
        }


@dataclass(slots=True)
class Step:
    """One call that the bot made: `kind` is vendor, reply, push, send, busy, menu, profile or setup.

    request: the number in its X-Request-Id, which is the bot's own number of the event. messages: how many it brings.
    """

    call: Call
    kind: str
    request: int | None = None
    messages: int = 0

    def as_json(self) -> dict[str, Any]:
        return self.call.as_json() | {
            "kind": self.kind,
            "answered": self.call.answered,
            "messages": self.messages,
        }


@dataclass(slots=True)
class Trace:
    """One webhook's life, or (`kind` push or other) calls that answer none.

    key: how the bot's log names the event. at: milliseconds since 1970. Times are in milliseconds.
    status: what the bot answered to the webhook, 0 when it did not. The log's line brings `waited`, `handled`
    and `outcome`; `failures` counts tries that the bot gave up. quiet: no bot answers what this tells.
    """

    id: int
    kind: str
    channel: str
    chat: str
    at: int
    user: str = ""
    label: str = ""
    key: str = ""
    again: bool = False
    old: bool = False
    status: int | None = None
    acknowledged: float | None = None
    event: int | None = None
    waited: int | None = None
    handled: int | None = None
    total: int | None = None
    outcome: str | None = None
    failures: int = 0
    quiet: bool = False
    steps: list[Step] = field(default_factory=list)
    webhook: Webhook | None = None

    def as_json(self) -> dict[str, Any]:
        names = ("id", "kind", "channel", "chat", "at", "user", "label", "again", "status", "acknowledged", "event",
                 "waited", "handled", "total", "outcome", "failures")  # fmt: skip
        return {name: getattr(self, name) for name in names} | {"steps": [step.as_json() for step in self.steps]}


class Record:
    """Everything since the start or the last reset, and who is told of what comes next.

    channel_of: whose channel a call is made for, by the person that it is for; one API sends to those of two.
    """

    def __init__(self, channel_of: Callable[[Call, str], str] = lambda call, _: call.upstream) -> None:
        self._channel_of = channel_of
        self.entries: deque[Entry] = deque(maxlen=ENTRIES_KEPT)
        self.traces: deque[Trace] = deque(maxlen=TRACES_KEPT)
        self._listeners: set[asyncio.Queue[dict[str, Any]]] = set()
        self._tokens: dict[str, Trace] = {}
        self._last = 0

    def clear(self) -> None:
        """Forget everything; numbers go on."""
        self.entries.clear()
        self.traces.clear()
        self._tokens.clear()

    def listen(self) -> asyncio.Queue[dict[str, Any]]:
        """A queue that is given everything from now on, until `leave`."""
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._listeners.add(queue)
        return queue

    def leave(self, queue: asyncio.Queue[dict[str, Any]]) -> None:
        self._listeners.discard(queue)

    def tell(self, kind: str, **what: Any) -> None:
        """Tell every listener."""
        for queue in self._listeners:
            queue.put_nowait({"type": kind, **what})

    # What people do.

    def did(
        self, webhook: Webhook, *, channel: str, chat: str, user: str, act: dict[str, Any], shown: str, at: int
    ) -> Trace:
        """Note that somebody did something; its webhook is about to be posted."""
        trace = self._trace("webhook", channel, chat, at, user=user, label=shown or str(act.get("type", "")))
        self._watch(trace, webhook)
        trace.quiet = act.get("type") in _QUIET
        message_id = _message_id(channel, webhook)
        entry = Entry(self._next(), "person", channel, chat, at, user, act, shown, message_id, trace.id)
        self.entries.append(entry)
        self.tell("entry", entry=entry.as_json())
        self.tell("trace", trace=trace.as_json())
        return trace

    def delivers_again(self, trace: Trace, webhook: Webhook, at: int, *, old: bool = False) -> Trace:
        """Note that the platform posts the webhook of `trace` once more, or somebody (`old`) one of yesterday."""
        again = self._trace("webhook", trace.channel, trace.chat, at, user=trace.user, label=trace.label, again=True)
        again.old = old
        self._watch(again, webhook)
        self.tell("trace", trace=again.as_json())
        return again

    def acknowledged(self, trace: Trace, status: int, ms: float) -> None:
        """Note the bot's answer to a webhook, 0 when there was none."""
        trace.status, trace.acknowledged = status, round(ms, 1)
        if status == 200 and trace.outcome is None:
            if trace.old:
                trace.outcome = "old"
            elif trace.webhook is not None and self._is_stored_already(trace):
                trace.outcome = "duplicate"
            elif trace.quiet:
                trace.outcome = "silent"
        self.tell("trace", trace=trace.as_json())

    def find(self, number: int) -> Trace | None:
        return next((trace for trace in self.traces if trace.id == number), None)

    # What the bot does.

    def watch(self, what: Call | Sent) -> None:
        """The journal's: a call came or was answered, or a message reached somebody."""
        if isinstance(what, Call):
            self._called(what)
        elif what.via == "busy":
            self.tell("busy", channel=what.channel, chat=what.to, how=what.message)
        else:
            entry = Entry(self._next(), "bot", what.channel, what.to, what.at, via=what.via, message=what.message)
            self.entries.append(entry)
            self.tell("entry", entry=entry.as_json())

    def hear(self, line: dict[str, Any]) -> None:
        """One line of the bot's log. Of those about an event the times and the outcome are taken."""
        key = line.get("key")
        same = [each for each in self.traces if key and each.key == key]
        if not same:
            return
        # Of a webhook that was delivered more than once, the first that the bot took is the one it answers.
        trace = next((each for each in same if each.status in (None, 200)), same[0])
        if line.get("event") in ("turn failed", "delivery failed"):
            trace.failures += 1
        elif line.get("event") != "event done":
            return
        else:
            trace.waited, trace.handled = line.get("waited_ms"), line.get("handled_ms")
            trace.total, trace.outcome = line.get("total_ms"), str(line.get("outcome"))
        event = line.get("event_id")
        if isinstance(event, int):
            self._belongs(trace, event)
        self.tell("trace", trace=trace.as_json())

    def _called(self, call: Call) -> None:
        for trace in reversed(self.traces):
            if any(step.call is call for step in trace.steps):
                self.tell("trace", trace=trace.as_json())
                return
        step = _step(call)
        if step.kind == "setup" or call.answered:  # The latter: begun before a reset.
            return
        cause = self._cause(step)
        if cause is not None:
            cause.steps.append(step)
            self.tell("trace", trace=cause.as_json())

    def _cause(self, step: Step) -> Trace | None:
        """Why the bot makes this call; when nobody's webhook is the reason, a trace of its own."""
        call = step.call
        if step.request is not None:
            known = next((trace for trace in reversed(self.traces) if trace.event == step.request), None)
            if known is not None:
                return known
            # The bot counts events as they come: until its log tells, the first that is unfinished is meant.
            waiting = next(self._open(call.at), None)
            if waiting is not None:
                waiting.event = step.request
                return waiting
            return self._trace("other", "", "", call.at, label=f"giftdesk-{step.request}")
        if call.upstream == "other":
            keys = {event_key("line", Webhook("", {}, call.body))} if b"webhookEventId" in call.body else set()
            return next((trace for trace in reversed(self.traces) if trace.key in keys), None)
        if call.upstream not in _PLATFORMS:
            last = self.traces[-1] if self.traces else None
            if last is not None and last.kind == "other" and call.at - last.at < TOGETHER_MS:
                return last
            return self._trace("other", "", "", call.at)
        token, chat = _addressed(call)
        if token in self._tokens:
            return self._tokens[token]
        # One event at a time per chat: the eldest unfinished one is being answered.
        answering = next((each for each in self._open(call.at, started=True) if each.chat == chat), None)
        if answering is not None and step.kind != "push":
            return answering
        last = next((each for each in reversed(self.traces) if each.chat == chat and each.kind == "push"), None)
        if last is not None and step.kind == "push" and any(each.call.status != 200 for each in last.steps[-1:]):
            return last  # It failed, and this is the next try.
        if answering is not None:
            return answering
        return self._trace("push", self._channel_of(call, chat), chat, call.at) if chat else None

    def _open(self, now: int, *, started: bool = False) -> Iterator[Trace]:
        """Webhooks without an outcome, the eldest first; unless `started`, only those of no known event."""
        for trace in self.traces:
            young = now - trace.at < STILL_OPEN_MS
            if trace.kind == "webhook" and trace.outcome is None and young and (started or trace.event is None):
                yield trace

    def _belongs(self, trace: Trace, event: int) -> None:
        """Now it is known whose event `event` is: what was put down to another webhook is moved."""
        moved = []
        for other in self.traces:
            strays = [step for step in other.steps if step.request == event]
            if other is trace or not (strays or other.event == event):
                continue
            if other.event == event:
                other.event = None
            moved += strays
            other.steps = [step for step in other.steps if step.request != event]
            self.tell("trace", trace=other.as_json())
        trace.event = event
        if moved:
            trace.steps = sorted([*trace.steps, *moved], key=lambda step: step.call.at)

    def _watch(self, trace: Trace, webhook: Webhook) -> None:
        trace.webhook = webhook
        trace.key = event_key(trace.channel, webhook)
        for event in webhook.json.get("events", []):
            if "replyToken" in event:
                self._tokens[event["replyToken"]] = trace

    def _is_stored_already(self, trace: Trace) -> bool:
        """Whether the bot has taken this webhook before."""
        elder = [each for each in self.traces if each.key == trace.key and each.id < trace.id]
        return any(each.status == 200 or each.outcome for each in elder)

    def _trace(self, kind: str, channel: str, chat: str, at: int, **more: Any) -> Trace:
        trace = Trace(self._next(), kind, channel, chat, at, **more)
        self.traces.append(trace)
        return trace

    def _next(self) -> int:
        self._last += 1
        return self._last


def _message_id(channel: str, webhook: Webhook) -> str:
    """The id of what was said with `webhook`; empty where it was something else."""
    body = webhook.json
    if channel == "line":
        return str(body["events"][0].get("message", {}).get("id", ""))
    return str(_told(body["entry"][0]).get("message", {}).get("mid", ""))


def _told(entry: dict[str, Any]) -> dict[str, Any]:
    """What an entry of Meta's says; on standby when another app holds the chat."""
    (event,) = entry.get("messaging") or entry["standby"]
    return dict(event)


def event_key(channel: str, webhook: Webhook) -> str:
    """How the bot's log names the event of `webhook`: the beginning of a hash over the platform's own ids."""
    body = webhook.json
    if channel == "line":
        ids = (body["destination"], body["events"][0]["webhookEventId"])
    else:
        entry = body["entry"][0]
        what = _told(entry)
        said = what.get("message") or what.get("postback") or {}
        # What is taken back has the id of what was said.
        ids = (entry["id"], said.get("mid", ""), *(("deleted",) if said.get("is_deleted") else ()))
    return hashlib.sha256(":".join((channel, *ids)).encode()).hexdigest()[:12]


def _step(call: Call) -> Step:
    if call.upstream not in _PLATFORMS:
        request = _REQUEST.fullmatch(call.headers.get("X-Request-Id", ""))
        return Step(call, "vendor", int(request[1]) if request else None)
    kind = _platform_kind(call)
    messages = _object(call).get("messages")
    return Step(call, kind, messages=len(messages) if isinstance(messages, list) else int(kind == "send"))


def _platform_kind(call: Call) -> str:
    path, method = call.path, call.method
    if call.upstream == "line":
        for kind, end in (("reply", "/message/reply"), ("push", "/message/push"), ("busy", "/loading/start")):
            if path.endswith(end):
                return kind
        if _LINKED.match(path):
            return "menu"
        return "profile" if "/profile/" in path else "setup"
    if path.endswith("/messages"):
        return "busy" if b'"sender_action"' in call.body else "send"
    return "profile" if method == "GET" and re.fullmatch(r"/\d{6,}", path) else "setup"


def _addressed(call: Call) -> tuple[str, str]:
    """The reply token of a call to a platform, and whom it is for; empty where it has none."""
    if linked := _LINKED.match(call.path):
        return "", linked[1]
    if call.method == "GET":
        return "", call.path.rsplit("/", 1)[-1]
    body = _object(call)
    recipient = body.get("recipient")
    to = recipient.get("id") if isinstance(recipient, dict) else body.get("to") or body.get("chatId")
    return str(body.get("replyToken", "")), str(to or "")


def _object(call: Call) -> dict[str, Any]:
    """The call's body, empty when it is no JSON object."""
    try:
        body = call.json
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}
