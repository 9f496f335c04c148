"""The cards of /status and /stats: one line for each part, and a period's numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from bot.conversation.messages import Badge, Button, Card, Row, Tone
from bot.errors import Kind
from bot.i18n import Translator
from bot.partners import VENDORS, partner, refused_settings
from bot.services.allowance import Usage
from bot.services.health import Finding, State, Verdict
from bot.services.mantago_pairs import Standing
from bot.storage.backlog import Backlog
from bot.storage.counts import GIVEN_UP, Counts, StoreDeeds, Top, Trouble
from bot.storage.relays import Waiting
from bot.understanding.codes import masked

LATE = timedelta(minutes=1)  # an event that waits for longer
TOKEN_SOON = 7  # days
NEARLY_USED = 0.8  # of the free messages
NOTHING_WAITS: Mapping[str, Waiting] = {}

_TONES: Mapping[Verdict, Tone] = {
    "well": "valid",
    "slow": "soon",
    "unsteady": "soon",
    "failing": "bad",
    "quiet": "old",
}
_WORSE: tuple[Tone, ...] = ("valid", "old", "soon", "bad")


# ── status ───────────────────────────────────────────────────────────────────────────────────────


def status_card(
    _: Translator,
    states: Sequence[State],
    backlog: Backlog,
    *,
    workers: int,
    token: Standing | None,
    vouchers: bool,
    guard_until: datetime | None,
    maintenance: Mapping[str, Any] | None,
    now: datetime,
    surge_since: datetime | None = None,
    relayed: Mapping[str, Waiting] = NOTHING_WAITS,
    buttons: tuple[Button, ...] = (),
) -> Card:
    """What works, what does not, and since when.

    token: how MantaGo's stands. vouchers: whether any are issued here.
    maintenance: the switch {by, at}, None while it is off. relayed: what other tools have not got yet, by part.
    surge_since: of the surge that there is now, see `bot.services.surge`.
    """
    rows = [
        _part_row(_, state, now, token if state.part == "mantago" else None, relayed.get(state.part))
        for state in states
    ]
    rows += _backlog_rows(_, backlog, workers, now, vouchers=vouchers)
    if surge_since is not None:
        # Translators: more comes in than can be answered in time
        text = _("since %(time)s: lists are shown as they were kept", time=_when(_, surge_since, now))
        rows.append(Row(_("Surge"), text, "soon"))
    if guard_until is not None:
        rows.append(Row(_("Guard"), _("raised until %(time)s", time=_when(_, guard_until, now)), "soon"))
    if maintenance is not None:
        text = _("on since %(time)s, by %(name)s", time=_when(_, maintenance["at"], now), name=maintenance["by"])
        rows.append(Row(_("Maintenance"), text, "soon"))
    return Card(
        title=_("Status"), badge=_badge(_, rows), rows=tuple(rows), note=_as_of(_, workers, now), buttons=buttons
    )


def _badge(_: Translator, rows: Sequence[Row]) -> Badge:
    bad = sum(row.tone == "bad" for row in rows)
    if bad:
        return Badge(_.ngettext("%(n)s needs care", "%(n)s need care", bad), "bad")
    if any(row.tone == "soon" for row in rows):
        return Badge(_("Have a look"), "soon")
    return Badge(_("All is well"), "valid")


def _as_of(_: Translator, workers: int, now: datetime) -> str:
    time = _.time(now)
    if not workers:
        return _("As of %(time)s. Times are p50 / p95.", time=time)
    return _.ngettext(
        "As of %(time)s, as %(n)s worker sees it. Times are p50 / p95.",
        "As of %(time)s, as %(n)s workers see it. Times are p50 / p95.",
        workers,
        time=time,
    )


def relay_card(
    _: Translator,
    states: Sequence[State],
    relayed: Mapping[str, Waiting],
    now: datetime,
    buttons: tuple[Button, ...] = (),
) -> Card:
    """The other tools on LINE's channel: whether each takes what it is passed on, and what it has not got yet."""
    rows: list[Row] = []
    for state in states:
        rows.append(_part_row(_, state, now, None, relayed.get(state.part)))
        if state.answered_at is not None:
            rows.append(Row(_("Took something last"), _when(_, state.answered_at, now)))
        if state.failed:
            rows.append(Row(_("Latest tries"), _tries(_, state)))
    note = _("What has waited for an hour is given up, and owners and managers are told.")
    return Card(title=_("Passed on"), badge=_badge(_, rows), rows=tuple(rows), note=note, buttons=buttons)


def _tries(_: Translator, state: State) -> str:
    return _("%(failed)s of the last %(calls)s calls failed", failed=state.failed, calls=state.calls)


def _part_row(
    _: Translator, state: State, now: datetime, token: Standing | None, waiting: Waiting | None = None
) -> Row:
    tone = _TONES[state.verdict]
    said = [_verdict(_, state, now)]
    if state.verdict in ("well", "slow", "unsteady") and state.p50 is not None and state.p95 is not None:
        said.append(f"{_.number(state.p50)} / {_.number(state.p95)} ms")
    if state.paused_until is not None:
        seconds = max(1, round((state.paused_until - now).total_seconds()))
        said.append(_("next try in %(seconds)s s", seconds=seconds))
    if waiting is not None:
        late = now - waiting.since >= LATE
        since = _when(_, waiting.since, now)
        said.append(_waits(_, waiting.count, since))
        tone = max(tone, "bad" if late else tone, key=_WORSE.index)
    if token is not None:
        text, of_token = _token(_, token, now)
        said += [text] if text else []
        tone = max(tone, of_token, key=_WORSE.index)
    return Row(_name(state.part), " · ".join(said), tone)


def _verdict(_: Translator, state: State, now: datetime) -> str:
    match state.verdict:
        case "well":
            return _("works")
        case "slow":
            return _("slow")
        case "unsteady":
            return _tries(_, state)
        case "failing":
            assert state.since is not None and state.kind is not None, "it fails since something happened"
            return _since(_, state.part, state.kind, _when(_, state.since, now))
        case "quiet" if state.answered_at is not None:
            return _("not asked lately, answered last at %(time)s", time=_when(_, state.answered_at, now))
        case "quiet":
            return _("not asked lately")


def _since(_: Translator, part: str, kind: Kind, time: str) -> str:
    match kind:
        case "unavailable":
            return _("no answer since %(time)s", time=time)
        case "limited":
            return _("asks us to slow down since %(time)s", time=time)
        case "credentials":
            settings = partner(part).settings
            return _("refuses our credentials since %(time)s: renew %(settings)s", time=time, settings=settings)
        case "refused":
            return _("refuses what we send since %(time)s", time=time)
        case "strange":
            return _("answers what we do not understand since %(time)s", time=time)


def _token(_: Translator, token: Standing, now: datetime) -> tuple[str, Tone]:
    """How long MantaGo's token is still good for, and who renews it; "" when it does not say."""
    tried = _when(_, token.tried_at, now) if token.tried_at else ""
    if token.how == "unknown":
        text = _(
            "token: a new one was asked for at %(time)s and the answer got lost; press Refresh in MantaGo's console "
            "and replace MANTAGO_TOKEN and MANTAGO_SECRET",
            time=tried,
        )
        return text, "bad"
    if token.how == "refused":
        text = _("token: MantaGo gave no new one at %(time)s; renew MANTAGO_TOKEN and MANTAGO_SECRET", time=tried)
        return text, "bad"
    days = token.days
    if days is None:
        return "", "valid"
    if days < 0:
        return _("MANTAGO_TOKEN has expired: renew it together with MANTAGO_SECRET"), "bad"
    if token.how == "by itself" and not token.failed:
        text = _.ngettext("token: %(n)s day left, renewed by itself", "token: %(n)s days left, renewed by itself", days)
        return text, "valid"
    if days <= TOKEN_SOON:
        text = _.ngettext("MANTAGO_TOKEN: %(n)s day left, renew it", "MANTAGO_TOKEN: %(n)s days left, renew it", days)
        return text, "bad" if days <= 1 else "soon"
    text = _.ngettext("token: %(n)s day left", "token: %(n)s days left", days)
    if token.how == "not here":
        return _("%(token)s, not renewed by itself: this database is a copy", token=text), "soon"
    return text, "valid"


def _backlog_rows(_: Translator, backlog: Backlog, workers: int, now: datetime, *, vouchers: bool) -> list[Row]:
    rows = [_queue_row(_, backlog, workers, now), _held_row(_, backlog, now)]
    if vouchers:
        rows.append(_issues_row(_, backlog, now))
    if backlog.redeeming:
        rows.append(_redemptions_row(_, backlog, now))
    rows.append(_messages_row(_, backlog))
    return rows


def _queue_row(_: Translator, backlog: Backlog, workers: int, now: datetime) -> Row:
    label = _("Queue")
    if backlog.events_since is None:
        return Row(label, _("nothing waits"), "valid")
    age, since = now - backlog.events_since, _when(_, backlog.events_since, now)
    if age < LATE:
        seconds = max(0, round(age.total_seconds()))
        text = _.ngettext(
            "%(n)s waits, for %(seconds)s s",
            "%(n)s wait, the oldest for %(seconds)s s",
            backlog.events,
            seconds=seconds,
        )
        return Row(label, text, "valid")
    text = _waits(_, backlog.events, since)
    return Row(label, text if workers else " · ".join((text, _("no worker reports"))), "bad")


def _waits(_: Translator, count: int, since: str) -> str:
    return _.ngettext("%(n)s waits, since %(time)s", "%(n)s wait, the oldest since %(time)s", count, time=since)


def _held_row(_: Translator, backlog: Backlog, now: datetime) -> Row:
    label = _("Held events")
    if backlog.held_since is None:
        return Row(label, _("none"), "valid")
    since = _when(_, backlog.held_since, now)
    text = _.ngettext(
        "%(n)s since %(time)s; giftdesk held --retry answers it",
        "%(n)s, the oldest since %(time)s; giftdesk held --retry answers them",
        backlog.held,
        time=since,
    )
    return Row(label, text, "bad")


def _issues_row(_: Translator, backlog: Backlog, now: datetime) -> Row:
    label = _("Open vouchers")
    if backlog.open_since is None:
        return Row(label, _("none"), "valid")
    since = _when(_, backlog.open_since, now)
    text = _.ngettext(
        "%(n)s of unknown outcome, since %(time)s",
        "%(n)s of unknown outcome, the oldest since %(time)s",
        backlog.open,
        time=since,
    )
    if not backlog.undecided:
        return Row(label, text, "soon")
    decide = _.ngettext("%(n)s needs your decision", "%(n)s need your decision", backlog.undecided)
    return Row(label, f"{text} · {decide}", "bad")


def _redemptions_row(_: Translator, backlog: Backlog, now: datetime) -> Row:
    assert backlog.redeeming_since is not None, "there are some"
    text = _.ngettext(
        "%(n)s of unknown outcome, since %(time)s",
        "%(n)s of unknown outcome, the oldest since %(time)s",
        backlog.redeeming,
        time=_when(_, backlog.redeeming_since, now),
    )
    if not backlog.undecided_codes:
        return Row(_("Codes being redeemed"), text, "soon")
    decide = _.ngettext("%(n)s needs your decision", "%(n)s need your decision", backlog.undecided_codes)
    return Row(_("Codes being redeemed"), f"{text} · {decide}", "bad")


def _messages_row(_: Translator, backlog: Backlog) -> Row:
    said = []
    if backlog.pushes:
        said.append(_.ngettext("%(n)s on its way", "%(n)s on their way", backlog.pushes))
    if backlog.parked:
        said.append(
            _.ngettext("%(n)s until its reader writes again", "%(n)s until their readers write again", backlog.parked)
        )
    return Row(_("Messages"), " · ".join(said) or _("none waits"), "valid")


def errors_card(_: Translator, states: Sequence[State], now: datetime) -> Card | None:
    """The last error of each part in the past day, over or not, newest first; None when there were none."""
    found = [
        (state.failed_at, state) for state in states if state.failed_at and now - state.failed_at < timedelta(days=1)
    ]
    if not found:
        return None
    found.sort(key=lambda pair: pair[0], reverse=True)
    rows = (
        Row(f"{_name(state.part)} · {_when(_, at, now)}", _trouble(_, state.part, state.kind, state.detail))
        for at, state in found
    )
    return Card(title=_("Last errors"), rows=tuple(rows), note=_("What is quoted are the words of the log."))


def check_card(
    _: Translator,
    findings: Sequence[Finding],
    usage: Usage | None,
    now: datetime,
    buttons: tuple[Button, ...] = (),
) -> Card:
    """What a harmless call with every credential brought just now. usage: of LINE's pushes, when it was told."""
    rows = [Row(_name(found.part), _found(_, found), "valid" if found.well else "bad") for found in findings]
    if usage is not None:
        rows.append(_quota_row(_, usage))
    return Card(
        title=_("Checked just now"),
        badge=_badge(_, rows),
        rows=tuple(rows),
        note=_("One harmless call with each credential, at %(time)s.", time=_.time(now)),
        buttons=buttons,
    )


def _found(_: Translator, found: Finding) -> str:
    if found.well:
        return _("works")
    if found.kind in ("unavailable", "limited"):
        trouble = _kinds(_)[found.kind]
        return _("%(trouble)s. Nothing can be set right here; look again in a few minutes.", trouble=trouble)
    return _trouble(_, found.part, found.kind, found.said.removeprefix(f"{_name(found.part)}: "))


def _trouble(_: Translator, part: str, kind: Kind | None, detail: str) -> str:
    """What failed, and how, with the log's own words where ours do not say everything."""
    if kind == "credentials":
        return _(
            "refused our credentials, which may be wrong, expired or without the right: renew %(settings)s",
            settings=refused_settings(part, detail),
        )
    known = _kinds(_)[kind] if kind else ""
    if known and detail:
        return _("%(trouble)s (“%(detail)s”)", trouble=known, detail=detail)
    return known or detail or _("no details")


def _kinds(_: Translator) -> dict[str, str]:
    return {
        "unavailable": _("no answer"),
        "limited": _("asked us to slow down"),
        "credentials": _("refused our credentials"),
        "refused": _("refused what we sent"),
        "strange": _("answered what we do not understand"),
        GIVEN_UP: _("given up after an hour"),
    }


def _name(part: str) -> str:
    return partner(part).title


def _when(_: Translator, moment: datetime, now: datetime) -> str:
    """The time of day, with the day when it is another one."""
    same = moment.astimezone(_.zone).date() == now.astimezone(_.zone).date()
    return _.time(moment) if same else _.moment(moment)


# ── numbers ──────────────────────────────────────────────────────────────────────────────────────


def period_name(_: Translator, period: str) -> str:
    """A period's name, which fits a button."""
    match period:
        case "7d":
            return _("7 days")
        case "30d":
            return _("30 days")
        case _today:
            return _("Today")


def days_of(_: Translator, since: datetime, now: datetime) -> str:
    first, last = _.date(since), _.date(now)
    return first if first == last else _("%(first)s to %(last)s", first=first, last=last)


def stats_card(
    _: Translator,
    period: str,
    counts: Counts,
    usage: Usage | None,
    redeemed: Mapping[date, int],
    *,
    since: datetime,
    now: datetime,
    vouchers: bool,
    cards: bool,
    line: bool,
    days: int,
    picture: str,
    wishes: int | None = None,
    budget: tuple[int, int] | None = None,
) -> Card:
    """A period's numbers, what customers took as the hero.

    redeemed: by day, of this period and the one before, and of nine days at least. vouchers, cards, line: whether
    vouchers, gift cards (for which phones are linked) and LINE are switched on. days: of the period. picture: the
    address of its bars; without one they are text. wishes: how many customers want reminders, None where none are sent.
    budget: pushes of this month that nobody was owed, and how many there may be; None where none costs anything.
    """
    rows = [
        *_compared(_, list(redeemed.values()), days),
        Row(
            _("Customers"),
            _("%(active)s active, %(new)s new", active=_.number(counts.active), new=_.number(counts.new)),
        ),
        Row(_("Wrong codes"), _.number(counts.misses)),
        Row(_("Not understood"), _unclear(_, counts)),
        Row(_("Lookups"), _calls(_, counts.calls)),
    ]
    if counts.redeeming:
        rows.append(Row(_("Codes being redeemed"), _.number(counts.redeeming)))
    if vouchers:
        text = _(
            "%(issued)s issued, %(failed)s failed, %(open)s open",
            issued=_.number(counts.issued),
            failed=_.number(counts.failed),
            open=_.number(counts.open),
        )
        rows.append(Row(_("Got It vouchers"), text))
    points = _("%(granted)s granted, %(spent)s spent", granted=_.number(counts.granted), spent=_.number(counts.spent))
    rows.append(Row(_("Points"), points))
    if cards:
        rows.append(Row(_("Linked phones"), _.number(counts.linked)))
    if counts.handed:
        rows.append(Row(_("Handed over at the counter"), _.number(counts.handed)))
    if wishes is not None:
        text = _.ngettext(
            "%(things)s, wanted by %(n)s customer",
            "%(things)s, wanted by %(n)s customers",
            wishes,
            things=_.number(counts.reminded),
        )
        rows.append(Row(_("Reminders"), text))
    if line:
        rows.append(_quota_row(_, usage))
    if budget is not None:
        rows.append(_budget_row(_, *budget))
    return Card(
        eyebrow=days_of(_, since, now),
        title=period_name(_, period),
        hero=_.ngettext("%(n)s redeemed", "%(n)s redeemed", counts.claims),
        text="" if days == 1 or picture else bars_text(dict(list(redeemed.items())[-days:])),
        rows=tuple(rows),
        image=picture,
    )


def _compared(_: Translator, redeemed: Sequence[int], days: int) -> Iterator[Row]:
    """Yesterday beside the same day a week before, and a longer period beside the one before it."""
    yesterday, week_before = redeemed[-2], redeemed[-9]
    text = _("%(now)s, a week before %(before)s", now=_.number(yesterday), before=_.number(week_before))
    yield Row(_("Yesterday"), _in_per_cent(_, text, yesterday, week_before))
    if days > 1:
        now, before = sum(redeemed[-days:]), sum(redeemed[-2 * days : -days])
        text = _("%(now)s, in the %(n)s days before %(before)s", now=_.number(now), n=days, before=_.number(before))
        yield Row(_("Redeemed"), _in_per_cent(_, text, now, before))


def _in_per_cent(_: Translator, text: str, now: int, before: int) -> str:
    """With how much it has changed, where there was something before."""
    if not before:
        return text
    change = round(100 * (now - before) / before)
    return _("%(text)s (%(change)s %%)", text=text, change=f"{change:+d}".replace("-", "−") if change else "±0")


_STEPS = "▁▂▃▄▅▆▇█"


def bars_text(redeemed: Mapping[date, int]) -> str:
    """Bars as text: a week in each line, with its first day and its sum; "" when there was nothing."""
    days, most = list(redeemed.items()), max(redeemed.values(), default=0)
    if not most:
        return ""
    start = len(days) % 7
    weeks = [days[:start], *(days[at : at + 7] for at in range(start, len(days), 7))]
    return "\n".join(
        f"{week[0][0].month}/{week[0][0].day} "
        f"{''.join(_STEPS[-(-n * (len(_STEPS) - 1) // most)] for _day, n in week)} {sum(n for _day, n in week)}"
        for week in weeks
        if week
    )


def _unclear(_: Translator, counts: Counts) -> str:
    if not counts.heard:
        return _("no messages")
    share = round(100 * counts.unclear / counts.heard)
    return _.ngettext(
        "%(share)s %% (%(unclear)s of %(n)s message)",
        "%(share)s %% (%(unclear)s of %(n)s messages)",
        counts.heard,
        share="<1" if counts.unclear and not share else share,
        unclear=_.number(counts.unclear),
    )


def _calls(_: Translator, calls: Mapping[str, int]) -> str:
    asked = [(part, calls[part]) for part in VENDORS if calls.get(part)]
    if not asked:
        return _("none")
    return " · ".join(f"{_name(part)} {_.number(n)}" for part, n in asked)


def _budget_row(_: Translator, used: int, most: int) -> Row:
    # Translators: pushes that nobody is owed, such as reminders, in this month and at most (PUSH_BUDGET)
    label = _("Push budget")
    text = _("%(used)s of %(free)s this month", used=_.number(used), free=_.number(most))
    if used < most:
        return Row(label, text, "valid")
    return Row(
        label, _("%(text)s: reminders wait for the customer's next message", text=text), "soon" if most else None
    )


def _quota_row(_: Translator, usage: Usage | None) -> Row:
    # Translators: messages that LINE counts towards the plan; replies are free
    label = _("LINE pushes")
    if usage is None:
        return Row(label, _("LINE does not say at the moment"), "old")
    used = _.number(usage.used)
    tone: Tone = "valid"
    if usage.free is None:
        text = _("%(used)s this month, the plan has no limit", used=used)
    else:
        text = _("%(used)s of %(free)s this month", used=used, free=_.number(usage.free))
        if usage.used >= usage.free:
            text, tone = _("%(text)s: used up, results wait for the customer's next message", text=text), "bad"
        elif usage.used >= NEARLY_USED * usage.free:
            text, tone = _("%(text)s: nearly used up", text=text), "soon"
    if usage.stale:
        text = _("%(text)s (as of %(time)s, LINE does not say now)", text=text, time=_.moment(usage.at))
    return Row(label, text, tone)


def top_card(_: Translator, codes: Sequence[Top]) -> Card:
    """The codes that were redeemed most, masked."""
    rows = (Row(f"{masked(code.code)} · {_group(_, code)}", _.number(code.claims)) for code in codes)
    return Card(title=_("Top codes"), rows=tuple(rows))


def campaigns_card(
    _: Translator, period: str, campaigns: Sequence[Top], *, more: bool, since: datetime, now: datetime
) -> Card:
    """Redeemed codes by campaign. more: there are smaller ones that are not shown."""
    rows = []
    for each in campaigns:
        redeemed = _.ngettext("%(n)s redeemed", "%(n)s redeemed", each.claims)
        codes = _.ngettext("%(n)s code", "%(n)s codes", each.codes)
        rows.append(Row(_group(_, each), f"{redeemed} · {codes}"))
    return Card(
        eyebrow=days_of(_, since, now),
        title=_("%(period)s by campaign", period=period_name(_, period)),
        text="" if rows else _("Nothing was redeemed."),
        rows=tuple(rows),
        note=_("The largest ones; there are more.") if more else "",
    )


def stores_card(
    _: Translator, period: str, stores: Sequence[StoreDeeds], *, more: bool, since: datetime, now: datetime
) -> Card:
    """What was done at each store. more: there are others that are not shown."""
    rows = [Row(_store(_, each), " · ".join(_done_there(_, each)) or _("nothing")) for each in stores]
    return Card(
        eyebrow=days_of(_, since, now),
        title=_("%(period)s by store", period=period_name(_, period)),
        text="" if rows else _("There are no stores here."),
        rows=tuple(rows),
        note=_("The busiest ones; there are more.") if more else "",
    )


def _store(_: Translator, store: StoreDeeds) -> str:
    if store.name is None:
        return _("In no store")
    return _("%(store)s (removed)", store=store.name) if store.removed else store.name


def _done_there(_: Translator, store: StoreDeeds) -> list[str]:
    said = (
        (store.handed, _.ngettext("%(n)s handed over", "%(n)s handed over", store.handed)),
        (store.visits, _.ngettext("%(n)s visit", "%(n)s visits", store.visits)),
        (store.given, _.ngettext("+%(n)s point", "+%(n)s points", store.given)),
        (store.taken, _.ngettext("−%(n)s point", "−%(n)s points", store.taken)),
        (store.links, _.ngettext("%(n)s link code", "%(n)s link codes", store.links)),
    )
    return [text for number, text in said if number]


def _group(_: Translator, top: Top) -> str:
    if top.group is None:
        return _("no campaign")
    return f"#{top.group} {top.name}".strip()


def troubles_card(_: Translator, troubles: Sequence[Trouble], held: int) -> Card | None:
    """What failed most; None when nothing did."""
    kinds = _kinds(_)
    rows = [
        Row(_name(each.part), " · ".join((kinds.get(each.kind, each.kind), _times(_, each.times)))) for each in troubles
    ]
    if held:
        rows.append(Row(_("Held events"), _.number(held)))
    return Card(title=_("Top failures"), rows=tuple(rows)) if rows else None


def _times(_: Translator, times: int) -> str:
    return _.ngettext("once", "%(n)s times", times)
