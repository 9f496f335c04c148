"""Errors that teach: what is wrong with a command line, said so that the next try is right."""

from __future__ import annotations

from collections.abc import Iterable

from bot.conversation.actions import Action, escaped
from bot.conversation.messages import Button, Choice, Reply, Text
from bot.errors import (
    ContractError,
    CredentialsRefused,
    OutcomeUnknown,
    RateLimited,
    UpstreamError,
    UpstreamRefused,
)
from bot.i18n import Translator
from bot.partners import partner, refused_settings
from bot.staff.arguments import Keyed, Spec, example, usage
from bot.staff.reading import Meant, Missing, Problem, TooLong, TooMany, Twice, Unknown, UnknownKey, Wrong

LONGEST_LABEL = 20
LONGEST_LINE = 220  # of a line in a button, as it is escaped there; with its signature it must fit a postback


class Run(Action, name="run"):
    """A command line behind a button whose label says what it does: rights are as for typing it, and what may be done
    with one tap is done."""

    line: str


class RunTyped(Action, name="offer"):
    """A command line behind a button whose label is that line, or a piece of it: the same as typing it. Whoever made a
    line for somebody else to send must gain nothing by its being mended."""

    line: str


def run_button(label: str, line: str) -> tuple[Button, ...]:
    """A button that runs `line`; none when the line is too long for one. label: what it does, in words of ours."""
    return _button(label, Run(line=line)) if _fits(line) else ()


def _offered(label: str, line: str) -> tuple[Button, ...]:
    """A button for what somebody perhaps meant; none when the line is too long for one."""
    return _button(label, RunTyped(line=line)) if _fits(line) else ()


def _fits(line: str) -> bool:
    return 0 < len(escaped(line)) <= LONGEST_LINE


def _button(label: str, action: Action) -> tuple[Button, ...]:
    short = label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"
    return (Button(short, action),)


def commands_button(_: Translator, noun: str = "") -> tuple[Button, ...]:
    """A button to the list of commands, or of those with `noun` alone."""
    # Translators: a button: the list of commands
    return run_button(_("Commands"), f"/help {noun}".rstrip())


def explain(_: Translator, problem: Problem) -> Reply:
    """A problem as an answer, with the corrected line as a button."""
    text, buttons = _explained(_, problem)
    return Reply((Text(text),), (*buttons, *commands_button(_)))


def _explained(_: Translator, problem: Problem) -> tuple[str, tuple[Choice, ...]]:
    match problem:
        case TooLong(limit=limit):
            return _("That line is too long: %(limit)s characters at most.", limit=limit), ()
        case Unknown(typed=typed, better=""):
            return _("There's no %(typed)s.", typed=typed), ()
        case Unknown(typed=typed, better=better):
            text = _("There's no %(typed)s — did you mean %(better)s?", typed=typed, better=better)
            return text, _offered(better, better)
        case Meant(lines=(line,)):
            return _("Did you mean %(line)s?", line=line), _offered(line, line)
        case Meant(lines=lines):
            text = "\n".join([_("Which of these do you mean?"), *lines])
            return text, tuple(button for line in lines for button in _offered(line, line))
        case UnknownKey(command=command, model=model, name=name, likely=likely, better=better):
            line = usage(command, model, _)
            if not likely:
                return _("%(name)s is not known here. Usage: %(usage)s", name=name, usage=line), ()
            text = _("%(name)s is not known here — did you mean %(likely)s?", name=name, likely=likely)
            return text, _offered(likely, better)
        case Twice(spec=spec):
            return _("%(name)s was given twice. Once is enough.", name=spec.label), ()
        case TooMany(command=command, model=model, extra=extra, joined=""):
            return _("“%(extra)s” is too much. Usage: %(usage)s", extra=extra, usage=usage(command, model, _)), ()
        case TooMany(spec=spec, joined=joined, better=better):
            assert spec is not None, "what is joined has a place"
            blanks = getattr(spec.marker, "blanks", None)
            if blanks:
                return _(blanks[0], joined=joined), _offered(_(blanks[1], joined=joined), better)
            name = _(spec.marker.about)
            text = _("%(name)s can't have spaces. Did you mean “%(joined)s”?", name=name, joined=joined)
            return text, _offered(joined, better)
        case Missing(command=command, model=model, spec=spec, options=options):
            text = _(
                "%(name)s (%(about)s) is missing. Example: %(example)s",
                name=spec.label,
                about=_(spec.marker.about),
                example=example(command, model, _),
            )
            return text, (*_options(options), *_list_of(_, spec))
        case Wrong():
            return _wrong(_, problem)


def _wrong(_: Translator, problem: Wrong) -> tuple[str, tuple[Choice, ...]]:
    spec, limit = problem.spec, problem.limit
    shown = spec.example(_)
    label = f"{spec.name}={problem.fit}" if isinstance(spec.marker, Keyed) else problem.fit
    listed = _list_of(_, spec)
    mended = listed or _offered(label, problem.better)  # The number nearest to a wrong one is no better number.
    match problem.kind:
        case "empty":
            return _("%(name)s has nothing after it. Example: %(example)s", name=spec.label, example=shown), listed
        case "day":
            return _("Dates are written YYYY-MM-DD, for example %(example)s", example=shown), ()
        case "duration":
            return _("A length of time is written 30m, 24h or 7d, for example %(example)s", example=shown), ()
        case "number":
            text = _(
                "%(name)s takes a whole number, not “%(value)s”. Example: %(example)s",
                name=spec.label,
                value=problem.value,
                example=shown,
            )
            return text, listed
        case "reference":
            text = _(
                "“%(value)s” is no customer. Use C-8F3K2M, a receipt such as R-7F3K9M, or last.", value=problem.value
            )
            return text, ()
        case "choice":
            text = _(
                "%(name)s is one of %(choices)s, not “%(value)s”.",
                name=_(spec.marker.about),
                choices=", ".join(spec.choices),
                value=problem.value,
            )
            return text, (*_options(problem.options), *mended)
        case "too_much":
            if spec.marker.too_much:
                return _(spec.marker.too_much, limit=limit), mended
            return _("%(name)s is at most %(limit)s.", name=_(spec.marker.about), limit=limit), mended
        case "too_little":
            return _("%(name)s is at least %(limit)s.", name=_(spec.marker.about), limit=limit), mended
        case "too_long":
            return _("%(name)s has at most %(limit)s characters.", name=_(spec.marker.about), limit=limit), ()
        case "too_short":
            return _("%(name)s has at least %(limit)s characters.", name=_(spec.marker.about), limit=limit), ()
        case "other" if spec.marker.unfit:
            text = _(spec.marker.unfit, value=problem.value, example=shown)
            return text, (*_options(problem.options), *listed)
        case "other":
            text = _(
                "“%(value)s” does not fit %(name)s. Example: %(example)s",
                value=problem.value,
                name=spec.label,
                example=shown,
            )
            return text, listed


def _options(options: Iterable[tuple[str, str]]) -> tuple[Choice, ...]:
    return tuple(button for value, line in options for button in _offered(value, line))


def _list_of(_: Translator, spec: Spec) -> tuple[Choice, ...]:
    if spec.marker.look_up is None:
        return ()
    label, line = spec.marker.look_up
    return run_button(_(label), line)


def vendor_trouble(_: Translator, error: UpstreamError) -> str:
    """What a vendor's error means for staff, and what to do about it."""
    vendor = partner(error.upstream).title
    match error:
        case CredentialsRefused():
            return _(
                "%(vendor)s no longer accepts our credentials. Renew %(settings)s, then check with /status.",
                vendor=vendor,
                settings=refused_settings(error.upstream, error.detail),
            )
        case OutcomeUnknown():
            return _(
                "%(vendor)s did not answer, so it may or may not have happened. Look before you try again.",
                vendor=vendor,
            )
        case RateLimited():
            return _("%(vendor)s asks us to slow down. Please try again in a minute.", vendor=vendor)
        case UpstreamRefused():
            return _("%(vendor)s replied: %(detail)s", vendor=vendor, detail=error.detail)
        case ContractError():
            return _("%(vendor)s gave an answer we do not understand (%(detail)s).", vendor=vendor, detail=error.detail)
        case _:
            return _("%(vendor)s cannot be reached right now. Nothing was changed.", vendor=vendor)
