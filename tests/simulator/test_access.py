"""The page is there for everybody: nothing is in the way that axe knows of.

https://github.com/dequelabs/axe-core/blob/develop/doc/rule-descriptions.md
"""

from __future__ import annotations

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ViewportSize

from sandbox.simulator import Simulator
from simulator.screen import Handset, Screen, opened

FOUND_BAD = ("moderate", "serious", "critical")  # of axe's own measure; minor is left
WIDE, NARROW = ViewportSize(width=1_700, height=950), ViewportSize(width=390, height=844)


async def barriers(screen: Screen, where: str) -> list[str]:
    """What stands in somebody's way now. axe is in the page already: reading it takes a third of the time."""
    found = await screen.page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        f"{where}: {rule['id']} at {node['target']}"
        for rule in found["violations"]
        for node in rule["nodes"]
        if node["impact"] in FOUND_BAD
    ]


async def talk(phone: Handset, language: str) -> None:
    """A text, cards that swipe and have pictures, what was said before."""
    await phone.meet(language)
    for words in ("WELCOME2026", "my gifts", "vouchers") if language == "en" else ("WELCOME2026", "我的獎品", "換禮券"):
        await phone.say(words)


@pytest.mark.parametrize("locale", ["zh-TW", "en"])
async def test_nothing_stands_in_anybodys_way(browser: Browser, simulator: Simulator, locale: str) -> None:
    """In both languages and themes, on a narrow screen and on a wide one: empty chats and full ones, panel, sheets."""
    found = []
    async with opened(browser, simulator.url, locale=locale, viewport=WIDE) as screen:
        await screen.page.evaluate(Axe().axe_script)
        found += await barriers(screen, "nothing said yet")
        for phone in (screen.line, screen.messenger):
            await talk(phone, locale)
        for scheme in ("light", "dark"):
            await screen.page.emulate_media(color_scheme=scheme)
            await screen.page.set_viewport_size(WIDE)
            for pane in ("try_tab", "trace_tab", "trouble_tab"):
                await screen.open(pane)
                found += await barriers(screen, f"{scheme}, {pane}")
            await screen.line.root.locator(".bar button").click()
            found += await barriers(screen, f"{scheme}, a sheet")
            await screen.page.keyboard.press("Escape")
            await screen.page.set_viewport_size(NARROW)
            for place in ("line", "messenger", "panel"):
                await screen.page.locator(f"button[data-place={place}]").click()
                found += await barriers(screen, f"{scheme}, narrow, {place}")

    assert found == []


async def test_what_is_true_says_so_and_arrows_have_names(screen: Screen) -> None:
    """An empty `aria-modal` is none; a mouse's arrows are found by name."""
    await screen.line.meet("en")
    await screen.line.say("WELCOME2026")
    await screen.line.say("vouchers")
    said = await screen.page.locator("[aria-modal], [aria-hidden]").evaluate_all(
        "(all) => all.flatMap((node) => [...node.attributes]).filter((each) => /^aria-(modal|hidden)$/.test(each.name))"
        ".map((each) => each.value)"
    )

    assert said != [] and set(said) == {"true"}
    assert await screen.line.root.get_by_role("button", name="Next card").count() == 1
    assert await screen.line.root.locator(".arrow:not([aria-label])").count() == 0
