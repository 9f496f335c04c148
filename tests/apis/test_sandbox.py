"""The clients against the sandbox's vendors: credentials, state and faults that take effect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bot.apis import Apis
from bot.apis.altegio import AltegioApi, Cards
from bot.apis.gotit import NAME, GotItApi, Issued, explain
from bot.apis.http import Upstream, open_http
from bot.apis.mantago import Gifts, MantagoApi
from bot.apis.poshen import PoshenApi
from bot.errors import ConfigurationError, Conflict, CredentialsRefused, NotFound, OutcomeUnknown, UpstreamRefused
from sandbox import Sandbox
from sandbox.credentials import POSHEN_READ_ONLY_TOKEN

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox.running(clock=lambda: NOW) as sandbox:
        yield sandbox


def mantago_of(sandbox: Sandbox, **changes: str) -> MantagoApi:
    env = sandbox.environment() | changes
    return MantagoApi.open(
        env["MANTAGO_API_URL"],
        token=env["MANTAGO_TOKEN"],
        secret=env["MANTAGO_SECRET"],
        bot_id=env["MANTAGO_BOT_ID"],
    )


def poshen_of(sandbox: Sandbox, **changes: str) -> PoshenApi:
    env = sandbox.environment() | changes
    return PoshenApi.open(env["POSHEN_API_URL"], token=env["POSHEN_TOKEN"])


def gotit_of(sandbox: Sandbox, **changes: str) -> GotItApi:
    """With the sandbox's time: a token's end is a time of day."""
    env = sandbox.environment() | changes
    http = open_http(env["GOTIT_API_URL"], setting="GOTIT_API_URL", headers={})
    return GotItApi(
        Upstream(NAME, http, explain=explain),
        client_id=env["GOTIT_CLIENT_ID"],
        client_secret=env["GOTIT_CLIENT_SECRET"],
        app_uuid=env["GOTIT_APP_UUID"],
        clock=lambda: NOW,
    )


def altegio_of(sandbox: Sandbox, **changes: str) -> AltegioApi:
    env = sandbox.environment() | changes
    return AltegioApi.open(
        env["ALTEGIO_API_URL"],
        partner_token=env["ALTEGIO_PARTNER_TOKEN"],
        user_token=env["ALTEGIO_USER_TOKEN"],
        company_ids=tuple(int(company) for company in env["ALTEGIO_COMPANY_ID"].split(",")),
        max_per_second=None,
    )


@pytest.fixture
async def apis(sandbox: Sandbox) -> AsyncIterator[Apis]:
    apis = Apis(
        mantago=mantago_of(sandbox), poshen=poshen_of(sandbox), gotit=gotit_of(sandbox), altegio=altegio_of(sandbox)
    )
    yield apis
    await apis.aclose()


@pytest.fixture
def mantago(apis: Apis) -> MantagoApi:
    assert apis.mantago
    return apis.mantago


@pytest.fixture
def poshen(apis: Apis) -> PoshenApi:
    assert apis.poshen
    return apis.poshen


@pytest.fixture
def gotit(apis: Apis) -> GotItApi:
    assert apis.gotit
    return apis.gotit


@pytest.fixture
def altegio(apis: Apis) -> AltegioApi:
    assert apis.altegio
    return apis.altegio


async def test_everything_the_demo_people_own_can_be_read(sandbox: Sandbox, mantago: MantagoApi) -> None:
    owned = 0
    for person in tuple(sandbox.people):
        held = await mantago.gifts("line" if person.channel == "line" else "facebook", person.id)
        owned += len(held.tickets) + len(held.gifts)
    assert owned


async def test_the_checks_pass(mantago: MantagoApi, poshen: PoshenApi, gotit: GotItApi, altegio: AltegioApi) -> None:
    await mantago.check("line")
    await mantago.check("facebook")
    await poshen.check()
    await gotit.check()
    assert await altegio.check() == ""


async def test_an_unknown_user_owns_nothing(mantago: MantagoApi) -> None:
    assert await mantago.gifts("line", "Unobody") == Gifts()


async def test_the_token_is_good_for_25_days_and_then_refused(sandbox: Sandbox, mantago: MantagoApi) -> None:
    assert mantago.token_days_left(NOW) == 25
    sandbox.ahead = timedelta(days=26)
    with pytest.raises(CredentialsRefused, match="MANTAGO_TOKEN"):
        await mantago.gifts("line", "Unobody")


@pytest.mark.parametrize("setting", ["MANTAGO_TOKEN", "MANTAGO_SECRET", "MANTAGO_BOT_ID"])
async def test_a_wrong_mantago_setting_is_named(sandbox: Sandbox, setting: str) -> None:
    api = mantago_of(sandbox, **{setting: "a.b.c"})
    with pytest.raises(ConfigurationError, match=setting):
        await api.check()
    await api.aclose()


async def test_a_wrong_poshen_token_is_named(sandbox: Sandbox) -> None:
    api = poshen_of(sandbox, POSHEN_TOKEN="1|wrong")
    with pytest.raises(ConfigurationError, match="POSHEN_TOKEN is not accepted"):
        await api.check()
    await api.aclose()


async def test_a_token_that_may_only_read(sandbox: Sandbox) -> None:
    api = poshen_of(sandbox, POSHEN_TOKEN=POSHEN_READ_ONLY_TOKEN)
    await api.check()
    with pytest.raises(CredentialsRefused, match="without the right"):
        await api.create("NEW2026", group_id=7)
    await api.aclose()


async def test_the_life_of_a_code(sandbox: Sandbox, poshen: PoshenApi) -> None:
    made = await poshen.create("NEW-2026", group_id=7, reward_ids=(5, 6))
    assert await poshen.find("NEW-2026") == made
    assert made.game
    await poshen.move(made.id, group_id=6)
    moved = await poshen.get(made.id)
    assert moved.group
    assert moved.group.id == 6
    assert moved.game != made.game
    await poshen.delete(made.id)
    assert await poshen.find("NEW-2026") is None
    with pytest.raises(NotFound):
        await poshen.get(made.id)


async def test_a_code_that_ignores_case_is_found_once(sandbox: Sandbox, poshen: PoshenApi) -> None:
    sandbox.poshen.ignores_case = True
    found = await poshen.find("Welcome2026")
    assert found
    assert found.id == 99


async def test_all_codes_are_listed_once(sandbox: Sandbox, poshen: PoshenApi) -> None:
    listed = [code.id async for code in poshen.list()]
    assert sorted(listed) == sorted(sandbox.poshen.codes)
    assert [code.id async for code in poshen.list(group_id=5, per_page=1)] == [99]


@pytest.mark.parametrize("trouble", [{"drop": True}, {"cut": True}, {"status": 503}, {"body": "<html>"}])
async def test_a_creation_whose_answer_was_lost_is_confirmed(
    sandbox: Sandbox, poshen: PoshenApi, trouble: dict[str, object]
) -> None:
    sandbox.fault("poshen:POST", after=True, times=1, **trouble)
    made = await poshen.create("LOST-2026", group_id=7, reward_ids=[1])
    assert sandbox.poshen.codes[made.id].code == "LOST-2026"
    assert len(sandbox.calls("poshen", "POST /redemption-codes")) == 1


async def test_a_creation_that_never_arrived_is_unknown_and_may_be_repeated(
    sandbox: Sandbox, poshen: PoshenApi
) -> None:
    sandbox.fault("poshen:POST", drop=True, times=1)
    with pytest.raises(OutcomeUnknown):
        await poshen.create("LOST-2026", group_id=7)
    made = await poshen.create("LOST-2026", group_id=7)
    assert await poshen.create("LOST-2026", group_id=7) == made


async def test_a_code_of_another_group_is_a_conflict(poshen: PoshenApi) -> None:
    with pytest.raises(Conflict):
        await poshen.create("WELCOME2026", group_id=7, reward_ids=[1])


async def test_a_delete_whose_answer_was_lost_is_done(sandbox: Sandbox, poshen: PoshenApi) -> None:
    sandbox.fault("poshen:DELETE", after=True, drop=True, times=1)
    await poshen.delete(99)
    assert 99 not in sandbox.poshen.codes
    assert [call.status for call in sandbox.calls("poshen", "DELETE")] == [0, 404]


async def test_a_slow_start_of_mantago_is_survived(sandbox: Sandbox, mantago: MantagoApi) -> None:
    sandbox.fault("mantago", status=502, body="<html>bad gateway</html>", times=1)
    await mantago.gifts("line", "Unobody")
    assert len(sandbox.calls("mantago")) == 2


# Got It


async def issue(gotit: GotItApi, request_id: str = "GD_1", *, price_id: int = 1899, issuer: str = "bot") -> Issued:
    """A voucher of Highlands Coffee."""
    return await gotit.issue(request_id, gift_id=422, price_id=price_id, recipient="C-8F3K2", issuer=issuer)


@pytest.mark.parametrize("setting", ["GOTIT_CLIENT_ID", "GOTIT_CLIENT_SECRET", "GOTIT_APP_UUID"])
@pytest.mark.parametrize("value", ["", "wrong", "x" * 256])
async def test_a_wrong_gotit_setting_is_named(sandbox: Sandbox, setting: str, value: str) -> None:
    api = gotit_of(sandbox, **{setting: value})
    with pytest.raises(ConfigurationError, match=setting):
        await api.check()
    await api.aclose()


async def test_the_catalogue_is_the_whole_one(sandbox: Sandbox, gotit: GotItApi) -> None:
    catalogue = await gotit.catalogue()
    assert {(gift.gift_id, gift.price_id) for gift in catalogue.gifts} == {
        (gift["gift_id"], gift["price_id"]) for gift in sandbox.gotit.gifts
    }
    assert (await gotit.page(name="highlands")).gifts[0].gift_id == 422


async def test_old_tokens_are_renewed_by_one_call(sandbox: Sandbox, gotit: GotItApi) -> None:
    await gotit.page()
    sandbox.gotit.expire_tokens()
    pages = await asyncio.gather(*(gotit.page() for _ in range(8)))
    assert all(page.gifts for page in pages)
    assert len(sandbox.calls("gotit", "POST /api/rewardhub/v1.0/token")) == 2


async def test_a_voucher_is_issued_under_our_request_id(sandbox: Sandbox, gotit: GotItApi) -> None:
    assert await issue(gotit) == Issued("GD_1", "Voucher Highlands Coffee")
    assert await issue(gotit) == Issued("GD_1", "Voucher Highlands Coffee")
    assert sandbox.gotit.issued["GD_1"]["recipient_identify_id"] == "C-8F3K2"
    assert len(sandbox.gotit.issued) == 1


async def test_a_repeated_request_id_may_be_refused(sandbox: Sandbox, gotit: GotItApi) -> None:
    await issue(gotit)
    sandbox.gotit.repeats = "refused"
    with pytest.raises(Conflict) as caught:
        await issue(gotit)
    assert caught.value.code == 4100


async def test_a_voucher_that_is_gone_is_refused(sandbox: Sandbox, gotit: GotItApi) -> None:
    with pytest.raises(NotFound):
        await issue(gotit, price_id=1)
    with pytest.raises(UpstreamRefused):
        await issue(gotit, "GD_2", issuer="")
    assert sandbox.gotit.issued == {}


@pytest.mark.parametrize("trouble", [{"drop": True}, {"cut": True}, {"status": 504}, {"body": "<html>"}])
async def test_an_issue_whose_answer_was_lost_is_unknown_and_the_same_again_is_the_same(
    sandbox: Sandbox, gotit: GotItApi, trouble: dict[str, object]
) -> None:
    sandbox.fault("gotit:POST /api/rewardhub/v1.0/gifts/issue", after=True, times=1, **trouble)
    with pytest.raises(OutcomeUnknown):
        await issue(gotit)
    assert len(sandbox.calls("gotit", "POST /api/rewardhub/v1.0/gifts/issue")) == 1
    assert (await issue(gotit)).transaction_id == "GD_1"
    assert len(sandbox.gotit.issued) == 1


# Altegio


@pytest.mark.parametrize("setting", ["ALTEGIO_PARTNER_TOKEN", "ALTEGIO_USER_TOKEN"])
async def test_a_wrong_altegio_token_is_named(sandbox: Sandbox, setting: str) -> None:
    api = altegio_of(sandbox, **{setting: "wrong"})
    with pytest.raises(ConfigurationError, match=setting):
        await api.check()
    await api.aclose()


async def test_a_location_of_somebody_else_is_named(sandbox: Sandbox) -> None:
    api = altegio_of(sandbox, ALTEGIO_COMPANY_ID="680001,1")
    with pytest.raises(ConfigurationError, match=r"location 1: .*ALTEGIO_COMPANY_ID"):
        await api.check()
    held = await api.cards("886912345678")
    await api.aclose()
    assert held.failed == (1,)
    assert len(held.cards) == 2


async def test_the_cards_of_both_locations_are_read_once(altegio: AltegioApi) -> None:
    held = await altegio.cards("886912345678")
    assert [(card.number, card.company_id, card.usable(NOW)) for card in held.cards] == [
        ("00420017", 680001, True),
        ("00420018", 680001, True),
        ("77001234", 680002, False),
        ("77001235", 680002, False),
    ]
    assert [card.endless for card in held.cards] == [False, True, False, False]
    assert (held.failed, held.skipped) == ((), 0)


@pytest.mark.parametrize("phone", ["886987654321", "84912345678"])
async def test_a_phone_without_cards_has_none(altegio: AltegioApi, phone: str) -> None:
    assert await altegio.cards(phone) == Cards()
