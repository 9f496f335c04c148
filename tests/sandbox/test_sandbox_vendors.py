"""The vendors' stand-ins answer as the vendors' own documents say."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from sandbox import Sandbox
from sandbox.altegio import SAMPLE_PHONE
from sandbox.credentials import POSHEN_READ_ONLY_TOKEN, mantago_token, token_claims
from sandbox.people import demo_id

WELCOME: dict[str, Any] = {
    "id": 99,
    "code": "WELCOME2026",
    "current_uses": 12,
    "group": {"id": 5, "name": "新春活動"},
    "game": {"id": 1, "name": "柿日疊疊樂"},
    "rewards": [{"id": 1, "code": "GOLD_100", "name": "金幣 100", "type": "金幣"}],
}


# MantaGo


@pytest.mark.parametrize(("channel", "platform"), [("line", "line"), ("messenger", "facebook")])
async def test_gifts_of_a_regular_customer(api: Any, channel: str, platform: str) -> None:
    """A dozen of them, in all states, the same on both channels."""
    answer = await api.gifts(demo_id(channel, "yu"), platform)

    assert answer.status == 200
    assert answer.json["success"] is True
    gifts = answer.json["physicalGifts"] + answer.json["virtualGifts"]
    assert len(gifts) + len(answer.json["tickets"]) == 12
    assert any("isExpired" not in gift for gift in gifts), "the vendor's own sample has none"
    ends = [gift["endTime"] for gift in gifts if gift.get("isExpired")]
    starts = [gift["startTime"] for gift in gifts if gift.get("isExpired")]
    now = "2026-11-20T04:00:00.000Z"
    assert any(end < now for end in ends)
    assert any(start > now for start in starts)
    assert all("startTime" not in gift for gift in gifts if gift.get("isExpired") is False)


@pytest.mark.parametrize(("nick", "count"), [("collector", 37), ("hoarder", 520), ("empty", 0), ("broken", 6)])
async def test_how_many_gifts_people_have(api: Any, nick: str, count: int) -> None:
    lists = (await api.gifts(demo_id("line", nick))).json

    assert sum(len(lists[name]) for name in ("tickets", "physicalGifts", "virtualGifts")) == count


async def test_a_list_stays_the_same_between_two_looks(api: Any, ticker: Any) -> None:
    first = await api.gifts(demo_id("line", "yu"))
    ticker.advance(600)

    assert (await api.gifts(demo_id("line", "yu"))).json == first.json


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"platformClientId": "U" + "1" * 32}, 404, 37011),
        ({"secret": "wrong"}, 403, 1002),
        ({"secret": None}, 400, 110000),
        ({"platform": "whatsapp"}, 404, 11001),
        ({"platform": "icq"}, 400, 110000),
        ({"platformClientId": ""}, 400, 110000),
        ({"clientId": "both"}, 400, 110000),
        ({"platform": None, "platformClientId": None, "clientId": "one"}, 404, 37011),
    ],
)
async def test_mantagos_error_codes(api: Any, changes: dict[str, Any], status: int, code: int) -> None:
    answer = await api.gifts(demo_id("line", "yu"), **changes)

    assert (answer.status, answer.json["success"]) == (status, False)
    assert answer.json["errResponse"]["code"] == code


async def test_mantagos_bot_and_token(api: Any, ticker: Any) -> None:
    """A strange bot, a strange token and an expired one have codes of their own."""
    path, body = "/mantago/openapi/client/gift", {"secret": api.settings["MANTAGO_SECRET"]}
    bearer = api.bearer("MANTAGO_TOKEN")

    assert (await api("POST", path, body, headers=bearer)).json["errResponse"]["code"] == 110000
    strange = await api("POST", f"{path}?botId=other", body, headers=bearer)
    assert (strange.status, strange.json["errResponse"]["code"]) == (404, 5001)
    forged = await api("POST", path, body, headers={"Authorization": bearer["Authorization"] + "x"})
    assert (forged.status, forged.json["errResponse"]["code"]) == (401, 1004)
    ticker.advance(26 * 24 * 3_600)
    assert (await api.gifts(demo_id("line", "yu"))).json["errResponse"]["code"] == 1004


async def test_the_mantago_token_ends_in_25_days(ticker: Any) -> None:
    claims = token_claims(mantago_token(ticker()))

    assert claims is not None
    assert int(str(claims["exp"])) - ticker().timestamp() == 25 * 24 * 3_600
    assert token_claims("a.b.c") is None


async def test_an_exchanged_pair_replaces_the_old_one(api: Any) -> None:
    """The old token is told that it was replaced; the new pair works."""
    path = f"/mantago/openapi/token?botId={api.settings['MANTAGO_BOT_ID']}"
    secret = {"secret": api.settings["MANTAGO_SECRET"]}

    pair = (await api("POST", path, secret, headers=api.bearer("MANTAGO_TOKEN"))).json
    stale = await api.gifts(demo_id("line", "yu"))
    api.settings |= {"MANTAGO_TOKEN": pair["apiToken"], "MANTAGO_SECRET": pair["apiSecret"]}

    assert stale.json["errResponse"]["code"] == 120000
    assert (await api.gifts(demo_id("line", "yu"))).status == 200


async def test_points(api: Any) -> None:
    path = f"/mantago/openapi/client/point?botId={api.settings['MANTAGO_BOT_ID']}"
    body = {
        "secret": api.settings["MANTAGO_SECRET"],
        "platform": "line",
        "platformClientIds": [demo_id("line", "yu"), demo_id("line", "stranger")],
    }

    answer = await api("POST", path, body, headers=api.bearer("MANTAGO_TOKEN"))

    assert answer.json["points"] == [{"platform": "line", "platformClientId": demo_id("line", "yu"), "points": 30}]
    await api("PUT", f"/_sandbox/mantago/points/line/{demo_id('line', 'yu')}", {"points": None})
    await api("PUT", f"/_sandbox/mantago/points/line/{demo_id('line', 'stranger')}", {"points": 7})
    answer = await api("POST", path, body, headers=api.bearer("MANTAGO_TOKEN"))
    assert [each["points"] for each in answer.json["points"]] == [7]


async def test_the_console_makes_a_new_pair(api: Any) -> None:
    """As somebody who presses Refresh: the one before is dead."""
    pair = (await api("POST", "/_sandbox/mantago/pair")).json

    assert (await api.gifts(demo_id("line", "yu"))).json["errResponse"]["code"] == 120000
    api.settings |= pair
    assert (await api.gifts(demo_id("line", "yu"))).status == 200


async def test_clients_can_be_put_in(api: Any) -> None:
    user = "U" + "a" * 32
    path = f"/_sandbox/mantago/clients/line/{user}"

    await api("PUT", path, {"tickets": [{"createdAt": "2026-11-01T02:00:00.000Z"}]})
    assert (await api.gifts(user)).json["tickets"] == [{"createdAt": "2026-11-01T02:00:00.000Z"}]
    await api("DELETE", path)
    assert (await api.gifts(user)).status == 404


# Poshen


async def test_poshens_own_example(api: Any) -> None:
    """Group 5 answers word for word what the documentation shows."""
    expected = {"data": [WELCOME], "meta": {"current_page": 1, "total": 1}}

    assert (await api.poshen("GET", "/redemption-codes?group_id=5")).json == expected
    assert (await api.poshen("GET", "/redemption-codes?code=WELCOME2026")).json == expected
    assert (await api.poshen("GET", "/redemption-codes/99")).json == {"data": WELCOME}


async def test_codes_are_compared_exactly_unless_told_otherwise(api: Any, sandbox: Sandbox) -> None:
    path = "/redemption-codes?code=welcome2026"

    assert (await api.poshen("GET", path)).json["data"] == []
    sandbox.poshen.ignores_case = True
    assert (await api.poshen("GET", path)).json["data"] == [WELCOME]


async def test_pages_hold_every_code_once(api: Any, sandbox: Sandbox) -> None:
    seen: list[int] = []
    for page in (1, 2, 3, 4):
        answer = await api.poshen("GET", f"/redemption-codes?group_id=8&per_page=20&page={page}")
        seen += [code["id"] for code in answer.json["data"]]
        assert answer.json["meta"]["current_page"] == page

    assert sorted(seen) == sorted(code.id for code in sandbox.poshen.codes.values() if code.group == 8)
    assert len((await api.poshen("GET", "/redemption-codes")).json["data"]) == 15


async def test_a_code_lives(api: Any) -> None:
    """Made, taken, moved to a group of another game, deleted, gone."""
    body = {
        "code": "AUTUMN-1",
        "redemption_code_group_id": 5,
        "rewards": [{"reward_id": 1}, {"reward_id": 3}],
    }

    made = await api.poshen("POST", "/redemption-codes", body)
    path = f"/redemption-codes/{made.json['data']['id']}"
    again = await api.poshen("POST", "/redemption-codes", body)
    moved = await api.poshen("PUT", path, {"redemption_code_group_id": 6})
    shown = await api.poshen("GET", path)
    deleted = [await api.poshen("DELETE", path) for _ in range(2)]

    assert (made.status, made.json["data"]["current_uses"]) == (201, 0)
    assert [reward["id"] for reward in made.json["data"]["rewards"]] == [1, 3]
    assert (again.status, again.json["errors"]) == (422, {"code": ["The code has already been taken."]})
    assert (moved.status, moved.json) == (204, b"")
    assert (shown.json["data"]["group"]["id"], shown.json["data"]["game"]["name"]) == (6, "茶行大亨")
    assert [answer.status for answer in deleted] == [204, 404]
    assert deleted[1].json["message"].startswith("No query results for model")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"code", "redemption_code_group_id"}),
        ({"code": 5, "redemption_code_group_id": "5"}, {"code", "redemption_code_group_id"}),
        ({"code": "A", "redemption_code_group_id": 99}, {"redemption_code_group_id"}),
        (
            {"code": "A", "redemption_code_group_id": 5, "rewards": [{"reward_id": 999}]},
            {"rewards.0.reward_id"},
        ),
        ({"code": "A", "redemption_code_group_id": 5, "rewards": "1"}, {"rewards"}),
    ],
)
async def test_poshen_tells_what_is_wrong_by_field(api: Any, body: Any, fields: set[str]) -> None:
    answer = await api.poshen("POST", "/redemption-codes", body)

    assert (answer.status, set(answer.json["errors"])) == (422, fields)
    assert answer.json["message"].startswith(next(iter(answer.json["errors"].values()))[0])


async def test_poshens_doors(api: Any) -> None:
    """No token, a token that may only read, and a client that does not ask for JSON."""
    path = "/poshen/redemption-codes"
    reader = {"Authorization": f"Bearer {POSHEN_READ_ONLY_TOKEN}"}

    nobody = await api("GET", path)
    browser = await api("GET", path, headers={"Accept": "*/*"}, allow_redirects=False)

    assert (nobody.status, nobody.json) == (401, {"message": "Unauthenticated."})
    assert (browser.status, browser.headers["Location"]) == (302, "/poshen/login")
    assert (await api("GET", path, headers=reader)).status == 200
    assert (await api("POST", path, {"code": "A"}, headers=reader)).status == 403
    assert (await api.poshen("GET", "/redemption-code-groups")).status == 404


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        ("NOSUCH", 404, "invalidCode"),
        ("LATE2025", 409, "expired"),
        ("FULL2026", 409, "maxUsesExceeded"),
    ],
)
async def test_redemptions_that_fail(api: Any, code: str, status: int, message: str) -> None:
    body = {"redemption_code": code, "unity_player_id": "p1"}

    answer = await api.poshen("POST", "/redemptions", body)

    assert (answer.status, answer.json["message"]) == (status, f"RedemptionException::{message}")


@pytest.mark.parametrize(
    ("wording", "said"),
    [
        ("error", {"message": "The code could not be redeemed.", "error": "expired"}),
        ("silent", {"message": "The code could not be redeemed."}),
        ("zh", {"message": "兌換碼已過期"}),
        ("en", {"message": "This code has expired."}),
    ],
)
async def test_poshens_no_in_other_words(api: Any, sandbox: Sandbox, wording: Any, said: Any) -> None:
    """What stands in the body is not documented, so the bot must understand several."""
    sandbox.poshen.wording = wording

    answer = await api.poshen("POST", "/redeem", {"redemption_code": "LATE2025", "unity_player_id": "p1"})

    assert (answer.status, answer.json) == (409, said)


async def test_a_player_redeems_once(api: Any, sandbox: Sandbox) -> None:
    body = {"redemption_code": "WELCOME2026", "unity_player_id": "p1"}

    first = await api.poshen("POST", "/redemptions", body)
    second = await api.poshen("POST", "/redeem", body)

    assert first.json == {"data": WELCOME["rewards"]}
    assert (second.status, second.json["message"]) == (409, "RedemptionException::alreadyRedeemed")
    assert sandbox.poshen.codes[99].current_uses == 13
    (entry,) = (await api.poshen("GET", "/redemptions?code=WELCOME2026")).json["data"]
    assert (entry["redemption_code"]["code"], entry["user"]["unity_player_id"]) == ("WELCOME2026", "p1")
    user = entry["user"]["id"]
    assert (await api.poshen("GET", f"/redemptions?user_id={user}")).json["data"] == [entry]
    assert (await api.poshen("GET", f"/redemptions?user_id={user + 1}")).json["data"] == []
    assert (await api.poshen("POST", "/redemptions", {})).status == 422


async def test_rewards_and_control_of_codes(api: Any) -> None:
    rewards = (await api.poshen("GET", "/rewards?per_page=100")).json
    assert rewards["data"][0] == WELCOME["rewards"][0]
    assert rewards["meta"]["total"] == len(rewards["data"])

    assert (await api("POST", "/_sandbox/poshen/codes", {"code": "NEW-1", "group": 6})).status == 201
    assert len((await api.poshen("GET", "/redemption-codes?code=NEW-1")).json["data"]) == 1
    assert (await api("DELETE", "/_sandbox/poshen/codes/NEW-1")).status == 204
    assert (await api("DELETE", "/_sandbox/poshen/codes", {"code": "NEW-1"})).status == 404
    assert (await api("POST", "/_sandbox/poshen/codes", {"code": "X", "group": 1})).status == 400


# Got It

GOTIT = "/gotit/api/rewardhub/v1.0"


async def gotit_token(api: Any, **changes: Any) -> Any:
    body = {
        "client_id": api.settings["GOTIT_CLIENT_ID"],
        "client_secret": api.settings["GOTIT_CLIENT_SECRET"],
        "app_uuid": api.settings["GOTIT_APP_UUID"],
        **changes,
    }
    return await api("POST", f"{GOTIT}/token", body)


async def gotit(api: Any, method: str, path: str, body: Any = None) -> Any:
    token = (await gotit_token(api)).json["data"]["access_token"]
    return await api(method, GOTIT + path, body, headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"client_id": ""}, 4002),
        ({"client_id": "x" * 256}, 4003),
        ({"client_secret": None}, 4004),
        ({"client_secret": 5}, 4005),
        ({"app_uuid": ""}, 4006),
        ({"app_uuid": "other"}, 4007),
        ({"client_secret": "wrong"}, 4001),
    ],
)
async def test_gotits_token_errors(api: Any, changes: dict[str, Any], code: int) -> None:
    answer = await gotit_token(api, **changes)

    assert (answer.status, answer.json["statusCode"], answer.json["data"]) == (400, code, {})


async def test_gotits_token_and_catalog(api: Any) -> None:
    """The token is good for 15 days, and the first gifts are those of the document."""
    token = (await gotit_token(api)).json["data"]
    page = (await gotit(api, "GET", "/gifts?page=1&per_page=2")).json
    searched = (await gotit(api, "GET", "/gifts?name=highlands")).json

    assert (token["token_type"], token["expires_in"]) == ("Bearer", 1_296_000)
    assert page["data"][0] == {
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
    }
    assert [gift["gift_id"] for gift in page["data"]] == [422, 1561]
    assert (page["current_page"], page["per_page"], page["last_page"]) == (1, 2, -(-page["total"] // 2))
    assert searched["total"] == 1
    assert (await gotit(api, "GET", "/gifts?from_point=5&to_point=1")).status == 400


ISSUE = {
    "request_id": "GD_20261120_000001",
    "issuer_identify_id": "bot",
    "recipient_identify_id": "C-8F3K2",
    "source": "externalService",
    "items": [{"gift_id": 422, "product_id": 422, "price_id": 1899, "quantity": 1}],
}


async def test_a_request_id_issues_once(api: Any, sandbox: Sandbox) -> None:
    """The repetition brings the first answer again, or is refused; never a second voucher."""
    first = await gotit(api, "POST", "/gifts/issue", ISSUE)
    again = await gotit(api, "POST", "/gifts/issue", ISSUE)
    sandbox.gotit.repeats = "refused"
    refused = await gotit(api, "POST", "/gifts/issue", ISSUE)

    assert (first.status, first.json["data"]["transaction_id"]) == (200, ISSUE["request_id"])
    assert first.json["data"]["items"] == [
        {"product_id": 422, "product_name": "Voucher Highlands Coffee", "quantity": 1}
    ]
    assert again.json == first.json
    assert refused.status == 400
    assert len(sandbox.gotit.issued) == 1


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"request_id": ""}, 400),
        ({"source": "elsewhere"}, 400),
        ({"issuer_identify_id": None}, 400),
        ({"source": "rewardhub"}, 400),
        ({"items": []}, 400),
        ({"items": [{"price_id": 1899, "quantity": 1}]}, 400),
        ({"items": [{"gift_id": 1, "price_id": 1, "quantity": 1}]}, 404),
    ],
)
async def test_issues_that_are_refused(api: Any, changes: dict[str, Any], status: int) -> None:
    answer = await gotit(api, "POST", "/gifts/issue", ISSUE | changes)

    assert (answer.status, answer.json["statusCode"]) == (status, status)


async def test_gotits_doors(api: Any, sandbox: Sandbox) -> None:
    """GET is no way to issue; an old token gets 419, a strange one 401."""
    token = (await gotit_token(api)).json["data"]["access_token"]
    headers = {"Authorization": f"Bearer {token}"}

    assert (await api("GET", f"{GOTIT}/gifts/issue", headers=headers)).status == 405
    sandbox.gotit.expire_tokens()
    assert (await api("GET", f"{GOTIT}/gifts", headers=headers)).json["statusCode"] == 419
    assert (await gotit(api, "GET", "/gifts")).status == 200
    assert (await api("GET", f"{GOTIT}/gifts")).status == 401


# Altegio


async def cards(api: Any, phone: str, **changes: Any) -> Any:
    query = {"company_id": "680001", "phone": phone, **changes}
    tokens = f"Bearer {api.settings['ALTEGIO_PARTNER_TOKEN']}, User {api.settings['ALTEGIO_USER_TOKEN']}"
    headers = {"Authorization": tokens}
    return await api("GET", "/altegio/loyalty/certificates", params=query, headers=headers)


async def test_altegios_own_example(api: Any) -> None:
    answer = await cards(api, SAMPLE_PHONE)

    assert answer.json["meta"] == {"count": 1}
    card = answer.json["data"][0]
    assert (card["id"], card["number"], card["balance"], card["status"]) == (
        409726,
        888,
        9000,
        {"id": 2, "title": "activated"},
    )
    assert card["type"]["item_type"] == {"id": 0, "title": "No limits"}
    assert datetime.fromisoformat(card["created_date"]).utcoffset() is not None


async def test_altegios_cards_and_doors(api: Any) -> None:
    """Cards are found by digits in each shop; one card of the chain shows in both."""
    here, there = await cards(api, "886912345678"), await cards(api, "886912345678", company_id="680002")

    assert {card["id"] for card in here.json["data"]} & {card["id"] for card in there.json["data"]} == {500001}
    assert (await cards(api, "+886912345678")).json == {"success": True, "data": [], "meta": {"count": 0}}
    assert (await cards(api, "886912345678", company_id="1")).status == 403
    assert (await cards(api, "886912345678", company_id="")).status == 422
    nobody = await api("GET", "/altegio/loyalty/certificates")
    assert (nobody.status, nobody.json["meta"]) == (401, {"message": "Authentication needed."})
