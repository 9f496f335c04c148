"""The words of the trail, which is kept in one language, as each reader reads them. What is not known here is shown
as it is kept: whatever was written years ago stays readable."""

from __future__ import annotations

import re

from bot.i18n import N_, Translator
from bot.partners import VENDORS
from bot.services.staffing import ROLE_WORDS, role_word
from handlers.views.staff_vouchers import state_badges

_RESULTS = {
    "done": N_("done"),
    "asked": N_("asked to confirm"),
    "cancelled": N_("cancelled"),
    "refused": N_("refused"),
    "failed": N_("failed"),
    "unknown": N_("nobody knows yet"),
    "exists": N_("exists already"),
    "not found": N_("not found"),
    "waits for a second person": N_("waits for a second person"),
}
_REASONS = {"quota": N_("beyond the quota"), "not enough": N_("not enough points")}
_STATES = {
    "linked": N_("linked"),
    "not linked": N_("not linked"),
    "on": N_("on"),
    "off": N_("off"),
    "none": N_("none"),
    "deleted": N_("deleted"),
    "deleting": N_("Deleting"),
    "running": N_("Running"),
    "stopping": N_("Stopping"),
    "stopped": N_("Stopped"),
    "done": N_("Done"),
    "lowered": N_("lowered"),
    "claimed": N_("claimed"),
    "handed over": N_("handed over"),
    "not handed over": N_("not handed over"),
    "ticket": N_("Ticket"),
    "all well": N_("all well"),
}
# Of what holds a number or a name, each pattern with what it says.
_PATTERNS = (
    (re.compile(r"group #?(?P<group>[0-9]+)"), N_("group #%(group)s")),
    (re.compile(r"group (?:None|-)"), N_("no group")),
    (re.compile(r"group (?P<group>[0-9]+|-), used (?P<used>[0-9]+|None)"), N_("group #%(group)s, used %(used)s")),
    (re.compile(r"reward #(?P<reward>[0-9]+)"), N_("reward #%(reward)s")),
    (re.compile(r"(?P<codes>[0-9]+) codes"), N_("codes: %(codes)s")),
    (re.compile(r"a link to (?P<codes>[0-9]+) codes"), N_("a link; codes: %(codes)s")),
    (re.compile(r"a link to (?P<n>[0-9]+) hand-overs"), N_("a link; hand-overs: %(n)s")),
    (re.compile(r"a file of (?P<codes>[0-9]+) codes"), N_("a file; codes: %(codes)s")),
    (re.compile(r"undone, (?P<points>[0-9]+) points taken back"), N_("undone; points taken back: %(points)s")),
    (re.compile(r"wrong: (?P<parts>.+)", re.DOTALL), N_("wrong: %(parts)s")),
)


def result_text(_: Translator, result: str) -> str:
    """How a command ended: `failed: UpstreamRefused poshen` is `failed: Poshen (UpstreamRefused)`."""
    word, _colon, detail = result.partition(": ")
    if word not in _RESULTS:
        return result
    said = _(_RESULTS[word])
    if not detail:
        return said
    error, _space, vendor = detail.partition(" ")
    if detail in _REASONS:
        detail = _(_REASONS[detail])
    elif vendor in VENDORS:
        detail = f"{VENDORS[vendor].title} ({error})"
    return _("%(result)s: %(detail)s", result=said, detail=detail)


def thing_text(_: Translator, action: str, thing: str) -> str:
    """What a command was about, or how something stood before or after it."""
    if action.startswith("admins") and thing in ROLE_WORDS:
        return role_word(_, thing)
    if action.startswith("issue") and thing in (badges := state_badges(_)):
        return badges[thing].word
    if thing in _STATES:
        return _(_STATES[thing])
    for pattern, said in _PATTERNS:
        if match := pattern.fullmatch(thing):
            return _(said, **match.groupdict()) if match.groupdict() else _(said)
    return thing
