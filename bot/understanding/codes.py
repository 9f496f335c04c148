"""Reading redemption codes out of what people type: the whole of a code, or nothing. Pure.

A piece that is cut out of a longer run is never a code: `SUMMER_2026` is not `SUMMER`. What a message labels as
something else, and numbers that are nobody else's business, are never found here, see `bot.understanding.personal`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from bot.i18n import N_
from bot.understanding.frames import Words, made_of
from bot.understanding.personal import is_invoice, is_private, without_private
from bot.understanding.reading import HAN, Reading, alike, finder, fold
from bot.understanding.recogniser import CODE

LONGEST = 64
MOST_LOOK_UPS = 4  # for one message, whatever stands in it
MOST_ANNOUNCERS = 8  # Nobody announces more codes in one message.

# Translators: a list of words, as many as you can think of: that announce a redemption code
ANNOUNCEMENTS = N_("coupon code, discount code")
# Translators: a list of words, as many as you can think of: for all of several codes
EVERY = N_("both, all of them")
# Translators: a list of words, as many as you can think of: what may stand beside a code that is simply handed over
HANDING_OVER = N_("here is my code, i got, please")
# Translators: a list of words, as many as you can think of: that take back what was done with a code
REVOKING = N_("cancel, undo")

# Whatever stands between two of these is one run, and a code is a whole run.
_EDGES = r"\s。，、！!,?？:：;；…‥「」『』【】〔〕()\[\]{}<>《》〈〉\"“”‘’'`*|^$\\•·"
_RUN = re.compile(rf"[^{_EDGES}{HAN}]+")
_TRIMMED = "-.~#="  # at the edges of a run they are decoration or punctuation
_LETTERS_ALONE = re.compile(r"[A-Za-z0-9]+(?:[-_.][A-Za-z0-9]+)*")
_SPECIAL = re.compile(r"[A-Za-z0-9]+(?:[&+%@_.][A-Za-z0-9]+)+")
_SPACED_SIGN = re.compile(r"(?<=[A-Za-z0-9]) ([&+%@]) (?=[A-Za-z0-9])")
_QUOTED = re.compile(r"[「『“\"‘]([^「」『』“”\"‘’\n]{4,64})[」』”\"’]")
_LOWER_AND_SMALL = re.compile(r"[A-Z]?[a-z]+[0-9]|[A-Z][a-z]+-[0-9]{1,3}")  # `Switch2`: a name with its number
_ADDRESS = re.compile(
    r"\S*(?:://|www\.)\S*|[^\s@]+@[^\s@]+\.[^\s@]+|\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|tw|net|org|io|me|app|gl|ly|cc|hk|cn)(?:/\S*)?",
    re.IGNORECASE,
)
_IN_ADDRESS = re.compile(
    r"(?:(?:code|promo|coupon|voucher|redeem|gift|serial)[a-z_]*|[?&/]c)[=/:]([A-Za-z0-9][A-Za-z0-9_-]{3,31})(?![A-Za-z0-9_-])"
    r"|[=/]((?=[A-Z-]*[0-9])[A-Z0-9]{3,}(?:-[A-Z0-9]{3,})+)(?![A-Za-z0-9_-])",
    re.IGNORECASE,
)
_MAY_HOLD_ONE = re.compile(r"[0-9&+%@_]")  # What has none of these is no code that nobody announced.
_GAP = re.compile("[ .'-]+")
_DASHES = re.compile(r"([A-Za-z0-9]++)( *-++ *+\n?-*+ *+)(?=([A-Za-z0-9]++))")
_CONNECTOR = re.compile(
    r"(?:[\s.:：=>→,，#!！\"“”「」『』【】()\[\]'`*-]|[是為为喔哦呢吧啊嗎]|這組|這個|這張|一組|一下|號碼|碼|(?:is|code|codes|this|the|my|number|no|it|are|here|a|one)\b(?=[\s:：]|\.(?![A-Za-z0-9])|$))*",
    re.IGNORECASE,
)
_NO_CODE = re.compile(
    r"(?:[RCAJ]-[0-9A-Z]{4,8}"  # our own references
    r"|(?:NT|NTD|TWD|USD|HKD|RMB|VND|JPY|US|HK)\$?[0-9.]+"  # money
    r"|[0-9.]+(?:ST|ND|RD|TH|AM|PM|NT|TWD|USD|VND|HKD|ML|KG|CM|MM|GB|TB|MB|OFF|HRS?|MINS?|DAYS?|PCS|PTS|POINTS|PM|INCH|KM)"
    r"|[0-9]{1,4}[-.][0-9]{1,2}[-.][0-9]{1,4}(?:T[0-9]+)?"  # dates
    r"|[0-9]{1,2}(?:[AP]M)?-[0-9]{1,2}(?:[AP]M)?|[0-9]{1,2}-[A-Z]{3,}"  # times, `24-hour`
    r"|[0-9]{1,2}(?:JAN|FEB|MAR|APR|MAY|JUNE?|JULY?|AUG|SEPT?|OCT|NOV|DEC)[A-Z]*[0-9]{0,4}"
    r"|(?:IPHONE|IPAD|GALAXY|PIXEL|WINDOWS|WIN|COVID|ANDROID|IOS|PS|MP|HTML|RTX|GTX|USB|TYPE|PYTHON|OFFICE)-?[0-9]{1,4}(?:PRO|PLUS|MAX|ULTRA|MINI|[A-Z+]){0,2})",
    re.IGNORECASE,
)
_SEPARATORS = str.maketrans("_.", "--")
_TWINS = str.maketrans(
    "АВЕКМНОРСТУХІЈЅԚԜаеорсухіјѕԛԝкмтвнΑΒΕΖΗΙΚΜΝΟΡΤΥΧαοινρκτ",
    "ABEKMHOPCTYXIJSQWaeopcyxijsqwkmtbhABEZHIKMNOPTYXaoivpkt",
)
_CONFUSED = str.maketrans("OIL", "011")
_CONFUSED_BACK = str.maketrans("01", "OI")
_LONE_DIGIT = re.compile(r"(?<=[A-Z])[01](?=[A-Z])")
_LONE_LETTER = re.compile(r"(?<=[0-9])[OIL](?=[0-9]|\b)|(?<=[A-Z])[OIL](?=[0-9])|\b[OIL](?=[0-9])")


@dataclass(frozen=True, slots=True)
class Found:
    """Possible codes in a message, in order.

    deliberate: the customer said it is a code (a keyword, the brand's pattern, the answer to our question), so that a
    wrong one is an attempt. Else it may be small talk that merely looks like a code.
    whole: the message is this code and nothing else, so that it wants an answer even when there is none of that name.
    certain: nothing in the message speaks against redeeming; else the customer is asked before anything is looked up.
    around: what is said beside the codes, folded, with CODE where they stood; "" when that changes nothing. Unless it
    surely wants them redeemed, the customer is asked when there is such a code.
    every: it says that all of them are wanted.
    private: something was left out that is nobody else's business.
    """

    codes: tuple[str, ...] = ()
    deliberate: bool = False
    whole: bool = False
    certain: bool = True
    around: str = ""
    every: bool = False
    private: bool = False


@dataclass(frozen=True)
class CodeReader:
    """Finds codes, with the words of every language.

    keywords: words that announce a code. labels: words that say a number is something else; secrets: those before what
    is nobody's business. revoking: words that take a code back. known: ordinary words, in small letters, which are no
    codes. ordinary: words by which a line is known to be a sentence. every: words for all of several. harmless:
    what may stand beside a possible code. courteous: what changes nothing beside one. plainly: what changes nothing
    where nothing is asked. courtesies: what may follow it.
    """

    keywords: Sequence[str]
    labels: Sequence[str]
    secrets: Sequence[str]
    revoking: Sequence[str]
    known: Collection[str]
    ordinary: Sequence[str]
    every: Sequence[str]
    harmless: Words
    courteous: Words
    plainly: Words
    courtesies: Sequence[str]

    def find(self, reading: Reading, pattern: re.Pattern[str] | None = None, *, prompted: bool = False) -> Found:
        """The codes in a message. pattern: the brand's own, which decides first. prompted: we asked for a code."""
        if not (prompted or pattern or _MAY_HOLD_ONE.search(reading.typed) or self._announcer.search(reading.text)):
            return Found()
        typed = _with_dashes(reading.typed, self.known)
        bare = _ADDRESS.sub("\n", typed)
        text = without_private(bare)
        runs = [_Run(*found) for found in _runs(text)]
        spoken = not reading.plain and (not reading.orders or reading.shortened)
        against = spoken or self._takes_back.search(reading.text) is not None
        if pattern is not None and (matching := _matching(runs, text, pattern)):
            around = self._around(reading, text, runs, matching)
            whole = _is_all(matching, reading)
            return Found(matching, deliberate=True, whole=whole, certain=not against, around=around)
        announcers = list(self._announcers(text))
        keyword = any(kind == "keyword" for *_, kind in announcers)
        wanted = keyword or reading.wishes
        connected, deliberate = True, True
        codes = self._announced(text, announcers, prompted=prompted, sure=not against)
        if not codes and wanted and not self._secret(announcers):
            codes = tuple(code for match in _QUOTED.finditer(text) for code in self._whole_line(match[1]))
        if codes:
            codes += self._further(codes, text, runs, announcers)
        else:
            codes, connected = self._bare(reading, text, runs, announcers, wanted=wanted, against=against)
            deliberate = prompted or (keyword and connected)
        codes = tuple({canonical(code): code for code in reversed(codes)}.values())[::-1]
        allowed = tuple(code for code in codes if not is_private(code))
        if not allowed:
            if (linked := _linked(typed)) is not None:
                return Found((linked,), deliberate=True, certain=False)
            return Found(private=len(codes) > 0 or text != bare or "@" in typed or self._secret(announcers))
        return Found(
            allowed,
            deliberate=deliberate,
            whole=_is_all(allowed, reading) and _looks_like_code(canonical(allowed[0])) and not _few(allowed[0]),
            every=self._all.search(reading.text) is not None,
            certain=connected and not against,
            around=self._around(reading, text, runs, codes),
            private=len(allowed) < len(codes) or text != bare,
        )

    def _bare(
        self,
        reading: Reading,
        text: str,
        runs: Sequence[_Run],
        announcers: Sequence[tuple[int, int, str]],
        *,
        wanted: bool,
        against: bool,
    ) -> tuple[tuple[str, ...], bool]:
        """What looks like codes without a word right before it, and whether no word for something else is near."""
        likely = [run for run in runs if _looks_like_code(run.code) or _is_special(run.code, wanted=wanted or against)]
        if against and not wanted:
            likely = [run for run in likely if not _LOWER_AND_SMALL.fullmatch(run.code)]
        labels = [self._label(run, text, announcers) for run in likely]
        codes = tuple(
            run.code for run, label in zip(likely, labels, strict=True) if label != "named" and not is_invoice(run.code)
        )
        if not likely and all(kind == "keyword" for *_, kind in announcers):
            codes = _specials(text, self.harmless) or _spaced(text, self.known, self.harmless, wanted=wanted)
        return codes, not any(labels)

    def _further(
        self, codes: Sequence[str], text: str, runs: Sequence[_Run], announcers: Sequence[tuple[int, int, str]]
    ) -> tuple[str, ...]:
        """What looks like codes beside those that were announced: "redeem AAA111 and BBB222"."""
        return tuple(
            run.code
            for run in runs
            if _looks_like_code(run.code)
            and not any(run.code in code for code in codes)
            and not self._label(run, text, announcers)
            and not is_invoice(run.code)
        )

    def _around(self, reading: Reading, text: str, runs: Sequence[_Run], codes: Sequence[str]) -> str:
        """What a message says beside its codes, with CODE where they stood; "" when that changes nothing."""
        rest, pieces = text, {piece for code in codes for piece in code.split(" ")}
        for run in reversed(runs):
            if run.code in pieces:
                rest = f"{rest[: run.start]} {CODE} {rest[run.end :]}"
        for code in codes:  # of several words, or in letters that are no run, or with blanks between all letters
            rest = re.sub(" *".join(map(re.escape, code.replace(" ", ""))), f" {CODE} ", rest)
        folded = re.sub(rf"{CODE}(?: {CODE})+", CODE, fold(rest))
        nothing = self.courteous if reading.questioned else self.plainly
        return "" if _says_nothing(folded.replace(CODE, " "), nothing) else folded

    def _secret(self, announcers: Iterable[tuple[int, int, str]]) -> bool:
        return any(kind == "secret" for *_, kind in announcers)

    @cached_property
    def _kinds(self) -> dict[str, str]:
        """Words that say what a number beside them is."""
        kinds = dict.fromkeys(self.keywords, "keyword") | dict.fromkeys(self.labels, "label")
        return kinds | dict.fromkeys(self.secrets, "secret")

    @cached_property
    def _announcer(self) -> re.Pattern[str]:
        return finder(self._kinds)

    @cached_property
    def _takes_back(self) -> re.Pattern[str]:
        return finder(self.revoking)

    @cached_property
    def _all(self) -> re.Pattern[str]:
        return finder(self.every)

    @cached_property
    def _sentence(self) -> re.Pattern[str]:
        return finder(self.ordinary)

    def _announcers(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Where words stand that say what a number beside them is: (start, end, kind), in order."""
        for match in self._announcer.finditer(alike(text)):
            yield match.start(), match.end(), self._kinds[_GAP.sub(" ", match[0])]

    def _label(self, run: _Run, text: str, announcers: Iterable[tuple[int, int, str]]) -> str:
        """What a message calls a run: "named" as something else, "near" a word for something else, or ""."""
        if self._named_behind(run.end, text, announcers):
            return "named"
        before = [a for a in announcers if a[1] <= run.start]
        if not before:
            return ""
        _, end, kind = before[-1]
        if kind != "keyword" and _CONNECTOR.fullmatch(text[end : run.start]):
            return "named"
        if kind == "keyword" or _CLAUSE.search(text, end, run.start):
            return ""
        return "named" if kind == "secret" else "near"

    def _named_behind(self, end: int, text: str, announcers: Iterable[tuple[int, int, str]]) -> bool:
        """Whether a code is called something else behind it: `AB12CD34 是我的訂單編號`, `Hunter2026 (密碼)`."""
        for start, _, kind in announcers:
            if kind != "keyword" and start >= end and _IS_MY.fullmatch(text[end:start]):
                return True
        return False

    def _announced(
        self, text: str, announcers: Sequence[tuple[int, int, str]], *, prompted: bool, sure: bool
    ) -> tuple[str, ...]:
        """The code, or codes, that a keyword announces, or that answer our question."""
        for number, (start, end, kind) in enumerate(announcers[:MOST_ANNOUNCERS]):
            if kind != "keyword":
                continue
            connector = _CONNECTOR.match(text, end)
            begins = connector.end() if connector else end
            line_end = text.find("\n", begins)
            line_end = len(text) if line_end < 0 else line_end
            stop = announcers[number + 1][0] if number + 1 < len(announcers) else line_end
            if stop < begins or (stop == begins and stop < line_end):
                continue  # The next word announces what follows.
            line_start = text.rfind("\n", 0, start) + 1
            leads = not self._ordinary_left(text[line_start:start])
            line = text[begins:line_end]
            found = self._run_of_words(line, leads=leads, prompted=prompted)
            apart = begins > end or any(ch.isdigit() for ch in line)  # 兌換端午2026, but not 兌換紀錄
            if not found and sure and (leads or prompted) and apart:
                found = self._whole_line(line)
            if found and not self._named_behind(begins + len(found[0]), text, announcers):
                return found
        if not prompted or any(kind != "keyword" for *_, kind in announcers):
            return ()
        for line in text.split("\n"):
            begins = connector.end() if (connector := _CONNECTOR.match(line)) else 0
            found = self._run_of_words(line[begins:], leads=True, prompted=True)
            if not found and sure:
                found = self._whole_line(line)
            if found:
                return found
        return ()

    def _ordinary_left(self, before: str) -> bool:
        """Whether anything but frames of a wish stands before a keyword."""
        if len(before) > LONGEST:
            return True
        left = fold(before)
        return any(word not in self.known for word in re.findall("[a-z0-9]+", left)) or len(left) > 30

    def _run_of_words(self, rest: str, *, leads: bool, prompted: bool) -> tuple[str, ...]:
        """The code at the beginning of a text: one word, or several that go together."""
        words: list[str] = []
        position, ended = 0, ""
        while match := _RUN.match(rest, position):
            word = match[0].strip(_TRIMMED)
            if not word or not self._goes_on(words, word, prompted=prompted):
                break
            words.append(_latin(word))
            position = match.end()
            if rest[position : position + 1] != " ":
                break
            position += 1
        ended = fold(rest[position:])
        if not words:
            return ()
        if len(words) > 1 and all(map(_looks_like_code, words)) and not prompted:
            return tuple(words)
        joined = " ".join(words)
        if len(joined) > LONGEST or len(joined) < (6 if joined.isdigit() else 4) or _NO_CODE.fullmatch(joined):
            return ()
        if not any(ch.isdigit() for ch in joined):
            # A word without a digit is a code only where nothing else can be meant.
            goes_on = any(word not in self.known for word in re.findall("[a-z]+", ended))
            if not leads or goes_on or (joined.lower() in self.known) or (ended and not joined.isupper()):
                return ()
        return (joined,)

    def _goes_on(self, words: list[str], word: str, *, prompted: bool) -> bool:
        """Whether a word is the code's beginning, or belongs to what stands before it."""
        plain = re.sub(r"[^a-z0-9]", "", word.lower())
        has_digit = any(ch.isdigit() for ch in word)
        if not words:
            return has_digit or plain not in self.known
        first = words[0]
        if _NO_CODE.fullmatch(word) and has_digit and not word.isdigit():
            return False
        if has_digit:
            return _LETTERS_ALONE.fullmatch(word) is not None and len("".join(words)) + len(word) <= 32
        if plain in self.known:
            return False
        same = len(word) == len(first) and 3 <= len(word) <= 5
        return word.isalnum() and (same or (word.isupper() and first.isupper() and not first.isdigit()))

    def _whole_line(self, line: str) -> tuple[str, ...]:
        """A code in any letters, `咖波生日快樂` or `VIP@2027`: what stands on the line, when it is no sentence."""
        if len(line) > 2 * LONGEST or _COUNTED.match(line):
            return ()
        code = line.strip(f" {_TRIMMED}。，、！!,?？:：「」『』【】()[]\"'“”‘’*`")
        for courtesy in self.courtesies:
            if len(courtesy) > 1 and code.endswith(courtesy) and len(code) > len(courtesy) + 3:
                code = code.removesuffix(courtesy).strip(" ，,。!！~」』")
        if not (3 if re.fullmatch(f"[{HAN}]+", code) else 4) <= len(code) <= LONGEST or re.search(
            r"[。，、！!,?？;；…]", code
        ):
            return ()
        said = fold(code)
        if not said or len(code.split()) > 3 or self._sentence.search(said):
            return ()
        if any(word in self.known for word in re.findall("[a-z]+", said)) or said.isdigit() or _NO_CODE.fullmatch(code):
            return ()
        return (code,)


# ── pieces ───────────────────────────────────────────────────────────────────────────────────────

_CLAUSE = re.compile(r"[\n。，,；;！!？?]")
_IS_MY = re.compile(
    r"\s*[(\[「]\s*|[\s:：]*(?:(?:這|那|就)?是|為|(?:is|was|=))\s*(?:我的|我|你們的|the|my|an?|our)?\s*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Run:
    """A run of characters with edges around it. code: as it is looked up."""

    code: str
    start: int
    end: int


def _runs(text: str) -> Iterator[tuple[str, int, int]]:
    for match in _RUN.finditer(text):
        yield _latin(match[0].strip(_TRIMMED)), match.start(), match.end()


def _latin(run: str) -> str:
    """A run in which Cyrillic or Greek letters stand among Latin ones, all in Latin; others as they are."""
    if run.isascii():
        return run
    twin = run.translate(_TWINS)
    return twin if twin.isascii() else run


def _with_dashes(typed: str, known: Collection[str]) -> str:
    """A text with the parts of one code together: `SUMMER - 7K3M`, `SUMMER--7K3M`, a line break after a dash."""

    def close(match: re.Match[str]) -> str:
        left, gap, right = match[1], match[2], match[3]
        if gap.strip("-") == "":
            return f"{left}-"
        belongs = (
            any(ch.isdigit() for ch in right) or (right.isupper() and left.isupper()) or len(left) == len(right) == 4
        )
        if left.lower() in known or right.lower() in known or not belongs:
            return match[0]
        return f"{left}-"

    return _DASHES.sub(close, typed)


def _matching(runs: Iterable[_Run], text: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
    whole = "-".join(text.split())
    possible = dict.fromkeys([*(run.code for run in runs), whole, whole.translate(_SEPARATORS)])
    return tuple(code for code in possible if pattern.fullmatch(code) or pattern.fullmatch(code.upper()))


def _few(code: str) -> bool:
    """Whether it is a word and its number with a blank between, `room 302`: perhaps talk."""
    parts = code.split(" ")
    return len(parts) == 2 and not code.isupper() and parts[0].isalpha() and len(parts[1]) < 4


def _linked(typed: str) -> str | None:
    """The code that stands in a link."""
    links = " ".join(match[0] for match in _ADDRESS.finditer(typed))
    match = _IN_ADDRESS.search(links)
    return (match[1] or match[2]) if match else None


def _is_all(codes: Sequence[str], reading: Reading) -> bool:
    """Whether the message is one code and nothing else, courtesies aside."""
    return len(codes) == 1 and canonical(fold(codes[0])) == canonical(reading.core)


def parts_of(code: str) -> tuple[str, ...]:
    """What a code may be that does not exist as a whole: the same one twice, or several with blanks between."""
    half = len(code) // 2
    if code[:half].upper() == code[half:].upper() and len(code) % 2 == 0 and half >= 4:
        return (code[:half],)
    words = code.split(" ")
    if len(words) > 1 and all(map(_looks_like_code, words)):
        parts = {canonical(word): word for word in reversed(words)}
        return tuple(reversed(parts.values()))
    return ()


def _looks_like_code(token: str) -> bool:
    return (
        6 <= len(token) <= 32
        and _LETTERS_ALONE.fullmatch(token) is not None
        and any(ch.isdigit() for ch in token)
        and any(ch.isalpha() for ch in token)
        and not _NO_CODE.fullmatch(token)
        and ("." not in token or min(map(len, token.split("."))) >= 3)
    )


_COUNTED = re.compile(r"\s*[0-9]{1,3} ?[張組個份杯次點元塊]")  # 兌換 2 張券
_ON_LINES = re.compile(r"[A-Za-z0-9]{3,8}(?:\n[A-Za-z0-9]{3,8}){1,4}")
_WORDS_APART = re.compile(
    r"(?<![^\s\u3000-\u9fff：:「(])[A-Za-z0-9]+(?: [A-Za-z0-9]+)+(?![^\s\u3000-\u9fff。，！!?？~,.;:)」(])"
)


def _is_special(run: str, *, wanted: bool) -> bool:
    """Whether a run is a code with signs in it, `BUY2+2`, `TEAM&PLAY`, in a message about redeeming."""
    if not (wanted and 6 <= len(run) <= 32 and _SPECIAL.fullmatch(run)) or _NO_CODE.fullmatch(run):
        return False
    return any(map(str.isalpha, run)) and (any(map(str.isdigit, run)) or run.isupper())


def _specials(text: str, harmless: Words) -> tuple[str, ...]:
    """Codes with signs in them that are the whole message, courtesies aside, with blanks around the signs or not."""
    rest = _SPACED_SIGN.sub(r"\1", text)
    found = [match[0].strip(_TRIMMED) for match in _RUN.finditer(rest)]
    codes = [
        code for code in found if 6 <= len(code) <= 32 and _SPECIAL.fullmatch(code) and not _NO_CODE.fullmatch(code)
    ]
    for code in codes:
        rest = rest.replace(code, " ", 1)
    return tuple(codes) if _says_nothing(rest, harmless) else ()


def _spaced(text: str, known: Collection[str], harmless: Words, *, wanted: bool) -> tuple[str, ...]:
    """One code with blanks in it, `abcd 1234 efgh`, `S P R I N G 7 7`: the whole message, or where one is wanted."""
    if _ON_LINES.fullmatch(text) and len({len(part) for part in text.split()}) == 1:
        text = text.replace("\n", " ")
    for match in _WORDS_APART.finditer(text):
        parts = match[0].split(" ")
        while parts and parts[-1].lower() in known:
            parts.pop()
        led = parts[:1]
        while parts and parts[0].lower() in known:
            parts.pop(0)
        joined, apart = "".join(parts), " ".join(parts)
        if len(parts) >= 6 and all(len(part) == 1 for part in parts):
            return (joined,) if _looks_like_code(joined) else ()
        fits = 2 <= len(parts) <= 5 and all(2 <= len(part) <= 12 for part in parts) and _looks_like_code(joined)
        if not fits or _NO_CODE.fullmatch("-".join(parts)) or is_private(apart) or is_invoice(apart):
            continue
        # "code of conduct 2026": a small word behind ordinary ones goes on with their sentence.
        ordinary = any(part.lower() in known for part in parts) or (led != parts[:1] and parts[0].islower())
        if not ordinary and (
            wanted or fold(apart) == fold(text) or _says_nothing(text.replace(apart, " ", 1), harmless)
        ):
            return (apart,)
    return ()


def _says_nothing(rest: str, harmless: Words) -> bool:
    """Whether what is left of a message beside its codes changes nothing."""
    left = fold(rest)
    return not left or made_of(left, harmless)


# ── looking up ───────────────────────────────────────────────────────────────────────────────────


def spellings(code: str, beside: int = 0) -> list[str]:
    """What to look up, in order, at most four: as typed, in capitals, with other separators.

    beside: how many other codes the message has; they share its look-ups.
    """
    found = _spellings(code)
    most = MOST_LOOK_UPS // (1 + beside)
    return found[:most] if most > 1 else [code.upper() if code.isascii() else code]


def _spellings(code: str) -> list[str]:
    upper = code.upper()
    if " " in code:  # People type a blank where the code has a dash.
        bare = upper.replace("-", "").replace(" ", "")
        return list(dict.fromkeys([upper.replace(" ", "-"), bare, code, upper.replace(" ", "_")]))
    if not _LETTERS_ALONE.fullmatch(code):
        return list(dict.fromkeys([code, upper]))
    if "_" in code or "." in code:
        dashed = upper.translate(_SEPARATORS)
        return list(dict.fromkeys([code, upper, dashed, dashed.replace("-", "")]))
    if "-" in code:
        return list(dict.fromkeys([code, upper, upper.replace("-", ""), code.lower()]))[:3]
    # A code typed in one go may be one of PREFIX-XXXX-XXXX, XXXX-XXXX or NAME-2026; or it may be written small.
    if len(code) > 11:
        regrouped = f"{upper[:-8]}-{upper[-8:-4]}-{upper[-4:]}"
    elif match := re.fullmatch(r"([A-Z]{3,})([0-9]{2,})", upper):
        regrouped = f"{match[1]}-{match[2]}"
    else:
        regrouped = f"{upper[:4]}-{upper[4:]}" if len(code) == 8 else upper
    return list(dict.fromkeys([code, upper, regrouped, code.lower()]))[:3]


def mistyped(code: str) -> str:
    """The one other spelling that is worth a question when a code does not exist: O for 0, I and L for 1, or back.

    First what stands out among its neighbours, `WELC0ME`, `SPRINGO77`; else all of them. "" when there is none.
    """
    upper = code.upper().replace(" ", "-")
    better = _LONE_DIGIT.sub(lambda at: at[0].translate(_CONFUSED_BACK), upper)
    better = _LONE_LETTER.sub(lambda at: at[0].translate(_CONFUSED), better)
    if better == upper:
        better = upper.translate(_CONFUSED)
    if better == upper:
        better = upper.translate(_CONFUSED_BACK)
    return better if better != upper and any(ch.isdigit() or ch in "OIL" for ch in upper) else ""


def confusable(code: str) -> bool:
    """Whether a code has letters that are easily taken for digits."""
    return any(letter in "OIL" for letter in code.upper())


def of_our_making(code: str, prefix: str, symbols: int) -> str:
    """A code that our generator made, typed with letters that its alphabet does not have; "" when it is none of them.

    prefix: of the codes that were made, with its dash. symbols: how many follow it.
    """
    upper = code.upper().replace(" ", "-").translate(_SEPARATORS)
    head, bare = prefix.upper().replace("-", ""), upper.replace("-", "")
    if len(bare) != len(head) + symbols or bare[: len(head)].translate(_CONFUSED) != head.translate(_CONFUSED):
        return ""
    made = bare[len(head) :].translate(_CONFUSED)
    groups = [made[at : at + 4] for at in range(0, symbols, 4)]
    return "-".join([head, *groups] if head else groups)


def canonical(code: str) -> str:
    """One form for all spellings of a code: attempts are counted by it."""
    return code.upper().replace("-", "").replace(" ", "")


def guessable(code: str) -> bool:
    """Whether somebody who tries would soon hit it: short, digits alone, a plain word, or hardly any variety."""
    bare = canonical(code)
    return len(bare) < 6 or (bare.isdigit() and len(bare) < 12) or bare.isalpha() or len(set(bare)) < 4


def masked(code: str) -> str:
    """A code as it may be shown again: `WELC••••26`."""
    return f"{code[:4]}••••{code[-2:]}" if len(code) >= 8 else f"{code[:1]}••••"
