"""Poshen: finding, listing and managing redemption codes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.apis import Apis
from bot.apis.http import Upstream, open_http
from bot.apis.poshen import (
    HISTORY_PAGES,
    MOST_PAGES,
    NAME,
    Named,
    PoshenApi,
    Redeemed,
    RedemptionCode,
    Refusal,
    Reward,
    explain,
)
from bot.errors import (
    ConfigurationError,
    Conflict,
    ContractError,
    CredentialsRefused,
    NotFound,
    OutcomeUnknown,
    UpstreamRefused,
    UpstreamUnavailable,
)

from .scripted import DROP, Clock, Vendor, reply

# The vendor's own sample.
SAMPLE: dict[str, Any] = {
    "id": 99,
    "code": "WELCOME2026",
    "current_uses": 12,
    "group": {"id": 5, "name": "新春活動"},
    "game": {"id": 1, "name": "咖波疊疊樂"},
    "rewards": [{"id": 1, "code": "GOLD_100", "name": "金幣 100", "type": "金幣"}],
}
WELCOME = RedemptionCode(
    99,
    "WELCOME2026",
    12,
    Named(5, "新春活動"),
    Named(1, "咖波疊疊樂"),
    (Reward(1, "GOLD_100", "金幣 100", "金幣"),),
)


@pytest.fixture
async def poshen(vendor: Vendor, clock: Clock) -> AsyncIterator[PoshenApi]:
    http = open_http(vendor.url, setting="POSHEN_API_URL", headers={"Authorization": "Bearer 1|s3cret-token"})
    upstream = Upstream(NAME, http, explain=explain, clock=clock, sleep=clock.sleep, jitter=lambda: 1.0)
    api = PoshenApi(upstream)
    yield api
    await api.aclose()


def listing(*items: Any, **meta: Any) -> bytes:
    """A page of codes; `meta` as in the vendor's sample unless told."""
    return reply(200, {"data": list(items), "meta": meta or {"current_page": 1, "total": len(items)}})


def sample(**fields: Any) -> dict[str, Any]:
    return SAMPLE | fields


# Finding


async def test_names_are_shown_without_entities_and_codes_as_they_are(vendor: Vendor, poshen: PoshenApi) -> None:
    reward = {"id": 1, "code": "A&amp;B", "name": "M&amp;M&#39;s", "type": "coin"}
    vendor.says(listing(sample(code="X&AMP;Y", group={"id": 5, "name": "&quot;新春&quot;"}, rewards=[reward])))
    found = await poshen.find("X&AMP;Y")
    assert found is not None
    assert (found.code, found.group, found.rewards) == (
        "X&AMP;Y",
        Named(5, '"新春"'),
        (Reward(1, "A&amp;B", "M&M's", "coin"),),
    )


async def test_the_vendors_sample_is_found(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(listing(SAMPLE))
    assert await poshen.find(" WELCOME2026\n") == WELCOME
    (seen,) = vendor.seen
    assert (seen.method, seen.path, seen.query) == (
        "GET",
        "/base/redemption-codes",
        {"code": ["WELCOME2026"]},
    )
    assert seen.headers["accept"] == "application/json"
    assert seen.headers["authorization"] == "Bearer 1|s3cret-token"


async def test_no_such_code(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(listing())
    assert await poshen.find("NOPE") is None


async def test_a_vendor_that_ignores_case_and_blanks_is_understood(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(listing(sample(code="Welcome2026 ")))
    found = await poshen.find("wELCOME2026")
    assert found
    assert found.code == "Welcome2026"


async def test_a_code_that_is_only_similar_is_not_taken(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(listing(sample(code="WELCOMÉ2026")))
    assert await poshen.find("WELCOME2026") is None


async def test_two_codes_that_match_are_an_error(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(listing(SAMPLE, sample(id=100, code="welcome2026")))
    with pytest.raises(ContractError, match="2 codes"):
        await poshen.find("WELCOME2026")


async def test_a_filter_that_does_nothing_is_noticed(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(listing(SAMPLE, current_page=1, total=40))
    with pytest.raises(ContractError, match="ignored"):
        await poshen.find("OTHER")


@pytest.mark.parametrize(
    "bad",
    [
        {"code": "WELCOME2026"},
        {"id": 1},
        "WELCOME2026",
        None,
        sample(rewards=[{"name": "金幣"}]),
        sample(rewards={"id": 1}),
        sample(id=True),
        sample(id="no. 99"),
        sample(id=[99]),
    ],
)
async def test_an_unreadable_item_that_may_be_ours_is_an_error(vendor: Vendor, poshen: PoshenApi, bad: Any) -> None:
    vendor.says(listing(bad))
    with pytest.raises(ContractError, match="/data/0"):
        await poshen.find("WELCOME2026")


async def test_an_unreadable_item_of_another_code_does_not_matter(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(listing({"code": "OTHER"}, SAMPLE))
    assert await poshen.find("WELCOME2026") == WELCOME


async def test_what_is_not_needed_may_be_missing(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(listing({"id": "99", "code": 2026, "group": [], "game": {"name": "x"}, "rewards": None, "new": 1}))
    assert await poshen.find("2026") == RedemptionCode(99, "2026", None, None, None, ())


@pytest.mark.parametrize("text", ["", "  \n", "x" * 256, "a\x00b", "a\nb", "\ud800"])
async def test_what_cannot_be_a_code_is_not_asked_for(vendor: Vendor, poshen: PoshenApi, text: str) -> None:
    assert await poshen.find(text) is None
    assert vendor.seen == []


@pytest.mark.parametrize("body", [[], {}, {"data": None}, {"data": SAMPLE}])
async def test_a_list_of_another_shape_is_an_error(vendor: Vendor, poshen: PoshenApi, body: Any) -> None:
    vendor.says(reply(200, body))
    with pytest.raises(ContractError):
        await poshen.find("WELCOME2026")


async def test_a_list_that_is_not_there_is_not_an_unknown_code(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(reply(404, {"message": "Not Found"}))
    with pytest.raises(ContractError):
        await poshen.find("WELCOME2026")


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    code=st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=40)
    .map(str.strip)
    .filter(bool)
)
async def test_any_code_arrives_as_it_was_typed(vendor: Vendor, poshen: PoshenApi, code: str) -> None:
    vendor.says(listing())
    vendor.seen.clear()
    await poshen.find(code)
    assert [seen.query for seen in vendor.seen] == [{"code": [code]}]


# Reading one and many


@pytest.mark.parametrize("body", [{"data": SAMPLE}, SAMPLE])
async def test_one_code_is_read_with_or_without_an_envelope(vendor: Vendor, poshen: PoshenApi, body: Any) -> None:
    vendor.says(reply(200, body))
    assert await poshen.get(99) == WELCOME
    assert vendor.seen[0].path == "/base/redemption-codes/99"


async def test_a_code_that_is_gone(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(reply(404, {"message": "No query results"}))
    with pytest.raises(NotFound):
        await poshen.get(99)


async def test_one_code_of_another_shape_is_an_error(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(reply(200, {"data": []}))
    with pytest.raises(ContractError, match="/data is an array"):
        await poshen.get(99)


async def test_a_page_sends_its_filters_and_counts_the_unreadable(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(listing(SAMPLE, "bad", current_page=2, total=9, per_page=2))
    page = await poshen.page(2, group_id=5, game_id=1, per_page=2)
    assert vendor.seen[0].query == {"page": ["2"], "group_id": ["5"], "game_id": ["1"], "per_page": ["2"]}
    assert (page.codes, page.number, page.total, page.more, page.skipped) == ((WELCOME,), 2, 9, True, 1)


@pytest.mark.parametrize(
    ("meta", "more"),
    [
        ({"last_page": 2}, False),
        ({"last_page": 3, "total": 1}, True),
        ({"total": 4, "per_page": 2}, False),
        ({"total": 5, "per_page": 2}, True),
        ({"total": 5}, True),
        ({"note": "nothing known"}, True),
    ],
)
async def test_whether_more_is_worth_asking_for(
    vendor: Vendor, poshen: PoshenApi, meta: dict[str, Any], more: bool
) -> None:
    vendor.says(listing(SAMPLE, **meta))
    assert (await poshen.page(2)).more is more


async def ids(poshen: PoshenApi) -> list[int]:
    return [code.id async for code in poshen.list(group_id=5)]


async def test_listing_ends_at_the_total_and_shows_shifted_codes_once(vendor: Vendor, poshen: PoshenApi) -> None:
    one, two, three = (sample(id=number) for number in (1, 2, 3))
    vendor.says(listing(one, two, current_page=1, total=4), listing(two, three, "bad", current_page=2, total=4))
    assert await ids(poshen) == [1, 2, 3]
    assert [seen.query["page"] for seen in vendor.seen] == [["1"], ["2"]]


@pytest.mark.parametrize(
    "last", [listing(note=1), listing(SAMPLE, note=1), listing(sample(id=1), current_page=2, last_page=2)]
)
async def test_listing_ends_when_nothing_more_comes(vendor: Vendor, poshen: PoshenApi, last: bytes) -> None:
    """An empty page, the first one again, the last page."""
    vendor.says(listing(SAMPLE, current_page=1), last)
    assert (await ids(poshen))[0] == 99
    assert len(vendor.seen) == 2
    assert vendor.seen[1].query["page"] == ["2"]


async def test_listing_does_not_go_on_for_ever(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(*(listing(sample(id=number), note=1) for number in range(MOST_PAGES + 5)))
    assert len(await ids(poshen)) == MOST_PAGES


# Rewards


async def test_rewards_are_read_page_by_page(vendor: Vendor, poshen: PoshenApi) -> None:
    """Each once, by their numbers; one that cannot be read is left out."""
    gold, gem = {"id": 7, "code": "GOLD", "name": "金幣 100", "type": "金幣"}, {"id": 3, "name": "鑽石 50"}
    vendor.says(listing(gold, {"name": "no id"}, current_page=1, total=4), listing(gem, gold, current_page=2, total=4))
    assert await poshen.rewards() == (Reward(3, "", "鑽石 50", ""), Reward(7, "GOLD", "金幣 100", "金幣"))
    assert [seen.path for seen in vendor.seen] == ["/base/rewards"] * 2
    assert [seen.query["page"] for seen in vendor.seen] == [["1"], ["2"]]


async def test_rewards_end_when_nothing_new_comes(vendor: Vendor, poshen: PoshenApi) -> None:
    """A vendor that ignores the page and tells no total shows the first one for ever."""
    vendor.says(listing(SAMPLE["rewards"][0], note=1))
    assert await poshen.rewards() == WELCOME.rewards
    assert len(vendor.seen) == 2


async def test_rewards_that_the_token_may_not_read(vendor: Vendor, poshen: PoshenApi) -> None:
    """403: codes work, only this list does not."""
    vendor.says(reply(403, {"message": "This action is unauthorized."}))
    with pytest.raises(CredentialsRefused):
        await poshen.rewards()


# Creating


@pytest.mark.parametrize(
    ("group", "rewards", "same"), [(5, (1,), True), (6, (1,), False), (5, (1, 2), False), (5, (), False)]
)
def test_a_code_is_of_a_group_and_its_rewards(group: int, rewards: tuple[int, ...], *, same: bool) -> None:
    """Neither more nor fewer rewards, and no other group."""
    assert WELCOME.is_of(group, rewards) is same


async def create(poshen: PoshenApi) -> RedemptionCode:
    return await poshen.create(" WELCOME2026 ", group_id=5, reward_ids=[1])


async def test_a_code_is_created_as_the_vendor_shows(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(reply(201, {"data": SAMPLE}))
    assert await create(poshen) == WELCOME
    (seen,) = vendor.seen
    assert seen.json == {"code": "WELCOME2026", "redemption_code_group_id": 5, "rewards": [{"reward_id": 1}]}


async def test_rewards_are_optional(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(reply(201, {"data": sample(rewards=[])}))
    await poshen.create("WELCOME2026", group_id=5)
    assert vendor.seen[0].json == {"code": "WELCOME2026", "redemption_code_group_id": 5}


@pytest.mark.parametrize(
    "answer",
    [reply(201), reply(200, {"message": "ok"}), reply(201, {"data": {"id": 99, "code": "WELCOME2026"}})],
)
async def test_an_answer_without_the_code_is_looked_up(vendor: Vendor, poshen: PoshenApi, answer: bytes) -> None:
    vendor.says(answer, listing(SAMPLE))
    assert await create(poshen) == WELCOME
    assert [seen.method for seen in vendor.seen] == ["POST", "GET"]


async def test_what_the_vendor_accepted_is_told_as_it_is(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(reply(201), listing(sample(rewards=[])))
    assert (await create(poshen)).rewards == ()


LOST = {"dropped": DROP, "500": reply(500), "503": reply(503), "not JSON": reply(201, b"<html>")}
TAKEN = {
    "409": reply(409, {"message": "s3cret-answer"}),
    "422": reply(422, {"message": "s3cret-answer", "errors": {"code": ["s3cret-answer"]}}),
}


@pytest.mark.parametrize("answer", (LOST | TAKEN).values(), ids=LOST | TAKEN)
async def test_a_lost_answer_is_verified(vendor: Vendor, poshen: PoshenApi, answer: bytes) -> None:
    """Our own earlier attempt may have arrived."""
    vendor.says(answer, listing(SAMPLE))
    assert await create(poshen) == WELCOME
    assert [seen.method for seen in vendor.seen] == ["POST", "GET"]


@pytest.mark.parametrize("answer", (LOST | TAKEN).values(), ids=LOST | TAKEN)
@pytest.mark.parametrize("other", [sample(group={"id": 6, "name": "x"}), sample(rewards=[]), sample(group=None)])
async def test_a_code_that_exists_differently_is_a_conflict(
    vendor: Vendor, poshen: PoshenApi, answer: bytes, other: Any
) -> None:
    vendor.says(answer, listing(other))
    with pytest.raises(Conflict):
        await create(poshen)


@pytest.mark.parametrize("then", [listing(), reply(500), reply(401), reply(200, {})])
async def test_what_cannot_be_verified_stays_unknown(vendor: Vendor, poshen: PoshenApi, then: bytes) -> None:
    vendor.says(reply(503), then)
    with pytest.raises(OutcomeUnknown):
        await create(poshen)
    assert [seen.method for seen in vendor.seen].count("POST") == 1


async def test_a_refusal_that_is_not_about_the_code_is_told_by_field(vendor: Vendor, poshen: PoshenApi) -> None:
    errors = {"rewards.0.reward_id": ["s3cret-answer"], "code": ["s3cret-answer"]}
    vendor.says(reply(422, {"message": "s3cret-answer", "errors": errors}), listing())
    with pytest.raises(UpstreamRefused, match=r"422: code, rewards\.0\.reward_id") as caught:
        await create(poshen)
    assert "s3cret" not in str(caught.value)


async def test_a_conflict_that_cannot_be_looked_up_stays_one(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(TAKEN["409"], reply(500))
    with pytest.raises(Conflict):
        await create(poshen)


async def test_creating_without_the_right_to(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(reply(403, {"message": "This action is unauthorized."}))
    with pytest.raises(CredentialsRefused, match="administrator"):
        await create(poshen)
    assert len(vendor.seen) == 1


@pytest.mark.parametrize("text", [" ", "x" * 256, "a\x00"])
async def test_what_cannot_be_a_code_is_not_created(vendor: Vendor, poshen: PoshenApi, text: str) -> None:
    with pytest.raises(ValueError, match="not a code"):
        await poshen.create(text, group_id=5)
    assert vendor.seen == []


# Moving and deleting


async def test_a_move(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(reply(204))
    await poshen.move(99, group_id=6)
    (seen,) = vendor.seen
    assert (seen.method, seen.path) == ("PUT", "/base/redemption-codes/99")
    assert seen.json == {"redemption_code_group_id": 6}


async def test_a_move_with_a_lost_answer_is_repeated(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(DROP, reply(204))
    await poshen.move(99, group_id=6)
    assert [seen.method for seen in vendor.seen] == ["PUT", "PUT"]


async def test_a_move_of_nothing(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(reply(404))
    with pytest.raises(NotFound):
        await poshen.move(99, group_id=6)


async def test_a_delete(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(reply(204))
    await poshen.delete(99)
    assert [(seen.method, seen.path) for seen in vendor.seen] == [("DELETE", "/base/redemption-codes/99")]


@pytest.mark.parametrize("script", [[DROP, reply(404)], [reply(503), reply(204)], [reply(404)]])
async def test_what_is_gone_is_deleted(vendor: Vendor, poshen: PoshenApi, script: list[bytes]) -> None:
    vendor.says(*script)
    await poshen.delete(99)
    assert len(vendor.seen) == len(script)


async def test_a_delete_that_never_gets_an_answer_is_unknown(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(DROP)
    with pytest.raises(OutcomeUnknown):
        await poshen.delete(99)
    assert len(vendor.seen) == 3


# The check


async def test_the_check_passes(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(listing(SAMPLE))
    await poshen.check()
    assert vendor.seen[0].query["per_page"] == ["1"]


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        (reply(401, {"message": "Unauthenticated."}), "POSHEN_TOKEN is not accepted"),
        (reply(403), "POSHEN_TOKEN belongs to a user without the right"),
        (reply(404), "Check POSHEN_API_URL"),
        (reply(302, location="/login"), "login page"),
        (reply(301, location="https://example.com/"), "Check POSHEN_API_URL"),
        (reply(200, {"hello": "world"}), "Check POSHEN_API_URL"),
    ],
)
async def test_the_check_says_what_to_do(vendor: Vendor, poshen: PoshenApi, answer: bytes, advice: str) -> None:
    vendor.says(answer)
    with pytest.raises(ConfigurationError, match=advice):
        await poshen.check()


async def test_the_check_cannot_tell_while_the_vendor_is_down(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(reply(503))
    with pytest.raises(UpstreamUnavailable):
        await poshen.check()


async def test_all_clients_are_closed_together(vendor: Vendor) -> None:
    vendor.says(listing(SAMPLE))
    apis = Apis(poshen=PoshenApi.open(vendor.url, token="1|t"))
    assert apis.poshen
    assert await apis.poshen.find("WELCOME2026") == WELCOME
    assert apis.poshen.upstream.breaker.state == "closed"
    await apis.aclose()
    with pytest.raises(RuntimeError, match="closed"):
        await apis.poshen.find("WELCOME2026")


# Redeeming for a player

PLAYER = "unity-12345"


async def test_a_code_is_redeemed_for_a_player_as_the_vendors_sample_shows(vendor: Vendor, poshen: PoshenApi) -> None:
    granted = [{"id": 1, "code": "GOLD_100", "name": "金幣 100", "type": "金幣"}]
    vendor.says(reply(200, {"data": granted}))

    assert await poshen.redeem("WELCOME2026", PLAYER) == (Reward(1, "GOLD_100", "金幣 100", "金幣"),)

    (seen,) = vendor.seen
    assert (seen.method, seen.path) == ("POST", "/base/redemptions")
    assert seen.json == {"redemption_code": "WELCOME2026", "unity_player_id": PLAYER}


REFUSED: list[tuple[int, Any, Refusal | None]] = [
    (404, {"message": "RedemptionException::invalidCode"}, Refusal.INVALID),
    (404, {"message": "Not Found"}, None),
    (404, {"message": "No query results for model [App\\Models\\User] x"}, Refusal.PLAYER),
    (404, {"message": "找不到玩家"}, Refusal.PLAYER),
    (409, {"message": "RedemptionException::expired"}, Refusal.EXPIRED),
    (409, {"message": "…", "exception": "App\\Exceptions\\RedemptionException::expired"}, Refusal.EXPIRED),
    (409, {"message": "…", "code": "alreadyRedeemed"}, Refusal.ALREADY),
    (409, {"message": "You may redeem a code once.", "error": "maxUsesExceeded"}, Refusal.USED_UP),
    (409, {"message": "already redeemed", "code": "expired"}, Refusal.EXPIRED),
    (409, {"message": "…", "reason": "該使用者已兌換過"}, Refusal.ALREADY),
    (409, {"message": "兌換碼已過期"}, Refusal.EXPIRED),
    (409, {"message": "兌換碼已被全部用完"}, Refusal.USED_UP),
    (409, {"message": "已達使用上限"}, Refusal.USED_UP),
    (409, {"message": "該使用者已兌換過"}, Refusal.ALREADY),
    (409, {"message": "您已經兌換此序號"}, Refusal.ALREADY),
    (409, {"message": "This code has expired."}, Refusal.EXPIRED),
    (409, {"message": "This code has already been fully used."}, Refusal.USED_UP),
    (409, {"message": "You have already redeemed this code."}, Refusal.ALREADY),
    (409, {"message": "Conflict"}, None),
    (409, "<h1>Conflict</h1>", None),
    (409, {"message": ["odd"], "code": 17}, None),
    (422, {"message": "…", "errors": {"unity_player_id": ["invalid"]}}, Refusal.PLAYER),
    (422, {"message": "…", "errors": {"redemption_code": ["too long"]}}, None),
]


@pytest.mark.parametrize(("status", "body", "reason"), REFUSED)
async def test_what_a_no_to_redeeming_means(
    vendor: Vendor, poshen: PoshenApi, status: int, body: Any, reason: Refusal | None
) -> None:
    """By the field for machines first, then by its words, Chinese and English; never repeated."""
    vendor.says(reply(status, body.encode() if isinstance(body, str) else body))

    with pytest.raises(UpstreamRefused) as raised:
        await poshen.redeem("WELCOME2026", PLAYER)

    assert (raised.value.status, raised.value.code, len(vendor.seen)) == (status, reason, 1)
    assert PLAYER not in str(raised.value)


@pytest.mark.parametrize("answer", [DROP, reply(500), reply(503), reply(200, b"<h1>OK</h1>")])
async def test_a_redemption_that_may_have_happened_is_unknown_and_not_repeated(
    vendor: Vendor, poshen: PoshenApi, answer: bytes
) -> None:
    """A second one would say "already", and nobody would know whose that was."""
    vendor.says(answer)

    with pytest.raises(OutcomeUnknown):
        await poshen.redeem("WELCOME2026", PLAYER)

    assert len(vendor.seen) == 1


@pytest.mark.parametrize("data", [None, {}, [{"name": "金幣"}]])
async def test_a_yes_to_nobody_knows_what_is_no_reward(vendor: Vendor, poshen: PoshenApi, data: Any) -> None:
    vendor.says(reply(200, {"data": data}))

    with pytest.raises(ContractError):
        await poshen.redeem("WELCOME2026", PLAYER)


def entry(player: str | None = PLAYER, code_id: int = 99, at: str | None = "2026-11-30T10:00:00+08:00") -> Any:
    """A line of the history, as the documents describe it."""
    return {
        "id": 1,
        "user": {"id": 42, "unity_player_id": player, "email": None},
        "redemption_code": {"id": code_id, "code": "WELCOME2026", "group_id": 5, "total_uses": 3},
        "redeemed_at": at,
    }


AT = datetime(2026, 11, 30, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("items", "found"),
    [
        ([entry()], Redeemed(there=True, at=AT)),
        ([entry(at=None)], Redeemed(there=True)),
        ([entry(at="2026-11-29T00:00:00Z"), entry()], Redeemed(there=True, at=AT)),
        ([entry("unity-54321"), entry(None), entry(code_id=100), {}, "odd", {"user": 1}], Redeemed(there=False)),
        ([], Redeemed(there=False)),
    ],
)
async def test_the_history_is_compared_by_us(
    vendor: Vendor, poshen: PoshenApi, items: list[Any], found: Redeemed
) -> None:
    """Whatever its filters do, only this player's redemption of this code counts."""
    vendor.says(listing(*items))

    assert await poshen.redeemed(WELCOME, PLAYER) == found


async def test_a_history_without_end_is_no_proof(vendor: Vendor, poshen: PoshenApi) -> None:
    """A vendor that ignores the page, or the filter, shows others' redemptions for ever."""
    vendor.says(listing(entry("somebody"), current_page=1, total=5000))

    assert await poshen.redeemed(WELCOME, PLAYER) == Redeemed(there=False, whole=False)
    assert len(vendor.seen) == HISTORY_PAGES


async def test_whether_the_history_may_be_read_is_told(vendor: Vendor, poshen: PoshenApi) -> None:
    vendor.says(listing(), reply(403, {"message": "This action is unauthorized."}))

    await poshen.check_history()
    with pytest.raises(CredentialsRefused):
        await poshen.check_history()
