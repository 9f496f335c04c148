"""What is promised on paper is there, and what is there is on paper."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.__main__ import main
from bot.config import Settings
from bot.staff import lines, reading
from bot.staff.arguments import Arguments, Keyed
from bot.staff.reading import Unknown
from bot.staff.routes import StaffCommand, StaffRoutes
from handlers.admin import STAFF_ROUTERS

ROOT = Path(__file__).parent.parent
EXAMPLE = (ROOT / ".env.example").read_text()
README = (ROOT / "README.md").read_text()
CHINESE = (ROOT / "README.zh-TW.md").read_text()
STAFF = (ROOT / "docs/staff.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()

SETTINGS = [name.upper() for name in Settings.model_fields]
EXAMPLES = dict(re.findall(r"^([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))
STAFF_LINES = re.findall(r"`/(.+?)`", "".join(re.findall(r"^\| ([^|]*`/[^|]*) \|", STAFF, re.MULTILINE)))
STAFF_COMMANDS = [command for router in STAFF_ROUTERS for command in router.commands.values()]
CHANGES = [command for command in StaffRoutes(STAFF_ROUTERS, []).commands.values() if not command.only_reads]
HEADINGS = {
    "# Giftdesk": "# Giftdesk",
    "## For engineers": "## 給工程師",
    "## Try it": "## 試試看",
    "### See the phones in the browser": "### 在瀏覽器裡看手機",
    "## One message's life": "## 一則訊息的一生",
    "## Where to look in the code": "## 程式碼在哪裡",
    "## Run it for real": "## 正式上線",
    "### Beside another tool on LINE": "### 與其他工具共用 LINE 頻道",
    "### Beside the page's inbox on Messenger": "### 與 Messenger 粉絲專頁收件匣輪流回覆",
    "### The shop's hours, address and phone": "### 店家的營業時間、地址與電話",
    "### Before something ends": "### 到期前的提醒",
    "### When a platform is down, or LINE's plan is used up": "### 平台故障，或 LINE 訊息則數用完時",
    "### Codes of a game: redeemed by Poshen itself": "### 遊戲兌換碼：由 Poshen 直接兌換",
    "### On one machine": "### 一台機器",
    "### On many machines": "### 多台機器",
    "### Looking after it": "### 日常維運",
    "### What is kept, and for how long": "### 保存哪些資料、保存多久",
    "## Staff": "## 店員",
    "## Commands": "## 指令",
}
TARGETS = re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_in_the_example(name: str) -> None:
    """`.env.example` is where people look for settings."""
    assert name in EXAMPLES


def test_the_example_has_no_setting_that_does_not_exist() -> None:
    """A setting that does nothing is worse than none."""
    assert [name for name in EXAMPLES if name not in SETTINGS] == []


def test_no_setting_is_in_the_example_twice() -> None:
    """The second would win without anybody noticing."""
    names = re.findall(r"^([A-Z_]+)=", EXAMPLE, re.MULTILINE)

    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_has_one_line_about_it(name: str) -> None:
    """Right above it, and nobody else's."""
    lines = EXAMPLE.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith(f"{name}="))

    assert re.match(r"# \S.{8,}", lines[place - 1]), lines[place - 1]
    assert not lines[place - 1].startswith("# ──")


@pytest.mark.parametrize("name", SETTINGS)
def test_the_examples_show_the_defaults(name: str) -> None:
    """Copied as it is, the file changes nothing."""
    default = Settings.model_fields[name.lower()].default
    shown = EXAMPLES.get(name)
    expected = default.get_secret_value() if hasattr(default, "get_secret_value") else default
    match expected:
        case tuple() | dict():
            expected = ",".join(expected)
        case bool():
            expected = str(expected).lower()
        case None:
            expected = ""

    assert shown == str(expected)


@pytest.mark.parametrize("name", sorted(main.commands))
def test_the_readme_tells_of_every_command(name: str) -> None:
    """What nobody reads of nobody uses."""
    assert re.search(rf"giftdesk {name}\b|`{name}`", README)


@pytest.mark.parametrize("command", STAFF_COMMANDS, ids=lambda command: command.name)
def test_the_staff_reference_tells_of_every_command(command: StaffCommand) -> None:
    """In a row of its own, with the roles that may use it."""
    roles = f"{command.role}, counter" if command.counter else command.role
    assert re.search(rf"^\| [^|]*`/{command.name}\b[^|]*\| {roles} \|", STAFF, re.MULTILINE)


@pytest.mark.parametrize("command", CHANGES, ids=lambda command: command.name)
def test_the_staff_reference_tells_what_can_be_changed(command: StaffCommand) -> None:
    """Every argument that has a name, `max=`, stands in a row of its command; pages explain themselves."""
    rows = "\n".join(re.findall(rf"^\| [^|]*`/{command.name}\b.*$", STAFF, re.MULTILINE))
    named = {spec.label for spec in command.arguments.specs if isinstance(spec.marker, Keyed)} - {"page="}

    assert {label for label in named if label not in rows} == set()


@pytest.mark.parametrize("line", STAFF_LINES)
def test_the_lines_of_the_staff_reference_can_be_typed(line: str) -> None:
    """As they stand there."""
    found = StaffRoutes(STAFF_ROUTERS, []).find(lines.split(line))

    assert not isinstance(found, Unknown)
    command, rest = found
    assert isinstance(reading.read(command.name, command.arguments, rest), Arguments)


@pytest.mark.parametrize("name", TARGETS)
def test_the_readme_tells_of_every_make_target(name: str) -> None:
    """The same for make."""
    assert re.search(rf"make {name}\b|`{name}`", README)


@pytest.mark.parametrize("name", ["install", "demo", "run", "chat", "test", "lint", "bench", "soak", "help"])
def test_the_promised_make_targets_are_there(name: str) -> None:
    """Other people's scripts use these."""
    assert name in TARGETS


@pytest.mark.parametrize("line", ["web: giftdesk web", "worker: giftdesk worker", "release: giftdesk migrate"])
def test_the_procfile_is_as_promised(line: str) -> None:
    """Platforms read it."""
    assert line in (ROOT / "Procfile").read_text().splitlines()


def test_both_readmes_have_the_same_headings() -> None:
    """Whoever changes one is reminded of the other: a new heading needs its twin here, and a section there."""
    english, chinese = (re.findall(r"^#+ .+$", text, re.MULTILINE) for text in (README, CHINESE))

    assert english == list(HEADINGS)
    assert chinese == list(HEADINGS.values())


def test_both_readmes_show_the_same_pictures() -> None:
    """They exist, and the first one stands before everything else."""
    english, chinese = (re.findall(r"^!\[.+\]\((.+)\)$", text, re.MULTILINE) for text in (README, CHINESE))

    assert english == chinese
    assert all((ROOT / picture).is_file() for picture in english)
    assert README.index(english[0]) < README.index("\n## ")


@pytest.mark.parametrize("name", sorted(main.commands))
def test_the_list_of_commands_has_whole_sentences(name: str) -> None:
    """As it is read in a terminal of 80 columns."""
    listed = " ".join(CliRunner().invoke(main, ["--help"]).output.split())
    told = main.commands[name].get_short_help_str()

    assert not told.endswith("...")
    assert f" {name} {told}" in listed
