"""Settings: the only place that reads the environment and `.env`. Wrong ones stop the start, all at once."""

from __future__ import annotations

import os
import re
import secrets
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    Field,
    ModelWrapValidatorHandler,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.errors import ConfigurationError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _safe_url(value: str) -> str:
    """An https address as it is; plain http only to this machine."""
    parts = urlsplit(value)
    local = parts.scheme == "http" and parts.hostname in LOOPBACK
    if parts.port == 0 or not parts.hostname or not (parts.scheme == "https" or local):
        raise ValueError("must be an https:// address (http:// only to 127.0.0.1)")
    return value


def _api_url(value: str) -> str:
    """The same without a trailing slash."""
    return _safe_url(value).rstrip("/")


def _by_number(value: str, example: str) -> dict[int, str]:
    """`1=a,2=b` as a mapping. Raises ValueError with `example` for anything else."""
    pairs = {}
    for part in filter(None, (part.strip() for part in value.split(","))):
        number, _, meaning = (half.strip() for half in part.partition("="))
        if not (re.fullmatch("[0-9]{1,18}", number) and meaning):
            raise ValueError(f"must look like {example}")
        pairs[int(number)] = meaning
    return pairs


ApiUrl = Annotated[str, AfterValidator(_api_url)]
Names = Annotated[tuple[str, ...], NoDecode]

# A channel or a vendor is on when its credentials are set; some of them set is a mistake.
GROUPS = {
    "LINE": ("line_channel_secret", "line_channel_access_token"),
    "Messenger": ("messenger_app_secret", "messenger_page_access_token", "messenger_verify_token"),
    "Instagram": ("instagram_account_id",),  # with all of Messenger's, see `_all_at_once`
    "MantaGo": ("mantago_token", "mantago_secret", "mantago_bot_id"),
    "Poshen": ("poshen_token",),
    "Got It": ("gotit_api_url", "gotit_client_id", "gotit_client_secret", "gotit_app_uuid"),
    "Altegio": ("altegio_partner_token", "altegio_user_token", "altegio_company_id"),
}


POSHEN_MODES = {
    "claim": "codes are claimed here, once per customer, and Poshen's own count does not move",
    "check": "only says whether a code is valid and what it gives",
    "redeem": "Poshen redeems codes for the customer's player, whose id is asked for once",
}


class Settings(BaseSettings):
    """Every setting, with its default. `.env.example` says what each is for."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    database_url: str = ""
    giftdesk_home: Path = Path("var")
    secret_key: SecretStr = SecretStr("")
    public_url: str = ""
    brand: str = "Giftdesk"
    brand_color: str = Field("#0F766E", pattern=r"^#[0-9A-Fa-f]{6}$")
    default_locale: str = "zh_Hant_TW"
    timezone: str = "Asia/Taipei"
    admins: Names = ()
    admin_bootstrap_code: SecretStr = SecretStr("")
    two_person_over: int = Field(0, ge=0)
    two_person_codes: int = Field(0, ge=0)
    staff_vouchers_per_day: int = Field(5, ge=0)
    staff_value_per_day: int = Field(500_000, ge=0)
    visit_points: int = Field(0, ge=0, le=1_000_000)
    visit_hours: int = Field(20, ge=1, le=720)
    visits_per_day: int = Field(100, ge=0)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "console"
    otel_exporter_otlp_endpoint: str = Field("", pattern=r"^(https?://\S+)?$")

    privacy_url: str = ""
    support_hours: str = ""
    opening_hours: str = ""
    shop_address_zh: str = ""
    shop_address_en: str = ""
    shop_map_url: str = ""
    shop_phone: str = ""
    counter: Literal["on", "off"] = "on"
    counter_qr: Literal["", "line", "messenger"] = ""
    counter_push: Literal["off", "on"] = "off"
    handoff_minutes: int = Field(60, ge=1, le=1440)
    code_pattern: str = ""
    how_to_claim_zh: str = ""
    how_to_claim_en: str = ""
    reminders: Literal["off", "on"] = "off"
    remind_days: int = Field(3, ge=1, le=60)
    quiet_hours: str = Field("21:00-09:00", pattern=r"^(off|([01]?\d|2[0-3]):[0-5]\d-([01]?\d|2[0-3]):[0-5]\d)$")
    push_budget: int = Field(0, ge=0, le=10_000_000)
    keep_misses: Literal["off", "on"] = "off"
    event_retention_days: int = Field(14, ge=8, le=400)
    claim_retention_days: int = Field(730, ge=365)

    web_workers: int = Field(1, ge=1, le=64)
    worker_concurrency: int = Field(200, ge=20, le=2000)
    vendor_connections: int = Field(50, ge=1, le=1000)
    surge_seconds: int = Field(15, ge=0, le=600)

    line_channel_secret: Names = ()
    line_channel_access_token: SecretStr = SecretStr("")
    line_api_url: ApiUrl = "https://api.line.me"
    line_basic_id: str = ""
    line_relay_url: Names = ()
    line_relay: Literal["rest", "all", "ours"] = "rest"
    line_relay_name: Names = ()
    line_relay_follow: Literal["us", "them"] = "them"

    messenger_app_secret: Names = ()
    messenger_page_access_token: SecretStr = SecretStr("")
    messenger_verify_token: SecretStr = SecretStr("")
    messenger_page: str = Field("", pattern=r"^([A-Za-z0-9.]{1,100})?$")
    messenger_standby: Literal["off", "on"] = "off"
    messenger_api_url: ApiUrl = "https://graph.facebook.com/v26.0"

    instagram_account_id: str = Field("", pattern=r"^([0-9]{5,20})?$")
    instagram_username: str = Field("", pattern=r"^([A-Za-z0-9._]{1,30})?$")

    mantago_api_url: ApiUrl = "https://mantago.cc/api"
    mantago_token: SecretStr = SecretStr("")
    mantago_secret: SecretStr = SecretStr("")
    mantago_bot_id: str = ""
    mantago_id_in_query: bool = False
    mantago_max_per_second: float = Field(0, ge=0)
    mantago_points: Literal["off", "on"] = "off"
    mantago_rotate: Literal["off", "on"] = "off"

    poshen_api_url: ApiUrl = "https://api.poshentw.com"
    poshen_token: SecretStr = SecretStr("")
    poshen_mode: Literal["claim", "check", "redeem"] = "claim"
    bulk_per_second: float = Field(3, gt=0, le=1000)

    gotit_api_url: str = ""
    gotit_client_id: str = ""
    gotit_client_secret: SecretStr = SecretStr("")
    gotit_app_uuid: str = ""
    gotit_item_id_field: Literal["both", "gift_id", "product_id"] = "both"
    gotit_source: Literal["externalService", "rewardhub"] = "externalService"
    gotit_point_per_vnd: Decimal | None = Field(None, gt=0, le=1000)
    gotit_point_overrides: Annotated[dict[int, PositiveInt], NoDecode] = {}
    gotit_request_prefix: str = Field("GD", pattern=r"^[A-Z0-9]{1,10}$")
    gotit_image_hosts: Names = ("gotit.vn",)
    gotit_delivery_zh: str = ""
    gotit_delivery_en: str = ""
    vouchers_per_day: int = Field(10, ge=0)

    altegio_api_url: ApiUrl = "https://api.alteg.io/api/v1"
    altegio_partner_token: SecretStr = SecretStr("")
    altegio_user_token: SecretStr = SecretStr("")
    altegio_company_id: Annotated[tuple[PositiveInt, ...], NoDecode] = ()
    altegio_send_typo_param: bool = False
    altegio_currency: str = ""
    altegio_max_per_second: float = Field(3, ge=0)
    phone_region: str = Field("TW", validate_default=False)
    messenger_phone_link: Literal["off", "masked", "full"] = "masked"

    @field_validator(
        "admins",
        "line_channel_secret",
        "line_relay_url",
        "line_relay_name",
        "messenger_app_secret",
        "gotit_image_hosts",
        mode="before",
    )
    @classmethod
    def _comma_list(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("admins")
    @classmethod
    def _known_channels(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for admin in value:
            if not re.fullmatch(r"(line:U[0-9a-f]{32}|(messenger|instagram):[0-9]+)", admin):
                raise ValueError(f"{admin[:12]}… is not line:U<32 hex digits>, messenger:<digits> or instagram:…")
        return value

    @field_validator("admin_bootstrap_code")
    @classmethod
    def _unguessable(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < 16:
            raise ValueError("must have at least 16 characters; `openssl rand -hex 16` makes one")
        return value

    @field_validator("default_locale")
    @classmethod
    def _canonical_locale(cls, value: str) -> str:
        match value.replace("-", "_").lower():
            case "zh_hant_tw" | "zh_tw" | "zh_hant" | "zh":
                return "zh_Hant_TW"
            case "en" | "en_us" | "en_gb":
                return "en"
            case _:
                return value  # Perhaps a language somebody added; the catalogues say whether it exists.

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{value!r} is not a time zone; an example is Asia/Taipei") from error
        return value

    @field_validator("code_pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"is not a regular expression: {error}") from error
        return value

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, value: str) -> str:
        if value and not value.startswith(("postgres://", "postgresql://")):
            raise ValueError("must start with postgresql:// (Giftdesk needs PostgreSQL 14 or newer)")
        return value.replace("postgres://", "postgresql://", 1)

    @field_validator("poshen_mode", mode="before")
    @classmethod
    def _known_mode(cls, value: object) -> object:
        if value not in POSHEN_MODES:
            modes = "; ".join(f"{mode}: {meaning}" for mode, meaning in POSHEN_MODES.items())
            raise ValueError(f"{value!r} is no mode. {modes}")
        return value

    @field_validator("gotit_api_url")
    @classmethod
    def _without_path(cls, value: str) -> str:
        """Got It's page writes every address with this path, so it is easily copied along."""
        return _api_url(value).removesuffix("/api/rewardhub/v1.0") if value else value

    @field_validator("line_relay_url")
    @classmethod
    def _relays(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("names the same address twice")
        return tuple(_safe_url(url) for url in value)

    @field_validator("gotit_image_hosts")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", host):
                raise ValueError(f"{host!r} is not a host such as gotit.vn, in small letters and without https://")
        return value

    @field_validator("gotit_point_overrides", mode="before")
    @classmethod
    def _points_by_price(cls, value: object) -> object:
        return _by_number(value, "1899=90,1789=45 (price_id=points)") if isinstance(value, str) else value

    @field_validator("altegio_company_id", mode="before")
    @classmethod
    def _locations(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))

    @field_validator("altegio_currency")
    @classmethod
    def _known_currencies(cls, value: str) -> str:
        if not value:
            return value
        from babel.numbers import is_currency  # noqa: PLC0415 - 2 MB that the web process needs for nothing else

        for code in _by_number(value, "TWD or 680001=TWD,680002=VND").values() if "=" in value else (value,):
            if not is_currency(code):
                raise ValueError(f"{code!r} is not an ISO 4217 code; examples are TWD and VND")
        return value

    @field_validator("phone_region")
    @classmethod
    def _known_region(cls, value: str) -> str:
        import phonenumbers  # noqa: PLC0415 - 5 MB that the web process needs for nothing else

        if value not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError(f"{value!r} is not a region; examples are TW, VN and GB")
        return value

    @field_validator("public_url")
    @classmethod
    def _reachable(cls, value: str) -> str:
        return _api_url(value) if value else value

    @field_validator("shop_address_zh", "shop_address_en")
    @classmethod
    def _lines(cls, value: str) -> str:
        r"""`\n` as people type it where no setting can hold a line break."""
        return value.replace("\\n", "\n")

    @field_validator("privacy_url", "shop_map_url")
    @classmethod
    def _https(cls, value: str) -> str:
        if value and not value.startswith("https://"):
            raise ValueError("must be an https:// address")
        return value

    @field_validator("otel_exporter_otlp_endpoint")
    @classmethod
    def _with_its_extra(cls, value: str) -> str:
        if value:
            try:
                find_spec("opentelemetry.exporter.otlp.proto.http")
            except ModuleNotFoundError:
                raise ValueError("OpenTelemetry is not installed: `pip install giftdesk[otel]`, or unset it") from None
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < 32:
            raise ValueError("must have at least 32 characters; `openssl rand -hex 32` makes one")
        return value

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Every wrong field and every half-set group in one message."""
        problems = []
        for group, names in GROUPS.items():
            missing = [name.upper() for name in names if not given.get(name)]
            if missing and len(missing) < len(names):
                problems.append(f"{group} is half set: {', '.join(missing)} missing (set it, or unset the rest)")
        if given.get("instagram_account_id") and not all(given.get(name) for name in GROUPS["Messenger"]):
            problems.append("INSTAGRAM_ACCOUNT_ID needs Messenger's settings: its messages go through the page")
        if given.get("database_url") and not given.get("secret_key"):
            problems.append("SECRET_KEY is needed with DATABASE_URL, the same on every machine (32+ characters)")
        try:
            settings = handler(given)
        except ValidationError as error:
            for problem in error.errors(include_input=False, include_url=False):
                name = ".".join(str(part) for part in problem["loc"]).upper()
                problems.append(f"{name}: {problem['msg'].removeprefix('Value error, ')}")
        else:
            problems += settings._relay_problems()
            if settings.poshen_mode == "redeem" and not settings.has("Poshen"):
                problems.append("POSHEN_MODE=redeem needs POSHEN_TOKEN: without it there is no Poshen that redeems")
        if problems:
            raise ConfigurationError("Some settings need attention:\n  " + "\n  ".join(problems))
        return settings

    def _relay_problems(self) -> list[str]:
        """What is wrong with whom LINE's events are passed on to."""
        urls, names = self.line_relay_url, self.line_relay_name
        problems = [f"LINE_RELAY_URL: {url} is our own address" for url in urls if self._is_ours(url)]
        if urls and not self.has("LINE"):  # It is signed with the channel secret.
            problems.append("LINE_RELAY_URL needs LINE's settings")
        if urls and self.line_relay == "ours":
            problems.append("LINE_RELAY=ours says that another tool passes on to us: LINE_RELAY_URL must be empty")
        if not urls and self.line_relay == "all":
            problems.append("LINE_RELAY=all needs LINE_RELAY_URL")
        if names and (len(names) != len(urls) or len(set(names)) < len(names)):
            problems.append("LINE_RELAY_NAME: must be one name of its own for each address of LINE_RELAY_URL")
        return problems

    def _is_ours(self, url: str) -> bool:
        """Whether what is sent to an address comes back to us."""
        there, here = urlsplit(url), urlsplit(self.public_url)
        ports = {"https": 443, "http": 80}
        if there.hostname in LOOPBACK and (there.port or ports[there.scheme]) == self.port:
            return True
        if not here.hostname or there.hostname != here.hostname:
            return False
        same_port = (there.port or ports[there.scheme]) == (here.port or ports[here.scheme])
        return same_port and there.path.startswith(f"{here.path.rstrip('/')}/webhooks")

    @property
    def passes_on(self) -> Literal["rest", "all"] | None:
        """What other tools get of LINE's events; None without any."""
        return self.line_relay if self.line_relay_url and self.line_relay != "ours" else None

    def has(self, group: str) -> bool:
        """Whether a channel or vendor of GROUPS is switched on."""
        return all(_plain(getattr(self, name)) for name in GROUPS[group])

    @property
    def zone(self) -> ZoneInfo:
        """The brand's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def currencies(self) -> dict[int, str]:
        """The currency of each Altegio location; none for a location without one."""
        if "=" in self.altegio_currency:
            return _by_number(self.altegio_currency, "")
        return dict.fromkeys(self.altegio_company_id, self.altegio_currency) if self.altegio_currency else {}

    @property
    def handoff(self) -> timedelta:
        """How long the bot stays quiet after somebody asked for a person."""
        return timedelta(minutes=self.handoff_minutes)

    @property
    def key_file(self) -> Path:
        """Where the key lies when SECRET_KEY is not set."""
        return self.giftdesk_home / "secret_key"

    @cached_property
    def secret(self) -> bytes:
        """The key of signatures and hashes: SECRET_KEY, else one made once and kept in GIFTDESK_HOME."""
        if given := self.secret_key.get_secret_value():
            return given.encode()
        path = self.key_file
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            draft = path.with_name(f"secret_key.{secrets.token_hex(4)}")
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_hex(32))
            try:
                path.hardlink_to(draft)  # Atomic: of two starting processes one wins and both read its key.
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return path.read_text().strip().encode()


def _plain(value: Any) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def env_file() -> str:
    """The file with settings, which need not be there."""
    return os.environ.get("GIFTDESK_ENV_FILE", ".env")


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment and `.env`. Raises ConfigurationError naming everything that is wrong."""
    return Settings(_env_file=env_file(), **overrides)
