"""`python -m bench`: measure, show a table, write it as JSON."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from rich.console import Console

from bench import report
from bench.machine import BenchError
from bench.report import Row
from bench.rows import ROWS
from bench.stand import Strangers, stand

DEFAULT = Path("var/bench.json")


def main() -> None:
    """The command line. Ends with 0 also when a budget is missed: that is a finding, not a failure."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter and noisier, about four minutes")
    parser.add_argument("--only", default=",".join(ROWS), help="comma list of %(default)s")
    parser.add_argument("--json", type=Path, default=DEFAULT, help="where to write it (default: %(default)s)")
    options = parser.parse_args()
    wanted = options.only.split(",")
    if unknown := [name for name in wanted if name not in ROWS]:
        parser.error(f"there is no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # So that everything started is stopped.

    console = Console(stderr=True)
    started = time.monotonic()

    def say(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - started:6.1f} s[/dim]  {text}", highlight=False)

    rows: list[Row] = []
    strangers: Strangers | None = None
    try:
        with stand(quick=options.quick, say=say) as ground, ground.strangers() as strangers:
            for name in wanted:
                for row in ROWS[name](ground):
                    rows.append(row)
                    say(f"[bold]{row.name}[/bold]: {row.verdict}")
    except BenchError as error:
        console.print(f"[red]{error}[/red]")
        sys.exit(1)
    finally:
        if rows:
            report.write(
                rows,
                options.json,
                quick=options.quick,
                seconds=time.monotonic() - started,
                strangers=strangers.cores if strangers else None,
            )
            report.show(rows, Console(width=None if sys.stdout.isatty() else 160))
    if strangers and strangers.cores > 0.2:
        say(f"[yellow]a noisy machine: others took {strangers.cores:.1f} cores on average[/yellow]")
    say(f"written to {options.json}")


if __name__ == "__main__":
    main()
