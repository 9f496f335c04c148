"""Altegio: the gift cards of one phone number, in every location."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.apis.altegio import NAME, AltegioApi, Cards, GiftCard, explain
from bot.apis.http import Upstream, open_http
from bot.errors import (
    ConfigurationError,
    ContractError,
    CredentialsRefused,
    RateLimited,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnavailable,
)

from .scripted import DROP, Clock, Vendor, reply

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PHONE = "886912345678"
# The card of the vendor's own sample: its number is a number, and it expires when it was sold.
SAMPLE: dict[str, Any] = {
    "id": 409726,
    "number": 888,
    "balance": 9000,
    "default_balance": 9000,
    "type_id": 27841,
    "status_id": 2,
    "created_date": "2026-09-21T23:00:00.000-05:00",
    "expiration_date": "2026-09-21T23:00:00.000-05:00",
    "type": {
        "id": 27841,
        "title": "certificate 9000",
        "balance": 9000,
        "is_multi": True,
        "company_group_id": 128284,
        "item_type_id": 0,
        "expiration_type_id": 2,
        "expiration_timeout": 365,
        "expiration_timeout_unit_id": 1,
        "is_allow_empty_code": False,
        "item_type": {"id": 0, "title": "No limits"},
    },
    "status": {"id": 2, "title": "activated"},
}
READ = GiftCard(
    id=409726,
    number="888",
    balance=Decimal(9000),
    face=Decimal(9000),
    title="certificate 9000",
    status_id=2,
    status="activated",
    expires=None,
    multi=True,
    limits="No limits",
    company_id=1,
)


@asynccontextmanager
async def altegio_at(vendor: Vendor, clock: Clock, *company_ids: int, **options: Any) -> AsyncIterator[AltegioApi]:
    headers = {"Authorization": "Bearer s3cret-partner, User s3cret-user"}
    http = open_http(vendor.url, setting="ALTEGIO_API_URL", headers=headers)
    upstream = Upstream(NAME, http, explain=explain, clock=clock, sleep=clock.sleep, jitter=lambda: 1.0)
    api = AltegioApi(upstream, company_ids=company_ids, **options)
    try:
        yield api
    finally:
        await api.aclose()


@pytest.fixture
async def altegio(vendor: Vendor, clock: Clock) -> AsyncIterator[AltegioApi]:
    """With one location."""
    async with altegio_at(vendor, clock, 1) as api:
        yield api


def listing(*cards: Any) -> bytes:
    return reply(200, {"success": True, "data": list(cards), "meta": {"count": len(cards)}})


def failure(status: int, meta: Any = None) -> bytes:
    """A failure as the vendor's page describes it."""
    return reply(status, {"success": False, "data": None, "meta": {"message": "s3cret"} if meta is None else meta})


def card(**fields: Any) -> dict[str, Any]:
    return SAMPLE | fields


def of_type(**fields: Any) -> dict[str, Any]:
    """The sample's card with another type."""
    return card(type=SAMPLE["type"] | fields)


async def one(vendor: Vendor, altegio: AltegioApi, item: Any) -> GiftCard:
    """The only card there is, as it is read."""
    vendor.says(listing(item))
    (read,) = (await altegio.cards(PHONE)).cards
    return read


# What is sent


async def test_both_tokens_go_into_one_header(vendor: Vendor) -> None:
    vendor.says(listing())
    api = AltegioApi.open(vendor.url, partner_token="s3cret-partner", user_token="s3cret-user", company_ids=(680001,))
    await api.cards(PHONE)
    assert api.upstream.breaker.state == "closed"
    await api.aclose()
    (seen,) = vendor.seen
    assert (seen.method, seen.path) == ("GET", "/base/loyalty/certificates")
    assert seen.query == {"company_id": ["680001"], "phone": [PHONE]}
    assert seen.headers["authorization"] == "Bearer s3cret-partner, User s3cret-user"
    assert seen.headers["accept"] == "application/vnd.api.v2+json"
    assert seen.headers["content-type"] == "application/json"


async def test_the_location_can_be_sent_as_the_page_spells_it_too(vendor: Vendor, clock: Clock) -> None:
    vendor.says(listing())
    async with altegio_at(vendor, clock, 1, send_typo_param=True) as api:
        await api.cards(PHONE)
    assert vendor.seen[0].query == {"company_id": ["1"], "copmany_id": ["1"], "phone": [PHONE]}


@pytest.mark.parametrize(
    "phone",
    ["", "0912345678", "+886912345678", "8869123", "8869123456789012", "886 912345678", "٨٨٦٩١٢٣٤٥٦٧٨", "888\n"],
)
async def test_what_is_no_number_is_not_asked_for(vendor: Vendor, altegio: AltegioApi, phone: str) -> None:
    """Least of all one without its country code, which may be somebody else's elsewhere."""
    with pytest.raises(ValueError, match="not a phone number") as caught:
        await altegio.cards(phone)
    assert not re.search("[0-9]{5}", str(caught.value))
    assert vendor.seen == []


@pytest.mark.parametrize("setting", ["partner_token", "user_token"])
def test_a_token_that_cannot_be_one_is_named(setting: str) -> None:
    tokens = {"partner_token": "p", "user_token": "u"} | {setting: "s3cret\n"}
    with pytest.raises(ConfigurationError, match=f"ALTEGIO_{setting.upper()}") as caught:
        AltegioApi.open(
            "https://api.alteg.io/api/v1",
            company_ids=(1,),
            partner_token=tokens["partner_token"],
            user_token=tokens["user_token"],
        )
    assert "s3cret" not in str(caught.value)


# A card


async def test_the_vendors_sample_is_read(vendor: Vendor, altegio: AltegioApi) -> None:
    vendor.says(listing(SAMPLE))
    assert await altegio.cards(PHONE) == Cards((READ,))


async def test_sums_are_exact(vendor: Vendor, altegio: AltegioApi) -> None:
    read = await one(vendor, altegio, card(balance=680.1, default_balance="1000.50"))
    assert (read.balance, read.face) == (Decimal("680.1"), Decimal("1000.50"))


async def test_a_number_keeps_its_zeros(vendor: Vendor, altegio: AltegioApi) -> None:
    assert (await one(vendor, altegio, card(number="00420017"))).number == "00420017"


@pytest.mark.parametrize("kind", [[SAMPLE["type"]], SAMPLE["type"]])
async def test_a_type_may_stand_in_an_array(vendor: Vendor, altegio: AltegioApi, kind: Any) -> None:
    """Which is what the page's text calls it."""
    assert await one(vendor, altegio, card(type=kind, status=[SAMPLE["status"]])) == READ


async def test_what_is_not_needed_may_be_missing(vendor: Vendor, altegio: AltegioApi) -> None:
    read = await one(vendor, altegio, {"id": "7", "number": "A-1", "balance": "5", "type": None, "status": 2})
    assert read == GiftCard(7, "A-1", Decimal(5), None, "", None, "", None, None, "", 1)


async def test_a_status_may_have_its_id_in_the_object_only(vendor: Vendor, altegio: AltegioApi) -> None:
    assert (await one(vendor, altegio, card(status_id=None))).status_id == 2


async def test_titles_are_shown_without_entities_and_numbers_as_they_are(vendor: Vendor, altegio: AltegioApi) -> None:
    item = of_type(title="M&amp;M&#39;s", item_type={"id": 0, "title": "Tea &amp; cake"})
    read = await one(vendor, altegio, item | {"number": "A&amp;1", "status": {"id": 2, "title": "&quot;on&quot;"}})
    assert (read.title, read.limits, read.status, read.number) == ("M&M's", "Tea & cake", '"on"', "A&amp;1")


@pytest.mark.parametrize("title", ["No limits", "Products only"])
@pytest.mark.parametrize("number", [0, 2, 4])
async def test_limits_are_told_in_the_vendors_words(
    vendor: Vendor, altegio: AltegioApi, number: int, title: str
) -> None:
    """Two of its pages disagree on what the numbers mean."""
    item = of_type(item_type_id=number, item_type={"id": number, "title": title})
    assert (await one(vendor, altegio, item)).limits == title


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "card",
        [],
        card(id=None),
        card(id=True),
        card(balance=None),
        card(balance="much"),
    ],
)
async def test_an_unreadable_card_is_skipped_and_counted(vendor: Vendor, altegio: AltegioApi, odd: Any) -> None:
    """No balance is made up."""
    vendor.says(listing(odd, SAMPLE))
    assert await altegio.cards(PHONE) == Cards((READ,), skipped=1)


@pytest.mark.parametrize("number", ["", None, {}])
async def test_a_card_may_have_been_sold_without_a_number(vendor: Vendor, altegio: AltegioApi, number: Any) -> None:
    """Its type says so (`is_allow_empty_code`), and its balance is the customer's all the same."""
    read = await one(vendor, altegio, of_type(is_allow_empty_code=True) | {"number": number})
    assert (read.number, read.masked, read.balance) == ("", "", Decimal(9000))


# Its end

ENDS = datetime(2027, 9, 22, 4, tzinfo=UTC)


def of_type_ending(**changes: Any) -> dict[str, Any]:
    return of_type(**changes) | {"expiration_date": "2027-09-21T23:00:00.000-05:00"}


@pytest.mark.parametrize(
    ("item", "expires", "endless"),
    [
        (of_type_ending(expiration_type_id=2), ENDS, False),
        (of_type_ending(expiration_type_id=None), ENDS, False),
        (of_type_ending(expiration_type_id=0), None, True),
        (of_type_ending(expiration_type_id="0"), None, True),
        (of_type_ending(expiration_type_id=1), ENDS, False),
        (SAMPLE, None, False),
        (SAMPLE | {"created_date": "2026-09-22T04:00:00Z"}, None, False),
        (
            of_type(expiration_type_id=1, expiration_date="2026-12-31T00:00:00+08:00") | {"expiration_date": ""},
            datetime(2026, 12, 30, 16, tzinfo=UTC),
            False,
        ),
        (of_type(expiration_type_id=2) | {"expiration_date": None}, None, False),
        (of_type(expiration_type_id=2) | {"expiration_date": "0000-00-00"}, None, False),
    ],
)
async def test_the_type_decides_whether_there_is_an_end(
    vendor: Vendor, altegio: AltegioApi, item: Any, expires: datetime | None, endless: bool
) -> None:
    """A date without meaning, as that of the sale, is none; and only what is said to be endless may be called so."""
    read = await one(vendor, altegio, item)
    assert (read.expires, read.endless) == (expires, endless)


@pytest.mark.parametrize(
    ("fields", "usable"),
    [
        ({}, True),
        ({"expiration_date": (NOW + DAY / 24).isoformat()}, True),
        ({"expiration_date": NOW.isoformat()}, False),
        ({"expiration_date": (NOW - DAY).isoformat()}, False),
        ({"status_id": 3}, False),
        ({"status_id": None, "status": None}, False),
        ({"balance": 0}, False),
        ({"balance": -1}, False),
        ({"balance": "0.01"}, True),
        ({"expiration_date": None}, True),
    ],
)
async def test_usable(vendor: Vendor, altegio: AltegioApi, fields: dict[str, Any], usable: bool) -> None:
    assert (await one(vendor, altegio, card(**fields))).usable(NOW) is usable


# Its number


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("00420017", "••••0017"),
        ("1234567890123456", "••••3456"),
        ("1234567", "••••567"),
        ("1234", "••••34"),
        ("888", "••••8"),
        ("12", "••••2"),
        ("7", "••••"),
    ],
)
async def test_never_more_than_half_of_a_number_is_shown(
    vendor: Vendor, altegio: AltegioApi, number: str, shown: str
) -> None:
    assert (await one(vendor, altegio, card(number=number))).masked == shown


def test_a_card_does_not_show_its_number_by_accident() -> None:
    assert "888" not in repr(Cards((READ,)))


# Locations


async def test_a_chains_card_is_counted_once(vendor: Vendor, clock: Clock) -> None:
    """Each of its locations shows it; the first one named in the settings counts."""
    vendor.says(listing(SAMPLE), listing(SAMPLE, card(id=5)))
    async with altegio_at(vendor, clock, 1, 2) as api:
        held = await api.cards(PHONE)
    assert sorted(item.id for item in held.cards) == [5, 409726]
    assert (held.failed, held.skipped) == ((), 0)


async def test_five_locations_are_asked_at_a_time(vendor: Vendor, clock: Clock) -> None:
    busy = most = 0

    async def linger() -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0.02)
        busy -= 1

    vendor.says(listing())
    vendor.before = linger
    async with altegio_at(vendor, clock, *range(1, 13)) as api:
        await api.cards(PHONE)
    assert sorted(int(seen.query["company_id"][0]) for seen in vendor.seen) == list(range(1, 13))
    assert most == 5


@pytest.mark.parametrize("meta", [{}, [], {"message": "Not found"}])
async def test_altegios_own_404_is_an_empty_list(vendor: Vendor, altegio: AltegioApi, meta: Any) -> None:
    vendor.says(failure(404, meta))
    assert await altegio.cards(PHONE) == Cards()


@pytest.mark.parametrize(
    "answer",
    [reply(404), reply(404, b"<html>"), reply(404, {"error": "not found"}), reply(404, [])],
)
async def test_any_other_404_is_no_empty_list(vendor: Vendor, altegio: AltegioApi, answer: bytes) -> None:
    """A wrong address would tell every customer that they own nothing."""
    vendor.says(answer)
    with pytest.raises(ContractError, match="ALTEGIO_API_URL"):
        await altegio.cards(PHONE)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (failure(401), CredentialsRefused),
        (failure(403), CredentialsRefused),
        (failure(422), UpstreamRefused),
        (failure(200), UpstreamRefused),
        (reply(302, location="https://app.alteg.io/"), UpstreamRefused),
        (reply(429, retry_after="60"), RateLimited),
        (reply(503), UpstreamUnavailable),
        (reply(200, b"<html>"), UpstreamUnavailable),
        (DROP, UpstreamUnavailable),
        (reply(200, {"success": "true", "data": []}), ContractError),
        (reply(200, {"data": []}), ContractError),
        (reply(200, {"success": True, "data": {}}), ContractError),
        (reply(200, []), ContractError),
    ],
)
async def test_no_location_is_an_error(
    vendor: Vendor, altegio: AltegioApi, answer: bytes, kind: type[UpstreamError]
) -> None:
    """And it does not tell the phone number, which stands in the query."""
    vendor.says(answer)
    with pytest.raises(UpstreamError) as caught:
        await altegio.cards(PHONE)
    assert type(caught.value) is kind
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert PHONE not in str(caught.value)
    assert "s3cret" not in str(caught.value)


async def test_no_log_tells_the_phone_number(vendor: Vendor, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """The HTTP library would write whole addresses."""
    caplog.set_level(logging.DEBUG)
    vendor.says(listing(SAMPLE), reply(503))
    async with altegio_at(vendor, clock, 1) as api:
        await api.cards(PHONE)
        with pytest.raises(UpstreamUnavailable):
            await api.cards(PHONE)
    assert PHONE not in caplog.text


@pytest.mark.parametrize("broken", [failure(403), reply(422), reply(200, [])])
async def test_a_location_that_fails_is_named_beside_the_others(vendor: Vendor, clock: Clock, broken: bytes) -> None:
    good = listing(SAMPLE, "odd")
    async with altegio_at(vendor, clock, 1, 2) as api:
        vendor.says(good, broken)
        held = await api.cards(PHONE)
    failed = int(vendor.seen[1].query["company_id"][0])
    assert held.failed == (failed,)
    assert [item.id for item in held.cards] == [409726]
    assert held.cards[0].company_id == 3 - failed
    assert held.skipped == 1


async def test_when_all_fail_refused_tokens_are_told_first(vendor: Vendor, clock: Clock) -> None:
    """Somebody can do something about those."""
    vendor.says(failure(422), failure(401), failure(422))
    async with altegio_at(vendor, clock, 1, 2, 3) as api:
        with pytest.raises(CredentialsRefused, match="ALTEGIO_PARTNER_TOKEN or ALTEGIO_USER_TOKEN"):
            await api.cards(PHONE)


async def test_a_list_is_repeated_like_any_read(vendor: Vendor, altegio: AltegioApi) -> None:
    vendor.says(reply(503), DROP, listing(SAMPLE))
    assert len((await altegio.cards(PHONE)).cards) == 1


async def test_our_own_limit_is_three_a_second(vendor: Vendor) -> None:
    """Those who would have to wait for more than three seconds are told at once."""
    vendor.says(listing())
    api = AltegioApi.open(vendor.url, partner_token="p", user_token="u", company_ids=(1,))
    asking = [asyncio.create_task(api.cards(PHONE)) for _ in range(14)]
    refused, waiting = await asyncio.wait(asking, return_when=asyncio.FIRST_EXCEPTION)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await api.aclose()
    limited = [task for task in refused if isinstance(task.exception(), RateLimited)]
    # A little further apart than three a second, the tenth would begin just after the three seconds.
    assert len(limited) == 14 - 3 * 3


# The parameter whose name nobody can be sure of


@pytest.mark.parametrize("status", [400, 404, 422])
@pytest.mark.parametrize(
    "meta",
    [
        {"message": "The parameter copmany_id is required."},
        {"message": "s3cret", "errors": {"company_id": ["s3cret"]}},
        {"errors": {"copmany_id": ["s3cret"]}},
    ],
)
async def test_a_missing_location_parameter_is_explained(
    vendor: Vendor, altegio: AltegioApi, status: int, meta: Any
) -> None:
    vendor.says(failure(status, meta))
    with pytest.raises(UpstreamRefused, match="ALTEGIO_SEND_TYPO_PARAM=true") as caught:
        await altegio.cards(PHONE)
    assert "s3cret" not in str(caught.value)


# The check


async def test_the_check_asks_every_location_for_a_number_that_is_nobodys(vendor: Vendor, clock: Clock) -> None:
    vendor.says(listing())
    async with altegio_at(vendor, clock, 1, 2) as api:
        assert await api.check() == ""
    assert [seen.query["company_id"] for seen in vendor.seen] == [["1"], ["2"]]
    for seen in vendor.seen:
        assert "12025550100" <= seen.query["phone"][0] <= "12025550199", "reserved for fiction"


async def test_the_check_cannot_tell_what_a_404_means(vendor: Vendor, clock: Clock) -> None:
    """Altegio does not say whether it is the answer for an unknown customer or for an unknown location."""
    vendor.says(listing(), failure(404, []))
    async with altegio_at(vendor, clock, 1, 2) as api:
        assert "404 for 2; make sure that ALTEGIO_COMPANY_ID is right" in await api.check()


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        (failure(401), "location 1: 401: ALTEGIO_PARTNER_TOKEN or ALTEGIO_USER_TOKEN is not accepted"),
        (failure(403), "location 1: 403: the user of ALTEGIO_USER_TOKEN may not.*ALTEGIO_COMPANY_ID"),
        (failure(422, {"errors": {"copmany_id": []}}), "ALTEGIO_SEND_TYPO_PARAM"),
        (failure(422), "Check ALTEGIO_API_URL and ALTEGIO_COMPANY_ID"),
        (reply(404, b"<html>"), "Check ALTEGIO_API_URL"),
        (reply(301, location="https://alteg.io/"), "check the API's URL"),
        (reply(200, {"hello": "world"}), "/success"),
    ],
)
async def test_the_check_says_what_to_do(vendor: Vendor, altegio: AltegioApi, answer: bytes, advice: str) -> None:
    vendor.says(answer)
    with pytest.raises(ConfigurationError, match=advice) as caught:
        await altegio.check()
    assert "s3cret" not in str(caught.value)


async def test_the_check_names_every_location_that_is_wrong(vendor: Vendor, clock: Clock) -> None:
    vendor.says(failure(403), listing(), failure(403))
    async with altegio_at(vendor, clock, 1, 2, 3) as api:
        with pytest.raises(ConfigurationError, match=r"location 1: .*; location 3: "):
            await api.check()


async def test_the_check_cannot_tell_while_the_vendor_is_down(vendor: Vendor, altegio: AltegioApi) -> None:
    vendor.says(reply(503))
    with pytest.raises(UpstreamUnavailable):
        await altegio.check()


def test_the_sample_is_what_the_sandbox_gives() -> None:
    """Both are copies of the vendor's page."""
    from sandbox.altegio import sample_card

    assert json.loads(json.dumps(sample_card())) == SAMPLE
