"""Events per second, from webhook to reply, that can go on for ever with nothing lost."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench import machine
from bench.crowd import CROWD, settle
from bench.machine import ROOT, BenchError, Unavailable
from bench.report import Row, skipped
from bench.stand import Answered, Server, Stand, percentile

STEPS = (100, 150, 200, 250, 300, 400, 500, 600, 700, 800, 1000)
P99 = 1.0  # seconds from event to reply, 0.2 of them the vendor's and LINE's
AT_THE_END = 0.5  # the median of the last second: a queue that grows shows there first
VENV = ROOT / "var" / "bench-venv"
NODE = ROOT / "var" / "bench-node"
PEERS = {"gthread": 64, "gevent": 256, "express": 256}  # and the connections that suit each best


def measure(stand: Stand) -> Iterator[Row]:
    """The peers answer inside the request, so as many connections as they like find their limit. The bot
    takes events at a given rate; the highest one that it keeps up with counts.
    """
    before = _peer(stand, "gthread")
    url = stand.database("main")
    settle(stand, url)
    with stand.web(url) as web, stand.worker(url):
        rate, steps = _search(stand, web)
    with stand.web(url) as web, stand.worker(url), stand.worker(url):
        both, more = _search(stand, web)
    after = before if stand.quick else _peer(stand, "gthread")
    found = [each for each in (before, after) if isinstance(each, float)]
    if found:
        yield Row(
            "sustained events/s, vendor 100 ms, reply 100 ms",
            "/s",
            rate,
            median(found),
            rate / median(found),
            limit=10,
            note="peer: official Flask example, gunicorn gthread 2 × 8; nothing lost by either",
            details={"steps": steps, "peer": found},
        )
    else:
        yield Row(
            "sustained events/s, vendor 100 ms, reply 100 ms", "/s", rate, note=str(before), details={"steps": steps}
        )
    yield Row(
        "sustained events/s, two workers",
        "/s",
        both,
        rate,
        both / rate if rate else None,
        note="peer: one worker; database, web, load and vendors share the same cores, which is where it stops",
        details={"steps": more},
    )
    for name, title in (("gevent", "the Flask example, gunicorn gevent × 2"), ("express", "Node, express + SDK")):
        other = _peer(stand, name)
        if isinstance(other, Unavailable):
            yield skipped(f"beside it: {title}", other)
        else:
            yield Row(
                f"beside it: {title}",
                "/s",
                rate,
                other,
                rate / other,
                limit=0.75 if name == "express" else None,
                note=f"peer: {PEERS[name]} connections; nothing stored, an event is gone when its process is",
            )


def _search(stand: Stand, web: Server) -> tuple[float, list[dict[str, float]]]:
    """Climb until two tries of a rate fail."""
    best, steps = 0.0, []
    stand.answered(web, connections=64, seconds=2, rate=100, crowd=CROWD)
    for rate in STEPS[::2] if stand.quick else STEPS:
        kept_up = False
        for _ in range(2):
            with stand.strangers() as strangers:
                done = stand.answered(web, connections=128, seconds=stand.seconds(8), rate=rate, crowd=CROWD)
            kept_up = _kept_up(done, rate)
            p50, p99 = done.percentile(0.5) * 1000, done.percentile(0.99) * 1000
            steps.append({"rate": rate, "p50": p50, "p99": p99, "lost": done.lost, "strangers": strangers.cores})
            stand.say(
                f"{rate}/s: p50 {p50:.0f} ms, p99 {p99:.0f} ms, {done.lost} lost, {strangers.cores:.1f} cores taken"
                f" by others{'' if kept_up else '; does not keep up'}"
            )
            if kept_up:
                break
        if not kept_up:
            break
        best = float(rate)
    return best, steps


def _kept_up(done: Answered, rate: float) -> bool:
    good = done.result.statuses.get("200", 0) == done.result.sent
    end = percentile(done.latencies[-int(rate) :], 0.5)
    return good and not done.lost and done.percentile(0.99) <= P99 and end <= AT_THE_END


def _peer(stand: Stand, name: str) -> float | Unavailable:
    """Replies per second of a peer, or why there is none."""
    try:
        with _serving(stand, name) as server:
            stand.answered(server, connections=16, seconds=1)
            done = stand.answered(server, connections=PEERS[name], seconds=stand.seconds(8))
    except (Unavailable, BenchError, OSError, subprocess.SubprocessError) as reason:
        stand.say(f"{name}: not measured, {reason}")
        return reason if isinstance(reason, Unavailable) else Unavailable(f"{type(reason).__name__}: it does not start")
    stand.say(f"{name}: {done.replies / max(done.seconds, 1):.0f}/s, {done.lost} lost")
    if done.lost > done.replies:
        return Unavailable(f"it does not answer: {done.result.statuses}")
    return done.replies / done.seconds


@contextmanager
def _serving(stand: Stand, name: str) -> Iterator[Server]:
    port = machine.free_port()
    environment = stand.settings(PORT=str(port))
    if name == "express":
        command = ["node", str(_node() / "server.js")]
    else:
        kind = ["--threads", "8"] if name == "gthread" else ["--worker-connections", "1000"]
        command = [str(_venv() / "bin" / "python"), "-m", "gunicorn", "-k", name, "-w", "2", *kind]
        command += ["--log-level", "error", "-b", f"127.0.0.1:{port}", "bench.peers.flask_echo:app"]
    with stand.serving(name, command, environment, "/", "/callback") as server:
        yield server


def _venv() -> Path:
    """The peers' own environment, made when it is missing."""
    wanted = ROOT / "bench" / "requirements.txt"
    installed = VENV / "installed.txt"
    if not installed.exists() or installed.read_text() != wanted.read_text():
        _install([sys.executable, "-m", "venv", str(VENV)])
        pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _install([*pip, "-r", str(wanted)])
        shutil.copy(wanted, installed)
    return VENV


def _node() -> Path:
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Unavailable("node and npm are not installed here")
    NODE.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "server.js"):
        shutil.copy(ROOT / "bench" / "peers" / "express" / name, NODE / name)
    if not (NODE / "node_modules" / "express").exists():
        _install(["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(NODE)])
    return NODE


def _install(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    if done.returncode:
        raise Unavailable(f"{command[0].rsplit('/', 1)[-1]} failed: {(done.stderr or done.stdout).strip()[-200:]}")
