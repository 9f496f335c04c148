"""Settings: the only place that reads the environment and `.env`. Wrong ones stop the start, all at once."""

from __future__ import annotations

import os
import re
import secrets
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.errors import ConfigurationError


def _api_url(value: str) -> str:
    """An https address without a trailing slash; plain http only to this machine."""
    parts = urlsplit(value)
    local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if not parts.hostname or (parts.scheme != "https" and not (parts.scheme == "http" and local)):
        raise ValueError("must be an https:// address (http:// only to 127.0.0.1)")
    return value.rstrip("/")


ApiUrl = Annotated[str, AfterValidator(_api_url)]
Names = Annotated[tuple[str, ...], NoDecode]

# A channel or a vendor is on when its credentials are set; some of them set is a mistake.
GROUPS = {
    "LINE": ("line_channel_secret", "line_channel_access_token"),
    "Messenger": ("messenger_app_secret", "messenger_page_access_token", "messenger_verify_token"),
    "MantaGo": ("mantago_token", "mantago_secret", "mantago_bot_id"),
    "Poshen": ("poshen_token",),
}


class Settings(BaseSettings):
    """Every setting, with its default. `.env.example` says what each is for."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    database_url: str = ""
    giftdesk_home: Path = Path("var")
    secret_key: SecretStr = SecretStr("")
    brand: str = "Giftdesk"
    brand_color: str = Field("#0F766E", pattern=r"^#[0-9A-Fa-f]{6}$")
    default_locale: str = "zh_Hant_TW"
    timezone: str = "Asia/Taipei"
    admins: Names = ()
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "console"

    privacy_url: str = ""
    support_hours: str = ""
    handoff_minutes: int = Field(60, ge=1, le=1440)
    code_pattern: str = ""
    how_to_claim_zh: str = ""
    how_to_claim_en: str = ""
    event_retention_days: int = Field(14, ge=8, le=400)
    claim_retention_days: int = Field(730, ge=365)

    web_workers: int = Field(1, ge=1, le=64)
    worker_concurrency: int = Field(200, ge=20, le=2000)
    vendor_connections: int = Field(50, ge=1, le=1000)

    line_channel_secret: Names = ()
    line_channel_access_token: SecretStr = SecretStr("")
    line_api_url: ApiUrl = "https://api.line.me"
    line_basic_id: str = ""

    messenger_app_secret: Names = ()
    messenger_page_access_token: SecretStr = SecretStr("")
    messenger_verify_token: SecretStr = SecretStr("")
    messenger_api_url: ApiUrl = "https://graph.facebook.com/v26.0"

    mantago_api_url: ApiUrl = "https://mantago.cc/api"
    mantago_token: SecretStr = SecretStr("")
    mantago_secret: SecretStr = SecretStr("")
    mantago_bot_id: str = ""
    mantago_id_in_query: bool = False
    mantago_max_per_second: float = Field(0, ge=0)

    poshen_api_url: ApiUrl = "https://api.poshentw.com"
    poshen_token: SecretStr = SecretStr("")
    poshen_mode: Literal["claim", "check"] = "claim"

    @field_validator("admins", "line_channel_secret", "messenger_app_secret", mode="before")
    @classmethod
    def _comma_list(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("admins")
    @classmethod
    def _known_channels(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for admin in value:
            if not re.fullmatch(r"(line:U[0-9a-f]{32}|messenger:\d+)", admin):
                raise ValueError(f"{admin[:12]}… is not line:U<32 hex digits> or messenger:<digits>")
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

    @field_validator("privacy_url")
    @classmethod
    def _https(cls, value: str) -> str:
        if value and not value.startswith("https://"):
            raise ValueError("must be an https:// address")
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
        if given.get("database_url") and not given.get("secret_key"):
            problems.append("SECRET_KEY is needed with DATABASE_URL, the same on every machine (32+ characters)")
        try:
            settings = handler(given)
        except ValidationError as error:
            for problem in error.errors(include_input=False, include_url=False):
                name = ".".join(str(part) for part in problem["loc"]).upper()
                problems.append(f"{name}: {problem['msg'].removeprefix('Value error, ')}")
        if problems:
            raise ConfigurationError("Some settings need attention:\n  " + "\n  ".join(problems))
        return settings

    def has(self, group: str) -> bool:
        """Whether a channel or vendor of GROUPS is switched on."""
        return all(_plain(getattr(self, name)) for name in GROUPS[group])

    @property
    def zone(self) -> ZoneInfo:
        """The brand's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def handoff(self) -> timedelta:
        """How long the bot stays quiet after somebody asked for a person."""
        return timedelta(minutes=self.handoff_minutes)

    @cached_property
    def secret(self) -> bytes:
        """The key of signatures and hashes: SECRET_KEY, else one made once and kept in GIFTDESK_HOME."""
        if given := self.secret_key.get_secret_value():
            return given.encode()
        path = self.giftdesk_home / "secret_key"
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


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment and `.env`. Raises ConfigurationError naming everything that is wrong."""
    return Settings(_env_file=os.environ.get("GIFTDESK_ENV_FILE", ".env"), **overrides)
