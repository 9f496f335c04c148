"""Words people type: every intent's words in every language, from the catalogues."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from bot.errors import ConfigurationError
from bot.i18n import Translator

READ_AT_MOST = 500  # Nobody types a command or a code longer than this; a pasted novel is not parsed.
_PARTICLES = ("嗎", "呢", "一下")
_TRAILING = "。．.！!？?~～ "


def fold(text: str) -> str:
    """What somebody typed, reduced to what they meant: width, case, edges, politeness."""
    folded = unicodedata.normalize("NFKC", text[:READ_AT_MOST])
    folded = "".join(ch for ch in folded if ch.isspace() or unicodedata.category(ch) not in ("Cf", "Cc"))
    folded = re.sub(r"\s+", " ", folded).strip().lower()
    while True:
        shorter = folded.rstrip(_TRAILING)
        for particle in _PARTICLES:
            shorter = shorter.removesuffix(particle)
        if not shorter or shorter == folded:
            return folded
        folded = shorter


class Lexicon:
    """Finds the intent of a whole message. Never of a part: "我想取消訂位" is no unsubscription."""

    def __init__(self, intents: Mapping[str, str], languages: Iterable[Translator]) -> None:
        """`intents`: name → comma-separated words (a msgid). Raises ConfigurationError on a clash."""
        self._intents: dict[str, str] = {}
        self._words: dict[str, list[str]] = {}
        for name, words in intents.items():
            for translate in languages:
                typed = re.split("[、,，]", translate(words)) if words else []
                for word in filter(None, map(fold, typed)):
                    other = self._intents.setdefault(word, name)
                    if other != name:
                        raise ConfigurationError(
                            f"The word {word!r} would mean both {other!r} and {name!r} ({translate.tag})"
                        )
                    self._words.setdefault(name, []).append(word)

    def intent(self, text: str) -> str | None:
        """The intent whose word this whole message is."""
        return self._intents.get(fold(text))

    def words(self, intent: str) -> list[str]:
        """An intent's words in every language, the longest first."""
        return sorted(set(self._words.get(intent, ())), key=len, reverse=True)
