"""The rows of the table, in its order. Each module has `measure(stand)`, which yields rows as they are done."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.report import Row
from bench.rows import acks, cost, flash, latency, scale, serve, sustained, wallet
from bench.stand import Stand

ROWS: dict[str, Callable[[Stand], Iterator[Row]]] = {
    "acks": acks.measure,
    "sustained": sustained.measure,
    "latency": latency.measure,
    "wallet": wallet.measure,
    "flash": flash.measure,
    "cost": cost.measure,
    "scale": scale.measure,
    "serve": serve.measure,
}
