"""What came of it, for people and as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(slots=True)
class Row:
    """One comparison. limit: `ratio` (or `value` where there is no peer) must be at least or at most this.

    A row without a limit is there to be looked at.
    """

    name: str
    unit: str
    value: float | None
    peer: float | None = None
    ratio: float | None = None
    limit: float | None = None
    at_most: bool = False
    note: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """`met`, `missed`, `skipped`, or nothing to judge."""
        if self.value is None:
            return "skipped"
        judged = self.ratio if self.peer is not None else self.value
        if self.limit is None or judged is None:
            return "–"
        return "met" if (judged <= self.limit if self.at_most else judged >= self.limit) else "missed"

    @property
    def target(self) -> str:
        """The limit as the table shows it."""
        if self.limit is None:
            return "–"
        return f"{'≤' if self.at_most else '≥'} {self.limit:.3g}{' ×' if self.peer is not None else ' ' + self.unit}"


def skipped(name: str, reason: object) -> Row:
    """A row that could not be measured here."""
    return Row(name, "", None, note=str(reason))


def show(rows: Sequence[Row], console: Console) -> None:
    """The table."""
    table = Table(title="Giftdesk, measured side by side", title_justify="left")
    for name in ("what", "value", "peer", "ratio", "target", "verdict", "note"):
        table.add_column(name, justify="left" if name in ("what", "verdict", "note") else "right")
    colors = {"met": "green", "missed": "red", "skipped": "yellow"}
    for row in rows:
        color = colors.get(row.verdict, "white")
        table.add_row(
            row.name,
            _number(row.value, row.unit),
            _number(row.peer, row.unit),
            "–" if row.ratio is None else f"{row.ratio:.2f} ×",
            row.target,
            f"[{color}]{row.verdict}[/{color}]",
            row.note,
        )
    console.print(table)


def write(rows: Sequence[Row], path: Path, *, quick: bool, seconds: float, strangers: float | None) -> None:
    """As JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "seconds": round(seconds),
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "cores taken by others": strangers,
        },
        "rows": [{**asdict(row), "target": row.target, "verdict": row.verdict} for row in rows],
    }
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f} {unit}" if abs(value) >= 100 else f"{value:.3g} {unit}"
