"""The tiles of the staff's menu: a task each, done with one tap or after one question."""

from __future__ import annotations

from dataclasses import dataclass

from bot.staff import lines

TAP = "staff-"


@dataclass(frozen=True, slots=True)
class StaffTile:
    """One task of the menu.

    name: in its buttons for ever. icon: an emoji, for the card. label: a msgid, at most 10 Chinese or 20 Latin
    characters. command: whose right it takes. line: what a tap runs; with a question, what its answer is written
    behind. question: a msgid, asked first. topic: what the brand must have, see `Brand.offers`. only: the one role
    whose menu has it; "" for all that have the right. beside: (label msgid, line) of buttons under the question. whom:
    it asks for a customer, and the one shown last is a button.
    """

    name: str
    icon: str
    label: str
    command: str
    line: str
    question: str = ""
    topic: str = ""
    only: str = ""
    beside: tuple[tuple[str, str], ...] = ()
    whom: bool = False

    @property
    def tap(self) -> str:
        """The command behind its button. A rich menu's buttons belong to nobody, so anybody may send it."""
        return f"{TAP}{self.name}"

    def line_with(self, answer: str) -> str:
        """The line that the answer to its question makes."""
        return f"{self.line}{lines.quoted(lines.cleaned(answer))}"
