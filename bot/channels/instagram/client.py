"""Instagram as the worker uses it: Messenger's API and token, for the people of the account that the page has."""

from __future__ import annotations

from typing import Any, Self

from bot.channels import Pack, Rendered
from bot.channels.calls import LostError, NotSentError
from bot.channels.instagram.render import render
from bot.channels.limits import record, word
from bot.channels.messenger.client import CREDENTIALS, PARAMETER, MessengerClient
from bot.conversation.messages import Reply
from bot.errors import CheckFailed


class InstagramClient(MessengerClient):
    """Sends through the Facebook page that the Instagram account is connected to."""

    name = "instagram"
    platform = "instagram"

    _account_id = ""

    @classmethod
    def to_account(cls, account_id: str, page_access_token: str, app_secret: str, **connection: Any) -> Self:
        """A client for the people of this account. connection: as for `connect`. Raises ConfigurationError."""
        client = cls.connect(page_access_token, app_secret, **connection)
        client._account_id = account_id
        client.menus = None  # "You cannot customize a menu based on the recipient's ID": docs/apis/instagram.md
        return client

    def render(self, reply: Reply, pack: Pack) -> list[Rendered]:
        return render(reply, pack, self.pictures)

    async def language_of(self, user_id: str) -> str | None:
        """None: Instagram's profiles have no language."""
        return None

    async def check(self) -> str:
        try:
            answer = await self.call("GET", "/me", fields="id,instagram_business_account")
        except (NotSentError, LostError):
            raise CheckFailed(
                "Instagram does not answer: check the network, and MESSENGER_API_URL if you have set it", "unavailable"
            ) from None
        if answer.code in CREDENTIALS or answer.code == PARAMETER or answer.status in {401, 403}:
            raise CheckFailed(
                f"Instagram refuses MESSENGER_PAGE_ACCESS_TOKEN ({answer.detail}): make a new page access token with"
                " instagram_basic and instagram_manage_messages in the app's dashboard and set it",
                "credentials",
            )
        found = word(record(answer.body.get("instagram_business_account")).get("id"))
        if answer.status != 200:
            raise CheckFailed(
                f"Instagram did not name the account ({answer.detail}): try again later",
                "unavailable" if answer.status >= 500 else "strange",
            )
        if found != self._account_id:
            raise CheckFailed(
                f"the page is connected to the Instagram account {found or 'of nobody'}: set INSTAGRAM_ACCOUNT_ID to"
                " the account that is connected, or connect yours in the page's settings",
                "credentials",
            )
        return f"account {found}"
