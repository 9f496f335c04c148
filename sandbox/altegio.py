"""Altegio's stand-in: the gift cards that belong to a phone number."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from sandbox.answers import Routes, answer, refuse
from sandbox.clock import Clock
from sandbox.credentials import ALTEGIO_COMPANY_IDS, ALTEGIO_PARTNER_TOKEN, ALTEGIO_USER_TOKEN

SAMPLE_PHONE = "886900000888"  # Answers exactly what Altegio's own example shows.


def sample_card() -> dict[str, Any]:
    """The card of Altegio's own example."""
    return {
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


def _card(
    number: int,
    code: str,
    title: str,
    *,
    balance: float,
    face: float,
    created: datetime,
    expires: datetime | None,
    status: tuple[int, str] = (2, "activated"),
    limits: tuple[int, str] = (0, "No limits"),
    multi: bool = True,
) -> dict[str, Any]:
    return {
        "id": 500_000 + number,
        "number": code,
        "balance": balance,
        "default_balance": face,
        "type_id": 30_000 + number,
        "status_id": status[0],
        "created_date": created.isoformat(timespec="milliseconds"),
        "expiration_date": expires.isoformat(timespec="milliseconds") if expires else None,
        "type": {
            "id": 30_000 + number,
            "title": title,
            "balance": face,
            "is_multi": multi,
            "company_group_id": 128284,
            "item_type_id": limits[0],
            "expiration_type_id": 2 if expires else 0,
            "expiration_timeout": 365,
            "expiration_timeout_unit_id": 1,
            "is_allow_empty_code": False,
            "item_type": {"id": limits[0], "title": limits[1]},
        },
        "status": {"id": status[0], "title": status[1]},
    }


ENDING_PHONE = "886911111111"  # Whoever has it is to be reminded.


def demo_cards(now: datetime) -> dict[str, dict[int, list[dict[str, Any]]]]:
    """Phone number to company to cards. The first phone has cards in both shops, one of them a chain card."""
    first, second = ALTEGIO_COMPANY_IDS

    def day(number: int) -> datetime:
        return now + timedelta(days=number)

    chain = _card(1, "00420017", "生日禮品卡 2000", balance=1250, face=2000, created=day(-60), expires=day(305))
    spa = _card(
        2,
        "00420018",
        "烘焙課體驗卡",
        balance=680.5,
        face=1000,
        created=day(-20),
        expires=None,
        limits=(1, "Services only"),
    )
    spent = _card(
        3,
        "77001234",
        "聖誕禮品卡 500",
        balance=0,
        face=500,
        created=day(-300),
        expires=day(65),
        status=(3, "used"),
    )
    late = _card(
        4,
        "77001235",
        "Welcome card",
        balance=300,
        face=300,
        created=day(-500),
        expires=day(-135),
        multi=False,
    )
    return {
        "886912345678": {
            first: [chain, spa],
            second: [chain, spent, late],
        },
        "886987654321": {first: [], second: []},
        ENDING_PHONE: {
            first: [_card(5, "00420020", "月餅禮盒卡 800", balance=800, face=800, created=day(-88), expires=day(3))],
            second: [],
        },
        SAMPLE_PHONE: {first: [sample_card()], second: []},
    }


class Altegio:
    """State: who has which cards."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.reset()

    def reset(self) -> None:
        self.cards = demo_cards(self.clock())

    def routes(self) -> Routes:
        return [("GET", "/loyalty/certificates", self._list)]

    def error_body(self, status: int) -> Any:
        """How Altegio words a failure that no rule of ours produced."""
        messages = {401: "Authentication needed.", 403: "Access denied.", 429: "Too many requests."}
        meta: Any = [] if status == 404 else {"message": messages.get(status, "An error has occurred.")}
        return {"success": False, "data": None, "meta": meta}

    async def _list(self, request: web.Request) -> web.Response:
        tokens = request.headers.get("Authorization", "")
        if tokens != f"Bearer {ALTEGIO_PARTNER_TOKEN}, User {ALTEGIO_USER_TOKEN}":
            refuse(401, self.error_body(401))
        company = request.query.get("company_id", "")
        if not company.isdigit():
            errors = {"company_id": ["The parameter company_id is required."]}
            meta = {"message": "The parameter company_id is required.", "errors": errors}
            refuse(422, {"success": False, "data": None, "meta": meta})
        if int(company) not in ALTEGIO_COMPANY_IDS:
            refuse(403, self.error_body(403))
        phone = request.query.get("phone", "")
        cards = self.cards.get(phone, {}).get(int(company), [])
        return answer({"success": True, "data": cards, "meta": {"count": len(cards)}})
