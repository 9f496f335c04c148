"""One card of every kind, in both languages, and what a channel's own renderer makes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from chat import Bot

from bot.channels import Delivery
from bot.conversation.actions import Action
from bot.conversation.messages import (
    Badge,
    Button,
    Card,
    Carousel,
    Item,
    Link,
    Listing,
    Reply,
    Row,
    SmallPrint,
    Text,
    Tile,
)


class Look(Action, name="gallery", ttl=timedelta(days=1)):
    """A button of these cards."""

    at: str


def _say(zh: str, en: str, language: str) -> str:
    return en if language == "en" else zh


def replies(language: str) -> dict[str, Reply]:
    """Kind of card to an answer that shows it."""

    def say(zh: str, en: str) -> str:
        return _say(zh, en, language)

    def tap(zh: str, en: str) -> Button:
        return Button(say(zh, en), Look(at=en))

    def tile(icon: str, zh: str, en: str) -> Tile:
        return Tile(icon, say(zh, en), Look(at=en))

    menu = tap("選單", "Menu")
    claim = tap("如何領取", "How to claim")
    date = say("2026/11/02", "2 Nov 2026")
    received = Row(say("取得日", "Received"), date)
    gift = Card(
        title=say("保溫杯 500ml 聯名限定款", "Limited edition 500 ml thermos"),
        eyebrow=say("實體獎品・抽獎遊戲", "Physical · Lottery game"),
        badge=Badge(say("可使用", "Valid"), "valid"),
        rows=(received, Row(say("使用期限", "Use by"), say("以活動公告為準", "See the shop's notice"))),
        buttons=(claim,),
    )
    soon = Card(
        title=say("未來店八折券", "20% off, new shop"),
        eyebrow=say("虛擬獎品・集點卡", "Digital · Rewards card"),
        badge=Badge(say("12/01 開始", "Starts 1 Dec"), "soon"),
        rows=(received,),
        buttons=(claim,),
    )
    expired = Card(
        title=say("中秋月餅折價券 50 元", "Moon cake coupon"),
        eyebrow=say("虛擬獎品・活動獎品", "Digital · Campaign"),
        badge=Badge(say("已過期", "Expired"), "old"),
        rows=(received,),
    )
    voucher = Card(
        title="Voucher Highlands Coffee 100k",
        eyebrow="Highlands Coffee",
        hero=say("1,000 點", "1,000 pts"),
        beside=Row(say("面額", "Value"), "₫100,000"),
        image="https://img.example.com/highlands.png",
        buttons=(tap("兌換", "Get"),),
    )
    short = replace(voucher, instead=say("還差 750 點", "750 more pts"), buttons=())
    folded = Card(title=say("1 項已過期", "1 expired gift"), look="quiet", buttons=(tap("顯示", "Show"),))
    more = Card(title=say("還有 16 項", "16 more"), buttons=(tap("下一頁", "Next page"),))
    return {
        "text": Reply((Text(say("我不太懂這句話，您可以試試：", "I didn't catch that. Try:")),), (claim, menu)),
        "menu": Reply(
            (
                Card(
                    title=say("您的獎勵", "Your rewards"),
                    badge=Badge(say("2 項新獎品", "2 new"), "valid"),
                    tiles=(
                        tile("🎫", "票券", "Tickets"),
                        tile("🎁", "實體獎品", "Physical"),
                        tile("📱", "虛擬獎品", "Digital"),
                        tile("💳", "禮品卡", "Gift cards"),
                        tile("⭐", "點數", "Points"),
                        tile("🎟️", "禮券", "Vouchers"),
                    ),
                    note=say("更新於 14:32", "Updated 14:32"),
                    buttons=(tap("輸入兌換碼", "Redeem a code"), tap("重新整理", "Refresh")),
                ),
            ),
            (menu,),
        ),
        "gift": Reply((gift,), (menu,)),
        "soon": Reply((soon,)),
        "expired": Reply((expired,)),
        "tickets": Reply(
            (
                Card(
                    title=say("優惠券", "Coupons"),
                    eyebrow=say("票券", "Tickets"),
                    badge=Badge(say("可使用", "Valid"), "valid"),
                    hero="× 3",
                    rows=(received,),
                    note=say("使用後會自動從清單消失", "Used ones disappear from this list"),
                    buttons=(tap("如何使用", "How to use"),),
                ),
            )
        ),
        "success": Reply(
            (
                Card(
                    title=say("兌換成功 🎉", "Redeemed 🎉"),
                    hero=say("金幣 100", "100 gold coins"),
                    text=say("咖波疊疊樂・新春活動", "Capoo Stack · New Year"),
                    rows=(Row(say("兌換碼", "Code"), "WELC••••26"), Row(say("時間", "Time"), date)),
                    receipt=Row(say("紀錄編號", "Reference"), "R-7F3K9"),
                    look="success",
                    buttons=(tap("我的獎品", "My gifts"), tap("再輸入一組", "Another code")),
                ),
            ),
            (menu,),
        ),
        "voucher": Reply((voucher,)),
        "short": Reply((short,)),
        "giftcard": Reply(
            (
                Card(
                    title="•••• 1234",
                    eyebrow=say("禮品卡", "Gift card"),
                    badge=Badge(say("可使用", "Valid"), "valid"),
                    hero="9,000",
                    rows=(Row(say("到期", "Expires"), say("2031/09/21", "21 Sep 2031")),),
                    note=say("可分次使用", "Can be used in parts"),
                    look="value",
                    buttons=(tap("顯示卡號", "Show number"),),
                ),
            )
        ),
        "confirm": Reply(
            (
                Card(
                    title=say("兌換 Voucher Highlands Coffee 100k？", "Get Voucher Highlands Coffee 100k?"),
                    eyebrow=say("請確認", "Please confirm"),
                    badge=Badge(say("需要 1,000 點", "1,000 pts"), "soon"),
                    rows=(
                        Row(say("目前點數", "Points now"), "1,250"),
                        Row(say("兌換後", "Afterwards"), "250"),
                    ),
                    note=say("送出後無法取消", "Cannot be undone"),
                    buttons=(tap("確認兌換", "Confirm"), tap("取消", "Cancel")),
                ),
            )
        ),
        "status": Reply(
            (
                Card(
                    title=say("狀態", "Status"),
                    badge=Badge(say("1 項需要處理", "1 needs care"), "bad"),
                    rows=(
                        Row("MantaGo", say("正常・金鑰剩 12 天", "fine · key good for 12 days")),
                        Row("Poshen", say("金鑰失效・14:02 起", "key refused since 14:02")),
                    ),
                    buttons=(tap("重新整理", "Refresh"), Link(say("說明", "Help"), "https://example.com/help")),
                ),
            )
        ),
        "notice": Reply(
            (
                Text(say("請貼上兌換碼。", "Paste your code.")),
                SmallPrint(
                    say(
                        "我們會保存您的識別碼與兌換紀錄 2 年，不保存聊天內容。",
                        "We keep what you redeem.",
                    ),
                    tap("詳情", "Details"),
                ),
            ),
            (menu,),
        ),
        "carousel": Reply((Carousel(say("您的獎品", "Your gifts"), (gift, soon, expired, folded)),), (menu,)),
        "list": Reply(
            (
                Listing(
                    say("虛擬獎品", "Digital gifts"),
                    tuple(
                        Item(say("50 元折價券", "$50 off"), Look(at=str(number)), "🎀", date, badge)
                        for number in range(8)
                        for badge in [gift.badge if number < 7 else expired.badge]
                    ),
                    opens=say("詳細", "Details"),
                    position=say("第 2 頁，共 18 頁", "Page 2 of 18"),
                    hint=say("輸入頁碼也可以跳頁。", "Type a number to jump to that page."),
                    buttons=(tap("下一頁", "Next page"), tap("上一頁", "Previous page"), tap("搜尋", "Search")),
                ),
            ),
            (menu,),
        ),
        "catalogue": Reply((Carousel(say("可兌換的禮券", "Vouchers"), (voucher, short, more)),)),
    }


KINDS = tuple(replies("en"))


async def deliver(bot: Bot, channel: str, user: str, reply: Reply) -> None:
    """Let the bot's own client bring an answer to somebody, without anybody having asked."""
    outbound = bot.turns.outbound[channel]
    messages = outbound.render(
        reply, lambda action: f"v1.{action.action_name}.{'~'.join(action.model_dump().values())}"
    )
    await outbound.deliver(Delivery(user, messages, uuid4()))
