"""`make screenshots`: the README's pictures of the simulator, taken from a demo of their own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from engine.desk import until
from engine.processes import ROOT, environment, free_port
from playwright.async_api import Browser

from simulator.screen import Screen, browsing, opened

IMAGES = ROOT / "docs" / "images"
SIZE = {"width": 1360, "height": 860}
WIDE = {"width": 1700, "height": 950}  # All three phones.


@asynccontextmanager
async def demo() -> AsyncIterator[str]:
    """The address of the page of a demo that runs until the block ends."""
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(  # noqa: ASYNC220 - starting it takes no time
            [sys.executable, "-m", "bot", "demo", "--port", str(free_port())],
            env=environment(Path(home)),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            place = Path(home) / "demo" / "demo.json"
            await until(place.exists, within=300)  # It is also taken while much else runs.
            await asyncio.sleep(4)  # The menus come a moment later.
            yield str(json.loads(place.read_text())["simulator"])
        finally:
            process.send_signal(signal.SIGTERM)
            await until(lambda: process.poll() is not None)


async def chinese(browser: Browser, url: str) -> None:
    """A code redeemed on LINE, vouchers on Messenger, gifts on Instagram, and how long it took."""
    async with opened(browser, url, locale="zh-TW", viewport=WIDE) as screen:
        await screen.instagram.say("你好")
        await screen.instagram.say("我的獎品")
        await screen.messenger.be("yu")
        await screen.messenger.say("WELCOME2026")
        await screen.messenger.say("換禮券")
        await screen.line.be("yu")
        await screen.line.say("選單")
        await screen.line.say("ｗｅｌｃｏｍｅ ２０２６")
        await screen.open("trace_tab")
        await shoot(screen, "simulator-zh.png")


async def english(browser: Browser, url: str) -> None:
    """Cards that swipe on both phones, a menu, and a bad day, in the dark."""
    async with opened(browser, url, viewport=SIZE, color_scheme="dark") as screen:
        await screen.line.meet("en")
        await screen.line.say("hello")
        await screen.line.say("my gifts")
        await screen.line.do(screen.line.chips.nth(2).click)
        await screen.messenger.meet("en")
        await screen.messenger.do(screen.messenger.root.locator(".join").click)
        await screen.trouble("poshen", "down")
        await screen.messenger.say("please redeem summer 7k3m q9td thanks")
        await shoot(screen, "simulator-en.png")


async def shoot(screen: Screen, name: str) -> None:
    """Take a picture, in all its colours: with fewer, tints turn grey."""
    await screen.page.wait_for_timeout(800)
    IMAGES.mkdir(parents=True, exist_ok=True)
    raw = await screen.page.screenshot(path=IMAGES / name)
    print(f"{name}: {len(raw) // 1000} kB")  # noqa: T201


async def main() -> None:
    os.environ.setdefault("GIFTDESK_ENV_FILE", os.devnull)
    async with demo() as url, browsing() as browser:
        await chinese(browser, url)
        await english(browser, url)


if __name__ == "__main__":
    asyncio.run(main())
