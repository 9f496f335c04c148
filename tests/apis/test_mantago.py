"""MantaGo: what is asked, and what is made of the answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from bot.apis.http import Upstream, open_http
from bot.apis.mantago import NAME, Gift, Gifts, MantagoApi, Pair, Source, Ticket, explain
from bot.errors import (
    ConfigurationError,
    ContractError,
    CredentialsRefused,
    OutcomeUnknown,
    RateLimited,
    UpstreamRefused,
    UpstreamUnavailable,
)
from bot.partners import Platform

from .scripted import HANG, Clock, Vendor, jwt, reply

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
async def mantago(vendor: Vendor, clock: Clock) -> AsyncIterator[MantagoApi]:
    http = open_http(vendor.url, setting="MANTAGO_API_URL", headers={"Authorization": "Bearer s3cret-token"})
    upstream = Upstream(NAME, http, explain=explain, clock=clock, sleep=clock.sleep, jitter=lambda: 1.0)
    api = MantagoApi(upstream, token="s3cret-token", secret="s3cret-secret", bot_id="Ym90")
    yield api
    await api.aclose()


def gifts(**arrays: Any) -> bytes:
    """A successful answer."""
    return reply(200, {"success": True, "message": "Get client gifts successfully", **arrays})


def failure(status: int, code: object) -> bytes:
    """A failure as the vendor's page describes it."""
    body = {"success": False, "errResponse": {"message": "s3cret-answer", "code": code, "botId": "Ym90"}}
    return reply(status, body)


def gift(**fields: Any) -> dict[str, Any]:
    """An item with everything the vendor's schema requires."""
    return {
        "name": "保溫杯",
        "resource": "lotteryGame",
        "createdAt": "2026-10-02T03:00:00.000Z",
        "isExpired": False,
    } | fields


async def test_a_name_is_shown_without_entities(vendor: Vendor, mantago: MantagoApi) -> None:
    """Once: whoever wrote `&lt;` meant it."""
    vendor.says(gifts(virtualGifts=[gift(name="M&amp;M&#39;s"), gift(name="&amp;lt;3")]))
    assert [each.name for each in (await mantago.gifts("line", "U1")).of("virtual")] == ["M&M's", "&lt;3"]


# What is sent


async def test_the_user_and_the_secret_go_into_the_body(vendor: Vendor, mantago: MantagoApi) -> None:
    vendor.says(gifts())
    await mantago.gifts("line", "U1")
    (seen,) = vendor.seen
    assert (seen.method, seen.path) == ("POST", "/base/openapi/client/gift")
    assert seen.query == {"botId": ["Ym90"]}
    assert seen.json == {"secret": "s3cret-secret", "platform": "line", "platformClientId": "U1"}
    assert seen.headers["authorization"] == "Bearer s3cret-token"


async def test_the_user_can_be_put_into_the_query_too(vendor: Vendor) -> None:
    vendor.says(gifts())
    api = MantagoApi.open(vendor.url, token="t", secret="s", bot_id="Ym90", id_in_query=True)
    await api.gifts("facebook", "123")
    assert api.upstream.breaker.state == "closed"
    await api.aclose()
    (seen,) = vendor.seen
    assert seen.query == {"botId": ["Ym90"], "platform": ["facebook"], "platformClientId": ["123"]}
    assert seen.json == {"secret": "s", "platform": "facebook", "platformClientId": "123"}


async def test_one_user_asked_for_at_once_is_one_call(vendor: Vendor, mantago: MantagoApi) -> None:
    vendor.says(gifts(tickets=[{"createdAt": "2026-11-01T02:00:00.000Z"}]))
    first, second, other = await asyncio.gather(
        mantago.gifts("line", "U1"), mantago.gifts("line", "U1"), mantago.gifts("facebook", "U1")
    )
    assert first is second
    assert other == first
    assert len(vendor.seen) == 2
    await mantago.gifts("line", "U1")
    assert len(vendor.seen) == 3, "nothing is kept afterwards"


async def test_an_error_is_shared_too(vendor: Vendor, mantago: MantagoApi) -> None:
    vendor.says(failure(401, 1004))
    outcomes = await asyncio.gather(*(mantago.gifts("line", "U1") for _ in range(2)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [CredentialsRefused, CredentialsRefused]
    assert len(vendor.seen) == 1


async def test_one_who_gives_up_does_not_stop_the_others(vendor: Vendor, mantago: MantagoApi) -> None:
    vendor.says(gifts())
    hasty = asyncio.create_task(mantago.gifts("line", "U1"))
    patient = asyncio.create_task(mantago.gifts("line", "U1"))
    await asyncio.sleep(0)
    hasty.cancel()
    assert await patient == Gifts()
    assert hasty.cancelled()


async def test_closing_ends_running_lookups(vendor: Vendor, clock: Clock) -> None:
    vendor.says(HANG)
    api = MantagoApi.open(vendor.url, token="t", secret="s", bot_id="b")
    lookup = asyncio.create_task(api.gifts("line", "U1"))
    await asyncio.sleep(0)
    await api.aclose()
    with pytest.raises(asyncio.CancelledError):
        await lookup


# The vendor's own samples


async def test_every_kind_of_gift_is_read(vendor: Vendor, mantago: MantagoApi) -> None:
    """The answer that the vendor's schema describes; the physical gift lacks `isExpired` as in its sample."""
    vendor.says(
        gifts(
            tickets=[{"createdAt": "2026-11-01T02:00:00.000Z"}],
            physicalGifts=[{"name": "保溫杯", "resource": "lotteryGame", "createdAt": "2024-07-15T10:30:28.700Z"}],
            virtualGifts=[
                gift(
                    name="50 元折價券",
                    resource="rewardsCard",
                    isExpired=True,
                    startTime="2026-09-01T00:00:00.000Z",
                    endTime="2026-09-30T15:59:59.000Z",
                )
            ],
        )
    )
    held = await mantago.gifts("line", "U1")
    (mug,) = held.of("physical")
    (voucher,) = held.of("virtual")
    assert held.tickets == (Ticket(datetime(2026, 11, 1, 2, tzinfo=UTC)),)
    assert (mug.kind, mug.name, mug.source, mug.expired) == ("physical", "保溫杯", "lotteryGame", None)
    assert mug.received == datetime(2024, 7, 15, 10, 30, 28, 700_000, UTC)
    assert (voucher.kind, voucher.source, voucher.expired) == ("virtual", "rewardsCard", True)
    assert voucher.ends == datetime(2026, 9, 30, 15, 59, 59, tzinfo=UTC)
    assert (held.skipped, held.truncated) == (0, 0)
    assert (mug.state(NOW), voucher.state(NOW)) == ("unknown", "expired")


async def test_our_sources_are_the_vendors(vendor: Vendor, mantago: MantagoApi) -> None:
    resources = ["lotteryGame", "rewardsCard", "unknown", "campaignPrize", None, 7]
    vendor.says(gifts(virtualGifts=[gift(resource=resource) for resource in resources]))
    held = await mantago.gifts("line", "U1")
    assert [item.source for item in held.of("virtual")] == ["lotteryGame", "rewardsCard", *["other"] * 4]
    assert {item.source for item in held.of("virtual")} == set(get_args(Source))


# Tolerance


@pytest.mark.parametrize("nothing", [{}, {"tickets": None, "physicalGifts": None}, {"virtualGifts": []}])
async def test_missing_arrays_are_empty(vendor: Vendor, mantago: MantagoApi, nothing: dict[str, Any]) -> None:
    vendor.says(gifts(**nothing))
    assert await mantago.gifts("line", "U1") == Gifts()


async def test_unreadable_items_are_skipped_and_counted(vendor: Vendor, mantago: MantagoApi) -> None:
    vendor.says(
        gifts(
            tickets=[{"createdAt": "yesterday"}, {}, None, {"createdAt": "2026-11-01T02:00:00Z"}],
            physicalGifts=["mug", gift(name=None), gift(name=" \u0000 "), gift()],
            virtualGifts=[[], gift(name={"zh": "x"}), gift()],
        )
    )
    held = await mantago.gifts("line", "U1")
    assert (len(held.tickets), len(held.of("physical")), len(held.of("virtual")), held.skipped) == (1, 1, 1, 8)


async def test_an_unreadable_field_is_only_missing(vendor: Vendor, mantago: MantagoApi) -> None:
    odd = gift(name="a\ud800b\u0000c", createdAt=17, isExpired="no", startTime="", endTime={})
    vendor.says(gifts(virtualGifts=[odd]))
    (item,) = (await mantago.gifts("line", "U1")).of("virtual")
    assert item.name == "a b c"
    assert (item.received, item.expired, item.starts, item.ends) == (None, None, None, None)


async def test_an_array_of_another_shape_is_an_error(vendor: Vendor, mantago: MantagoApi) -> None:
    vendor.says(gifts(tickets={"createdAt": "2026-11-01T02:00:00Z"}))
    with pytest.raises(ContractError, match="/tickets is an object instead of an array"):
        await mantago.gifts("line", "U1")


@pytest.mark.parametrize("body", [{}, {"success": None}, {"success": "true", "tickets": []}, []])
async def test_a_200_counts_only_when_it_says_success(vendor: Vendor, mantago: MantagoApi, body: Any) -> None:
    vendor.says(reply(200, body))
    with pytest.raises(ContractError):
        await mantago.gifts("line", "U1")


async def test_newest_comes_first_and_so_many_are_held(
    vendor: Vendor, mantago: MantagoApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tickets go first when there is too much."""
    monkeypatch.setattr("bot.apis.mantago.MOST_ITEMS", 500)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    items = [gift(createdAt=(start + n * DAY / 24).isoformat()) for n in range(300)]
    vendor.says(
        gifts(
            tickets=[{"createdAt": (start + n * DAY).isoformat()} for n in range(100)],
            physicalGifts=items[:250],
            virtualGifts=items[:200],
        )
    )
    held = await mantago.gifts("line", "U1")
    assert (len(held.of("physical")), len(held.of("virtual")), len(held.tickets), held.truncated) == (250, 200, 50, 50)
    assert held.tickets[0] == Ticket(start + 99 * DAY)
    assert held.of("physical")[0].received == start + 249 * DAY / 24


async def test_keys_are_stable_and_tell_equal_gifts_apart(vendor: Vendor, mantago: MantagoApi) -> None:
    pair = [gift(), gift(), gift(name="筆")]
    vendor.says(gifts(physicalGifts=pair, virtualGifts=[gift()]), gifts(physicalGifts=pair[::-1]))
    before = await mantago.gifts("line", "U1")
    after = await mantago.gifts("line", "U1")
    keys = {item.key for item in before.of("physical")}
    assert len(keys | {before.of("virtual")[0].key}) == 4
    assert {item.key for item in after.of("physical")} == keys


# What can honestly be said about a gift


@pytest.mark.parametrize(
    ("expired", "starts", "ends", "state"),
    [
        (False, None, None, "valid"),
        (None, None, None, "unknown"),
        (True, None, None, "expired"),
        (True, NOW + DAY, NOW + 2 * DAY, "soon"),
        (True, NOW + DAY, None, "soon"),
        (True, NOW - 2 * DAY, NOW - DAY, "expired"),
        (True, None, NOW - DAY, "expired"),
        (True, NOW - DAY, None, "expired"),
        (True, NOW - DAY, NOW + DAY, "unknown"),
        (True, None, NOW + DAY, "unknown"),
        (False, None, NOW - DAY, "expired"),
        (None, NOW + DAY, None, "soon"),
    ],
)
def test_state(expired: bool | None, starts: datetime | None, ends: datetime | None, state: str) -> None:
    item = Gift("k", "virtual", "券", "other", None, expired, starts, ends)
    assert item.state(NOW) == state


# Errors


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 500, 503])
@pytest.mark.parametrize(
    ("code", "setting"),
    [
        (1004, "MANTAGO_TOKEN"),
        (120000, "MANTAGO_SECRET"),
        (1002, "MANTAGO_SECRET"),
        (5001, "MANTAGO_BOT_ID"),
        (11001, "MANTAGO_BOT_ID"),
    ],
)
async def test_a_refused_credential_is_named_whatever_the_status(
    vendor: Vendor, mantago: MantagoApi, status: int, code: int, setting: str
) -> None:
    vendor.says(failure(status, code))
    with pytest.raises(CredentialsRefused, match=setting) as caught:
        await mantago.gifts("line", "U1")
    assert (caught.value.code, caught.value.status) == (code, status)
    assert "s3cret" not in str(caught.value)
    assert len(vendor.seen) == 1


@pytest.mark.parametrize("status", [200, 400, 404, 500])
async def test_an_unknown_client_has_nothing(vendor: Vendor, mantago: MantagoApi, status: int) -> None:
    vendor.says(failure(status, 37011))
    assert await mantago.gifts("line", "U1") == Gifts()


async def test_a_missing_variable_is_our_fault(vendor: Vendor, mantago: MantagoApi) -> None:
    vendor.says(failure(400, 110000))
    with pytest.raises(ContractError, match="110000"):
        await mantago.gifts("line", "U1")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (200, 4242, UpstreamRefused),
        (200, None, UpstreamRefused),
        (400, 4242, UpstreamRefused),
        (404, 4242, UpstreamRefused),
        (401, 4242, CredentialsRefused),
        (403, "x", CredentialsRefused),
        (429, 4242, RateLimited),
        (500, 36000, UpstreamUnavailable),
    ],
)
async def test_an_unknown_code_leaves_it_to_the_status(
    vendor: Vendor, mantago: MantagoApi, status: int, code: object, kind: type[Exception]
) -> None:
    vendor.says(failure(status, code))
    with pytest.raises(kind) as caught:
        await mantago.gifts("line", "U1")
    assert type(caught.value) is kind


async def test_a_lookup_is_repeated_like_any_read(vendor: Vendor, mantago: MantagoApi) -> None:
    vendor.says(reply(503), b"", gifts())
    assert await mantago.gifts("line", "U1") == Gifts()


# Points


def counted(*items: object) -> bytes:
    """A successful answer about points."""
    return reply(200, {"success": True, "message": "Get client points successfully", "points": list(items)})


async def test_points_are_asked_for_many_at_once(vendor: Vendor, mantago: MantagoApi) -> None:
    """In the body, each once; the pair goes along as with gifts."""
    vendor.says(counted({"platform": "line", "platformClientId": "U1", "points": 150}))
    assert await mantago.points("line", ["U1", "U2", "U1"]) == {"U1": 150}

    (seen,) = vendor.seen
    assert (seen.method, seen.path, seen.query) == ("POST", "/base/openapi/client/point", {"botId": ["Ym90"]})
    assert seen.json == {"secret": "s3cret-secret", "platform": "line", "platformClientIds": ["U1", "U2"]}
    assert seen.headers["authorization"] == "Bearer s3cret-token"
    with pytest.raises(ValueError, match="100"):
        await mantago.points("line", [f"U{n}" for n in range(101)])


@pytest.mark.parametrize(
    ("item", "found"),
    [
        ({"platformClientId": "U1", "points": "12"}, 12),
        ({"platformClientId": "U1", "points": 0}, 0),
        ({"platform": "line", "platformClientId": "U1", "points": 5.0}, 5),
        ({"platform": "facebook", "platformClientId": "U1", "points": 5}, None),
        ({"platformClientId": "U9", "points": 5}, None),
        ({"clientId": "U1", "points": 5}, None),
        ({"platformClientId": "U1", "points": -5}, None),
        ({"platformClientId": "U1", "points": True}, None),
        ({"platformClientId": "U1", "points": None}, None),
        ({"platformClientId": "U1"}, None),
        ("U1", None),
        (None, None),
    ],
)
async def test_only_a_number_of_somebody_asked_about_counts(
    vendor: Vendor, mantago: MantagoApi, item: object, found: int | None
) -> None:
    vendor.says(counted(item))
    assert (await mantago.points("line", ["U1"])).get("U1") == found


async def test_two_numbers_of_one_client_are_none(vendor: Vendor, mantago: MantagoApi) -> None:
    one, other = ({"platformClientId": "U1", "points": points} for points in (5, 6))
    vendor.says(counted(one, other), counted(one, one), reply(200, {"success": True}), failure(404, 37011))
    assert [await mantago.points("line", ["U1"]) for _ in range(4)] == [{}, {"U1": 5}, {}, {}]


# The exchange


PAIR = {"success": True, "message": "Operation completed successfully", "apiToken": "n3w.token.x", "apiSecret": "n3w"}


async def test_an_exchange_answers_with_the_new_pair(vendor: Vendor, mantago: MantagoApi) -> None:
    """Neither is in what a log could quote."""
    vendor.says(reply(200, PAIR))
    pair = await mantago.exchange(Pair("old", "0ld"))

    assert (pair.token, pair.secret) == ("n3w.token.x", "n3w") and "n3w" not in repr(pair)
    (seen,) = vendor.seen
    assert (seen.path, seen.query, seen.json) == ("/base/openapi/token", {"botId": ["Ym90"]}, {"secret": "0ld"})
    assert seen.headers["authorization"] == "Bearer old"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(503), OutcomeUnknown),
        (reply(500), OutcomeUnknown),
        (b"", OutcomeUnknown),
        (reply(200, b"<html>"), OutcomeUnknown),
        (reply(200, PAIR, cut=3), OutcomeUnknown),
        (reply(200), ContractError),
        (reply(200, PAIR | {"apiToken": ""}), ContractError),
        (reply(200, PAIR | {"apiToken": "two\nlines"}), ContractError),
        (reply(200, PAIR | {"apiSecret": None}), ContractError),
        (reply(429, retry_after=1), RateLimited),
        (failure(401, 120000), CredentialsRefused),
        (failure(200, 4242), UpstreamRefused),
    ],
)
async def test_an_exchange_is_never_sent_twice(
    vendor: Vendor, mantago: MantagoApi, answer: bytes, kind: type[Exception]
) -> None:
    """And nobody reads what was nearly a pair."""
    vendor.says(answer, reply(200, PAIR))
    with pytest.raises(kind) as caught:
        await mantago.exchange(Pair("old", "0ld"))

    assert type(caught.value) is kind and len(vendor.seen) == 1
    assert "n3w" not in str(caught.value)


# The check and the token


@pytest.mark.parametrize("answer", [failure(404, 37011), gifts()])
async def test_the_check_passes(vendor: Vendor, mantago: MantagoApi, answer: bytes) -> None:
    vendor.says(answer)
    await mantago.check()


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        (failure(401, 1004), "expired .it lives 30 days"),
        (failure(403, 1002), "does not say which"),
        (reply(401), "Copy both again"),
        (reply(404, b"<html>"), "Check MANTAGO_API_URL"),
        (reply(301, location="https://www.mantago.cc/"), "Check MANTAGO_API_URL"),
        (reply(200, {"hello": "world"}), "Check MANTAGO_API_URL"),
    ],
)
async def test_the_check_says_what_to_do(vendor: Vendor, mantago: MantagoApi, answer: bytes, advice: str) -> None:
    vendor.says(answer)
    with pytest.raises(ConfigurationError, match=advice):
        await mantago.check("facebook")


async def test_the_check_cannot_tell_while_the_vendor_is_down(vendor: Vendor, mantago: MantagoApi) -> None:
    vendor.says(reply(503))
    with pytest.raises(UpstreamUnavailable):
        await mantago.check()


@pytest.mark.parametrize(
    ("token", "days"),
    [
        (jwt({"exp": (NOW + 7.5 * DAY).timestamp()}), 7),
        (jwt({"exp": int((NOW - DAY / 2).timestamp())}), -1),
        (jwt({"exp": "soon"}), None),
        (jwt({"exp": 10**30}), None),
        (jwt([]), None),
        (jwt({}), None),
        ("a.!!!.c", None),
        ("a.YQ.c", None),
        ("opaque", None),
        ("", None),
    ],
)
async def test_the_token_tells_its_days(token: str, days: int | None) -> None:
    api = MantagoApi.open("https://mantago.cc/api", token=token, secret="s", bot_id="b")
    assert api.token_days_left(NOW) == days
    await api.aclose()


def test_platforms_are_the_vendors() -> None:
    """Messenger is called facebook there."""
    assert get_args(Platform) == ("line", "facebook", "instagram")
