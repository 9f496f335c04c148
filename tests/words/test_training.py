"""Phrases: how they are read, what is wrong with them, and that the same ones teach the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bot.i18n import LOCALES
from bot.understanding.reading import fold
from bot.understanding.recogniser import FILE, OTHER, SECTIONS, TOPICS, Recogniser
from bot.understanding.training import (
    BOUNDS,
    begin,
    build,
    check,
    learn,
    lesson_of,
    main,
    measured,
    read_all,
    read_phrases,
    sentences_of,
    slipped,
)
from bot.understanding.training import _Dealer as Dealer

SMALL = """\
@preamble = i was at the shop and|quick question,
@slips = 點典店|獎講
@see = see|show me
@prize = gifts|prizes
[gifts]
{see} my {prize}(| please| now)
my {prize}
我的獎品(在哪|呢|)
where are (my|all (my|those)) {prize}
[points]
{see} my points(| please)
how many points (do i have|are left)
我的點數(還有多少|呢|)
points
[delete]
(delete|erase) my (data|account)(| please)
[other]
the weather is (nice|bad|cold|hot)
(book|cancel) a table(| please| for two)
他得了三分
don't delete my data
{preamble} it was raining
"""


def write(folder: Path, text: str | bytes, name: str = "en/phrases.txt") -> Path:
    """A phrases file in a folder of languages."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# ── reading ──────────────────────────────────────────────────────────────────────────────────────


def spoken(folder: Path, line: str, slots: str = "") -> set[str]:
    """What a line stands for."""
    [template] = read_phrases(write(folder, f"{slots}\n[gifts]\n{line}\n")).templates
    return set(sentences_of(template))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("my gifts", {"my gifts"}),
        ("(my|the) gifts", {"my gifts", "the gifts"}),
        ("my gifts(| please)!", {"my gifts", "my gifts please"}),
        ("{see} gifts", {"see gifts", "show me gifts"}),
        ("(now {see}|get) gifts", {"now see gifts", "now show me gifts", "get gifts"}),
        ("(a|(b|c) d) gifts", {"a gifts", "b d gifts", "c d gifts"}),
        ("gifts|prizes", {"gifts", "prizes"}),
        ("我的 獎品？！", {"我的獎品"}),
        ("我的奖品", {"我的獎品"}),
    ],
)
def test_a_line_stands_for_sentences(tmp_path: Path, line: str, expected: set[str]) -> None:
    """As they are read: without case, marks and other characters for the same word."""
    assert spoken(tmp_path, line, "@see = see|show me") == expected


def test_a_large_template_gives_a_part_of_its_sentences(tmp_path: Path) -> None:
    """Every alternative at least once, always the same ones, and no more than stand beside other lines."""
    names = [f"word{chr(97 + number)}" for number in range(20)]
    line = f"({'|'.join(names)}) ({'|'.join(names)}) gifts"

    found = spoken(tmp_path, line)

    assert len(found) < 40
    assert {word for text in found for word in text.split()} == {*names, "gifts"}
    assert spoken(tmp_path, line) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[gifts]\nmy gifts\n[prizes]\nmy prizes\n", "en/phrases.txt:3: there is no section [prizes]"),
        ("[gifts\nmy gifts\n", "en/phrases.txt:1: there is no section [gifts"),
        ("my gifts\n", "en/phrases.txt:1: this phrase stands before the first [section]"),
        ("[gifts]\nmy gifts\n\n[points]\n\n[other]\nhm\n", "en/phrases.txt:4: the section [points] is empty"),
        ("[gifts]\nmy {gift}\n", "en/phrases.txt:2: the slot {gift} is not defined"),
        ("[gifts]\nmy {gift\n", "en/phrases.txt:2: a slot is written {name}"),
        ("[gifts]\nmy gift}\n", "en/phrases.txt:2: a slot is written {name}"),
        ("[gifts]\n(my|the gift\n", "en/phrases.txt:2: a parenthesis is not closed"),
        ("[gifts]\nmy|the) gift\n", "en/phrases.txt:2: a parenthesis is closed that was not opened"),
        ("@a = b (c\n[gifts]\nmy gift\n", "en/phrases.txt:1: a parenthesis is not closed"),
        ("@a = {b}\n@b = {a}\n[gifts]\nmy gift\n", "contains itself"),
        ("@a = b\n@a = c\n[gifts]\nmy gift\n", "en/phrases.txt:2: the slot @a is defined twice"),
        ("@a: b\n[gifts]\nmy gift\n", "en/phrases.txt:1: write a slot as `@name = one|another`"),
        (b"[gifts]\nmy gift\n\xa7\xda\xaa\xba\n", "en/phrases.txt:3: this line is not UTF-8"),
    ],
)
def test_what_would_be_misunderstood_stops_the_build(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | bytes, said: str
) -> None:
    """One sentence with file and line, and no weights are written."""
    write(tmp_path, text)

    with pytest.raises(SystemExit) as stopped:
        main([], tmp_path)

    assert said in str(stopped.value)
    assert "\n" not in str(stopped.value) and not capsys.readouterr().out
    assert not (tmp_path / FILE).exists()


def test_slips_are_of_the_language() -> None:
    """A character for one of the same sound, else letters of a longer word; what is short stays."""
    assert {slipped("點數", {"點": "典店"}, Dealer(str(seed))) for seed in range(9)} == {"典數", "店數"}
    assert all(slipped("my vouchers", {}, Dealer(str(seed))) != "my vouchers" for seed in range(9))
    assert slipped("my gif", {}, Dealer("")) == "my gif"


def test_a_sentence_of_two_topics_is_taught_once(tmp_path: Path) -> None:
    """And somebody is told."""
    write(tmp_path, "[gifts]\nmy things\n[points]\nmy things\nmy points\n")

    lesson = lesson_of(read_all(tmp_path))

    assert [(one.topic, one.text) for one in lesson.sentences if one.text == "my things"] == [("gifts", "my things")]
    assert lesson.clashes == ["en/phrases.txt:4: “my things” is [gifts] at en/phrases.txt:2"]


def test_preambles_come_before_wishes_only(tmp_path: Path) -> None:
    """What is said before the point changes no topic, and is said in the language's variants, too."""
    write(tmp_path, SMALL)
    write(tmp_path, "[gifts]\n" + "".join(f"my present{chr(97 + n)}\n" for n in range(26)), "en/phrases_GB.txt")

    told = [
        one for one in lesson_of(read_all(tmp_path)).sentences if one.text.startswith(("i was at", "quick question"))
    ]

    assert {one.topic for one in told} >= {"gifts", OTHER}
    assert any(one.template.place.startswith("en/phrases_GB.txt") for one in told)
    assert {one.text for one in told if one.topic == OTHER} == {
        "i was at the shop and it was raining",
        "quick question it was raining",
    }


# ── learning ─────────────────────────────────────────────────────────────────────────────────────


def test_the_same_phrases_teach_the_same(tmp_path: Path) -> None:
    """Byte for byte on one machine; whoever builds gets the file that is committed."""
    write(tmp_path, SMALL)

    first, _ = build(tmp_path)
    again, _ = build(tmp_path)

    assert first.packed() == again.packed()


def test_what_is_taught_is_recognised(tmp_path: Path) -> None:
    """Also in words that stand in no line, and nothing else is."""
    write(tmp_path, SMALL)
    recogniser = Recogniser(learn(lesson_of(read_all(tmp_path)).sentences))

    def best(text: str) -> str:
        ranking = recogniser.rank(fold(text))
        name, share = ranking.topics[0]
        return name if share > ranking.other else OTHER

    assert best("please show me all my prizes") == "gifts"
    assert best("我的點數還剩多少呢") == "points"
    assert best("do not delete my data") == OTHER
    assert best("the weather is awful") == OTHER


def test_a_language_that_is_begun_teaches_nothing_yet(tmp_path: Path) -> None:
    """`make language L=vi` writes it, and a build, a check and the bot go on as before."""
    write(tmp_path, SMALL)
    main([], tmp_path)
    before = (tmp_path / FILE).read_bytes()

    path = begin("vi", tmp_path)
    assert read_phrases(path).templates == []
    assert [line[1:-1] for line in path.read_text("utf-8").splitlines() if line.startswith("[")] == list(SECTIONS)
    assert Recogniser.load(tmp_path).weights
    main([], tmp_path)
    assert (tmp_path / FILE).read_bytes() == before

    path.write_text("[gifts]\nquà của tôi\n", "utf-8")
    begin("vi", tmp_path)
    assert path.read_text("utf-8") == "[gifts]\nquà của tôi\n", "what was filled in stays"


def test_no_phrases_at_all(tmp_path: Path) -> None:
    """A fork without languages' phrases builds, and recognises nothing."""
    main([], tmp_path)

    recogniser = Recogniser.load(tmp_path)

    assert recogniser.weights is not None
    assert recogniser.rank("my gifts").unknown == 1


# ── checking ─────────────────────────────────────────────────────────────────────────────────────


def test_the_shipped_weights_are_current() -> None:
    """Made from the phrases beside them by this code, good enough, small and quick; else `make understanding`."""
    assert check() == []


def test_stale_weights_are_refused(tmp_path: Path) -> None:
    """The check names the command to run, with an exit code that stops CI."""
    write(tmp_path, SMALL)
    main([], tmp_path)
    write(tmp_path, SMALL + "one more line\n")

    with pytest.raises(SystemExit, match="make understanding"):
        main(["--check"], tmp_path)


def test_another_way_of_reading_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are of no use to code that looks at messages in another way."""
    shutil.copytree(LOCALES, tmp_path / "locales")
    monkeypatch.setattr("bot.understanding.recogniser.features", lambda words: list(words)[:1])

    trouble = check(tmp_path / "locales")

    assert any("decides otherwise" in each and "make understanding" in each for each in trouble)


def test_a_build_that_understands_little_is_refused(tmp_path: Path) -> None:
    """What was measured on templates left out is held against the bounds."""
    write(tmp_path, "".join(f"[{topic}]\nabc {topic}\n" for topic in TOPICS) + "[other]\nno\n")
    main([], tmp_path)

    assert any("at_once" in each for each in check(tmp_path))


def test_what_is_measured(tmp_path: Path) -> None:
    """Shares of wishes and of small talk."""
    write(tmp_path, SMALL)
    sentences = lesson_of(read_all(tmp_path)).sentences

    numbers = measured(Recogniser(learn(sentences)), sentences)

    assert set(BOUNDS) <= set(numbers)
    assert numbers["at_once"] > 0.9 and numbers["wrong"] == numbers["disturbed"] == 0


@pytest.mark.parametrize("path", sorted(LOCALES.glob("*/phrases.txt")), ids=lambda path: path.parent.name)
def test_a_language_teaches_every_topic_or_none(path: Path) -> None:
    """A topic that was forgotten would never be recognised in this language."""
    taught = {template.topic for each in path.parent.glob("phrases*.txt") for template in read_phrases(each).templates}

    assert taught in (set(), set(SECTIONS))
