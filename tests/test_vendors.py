"""Whoever adds a vendor has told everybody who must know of it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.apis import Apis
from bot.config import Settings
from bot.conversation.context import Brand
from bot.i18n import load_translators
from bot.partners import VENDORS, partner
from bot.services.alerts import REFUSED
from handlers.views.start import notice_card
from sandbox.simulator.trouble import UPSTREAMS

ROOT = Path(__file__).parent.parent
NAMES = [field.name for field in fields(Apis)]


@pytest.mark.parametrize("name", NAMES)
def test_staff_know_a_vendor_and_what_to_renew(name: str) -> None:
    """By its name in `Apis`: its title, settings that exist, and an alert, without which a refusal fails the turn."""
    assert name in VENDORS
    assert name in REFUSED
    assert all(setting.lower() in Settings.model_fields for setting in partner(name).settings.split(", "))


@pytest.mark.parametrize("name", NAMES)
def test_customers_are_told_who_receives_their_data(name: str) -> None:
    """The privacy notice of a shop that has all vendors names each."""
    everything: dict[str, Any] = {field.name: True for field in fields(Brand) if field.name.startswith("shows_")}
    brand = Brand("Shop", "LINE", redeems=True, **everything)
    card = notice_card(load_translators(ZoneInfo("Asia/Taipei"))["en"], brand)

    assert any(partner(name).title in row.value for row in card.rows)


@pytest.mark.parametrize("name", NAMES)
def test_the_simulator_can_give_a_vendor_a_bad_day(name: str) -> None:
    """On the server, in the page's list and under its name in both of the page's languages."""
    page = ROOT / "sandbox/simulator/page"

    assert name in UPSTREAMS
    assert f'"{name}"' in (page / "trouble.js").read_text()
    assert (page / "texts.js").read_text().count(f'{name}: "{partner(name).title}"') == 2


@pytest.mark.parametrize("name", NAMES)
def test_what_we_believe_of_a_vendor_is_written_down(name: str) -> None:
    """And the README names it."""
    assert (ROOT / f"docs/apis/{name}.md").is_file()
    assert partner(name).title in (ROOT / "README.md").read_text()
