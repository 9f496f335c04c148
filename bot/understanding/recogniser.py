"""The recogniser: which topic a message sounds like. Pure, apart from reading its weights once.

A small linear model, learned from `locales/<language>/phrases*.txt` by `make understanding`. It ranks; what may come of
a ranking is decided by `decide`, and nothing that it decides has an effect: a topic is shown, asked about or offered as
a chip. See docs/understanding.md.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import zlib
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from bot.i18n import LOCALES
from bot.understanding.reading import HAN, Reading

TOPICS = (
    "gifts",
    "tickets",
    "points",
    "vouchers",
    "my_vouchers",
    "cards",
    "receipts",
    "redeem",
    "language",
    "menu",
    "help",
    "human",
    "data",
    "delete",
    "unsubscribe",
    "reminders",
    "no_reminders",
    "privacy",
    "link",
    "unlink",
    "hours",
    "address",
    "phone",
    "thanks",
    "greeting",
)
"""What can be recognised."""
OTHER = "other"
NOW, LATER = "code_now", "code_wait"
"""What a message with a redemption code wants: that it is redeemed now, or anything else. Ranked among themselves."""
SECTIONS = (*TOPICS, OTHER, NOW, LATER)
"""The sections of a phrases file."""
TOPICS_OF_ALL, CODES_OF_ALL = slice(0, len(TOPICS) + 1), slice(len(TOPICS) + 1, len(SECTIONS))
CODE = "qxz"
"""What stands for the code in a message, `{code}` in a phrases file: a word that nobody writes."""
ACTS = frozenset({"human", "delete", "unsubscribe", "unlink", "reminders", "no_reminders"})
"""Topics that do something. They are asked about first, unless their words say it plainly."""
FOR_LATER = frozenset({"reminders", "no_reminders"})
"""Topics whose own words read like signs (“before it expires” like a question, 「提醒我」 like a delay)."""

FILE = "weights.bin"
FORMAT = 1
RENEW = "make understanding"
READ_AT_MOST = 200  # Wishes are shorter; what comes after is not ranked, so that a pasted novel costs no more.

AT_ONCE = 0.65  # How likely a topic must be to be shown or asked about; chosen by the curve in docs/understanding.md.
AMONG_FRIENDS = 0.8  # The same for thanks and greetings, whose answer keeps somebody from being understood otherwise.
NEGATED = 0.93  # …beside a no: “no more ads” is a wish, “don't delete my data” the opposite.
AHEAD = 0.2  # By how much the first topic must lead the second; else both are offered.
WANTED = 0.7  # How likely a message must want its code redeemed now, not to be asked.
UNKNOWN = 0.25  # The share of words never seen in a wish, above which nothing is certain.
LONGEST = 40  # Tokens: somebody who writes more than this tells a story.


# ── what is looked at ────────────────────────────────────────────────────────────────────────────

_ALONE = HAN + "\u0e00-\u0edf\u1000-\u109f\u1780-\u17ff\u3040-\u30ff"  # scripts that leave no blanks between words
_TOKEN = re.compile(rf"[{_ALONE}]|[^\s{_ALONE}]+")
_DIGITS = re.compile(r"\d+")


def tokens(text: str) -> list[str]:
    """The words of a folded text; where no blanks are written, its characters. Every number is `0`."""
    return _TOKEN.findall(_DIGITS.sub("0", text[:READ_AT_MOST]))


def features(words: list[str]) -> list[str]:
    """What the model looks at, each once: runs of one to four tokens, and the pairs of letters of longer words.

    The letters forgive slips of the finger; runs at the edges of the message are told from runs inside.
    """
    found: dict[str, None] = {}
    row = ["^", *words, "$"]
    size = len(row)
    for start in range(size):
        run = row[start]
        if 0 < start < size - 1:
            found[run] = None
        for after in row[start + 1 : start + 4]:
            run = f"{run} {after}"
            found[run] = None
    for word in words:
        if len(word) > 3:
            spelled = f"<{word[:20]}>"
            for start in range(len(spelled) - 1):
                found["~" + spelled[start : start + 2]] = None
    return list(found)


# ── the model ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a message sounds like.

    topics: every topic with its probability, the likeliest first. other: that it is none of them; all sum up to one.
    unknown: the share of its tokens that were never seen in a wish. size: how many tokens it has.
    """

    topics: tuple[tuple[str, float], ...]
    other: float
    unknown: float
    size: int


class Numbers:
    """Names and their numbers, in the order they are given, by a checksum alone: a tenth of the memory of a dict.

    Of 25,000 names and one that is none of them, two have the same checksum once in 170,000 times.
    """

    def __init__(self, names: bytes) -> None:
        """names: one on a line, in UTF-8; none of them twice."""
        self._count = names.count(b"\n") + 1 if names else 0
        size = 1 << max(4, (2 * self._count).bit_length())
        self._mask = size - 1
        self._sums = array("I", bytes(4 * size))
        self._numbers = array("I", bytes(4 * size))  # each plus one; 0 is an empty place
        start = 0
        for number in range(1, self._count + 1):
            end = names.find(b"\n", start)
            end = len(names) if end < 0 else end
            checksum = zlib.crc32(names[start:end])
            place = checksum & self._mask
            while self._numbers[place]:
                place = (place + 1) & self._mask
            self._sums[place], self._numbers[place] = checksum, number
            start = end + 1

    def get(self, name: str) -> int | None:
        """A name's number; None when it has none."""
        checksum = zlib.crc32(name.encode())
        sums, numbers, mask = self._sums, self._numbers, self._mask
        place = checksum & mask
        while number := numbers[place]:
            if sums[place] == checksum:
                return number - 1
            place = (place + 1) & mask
        return None

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __len__(self) -> int:
        return self._count


class Unusable(Exception):
    """Weights that cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A learned model, in few large objects: 20,000 features as lists of numbers would take 30 MB.

    about: the first line of the file: hash of the phrases, what was measured at the build.
    features: their numbers, with their names where they are learned; the weights of number n stand from `ends[n]` to
    `ends[n + 1]` in `topics` and `values`.
    known: every token of a wish. decided: what came of the sentences that `make lint` asks again.
    """

    about: Mapping[str, Any]
    features: Mapping[str, int] | Numbers
    ends: array[int]
    topics: bytes
    values: array[int]
    known: frozenset[str] | Numbers
    bias: tuple[float, ...]
    scale: float
    decided: bytes

    def packed(self) -> bytes:
        """The file: a line of JSON that people can read, then the rest, compressed. Only of weights just learned."""
        assert not isinstance(self.features, Numbers) and not isinstance(self.known, Numbers), "the names are gone"
        counts = bytes(end - start for start, end in pairwise(self.ends))
        parts = [
            "\n".join(self.features).encode(),
            counts,
            self.topics,
            self.values.tobytes(),
            "\n".join(sorted(self.known)).encode(),
            self.decided,
        ]
        about = {**self.about, "bias": self.bias, "scale": self.scale, "sizes": [len(part) for part in parts]}
        return json.dumps(about).encode() + b"\n" + zlib.compress(b"".join(parts), 9)

    @classmethod
    def unpacked(cls, blob: bytes) -> Weights:
        """The weights in a file's bytes. Raises Unusable."""
        try:
            line, _, rest = blob.partition(b"\n")
            about = json.loads(line)
            current = about["format"] == FORMAT and about["topics"] == list(SECTIONS)
            weights = cls._of_parts(about, zlib.decompress(rest)) if current else None
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, zlib.error, RecursionError) as error:
            raise Unusable(f"is damaged ({type(error).__name__}): run `{RENEW}`") from error
        if weights is None:
            raise Unusable(f"was made by another version of Giftdesk: run `{RENEW}`")
        return weights

    @classmethod
    def _of_parts(cls, about: Mapping[str, Any], body: bytes) -> Weights:
        edges = list(accumulate(about["sizes"], initial=0))
        names, counts, topics, values, known, decided = (body[start:end] for start, end in pairwise(edges))
        ends = array("I", accumulate(counts, initial=0))
        features = Numbers(names)
        if (
            len(features) != len(counts)
            or not len(topics) == len(values) == ends[-1]
            or max(topics, default=0) >= len(SECTIONS)
            or len(about["bias"]) != len(SECTIONS)
        ):
            raise ValueError("its parts do not fit together")
        return cls(
            about,
            features,
            ends,
            topics,
            array("b", values),
            Numbers(known),
            tuple(map(float, about["bias"])),
            float(about["scale"]),
            decided,
        )


class Recogniser:
    """Ranks messages. Without weights it knows nothing, and every message is as likely nothing at all.

    trouble: why it has none, for people who look after the bot; `''` when all is well.
    """

    def __init__(self, weights: Weights | None, trouble: str = "") -> None:
        self.weights = weights
        self.trouble = trouble

    @classmethod
    def load(cls, folder: Path = LOCALES) -> Recogniser:
        """What `make understanding` wrote into the folder; never raises, so that the bot starts without it."""
        path = folder / FILE
        try:
            weights = Weights.unpacked(path.read_bytes())
            current = weights.about.get("phrases") == fingerprint(folder)
        except OSError as error:
            return cls(None, f"{error.filename} cannot be read ({error.strerror}): run `{RENEW}`")
        except Unusable as error:
            return cls(None, f"{path} {error}")
        if not current:
            return cls(None, f"{path} was made from other phrases than those beside it: run `{RENEW}`")
        return cls(weights)

    def rank(self, text: str) -> Ranking:
        """What `Reading.text` sounds like."""
        words = tokens(text)
        weights = self.weights
        if weights is None or not words:
            return Ranking(tuple((topic, 0.0) for topic in TOPICS), 1.0, 1.0, len(words))
        *wanted, other = self._shares(weights, words, TOPICS_OF_ALL)
        return Ranking(
            tuple(sorted(zip(TOPICS, wanted, strict=True), key=lambda each: -each[1])),
            other,
            sum(word not in weights.known for word in words) / len(words),
            len(words),
        )

    def wants(self, text: str) -> float:
        """How likely a message wants its code redeemed now. text: folded, with CODE where the code stood."""
        words = tokens(text)
        if self.weights is None or not words:
            return 0.0
        return self._shares(self.weights, words, CODES_OF_ALL)[0]

    def _shares(self, weights: Weights, words: list[str], among: slice) -> list[float]:
        """The probabilities of some of all SECTIONS, among themselves."""
        seen = features(words)
        sums = [0] * len(SECTIONS)
        find, ends, topics, values = weights.features.get, weights.ends, weights.topics, weights.values
        for feature in seen:
            number = find(feature)
            if number is not None:
                for at in range(ends[number], ends[number + 1]):
                    sums[topics[at]] += values[at]
        scale = weights.scale / math.sqrt(len(seen))
        heights = [total * scale + bias for total, bias in zip(sums[among], weights.bias[among], strict=True)]
        highest = max(heights)
        shares = [math.exp(height - highest) for height in heights]
        whole = sum(shares)
        return [share / whole for share in shares]


def phrase_files(folder: Path = LOCALES) -> list[Path]:
    """What the model is learned from, in a fixed order: each language's own phrases, then its variants."""
    return sorted(folder.glob("*/phrases*.txt"), key=lambda path: (path.parent.name, path.stem, path.name))


def fingerprint(folder: Path = LOCALES) -> str:
    """The same for the same phrases, on every machine. Comments do not count."""
    digest = hashlib.sha256()
    for path in phrase_files(folder):
        lines = [line for line in path.read_bytes().splitlines() if line.strip() and not line.startswith(b"#")]
        if all(line.startswith(b"[") for line in lines):
            continue  # A language that is only begun teaches nothing yet.
        digest.update(b"\n".join([f"{path.parent.name}/{path.name}".encode(), *lines, b""]))
    return digest.hexdigest()


# ── what may come of it ──────────────────────────────────────────────────────────────────────────

_CODE_LIKE = re.compile(
    r"://|www\.|[^\s@]@[^\s@]|(?<![a-z0-9])(?=[a-z-]{0,30}[0-9])[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){4,}", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done about a message that no word explains.

    once: the topic that is shown at once. sure: the topic, one of ACTS, that the customer is asked about.
    topics: all of them for chips, the likeliest first.
    """

    once: str | None
    sure: str | None
    topics: tuple[str, ...]


def decide(reading: Reading, ranking: Ranking) -> Decision:
    """What may be done about a message that sounds like this."""
    topics = tuple(topic for topic, _ in ranking.topics)
    (first, likely), (_, next_likely) = ranking.topics[:2]
    clear = (
        likely - next_likely >= AHEAD
        and ranking.unknown <= UNKNOWN
        and ranking.size <= LONGEST
        and not _CODE_LIKE.search(reading.typed)
    )
    if not clear:
        return Decision(None, None, topics)
    needed = AMONG_FRIENDS if first in ("thanks", "greeting") else AT_ONCE
    if likely < (max(needed, NEGATED) if reading.negates else needed):
        return Decision(None, None, topics)
    return Decision(None, first, topics) if first in ACTS else Decision(first, None, topics)
