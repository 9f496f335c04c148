"""Codes, their rewards and bulk jobs, as staff see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.apis.poshen import Named, RedemptionCode, Reward
from bot.conversation.messages import Badge, Button, Card, Link, Row
from bot.i18n import Translator
from bot.services.minting import shape
from bot.staff.teaching import run_button
from bot.storage.bulk import Counts, Job, JobState
from bot.storage.claims import Claim, Policy, Undone
from bot.storage.issues import Issue
from bot.storage.rewards import Grant
from bot.understanding.codes import masked
from handlers.views.codes import at_poshen
from handlers.views.staff import policy_text


def named(thing: Named | None) -> str:
    """A group or a game as staff know it: `5 新春活動`."""
    return f"{thing.id} {thing.name}".strip() if thing else ""


def grant_text(_: Translator, grant: Grant | None) -> str:
    """What a reward brings beside its card."""
    if grant is None or grant == Grant():
        return _("its card alone")
    if grant.handover:
        return _("a hand-over at the counter")
    if grant.gift_id is None:
        return _.ngettext("%(n)s point", "%(n)s points", grant.points)
    name = str((grant.offer or {}).get("name", ""))
    return _("voucher %(gift)s:%(price)s %(name)s", gift=grant.gift_id, price=grant.price_id, name=name).strip()


def rewards_text(_: Translator, ids: Sequence[int], known: Mapping[int, Reward], grants: Mapping[int, Grant]) -> str:
    """Rewards in one line, by their names where those are known: `金幣 100 (150 points), #7`."""
    if not ids:
        return _("none")
    return _(", ").join(_reward(_, number, known.get(number), grants.get(number)) for number in ids)


def _reward(_: Translator, number: int, reward: Reward | None, grant: Grant | None) -> str:
    name = reward.name if reward and reward.name else f"#{number}"
    return _("%(reward)s (%(grant)s)", reward=name, grant=grant_text(_, grant)) if grant else name


def code_card(
    _: Translator,
    code: RedemptionCode,
    grants: Mapping[int, Grant],
    policy: Policy,
    claims: int,
    title: str = "",
    *,
    redeeming: int = 0,
) -> Card:
    """A code with everything that is decided about it. claims: how many of ours. redeeming: of how many Poshen is just
    being asked. title: what has just been done."""
    rewards = [
        Row(f"#{reward.id} {reward.name}".strip(), grant_text(_, grants.get(reward.id))) for reward in code.rewards
    ]
    return Card(
        eyebrow=title or _("Code"),
        title=code.code,
        rows=(
            Row(_("Number"), f"#{code.id}"),
            Row(_("Used at Poshen"), _("not told") if code.current_uses is None else _.number(code.current_uses)),
            Row(_("Claimed here"), _.number(claims)),
            *((Row(_("Being redeemed"), _.number(redeeming)),) if redeeming else ()),
            Row(_("Group"), named(code.group) or _("none")),
            Row(_("Game"), named(code.game) or _("none")),
            Row(_("Policy"), policy_text(_, policy)),
            *(rewards or [Row(_("Rewards"), _("none"))]),
        ),
    )


def codes_card(_: Translator, codes: Sequence[RedemptionCode], title: str, note: str) -> Card:
    """A page of codes."""
    return Card(title=title, rows=tuple(Row(code.code, _code_line(_, code)) for code in codes), note=note)


def _code_line(_: Translator, code: RedemptionCode) -> str:
    parts = [f"#{code.id}", named(code.group)]
    if code.current_uses is not None:
        parts.append(_.ngettext("used %(n)s time", "used %(n)s times", code.current_uses))
    return " · ".join(part for part in parts if part)


def creation_card(_: Translator, code: str, group: str, game: str, rewards: str, warning: str) -> Card:
    """A code that is about to be made."""
    return Card(
        title=_("Create %(code)s?", code=code),
        rows=(
            Row(_("Group"), group),
            Row(_("Game"), game),
            Row(_("Rewards"), rewards),
        ),
        note=warning,
    )


def deletion_card(_: Translator, code: RedemptionCode, shown: str, claims: int, *, warn: bool) -> Card:
    """A code that is about to be deleted. shown: the code, as it may be shown before anything was agreed to."""
    used = _("not told") if code.current_uses is None else _.number(code.current_uses)
    kept = _("Nobody can redeem the code any more.")
    if claims:
        kept = _.ngettext(
            "%(n)s receipt here is kept; nobody can redeem the code any more.",
            "%(n)s receipts here are kept; nobody can redeem the code any more.",
            claims,
        )
    return Card(
        title=_("Delete %(code)s?", code=shown),
        rows=(
            Row(_("Number"), f"#{code.id}"),
            Row(_("Group"), named(code.group) or _("none")),
            Row(_("Used at Poshen"), used),
            Row(_("Claimed here"), _.number(claims)),
        ),
        note="\n".join([kept, _("This can't be undone.")] if warn else [kept]),
    )


def undo_card(
    _: Translator, claim: Claim, customer: str, *, brought: int, taken: int, vouchers: Sequence[Issue]
) -> Card:
    """A claim that is about to be taken back. brought: its points. taken: how many of them can be."""
    rewards = [reward["name"] for reward in claim.snapshot["rewards"] if reward["name"]]
    rows = [
        Row(_("Customer"), customer or _("deleted their data")),
        Row(_("Code"), masked(claim.snapshot["code"])),
        Row(_("Rewards"), _(", ").join(rewards) or _("none")),
        Row(_("Redeemed"), _.moment(claim.claimed_at)),
    ]
    if brought:
        rows.append(Row(_("Points taken back"), _("%(taken)s of %(brought)s", taken=taken, brought=brought)))
    rows += [Row(_("Voucher"), _("%(name)s is not undone", name=issue.offer.get("name", ""))) for issue in vouchers]
    note = _("The customer can then redeem the code again, as far as its group allows it.")
    if at_poshen(claim):
        note = _(
            "Poshen has no call that takes a redemption back: in the game the rewards stay, and for the same player ID "
            "Poshen refuses the code."
        )
    if vouchers:
        note += " " + _("Got It has no call that takes a voucher back, and redeeming again brings another one.")
    return Card(title=_("Undo %(ref)s?", ref=claim.ref), rows=tuple(rows), note=note)


def undone_text(_: Translator, undone: Undone) -> str:
    """A claim that was taken back."""
    return _(
        "%(ref)s was undone on %(time)s by %(name)s.",
        ref=undone.ref,
        time=_.moment(undone.undone_at),
        name=undone.undone_by,
    )


# ── rewards ──────────────────────────────────────────────────────────────────────────────────────


def rewards_card(
    _: Translator, rewards: Sequence[Reward], grants: Mapping[int, Grant], total: int, note: str = ""
) -> Card:
    """A page of rewards and what each brings."""
    return Card(
        title=_.ngettext("%(n)s reward", "%(n)s rewards", total),
        rows=tuple(Row(f"#{each.id} {each.name}".strip(), _typed(_, each, grants.get(each.id))) for each in rewards),
        note=note,
    )


def _typed(_: Translator, reward: Reward, grant: Grant | None) -> str:
    return " · ".join(part for part in (reward.type, grant_text(_, grant)) if part)


def rule_card(_: Translator, reward: int, name: str, before: Grant | None, after: Grant) -> Card:
    """A reward that is about to bring something else."""
    return Card(
        title=_("Reward #%(reward)s %(name)s", reward=reward, name=name).strip(),
        rows=(Row(_("Now"), grant_text(_, before)), Row(_("Then"), grant_text(_, after))),
        note=_("It counts for codes that are redeemed from then on."),
    )


# ── bulk jobs ────────────────────────────────────────────────────────────────────────────────────


def pattern(prefix: str, length: int) -> str:
    """What a job's codes look like: `SUMMER-XXXX-XXXX`."""
    return shape(prefix, "X" * length)


def about(_: Translator, lasting: timedelta) -> str:
    """A length of time, roughly."""
    seconds = lasting.total_seconds()
    if seconds < 60:
        return _("less than a minute")
    return _.ngettext("%(n)s minute", "%(n)s minutes", -(-int(seconds) // 60))


def progress_text(_: Translator, job: Job, counts: Counts) -> str:
    """How far a job is, in one line."""
    if job.deleting:
        return _(
            "deleted %(deleted)s, kept %(kept)s, left %(left)s",
            deleted=counts.deleted,
            kept=counts.kept,
            left=job.left(counts),
        )
    return _(
        "%(tried)s/%(total)s — done %(done)s, retrying %(unknown)s, failed %(failed)s",
        tried=counts.tried,
        total=job.total,
        done=counts.done,
        unknown=counts.unknown,
        failed=counts.failed,
    )


def job_card(
    _: Translator, job: Job, counts: Counts, left: timedelta, now: datetime, buttons: tuple[Button, ...]
) -> Card:
    """A job, how far it is, and why it does not go on when it does not. left: until it is done, roughly."""
    waits = job.state is JobState.RUNNING and job.next_at is not None and job.next_at > now
    rows = [
        Row(_("Group"), f"{job.group_id} {job.group_name}".strip()),
        Row(_("Codes"), pattern(job.prefix, job.length)),
        Row(_("Rewards"), _(", ").join(f"#{number}" for number in job.rewards) or _("none")),
        Row(_("Started by"), f"{job.starter} · {_.moment(job.created_at)}"),
    ]
    if job.deleter is not None:
        rows.append(Row(_("Deleted by"), job.deleter))
    if job.state is JobState.RUNNING and not waits:
        rows.append(Row(_("Still takes"), about(_, left)))
    note = ""
    if waits and job.next_at is not None:
        note = _("Poshen cannot be reached just now. It goes on by itself at %(time)s.", time=_.time(job.next_at))
    elif job.state is JobState.STOPPED and job.reason:
        note = _("Poshen: %(detail)s", detail=job.reason)
    return Card(
        eyebrow=_("Codes in bulk"),
        title=job.ref,
        badge=_badge(_, job, waits=waits),
        text=progress_text(_, job, counts),
        rows=tuple(rows),
        note=note,
        buttons=buttons,
    )


def job_state(_: Translator, job: Job) -> str:
    """How a job stands, in a word or two."""
    return _badge(_, job, waits=False).word


def _badge(_: Translator, job: Job, *, waits: bool) -> Badge:
    if waits:
        return Badge(_("Waiting"), "soon")
    badges = {
        JobState.RUNNING: Badge(_("Deleting"), "soon") if job.deleting else Badge(_("Running"), "valid"),
        JobState.STOPPING: Badge(_("Stopping"), "soon"),
        JobState.STOPPED: Badge(_("Stopped"), "bad"),
        JobState.DONE: Badge(_("Done"), "old"),
    }
    return badges[job.state]


def jobs_card(_: Translator, jobs: Sequence[tuple[Job, Counts]]) -> Card:
    """The last jobs."""
    rows = tuple(
        Row(
            job.ref,
            " · ".join(
                (pattern(job.prefix, job.length), f"{counts.exist}/{job.total}", _badge(_, job, waits=False).word)
            ),
        )
        for job, counts in jobs
    )
    return Card(title=_("Codes in bulk"), rows=rows)


def missing_text(_: Translator, job: Job, counts: Counts) -> str:
    """How many of a job's codes a file of it lacks, and why; "" when it has all that there will be."""
    missing = job.total - counts.exist
    if job.deleting or not missing:
        return ""
    if job.under_way:
        return _.ngettext(
            "%(n)s of %(total)s is still missing: the job is under way. Get the file again when it is done.",
            "%(n)s of %(total)s are still missing: the job is under way. Get the file again when it is done.",
            missing,
            total=_.number(job.total),
        )
    return _.ngettext(
        "%(n)s of %(total)s is missing: it was not made.",
        "%(n)s of %(total)s are missing: they were not made.",
        missing,
        total=_.number(job.total),
    )


def file_card(_: Translator, job: Job, counts: Counts, until: datetime, url: str) -> Card:
    """A link to a job's codes. What is not https a platform does not open, so it is written out as well."""
    missing = missing_text(_, job, counts)
    works = _(
        "The link works once, until %(time)s. Whoever has it can open it, so do not pass it on.", time=_.time(until)
    )
    return Card(
        title=_.ngettext("%(n)s code of %(job)s", "%(n)s codes of %(job)s", counts.exist, job=job.ref),
        badge=Badge(_("Not all of them"), "soon") if missing else None,
        text="\n".join(part for part in (missing, works) if part),
        note="" if url.startswith("https://") else url,
        # Translators: a button: the codes as a file
        buttons=(Link(_("Download CSV"), url),),
    )


def file_page(_: Translator, job: Job, counts: Counts, until: datetime) -> dict[str, str]:
    """What the web page behind that link says."""
    return {
        "lang": _.tag.replace("_", "-"),
        "title": _.ngettext("%(n)s code of %(job)s", "%(n)s codes of %(job)s", counts.exist, job=job.ref),
        "text": " ".join(
            part
            for part in (missing_text(_, job, counts), _("The button works once, until %(time)s.", time=_.time(until)))
            if part
        ),
        "button": _("Download CSV"),
        "gone": _("This link was used or has expired. In the chat, /job export %(job)s makes a new one.", job=job.ref),
    }


def show(_: Translator, code: RedemptionCode) -> tuple[Button, ...]:
    """Opens a code, by its number: that is short, and codes may hold anything."""
    return run_button(code.code, f"/code show #{code.id}")
