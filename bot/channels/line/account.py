"""A LINE account's set-up, through LINE's own SDK: rich menus, the webhook, the plan.

For `giftdesk menus` and `giftdesk doctor` alone. The SDK takes half a second and 40 MB to load, so web and worker never
load it: whoever needs this module asks `LineClient.account`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from linebot.v3.messaging import (
    ApiClient,
    ApiException,
    Configuration,
    CreateRichMenuAliasRequest,
    MessagingApi,
    MessagingApiBlob,
    RichMenuBatchRequest,
    RichMenuRequest,
    TestWebhookEndpointRequest,
    UpdateRichMenuAliasRequest,
)
from urllib3.exceptions import HTTPError

from bot.apis.transport import authorities
from bot.channels import Json, Remark
from bot.channels.calls import CONNECT_SECONDS
from bot.channels.limits import clean, record
from bot.channels.line.client import API_URL, Answer
from bot.config import Settings
from bot.errors import ContractError, CredentialsRefused, RateLimited, UpstreamRefused, UpstreamUnavailable

READ_SECONDS = 20.0  # A picture of a megabyte goes up, and LINE knocks at the webhook while it is asked to.
WHERE = "the LINE Developers console, Messaging API"


class Account:
    """Everything raises UpstreamError, in words for whoever runs the command.

    The SDK waits in threads. What fails is not tried again: the command is run again, and goes on where it stopped.
    """

    def __init__(self, api_url: str, access_token: str) -> None:
        # Without a host the SDK goes to LINE's own two, one of which takes pictures alone.
        # https://developers.line.biz/en/reference/messaging-api/#domain-name
        to = Configuration(
            host=None if api_url == API_URL else api_url, access_token=access_token, ssl_ca_cert=authorities()
        )
        to.retries = False
        self._client = ApiClient(to)
        self._api, self._blob = MessagingApi(self._client), MessagingApiBlob(self._client)

    def close(self) -> None:
        """Close the connections."""
        self._client.rest_client.pool_manager.clear()

    async def menus(self) -> dict[str, str]:
        """Names of all rich menus, by id."""
        listed = await self.ask(self._api.get_rich_menu_list)
        return {menu.rich_menu_id: menu.name for menu in listed.richmenus}

    async def aliases(self) -> dict[str, str]:
        """Ids of menus, by alias."""
        listed = await self.ask(self._api.get_rich_menu_alias_list)
        return {alias.rich_menu_alias_id: alias.rich_menu_id for alias in listed.aliases}

    async def main_menu(self) -> str | None:
        """Id of the menu for everybody; None when there is none that the API knows of."""
        # 404: there is none. 403: the LINE Official Account Manager made it, and ours takes precedence.
        found = await self.ask(self._api.get_default_rich_menu_id, also=(403, 404))
        return found and str(found.rich_menu_id)

    async def validate(self, menu: Json) -> None:
        """Ask LINE whether it would take a menu."""
        await self.ask(self._api.validate_rich_menu_object, RichMenuRequest.from_dict(menu))

    async def create(self, menu: Json) -> str:
        """Create a menu without a picture; its id."""
        made = await self.ask(self._api.create_rich_menu, RichMenuRequest.from_dict(menu))
        return str(made.rich_menu_id)

    async def picture(self, menu_id: str, png: bytes) -> None:
        """Give a menu its picture, once and for all."""
        await self.ask(self._blob.set_rich_menu_image, menu_id, png, _headers={"Content-Type": "image/png"})

    async def name(self, alias: str, menu_id: str, *, new: bool) -> None:
        """Let an alias lead to a menu. new: there is no such alias yet."""
        if new:
            request = CreateRichMenuAliasRequest(richMenuAliasId=alias, richMenuId=menu_id)
            await self.ask(self._api.create_rich_menu_alias, request)
        else:
            await self.ask(self._api.update_rich_menu_alias, alias, UpdateRichMenuAliasRequest(richMenuId=menu_id))

    async def show(self, menu_id: str) -> None:
        """Show a menu to everybody who has none of their own."""
        await self.ask(self._api.set_default_rich_menu, menu_id)

    async def hide(self) -> None:
        """Show no menu to those who have none of their own."""
        await self.ask(self._api.cancel_default_rich_menu, also=(404,))

    async def delete_alias(self, alias: str) -> None:
        await self.ask(self._api.delete_rich_menu_alias, alias, also=(404,))

    async def delete(self, menu_id: str) -> None:
        await self.ask(self._api.delete_rich_menu, menu_id, also=(404,))

    async def move(self, operations: Sequence[Json], key: str) -> str | None:
        """Begin to move all customers from menus to others; LINE's id of that work, None when it refuses it.

        key: the same for the same work: LINE goes on with it instead of beginning anew.
        """
        # https://developers.line.biz/en/reference/messaging-api/#batch-control-rich-menus-of-users
        request = RichMenuBatchRequest.from_dict({"operations": operations, "resumeRequestKey": key})
        accepted = await self.ask(self._api.rich_menu_batch_with_http_info, request, also=(400, 404))
        if accepted is None:
            return None
        return str(accepted.headers.get("x-line-request-id", ""))

    async def moved(self, work: str) -> bool:
        """Whether LINE has moved everybody."""
        return str((await self.ask(self._api.get_rich_menu_batch_progress, work)).phase.value) == "succeeded"

    async def remarks(self, settings: Settings) -> list[Remark]:
        """What there is to say of the account, for the doctor. LINE knocks at our webhook once."""
        info, plan, usage = await asyncio.gather(
            self.ask(self._api.get_bot_info),
            self.ask(self._api.get_message_quota),
            self.ask(self._api.get_message_quota_consumption),
        )
        remarks: list[Remark] = []
        if settings.line_basic_id and settings.line_basic_id != info.basic_id:
            text = (
                f"LINE_BASIC_ID is {settings.line_basic_id}, but the account is {info.basic_id}: links lead elsewhere"
            )
            remarks.append((False, text))
        if info.chat_mode == "bot":
            text = (
                "chat is switched off, so nobody can answer a customer who asks for a person; switch it on in LINE"
                " Official Account Manager, Settings > Response settings"
            )
            remarks.append((False, text))
        if plan.value is not None:
            left = usage.total_usage < plan.value
            text = f"{usage.total_usage} of the plan's {plan.value} messages of this month are used"
            remarks.append((left, text if left else f"{text}: until next month nothing can be pushed, only answered"))
        # https://developers.line.biz/en/docs/messaging-api/receiving-messages/#webhook-redelivery; no call tells it.
        unread = (
            "LINE does not tell whether Webhook redelivery is on; without it, what comes while no web process runs is"
            f" lost: see that it is, below the webhook URL in {WHERE}"
        )
        return [*remarks, await self._webhook(settings), (False, unread)]

    async def _webhook(self, settings: Settings) -> Remark:
        wanted = f"{settings.public_url or 'https://your.host'}/webhooks/line"
        # https://developers.line.biz/en/reference/messaging-api/#get-webhook-endpoint-information
        found = await self.ask(self._api.get_webhook_endpoint, also=(404,))
        if found is None or not found.endpoint:
            return False, f"no webhook URL, so nobody is answered: enter {wanted} in {WHERE}"
        if not found.active:
            return False, f"its webhook is off, so nobody is answered: switch Use webhook on in {WHERE}"
        if found.endpoint in settings.line_relay_url:
            return False, f"its webhook URL is one of LINE_RELAY_URL, so we hear nothing: enter {wanted} in {WHERE}"
        if settings.line_relay == "ours":
            return True, f"its webhook URL is {found.endpoint}, of the tool that passes on to {wanted}"
        if settings.public_url and found.endpoint != wanted:
            return False, f"its webhook URL is {found.endpoint}, and by PUBLIC_URL it should be {wanted}; see {WHERE}"
        # https://developers.line.biz/en/reference/messaging-api/#test-webhook-endpoint
        request = TestWebhookEndpointRequest(endpoint=found.endpoint)
        tried = await self.ask(self._api.test_webhook_endpoint, request)
        if tried.success:
            return True, f"reaches its webhook URL {found.endpoint}"
        why = clean(f"{tried.reason} {tried.detail}")[:200]
        return False, f"cannot reach its webhook URL {found.endpoint}: {why}; is `giftdesk serve` running there?"

    async def ask(self, call: Callable[..., Any], *given: Any, also: Sequence[int] = (), **more: Any) -> Any:
        """One call of the SDK. also: statuses that are an answer here, and no mistake; they bring None."""
        try:
            return await asyncio.to_thread(call, *given, _request_timeout=(CONNECT_SECONDS, READ_SECONDS), **more)
        except ApiException as error:
            if error.status in also:
                return None
            refused = error
        except HTTPError:
            refused = ApiException(status=0)
        except ValueError:
            strange = "an answer that its SDK cannot read; check LINE_API_URL, or install a newer line-bot-sdk"
            raise ContractError("LINE", strange) from None
        raise _told(refused)


def _told(error: ApiException) -> UpstreamRefused | UpstreamUnavailable | RateLimited:
    """What a refusal means to whoever runs the command. status: 0 when there was no answer."""
    status = error.status
    if not status:
        return UpstreamUnavailable(
            "LINE", "no answer; check the network, and run this again: it goes on where it stopped"
        )
    if status in {401, 403}:
        return CredentialsRefused(
            "LINE",
            f"LINE_CHANNEL_ACCESS_TOKEN is refused (HTTP {status}); issue a new channel access token in the LINE"
            " Developers console and set it",
            status=status,
        )
    if status == 429:
        detail = "asked too often (LINE allows a hundred new and a hundred deleted menus an hour); run this again later"
        return RateLimited("LINE", detail)
    if status >= 500:
        return UpstreamUnavailable("LINE", f"HTTP {status}; run this again later: it goes on where it stopped")
    try:
        answer = Answer(status, record(orjson.loads(error.body or b"")))
    except orjson.JSONDecodeError:
        answer = Answer(status, {})
    says = clean(str(answer.body.get("message", "")))[:200]
    return UpstreamRefused("LINE", f"HTTP {status} {says} {answer.paths}".strip(), status=status)
