"""Got It: the token, the catalogue, and vouchers that are issued once or honestly unknown."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.apis.gotit import NAME, Catalogue, Gift, GotItApi, Issued, explain
from bot.apis.http import Upstream, open_http
from bot.errors import (
    ConfigurationError,
    Conflict,
    ContractError,
    CredentialsRefused,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnavailable,
)

from .scripted import DROP, HANG, Clock, Vendor, jwt, reply

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAYS = timedelta(days=1)
TOKEN_PATH = "/base/api/rewardhub/v1.0/token"
ISSUE_PATH = "/base/api/rewardhub/v1.0/gifts/issue"

# The vendor's own sample of a page, with its contradictions.
SAMPLE_PAGE: dict[str, Any] = {
    "data": [
        {
            "type": "voucher",
            "gift_id": 422,
            "price_id": 1899,
            "price_value": 100000,
            "name": "Voucher Highlands Coffee",
            "image": "https://img-stg.gotit.vn/compress/580x580/2025/09/1758182739_EuMAg.png",
            "brand": {
                "logo": "https://img-stg.gotit.vn/compress/brand/1507286551_cmUef.png",
                "name": "Highlands Coffee",
            },
            "url": "products/422",
        },
        {
            "type": "voucher",
            "gift_id": 1561,
            "price_id": 1789,
            "price_value": 50000,
            "name": "Voucher VNVC",
            "image": "https://img-stg.gotit.vn/compress/580x580/2025/10/1760429959_ZCj5n.png",
            "brand": {
                "logo": "https://img-stg.gotit.vn/compress/brand/2023/06/1687338533_Tsw5z.png",
                "name": "VNVC",
            },
            "url": "products/1561",
        },
    ],
    "from": 1,
    "to": 1,
    "current_page": 1,
    "last_page": 51,
    "per_page": 1,
    "total": 51,
}
HIGHLANDS = Gift(
    422,
    1899,
    100_000,
    "Voucher Highlands Coffee",
    "Highlands Coffee",
    "https://img-stg.gotit.vn/compress/580x580/2025/09/1758182739_EuMAg.png",
    None,
)
# The vendor's own sample of an issue; the comma after the items makes it no JSON.
SAMPLE_ISSUED = """{
  "statusCode": 200,
  "statusMessage": "success",
  "data": {
     "transaction_id": "VIB_20260304_000001",
     "issuer_identify_id": "id-of-user-A",
     "recipient_identify_id": "id-of-user-B",
     "created_at": "2026-03-04T10:30:00.000000Z",
     "items": [
          {"product_id": 88001, "product_name": "Voucher Highland Coffee 50k", "quantity": 1},
          {"product_id": 88001, "product_name": "Voucher Highland Coffee 100k", "quantity": 1}
     ],
  }
}"""


@dataclass
class Wall:
    """The time of day, moved by hand."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@asynccontextmanager
async def gotit_at(vendor: Vendor, clock: Clock, wall: Wall, **options: Any) -> AsyncIterator[GotItApi]:
    """A client; `write_seconds` is for its upstream, the other options are its own."""
    timing = {name: options.pop(name) for name in ("write_seconds",) if name in options}
    http = open_http(vendor.url, setting="GOTIT_API_URL", headers={})
    upstream = Upstream(NAME, http, explain=explain, clock=clock, sleep=clock.sleep, jitter=lambda: 1.0, **timing)
    api = GotItApi(
        upstream,
        client_id="s3cret-client",
        client_secret="s3cret-secret",
        app_uuid="s3cret-uuid",
        clock=wall,
        **options,
    )
    try:
        yield api
    finally:
        await api.aclose()


@pytest.fixture
async def gotit(vendor: Vendor, clock: Clock, wall: Wall) -> AsyncIterator[GotItApi]:
    async with gotit_at(vendor, clock, wall) as api:
        yield api


def envelope(code: Any, data: Any = None, message: str = "s3cret-message") -> dict[str, Any]:
    return {"statusCode": code, "statusMessage": message, "data": {} if data is None else data}


def token(value: str = "s3cret-token-1", **fields: Any) -> bytes:
    """A token that lives 15 days unless told otherwise."""
    return reply(200, envelope(200, {"token_type": "Bearer", "expires_in": 1_296_000, "access_token": value} | fields))


def failure(status: int, code: Any = None, message: str = "s3cret-message") -> bytes:
    """A failure as the vendor's page describes it."""
    return reply(status, envelope(status if code is None else code, message=message))


def listing(*gifts: Any, page: int = 1, last: int = 1, **fields: Any) -> bytes:
    paging = {"current_page": page, "last_page": last, "per_page": 100, "total": len(gifts)}
    return reply(200, {"data": list(gifts), **paging, **fields})


def gift(gift_id: object = 422, price_id: object = 1899, **fields: Any) -> dict[str, Any]:
    sample: dict[str, Any] = SAMPLE_PAGE["data"][0]
    return sample | {"gift_id": gift_id, "price_id": price_id} | fields


def issued(request_id: str = "GD_1", *, item: Any = None, **data: Any) -> bytes:
    """A successful issue. data: further keys beside the items; item: further keys in the only one."""
    items = [{"product_id": 422, "product_name": "Voucher Highlands Coffee", "quantity": 1} | (item or {})]
    return reply(200, envelope(200, {"transaction_id": request_id, "items": items} | data))


async def issue(gotit: GotItApi, **changes: Any) -> Issued:
    wanted: dict[str, Any] = {"gift_id": 422, "price_id": 1899, "recipient": "C-8F3K2", "issuer": "bot"}
    return await gotit.issue("GD_1", **wanted | changes)


# The token


async def test_a_token_is_asked_for_once_and_sent(vendor: Vendor, gotit: GotItApi) -> None:
    vendor.says(token(), listing())
    await gotit.page()
    await gotit.page()
    first, second, third = vendor.seen
    assert (first.method, first.path) == ("POST", TOKEN_PATH)
    assert first.json == {"app_uuid": "s3cret-uuid", "client_id": "s3cret-client", "client_secret": "s3cret-secret"}
    assert "authorization" not in first.headers
    assert second.headers["authorization"] == third.headers["authorization"] == "Bearer s3cret-token-1"
    assert second.headers["accept"] == "application/json"


@pytest.mark.parametrize(
    ("answer", "lives"),
    [
        (token(), 15 * DAYS),
        (token(expires_in=86_400), DAYS),
        (token(jwt({"exp": (NOW + 3 * DAYS).timestamp()})), 3 * DAYS),
        (token(jwt({"exp": (NOW + 30 * DAYS).timestamp()})), 15 * DAYS),
        (token(jwt({"exp": (NOW + 3 * DAYS).timestamp()}), expires_in=None), 3 * DAYS),
    ],
)
async def test_a_token_is_renewed_ten_minutes_before_it_ends(
    vendor: Vendor, gotit: GotItApi, wall: Wall, answer: bytes, lives: timedelta
) -> None:
    """Whichever of `expires_in` and the token's own end comes first."""
    vendor.says(answer, listing(), listing(), token("s3cret-token-2"), listing())
    await gotit.page()
    wall.now = NOW + lives - timedelta(minutes=10, seconds=1)
    await gotit.page()
    wall.now = NOW + lives - timedelta(minutes=10)
    await gotit.page()
    assert [seen.path == TOKEN_PATH for seen in vendor.seen] == [True, False, False, True, False]
    assert vendor.seen[-1].headers["authorization"] == "Bearer s3cret-token-2"


async def test_an_opened_client_uses_what_it_was_given(vendor: Vendor) -> None:
    vendor.says(token(), issued())
    api = GotItApi.open(
        vendor.url, client_id="c", client_secret="s", app_uuid="u", item_id_field="gift_id", source="rewardhub"
    )
    await issue(api, point=1, current_point=1)
    assert api.upstream.breaker.state == "closed"
    await api.aclose()
    asked, sent = vendor.seen
    assert asked.json == {"app_uuid": "u", "client_id": "c", "client_secret": "s"}
    assert sent.json["source"] == "rewardhub"
    assert "product_id" not in sent.json["items"][0]


async def test_a_token_that_does_not_tell_its_end_is_used_until_it_is_refused(
    vendor: Vendor, gotit: GotItApi, wall: Wall
) -> None:
    vendor.says(token("opaque", expires_in="soon"), listing())
    await gotit.page()
    wall.now = NOW + 400 * DAYS
    await gotit.page()
    assert len(vendor.seen) == 3


async def test_many_who_need_a_token_share_one_call(vendor: Vendor, gotit: GotItApi) -> None:
    vendor.says(token(), listing())
    await asyncio.gather(*(gotit.page() for _ in range(5)))
    assert [seen.path for seen in vendor.seen].count(TOKEN_PATH) == 1


async def test_one_who_gives_up_does_not_take_the_token_away(vendor: Vendor, gotit: GotItApi) -> None:
    vendor.says(token(), listing())
    hasty, patient = (asyncio.create_task(gotit.page()) for _ in range(2))
    await asyncio.sleep(0)
    hasty.cancel()
    assert (await patient).gifts == ()
    assert hasty.cancelled()


async def test_closing_ends_a_running_renewal(vendor: Vendor) -> None:
    vendor.says(HANG)
    api = GotItApi.open(vendor.url, client_id="c", client_secret="s", app_uuid="u")
    asking = asyncio.create_task(api.page())
    await asyncio.sleep(0)
    await api.aclose()
    with pytest.raises(asyncio.CancelledError):
        await asking


@pytest.mark.parametrize("refusal", [failure(401), failure(419), failure(400, 419), failure(200, 401), reply(419)])
async def test_a_refused_token_is_renewed_and_the_same_body_sent_again(
    vendor: Vendor, gotit: GotItApi, refusal: bytes
) -> None:
    vendor.says(token(), refusal, token("s3cret-token-2"), issued())
    assert await issue(gotit) == Issued("GD_1", "Voucher Highlands Coffee")
    _, first, _, second = vendor.seen
    assert (first.path, first.body) == (second.path, second.body)
    assert first.headers["authorization"] == "Bearer s3cret-token-1"
    assert second.headers["authorization"] == "Bearer s3cret-token-2"


async def test_a_new_token_that_is_refused_too_is_for_staff(vendor: Vendor, gotit: GotItApi) -> None:
    vendor.says(token(), failure(419), token("s3cret-token-2"), failure(419), token("s3cret-token-3"))
    with pytest.raises(CredentialsRefused, match=r"GOTIT_CLIENT_ID.*code 419") as caught:
        await gotit.page()
    assert (caught.value.status, caught.value.code) == (419, 419)
    assert len(vendor.seen) == 4


async def test_a_missing_right_is_not_mended_by_a_new_token(vendor: Vendor, gotit: GotItApi) -> None:
    vendor.says(token(), failure(403))
    with pytest.raises(CredentialsRefused, match=r"Ask Got It.*code 403"):
        await gotit.page()
    assert len(vendor.seen) == 2


CREDENTIALS = [
    (4001, "GOTIT_CLIENT_ID or GOTIT_CLIENT_SECRET"),
    (4002, "GOTIT_CLIENT_ID"),
    (4003, "GOTIT_CLIENT_ID"),
    (4004, "GOTIT_CLIENT_SECRET"),
    (4005, "GOTIT_CLIENT_SECRET"),
    (4006, "GOTIT_APP_UUID"),
    (4007, "GOTIT_APP_UUID"),
    (401, "GOTIT_CLIENT_ID"),
]


@pytest.mark.parametrize(("code", "setting"), CREDENTIALS)
async def test_a_refused_credential_is_named(vendor: Vendor, gotit: GotItApi, code: int, setting: str) -> None:
    """And asked for again the next time: somebody may have mended it at the vendor's."""
    vendor.says(failure(401 if code == 401 else 400, code))
    for _ in range(2):
        with pytest.raises(CredentialsRefused, match=setting) as caught:
            await issue(gotit)
        assert caught.value.code == code
        assert "s3cret" not in str(caught.value)
    assert [seen.path for seen in vendor.seen] == [TOKEN_PATH] * 2


@pytest.mark.parametrize(
    "answer",
    [
        reply(503),
        reply(429),
        reply(404, b"<html>"),
        reply(302, location="https://gotit.vn/"),
        reply(200, b"<html>"),
        reply(200, envelope(200)),
        reply(200, envelope(200, [])),
        reply(200, envelope(500, {"access_token": "s3cret"})),
        token("s3cret with a blank"),
        token("s3cret-ü"),
        token(access_token=None),
        DROP,
    ],
)
async def test_without_a_token_nothing_is_asked(vendor: Vendor, gotit: GotItApi, answer: bytes) -> None:
    """So nothing can have happened, whatever became of the token."""
    vendor.says(answer)
    with pytest.raises(UpstreamUnavailable) as caught:
        await issue(gotit)
    assert "s3cret" not in str(caught.value)
    assert {seen.path for seen in vendor.seen} == {TOKEN_PATH}


async def test_a_lost_token_is_asked_for_again(vendor: Vendor, gotit: GotItApi) -> None:
    """It is a read, although it is a POST."""
    vendor.says(DROP, token(), listing())
    assert (await gotit.page()).gifts == ()


# The catalogue


async def test_the_vendors_sample_page_is_read(vendor: Vendor, gotit: GotItApi) -> None:
    """`per_page`, `from` and `to` contradict what stands there; the pages' numbers decide."""
    vendor.says(token(), reply(200, SAMPLE_PAGE))
    page = await gotit.page(per_page=10)
    assert page.gifts[0] == HIGHLANDS
    assert [(item.gift_id, item.price_id, item.price_value) for item in page.gifts] == [
        (422, 1899, 100_000),
        (1561, 1789, 50_000),
    ]
    assert (page.number, page.total, page.more, page.skipped) == (1, 51, True, 0)


async def test_names_are_shown_without_entities(vendor: Vendor, gotit: GotItApi) -> None:
    vendor.says(token(), listing(gift(name="M&amp;M&#39;s", brand={"name": "Phúc&nbsp;Long"})))
    (read,) = (await gotit.page()).gifts
    assert (read.name, read.brand) == ("M&M's", "Phúc Long")


async def test_the_codes_of_an_issued_voucher_stay_as_they_are(vendor: Vendor, gotit: GotItApi) -> None:
    link = "https://a.gotit.vn/v?a=1&amp;b=2"
    vendor.says(token(), issued(item={"product_name": "M&amp;M", "code": "A&amp;B", "voucher_link": link}))
    read = await issue(gotit)
    assert (read.name, read.code, read.link) == ("M&M", "A&amp;B", link)


async def test_a_page_is_asked_for_with_an_order(vendor: Vendor, gotit: GotItApi) -> None:
    """Sent even when it is the default: the page describes that in two ways."""
    vendor.says(token(), listing())
    await gotit.page()
    await gotit.page(3, name="Cà phê", from_point=0, to_point=500, sort_by="point", direction="desc", per_page=10)
    _, plain, full = vendor.seen
    assert (plain.method, plain.path) == ("GET", "/base/api/rewardhub/v1.0/gifts")
    assert plain.query == {"sort_by": ["id"], "dir": ["asc"], "page": ["1"], "per_page": ["50"]}
    assert full.query == {
        "name": ["Cà phê"],
        "from_point": ["0"],
        "to_point": ["500"],
        "sort_by": ["point"],
        "dir": ["desc"],
        "page": ["3"],
        "per_page": ["10"],
    }


async def test_the_catalogue_has_every_gift_once(vendor: Vendor, gotit: GotItApi) -> None:
    """A gift at another price is another gift; one that moved to the next page meanwhile is not."""
    vendor.says(
        token(),
        listing(gift(1, 1), gift(1, 2), page=1, last=3),
        listing(gift(1, 2), gift(2, 3), "odd", page=2, last=3),
        listing(gift(3, 4), page=3, last=3),
    )
    catalogue = await gotit.catalogue()
    assert [(item.gift_id, item.price_id) for item in catalogue.gifts] == [(1, 1), (1, 2), (2, 3), (3, 4)]
    assert (catalogue.skipped, catalogue.truncated) == (1, False)
    assert [seen.query["page"] for seen in vendor.seen[1:]] == [["1"], ["2"], ["3"]]
    assert {seen.query["per_page"][0] for seen in vendor.seen[1:]} == {"100"}


@pytest.mark.parametrize(
    ("answers", "calls"),
    [
        ([listing(page=1, last=9)], 1),
        ([listing(gift(), page=1, last=9), listing(gift(), page=1, last=9)], 2),
        ([listing(gift(), last_page=None, current_page=None), listing(last_page=None)], 2),
        ([listing("odd", page=1, last=2), listing(gift(), page=2, last=2)], 2),
    ],
)
async def test_listing_ends(vendor: Vendor, gotit: GotItApi, answers: list[bytes], calls: int) -> None:
    """At an empty page, at one that brings nothing new, and not at one that cannot be read."""
    vendor.says(token(), *answers)
    await gotit.catalogue()
    assert len(vendor.seen) == 1 + calls


async def test_a_huge_catalogue_is_cut_and_says_so(vendor: Vendor, gotit: GotItApi) -> None:
    vendor.says(token(), *(listing(gift(number, 1), page=number, last=99) for number in range(1, 30)))
    catalogue = await gotit.catalogue()
    assert (len(catalogue.gifts), catalogue.truncated) == (20, True)
    assert len(vendor.seen) == 21


async def test_a_catalogue_with_an_unreadable_page_is_an_error(vendor: Vendor, gotit: GotItApi) -> None:
    """Half a catalogue would make gifts vanish without a word."""
    vendor.says(token(), listing(gift(), page=1, last=2), failure(400))
    with pytest.raises(UpstreamRefused):
        await gotit.catalogue()


async def test_an_empty_catalogue_is_no_error(vendor: Vendor, gotit: GotItApi) -> None:
    vendor.says(token(), listing())
    assert await gotit.catalogue() == Catalogue()


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "voucher",
        [],
        gift(gift_id=None),
        gift(price_id="no. 1"),
        gift(name=" \u0000 "),
        gift(price_value="100,000"),
        gift(price_value=None),
    ],
)
async def test_an_unreadable_gift_is_skipped_and_counted(vendor: Vendor, gotit: GotItApi, odd: Any) -> None:
    vendor.says(token(), listing(odd, gift()))
    page = await gotit.page()
    assert page.gifts == (HIGHLANDS,)
    assert page.skipped == 1


@pytest.mark.parametrize(
    ("told", "read"),
    [(90, 90), ("90", 90), (90.0, 90), (0, None), (-5, None), (None, None), (True, None), ("many", None)],
)
async def test_a_price_in_points_is_optional(vendor: Vendor, gotit: GotItApi, told: Any, read: int | None) -> None:
    """The vendor's sample has none although it can be sorted by; and none must make a voucher free."""
    vendor.says(token(), listing(gift(point=told)))
    (item,) = (await gotit.page()).gifts
    assert item.point == read


@pytest.mark.parametrize("brand", [None, "Highlands", [], {}, {"name": None}])
async def test_a_brand_is_optional(vendor: Vendor, gotit: GotItApi, brand: Any) -> None:
    vendor.says(token(), listing(gift(brand=brand)))
    assert (await gotit.page()).gifts[0].brand == ""


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("https://cdn.example.com/a.png?w=1", "https://cdn.example.com/a.png?w=1"),
        ("http://img.gotit.vn/a.png", ""),
        ("//img.gotit.vn/a.png", ""),
        ("https://img.gotit.vn/a b.png", ""),
        ("https://img.gotit.vn/ảnh.png", ""),
        ("https://user@img.gotit.vn/a.png", ""),
        ("https://img.gotit.vn/" + "a" * 1000, ""),
        (None, ""),
        (7, ""),
    ],
)
async def test_only_a_plain_https_picture_is_taken(vendor: Vendor, gotit: GotItApi, told: Any, read: str) -> None:
    vendor.says(token(), listing(gift(image=told)))
    assert (await gotit.page()).gifts[0].image == read


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        (reply(200, []), "/ is an array"),
        (reply(200, {}), "/data is null"),
        (reply(200, envelope(200, {"data": []})), "/data is an object"),
        (reply(200, envelope(500)), "/statusCode"),
    ],
)
async def test_a_page_of_another_shape_is_an_error(vendor: Vendor, gotit: GotItApi, answer: bytes, place: str) -> None:
    vendor.says(token(), answer)
    with pytest.raises(ContractError, match=place):
        await gotit.page()


async def test_a_catalogue_is_repeated_like_any_read(vendor: Vendor, gotit: GotItApi) -> None:
    vendor.says(token(), reply(503), DROP, listing(gift()))
    assert len((await gotit.page()).gifts) == 1


# Issuing: what is sent


async def test_an_issue_is_a_post_with_both_names_of_the_id(vendor: Vendor, gotit: GotItApi) -> None:
    """The page's heading says GET and its table `product_id`; its example says POST and `gift_id`."""
    vendor.says(token(), issued())
    await issue(gotit)
    seen = vendor.seen[-1]
    assert (seen.method, seen.path) == ("POST", ISSUE_PATH)
    assert seen.headers["content-type"] == "application/json"
    assert seen.json == {
        "request_id": "GD_1",
        "issuer_identify_id": "bot",
        "recipient_identify_id": "C-8F3K2",
        "source": "externalService",
        "items": [{"product_id": 422, "gift_id": 422, "price_id": 1899, "quantity": 1}],
    }


@pytest.mark.parametrize("name", ["gift_id", "product_id"])
async def test_one_name_of_the_id_can_be_chosen(vendor: Vendor, clock: Clock, wall: Wall, name: Any) -> None:
    vendor.says(token(), issued())
    async with gotit_at(vendor, clock, wall, item_id_field=name) as api:
        await issue(api, quantity=2)
    assert vendor.seen[-1].json["items"] == [{name: 422, "price_id": 1899, "quantity": 2}]


async def test_points_are_sent_when_given(vendor: Vendor, clock: Clock, wall: Wall) -> None:
    vendor.says(token(), issued())
    async with gotit_at(vendor, clock, wall, source="rewardhub") as api:
        await issue(api, point=100, current_point=2_000)
    body = vendor.seen[-1].json
    assert (body["source"], body["current_point"], body["items"][0]["point"]) == ("rewardhub", 2_000, 100)


@pytest.mark.parametrize("points", [{}, {"point": 1}, {"current_point": 1}])
async def test_rewardhub_needs_points(vendor: Vendor, clock: Clock, wall: Wall, points: dict[str, int]) -> None:
    async with gotit_at(vendor, clock, wall, source="rewardhub") as api:
        with pytest.raises(ValueError, match="rewardhub needs point"):
            await issue(api, **points)
    assert vendor.seen == []


@pytest.mark.parametrize("request_id", ["", "x" * 51, "GD 1", "GD\n1", "GD_é"])
async def test_what_cannot_be_a_request_id_is_not_sent(vendor: Vendor, gotit: GotItApi, request_id: str) -> None:
    with pytest.raises(ValueError, match="not a request id"):
        await gotit.issue(request_id, gift_id=1, price_id=1, recipient="C", issuer="bot")
    assert vendor.seen == []


async def test_nothing_is_less_than_one(vendor: Vendor, gotit: GotItApi) -> None:
    with pytest.raises(ValueError, match="quantity"):
        await issue(gotit, quantity=0)
    assert vendor.seen == []


# Issuing: what becomes of it


async def test_the_vendors_sample_is_no_json_and_so_no_failure(vendor: Vendor, gotit: GotItApi) -> None:
    vendor.says(token(), reply(200, SAMPLE_ISSUED.encode()))
    with pytest.raises(OutcomeUnknown, match="instead of JSON"):
        await gotit.issue("VIB_20260304_000001", gift_id=88001, price_id=99001, recipient="B", issuer="A")
    assert len(vendor.seen) == 2


async def test_the_vendors_sample_without_its_comma_is_read(vendor: Vendor, gotit: GotItApi) -> None:
    mended = json.loads(re.sub(r",(\s*})", r"\1", SAMPLE_ISSUED))
    vendor.says(token(), reply(200, mended))
    done = await gotit.issue("VIB_20260304_000001", gift_id=88001, price_id=99001, recipient="B", issuer="A")
    assert done == Issued("VIB_20260304_000001", "Voucher Highland Coffee 50k")


@pytest.mark.parametrize("code", [200, "200", 2000, None])
async def test_these_codes_mean_success(vendor: Vendor, gotit: GotItApi, code: Any) -> None:
    vendor.says(token(), reply(201, envelope(code, {"transaction_id": "GD_1"})))
    assert await issue(gotit) == Issued("GD_1")


@pytest.mark.parametrize(
    "answer",
    [
        DROP,
        reply(500),
        reply(502, b"<html>"),
        reply(503),
        failure(504),
        # Whatever stands in it, a gateway's failure is no refusal.
        failure(500, 4001),
        failure(504, 404),
        # Neither is what contradicts itself.
        failure(400, 500),
        failure(404, 200),
        failure(200, 503),
        failure(200, 100),
        reply(200),
        reply(204),
        reply(200, b"OK"),
        reply(200, {"statusCode": 200}, cut=5),
        reply(200, []),
        reply(200, None),
        reply(200, envelope(200)),
        reply(200, envelope(200, [])),
        reply(200, envelope(200, {"transaction_id": None})),
        reply(200, b"[" * 100_000),
    ],
)
async def test_an_issue_that_may_have_happened_is_unknown(vendor: Vendor, gotit: GotItApi, answer: bytes) -> None:
    """And is not asked for a second time by the client."""
    vendor.says(token(), answer, issued())
    with pytest.raises(OutcomeUnknown) as caught:
        await issue(gotit)
    assert "s3cret" not in str(caught.value)
    assert len(vendor.seen) == 2


async def test_an_issue_that_is_not_answered_is_unknown(vendor: Vendor, clock: Clock, wall: Wall) -> None:
    vendor.says(token(), HANG)
    async with gotit_at(vendor, clock, wall, write_seconds=0.05) as api:
        with pytest.raises(OutcomeUnknown, match="no answer in time"):
            await issue(api)
    assert len(vendor.seen) == 2


async def test_an_issue_without_a_connection_did_not_happen(vendor: Vendor, gotit: GotItApi) -> None:
    vendor.says(token(), reply(200, {"data": []}, connection="close"))
    await gotit.page()
    await vendor.hang_up()
    with pytest.raises(UpstreamUnavailable, match="issue voucher: no connection"):
        await issue(gotit)


async def test_an_issue_is_sent_when_the_connection_comes_late(vendor: Vendor, gotit: GotItApi, clock: Clock) -> None:
    """What never left us may be tried again."""
    vendor.says(token(), reply(200, {"data": []}, connection="close"), issued())
    await gotit.page()
    await vendor.hang_up()
    clock.on_sleep = vendor.listen
    assert (await issue(gotit)).transaction_id == "GD_1"
    assert len(vendor.seen) == 3


async def test_an_issue_is_not_sent_while_the_breaker_is_open(vendor: Vendor, gotit: GotItApi) -> None:
    vendor.says(token(), listing())
    await gotit.page()
    vendor.says(reply(500))
    for _ in range(5):
        with pytest.raises(UpstreamUnavailable):
            await gotit.page()
    calls = len(vendor.seen)
    with pytest.raises(UpstreamUnavailable, match="not called"):
        await issue(gotit)
    assert len(vendor.seen) == calls


@pytest.mark.parametrize(
    ("answer", "wait"),
    [(reply(429), None), (reply(429, retry_after="2"), 2), (failure(400, 429), None), (failure(200, 429), None)],
)
async def test_an_issue_that_comes_too_often_is_told_at_once(
    vendor: Vendor, gotit: GotItApi, clock: Clock, answer: bytes, wait: float | None
) -> None:
    vendor.says(token(), answer, issued())
    with pytest.raises(RateLimited) as caught:
        await issue(gotit)
    assert (caught.value.retry_after, len(vendor.seen), clock.slept) == (wait, 2, [])


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 400, UpstreamRefused),
        (400, 4008, UpstreamRefused),
        (400, 4999, UpstreamRefused),
        (200, 4100, UpstreamRefused),
        (200, "4100", UpstreamRefused),
        (200, 404, NotFound),
        (404, 404, NotFound),
        (400, 404, NotFound),
        (403, 403, CredentialsRefused),
        (409, 409, Conflict),
        (422, 422, UpstreamRefused),
    ],
)
async def test_a_definite_no_carries_the_vendors_code(
    vendor: Vendor, gotit: GotItApi, status: int, code: Any, kind: type[UpstreamRefused]
) -> None:
    vendor.says(token(), failure(status, code))
    with pytest.raises(UpstreamRefused) as caught:
        await issue(gotit)
    assert (type(caught.value), caught.value.status, caught.value.code) == (kind, status, int(code))
    assert "s3cret" not in str(caught.value)
    assert len(vendor.seen) == 2


async def test_a_no_without_a_body_carries_its_status(vendor: Vendor, gotit: GotItApi) -> None:
    vendor.says(token(), reply(410, b"<html>"))
    with pytest.raises(NotFound) as caught:
        await issue(gotit)
    assert (caught.value.status, caught.value.code) == (410, 410)


async def test_a_refused_post_is_told_and_never_tried_as_a_get(vendor: Vendor, gotit: GotItApi) -> None:
    vendor.says(token(), failure(405))
    with pytest.raises(UpstreamRefused, match=r"we send POST only: ask Got It") as caught:
        await issue(gotit)
    assert (type(caught.value), caught.value.code) == (UpstreamRefused, 405)
    assert [seen.method for seen in vendor.seen] == ["POST", "POST"]


@pytest.mark.parametrize(
    "message",
    [
        "The request ID has already been used.",
        "The request_id has already been taken.",
        "Duplicated request_id",
        "duplicate transaction id",
        "Transaction_id already exists",
        "Mã giao dịch đã tồn tại",
    ],
)
async def test_a_request_id_that_was_used_is_a_conflict(vendor: Vendor, gotit: GotItApi, message: str) -> None:
    vendor.says(token(), failure(400, 4100, message))
    with pytest.raises(Conflict) as caught:
        await issue(gotit)
    assert (caught.value.status, caught.value.code) == (400, 4100)
    assert message not in str(caught.value)


@pytest.mark.parametrize(
    "message",
    [
        "The request_id field is required or invalid.",
        "The transaction_id does not exist",
        "The voucher has already expired",
        "This gift is already sold out",
        "",
        None,
        7,
    ],
)
async def test_another_refusal_is_not_taken_for_a_used_request_id(
    vendor: Vendor, gotit: GotItApi, message: Any
) -> None:
    vendor.says(token(), failure(400, 4100, message))
    with pytest.raises(UpstreamRefused) as caught:
        await issue(gotit)
    assert type(caught.value) is UpstreamRefused


# Issuing: what the documented answer does not have


@pytest.mark.parametrize("key", ["voucher_link", "link"])
async def test_a_link_of_got_its_own_is_taken(vendor: Vendor, gotit: GotItApi, key: str) -> None:
    """In the item or beside it."""
    link = "https://v.gotit.vn/Ab3?x=1#y"
    vendor.says(token(), issued(item={key: link}), issued(**{key: link}))
    assert (await issue(gotit)).link == link
    assert (await issue(gotit)).link == link


@pytest.mark.parametrize(
    "link",
    [
        "http://v.gotit.vn/a",
        "https://gotit.vn.example.com/a",
        "https://notgotit.vn/a",
        "https://example.com/?gotit.vn",
        "https://example.com#.gotit.vn",
        "https://example.com\\@gotit.vn/a",
        "https://example.com\\.gotit.vn/a",
        "https://gotit.vn@example.com/a",
        "https://example.com@gotit.vn/a",
        "https://gotit.vn:8443/a",
        "https://gotit.vn/\\example.com",
        "https://v.gotit.vn/a\nb",
        "https://v.gotit.vn/a\u202eb",
        "javascript:alert(1)//gotit.vn",
        "v.gotit.vn/a",
        "",
        None,
        ["https://v.gotit.vn/a"],
    ],
)
async def test_any_other_link_is_not(vendor: Vendor, gotit: GotItApi, link: Any) -> None:
    vendor.says(token(), issued(item={"voucher_link": link, "link": link}))
    assert await issue(gotit) == Issued("GD_1", "Voucher Highlands Coffee")


async def test_code_and_end_are_taken_and_not_shown_by_accident(vendor: Vendor, gotit: GotItApi) -> None:
    extra = {"code": "s3cret-code", "expired_date": "2026-12-31T23:59:59+07:00", "link": "https://gotit.vn/s3cret"}
    vendor.says(token(), issued(item=extra))
    done = await issue(gotit)
    assert (done.code, done.expires) == ("s3cret-code", datetime(2026, 12, 31, 16, 59, 59, tzinfo=UTC))
    assert "s3cret" not in repr(done)


@pytest.mark.parametrize("items", [None, [], ["odd"], {"product_name": "x"}])
async def test_an_answer_without_readable_items_is_a_success(vendor: Vendor, gotit: GotItApi, items: Any) -> None:
    """It says what we asked for, and nothing new."""
    vendor.says(token(), reply(200, envelope(200, {"transaction_id": "GD_1", "items": items})))
    assert await issue(gotit) == Issued("GD_1")


# The check


async def test_the_check_asks_for_a_token_and_one_gift(vendor: Vendor, gotit: GotItApi) -> None:
    vendor.says(token(), listing(), token("s3cret-token-2"), listing())
    await gotit.check()
    await gotit.check()
    assert [seen.path == TOKEN_PATH for seen in vendor.seen] == [True, False, True, False]
    assert vendor.seen[1].query["per_page"] == ["1"]


@pytest.mark.parametrize(
    ("answers", "advice"),
    [
        ([failure(400, 4001)], "GOTIT_CLIENT_SECRET is wrong"),
        ([failure(400, 4007)], "GOTIT_APP_UUID is wrong"),
        ([failure(401)], "belong together"),
        ([reply(404, b"<html>")], "Check GOTIT_API_URL"),
        ([reply(301, location="https://www.gotit.vn/")], "check the API's URL"),
        ([reply(200, {"hello": "world"})], "Check GOTIT_API_URL"),
        ([token(), failure(403)], "Ask Got It to give it"),
        ([token(), reply(404, b"<html>")], "Check GOTIT_API_URL"),
    ],
)
async def test_the_check_says_what_to_do(vendor: Vendor, gotit: GotItApi, answers: list[bytes], advice: str) -> None:
    vendor.says(*answers)
    with pytest.raises(ConfigurationError, match=advice) as caught:
        await gotit.check()
    assert "s3cret" not in str(caught.value)


async def test_the_check_cannot_tell_while_the_vendor_is_down(vendor: Vendor, gotit: GotItApi) -> None:
    vendor.says(reply(503))
    with pytest.raises(UpstreamUnavailable):
        await gotit.check()


def test_a_url_that_would_leak_the_secret_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="GOTIT_API_URL"):
        GotItApi.open("http://openapi.gotit.vn", client_id="c", client_secret="s", app_uuid="u")


async def test_no_error_has_one_that_quotes_the_request(vendor: Vendor, gotit: GotItApi) -> None:
    """Neither as cause nor as context: tracebacks are logged."""
    vendor.says(token(), DROP)
    with pytest.raises(UpstreamError) as caught:
        await issue(gotit)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
