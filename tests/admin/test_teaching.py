"""Errors that teach: what is wrong with a line is said so that the next try is right, in both languages."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from chat import Bot, Chat

from admin.conftest import Hire
from bot.staff.lines import quoted
from sandbox.people import demo_id


@dataclass(frozen=True)
class Taught:
    """typed: what an owner types. says: msgid, with values (msgids in `named` are translated first). button: the
    label of what is offered; does: a text (msgid) of what its tap shows. words: a msgid within the values."""

    typed: str
    says: str
    values: dict[str, str] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    button: str = ""
    does: str = ""
    words: str = ""


TAUGHT = [
    Taught(
        "/gruop show 5",
        "There's no %(typed)s — did you mean %(better)s?",
        {"typed": "/gruop", "better": "/group show 5"},
        button="/group show 5",
        does="Policy",
    ),
    Taught(
        "/group shw 5",
        "There's no %(typed)s — did you mean %(better)s?",
        {"typed": "/group shw", "better": "/group show 5"},
        button="/group show 5",
        does="Policy",
    ),
    Taught(
        "/admins invte staff",
        "There's no %(typed)s — did you mean %(better)s?",
        {"typed": "/admins invte", "better": "/admins invite staff"},
        button="/admins invite staff",
    ),
    Taught(
        "/maint Now",
        "There's no %(typed)s — did you mean %(better)s?",
        {"typed": "/maint Now", "better": "/help maint"},
        button="/help maint",
        does="open the desk again",
    ),
    Taught("/xyzzy", "There's no %(typed)s.", {"typed": "/xyzzy"}, button="Commands", does="Campaigns"),
    Taught(
        "/group policy",
        "%(name)s (%(about)s) is missing. Example: %(example)s",
        {"name": "<group>", "example": "/group policy 5 per=1 max=500 until=2026-12-31"},
        {"about": "group number"},
        button="List groups",
    ),
    Taught(
        "/block C-8F3K2M 24h",
        "%(name)s (%(about)s) is missing. Example: %(example)s",
        {"name": "reason=", "example": "/block C-8F3K2M 24h reason=%s"},
        {"about": "why"},
        words="guessing codes",
    ),
    Taught(
        "/who amy lin",
        "%(name)s can't have spaces. Did you mean “%(joined)s”?",
        {"joined": "amy-lin"},
        {"name": "a customer or a receipt"},
        button="amy-lin",
    ),
    Taught("/whoami now", "“%(extra)s” is too much. Usage: %(usage)s", {"extra": "now", "usage": "/whoami"}),
    Taught(
        "/group policy 5 per=99999",
        "%(name)s is at most %(limit)s.",
        {"limit": "1000"},
        {"name": "claims of one code per customer"},
        button="per=1000",
        does="Then",
    ),
    Taught(
        "/group policy 5 max=0",
        "%(name)s is at least %(limit)s.",
        {"limit": "1"},
        {"name": "claims of one code in all"},
        button="max=1",
        does="Then",
    ),
    Taught(
        "/group policy 5 until=2026-13-01",
        "Dates are written YYYY-MM-DD, for example %(example)s",
        {"example": "until=2026-12-31"},
    ),
    Taught(
        "/group policy five",
        "%(name)s takes a whole number, not “%(value)s”. Example: %(example)s",
        {"name": "<group>", "value": "five", "example": "5"},
        button="List groups",
    ),
    Taught(
        "/group policy 5 per=",
        "%(name)s has nothing after it. Example: %(example)s",
        {"name": "per=", "example": "per=1"},
    ),
    Taught(
        "/code create NEW2027X group=-5",
        "%(name)s is at least %(limit)s.",
        {"limit": "1"},
        {"name": "group number"},
        button="List groups",
    ),
    Taught(
        "/group policy 5 maxx=7",
        "%(name)s is not known here — did you mean %(likely)s?",
        {"name": "maxx=", "likely": "max="},
        button="max=",
        does="Then",
    ),
    Taught(
        "/guard status colour=red",
        "%(name)s is not known here. Usage: %(usage)s",
        {"name": "colour=", "usage": "/guard status"},
    ),
    Taught("/group policy 5 max=1 max=2", "%(name)s was given twice. Once is enough.", {"name": "max="}),
    Taught(
        "/admins invite maneger",
        "%(name)s is one of %(choices)s, not “%(value)s”.",
        {"choices": "owner, manager, staff, viewer, counter", "value": "maneger"},
        {"name": "the role"},
        button="manager",
    ),
    Taught(
        "/guard raise for=soon",
        "A length of time is written 30m, 24h or 7d, for example %(example)s",
        {"example": "for=2h"},
    ),
    Taught(
        "/guard raise for=90d",
        "%(name)s is at most %(limit)s.",
        {"limit": "7d"},
        {"name": "how long"},
        button="for=7d",
        does="Raise the guard",
    ),
    Taught(
        "/block Amy 24h reason=spam",
        "“%(value)s” is no customer. Use C-8F3K2M, a receipt such as R-7F3K9M, or last.",
        {"value": "Amy"},
    ),
    Taught(
        "/block C-8F3K2M 24h reason=x",
        "%(name)s has at least %(limit)s characters.",
        {"limit": "2"},
        {"name": "why"},
    ),
    Taught(
        "/maint on " + "x" * 301,
        "%(name)s has at most %(limit)s characters.",
        {"limit": "300"},
        {"name": "what customers are told"},
    ),
    Taught(
        "/cod show #99",
        "There's no %(typed)s — did you mean %(better)s?",
        {"typed": "/cod", "better": "/code show #99"},
        button="/code show #99",
        does="Show the code",
    ),
    Taught(
        "/code create SUMMER",
        "%(name)s (%(about)s) is missing. Example: %(example)s",
        {"name": "group=", "example": "/code create SUMMER2026 group=5 rewards=1,2"},
        {"about": "group number"},
        button="List groups",
    ),
    Taught("/code create A B group=5", "Codes can't have spaces. Create “%(joined)s”?", {"joined": "A-B"}),
    Taught(
        "/code create WELCOME2026 group=5",
        "%(code)s exists already (#%(id)s, group %(group)s).",
        {"code": "WELCOME2026", "id": "99", "group": "5 新春活動"},
        button="Move",
        does="List groups",
    ),
    Taught(
        "/code bulk group=5 n=99999 prefix=SUMMER",
        "At most %(limit)s codes at once; create them in batches.",
        {"limit": "2000"},
        button="n=2000",
        does="Start",
    ),
    Taught(
        "/code bulk group=5 n=5 prefix=SUMMER len=7",
        "%(name)s is at least %(limit)s.",
        {"limit": "8"},
        {"name": "random symbols of each"},
        button="len=8",
        does="Start",
    ),
    Taught(
        "/code bulk group=5 n=5 prefix=SUMMERHOLIDAYS",
        "%(name)s has at most %(limit)s characters.",
        {"limit": "12"},
        {"name": "what each code begins with"},
    ),
    Taught(
        "/job stop twelve",
        "“%(value)s” is no job; they are called %(example)s.",
        {"value": "twelve", "example": "J-12"},
        button="List jobs",
    ),
    Taught(
        "/code bulk group=5 n=5 prefix==cmd()",
        "Customers could not type “%(value)s” here: only letters, digits and hyphens. Example: %(example)s",
        {"value": "=cmd()", "example": "prefix=SUMMER"},
    ),
    Taught(
        "/isue C-8F3K2M gift=422 price=1899 reason=goodwill",
        "There's no %(typed)s — did you mean %(better)s?",
        {"typed": "/isue", "better": "/issue C-8F3K2M gift=422 price=1899 reason=goodwill"},
    ),
    Taught(
        "/issue lits unknown",
        "There's no %(typed)s — did you mean %(better)s?",
        {"typed": "/issue lits", "better": "/issue list unknown"},
        button="/issue list unknown",
        does="There is no voucher of unknown outcome.",
    ),
    Taught(
        "/issue last gift=422",  # no mistyped `list`
        "%(name)s (%(about)s) is missing. Example: %(example)s",
        {"name": "price=", "example": "/issue C-8F3K2M gift=422 price=1899 reason=%s"},
        {"about": "price number"},
        words="late delivery",
        button="Catalogue",
        does="Reload",
    ),
    Taught(
        "/issue C-8F3K2M gift=422 price=1899 qty=11 reason=goodwill",
        "%(name)s is at most %(limit)s.",
        {"limit": "10"},
        {"name": "how many"},
        button="qty=10",
    ),
    Taught(
        "/issue resolve R-7F3K9M done reason=goodwill",
        "%(name)s is one of %(choices)s, not “%(value)s”.",
        {"choices": "ok, failed", "value": "done"},
        {"name": "how it ended"},
    ),
    Taught(
        "/catalog show coffee",
        "“%(value)s” is no voucher; they are named by gift and price, for example %(example)s.",
        {"value": "coffee", "example": "422:1899"},
        button="Catalogue",
        does="Reload",
    ),
    Taught(
        "/points C-8F3K2M 50 reason=goodwill",
        "Say how many points to give or to take, with a sign: +50 or -50.",
        button="-50",
    ),
    Taught(
        "/points C-8F3K2M +99999999999 reason=goodwill",
        "%(name)s is at most %(limit)s.",
        {"limit": "1000000"},
        {"name": "by how much"},
        button="1000000",
    ),
    Taught(
        "/admins invite",
        "%(name)s (%(about)s) is missing. Example: %(example)s",
        {"name": "owner|manager|staff|viewer|counter", "example": "/admins invite staff"},
        {"about": "the role"},
        button="viewer",
        does="Invite",
    ),
    Taught(
        "/stats tomorrow",
        "%(name)s is one of %(choices)s, not “%(value)s”.",
        {"choices": "today, 7d, 30d", "value": "tomorrow"},
        {"name": "period"},
        button="7d",
        does="Customers",
    ),
    Taught(
        "/link new",
        "%(name)s (%(about)s) is missing. Example: %(example)s",
        {"name": "<phone>", "example": "/link new 0912345678"},
        {"about": "the customer's phone"},
    ),
    Taught("/" + "x" * 501, "That line is too long: %(limit)s characters at most.", {"limit": "500"}),
]


@pytest.mark.parametrize("taught", TAUGHT, ids=lambda taught: taught.typed[:40])
async def test_a_wrong_line_teaches(owner: Chat, taught: Taught) -> None:
    """The answer says what is wrong, and its button is the right line."""
    await owner.say(taught.typed)

    values = dict(taught.values)
    if taught.words:
        values["example"] %= quoted(owner._(taught.words))
    assert owner.said(taught.says, **values, **{name: owner._(msgid) for name, msgid in taught.named.items()})
    if taught.button:
        await owner.tap(taught.button)
        assert not taught.does or owner._(taught.does) in owner.text


async def test_who_may_not_is_told_who_can(owner: Chat, hire: Hire) -> None:
    """By the name that lists use."""
    await owner.say("/admins")
    member = await hire("staff")

    await member.say("/admins")

    name = next(word for word in owner.text.replace("：", " ").replace(":", " ").split() if word.startswith("owner-"))
    assert member.said(
        "This command needs %(needed)s, and you are %(role)s. %(owner)s can do it.",
        needed=member._("owner"),
        role=member._("staff"),
        owner=name,
    )


@pytest.mark.parametrize(
    "line", ["/群組 show 5", "／群組　show　#5", "/活動 SHOW 5", "/GROUP Show 5", "/groups show 5"]
)
async def test_nouns_have_other_words(owner: Chat, line: str) -> None:
    """In every language, whichever one reads; with width and capitals as they come."""
    await owner.say(line)

    assert owner.said("Policy")


@pytest.mark.parametrize("line", ["/", "／", "/menu", "/選單"])
async def test_a_slash_alone_is_the_menu(owner: Chat, line: str) -> None:
    """So that nobody has to know a word."""
    await owner.say(line)

    assert owner.said("Find customer")
    assert not owner.said("Safety")


@pytest.mark.parametrize("line", ["/help", "/說明", "/ -h"])
async def test_help_lists_the_commands(owner: Chat, line: str) -> None:
    """By topic."""
    await owner.say(line)

    assert owner.said("Codes in bulk")
    assert owner.said("Safety")


@pytest.mark.parametrize(
    "line", ["/group", "/群組", "/group per=1", "/help group", "/help 群組", "/help /group", "/group -h"]
)
async def test_a_noun_alone_shows_what_it_can_do(owner: Chat, line: str) -> None:
    """Each verb with what it is for."""
    await owner.say(line)

    assert owner.said("let nobody redeem a group's codes")


async def test_a_noun_of_which_one_may_nothing_says_who_may(owner: Chat, hire: Hire) -> None:
    """No help that leads back to the same words."""
    await owner.say("/whoami")
    member = await hire("viewer")

    await member.say("/group")

    assert member.said(
        "This command needs %(needed)s, and you are %(role)s. %(owner)s can do it.",
        needed=member._("staff"),
        role=member._("viewer"),
        owner=next(word for word in owner.text.split() if word.startswith("owner-")),
    )


async def test_answers_are_in_the_members_language(owner: Chat) -> None:
    """It is the language of their chat, changed by one command."""
    await owner.say("/lang zh")
    await owner.say("/guard")
    assert "防猜碼保護" in owner.text

    await owner.say("/語言 EN")
    await owner.say("/guard")
    assert "Guard against guessing" in owner.text


async def test_a_language_goes_by_any_name_of_it(owner: Chat) -> None:
    """What there is no catalogue for is told, with those that there are to be tapped."""
    await owner.say("/lang klingon")
    assert owner.said("That language is not available.")

    await owner.tap("/lang zh")
    assert owner.text.startswith("已切換為中文。")
    await owner.say("/lang 英文")
    await owner.say("/lang zh-TW")
    await owner.say("/lang english")

    assert owner.text.startswith("Switched to English.")


async def test_a_language_counts_at_once(bot: Bot, channel: str) -> None:
    """Also for what stands below the answer, such as the notice under somebody's first one."""
    chat = bot.chat(channel, demo_id(channel, "staff"), "zh-TW")

    await chat.say("/lang en")

    assert "Switched to English." in chat.text
    chat.tag = "en"
    assert chat.notice in chat.text


async def test_staff_are_not_asked_whether_they_prefer_english(bot: Bot, channel: str) -> None:
    """Commands are English words in every language."""
    chat = bot.chat(channel, demo_id(channel, "staff"))
    for _ in range(4):
        await chat.say("/group show 5")
        assert "Prefer English?" not in chat.text


async def test_staff_may_type_more_than_customers(owner: Chat) -> None:
    """Twenty messages a minute are not much at a counter."""
    for _ in range(25):
        await owner.say("/whoami")

    assert owner.said("Role")
