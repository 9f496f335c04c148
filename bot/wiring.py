"""Building what a process needs from its settings: clients, languages, the brand's facts and the turns."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import asyncpg

from bot.apis import Apis
from bot.apis.altegio import AltegioApi
from bot.apis.gotit import GotItApi
from bot.apis.mantago import MantagoApi, Pair
from bot.apis.poshen import PoshenApi
from bot.channels import MenuTexts, Outbound, known
from bot.channels.entrances import entrances
from bot.channels.intake import inbound_channels
from bot.channels.line.relay import targets_of
from bot.config import Settings
from bot.conversation.actions import Packer
from bot.conversation.context import Brand
from bot.conversation.dispatch import Dispatcher
from bot.conversation.router import Routes
from bot.errors import ConfigurationError
from bot.i18n import Translator, load_translators
from bot.relay import Peer, Relaying
from bot.services import Services
from bot.services.alerts import Alerts
from bot.services.allowance import Allowance
from bot.services.blocking import Blocking
from bot.services.catalogue import Catalogue
from bot.services.charts import Charts
from bot.services.counter_codes import CounterCodes
from bot.services.digest import Digest
from bot.services.giftcards import GiftCards
from bot.services.guesses import GuessLimits
from bot.services.hand_overs import HandOvers
from bot.services.health import Check, Health
from bot.services.linking import Linking, call_url
from bot.services.mantago_pairs import MantagoPairs
from bot.services.minting import Minting
from bot.services.notices import Notices
from bot.services.own_data import OwnData
from bot.services.passing import Passing
from bot.services.players import Players
from bot.services.points import Points
from bot.services.posters import Posters
from bot.services.rate_limits import SharedSlots
from bot.services.redeeming import Redeeming
from bot.services.redemption import Redemption
from bot.services.reminders import Reminders
from bot.services.sealing import Sealer
from bot.services.staffing import Staffing
from bot.services.stores import Stores
from bot.services.surge import Surge
from bot.services.trail import Trail
from bot.services.unclear import UnclearTexts
from bot.services.visits import Visits
from bot.services.vouchers import Quota, Vouchers
from bot.services.wallet import Wallet
from bot.staff.desk import StaffDesk
from bot.staff.routes import StaffRoutes
from bot.telemetry import metrics
from bot.telemetry.log import log
from bot.turn import Turns
from bot.understanding import hours
from bot.understanding.recogniser import Recogniser
from bot.understanding.words import Lexicon
from handlers import AFTER_ANSWER, ROUTERS
from handlers.admin import STAFF_ROUTERS
from handlers.views.start import greeting, topics


def open_channels(settings: Settings) -> dict[str, Outbound]:
    """The switched-on channels' clients."""
    return {channel.name: channel.opens(settings) for channel in known.CHANNELS if settings.has(channel.group)}


def open_apis(settings: Settings) -> Apis:
    """The switched-on vendors' clients."""

    def observe(vendor: str, operation: str, outcome: str, seconds: float) -> None:
        metrics.VENDOR.labels(vendor, operation, outcome).observe(seconds)

    return Apis(
        mantago=MantagoApi.open(
            settings.mantago_api_url,
            token=settings.mantago_token.get_secret_value(),
            secret=settings.mantago_secret.get_secret_value(),
            bot_id=settings.mantago_bot_id,
            id_in_query=settings.mantago_id_in_query,
            max_per_second=settings.mantago_max_per_second or None,
            connections=settings.vendor_connections,
            observe=observe,
        )
        if settings.has("MantaGo")
        else None,
        poshen=PoshenApi.open(
            settings.poshen_api_url,
            token=settings.poshen_token.get_secret_value(),
            connections=settings.vendor_connections,
            observe=observe,
        )
        if settings.has("Poshen")
        else None,
        gotit=GotItApi.open(
            settings.gotit_api_url,
            client_id=settings.gotit_client_id,
            client_secret=settings.gotit_client_secret.get_secret_value(),
            app_uuid=settings.gotit_app_uuid,
            item_id_field=settings.gotit_item_id_field,
            source=settings.gotit_source,
            connections=settings.vendor_connections,
            observe=observe,
        )
        if settings.has("Got It")
        else None,
        altegio=AltegioApi.open(
            settings.altegio_api_url,
            partner_token=settings.altegio_partner_token.get_secret_value(),
            user_token=settings.altegio_user_token.get_secret_value(),
            company_ids=settings.altegio_company_id,
            send_typo_param=settings.altegio_send_typo_param,
            max_per_second=settings.altegio_max_per_second or None,
            connections=settings.vendor_connections,
            observe=observe,
        )
        if settings.has("Altegio")
        else None,
    )


def share_limits(pool: asyncpg.Pool, channels: Mapping[str, Outbound], apis: Apis) -> None:
    """Let all processes on one database keep their limits of calls a second together."""
    of_vendors = (upstream.limit for upstream in apis.upstreams.values())
    of_platforms = (limit for channel in channels.values() for limit in channel.limits)
    for limit in (*of_vendors, *of_platforms):
        if limit is not None:
            limit.share(SharedSlots(pool, limit).slot)


def keep_pairs(
    settings: Settings, pool: asyncpg.Pool, apis: Apis, clock: Callable[[], datetime]
) -> MantagoPairs | None:
    """Have MantaGo's client use the newest pair that this database knows; None where MantaGo is off."""
    if apis.mantago is None:
        return None
    pair = Pair(settings.mantago_token.get_secret_value(), settings.mantago_secret.get_secret_value())
    pairs = MantagoPairs(
        pool,
        apis.mantago,
        settings.mantago_bot_id,
        pair,
        settings.secret,
        Sealer(settings.secret),
        settings.mantago_rotate == "on",
        clock,
    )
    apis.mantago.follow(pairs)
    return pairs


def open_peers(settings: Settings) -> list[Peer]:
    """The other tools on LINE's channel that we pass on to."""
    if settings.passes_on is None:
        return []
    return [Peer(target, settings.line_channel_secret[0]) for target in targets_of(settings)]


def checks_of(channels: Mapping[str, Outbound], apis: Apis, peers: Sequence[Peer] = ()) -> dict[str, Check]:
    """A harmless call for each credential that is set, and to each other tool, by the name of what it opens."""
    return {
        **{name: each.check for name, each in (*channels.items(), *apis.clients.items())},
        **{peer.target.part: peer.check for peer in peers},
    }


def load_languages(settings: Settings) -> dict[str, Translator]:
    """The catalogues. Raises ConfigurationError when DEFAULT_LOCALE is none of them."""
    languages = load_translators(settings.zone)
    if settings.default_locale not in languages:
        raise ConfigurationError(
            f"DEFAULT_LOCALE is {settings.default_locale!r}, but the catalogues are {', '.join(languages)}"
        )
    return languages


def brands_of(settings: Settings) -> dict[str, Brand]:
    """The brand's facts, for each channel."""
    return {
        channel.name: Brand(
            name=settings.brand,
            channel_name=channel.title,
            pushes_are_free=channel.pushes_are_free,
            answered_in=channel.answered_in,
            list_page=channel.list_page,
            glance=channel.glance,
            privacy_url=settings.privacy_url,
            support_hours=hours.read(settings.support_hours, settings.zone),
            opening_hours=hours.read(settings.opening_hours, settings.zone),
            address={
                tag: text
                for tag, text in (("zh_Hant_TW", settings.shop_address_zh), ("en", settings.shop_address_en))
                if text
            },
            map_url=settings.shop_map_url,
            shop_phone=settings.shop_phone,
            call_url=call_url(settings.shop_phone, settings.phone_region),
            how_to_claim={
                tag: text
                for tag, text in (("zh_Hant_TW", settings.how_to_claim_zh), ("en", settings.how_to_claim_en))
                if text
            },
            handoff=settings.handoff,
            claim_retention=timedelta(days=settings.claim_retention_days),
            reminds=settings.remind_days if reminds(settings) else 0,
            log_days=settings.event_retention_days,
            keeps_unclear=settings.keep_misses == "on",
            code_pattern=re.compile(settings.code_pattern) if settings.code_pattern else None,
            redeems=settings.has("Poshen"),
            only_checks=settings.poshen_mode == "check",
            redeems_for_players=settings.poshen_mode == "redeem",
            shows_gifts=settings.has("MantaGo"),
            shows_collected=settings.has("MantaGo") and settings.mantago_points == "on",
            shows_vouchers=settings.has("Got It"),
            two_person_over=settings.two_person_over,
            two_person_codes=settings.two_person_codes,
            public_url=settings.public_url,
            hands_over=settings.counter == "on",
            delivery={
                tag: text
                for tag, text in (("zh_Hant_TW", settings.gotit_delivery_zh), ("en", settings.gotit_delivery_en))
                if text
            },
            shows_cards=settings.has("Altegio"),
            counts_visits=settings.visit_points > 0,
            card_currency=settings.currencies,
            **channel.facts(settings),
        )
        for channel in known.CHANNELS
    }


def reminds(settings: Settings) -> bool:
    """Whether customers are reminded of what ends: where a vendor is asked that may tell an end."""
    return settings.reminders == "on" and (settings.has("Altegio") or settings.has("Got It"))


def quiet_hours(settings: Settings) -> hours.Hours | None:
    """When nobody is woken by what they are not owed; None for never."""
    return hours.parse(f"daily {settings.quiet_hours}", settings.zone)


def menu_texts(languages: Mapping[str, Translator], brand: Brand) -> list[MenuTexts]:
    """What a channel's menus say, in each language."""
    return [
        MenuTexts(tag, _("Menu"), topics(_, brand), greeting(_, brand.name), greeting(_, "%s"))
        for tag, _ in languages.items()
    ]


def build_turns(
    settings: Settings,
    pool: asyncpg.Pool,
    channels: Mapping[str, Outbound],
    apis: Apis,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    peers: Sequence[Peer] = (),
) -> Turns:
    """Wire a worker's turns. Raises ConfigurationError when handlers or words clash.

    peers: the other tools on LINE's channel; `pass_on` is what passes on to them.
    """
    languages = load_languages(settings)
    staff_desk = StaffDesk(StaffRoutes(STAFF_ROUTERS, languages.values()))
    routes = Routes((*ROUTERS, staff_desk.router))
    alerts = Alerts(settings.admins, languages, settings.default_locale)
    notices = Notices(languages, settings.default_locale)
    sealer = Sealer(settings.secret)
    catalogue = Catalogue(settings.gotit_point_per_vnd, settings.gotit_point_overrides, settings.gotit_image_hosts)
    linking = Linking(settings.secret, sealer, notices, alerts, settings.phone_region)
    points = Points(notices)
    surge = Surge(timedelta(seconds=settings.surge_seconds), metrics.KEPT_LISTS.inc)
    giftcards = GiftCards(linking)
    counter_codes = CounterCodes(settings.secret, settings.counter_qr, settings.line_basic_id)
    vouchers = Vouchers(
        sealer=sealer,
        alerts=alerts,
        notices=notices,
        catalogue=catalogue,
        zone=settings.zone,
        request_prefix=settings.gotit_request_prefix,
        per_day=settings.vouchers_per_day,
        clock=clock,
        quota=Quota(settings.staff_vouchers_per_day, settings.staff_value_per_day),
    )
    share_limits(pool, channels, apis)
    redemption = Redemption(settings.secret, points, vouchers)
    players = Players(settings.secret, sealer)
    brands = brands_of(settings)
    pairs = keep_pairs(settings, pool, apis, clock)
    for name, channel in channels.items():
        if channel.menus and name in brands:
            channel.menus.offer(menu_texts(languages, brands[name]))
    parts = (*channels, *(peer.target.part for peer in peers))
    recogniser = Recogniser.load()
    if recogniser.trouble:
        log.warning("only words are understood, not sentences", trouble=recogniser.trouble)
    return Turns(
        pool=pool,
        inbound=inbound_channels(settings),
        outbound=channels,
        brands=brands,
        dispatcher=Dispatcher(routes, Packer(settings.secret), staff_desk, AFTER_ANSWER),
        languages=languages,
        default_locale=settings.default_locale,
        lexicon=Lexicon({name: command.words for name, command in routes.commands.items()}, languages.values()),
        recogniser=recogniser,
        apis=apis,
        services=Services(
            alerts=alerts,
            allowance=Allowance(next((channel.quota for channel in channels.values() if channel.quota), None)),
            blocking=Blocking(settings.secret),
            catalogue=catalogue,
            charts=Charts(settings.secret),
            counter_codes=counter_codes,
            digest=Digest(alerts, settings.zone),
            giftcards=giftcards,
            hand_overs=HandOvers(
                settings.secret,
                counter_codes,
                notices,
                frozenset(
                    channel.name
                    for channel in known.CHANNELS
                    if channel.pushes_are_free or settings.counter_push == "on"
                ),
            ),
            guesses=GuessLimits(settings.secret, alerts),
            health=Health(apis, parts, checks_of(channels, apis, peers), alerts, settings.zone, surge, pairs),
            linking=linking,
            mantago_pairs=pairs,
            minting=Minting(settings.secret, alerts, settings.bulk_per_second),
            own_data=OwnData(settings.secret),
            passing=Passing(
                settings.secret, frozenset(settings.admins), settings.admin_bootstrap_code.get_secret_value()
            ),
            players=players,
            points=points,
            posters=Posters(
                settings.secret,
                {each.kind: each.link for each in entrances(settings) if each.account},
                {each.title: each.setting for each in entrances(settings) if not each.account},
                languages[settings.default_locale],
            ),
            redeeming=Redeeming(redemption, players, alerts, notices, clock=clock),
            redemption=redemption,
            reminders=Reminders(
                apis,
                linking,
                giftcards,
                languages,
                settings.default_locale,
                settings.zone,
                on=reminds(settings),
                days=settings.remind_days,
                quiet=quiet_hours(settings),
                budget=settings.push_budget,
                free=frozenset(channel.name for channel in known.CHANNELS if channel.pushes_are_free),
                currency=settings.currencies,
            ),
            staffing=Staffing(
                settings.secret, frozenset(settings.admins), alerts, settings.admin_bootstrap_code.get_secret_value()
            ),
            stores=Stores(settings.zone),
            surge=surge,
            trail=Trail(settings.secret),
            unclear=UnclearTexts(settings.secret, settings.zone),
            visits=Visits(
                settings.secret,
                notices,
                settings.visit_points,
                timedelta(hours=settings.visit_hours),
                settings.visits_per_day,
            ),
            vouchers=vouchers,
            wallet=Wallet(),
        ),
        clock=clock,
    )


def pass_on(settings: Settings, turns: Turns, peers: Sequence[Peer]) -> Relaying:
    """What passes on to the other tools what these turns decide is theirs."""
    services = turns.services
    return Relaying(
        turns.pool, peers, Sealer(settings.secret), services.passing, services.health, services.alerts, turns.clock
    )
