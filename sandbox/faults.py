"""Scripted trouble: what goes wrong, on which route, and how many times."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

NAMES = ("route", "status", "delay_ms", "body", "headers", "drop", "cut", "after", "times", "hang")


@dataclass(slots=True)
class Fault:
    """One kind of trouble. Without `times` it lasts until it is cleared.

    route: `poshen`, or `poshen:GET /redemption-codes` (the path is a prefix, below the base URL).
    status, body, headers: the answer given instead; a body that is not given looks like the vendor's own.
    delay_ms: how long to wait first; alone, it only slows the real answer down.
    drop: close the connection without an answer. hang: never answer. cut: close it half way through the body.
    after: let the call take effect first, so that the client sees a failure of something that worked.
    """

    route: str
    status: int | None = None
    delay_ms: int = 0
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    cut: bool = False
    after: bool = False
    times: int | None = None
    hang: bool = False

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> Fault:
        """A fault from JSON. Raises ValueError with a sentence when it makes no sense."""
        unknown = sorted(set(fields) - set(NAMES))
        if unknown:
            raise ValueError(f"a fault has no {', '.join(unknown)}; it may have {', '.join(NAMES)}")
        if not isinstance(fields.get("route"), str) or not fields["route"]:
            raise ValueError('a fault needs a route, such as "poshen" or "poshen:GET /redemption-codes"')
        for name in ("status", "delay_ms", "times"):
            value = fields.get(name)
            if value is not None and (not isinstance(value, int) or value < (name != "delay_ms")):
                raise ValueError(f"a fault's {name} must be a whole number, and not {value!r}")
        return cls(**fields)

    def matches(self, upstream: str, method: str, path: str) -> bool:
        """Whether this fault is meant for that call."""
        name, _, route = self.route.partition(":")
        if name != upstream:
            return False
        wanted_method, space, prefix = route.strip().partition(" ")
        if not space and wanted_method.startswith("/"):
            wanted_method, prefix = "", wanted_method
        return (not wanted_method or wanted_method.upper() == method) and path.startswith(prefix.strip())

    def as_json(self) -> dict[str, Any]:
        """This fault as the control API shows it."""
        return {name: getattr(self, name) for name in NAMES}


class Faults:
    """The faults in force. The oldest one that matches is used first, so a sequence can be scripted."""

    def __init__(self) -> None:
        self.active: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        self.active.append(fault)
        return fault

    def clear(self) -> None:
        self.active.clear()

    def take(self, upstream: str, method: str, path: str) -> Fault | None:
        """The fault for this call, counted as used."""
        for fault in self.active:
            if fault.matches(upstream, method, path):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self.active.remove(fault)
                return fault
        return None
