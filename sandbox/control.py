"""The sandbox's own API under /_sandbox: faults, calls, what was sent, and who is who."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from aiohttp import web

from sandbox.answers import Routes, answer, json_object, refuse, whole_number
from sandbox.clock import milliseconds
from sandbox.credentials import environment
from sandbox.faults import Fault
from sandbox.graph import PAGE_INBOX
from sandbox.journal import Deed
from sandbox.people import CHANNELS
from sandbox.phone import Webhook
from sandbox.state import State

LONGEST_WAIT_MS = 30_000


class Control:
    """Everything that tests, the demo, the terminal and the benchmark may ask of a sandbox."""

    def __init__(self, sandbox: State) -> None:
        self.sandbox = sandbox

    def routes(self) -> Routes:
        return [
            ("GET", "", self._overview),
            ("GET", "/environment", self._environment),
            ("POST", "/faults", self._add_fault),
            ("GET", "/faults", self._list_faults),
            ("DELETE", "/faults", self._clear_faults),
            ("GET", "/calls", self._calls),
            ("GET", "/sent", self._sent),
            ("GET", "/ticks", self._ticks),
            ("POST", "/deeds", self._begin_deed),
            ("PUT", "/deeds/{number}", self._end_deed),
            ("POST", "/line/tokens", self._tokens),
            ("PUT", "/line", self._line_settings),
            ("PUT", "/messenger", self._messenger_settings),
            ("PUT", "/messenger/threads/{user}", self._hold_thread),
            ("PUT", "/gotit", self._gotit_settings),
            ("PUT", "/clock", self._clock),
            ("POST", "/reset", self._reset),
            ("GET", "/people", self._people),
            ("PUT", "/people/{channel}/{user}", self._put_person),
            ("PUT", "/mantago/clients/{platform}/{user}", self._put_client),
            ("DELETE", "/mantago/clients/{platform}/{user}", self._delete_client),
            ("PUT", "/mantago/points/{platform}/{user}", self._put_points),
            ("POST", "/mantago/pair", self._refresh_pair),
            ("POST", "/poshen/codes", self._put_code),
            ("DELETE", "/poshen/codes/{code}", self._delete_code),
            ("DELETE", "/poshen/codes", self._delete_code),
        ]

    async def _overview(self, _: web.Request) -> web.Response:
        sandbox = self.sandbox
        return answer(
            {
                "sandbox": "giftdesk",
                "url": sandbox.url,
                "delay_ms": sandbox.delay_ms,
                "calls": len(sandbox.journal.calls),
                "last_seq": sandbox.journal.last,
                "faults": len(sandbox.faults.active),
            }
        )

    async def _environment(self, _: web.Request) -> web.Response:
        return answer(environment(self.sandbox.url, now=self.sandbox.now()))

    async def _add_fault(self, request: web.Request) -> web.Response:
        try:
            fault = self.sandbox.faults.add(Fault.parse(await _body(request)))
        except (ValueError, TypeError) as error:
            refuse(400, {"error": str(error)})
        return answer(fault.as_json(), 201)

    async def _list_faults(self, _: web.Request) -> web.Response:
        return answer([fault.as_json() for fault in self.sandbox.faults.active])

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self.sandbox.clear_faults()
        return web.Response(status=204)

    async def _calls(self, request: web.Request) -> web.Response:
        return answer([call.as_json() for call in self.sandbox.calls(request.query.get("upstream"))])

    async def _sent(self, request: web.Request) -> web.Response:
        query = request.query
        after = whole_number(query.get("after"), 0, least=0, most=10**12)
        wait = whole_number(query.get("wait_ms"), 0, least=0, most=LONGEST_WAIT_MS)
        found = await self.sandbox.journal.wait_sent(query.get("channel"), query.get("to"), after, wait / 1_000)
        return answer([item.as_json() for item in found])

    async def _ticks(self, request: web.Request) -> web.Response:
        """Replies to the benchmark's tokens, and sends to its crowd: [token or user, messages, unix time]."""
        after = whole_number(request.query.get("after"), 0, least=0, most=10**12)
        return answer(self.sandbox.journal.ticks[after:])

    async def _begin_deed(self, request: web.Request) -> web.Response:
        """Somebody is about to do something on a phone that posts its webhooks itself."""
        body = await _body(request)
        try:
            path, headers, raw = body["webhook"]
            webhook = Webhook(str(path), dict(headers), str(raw).encode())
            deed = Deed(body["channel"], body["user"], dict(body["act"]), str(body["shown"]), webhook, self._now())
            number = self.sandbox.journal.begins(deed)
        except (KeyError, TypeError, ValueError):
            refuse(400, {"error": 'a deed needs {"channel", "user", "act", "shown", "webhook": [path, headers, body]}'})
        return answer({"number": number}, 201)

    async def _end_deed(self, request: web.Request) -> web.Response:
        """{"status", "ms"}: what the bot answered to its webhook; 0 when nothing did."""
        body = await _body(request)
        number = request.match_info["number"]
        self.sandbox.journal.ended(int(number) if number.isdecimal() else 0, int(body["status"]), float(body["ms"]))
        return web.Response(status=204)

    def _now(self) -> int:
        return milliseconds(self.sandbox.now())

    async def _tokens(self, request: web.Request) -> web.Response:
        body = await _body(request)
        token, user = body.get("token"), body.get("user")
        if not isinstance(token, str) or not isinstance(user, str):
            refuse(400, {"error": 'a reply token needs {"token": ..., "user": ...}'})
        self.sandbox.line.issue(token, user, age=float(body.get("age_s", 0)))
        return answer({"token": token, "user": user}, 201)

    async def _line_settings(self, request: web.Request) -> web.Response:
        body = await _body(request)
        line = self.sandbox.line
        if "refusal_burns_token" in body:
            line.refusal_burns_token = bool(body["refusal_burns_token"])
        if "monthly_limit" in body:
            line.monthly_limit = body["monthly_limit"]
        return answer({"refusal_burns_token": line.refusal_burns_token, "monthly_limit": line.monthly_limit})

    async def _messenger_settings(self, request: web.Request) -> web.Response:
        """Whether the page has a default app, and whether the bot's app may take chats from others."""
        body = await _body(request)
        graph = self.sandbox.graph
        graph.routed = bool(body.get("routed", graph.routed))
        graph.may_take = bool(body.get("may_take", graph.may_take))
        return answer({"routed": graph.routed, "may_take": graph.may_take, "held": list(graph.holders)})

    async def _hold_thread(self, request: web.Request) -> web.Response:
        """{"inbox": true}: somebody of the shop answers in the inbox of the page, and holds the chat from then on."""
        inbox = bool((await _body(request)).get("inbox", True))
        person = self.sandbox.people.find("messenger", request.match_info["user"])
        if person is None:
            refuse(404, {"error": "there is no such person on Messenger"})
        self.sandbox.graph.holds(person.id, PAGE_INBOX if inbox else None)
        return answer({"held": list(self.sandbox.graph.holders)})

    async def _gotit_settings(self, request: web.Request) -> web.Response:
        body = await _body(request)
        gotit = self.sandbox.gotit
        if body.get("repeats") in ("original", "refused"):
            gotit.repeats = body["repeats"]
        if body.get("expire_tokens"):
            gotit.expire_tokens()
        return answer({"repeats": gotit.repeats})

    async def _clock(self, request: web.Request) -> web.Response:
        """Move the sandbox's clock: seconds ahead of the machine's."""
        self.sandbox.ahead = timedelta(seconds=float((await _body(request)).get("ahead_s", 0)))
        return answer({"now": self.sandbox.now().isoformat()})

    async def _reset(self, _: web.Request) -> web.Response:
        self.sandbox.reset()
        return web.Response(status=204)

    async def _people(self, _: web.Request) -> web.Response:
        return answer([person.as_json() for person in self.sandbox.people])

    async def _put_person(self, request: web.Request) -> web.Response:
        channel, user = request.match_info["channel"], request.match_info["user"]
        if channel not in CHANNELS:
            refuse(404, {"error": f"there is no channel {channel}; there are {', '.join(CHANNELS)}"})
        try:
            person = self.sandbox.people.put(channel, user, **await _body(request))
        except ValueError as error:
            refuse(400, {"error": str(error)})
        return answer(person.as_json())

    async def _put_client(self, request: web.Request) -> web.Response:
        match = request.match_info
        self.sandbox.mantago.put_client(match["platform"], match["user"], await _body(request))
        return web.Response(status=204)

    async def _delete_client(self, request: web.Request) -> web.Response:
        match = request.match_info
        self.sandbox.mantago.put_client(match["platform"], match["user"], None)
        return web.Response(status=204)

    async def _put_points(self, request: web.Request) -> web.Response:
        """{"points": 120}, or null: MantaGo does not tell of them."""
        match, points = request.match_info, (await _body(request)).get("points")
        if points is not None and (not isinstance(points, int) or isinstance(points, bool)):
            refuse(400, {"error": 'points are a whole number or null, as in {"points": 120}'})
        self.sandbox.mantago.put_points(match["platform"], match["user"], points)
        return web.Response(status=204)

    async def _refresh_pair(self, _: web.Request) -> web.Response:
        """What the console's Refresh does: a new pair, and the former one is dead."""
        token, secret = self.sandbox.mantago.refresh()
        return answer({"MANTAGO_TOKEN": token, "MANTAGO_SECRET": secret})

    async def _put_code(self, request: web.Request) -> web.Response:
        body = await _body(request)
        code = body.get("code")
        if not isinstance(code, str) or not code:
            refuse(400, {"error": 'a code needs at least {"code": "..."}'})
        poshen = self.sandbox.poshen
        known = {name: body[name] for name in ("group", "rewards", "current_uses", "max_uses") if name in body}
        if known.get("group", 7) not in poshen.groups:
            refuse(400, {"error": f"there is no group {known['group']}; there are {sorted(poshen.groups)}"})
        return answer(poshen.as_json(poshen.put_code(code, **known)), 201)

    async def _delete_code(self, request: web.Request) -> web.Response:
        code = request.match_info.get("code") or (await _body(request)).get("code")
        if not self.sandbox.poshen.remove_code(str(code)):
            refuse(404, {"error": f"there is no code {code}"})
        return web.Response(status=204)


async def _body(request: web.Request) -> dict[str, Any]:
    body = await json_object(request)
    if body is None:
        refuse(400, {"error": "the body must be a JSON object"})
    return body
