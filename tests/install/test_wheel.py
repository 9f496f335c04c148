"""`pip install giftdesk.whl` is all that a machine needs."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from install.conftest import ROOT, SOURCES

pytestmark = pytest.mark.install


def test_the_wheel_has_every_file_of_the_tree(wheel: Path) -> None:
    """Catalogues, phrases, weights, migrations, fonts and the simulator's page: data is what gets forgotten."""
    tree = {
        file.relative_to(ROOT).as_posix()
        for folder in SOURCES
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and file.suffix != ".pyc"
    }
    with zipfile.ZipFile(wheel) as packed:
        inside = {name for name in packed.namelist() if ".dist-info/" not in name}

    assert inside == tree
