"""A scripted vendor and a clock of its own for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from .scripted import Clock, Vendor


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    vendor = Vendor()
    await vendor.listen()
    yield vendor
    await vendor.hang_up()


@pytest.fixture
def clock() -> Clock:
    return Clock()
