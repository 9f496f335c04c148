"""Codes in bulk: many at once, as a job that goes on by itself, and its codes as a file."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from bot.conversation.context import Answer
from bot.conversation.messages import Button, Reply, Row, Text
from bot.i18n import N_
from bot.services.minting import LONGEST, LONGEST_PREFIX, MOST, SHORTEST, BulkRequest, draw
from bot.staff.arguments import Arguments, Flag, Keyed, Positional, Reads, line_of
from bot.staff.routes import Preview, StaffContext, StaffRouter
from bot.staff.teaching import commands_button, run_button
from bot.storage import bulk, export_files, rewards
from bot.storage.bulk import Counts, Job, JobState
from bot.understanding import references
from handlers.admin.codes import (
    GroupNumber,
    RewardNumbers,
    group_of,
    no_such_reward,
    poshen_of,
    rewards_if_told,
    unknown_rewards,
)
from handlers.views import staff_codes as views
from handlers.views.changes import change, changed

admin = StaffRouter(N_("Codes in bulk"))
admin.noun("job", N_("/job, /task"))

SHOWN = 8


def _capitals(value: object) -> object:
    return value.strip().strip("-").upper() if isinstance(value, str) else value


def _typable(value: str) -> str:
    """What customers type is read as letters, digits and hyphens; nothing else may stand in a code of ours."""
    if not re.fullmatch(r"[A-Z0-9]+(?:-[A-Z0-9]+)*", value):
        raise PydanticCustomError("prefix", "letters, digits and hyphens")
    return value


def _job_ref(value: str) -> str:
    number = value.removeprefix("#")
    ref = references.read(f"J-{number}" if number.isascii() and number.isdigit() else value, "J")
    if ref is None:
        raise PydanticCustomError("job", "a job")
    return ref


NO_JOB = N_("“%(value)s” is no job; they are called %(example)s.")
JOBS = (N_("List jobs"), "/job list")
JobRef = Annotated[str, Reads("J"), AfterValidator(_job_ref)]


class MakeCodes(Arguments):
    """How many of what."""

    group: GroupNumber
    n: Annotated[
        int,
        Keyed(
            N_("how many"),
            example="300",
            too_much=N_("At most %(limit)s codes at once; create them in batches."),
        ),
        Field(ge=1, le=MOST),
    ]
    prefix: Annotated[
        str,
        Keyed(
            N_("what each code begins with"),
            example="SUMMER",
            unfit=N_(
                "Customers could not type “%(value)s” here: only letters, digits and hyphens. Example: %(example)s"
            ),
        ),
        Field(max_length=LONGEST_PREFIX),
        BeforeValidator(_capitals),
        AfterValidator(_typable),
    ]
    rewards: RewardNumbers = ()
    len_: Annotated[int, Keyed(N_("random symbols of each"), example="8"), Field(ge=SHORTEST, le=LONGEST)] = SHORTEST
    dry: Annotated[bool, Flag(N_("only show what would happen"))] = False


class OneJob(Arguments):
    """Which job; without one, the last."""

    job: Annotated[
        JobRef | None,
        Positional(N_("a job"), example="J-12", typical=True, unfit=NO_JOB, look_up=JOBS),
    ] = None


class ThisJob(Arguments):
    """Which job."""

    job: Annotated[JobRef, Positional(N_("a job"), example="J-12", unfit=NO_JOB, look_up=JOBS)]


class ExportJob(ThisJob):
    """Which job, and whether with each code's own links."""

    links: Annotated[bool, Flag(N_("with a link for each code, to make a QR code of"))] = False


# ── starting ─────────────────────────────────────────────────────────────────────────────────────


@admin.command("code bulk", MakeCodes, role="manager", about=N_("make many codes at once"))
async def preview_bulk(ctx: StaffContext, args: MakeCodes) -> Preview | Answer:
    """How many of what shape, how long it takes, and one that could be among them."""
    _ = ctx._
    poshen_of(ctx)
    if running := await bulk.under_way(ctx.work.reads):
        return _busy(ctx, running)
    group, known = await group_of(ctx, args.group), await rewards_if_told(ctx)
    if missing := unknown_rewards(args.rewards, known):
        return no_such_reward(ctx, missing)
    grants = await rewards.listed(ctx.work.reads)
    ctx.notes.target = f"group {args.group}"
    facts = {
        "group": group,
        "shape": views.pattern(args.prefix, args.len_),
        "rewards": views.rewards_text(_, args.rewards, known or {}, grants),
        "time": views.about(_, ctx.services.minting.takes(args.n)),
        "example": draw(args.prefix, args.len_),
    }
    text = _.ngettext(
        "Make %(n)s code in group %(group)s, shaped %(shape)s, rewards: %(rewards)s. It takes %(time)s. "
        "Example: %(example)s",
        "Make %(n)s codes in group %(group)s, shaped %(shape)s, rewards: %(rewards)s. It takes %(time)s. "
        "Example: %(example)s",
        args.n,
        **facts,
    )
    # Translators: a button: begin to make many codes
    start = _("Start")
    if args.dry:
        line = line_of("code bulk", args.model_copy(update={"dry": False}))
        return Reply((Text(text), Text(_("Nothing was started: this is only a preview."))), run_button(start, line))
    return Preview(
        (Text(text),),
        label=start,
        seen={"group": group.name, "staff_id": ctx.actor.id, "starter": ctx.actor.name},
        two_person=0 < ctx.brand.two_person_codes <= args.n,
    )


@admin.performs("code bulk")
async def start_bulk(ctx: StaffContext, args: MakeCodes) -> Answer:
    """All codes are written down now; a worker asks for them, and whoever started it is told the end."""
    assert ctx.confirmed is not None, "only a preview leads here"
    seen = ctx.confirmed.seen
    wish = BulkRequest(
        group_id=args.group,
        group_name=seen["group"],
        rewards=args.rewards,
        prefix=args.prefix,
        length=args.len_,
        total=args.n,
    )
    connection = await ctx.work.begin()
    job = await ctx.services.minting.start(
        connection,
        wish,
        key=ctx.confirmed.key,
        staff_id=seen["staff_id"],
        starter=seen["starter"],
        now=ctx.now,
    )
    if job is None:
        running = await bulk.under_way(connection)
        assert running is not None, "the constraint says so"
        return _busy(ctx, running)
    ctx.notes.target, ctx.notes.ref, ctx.notes.after = f"group {args.group}", job.ref, f"{job.total} codes"
    text = ctx._("Started as job %(job)s. You are told when it is done.", job=job.ref)
    codes = ctx._.ngettext("%(n)s code", "%(n)s codes", job.total)
    after = f"{views.job_state(ctx._, job)} · {codes}"
    return Reply(
        (changed(text, change(ctx._, job.ref, ctx._("none"), after)),), (*_progress(ctx, job), *_stop(ctx, job))
    )


def _busy(ctx: StaffContext, job: Job) -> Reply:
    ctx.notes.result = "refused"
    text = ctx._("Job %(job)s is still under way, and there is one at a time.", job=job.ref)
    return Reply((Text(text),), (*_progress(ctx, job), *_stop(ctx, job)))


# ── jobs ─────────────────────────────────────────────────────────────────────────────────────────


@admin.command("job show", OneJob, role="manager", about=N_("how far a bulk job is"), aliases=("job",))
async def show_job(ctx: StaffContext, args: OneJob) -> Answer:
    """The job that is named, else the last one."""
    job = await _job(ctx, args.job) if args.job else next(iter(await bulk.newest(ctx.work.reads, 1)), None)
    if job is None:
        return _no_job(ctx, args.job)
    ctx.notes.ref = job.ref
    return await _job_reply(ctx, job)


@admin.command("job list", role="manager", about=N_("the last bulk jobs"), aliases=("jobs",))
async def list_jobs(ctx: StaffContext, _args: Arguments) -> Answer:
    """Newest first."""
    jobs = [(job, await bulk.counts(ctx.work.reads, job.id)) for job in await bulk.newest(ctx.work.reads, SHOWN)]
    if not jobs:
        return _no_job(ctx, None)
    opens = tuple(button for job, _counts in jobs for button in run_button(job.ref, f"/job show {job.ref}"))
    return Reply((views.jobs_card(ctx._, jobs),), (*opens, *commands_button(ctx._, "job")))


@admin.command("job stop", ThisJob, role="manager", about=N_("end a bulk job after the codes it is at"), one_tap=True)
async def preview_stop(ctx: StaffContext, args: ThisJob) -> Preview | Answer:
    """Which; one that is not under way is shown."""
    job = await _job(ctx, args.job)
    if job is None:
        return _no_job(ctx, args.job)
    ctx.notes.ref = job.ref
    if job.state is not JobState.RUNNING:
        return await _job_reply(ctx, job)
    text = ctx._("%(job)s ends after the codes it is at. What is made stays, and it can be resumed.", job=job.ref)
    return Preview((Text(text),), label=ctx._("Stop"), whom=job.ref)


@admin.performs("job stop")
async def stop_job(ctx: StaffContext, args: ThisJob) -> Answer:
    """What is made stays, and it can be resumed."""
    job = await _job(ctx, args.job)
    if job is None:
        return _no_job(ctx, args.job)
    ctx.notes.ref, ctx.notes.before = job.ref, job.state
    stopping = await ctx.services.minting.stop(await ctx.work.begin(), job)
    if stopping is None:
        return await _job_reply(ctx, job)
    ctx.notes.after = stopping.state
    text = ctx._("%(job)s stops after the codes it is at.", job=job.ref)
    return Reply((changed(text, _states(ctx, job, stopping)),), _progress(ctx, job))


@admin.command("job resume", ThisJob, role="manager", about=N_("go on with a bulk job"), one_tap=True)
async def preview_resume(ctx: StaffContext, args: ThisJob) -> Preview | Answer:
    """Which, and how much is left of it."""
    job = await _job(ctx, args.job)
    if job is None:
        return _no_job(ctx, args.job)
    ctx.notes.ref = job.ref
    counts = await bulk.counts(ctx.work.reads, job.id)
    if not job.resumable(counts):
        return _nothing_left(ctx, job)
    text = ctx._("%(job)s goes on: %(progress)s", job=job.ref, progress=views.progress_text(ctx._, job, counts))
    return Preview((Text(text),), label=ctx._("Resume"), whom=job.ref)


@admin.performs("job resume")
async def resume_job(ctx: StaffContext, args: ThisJob) -> Answer:
    """With what is left of it; one that waits for Poshen goes on at once."""
    job = await _job(ctx, args.job)
    if job is None:
        return _no_job(ctx, args.job)
    ctx.notes.ref, ctx.notes.before = job.ref, job.state
    counts = await bulk.counts(ctx.work.reads, job.id)
    if not job.resumable(counts):
        return _nothing_left(ctx, job)
    connection = await ctx.work.begin()
    resumed = await ctx.services.minting.resume(connection, job)
    if resumed is None:
        running = await bulk.under_way(connection)
        assert running is not None, "the constraint says so"
        return _busy(ctx, running)
    ctx.notes.after = resumed.state
    text = ctx._("%(job)s goes on.", job=job.ref)
    return Reply((changed(text, _states(ctx, job, resumed)),), (*_progress(ctx, resumed), *_stop(ctx, resumed)))


@admin.command("job delete", ThisJob, role="manager", about=N_("delete a bulk job's unused codes"))
async def preview_delete(ctx: StaffContext, args: ThisJob) -> Preview | Answer:
    """How many at most; which were used is only known when each is looked up."""
    _ = ctx._
    poshen_of(ctx)
    job = await _job(ctx, args.job)
    if job is None:
        return _no_job(ctx, args.job)
    ctx.notes.ref = job.ref
    if running := await bulk.under_way(ctx.work.reads):
        return _busy(ctx, running)
    counts = await bulk.counts(ctx.work.reads, job.id)
    left = counts.deletable
    if not left:
        return _nothing_left(ctx, job)
    claimed = await bulk.claimed(ctx.work.reads, job.id)
    time = views.about(_, ctx.services.minting.takes(left, deleting=True))
    text = _.ngettext(
        "Delete at most %(n)s code of %(job)s: %(shape)s in group %(group)s. It takes %(time)s. "
        "Used codes (claimed here: %(claimed)s) and changed ones stay.",
        "Delete at most %(n)s codes of %(job)s: %(shape)s in group %(group)s. It takes %(time)s. "
        "Used codes (claimed here: %(claimed)s) and changed ones stay.",
        left,
        job=job.ref,
        shape=views.pattern(job.prefix, job.length),
        group=f"{job.group_id} {job.group_name}".strip(),
        time=time,
        claimed=claimed,
    )
    return Preview((Text(text),), label=_("Delete codes"), whom=job.ref, typed=job.ref)


@admin.performs("job delete")
async def delete_codes(ctx: StaffContext, args: ThisJob) -> Answer:
    """A worker does it from now on, and whoever wanted it is told the end."""
    job = await _job(ctx, args.job)
    if job is None:
        return _no_job(ctx, args.job)
    ctx.notes.ref, ctx.notes.before = job.ref, job.state
    connection = await ctx.work.begin()
    deleting = await ctx.services.minting.delete(
        connection, job, deleter_id=ctx.actor.id, deleter=ctx.actor.name, now=ctx.now
    )
    if deleting is None:
        running = await bulk.under_way(connection)
        assert running is not None, "the constraint says so"
        return _busy(ctx, running)
    ctx.notes.after = "deleting"
    text = ctx._("The unused codes of %(job)s are being deleted. You are told when it is done.", job=job.ref)
    return Reply((changed(text, _states(ctx, job, deleting)),), (*_progress(ctx, deleting), *_stop(ctx, deleting)))


@admin.command("job export", ExportJob, role="manager", about=N_("a bulk job's codes as a file"), one_tap=True)
async def preview_export(ctx: StaffContext, args: ExportJob) -> Preview | Answer:
    """How many codes; whoever has the link has all of them."""
    found = await _exported(ctx, args)
    if isinstance(found, Reply):
        return found
    job, counts = found
    text = ctx._.ngettext(
        "A link to %(n)s code of %(job)s. Whoever has it can open it, once.",
        "A link to %(n)s codes of %(job)s. Whoever has it can open it, once.",
        counts.exist,
        job=job.ref,
    )
    # Translators: a button: make a link to a file; the name of a job follows
    return Preview((Text(text),), label=ctx._("Make a link"), whom=job.ref)


@admin.performs("job export")
async def export_job(ctx: StaffContext, args: ExportJob) -> Answer:
    """A link that works once; never codes in a chat."""
    found = await _exported(ctx, args)
    if isinstance(found, Reply):
        return found
    job, counts = found
    until = ctx.now + export_files.LIVES
    export_id = await bulk.add_export(
        await ctx.work.begin(),
        job.id,
        staff_id=ctx.actor.id,
        maker=ctx.actor.name,
        page=views.file_page(ctx._, job, counts, until),
        links=args.links,
        now=ctx.now,
        expires_at=until,
    )
    url = ctx.services.minting.link(ctx.brand.public_url, export_id)
    ctx.notes.after = f"a link to {counts.exist} codes"
    return Reply((views.file_card(ctx._, job, counts, until, url),), _progress(ctx, job))


async def _exported(ctx: StaffContext, args: ThisJob) -> tuple[Job, Counts] | Reply:
    """The job whose codes a file can have; else why there is none."""
    job = await _job(ctx, args.job)
    if job is None:
        return _no_job(ctx, args.job)
    ctx.notes.ref = job.ref
    counts = await bulk.counts(ctx.work.reads, job.id)
    if not counts.exist:
        return Reply((Text(ctx._("There are no codes of %(job)s.", job=job.ref)),), _progress(ctx, job))
    if ctx.brand.public_url:
        return job, counts
    ctx.notes.result = "refused"
    text = ctx._(
        "There is no address for a link: PUBLIC_URL is not set. On the server, `giftdesk codes %(job)s` writes the "
        "same file.",
        job=job.ref,
    )
    return Reply((Text(text),), _progress(ctx, job))


def _nothing_left(ctx: StaffContext, job: Job) -> Reply:
    return Reply((Text(ctx._("Nothing is left of %(job)s.", job=job.ref)),), _progress(ctx, job))


def _states(ctx: StaffContext, before: Job, after: Job) -> Row:
    return change(ctx._, after.ref, views.job_state(ctx._, before), views.job_state(ctx._, after))


async def _job(ctx: StaffContext, ref: str) -> Job | None:
    return await bulk.read(ctx.work.reads, int(ref.removeprefix("J-")))


def _no_job(ctx: StaffContext, ref: str | None) -> Reply:
    ctx.notes.result = "not found"
    text = ctx._("There is no job %(job)s.", job=ref) if ref else ctx._("There was no bulk job yet.")
    return Reply((Text(text),), (*run_button("/code bulk", "/help code bulk"), *_jobs(ctx, ref)))


async def _job_reply(ctx: StaffContext, job: Job) -> Reply:
    counts = await bulk.counts(ctx.work.reads, job.id)
    left = ctx.services.minting.takes(job.left(counts), deleting=job.deleting)
    return Reply((views.job_card(ctx._, job, counts, left, ctx.now, _buttons(ctx, job, counts)),), _jobs(ctx, job.ref))


def _buttons(ctx: StaffContext, job: Job, counts: Counts) -> tuple[Button, ...]:
    waits = job.state is JobState.RUNNING and job.next_at is not None
    left = job.resumable(counts)
    # Translators: a button: go on with a job
    resume = run_button(ctx._("Resume"), f"/job resume {job.ref}") if left and (waits or not job.under_way) else ()
    # Translators: a button: the codes as a file
    file = run_button(ctx._("CSV"), f"/job export {job.ref}") if counts.exist else ()
    made = counts.done and not job.under_way and not job.deleting
    # Translators: a button: delete what a job has made
    delete = run_button(ctx._("Delete codes"), f"/job delete {job.ref}") if made else ()
    return (*(_progress(ctx, job) if job.under_way else ()), *_stop(ctx, job), *resume, *file, *delete)


def _progress(ctx: StaffContext, job: Job) -> tuple[Button, ...]:
    # Translators: a button: how far a job is
    return run_button(ctx._("Progress"), f"/job show {job.ref}")


def _stop(ctx: StaffContext, job: Job) -> tuple[Button, ...]:
    # Translators: a button: end a job
    return run_button(ctx._("Stop"), f"/job stop {job.ref}") if job.state is JobState.RUNNING else ()


def _jobs(ctx: StaffContext, ref: str | None) -> tuple[Button, ...]:
    return run_button(ctx._("List jobs"), "/job list") if ref else ()
