"""The raw text of each event in a webhook's body: what is passed on holds it as it came, with all we do not know.

Nothing is parsed into values and written again, so numbers, escapes and the order of names stay what LINE sent. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)  # Only where values end is asked.
_REPEATED = '{"isRedelivery":true}'


def events_of(body: str) -> list[str]:
    """The events of a body, one text for each object among them, in their order. Raises ValueError for no such body."""
    try:
        found = dict(_members(body, _after_space(body, 0)))
        start, _ = found["events"]
        return [body[at:end] for at, end in _elements(body, start) if body[at] == "{"]
    except (KeyError, IndexError, RecursionError) as error:
        raise ValueError("no body with events") from error


def body_of(destination: str, event: str) -> str:
    """A webhook body of one event alone. event: its raw text."""
    return f'{{"destination":{json.dumps(destination)},"events":[{event}]}}'


def as_repeat(body: str) -> str:
    """A body of one event, said to be delivered again, as LINE says it of its own."""
    return _changed(body, "deliveryContext", _REPEATED)


def without_token(body: str) -> str:
    """A body of one event without its reply token: it is answered by somebody else."""
    return _changed(body, "replyToken", None)


def _changed(body: str, name: str, value: str | None) -> str:
    """The only event of a body with another value of one of its members; None takes the member out."""
    (event,) = events_of(body)
    kept = {found: event[start:end] for found, (start, end) in _members(event, 0) if found != name}
    if value is not None:
        kept[name] = value
    return body.replace(event, "{" + ",".join(f"{json.dumps(each)}:{kept[each]}" for each in kept) + "}", 1)


def _members(text: str, start: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """Each member of the object that begins at `start`: its name, and where its value stands."""
    if text[start] != "{":
        raise ValueError("no object")
    at = _after_space(text, start + 1)
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, at)
        at = _after_space(text, at)
        if not isinstance(name, str) or text[at] != ":":
            raise ValueError("no object")
        value = _after_space(text, at + 1)
        _, end = _DECODER.raw_decode(text, value)
        yield name, (value, end)
        at = _after_space(text, end)
        if text[at] == ",":
            at = _after_space(text, at + 1)


def _elements(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Where each element of the array that begins at `start` stands."""
    if text[start] != "[":
        raise ValueError("no array")
    at = _after_space(text, start + 1)
    while text[at] != "]":
        _, end = _DECODER.raw_decode(text, at)
        yield at, end
        at = _after_space(text, end)
        if text[at] == ",":
            at = _after_space(text, at + 1)


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None, "it matches nothing, too"
    return found.end()
