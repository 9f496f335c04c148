"""Durable acknowledgements: every 200 means that the event and its job are on the disk."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from statistics import median

import psycopg

from bench import machine
from bench.report import Row
from bench.stand import Server, Stand

CONNECTIONS = (16, 64)


def measure(stand: Stand) -> Iterator[Row]:
    """No worker runs: the processor it would take is not the web's. The two servers take turns."""
    url = stand.database("acks")
    bare = stand.database("bare")
    environment = stand.settings(DATABASE_URL=bare, PORT=str(machine.free_port()))
    command = [sys.executable, "-m", "bench.peers.insert"]
    with (
        stand.web(url) as ours,
        stand.serving("insert", command, environment, "/", "/callback") as peer,
    ):
        for server in (ours, peer):
            stand.load(server, connections=16, seconds=1)
        for connections in CONNECTIONS:
            rates: dict[int, list[float]] = {ours.pid: [], peer.pid: []}
            for _ in range(2 if stand.quick else 3):
                for server in (ours, peer):
                    rates[server.pid].append(_rate(stand, server, connections))
            stand.say(f"acknowledgements at {connections}: {_said(rates[ours.pid])}, bare {_said(rates[peer.pid])}")
            value, other = median(rates[ours.pid]), median(rates[peer.pid])
            yield Row(
                f"durable acknowledgements, {connections} connections",
                "/s",
                value,
                other,
                value / other,
                limit=0.85,
                note="peer: same server and Flask, one INSERT and commit",
                details={"ours": rates[ours.pid], "peer": rates[peer.pid]},
            )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("TRUNCATE events, pgqueuer")


def _rate(stand: Stand, server: Server, connections: int) -> float:
    result = stand.load(server, connections=connections, seconds=stand.seconds(5))
    good = result.statuses.get("200", 0)
    return good / result.elapsed


def _said(rates: list[float]) -> str:
    return "/".join(f"{rate:.0f}" for rate in rates)
