"""Bad days: one switch per vendor and platform, each a fault of the sandbox."""

from __future__ import annotations

from typing import Any

from sandbox.faults import Fault, Faults

UPSTREAMS = ("line", "messenger", "mantago", "poshen", "gotit", "altegio", "other")

MODES: dict[str, dict[str, Any]] = {
    "down": {"status": 503},
    "slow": {"delay_ms": 3_000},
    "limited": {"status": 429, "headers": {"Retry-After": "1"}},
    "refused": {"status": 401},
    "garbage": {"status": 200, "body": "<!doctype html><title>Bad Gateway</title><h1>Bad Gateway</h1>"},
    "lost": {"after": True, "drop": True},  # It worked, and the connection broke before the answer.
    "timeout": {"after": True, "hang": True},  # It worked, and the answer never comes.
}


class Trouble:
    """The switches. Faults scripted elsewhere, by the control API, are left alone."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._set: dict[str, tuple[str, Fault]] = {}

    def set(self, upstream: str, mode: str, *, once: bool = False) -> None:
        """Give `upstream` a bad day of the kind `mode`, or for its next call only; an empty mode ends it.

        Raises ValueError with a sentence.
        """
        if upstream not in UPSTREAMS:
            raise ValueError(f"there is no {upstream!r}; there are {', '.join(UPSTREAMS)}")
        if mode and mode not in MODES:
            raise ValueError(f"there is no trouble {mode!r}; there are {', '.join(MODES)}")
        self.end(upstream)
        if mode:
            fault = self._faults.add(Fault(upstream, times=1 if once else None, **MODES[mode]))
            self._set[upstream] = mode, fault

    def end(self, upstream: str) -> None:
        """The switch of `upstream` back to normal."""
        if upstream in self._set:
            _, ours = self._set.pop(upstream)
            # By identity: an equal one may have been scripted elsewhere.
            self._faults.active[:] = [fault for fault in self._faults.active if fault is not ours]

    def ended(self) -> bool:
        """Whether a fault for one call has been used since the last look; its switch is then back to normal."""
        active = {id(fault) for fault in self._faults.active}
        used = [name for name, (_, fault) in self._set.items() if id(fault) not in active]
        for name in used:
            del self._set[name]
        return bool(used)

    def as_json(self) -> dict[str, dict[str, Any]]:
        """The switches that are on: upstream to mode, and whether only the next call is meant."""
        return {name: {"mode": mode, "once": fault.times is not None} for name, (mode, fault) in self._set.items()}
