"""`pip install giftdesk.whl` is all that a machine needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from engine.processes import customers

from install.conftest import ROOT, SOURCES
from install.machine import Installed, lay, python, somebody
from sandbox import Sandbox

pytestmark = pytest.mark.install


@pytest.fixture(scope="module")
def venv(wheel: Path) -> Iterator[Path]:
    """Installed by us where everybody may look; pytest's own folders are closed to others."""
    interpreter = python() if os.getuid() == 0 else Path(sys.executable)
    if interpreter is None:
        pytest.skip("no Python of this version that another user may run; apt-get install python3 has one")
    place = Path(tempfile.mkdtemp(prefix="giftdesk-"))
    place.chmod(0o755)
    lay(place / "venv", wheel, interpreter)
    yield place / "venv"
    for folder in (place, *(each for each in place.rglob("*") if each.is_dir() and not each.is_symlink())):
        folder.chmod(0o755)
    shutil.rmtree(place)


@pytest.fixture
async def machine(venv: Path, sandbox: Sandbox) -> AsyncIterator[Installed]:
    """Somebody else's, who owns an empty folder and nothing more."""
    home = Path(tempfile.mkdtemp(prefix="giftdesk-home-"))
    if os.getuid() == 0:
        shutil.chown(home, somebody())
    machine = Installed(home, sandbox, venv=venv)
    yield machine
    if machine.process is not None and machine.process.poll() is None:
        await machine.stop()
    shutil.rmtree(home)


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


async def test_another_user_serves_from_it(machine: Installed, sandbox: Sandbox) -> None:
    """With its own PostgreSQL, on a tree that the user cannot change: webhooks are answered, a code is redeemed."""
    process = machine.popen("--version", stdout=subprocess.PIPE)
    assert process.communicate(timeout=60)[0].startswith(b"giftdesk, version")
    await machine.ensure()
    people = customers(sandbox, 3)
    for person in people:
        await machine.deliver(person.webhook)
    await machine.settled()

    assert [len(person.receipts) for person in people] == [1, 1, 1]
    assert {each.username() for each in machine.family()} == {somebody()}
    assert await machine.stop() == 0


async def test_another_user_sees_the_demo_from_it(machine: Installed) -> None:
    """The stand-ins are inside, too: lines from a pipe are answered without a checkout, and nothing stays behind."""
    words = machine.popen("chat", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = words.communicate("我的獎品\nWELCOME2026\n".encode(), timeout=120)[0].decode()

    assert words.returncode == 0, said
    assert "金幣 100" in said and "R-" in said
