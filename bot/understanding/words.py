"""Words people type: every intent's words in every language, from the catalogues, alone or in the frame of a wish."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from bot.errors import ConfigurationError
from bot.i18n import N_, Translator
from bot.understanding.codes import ANNOUNCEMENTS, EVERY, HANDING_OVER, REVOKING, CodeReader
from bot.understanding.frames import AT_MOST, Words, by_first, made_of, reached, steps
from bot.understanding.personal import OTHER_NUMBERS, SECRETS
from bot.understanding.reading import (
    ASKING,
    PICTURED_NO,
    PICTURED_YES,
    REDEEMING,
    Reader,
    Reading,
    alike,
    fold,
    listed,
)
from bot.understanding.recogniser import FOR_LATER
from bot.understanding.slips import Slips

# Translators: a list of words, as many as you can think of: what may stand before the name of a thing that is wanted
BEFORE = N_("i want to see, where is, my")
# Translators: a list of words, as many as you can think of: what may stand behind the name of a thing that is wanted
AFTER = N_("please, do i have, list")
# Translators: a list of words, as many as you can think of: what may stand beside a wish that is said plainly, so that
# Translators: it is done at once (unsubscribing, calling a person); nothing that asks, doubts or tells
PLAINLY = N_("please, i want to, now")
# Translators: a list of words, as many as you can think of: that say yes
YES = N_("yes, sure, go ahead")
# Translators: a list of words, as many as you can think of: that say no
NO = N_("no, not now, no need")
# Translators: a list of words, as many as you can think of: what may stand beside a yes or a no and changes nothing
FILLERS = N_("i, it, really")


class Lexicon:
    """What a whole message means by its words. Never a part of it: "我想取消訂位" is no unsubscription."""

    def __init__(self, intents: Mapping[str, str], languages: Iterable[Translator]) -> None:
        """`intents`: name → comma-separated words (a msgid). Raises ConfigurationError on a clash."""
        spoken = list(languages)
        self.reader = Reader(spoken)
        self._intents: dict[str, str] = {}
        self._words: dict[str, list[str]] = {}
        self._openings: dict[str, Words] = {}
        self._plain: dict[str, tuple[Words, set[str]]] = {}
        for name, words in intents.items():
            for translate in spoken:
                for word in listed(translate(words)) if words else ():
                    other = self._intents.setdefault(word, name)
                    if other != name:
                        raise ConfigurationError(
                            f"The word {word!r} would mean both {other!r} and {name!r} ({translate.tag})"
                        )
                    self._words.setdefault(name, []).append(word)
        before, after, courtesies = self.reader.every(BEFORE), self.reader.every(AFTER), self.reader.courtesies
        self._frames = [*before, *after, *courtesies]
        self._before = by_first(before)
        self._after = by_first(word[::-1] for word in (*after, *courtesies))
        # A particle that asks is no courtesy of a yes: 好嗎.
        fillers = {*self.reader.every(FILLERS), *courtesies} - set(self.reader.every(ASKING))
        yes, no = set(self.reader.every(YES)), set(self.reader.every(NO))
        self._yes = by_first(yes | fillers)
        self._no = by_first(no | yes | fillers)
        self._says_yes, self._says_no = yes, no

    def read(self, text: str) -> Reading:
        """A message, read with the signs of all languages."""
        return self.reader.read(text)

    def intent(self, text: str) -> str | None:
        """The intent whose word this is, exactly, apart from courtesies."""
        folded = fold(text)
        return self._intents.get(folded) or self._intents.get(self.reader.core(folded))

    def whole(self, reading: Reading) -> str | None:
        """The intent that a whole message is: one of its words, alone or between frames of a wish.

        A slip of the finger in a longer Latin word is forgiven where nothing else can be meant: `vuochers`.
        """
        text = reading.text
        if found := self._intents.get(text) or self._intents.get(reading.core):
            return found
        if not text or len(text) > AT_MOST:
            return None
        if found := self._framed(text):
            return found
        meant = self._slips.mended(text)
        return self._intents.get(meant) or self._framed(meant) if meant != text else None

    def _framed(self, text: str) -> str | None:
        """The intent whose word stands between frames of a wish, with nothing left over."""
        starts = reached(text, self._before)
        ends = {len(text) - end for end in reached(text[::-1], self._after)}
        best = ""
        for start in starts:
            for end in ends:
                word = text[start:end].strip()
                if len(word) > len(best) and word in self._intents:
                    best = word
        return self._intents.get(best)

    @cached_property
    def _slips(self) -> Slips:
        return Slips(word for words in (*self._intents, *self._frames, *self.reader.words) for word in words.split(" "))

    def plainly(self, reading: Reading, intent: str) -> bool:
        """Whether a message says nothing but an intent's word and that it is wanted, so that it may be done at once."""
        signs = "?" in reading.typed if intent in FOR_LATER else reading.asks or reading.delays
        if signs or reading.doubts:
            return False
        if intent not in self._plain:
            named = self._words.get(intent, [])
            self._plain[intent] = by_first([*named, *self.reader.every(PLAINLY), *self.reader.courtesies]), set(named)
        words, needed = self._plain[intent]
        return made_of(reading.text, words, needed)

    def agrees(self, reading: Reading) -> bool | None:
        """Whether a message says yes (True) or no (False), in any of the usual forms and nothing else; else None."""
        text = reading.text
        if not text:
            yes, no = (any(each in reading.emoji for each in pictures) for pictures in (PICTURED_YES, PICTURED_NO))
            return None if yes == no else yes
        if made_of(text, self._no, self._says_no):
            return False
        unsure = reading.asks or reading.doubts or reading.delays or "?" in reading.typed
        return True if not unsure and made_of(text, self._yes, self._says_yes) else None

    def means_all(self, reading: Reading) -> bool:
        """Whether a message says that all of several are meant, and nothing else."""
        return reading.plain and made_of(reading.text, *self._all)

    @cached_property
    def _all(self) -> tuple[Words, set[str]]:
        """What `means_all` may consist of, and what must be in it."""
        reader = self.reader
        words = reader.every(EVERY)
        beside = [*reader.every(BEFORE), *reader.every(FILLERS), *reader.courtesies]
        return by_first([*words, *beside]), set(words)

    def after(self, reading: Reading, intent: str) -> str | None:
        """What follows a word for an intent at the beginning of a message, as it was typed; None when nothing does."""
        said = alike(reading.typed)
        if intent not in self._openings:
            self._openings[intent] = by_first(self._words.get(intent, ()))
        for start in sorted(reached(said, self._before)):
            for end, _ in steps(said, start, self._openings[intent]):
                if rest := reading.typed[end:].strip():
                    return rest
        return None

    def words(self, intent: str) -> list[str]:
        """An intent's words in every language, the longest first."""
        return sorted(set(self._words.get(intent, ())), key=len, reverse=True)

    @cached_property
    def codes(self) -> CodeReader:
        """Finds redemption codes, with the words of all intents as what is no code."""
        frames = self._frames
        everything = [
            *self._intents,
            *frames,
            *self.reader.words,
            *self.reader.every(FILLERS),
            *self.reader.every(YES),
            *self.reader.every(NO),
            *self.reader.every(EVERY),
            *self.reader.every(HANDING_OVER),
        ]
        labels = self.reader.every(OTHER_NUMBERS)
        known = {part for word in (*everything, *labels) for part in word.split() if part.isascii()}
        keywords = [*self.words("redeem"), *self.reader.every(ANNOUNCEMENTS)]
        courteous = [*keywords, *self.reader.courtesies, *self.words("greeting"), *self.words("thanks")]
        return CodeReader(
            keywords=keywords,
            labels=labels,
            secrets=self.reader.every(SECRETS),
            revoking=self.reader.every(REVOKING),
            known=known,
            ordinary=[
                word for word in (*everything, *labels) if not word.isascii() and (len(word) > 1 or word in _PRONOUNS)
            ],
            every=self.reader.every(EVERY),
            harmless=by_first(
                [*frames, *keywords, *self.reader.every(FILLERS), *self.words("greeting"), *self.words("thanks")]
            ),
            courteous=by_first(courteous),
            plainly=by_first(
                [
                    *courteous,
                    *self.reader.every(HANDING_OVER),
                    *self.reader.every(REDEEMING),
                    *self.reader.every(EVERY),
                ]
            ),
            courtesies=self.reader.courtesies,
        )


_PRONOUNS = frozenset("我你他她這那哪誰")
