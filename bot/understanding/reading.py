"""Reading: what an incoming text means to say. Pure.

Everything that reads text reads a `Reading`: words, yes and no, codes, link codes, catalogue search, staff references.
So what one of them forgives, all of them forgive. The steps are told in docs/understanding.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import regex

from bot.i18n import N_, Translator
from bot.understanding.variants import VARIANTS

READ_AT_MOST = 500  # Nobody types a command or a code longer than this; a pasted novel is not parsed.

# ── what is typed ────────────────────────────────────────────────────────────────────────────────

# A picture, with all that is joined to it: skin, variation, keycap, the letters of a flag, the tags of a region.
_EMOJI = regex.compile(
    r"(?:[\p{Extended_Pictographic}\p{Regional_Indicator}--[\u00a9\u00ae\u2122\u2139\u203c\u2049]]"
    r"[\p{Emoji_Modifier}\ufe0f\u20e3\u200d\U000E0020-\U000E007F]*)+",
    regex.VERSION1,
)
_KANA_AND_HANGUL_DASHES = "−ー"  # Keyboards of East Asia write them where a hyphen is meant.

_BESIDE = r"[A-Za-z0-9_&+@%=/#~-]"  # what makes a smiley of letters a part of something longer
_SMILEY = re.compile(
    rf"(?<!{_BESIDE})(?:"
    r"[Qq]{2,}|Q[Aa]Q|[QqTt][Ww_.][QqTt]|T{2,}|TAT|[Xx]D+|orz|OTZ|[oO0][._][oO0]|=[_wWv.]=|\^[_.]?\^|>[_./]*<|-_-+"
    r"|[:;][-o'^]?[)(DPpOo3/\\|]+|<3+"
    rf")(?!{_BESIDE})"
)
_FELT = re.compile(r"\((?:笑|哭|汗|誤|羞|怒|驚|淚|喜|樂|大笑|大哭|苦笑|泣|爆)\)")
_KAOMOJI = re.compile(r"[ヽヾ╮┐╰∑\\ᕙᕦ]?\((?![^()\n]*[A-Za-z0-9]{2})[^()\n\u3400-\u9fff]{2,16}\)[و✧♪ノﾉ╯╭┌ゞヾ/ᕗᕤ*~]*")
_LIST_MARK = re.compile(r"(?m)^ *(?:[•·▪◦‧*>#]+ *|\(?[0-9]{1,2}[)、.] *(?![0-9]))(?=[^\s])")


_CUT_THROUGH = re.compile(r"[^\s。，！？]+\Z")


class _Visible(dict[int, str | None]):
    """What each character is typed for; filled as characters are met."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Pd" or character in _KANA_AND_HANGUL_DASHES:
            shown: str | None = "-"
        elif character in "\r\n\u2028\u2029":
            shown = "\n"
        elif character.isspace():
            shown = " "
        elif category in ("Cf", "Cc", "Cs", "Co", "Cn") or _selects(code):
            shown = None
        else:
            shown = character
        if code < 0x10000:  # Hostile texts could else fill the memory with characters that nobody writes.
            self[code] = shown
        return shown


def _selects(code: int) -> bool:
    """Whether a character only chooses how the one before it is drawn."""
    return 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF or code == 0x20E3


_VISIBLE = _Visible()


def visible(text: str, *, smileys: bool = False) -> str:
    """A text as it was typed, without what is no content: width, invisible characters, emoji, smileys and list marks.

    Case, punctuation and line ends stay; all dashes are `-`, all blanks are one. At most READ_AT_MOST characters, and
    no piece of what stood at that edge. smileys: they stay where they are typed in signs of a keyboard, `QQ` and `:)`.
    """
    text = _shortened(text)
    if not text.isascii():
        # An accent typed for an apostrophe would become a blank.
        text = unicodedata.normalize("NFKC", _EMOJI.sub(" ", text.replace("´", "'")))
    text = text.translate(_VISIBLE)
    if "(" in text:
        text = _KAOMOJI.sub(" ", _FELT.sub(" ", text))
    text = _LIST_MARK.sub("", text if smileys else _SMILEY.sub(" ", text))
    text = re.sub(r" +", " ", re.sub(r" *\n\s*", "\n", text))
    return _shortened(text).strip()


def _shortened(text: str) -> str:
    """Its beginning, without the word at which it was cut."""
    return text if len(text) <= READ_AT_MOST else _CUT_THROUGH.sub("", text[:READ_AT_MOST])


# ── what is read ─────────────────────────────────────────────────────────────────────────────────

HAN = "\u3400-\u9fff\uf900-\ufaff"
_BLANK_BESIDE_HAN = re.compile(rf"(?<=[{HAN}]) | (?=[{HAN}])")
_NAME = re.compile(r"(?<!\S)@[A-Za-z0-9_.-]+")  # somebody's, typed: no word of it is meant
_DRAWN_OUT = re.compile(r"([a-z])\1{2,}")  # `heyyy`
_SPELLED_OUT = re.compile(r"(?<![^ ])(?:[a-z0-9] ){3,}[a-z0-9](?![^ ])")
# Sounds that are written for words, and words of Hong Kong that have one twin.
_SLIPS = str.maketrans(
    "ㄉㄇㄋㄚㄅㄌㄛㄟㄍㄤㄧ卷捲劵嘅喺咗冇睇搵啲俾畀攞哋佢đ",
    "的嗎呢啊吧了喔欸個安一券券券的在了沒看找些給給拿們他d",
)


class _Letters(dict[int, str | None]):
    """Letters and digits stay, an apostrophe goes (`what's`), everything else parts words."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        if character in "'’‘`´":
            read: str | None = None
        elif character.isalnum() or unicodedata.category(character) in ("Mn", "Mc"):
            plain = unicodedata.normalize("NFD", character)[0]  # Nobody types the accents of another language.
            read = plain if plain.isascii() else character.translate(VARIANTS).translate(_SLIPS)
        else:
            read = " "
        if code < 0x10000:
            self[code] = read
        return read


_LETTERS = _Letters()


def fold(text: str) -> str:
    """What a text says, whoever typed it: small letters, Traditional characters, no punctuation; `?` alone stays."""
    return _folded(visible(text))


def _folded(seen: str) -> str:
    if "@" in seen:
        seen = _NAME.sub(" ", seen)
    text = re.sub(r"\s+", " ", seen.lower().translate(_LETTERS)).strip()
    text = _DRAWN_OUT.sub(r"\1", _SPELLED_OUT.sub(lambda run: run[0].replace(" ", ""), text))
    text = _BLANK_BESIDE_HAN.sub("", text).replace("記錄", "紀錄")
    return text or ("?" if seen in ("?", "??") else "")


# ── what stands beside it ────────────────────────────────────────────────────────────────────────

# The following lists are words in what customers write, with commas between. A msgid is only the list's name: the words
# themselves stand in every catalogue, the English one too. Many are better than few, and none needs to stand for the
# one at its place in another language. Case, punctuation and variants of a character do not matter.
# Translators: a list of words, as many as you can think of: of politeness at the end of a message
COURTESIES = N_("please, thanks, now")
# Translators: a list of words, as many as you can think of: that make a sentence a question about something
QUESTIONS = N_("what, when, is it valid")
# Translators: a list of words, as many as you can think of: that make a question of a sentence which they end
ASKING = N_("right, isnt it")
# Translators: a list of words, as many as you can think of: that say no
NEGATIONS = N_("no, dont, never")
# Translators: a list of words, as many as you can think of: that look like a no and are none
NO_NEGATIONS = N_("no problem, why not")
# Translators: a list of words, as many as you can think of: that put something off
DELAYS = N_("later, next month, hold on")
# Translators: a list of words, as many as you can think of: of somebody who is not sure, or speaks of somebody else
DOUBTS = N_("maybe, not sure, for my friend")
# Translators: a list of words, as many as you can think of: that begin a condition
CONDITIONS = N_("if it, unless, in case")
# Translators: a list of words, as many as you can think of: with which a polite wish begins
WISHES = N_("can i, please, i want")
# Translators: a list of words, as many as you can think of: what is done with a redemption code
REDEEMING = N_("redeem, use, enter")


_LINK = re.compile(r"\S*(?:://|www\.)\S*", re.IGNORECASE)
_CLAUSE_END = re.compile(rf"[。，,！!？?；;…\n]+|\.(?=\s|$)|[~～]+|(?<=[{HAN}]) +| +(?=[{HAN}])")
_AT_LEAST_A_STORY = 12  # letters, or half as many Chinese characters: a clause that is more than a refusal
_CODE = re.compile(r"(?<![A-Za-z0-9])(?=[A-Za-z_&+%@.-]*[0-9])[A-Za-z0-9]+(?:[-_.&+%@]+[A-Za-z0-9]+)*(?![A-Za-z0-9])")


@dataclass(frozen=True, slots=True)
class Reading:
    """One message, read.

    typed: its characters as they were typed, see `visible`; for codes and searches, whose spelling matters.
    text: what it says, see `fold`.
    core: the same without courtesies at its end; never empty unless `text` is.
    emoji: the pictures that were cut out of it.
    asks, negates, delays, doubts: signs beside what it wants. They are looked for before courtesies are taken off.
    wishes: it says politely that something be done, so that its question mark is no question.
    questioned: it ends as questions do, polite wishes among them.
    orders: it ends with a plain order to redeem. Whatever speaks against it stands in a story told before.
    shortened: there was more of it than is read.
    """

    typed: str
    text: str
    core: str
    emoji: str = ""
    asks: bool = False
    negates: bool = False
    delays: bool = False
    doubts: bool = False
    wishes: bool = False
    questioned: bool = False
    orders: bool = False
    shortened: bool = False

    @property
    def plain(self) -> bool:
        """Whether nothing in the message speaks against doing at once what it names."""
        return not (self.asks or self.negates or self.delays or self.doubts or self.shortened)


def split_list(text: str) -> list[str]:
    """The parts of a list as they are written, with commas of whichever language between them."""
    return re.split("[、,，]", text)


@cache
def listed(words: str) -> tuple[str, ...]:
    """The words of a list in a catalogue, as they are read. `my (mum|dad) says` stands for two of them."""
    spelled = (each for word in split_list(words) for each in _spelled(word))
    return tuple(dict.fromkeys(filter(None, map(fold, spelled))))


_CHOICE = re.compile(r"\(([^()]*)\)")


def _spelled(word: str) -> Iterator[str]:
    """A word of a list with each of its choices."""
    choice = _CHOICE.search(word)
    if choice is None:
        yield word
        return
    for chosen in choice[1].split("|"):
        yield from _spelled(word[: choice.start()] + chosen + word[choice.end() :])


_SMALL = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_ALIKE = _SMALL | _SLIPS | {code: chr(read).translate(_SLIPS) for code, read in VARIANTS.items()}


def alike(text: str) -> str:
    """A text with each character as it is read, at its place: for finding where a word stands in what was typed."""
    return text.translate(_ALIKE)


PICTURED_YES, PICTURED_NO, PICTURED_DOUBT = "👍👌🙆✅💯🆗⭕🙋", "👎🙅❌🚫✖⛔", "🤔🤷❓❔⁉"
"""Pictures that say yes or no, or that somebody does not know."""


def finder(words: Iterable[str]) -> re.Pattern[str]:
    """Finds the longest of some folded words; Latin ones only as whole words, whatever stands between their parts.

    The words become a tree of their characters: an alternation of a thousand words is tried word by word at each place.
    """
    tree: _Tree = {}
    for word in words:
        branch = tree
        for character in f"\b{word}" if word[0].isascii() else word:
            branch = branch.setdefault(character, {})
        branch[_END if not word[-1].isascii() else _LATIN_END] = {}
    return re.compile(_written(tree) or r"(?!)")


_LATIN_RUN = re.compile("[a-z0-9]+")


def _is_edge(said: str, end: int) -> bool:
    """Whether a word that ends here is no beginning of a longer one in Latin letters."""
    pair = said[end - 1 : end + 1]
    return not (len(pair) == 2 and pair.isascii() and pair.isalnum())


_AGAINST = frozenset({"asks", "negates", "delays", "doubts", "conditions"})
_Tree = dict[str, "_Tree"]
_END, _LATIN_END = "", "$"
_WRITTEN_AS = {"\b": "(?<![A-Za-z0-9])", _LATIN_END: "(?![A-Za-z0-9])", _END: "", " ": "[ .'-]{1,2}"}


def _written(tree: _Tree) -> str:
    # What goes on comes before what ends, so that the longest is found.
    order = sorted(tree, key=lambda character: character in (_END, _LATIN_END))
    parts = [_WRITTEN_AS.get(character, re.escape(character)) + _written(tree[character]) for character in order]
    return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})" if parts else ""


class Reader:
    """Reads messages with the signs of every language, whichever one the customer chose."""

    def __init__(self, languages: Iterable[Translator]) -> None:
        self._languages = list(languages)
        self.courtesies = sorted(self.every(COURTESIES), key=len, reverse=True)
        self._signs: dict[str, str] = {}
        # Earlier lists win where a word stands in two of them.
        for sign, msgid in (
            ("asks", QUESTIONS),
            ("delays", DELAYS),
            ("conditions", CONDITIONS),
            ("doubts", DOUBTS),
            ("", NO_NEGATIONS),
            ("negates", NEGATIONS),
            ("wishes", WISHES),
            ("redeems", REDEEMING),
        ):
            for word in self.every(msgid):
                self._signs.setdefault(word, sign)
        self._most_words = max((word.count(" ") + 1 for word in self._signs), default=1)
        self._lengths: dict[str, tuple[int, ...]] = {}
        for word in self._signs:
            if not word.isascii():
                lengths = {len(word), *self._lengths.get(word[0], ())}
                self._lengths[word[0]] = tuple(sorted(lengths, reverse=True))
        asking = self.every(ASKING)
        self._asking = re.compile("(?:" + "|".join(map(re.escape, asking)) + ")$") if asking else re.compile("(?!)")

    def every(self, msgid: str) -> list[str]:
        """The words of a list in all languages, folded."""
        return list(dict.fromkeys(word for translate in self._languages for word in listed(translate(msgid))))

    @property
    def words(self) -> Iterable[str]:
        """Every word that is a sign or a courtesy."""
        return [*self.courtesies, *self._signs]

    def read(self, text: str) -> Reading:
        """A message as it came, without what its platform marks as no text. Never raises."""
        typed = visible(text)
        folded = _folded(typed)
        # The words in a link or a code say nothing: `SAVE-2026`, `WRONG-0001`.
        bare = _CODE.sub(" ", _LINK.sub(" ", typed))
        said = folded if bare == typed else _folded(bare)
        signs, wishes = self._met(said)
        core = self.core(folded)
        questioned = "?" in bare or self._asking.search(said) is not None
        emoji = "" if text.isascii() else "".join(_EMOJI.findall(text[:READ_AT_MOST]))
        pictured_no = any(picture in emoji for picture in PICTURED_NO)
        pictured_doubt = any(picture in emoji for picture in PICTURED_DOUBT)
        return Reading(
            typed=typed,
            text=folded,
            core=core,
            emoji=emoji,
            asks="asks" in signs or (questioned and not wishes),
            negates="negates" in signs or pictured_no,
            shortened=len(text) > READ_AT_MOST,
            delays="delays" in signs,
            doubts=bool(signs & {"doubts", "conditions"}) or pictured_doubt,
            wishes=wishes,
            questioned=questioned,
            orders=wishes
            and bool(signs & _AGAINST)
            and not ("conditions" in signs or pictured_no or pictured_doubt)
            and self._ends_with_order(bare),
        )

    def _met(self, said: str) -> tuple[set[str], bool]:
        """The signs in a folded text, and whether it wishes that something be redeemed."""
        met = list(self._signs_in(said))
        signs = {sign for _, sign in met}
        # "Can I use it?" wishes, and so does "use it": the verb with which a message begins.
        return signs, "redeems" in signs and ("wishes" in signs or met[0] == (0, "redeems"))

    def _signs_in(self, said: str) -> Iterator[tuple[int, str]]:
        """Where signs stand in a folded text, and which: from left to right the longest word, Latin ones whole.

        The lists are looked up, word by word: a pattern of all of them takes 5 MB.
        """
        ends = {run.start(): run.end() for run in _LATIN_RUN.finditer(said)}
        at = 0
        while at < len(said):
            possible = [at + length for length in self._lengths.get(said[at], ())]
            if (end := ends.get(at)) is not None:
                whole = [end]
                while len(whole) < self._most_words and said[end : end + 1] == " " and (end := ends.get(end + 1)):
                    whole.append(end)
                possible = sorted((*possible, *whole), reverse=True)
            for end in possible:
                if (sign := self._signs.get(said[at:end])) is not None and _is_edge(said, end):
                    yield at, sign
                    at = end
                    break
            else:
                at = ends.get(at) or at + 1

    def _ends_with_order(self, bare: str) -> bool:
        """Whether a clause orders to redeem, and only a story before it has words that would speak against that.

        A short clause, "don't" or 「先不要」, is no story: then nothing is certain.
        """
        orders = False
        for clause in _CLAUSE_END.split(bare):
            said = _folded(clause)
            signs, wishes = self._met(said)
            if signs & _AGAINST or self._asking.search(said) is not None:
                if orders or sum(1 if letter.isascii() else 2 for letter in said) < _AT_LEAST_A_STORY:
                    return False
            elif wishes:
                orders = True
        return orders

    def politely_cut(self, typed: str) -> str:
        """What was typed without a courtesy at its end that stands apart: `星巴克，謝謝`, not `Beauty`."""
        cut = typed.strip(" 。，,.!！?？「」")
        for courtesy in self.courtesies:
            rest = cut[: -len(courtesy)]
            if len(courtesy) > 1 and cut.casefold().endswith(courtesy) and rest.endswith((" ", "，", ",", "。")):
                return rest.rstrip(" ，,。.")
        return cut

    def core(self, folded: str) -> str:
        """A folded text without courtesies at its end; itself when it is nothing else."""
        rest = folded
        while True:
            for courtesy in self.courtesies:
                if rest.endswith(courtesy) and len(rest) > len(courtesy):
                    shorter = rest[: -len(courtesy)]
                    if courtesy[0].isascii() and shorter[-1].isascii() and shorter[-1].isalnum():
                        continue  # The end of another word.
                    rest = shorter.rstrip()
                    break
            else:
                return rest
