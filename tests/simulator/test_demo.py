"""`giftdesk demo` with its page: real processes, killed and emptied from the browser."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
from engine.desk import until
from engine.processes import ROOT, database_in, environment, free_port
from playwright.async_api import Browser

from simulator.screen import opened


async def test_the_demo_serves_the_page_and_survives_what_it_does(browser: Browser, tmp_path: Path) -> None:
    """The address is printed; a worker killed in the middle of an answer still brings it, once; a reset empties all,
    and the brand's decisions are in place again."""
    env = environment(tmp_path)
    with (tmp_path / "demo.log").open("wb") as log:
        demo = subprocess.Popen(  # noqa: ASYNC220 - starting it takes no time
            [sys.executable, "-m", "bot", "demo", "--port", str(free_port())],
            env=env,
            cwd=ROOT,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        place = tmp_path / "demo" / "demo.json"
        await until(place.exists, within=240, every=0.1)
        page = json.loads(place.read_text())["simulator"]
        async with opened(browser, page) as screen:
            await screen.until("giftdesk.state.worker.state === 'running'")
            await screen.line.be("emily")
            await screen.trouble("mantago", "slow", once=True)
            before = await screen.webhooks()
            await screen.page.evaluate("() => giftdesk.phones.line.type('my gifts')")
            await screen.until(
                "probe.traces().some((trace) => trace.steps.some((step) => step.upstream === 'mantago'))"
            )
            await screen.page.locator(".pane .danger").click()
            await screen.until("giftdesk.state.worker.state !== 'running'")
            await screen.until("giftdesk.state.worker.state === 'running'")
            await screen.settled(before, within=240)
            assert (await screen.line.answer()).count("Your gifts") == 1

            await screen.start_over()
            await screen.line.be("emily")
            await screen.line.say("my gifts")
            assert "We keep your LINE user ID" in await screen.line.answer()

            # It has stores again, and somebody at the counter of one, once a chat and a command have ended.
            async def is_placed() -> bool:
                connection = await asyncpg.connect(database_in(tmp_path / "demo"))
                try:
                    return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM store_members)"))
                finally:
                    await connection.close()

            await until(is_placed, within=240, every=0.1)
            await screen.line.be("counter")
            await screen.line.say("/whoami")
            assert "信義店" in await screen.line.answer()
            complaints = list(screen.complaints)
            os.killpg(demo.pid, signal.SIGINT)  # As Ctrl-C in a terminal: all of its processes get it.
            await screen.page.locator(".offline", has_text="The demo has ended").wait_for(timeout=60_000)
            await until(lambda: demo.poll() is not None)
            # That nobody answers any more is said by the browser itself.
            assert [said for said in screen.complaints if "REFUSED" not in said] == complaints
    finally:
        demo.send_signal(signal.SIGTERM)
        await until(lambda: demo.poll() is not None)
    said = (tmp_path / "demo.log").read_text()

    assert demo.returncode == 0
    assert page in said
    assert "event done" in said
    assert "Traceback" not in said and "Exception ignored" not in said
    assert not (tmp_path / "demo" / "postgres" / "postmaster.pid").exists()
