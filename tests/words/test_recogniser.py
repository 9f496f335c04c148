"""What a message sounds like, and what may come of it."""

from __future__ import annotations

import json
import math
import time
import tracemalloc
from array import array
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.i18n import LOCALES
from bot.understanding.reading import Reading, fold, visible
from bot.understanding.recogniser import (
    ACTS,
    FILE,
    FORMAT,
    SECTIONS,
    TOPICS,
    Decision,
    Ranking,
    Recogniser,
    Unusable,
    Weights,
    decide,
    features,
    fingerprint,
    tokens,
)
from bot.understanding.words import Lexicon


def must_not() -> list[tuple[str, bool]]:
    """What must not be acted on, and whether it says no to what it names."""
    found, negated = [], False
    for line in (Path(__file__).parent / "must_not.txt").read_text("utf-8").splitlines():
        if line.startswith("# "):
            negated = line.startswith("# no to ")
        elif line:
            found.append((line, negated))
    return found


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    """The one that is shipped."""
    loaded = Recogniser.load()
    assert loaded.weights, loaded.trouble
    return loaded


def read(text: str) -> Reading:
    """A reading without its signs: what follows holds even where no sign is seen."""
    folded = fold(text)
    return Reading(visible(text), folded, folded)


# ── what is looked at ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我的點數", ["我", "的", "點", "數"]),
        ("my gifts", ["my", "gifts"]),
        ("我的gift在哪", ["我", "的", "gift", "在", "哪"]),
        ("點數1250點", ["點", "數", "0", "點"]),
        ("7 11咖啡", ["0", "0", "咖", "啡"]),
        ("tôi muốn xem quà", ["tôi", "muốn", "xem", "quà"]),
        ("", []),
    ],
)
def test_chinese_is_looked_at_by_character_and_the_rest_by_word(text: str, expected: list[str]) -> None:
    """Scripts without blanks have no words to go by; which number it is does not matter."""
    assert tokens(text) == expected


def test_the_edges_of_a_message_are_looked_at() -> None:
    """「點數」 alone is another thing than 點數 inside a story."""
    assert "^ 點" in features(tokens("點數")) and "^ 點" not in features(tokens("他的點數"))
    assert "點 數" in features(tokens("點數")) and "點 數" in features(tokens("他的點數"))


def test_letters_inside_words_forgive_slips() -> None:
    """A word that was never seen has pieces that were."""
    assert set(features(tokens("vouchres"))) & set(features(tokens("vouchers"))) > {"~vo"}


# ── ranking ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("可以幫我看現在有哪些東西能領嗎", "gifts"),
        ("我現在點數剩多少", "points"),
        ("這些點數夠換哪些東西", "vouchers"),
        ("之前換到的券要去哪裡看", "my_vouchers"),
        ("我卡裡面還剩多少", "cards"),
        ("兌換紀錄", "receipts"),
        ("切換語言", "language"),
        ("使用說明", "help"),
        ("找真人客服", "human"),
        ("隐私政策在哪看", "privacy"),
        ("how many points are left on my account", "points"),
        ("what could i swap my points for", "vouchers"),
        ("put me through to somebody", "human"),
        ("erase everything you have about me", "delete"),
        ("unsubscribe me, no more ads", "unsubscribe"),
        ("where is your shop", "address"),
        ("你們店的電話幾號", "phone"),
        ("when do you close today", "hours"),
        ("我的 gift 在哪裡看", "gifts"),
        ("唔該晒", "thanks"),
        ("哈囉你好", "greeting"),
    ],
)
def test_wishes_are_among_the_first(recogniser: Recogniser, text: str, topic: str) -> None:
    """Sentences of the design, in people's own words."""
    assert topic in [name for name, _ in recogniser.rank(fold(text)).topics[:3]]


@given(st.text(max_size=300) | st.text(alphabet="我的點數換 mygiftspoints?0", max_size=80))
def test_whatever_is_written_is_ranked(text: str) -> None:
    """Each topic once, the likeliest first, and all that may be adds up to certainty."""
    recogniser = _loaded()

    ranking = recogniser.rank(fold(text))

    assert sorted(name for name, _ in ranking.topics) == sorted(TOPICS)
    shares = [share for _, share in ranking.topics]
    assert shares == sorted(shares, reverse=True)
    assert math.isclose(sum(shares) + ranking.other, 1, abs_tol=1e-9)
    assert 0 <= ranking.unknown <= 1
    assert sorted(decide(read(text), ranking).topics) == sorted(TOPICS)


_LOADED: list[Recogniser] = []


def _loaded() -> Recogniser:
    # Hypothesis wants no fixtures of a wider scope, and loading for every example would take minutes.
    if not _LOADED:
        _LOADED.append(Recogniser.load())
    return _LOADED[0]


def test_ranking_is_quick_and_bounded(recogniser: Recogniser) -> None:
    """A pasted novel costs little more than a sentence; bounds with much air, since machines are shared."""
    sentence, novel = fold("可以幫我看一下我現在還有多少點數嗎"), "我的點數 my points " * 300

    def quickest(text: str) -> float:
        taken = []
        for _ in range(30):
            begun = time.perf_counter()
            recogniser.rank(text)
            taken.append(time.perf_counter() - begun)
        return min(taken)

    assert quickest(sentence) < 0.0005
    assert quickest(novel[:5000]) < 0.005


def test_the_weights_take_little_memory() -> None:
    """In few large objects."""
    tracemalloc.start()
    try:
        loaded = Recogniser.load()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert loaded.weights
    assert kept < 8_000_000


# ── without weights ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped phrases and weights, to be spoiled."""
    for path in [*LOCALES.glob("*/phrases*.txt"), LOCALES / FILE]:
        target = tmp_path / path.relative_to(LOCALES)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    return tmp_path


def test_a_copy_works(folder: Path) -> None:
    """Nothing but the folder's files matters, comments and the lines' ends excepted."""
    path = folder / "en" / "phrases.txt"
    path.write_bytes(b"# one more comment\r\n" + path.read_bytes().replace(b"\n", b"\r\n"))

    assert Recogniser.load(folder).weights


def test_a_language_that_is_only_begun_changes_nothing(folder: Path) -> None:
    """`make language` leaves the bot as clever as before."""
    (folder / "vi").mkdir()
    (folder / "vi" / "phrases.txt").write_text("# empty\n[gifts]\n\n[other]\n")

    assert Recogniser.load(folder).weights


def test_other_phrases_need_other_weights(folder: Path) -> None:
    """Stale weights are not used, and the sentence says what to run."""
    with (folder / "en" / "phrases.txt").open("a") as file:
        file.write("one more phrase\n")

    loaded = Recogniser.load(folder)

    assert not loaded.weights
    assert "other phrases" in loaded.trouble and "make understanding" in loaded.trouble


@pytest.mark.parametrize(
    "spoil",
    [
        lambda blob: b"",
        lambda blob: b"{}\n",
        lambda blob: b"[]\n" + blob.partition(b"\n")[2],
        lambda blob: blob[:-100],
        lambda blob: blob.partition(b"\n")[0] + b"\n",
        lambda blob: blob.replace(b'"sizes": [', b'"sizes": [1', 1),
        lambda blob: blob.replace(b'"gifts"', b'"prizes"', 1),
        lambda blob: blob.replace(b'"format": 1', b'"format": 0', 1),
        lambda blob: b"\xff" + blob,
    ],
)
def test_damaged_weights_are_not_used(folder: Path, spoil: object) -> None:
    """The bot starts without them and says why."""
    assert callable(spoil)
    path = folder / FILE
    path.write_bytes(spoil(path.read_bytes()))

    loaded = Recogniser.load(folder)

    assert not loaded.weights
    assert "make understanding" in loaded.trouble


def test_no_weights_at_all(folder: Path) -> None:
    """Every message is nothing, and every topic is still offered."""
    (folder / FILE).unlink()

    loaded = Recogniser.load(folder)
    ranking = loaded.rank("我的點數")

    assert not loaded.weights and FILE in loaded.trouble
    assert ranking.other == 1 and ranking.unknown == 1
    assert decide(read("我的點數"), ranking) == Decision(None, None, TOPICS)


def test_packing_loses_nothing() -> None:
    """What was learned is read back, name by name, and decides the same. Its first line is for people."""
    names = [*(f"{word} {number}" for number in range(400) for word in ("點數", "gifts", "~é")), "點"]
    numbered = {name: number for number, name in enumerate(names)}
    about = {"format": FORMAT, "topics": list(SECTIONS), "phrases": "x"}
    learned = Weights(
        about=about,
        features=numbered,
        ends=array("I", range(len(names) + 1)),
        topics=bytes(number % len(SECTIONS) for number in range(len(names))),
        values=array("b", [number % 127 for number in range(len(names))]),
        known=frozenset({"點", "gifts"}),
        bias=(0.5,) * len(SECTIONS),
        scale=0.25,
        decided=b"yes",
    )

    read_back = Weights.unpacked(learned.packed())

    assert [read_back.features.get(name) for name in names] == list(numbered.values())
    assert len(read_back.features) == len(learned.features)
    assert [name for name in ("gifts 400", "", "點數", "gifts") if read_back.features.get(name) is not None] == []
    assert ["點" in read_back.known, "gifts" in read_back.known, "gift" in read_back.known] == [True, True, False]
    for text in ("點", "點 gifts", "gifts"):
        assert Recogniser(read_back).rank(text) == Recogniser(learned).rank(text)
    assert replace(read_back, about=about, features=learned.features, known=learned.known) == learned


def test_the_shipped_file_says_what_it_was_made_from() -> None:
    """And nonsense is refused."""
    assert json.loads((LOCALES / FILE).read_bytes().partition(b"\n")[0])["phrases"] == fingerprint()
    with pytest.raises(Unusable):
        Weights.unpacked(b"nonsense")


# ── what may come of it ──────────────────────────────────────────────────────────────────────────


def ranked(*likely: tuple[str, float], unknown: float = 0.0, size: int = 4) -> Ranking:
    """A ranking that begins like this; what is left is other."""
    rest = tuple((topic, 0.0) for topic in TOPICS if topic not in dict(likely))
    return Ranking((*likely, *rest), 1 - sum(share for _, share in likely), unknown, size)


def test_what_only_shows_is_shown_at_once() -> None:
    """When it is likely enough."""
    assert decide(read("點數"), ranked(("points", 0.95))).once == "points"
    assert decide(read("點數"), ranked(("points", 0.3))) == decide(read("點數"), ranked(("points", 0.2)))


@pytest.mark.parametrize("act", sorted(ACTS))
def test_what_acts_is_asked_about(act: str) -> None:
    """However sure it is."""
    decision = decide(read("…"), ranked((act, 1.0)))

    assert (decision.once, decision.sure) == (None, act)


@pytest.mark.parametrize(
    ("reading", "ranking"),
    [
        (read("點數 禮券"), ranked(("points", 0.52), ("vouchers", 0.40))),
        (read("點數 …"), ranked(("points", 0.95), unknown=0.3)),
        (read("點數 …"), ranked(("points", 0.95), size=100)),
        (read("點數 SPRING-77AB"), ranked(("points", 0.95))),
        (read("點數 https://example.com"), ranked(("points", 0.95))),
        (read("點數 yu@example.com"), ranked(("points", 0.95))),
        (read("點數 0912345678"), ranked(("points", 0.95))),
        (Reading("不要看點數", "不要看點數", "不要看點數", negates=True), ranked(("points", 0.8))),
        (Reading("不要刪", "不要刪", "不要刪", negates=True), ranked(("delete", 0.8))),
        (read("thanks but"), ranked(("thanks", 0.55))),
    ],
)
def test_what_is_uncertain_becomes_chips(reading: Reading, ranking: Ranking) -> None:
    """Two that are close, unknown words, a story, what looks like a code, a no: all are offered, in their order."""
    decision = decide(reading, ranking)

    assert (decision.once, decision.sure) == (None, None)
    assert decision.topics == tuple(topic for topic, _ in ranking.topics)


@pytest.mark.parametrize(("text", "negated"), must_not())
def test_nothing_is_shown_or_asked_against_the_words(recogniser: Recogniser, text: str, negated: bool) -> None:
    """A no beside it is seen by the reading; what only sounds like a topic is told by the model alone."""
    reading = replace(read(text), negates=negated)

    decision = decide(reading, recogniser.rank(reading.text))

    assert (decision.once, decision.sure) == (None, None)


def test_the_model_alone_hears_a_no(recogniser: Recogniser) -> None:
    """Were a sign overlooked, nine in ten would still be left alone, and nothing would be done, only asked or shown."""
    negated = [read(text) for text, negated in must_not() if negated]
    decisions = [decide(reading, recogniser.rank(reading.text)) for reading in negated]

    assert len(negated) > 50
    assert sum(bool(decision.once or decision.sure) for decision in decisions) <= len(negated) / 10


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("不要再傳訊息給我了", "unsubscribe"),
        ("不要再傳廣告了", "unsubscribe"),
        ("unsubscribe me, no more ads", "unsubscribe"),
    ],
)
def test_a_no_that_is_the_wish_is_asked_about(recogniser: Recogniser, text: str, topic: str) -> None:
    """When nothing else is likely at all."""
    reading = replace(read(text), negates=True)

    assert decide(reading, recogniser.rank(reading.text)).sure == topic


@pytest.mark.parametrize(
    ("text", "topic"),
    [("抽到的東西要去哪裡看", "gifts"), ("how many points are left on my account", "points")],
)
def test_what_the_readme_suggests_is_understood(
    lexicon: Lexicon, recogniser: Recogniser, text: str, topic: str
) -> None:
    """Its lines worth trying in people's own words, at once: by words or by sound."""
    assert text in (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    reading = lexicon.read(text)

    assert (lexicon.whole(reading) or decide(reading, recogniser.rank(reading.text)).once) == topic
