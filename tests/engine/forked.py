"""A process that has loaded what every command loads, and forks: `python tests/engine/forked.py <socket>`.

Half of a second of processor time goes by until `python -m bot` knows what to do, and two until a worker does. For each
order that arrives at the socket one process is forked, which is what `python -m bot <words>` would have become
by then: with an environment, streams and a number of its own. `engine.processes` gives the orders.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

# What commands load at their start and later; not bot.__main__ itself, which is run each time.
LOADED = (
    *("bot.cli.backup", "bot.cli.doctor", "bot.cli.menus", "bot.cli.operator", "bot.cli.policy", "bot.cli.remind"),
    *("bot.cli.rewards", "bot.storage.pictures", "bot.storage.schema", "bot.worker", "phonenumbers", "uvloop"),
    *("bot.channels.line.account", "bot.channels.line.client", "bot.channels.line.menu"),
    *("bot.channels.messenger.account", "bot.channels.messenger.client", "bot.channels.messenger.profile"),
    *("bot.channels.instagram.client", "bot.channels.instagram.profile"),
)
ZONE = "Asia/Taipei"  # that of the settings, which the catalogues are read for
LONGEST = 200_000  # bytes of an order


def main() -> None:
    """Until nobody can give orders any more."""
    sys.path[0] = str(Path.cwd())  # As `python -m` has it.
    for name in LOADED:
        importlib.import_module(name)
    importlib.import_module("bot.i18n").load_translators(ZoneInfo(ZONE))
    gc.freeze()  # Else the first collection of each process copies all of it.
    with socket.socket(fileno=int(sys.argv[1])) as orders:
        while True:
            told, handed, _, _ = socket.recv_fds(orders, LONGEST, 4)
            if not told or os.fork() == 0:
                break
            for each in handed:
                os.close(each)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:  # Those whose process has ended.
                    pass
    if told:
        *streams, answer = handed
        _answer_for(json.loads(told), streams, answer)
    else:
        with suppress(ChildProcessError):
            while os.wait():
                pass


def _answer_for(order: dict[str, Any], streams: list[int], answer: int) -> None:
    """Tell the number of the process, and what it ends with; in that process, run what was ordered."""
    process = os.fork()
    if process:
        for each in streams:
            os.close(each)
        with os.fdopen(answer, "w", buffering=1) as told:
            print(process, file=told)
            print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), file=told)
        os._exit(0)
    os.close(answer)
    for number, each in enumerate(streams):
        os.dup2(each, number)
        os.close(each)
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv = ["bot", *order["words"]]
    runpy.run_module("bot", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
