"""The way the official SDK's Flask examples are built: everything inside the webhook's request.

Run by gunicorn from var/bench-venv, so nothing of the bot is imported here.
"""

from __future__ import annotations

import os

import requests
from flask import Flask, abort, request
from linebot.v3 import WebhookHandler
from linebot.v3.exceptions import InvalidSignatureError
from linebot.v3.messaging import ApiClient, Configuration, MessagingApi, ReplyMessageRequest, TextMessage
from linebot.v3.webhooks import MessageEvent, TextMessageContent

app = Flask(__name__)
handler = WebhookHandler(os.environ["LINE_CHANNEL_SECRET"])
configuration = Configuration(host=os.environ["LINE_API_URL"], access_token=os.environ["LINE_CHANNEL_ACCESS_TOKEN"])
vendor = requests.Session()
vendor.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=300))


@app.route("/callback", methods=["POST"])
def callback() -> str:
    """Check, dispatch, and acknowledge at the very end."""
    try:
        handler.handle(request.get_data(as_text=True), request.headers["X-Line-Signature"])
    except InvalidSignatureError:
        abort(400)
    return "OK"


@app.route("/")
def alive() -> str:
    """The benchmark waits for this."""
    return "OK"


@handler.add(MessageEvent, message=TextMessageContent)  # type: ignore[untyped-decorator]  # The SDK has no types.
def on_text(event: MessageEvent) -> None:
    """The same two calls that the bot makes."""
    answer = vendor.post(
        f"{os.environ['MANTAGO_API_URL']}/openapi/client/gift",
        params={"botId": os.environ["MANTAGO_BOT_ID"]},
        headers={"Authorization": f"Bearer {os.environ['MANTAGO_TOKEN']}"},
        json={
            "secret": os.environ["MANTAGO_SECRET"],
            "platform": "line",
            "platformClientId": event.source.user_id,
        },
        timeout=10,
    )
    text = f"{len(answer.json()['virtualGifts'])} gifts"
    with ApiClient(configuration) as client:
        MessagingApi(client).reply_message_with_http_info(
            ReplyMessageRequest(reply_token=event.reply_token, messages=[TextMessage(text=text)])
        )
