"""The bot's worker process: known from the bot's own log, and killed without warning when asked."""

from __future__ import annotations

import os
import signal
from typing import Any


class Worker:
    """state: `unknown` until the log tells, then `starting`, `running` or `dead`. kills: how often it died by us."""

    def __init__(self) -> None:
        self.state = "unknown"
        self.kills = 0
        self._pid: int | None = None

    def hear(self, line: dict[str, Any]) -> bool:
        """One line of the log; whether it said something about the worker."""
        match line.get("event"):
            case "process started" if line.get("role") == "worker" and isinstance(line.get("pid"), int):
                self.state, self._pid = "starting", line["pid"]
            case "worker ready":
                self.state = "running"
            case "process died, starting it again" if line.get("role") == "worker":
                self.state, self._pid = "dead", None
            case "worker stopped" | "giftdesk stopped":
                self.state, self._pid = "dead", None
            case _:
                return False
        return True

    def kill(self) -> bool:
        """Kill -9. False when there is nothing to kill."""
        if self._pid is None:
            return False
        try:
            os.kill(self._pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        finally:
            self._pid = None
        self.state = "dead"
        self.kills += 1
        return True

    def as_json(self) -> dict[str, Any]:
        return {"state": self.state, "kills": self.kills, "killable": self._pid is not None}
