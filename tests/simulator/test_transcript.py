"""Transcripts: exported as they happened, and done again on the phones."""

from __future__ import annotations

import json
import re
from pathlib import Path

from simulator.screen import Screen


async def export(screen: Screen, folder: Path) -> Path:
    async with screen.page.expect_download() as downloading:
        await screen.page.locator("[data-t=export]").click()
    download = await downloading.value
    path = folder / download.suggested_filename
    await download.save_as(path)
    return path


async def replay(screen: Screen, path: Path) -> str:
    """Give the page a file to replay; returns what it says at the end."""
    await screen.page.evaluate("() => (document.querySelector('.page-toast').hidden = true)")
    await screen.page.locator(".transcript input[type=file]").set_input_files(path)
    await screen.until("document.querySelector('.progress').hidden && !document.querySelector('.page-toast').hidden")
    return await screen.page.locator(".page-toast").inner_text()


def timeless(rows: list[str]) -> list[str]:
    """What reads the same a minute later: no times, and no numbers of receipts."""
    return [re.sub(r"\d\d:\d\d|R-[0-9A-Z]{6}", "…", row) for row in rows]


async def test_a_conversation_is_exported_and_done_again(screen: Screen, tmp_path: Path) -> None:
    """Typed lines, quick replies and buttons of cards, on both phones; before a bot that has forgotten all."""
    await screen.line.be("emily")
    await screen.line.say("my gifts")
    await screen.line.do(screen.line.chips.nth(1).click)
    await screen.line.tap("How to claim")
    await screen.messenger.be("yu")
    await screen.messenger.say("我的獎品")
    await screen.messenger.tap("輸入兌換碼")
    await screen.messenger.say("WELCOME2026")
    line, messenger = timeless(await screen.line.rows()), timeless(await screen.messenger.rows())
    path = await export(screen, tmp_path)
    await screen.start_over()
    await screen.until("document.querySelector('.page-toast').textContent === 'Started over.'")

    assert await replay(screen, path) == "Replayed: 6 steps"
    assert timeless(await screen.line.rows()) == line
    assert timeless(await screen.messenger.rows()) == messenger


async def test_people_who_were_new_are_new_again(screen: Screen, tmp_path: Path) -> None:
    """Each as somebody of their own, with the same gifts and the same language."""
    for language, words in (("zh", "我的獎品"), ("en", "my gifts")):
        await screen.line.meet(language)
        await screen.line.do(screen.line.root.locator(".join").click)
        await screen.line.say(words)
    rows = timeless(await screen.line.rows())
    path = await export(screen, tmp_path)
    await screen.start_over()
    await screen.until("document.querySelector('.page-toast').textContent === 'Started over.'")

    assert await replay(screen, path) == "Replayed: 4 steps"
    assert timeless(await screen.line.rows()) == rows
    assert len({each["chat"] for each in await screen.page.evaluate("giftdesk.state.entries")}) == 2


async def test_an_export_says_who_did_what_and_how_long_it_took(screen: Screen, tmp_path: Path) -> None:
    """For people and programs."""
    await screen.line.be("emily")
    await screen.line.say("my gifts")
    path = await export(screen, tmp_path)
    whole = json.loads(path.read_text(encoding="utf-8"))

    assert path.name.startswith("giftdesk-")
    assert whole["transcript"] == 1
    assert [entry["by"] for entry in whole["entries"]][:2] == ["person", "bot"]
    assert whole["entries"][0]["act"]["text"] == "my gifts"
    assert whole["entries"][1]["message"]["type"] == "flex"
    assert whole["traces"][0]["outcome"] == "delivered"


async def test_a_replay_stops_where_the_screen_is_another(screen: Screen, tmp_path: Path) -> None:
    """It says at which step, and what it looked for."""
    person = (await screen.probe("person", "line", "yu"))["id"]
    act = {"type": "taps", "data": "x", "how": {"by": "tap", "label": "No such button"}}
    step = {"by": "person", "channel": "line", "chat": person, "user": person, "act": act, "shown": ""}
    path = tmp_path / "other.json"
    path.write_text(json.dumps({"transcript": 1, "entries": [step]}))

    assert await replay(screen, path) == "Stopped at step 1: there is no “No such button” on screen"


async def test_another_file_is_no_transcript(screen: Screen, tmp_path: Path) -> None:
    """And nothing of it is done."""
    path = tmp_path / "other.json"
    path.write_text('{"entries": []}')

    assert await replay(screen, path) == "That file is no transcript."
    assert await screen.webhooks() == 0
