"""Looks at the simulator's page and uses it as people do: by what is written there, with mouse or keyboard.

await line.say("my gifts")
await line.tap("Tickets")
assert "received" in await line.answer()
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Browser, Locator, Page, ViewportSize, async_playwright

from sandbox import Sandbox

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PROBE = Path(__file__).parent / "probe.js"
SIZE = ViewportSize(width=1_400, height=1_000)


def chromium() -> str | None:
    """The browser of this machine, or None; CHROMIUM names another one. It is never downloaded."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return os.environ.get("CHROMIUM") or next((path for path in found if path), None)


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """Headless Chromium, until the block ends."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        yield browser
        await browser.close()


@asynccontextmanager
async def opened(browser: Browser, url: str, **options: Any) -> AsyncIterator[Screen]:
    """The page in a window of its own, in English; what the browser complains about is collected."""
    context = await browser.new_context(**{"locale": "en", "viewport": SIZE, **options})
    context.set_default_timeout(60_000)
    await context.add_init_script(path=PROBE)
    page = await context.new_page()
    screen = Screen(page)
    page.on("console", lambda said: screen.complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: screen.complaints.append(str(error)))
    page.on("request", lambda request: screen.asked.append(request.url))
    await page.goto(url)
    await page.wait_for_selector("body[data-ready]")
    yield screen
    await context.close()


@dataclass
class Screen:
    """The whole page. complaints: the browser's errors and warnings; asked: every address it fetched."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def line(self) -> Handset:
        return Handset(self, "line")

    @property
    def messenger(self) -> Handset:
        return Handset(self, "messenger")

    @property
    def instagram(self) -> Handset:
        return Handset(self, "instagram")

    def phone(self, channel: str) -> Handset:
        return Handset(self, channel)

    @asynccontextmanager
    async def on(
        self,
        *,
        size: ViewportSize = SIZE,
        scheme: Literal["light", "dark"] = "light",
        motion: Literal["reduce", "no-preference"] = "no-preference",
    ) -> AsyncIterator[Screen]:
        """The page loaded anew on a machine like this, until the block ends.

        A window of its own would do as well. It is a process of its own, too, and takes twice the time.
        """
        await self.page.set_viewport_size(size)
        await self.page.emulate_media(color_scheme=scheme, reduced_motion=motion)
        await self.page.reload()
        await self.page.wait_for_selector("body[data-ready]")
        try:
            yield self
        finally:
            await self.page.set_viewport_size(SIZE)
            await self.page.emulate_media(color_scheme="light", reduced_motion="no-preference")

    async def probe(self, name: str, *arguments: Any) -> Any:
        """Ask the page something: the functions of probe.js."""
        return await self.page.evaluate("([name, values]) => probe[name](...values)", [name, list(arguments)])

    async def until(self, expression: str, *, within: float = 60) -> None:
        """Wait until a JavaScript expression is true."""
        await self.page.wait_for_function(f"() => {expression}", polling=30, timeout=within * 1_000)

    async def open(self, pane: str) -> None:
        """Show a pane of the panel: `try_tab`, `trace_tab` or `trouble_tab`."""
        await self.page.locator(f"[data-pane={pane}]").click()

    async def webhooks(self) -> int:
        """How many were posted so far."""
        return len(await self.probe("webhooks"))

    async def settled(self, before: int, *, within: float = 60) -> None:
        """Wait until there are more webhooks than `before`, all with their outcome."""
        await self.until(f"probe.settled({before})", within=within)

    async def trouble(self, upstream: str, mode: str, *, once: bool = False) -> None:
        """Give a vendor or platform a bad day, by its switch."""
        await self.open("trouble_tab")
        await self.page.locator(f".switch input[name={upstream}-once]").set_checked(once)
        await self.page.select_option(f".switch select[name={upstream}]", mode)
        await self.until(f"(giftdesk.state.trouble.{upstream}?.mode ?? '') === '{mode}'")

    async def start_over(self) -> None:
        """Reset everything, as the page's own button does. The page then has another list of what was said, in which
        the demo's own people may have spoken already."""
        await self.page.evaluate("() => { giftdesk.state.entries.before = true; }")
        await self.page.locator(".reset").click()
        await self.page.locator(".question .danger").click()
        # A database is made, and processes start.
        await self.until("!giftdesk.state.entries.before", within=240)


@dataclass(frozen=True)
class Handset:
    """One of the phones."""

    screen: Screen
    channel: str

    @property
    def page(self) -> Page:
        return self.screen.page

    @property
    def root(self) -> Locator:
        return self.page.locator(f"#{self.channel}")

    @property
    def input(self) -> Locator:
        return self.root.locator("textarea")

    @property
    def chips(self) -> Locator:
        """The quick replies that can be tapped."""
        return self.root.locator(".choices .chip")

    async def be(self, nick: str) -> None:
        """Give the phone to somebody."""
        person = await self.screen.probe("person", self.channel, nick)
        await self.root.locator(".pick").select_option(person["id"])

    async def meet(self, language: str) -> None:
        """Give the phone to somebody new, with gifts, who reads `language`."""
        await self.be("emily" if language == "en" else "yu")
        people = await self.page.evaluate("giftdesk.state.people.length")
        await self.root.locator(".holder button").first.click()
        await self.screen.until(f"giftdesk.state.people.length > {people}")
        await self.root.locator(".welcome").wait_for()

    async def about(self) -> Locator:
        """What can be changed about whoever holds the phone."""
        await self.root.locator(".holder button").nth(1).click()
        return self.root.locator(".about")

    async def do(self, act: Callable[[], Any]) -> None:
        """Do something and wait for its outcome."""
        before = await self.screen.webhooks()
        await act()
        await self.screen.settled(before)

    async def say(self, text: str) -> None:
        """Type a line and send it with Enter."""
        await self.root.locator(".device[aria-busy=false]").wait_for()
        if await self.root.locator(".menu-bar").is_visible():
            await self.root.locator(".menu-bar button").first.click()  # The keyboard, instead of the rich menu.

        async def typing() -> None:
            await self.input.fill(text)
            await self.input.press("Enter")

        await self.do(typing)

    async def tap(self, label: str) -> None:
        """Tap the newest thing with this label."""
        await self.do(self.button(label).click)

    def button(self, label: str) -> Locator:
        """What can be tapped and is called `label`, the newest of them."""
        return self.root.locator(f'[data-tap="{label}"]:not([disabled])').last

    async def labels(self) -> list[str]:
        """Everything that can be tapped now, in reading order."""
        found: list[str] = await self.screen.probe("labels", self.channel)
        return found

    async def rows(self) -> list[str]:
        """Every line of the chat as it reads, the person's own ones too; without times and marks."""
        return await self.root.locator(".row .body, .row.notice").all_inner_texts()

    async def answer(self) -> str:
        """What the bot said since the person's last words."""
        said: str = await self.screen.probe("answer", self.channel)
        return said

    async def shown(self, sandbox: Sandbox, message: Any) -> None:
        """Bring a message to the phone without the bot, even one that no platform would take."""
        person = await self.page.evaluate("(channel) => giftdesk.phones[channel].person.id", self.channel)
        rows = self.root.locator(".row.theirs[data-seq]")
        before = await rows.count()
        sandbox.journal.deliver(self.channel, person, "push", message, 0)
        await rows.nth(before).wait_for()
