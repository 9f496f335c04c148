"""Every language says everything, with the same placeholders, in words that fit where they are shown."""

from __future__ import annotations

import ast
import re
import tomllib
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po

from bot.conversation.router import Routes
from bot.i18n import load_translators
from bot.understanding.reading import fold, listed, split_list
from bot.understanding.words import Lexicon
from handlers import ROUTERS

ROOT = Path(__file__).parent.parent
PATHS = sorted((ROOT / "locales").glob("*/LC_MESSAGES/messages.po"))
TAGS = [path.parent.parent.name for path in PATHS]
BUTTON = 20  # Messenger cuts titles after so many characters, and LINE's labels are no longer.
WIDE = 10  # Chinese characters are twice as wide as Latin ones.


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=None if path.suffix == ".pot" else path.parent.parent.name, abort_invalid=True)


TEMPLATE = read(ROOT / "locales" / "messages.pot")
CATALOGUES = {tag: read(path) for tag, path in zip(TAGS, PATHS, strict=True)}

MESSAGES = [message for message in TEMPLATE if message.id]


def name(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def forms(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string)


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", text)) | set(re.findall(r"%[^%(\s]", text.replace("%%", "")))


@cache
def extracted() -> Sequence[tuple[str | tuple[str, ...], list[str]]]:
    """What the code asks for, found with the mappings that `make translations` uses."""
    mappings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["babel"]["mappings"]
    methods = [(mapping["pattern"], mapping["method"]) for mapping in mappings]
    keywords = {**DEFAULT_KEYWORDS, "N_": None}
    found = []
    for pattern, method in methods:
        folder, _, below = pattern.partition("/")
        texts = extract_from_dir(
            ROOT / folder, method_map=[(below, method)], keywords=keywords, comment_tags=("Translators:",)
        )
        found += [(msgid, comments) for _, _, msgid, comments, _ in texts]
    return found


def test_there_are_the_promised_languages() -> None:
    """Chinese as it is written in Taiwan, and English."""
    assert {"zh_Hant_TW", "en"} <= set(TAGS)


def test_the_template_is_current() -> None:
    """Every text of the code is in it, and nothing else: `make translations` renews it."""
    asked = {msgid if isinstance(msgid, str) else msgid[0] for msgid, _ in extracted()}

    assert asked == {name(message) for message in MESSAGES}


@pytest.mark.parametrize("tag", TAGS)
def test_every_catalogue_has_every_text(tag: str) -> None:
    """The template's texts, no fewer and no others."""
    assert {name(message) for message in CATALOGUES[tag] if message.id} == {name(message) for message in MESSAGES}


@pytest.mark.parametrize("tag", TAGS)
def test_every_text_is_translated(tag: str) -> None:
    """Nobody meets a sentence of another language: a text that is left empty would be shown in English."""
    untranslated = [
        name(message) for message in CATALOGUES[tag] if message.id and not all(form.strip() for form in forms(message))
    ]

    assert untranslated == []


@pytest.mark.parametrize("tag", TAGS)
def test_nothing_is_uncertain_or_left_over(tag: str) -> None:
    """No fuzzy guess and no obsolete text."""
    assert [name(message) for message in CATALOGUES[tag] if message.id and message.fuzzy] == []
    assert list(CATALOGUES[tag].obsolete) == []


@pytest.mark.parametrize("tag", TAGS)
def test_placeholders_are_the_same_in_every_language(tag: str) -> None:
    """A missing one loses a name, an unknown one is an error in front of a customer.

    Only the number of a plural may be left out, where a card shows it beside the text.
    """
    wrong = []
    for message in CATALOGUES[tag]:
        if not message.id:
            continue
        plural = not isinstance(message.id, str)
        expected = placeholders(message.id[1] if plural else name(message))
        needed = expected - {"n"} if plural else expected
        wrong += [name(message) for form in forms(message) if form and not needed <= placeholders(form) <= expected]

    assert wrong == []


def buttons() -> set[str]:
    """The texts whose comment says that they are a button."""
    found = {
        msgid if isinstance(msgid, str) else msgid[0]
        for msgid, comments in extracted()
        if re.search(r"\ba button\b", " ".join(comments))
    }
    assert len(found) > 10, "the comments are found"
    return found


@pytest.mark.parametrize("tag", TAGS)
def test_buttons_fit(tag: str) -> None:
    """At most twenty characters, and no wider than ten Chinese ones."""
    translate = load_translators(ZoneInfo("Asia/Taipei"))[tag]
    known = {name(message): message for message in CATALOGUES[tag] if message.id}
    long = []
    for msgid in sorted(buttons()):
        for text in [form for form in forms(known[msgid]) if form] or [translate(msgid)]:
            shown = re.sub(r"%\(n\)s", "99", text)
            width = sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in shown)
            if len(shown) > BUTTON or (tag.startswith("zh") and width > 2 * WIDE):
                long.append(shown)

    assert long == []


def test_the_words_people_type_do_not_clash() -> None:
    """No word means two things, in whichever language it is typed."""
    translators = load_translators(ZoneInfo("Asia/Taipei")).values()
    words = {command: known.words for command, known in Routes(ROUTERS).commands.items()}
    lexicon = Lexicon(words, translators)

    assert {command for command, typed in words.items() if typed} == set(lexicon._words)


@pytest.mark.parametrize("tag", TAGS)
def test_every_command_has_words_in_every_language(tag: str) -> None:
    """At least one that is not empty, and each is found again as it is typed."""
    translators = load_translators(ZoneInfo("Asia/Taipei"))
    commands = {command: known.words for command, known in Routes(ROUTERS).commands.items() if known.words}
    lexicon = Lexicon(commands, translators.values())
    for command, msgid in commands.items():
        words = translators[tag](msgid)
        as_written = [word for word in split_list(words) if fold(word) and "(" not in word]
        typed = [*as_written, *listed(words)]
        assert typed, command
        assert {lexicon.intent(word) for word in typed} == {command}


def test_a_clash_would_be_seen() -> None:
    """The check of the words can fail."""
    from bot.errors import ConfigurationError

    with pytest.raises(ConfigurationError, match="gifts"):
        Lexicon({"one": "gifts, mine", "two": "Gifts!"}, load_translators(ZoneInfo("Asia/Taipei")).values())


def test_every_plural_is_extracted_as_one() -> None:
    """The extractor overlooks the plural of a call that is too deep for it; such a text would stay in English."""
    known = {message.id[0] for message in TEMPLATE if isinstance(message.id, tuple)}
    calls = [
        node
        for folder in ("bot", "handlers")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "ngettext"
    ]
    asked = {first.value for call in calls if isinstance(first := call.args[0], ast.Constant)}

    assert asked - known == set()
