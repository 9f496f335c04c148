"""The bot's own pictures on Meta's phones: uploaded ones, those of its web process, and those that are not there."""

from __future__ import annotations

from uuid import uuid4

from chat import Bot

from bot.channels import Delivery, Rendered
from bot.channels.messenger.banners import draw
from bot.storage import pictures
from sandbox import Sandbox
from sandbox.graph import Attachment
from sandbox.people import demo_id
from sandbox.simulator import Simulator
from simulator.screen import Screen

THERE, MISSING = "gifts-0123456789ab.png", "gifts-ba9876543210.png"


def element(at: str, name: str) -> Rendered:
    """A card with a picture of the bot's. at: where that listens on this machine."""
    cards = [{"title": name, "image_url": f"{at}/pictures/{name}"}]
    return Rendered({"attachment": {"type": "template", "payload": {"template_type": "generic", "elements": cards}}})


async def test_pictures_are_shown_and_a_missing_one_is_only_a_field(
    screen: Screen, bot: Bot, sandbox: Sandbox, simulator: Simulator
) -> None:
    """In an image, a media template and a card; the words of a card are there either way."""
    png = draw("gifts", "#0F766E")
    await pictures.add(bot.pool, THERE, png)
    sandbox.graph.attachments["1234567890123456"] = Attachment("messenger", png, sandbox.now())
    known = {"attachment_id": "1234567890123456"}
    media = {"template_type": "media", "elements": [{"media_type": "image", **known}]}
    messages = [
        Rendered({"attachment": {"type": "image", "payload": known}}),
        Rendered({"attachment": {"type": "template", "payload": media}}),
        element(simulator.bot, THERE),
        element(simulator.bot, MISSING),
    ]
    await screen.messenger.be("yu")
    receipt = await bot.turns.outbound["messenger"].deliver(Delivery(demo_id("messenger", "yu"), messages, uuid4()))
    assert (receipt.done, receipt.detail) == (4, "")

    drawn = "[...document.querySelectorAll('.phone.messenger .row.theirs .picture img')]"
    await screen.until(f"{drawn}.length === 3 && {drawn}.every((image) => image.naturalWidth === 1200)")
    field = screen.page.locator(".phone.messenger .ms-card > .picture:not(.served)")
    await field.wait_for()
    assert await field.count() == 1
    box = await field.bounding_box()
    assert box and abs(box["width"] / box["height"] - 1.91) < 0.1
    assert MISSING in await screen.messenger.answer()
    screen.complaints[:] = [said for said in screen.complaints if "404" not in said]  # The browser's own words.
