"""Teaches the recogniser (`make understanding`): from `locales/<language>/phrases*.txt` to `locales/weights.bin`.

A development tool in plain Python: the same phrases give the same decisions on every machine. With `--check` nothing is
written; it says whether the weights are those of the phrases and of this code. `--begin vi` writes an empty phrases
file for a new language. See docs/understanding.md.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
import sys
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, product
from pathlib import Path
from typing import Any, NamedTuple

from bot.errors import ConfigurationError
from bot.i18n import LOCALES
from bot.understanding.reading import Reading, fold
from bot.understanding.recogniser import (
    CODE,
    CODES_OF_ALL,
    FILE,
    FORMAT,
    LATER,
    NOW,
    OTHER,
    RENEW,
    SECTIONS,
    TOPICS,
    TOPICS_OF_ALL,
    WANTED,
    Decision,
    Recogniser,
    Weights,
    decide,
    features,
    fingerprint,
    phrase_files,
    tokens,
)

PREAMBLE = "preamble"  # the slot of what people say before they come to the point
SLIPS = "slips"  # the slot of characters that are typed for another one

# ── reading phrases ──────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Choice:
    """Alternatives, each a row of texts and further choices."""

    rows: tuple[tuple[str | Choice, ...], ...]

    def count(self) -> int:
        """How many sentences there are in it."""
        return sum(math.prod(1 if isinstance(part, str) else part.count() for part in row) for row in self.rows)

    def all(self) -> Iterator[str]:
        """Each of its sentences."""
        for row in self.rows:
            for parts in product(*([part] if isinstance(part, str) else list(part.all()) for part in row)):
                yield "".join(parts)


@dataclass(frozen=True, slots=True)
class Template:
    """One line of a phrases file. place: `en/phrases.txt:12`."""

    language: str
    place: str
    topic: str
    line: str
    choice: Choice


@dataclass(slots=True)
class Phrases:
    """One phrases file."""

    path: Path
    slots: dict[str, Choice] = field(default_factory=dict)
    templates: list[Template] = field(default_factory=list)

    def spoken(self, slot: str) -> list[str]:
        """All that a slot stands for; nothing when the file has none of this name."""
        return list(self.slots[slot].all()) if slot in self.slots else []


def read_phrases(path: Path) -> Phrases:
    """A phrases file. Raises ConfigurationError with file and line for whatever would be misunderstood."""
    where = f"{path.parent.name}/{path.name}"
    try:
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        number = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{where}:{number}: this line is not UTF-8; save the file as UTF-8") from None
    slots = {"code": (0, CODE)}
    for number, line in enumerate(lines, 1):
        if line.startswith("@"):
            found = re.fullmatch(r"@(\w+) =(?: (.*))?", line)
            if not found:
                raise ConfigurationError(f"{where}:{number}: write a slot as `@name = one|another`")
            if found[1] in slots:
                raise ConfigurationError(f"{where}:{number}: the slot @{found[1]} is defined twice")
            slots[found[1]] = (number, found[2] or "")
    parser = _Parser(where, slots)
    phrases = Phrases(path, {name: parser.slot(name, number) for name, (number, _) in slots.items()})
    section, begun = "", dict[str, int]()
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith(("#", "@")):
            continue
        if line.startswith("["):
            section = line.strip()[1:-1]
            if section not in SECTIONS or not line.strip().endswith("]"):
                raise ConfigurationError(
                    f"{where}:{number}: there is no section {line.strip()}; the sections are {', '.join(SECTIONS)}"
                )
            begun.setdefault(section, number)
            continue
        if not section:
            raise ConfigurationError(f"{where}:{number}: this phrase stands before the first [section]")
        choice = parser.line(line, number)
        phrases.templates.append(Template(path.parent.name, f"{where}:{number}", section, line, choice))
    taught = {template.topic for template in phrases.templates}
    if taught and (empty := sorted(begun.keys() - taught, key=begun.__getitem__)):
        raise ConfigurationError(
            f"{where}:{begun[empty[0]]}: the section [{empty[0]}] is empty; fill it or take it out"
        )
    return phrases


class _Parser:
    """Reads `text (one|another {slot})`."""

    def __init__(self, where: str, slots: dict[str, tuple[int, str]]) -> None:
        self._where = where
        self._slots = slots
        self._known: dict[str, Choice] = {}
        self._open: list[str] = []

    def slot(self, name: str, number: int) -> Choice:
        """What a slot stands for; `number` is the line that asks for it."""
        if name not in self._known:
            if name not in self._slots:
                raise ConfigurationError(
                    f"{self._where}:{number}: the slot {{{name}}} is not defined in this file; "
                    f"write @{name} = one|another"
                )
            if name in self._open:
                raise ConfigurationError(f"{self._where}:{number}: the slot @{name} contains itself")
            self._open.append(name)
            own, text = self._slots[name]
            self._known[name] = self.line(text, own)
            self._open.pop()
        return self._known[name]

    def line(self, text: str, number: int) -> Choice:
        """A whole line. A `|` outside of parentheses parts alternatives, too."""
        choice, end = self._alternatives(text, 0, number)
        if end < len(text):
            raise ConfigurationError(f"{self._where}:{number}: a parenthesis is closed that was not opened")
        return choice

    def _alternatives(self, text: str, at: int, number: int) -> tuple[Choice, int]:
        rows: list[tuple[str | Choice, ...]] = []
        row: list[str | Choice] = []
        while at < len(text) and text[at] != ")":
            if text[at] == "|":
                rows.append(tuple(row))
                row, at = [], at + 1
            elif text[at] == "(":
                inner, at = self._alternatives(text, at + 1, number)
                if at == len(text):
                    raise ConfigurationError(f"{self._where}:{number}: a parenthesis is not closed")
                row.append(inner)
                at += 1
            elif text[at] in "{}":
                found = re.compile(r"\{(\w+)\}").match(text, at)
                if not found:
                    raise ConfigurationError(f"{self._where}:{number}: a slot is written {{name}}")
                row.append(self.slot(found[1], number))
                at = found.end()
            else:
                found = re.compile(r"[^|(){}]+").match(text, at)
                assert found
                row.append(found[0])
                at = found.end()
        rows.append(tuple(row))
        return Choice(tuple(rows)), at


# ── sentences ────────────────────────────────────────────────────────────────────────────────────

MOST = 26  # sentences of one template
MOST_OTHER = 60  # …of one that is none of the topics: what sounds like a wish needs more examples than a wish.
TOLD = 0.12  # the share of wishes that are said once more after a preamble
SLIPPED = 0.15  # …and with a slip of the finger
HELD_OUT = 5  # One template in so many is left out of what is learned, to measure on sentences of no known form.
NEVER_TOLD = (OTHER, "thanks", "greeting")


class Sentence(NamedTuple):
    """What somebody might write, as it is read, and what it wants. template: the line it comes from."""

    template: Template
    text: str

    @property
    def topic(self) -> str:
        """What it wants."""
        return self.template.topic


class _Dealer:
    """Picks alternatives like cards from a deck: each once before any comes twice. The same for the same seed."""

    def __init__(self, seed: str) -> None:
        seeded = int(hashlib.sha256(seed.encode()).hexdigest()[:12], 16)
        self.random = random.Random(seeded)  # noqa: S311 - an order, no secret
        self._decks: dict[int, list[int]] = {}

    def deal(self, choice: Choice) -> str:
        """One of its sentences."""
        deck = self._decks.setdefault(id(choice), [])
        if not deck:
            deck += range(len(choice.rows))
            self.random.shuffle(deck)
        return "".join(part if isinstance(part, str) else self.deal(part) for part in choice.rows[deck.pop()])

    def chance(self, share: float) -> bool:
        """True for this share of calls."""
        return self.random.random() < share

    def below(self, size: int) -> int:
        """A number below it."""
        return int(self.random.random() * size)


def sentences_of(template: Template) -> list[str]:
    """Some of a template's sentences, as they are read; all where they are few."""
    most = MOST_OTHER if template.topic == OTHER else MOST
    dealer = _Dealer(f"{template.topic} {template.line}")
    if template.choice.count() <= most:
        spoken: Iterable[str] = template.choice.all()
    else:
        most = max(most, *(len(part.rows) for row in template.choice.rows for part in row if isinstance(part, Choice)))
        spoken = (dealer.deal(template.choice) for _ in range(4 * most))
    return list(islice(dict.fromkeys(filter(None, map(fold, spoken))), most))


def slipped(text: str, slips: dict[str, str], dealer: _Dealer) -> str:
    """A text with one slip: a character for another of the same sound, or letters left out, turned or doubled."""
    places = [at for at, character in enumerate(text) if character in slips]
    if places:
        at = places[dealer.below(len(places))]
        typed = slips[text[at]]
        return text[:at] + typed[dealer.below(len(typed))] + text[at + 1 :]
    longer = [found for found in re.finditer(r"[^\W\d_]{4,}", text) if found[0].isascii()]
    if not longer:
        return text
    word = longer[dealer.below(len(longer))]
    at = word.start() + 1 + dealer.below(len(word[0]) - 2)
    return (
        text[:at] + text[at + 1 :],
        text[:at] + text[at + 1] + text[at] + text[at + 2 :],
        text[:at] + text[at] + text[at:],
    )[dealer.below(3)]


@dataclass(slots=True)
class Lesson:
    """All that is taught. clashes: sentences that stand under two topics; only the first is taught."""

    sentences: list[Sentence] = field(default_factory=list)
    clashes: list[str] = field(default_factory=list)
    _taught: dict[str, Template] = field(default_factory=dict)

    def teach(self, template: Template, text: str, *, written: bool = True) -> None:
        """Add a sentence, unless it is known. written: it stands in a file, and is not a slip of one that does."""
        first = self._taught.setdefault(text, template)
        if first is template:
            self.sentences.append(Sentence(template, text))
        elif written and first.topic != template.topic:
            self.clashes.append(f"{template.place}: “{text}” is [{first.topic}] at {first.place}")


def read_all(folder: Path) -> list[Phrases]:
    """The phrases of all languages. Raises ConfigurationError."""
    return [read_phrases(path) for path in phrase_files(folder)]


def lesson_of(files: Sequence[Phrases]) -> Lesson:
    """All sentences of all languages, with some more as people say and type them."""
    lesson = Lesson()
    spoken = [(template, sentences_of(template)) for phrases in files for template in phrases.templates]
    for template, texts in spoken:
        for text in texts:
            lesson.teach(template, text)
    own = {phrases.path.parent.name: phrases for phrases in files if phrases.path.stem == "phrases"}
    preambles = {tag: phrases.spoken(PREAMBLE) for tag, phrases in own.items()}
    slips = {tag: {pair[0]: pair[1:] for pair in phrases.spoken(SLIPS) if pair[1:]} for tag, phrases in own.items()}
    for template, texts in spoken:
        dealer = _Dealer(f"noise {template.topic} {template.line}")
        said = preambles.get(template.language)
        for text in texts:
            if said and template.topic not in NEVER_TOLD and dealer.chance(TOLD):
                lesson.teach(template, fold(f"{said[dealer.below(len(said))]} {text}"), written=False)
            if dealer.chance(SLIPPED):
                lesson.teach(template, slipped(text, slips.get(template.language, {}), dealer), written=False)
    return lesson


def held_out(template: Template) -> bool:
    """Whether a template is for measuring only; all of its sentences or none."""
    return hashlib.sha256(f"{template.topic} {template.line}".encode()).digest()[0] % HELD_OUT == 0


def exam_of(files: Sequence[Phrases]) -> list[Sentence]:
    """The sentences of the templates that are held out, as they stand there: to measure on, and to ask again."""
    templates = [template for phrases in files for template in phrases.templates if held_out(template)]
    return [Sentence(template, text) for template in templates for text in sentences_of(template)]


# ── learning ─────────────────────────────────────────────────────────────────────────────────────

ROUNDS = 6
PACE = 0.6
MOST_WEIGHTS, MOST_OF_CODES = 63_000, 14_000
REFERENCE = SECTIONS.index(LATER)  # It has no weights: the other one of two is measured against it.
KNOWN = 0.995  # Whoever is so sure and right learns nothing more from an example.
FAINT = 0.002  # A topic that is so unlikely is not pushed down any further.
SEEN_TWICE = 2  # A feature of one sentence only says nothing about another.


def learn(sentences: Sequence[Sentence], rounds: int = ROUNDS) -> Weights:
    """A softmax regression by stochastic gradient descent with a pace for each weight (AdaGrad), in a fixed order.

    Only sums, products, roots and exp of doubles: what differs in the last bit elsewhere is rounded away.
    """
    looked = [features(tokens(sentence.text)) for sentence in sentences]
    counted = Counter(feature for seen in looked for feature in seen)
    names = sorted(feature for feature, times in counted.items() if times >= SEEN_TWICE)
    numbers = {name: number for number, name in enumerate(names)}
    spans = {topic: among for among in (TOPICS_OF_ALL, CODES_OF_ALL) for topic in SECTIONS[among]}
    examples = [
        (
            [numbers[feature] for feature in seen if feature in numbers],
            1 / math.sqrt(len(seen)),
            spans[sentence.topic],
            SECTIONS.index(sentence.topic) - spans[sentence.topic].start,
        )
        for seen, sentence in zip(looked, sentences, strict=True)
        if seen
    ]
    size = len(SECTIONS)
    table = [[0.0] * size for _ in names]
    moved = [[1e-8] * size for _ in names]
    bias = [0.0] * size
    order = list(range(len(examples)))
    shuffle = random.Random(4)  # noqa: S311 - an order, no secret
    for _ in range(rounds):
        shuffle.shuffle(order)
        for index in order:
            seen_at, share, among, right = examples[index]
            rows = [table[at] for at in seen_at]
            heights = (
                [b + share * sum(column) for b, column in zip(bias, zip(*rows, strict=True), strict=True)]
                if rows
                else bias
            )[among]
            highest = max(heights)
            shares = [math.exp(height - highest) for height in heights]
            whole = sum(shares)
            if shares[right] > KNOWN * whole:
                continue
            wrong = [
                (among.start + topic, each / whole - (topic == right))
                for topic, each in enumerate(shares)
                if (topic == right or each > FAINT * whole) and among.start + topic != REFERENCE
            ]
            for topic, much in wrong:
                bias[topic] -= 0.02 * much
            steps = [(topic, much * share, (much * share) ** 2) for topic, much in wrong]
            for at in seen_at:
                row, ways = table[at], moved[at]
                for topic, step, square in steps:
                    ways[topic] += square
                    row[topic] -= PACE * step / math.sqrt(ways[topic])
    known = {word for sentence in sentences if sentence.topic in TOPICS for word in tokens(sentence.text)}
    return rounded(names, table, bias, known)


def rounded(
    names: Sequence[str], table: Sequence[Sequence[float]], bias: Sequence[float], known: Iterable[str]
) -> Weights:
    """The heaviest weights as whole numbers from -127 to 127."""
    sizes = sorted((abs(weight) for row in table for weight in row if weight), reverse=True)
    # One weight in a thousand is cut, so that the rest is finer.
    scale = sizes[len(sizes) // 1000] / 127 if sizes else 1.0
    least = [0.0] * len(SECTIONS)
    for among, most in ((TOPICS_OF_ALL, MOST_WEIGHTS), (CODES_OF_ALL, MOST_OF_CODES)):
        sizes = sorted((abs(weight) for row in table for weight in row[among] if weight), reverse=True)
        enough = sizes[min(most, len(sizes) - 1)] if sizes else 0.0
        least[among] = [max(scale / 2, enough)] * len(least[among])
    kept: dict[str, int] = {}
    ends, topics, values = array("I", [0]), bytearray(), array("b")
    for name, row in zip(names, table, strict=True):
        heavy = [(topic, weight) for topic, weight in enumerate(row) if abs(weight) > least[topic]]
        if heavy:
            kept[name] = len(kept)
            for topic, weight in heavy:
                topics.append(topic)
                values.append(max(-127, min(127, round(weight / scale))))
            ends.append(len(values))
    about = {"format": FORMAT, "topics": list(SECTIONS)}
    return Weights(
        about, kept, ends, bytes(topics), values, frozenset(known), tuple(round(b, 6) for b in bias), scale, b""
    )


# ── building and checking ────────────────────────────────────────────────────────────────────────

SIZE = 200 * 1024  # bytes
RANKED_IN = 0.0003  # seconds a message; a third of it on a quiet machine
LOADED_IN = 0.2  # seconds


def decided(recogniser: Recogniser, text: str) -> Decision:
    """What is done about a text that no sign stands beside: what the model alone would do."""
    return decide(Reading(text, text, text), recogniser.rank(text))


def outcomes(recogniser: Recogniser, sentences: Iterable[Sentence]) -> bytes:
    """A byte for each sentence: the topic that is shown or asked about, or OTHER; or what a code's message wants."""
    found = (_outcome(recogniser, sentence) for sentence in sentences)
    return bytes(SECTIONS.index(section) for section in found)


def _outcome(recogniser: Recogniser, sentence: Sentence) -> str:
    if sentence.topic in (NOW, LATER):
        return NOW if recogniser.wants(sentence.text) >= WANTED else LATER
    decision = decided(recogniser, sentence.text)
    return decision.once or decision.sure or OTHER


def measured(recogniser: Recogniser, sentences: Sequence[Sentence]) -> dict[str, float]:
    """How well sentences are understood that were not learned: shares of wishes, of talk, and of those with a code."""
    counted: Counter[str] = Counter()
    for sentence in sentences:
        if sentence.topic in (NOW, LATER):
            counted.update({sentence.topic: 1, f"{sentence.topic} redeemed": _outcome(recogniser, sentence) == NOW})
            continue
        decision = decided(recogniser, sentence.text)
        shown = decision.once or decision.sure
        if sentence.topic == OTHER:
            counted.update(talk=1, disturbed=shown is not None)
        else:
            counted.update(
                wishes=1,
                at_once=shown == sentence.topic,
                wrong=shown not in (None, sentence.topic),
                among_three=sentence.topic in decision.topics[:3],
            )
    wishes, talk = max(1, counted["wishes"]), max(1, counted["talk"])
    shares = {name: round(counted[name] / wishes, 4) for name in ("at_once", "among_three", "wrong")}
    redeemed = {
        name: round(counted[f"{topic} redeemed"] / max(1, counted[topic]), 4)
        for name, topic in (("redeemed", NOW), ("redeemed_wrongly", LATER))
    }
    return {
        "wishes": wishes,
        "talk": talk,
        **shares,
        "disturbed": round(counted["disturbed"] / talk, 4),
        "codes": counted[NOW] + counted[LATER],
        **redeemed,
    }


def build(folder: Path = LOCALES, rounds: int = ROUNDS) -> tuple[Weights, Lesson]:
    """The weights of a folder's phrases, with what a model of four fifths of the templates made of the rest."""
    files = read_all(folder)
    lesson, exam = lesson_of(files), exam_of(files)
    kept = [sentence for sentence in lesson.sentences if not held_out(sentence.template)]
    learned = {sentence.text for sentence in kept}
    numbers = measured(Recogniser(learn(kept, rounds)), [one for one in exam if one.text not in learned])
    weights = learn(lesson.sentences, rounds)
    about = {**weights.about, "phrases": fingerprint(folder), "held_out": numbers}
    return replace(weights, about=about, decided=outcomes(Recogniser(weights), exam)), lesson


def check(folder: Path = LOCALES) -> list[str]:
    """What is wrong with the weights of a folder; nothing when they are those of its phrases and of this code."""
    recogniser = Recogniser.load(folder)
    weights = recogniser.weights
    if not weights:
        return [recogniser.trouble]
    exam = exam_of(read_all(folder))
    path = folder / FILE
    trouble = []
    if (decisions := outcomes(recogniser, exam)) != weights.decided:
        differing = sum(a != b for a, b in zip(decisions, weights.decided, strict=False))
        trouble.append(
            f"{path} decides otherwise than when it was made, on {differing} of {len(exam)} sentences: "
            f"the code that reads or decides has changed. Run `{RENEW}`"
        )
    for name, (least, most) in BOUNDS.items():
        if not least <= weights.about["held_out"][name] <= most:
            trouble.append(
                f"{path}: of sentences that were not learned, {name} is {weights.about['held_out'][name]:.1%}; "
                f"{least:.1%} to {most:.1%} is allowed. Teach it more phrases"
            )
    if path.stat().st_size > SIZE:
        trouble.append(f"{path} has {path.stat().st_size} bytes; {SIZE} are allowed")
    if (taken := _quickest(lambda: Recogniser.load(folder))) > LOADED_IN:
        trouble.append(f"{path} takes {taken * 1000:.0f} ms to load; {LOADED_IN * 1000:.0f} are allowed")
    texts = [sentence.text for sentence in exam[::20]]
    taken = _quickest(lambda: [recogniser.rank(text) for text in texts]) / max(1, len(texts))
    if taken > RANKED_IN:
        trouble.append(f"Ranking takes {taken * 1e6:.0f} µs a message; {RANKED_IN * 1e6:.0f} are allowed")
    return trouble


BOUNDS = {
    "at_once": (0.3, 1.0),
    "among_three": (0.85, 1.0),
    "wrong": (0.0, 0.04),
    "disturbed": (0.0, 0.07),
    "redeemed": (0.6, 1.0),
    "redeemed_wrongly": (0.0, 0.04),
}
"""What a build must reach on templates that it has not learned, as shares."""


def _quickest(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(3):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return min(taken)


NEW = """\
# What people write in this language, for the recogniser. Each section is a topic, [{other}] is everything that is none
# of them. A line is a phrase: `(one|another|)` chooses one of several, `{{slot}}` one of a list that is defined as
# `@slot = one|another`. The slot @{preamble} is what people say before they come to the point, and @{slips} lists
# characters, each with those that are typed for it by mistake. Case and punctuation do not matter.
#
# Ten to twenty lines a topic are a good start, and as many as all of them together for [{other}]: small talk, and above
# all what sounds like a topic and is none ("cancel my booking", "the lunch menu", "please don't delete my data").
# locales/en/phrases.txt shows how. Fill every section, then run `{renew}`. Until then nothing is recognised in this
# language, and the bot understands its words only.
"""


def begin(language: str, folder: Path = LOCALES) -> Path:
    """An empty phrases file for a new language; one that is there already stays as it is."""
    path = folder / language / "phrases.txt"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        sections = "".join(f"\n[{section}]\n" for section in SECTIONS)
        path.write_text(NEW.format(other=OTHER, preamble=PREAMBLE, slips=SLIPS, renew=RENEW) + sections, "utf-8")
    return path


def main(arguments: Sequence[str], folder: Path = LOCALES) -> None:
    """Build the weights, or check them. Exits with a sentence when something is wrong."""
    try:
        if arguments == ["--check"]:
            if trouble := check(folder):
                sys.exit("\n".join(trouble))
            return
        if len(arguments) == 2 and arguments[0] == "--begin":
            _say(f"{begin(arguments[1], folder)}: fill it, then run `{RENEW}`")
            return
        if arguments:
            sys.exit("usage: python -m bot.understanding.training [--check | --begin LANGUAGE]")
        begun = time.perf_counter()
        weights, lesson = build(folder)
    except ConfigurationError as error:
        sys.exit(str(error))
    blob = weights.packed()
    (folder / FILE).write_bytes(blob)
    for clash in lesson.clashes:
        _say(f"taught once only, since it stands under two topics: {clash}")
    numbers: dict[str, Any] = weights.about["held_out"]
    _say(
        f"{folder / FILE}: {len(blob) // 1024} kB, {len(weights.features)} features, {len(weights.values)} weights, "
        f"{len(lesson.sentences)} sentences, {time.perf_counter() - begun:.0f} s"
    )
    _say("on templates left out: " + ", ".join(f"{name} {number}" for name, number in numbers.items()))


def _say(text: str) -> None:
    print(text)  # noqa: T201 - what this command is for


if __name__ == "__main__":
    main(sys.argv[1:])
