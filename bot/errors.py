"""Every error raised on purpose.

GiftdeskError
├── ConfigurationError      a setting is wrong; the text says what to do
│   └── CheckFailed             …as a harmless call with a credential found out
├── UserError               the customer can be told why; the text is a msgid, translated when shown
└── UpstreamError           a vendor did not do what was asked
    ├── UpstreamUnavailable     nothing came of it; trying again later is safe
    │   ├── RateLimited             …because we asked too often (`retry_after` seconds when known)
    │   └── CircuitOpen               …because it failed so often that it is not asked for a moment
    ├── OutcomeUnknown          a write was sent and no readable answer came: it may have happened
    ├── UpstreamRefused         a definite no, with the vendor's own code
    │   ├── CredentialsRefused      …because of our token; staff must act
    │   ├── NotFound                …because there is no such thing
    │   └── Conflict                …because of what is there already
    └── ContractError           an answer of a shape we do not know; names the place, never the body
"""

from __future__ import annotations

from typing import ClassVar, Literal

Kind = Literal["unavailable", "limited", "credentials", "refused", "strange"]
"""How a call fails: without an answer that is one; because we ask too often; because of our credentials; because of
what we send; with an answer that we do not understand. A plain "no" is no failure."""


class GiftdeskError(Exception):
    """Base of all errors raised on purpose."""


class ConfigurationError(GiftdeskError):
    """A setting is missing or wrong. The message says which one and what to do."""


class CheckFailed(ConfigurationError):
    """A harmless call with a credential went wrong. kind: how, see `Kind`."""

    def __init__(self, message: str, kind: Kind) -> None:
        super().__init__(message)
        self.kind = kind


class UserError(GiftdeskError):
    """Something the customer should be told. `args[0]` is a msgid marked with `N_`."""


class UpstreamError(GiftdeskError):
    """A vendor did not do what was asked.

    upstream: the vendor's name (`mantago`, `poshen`, …). detail: safe to log and to show to staff.
    """

    kind: ClassVar[Kind] = "unavailable"

    def __init__(self, upstream: str, detail: str) -> None:
        super().__init__(f"{upstream}: {detail}")
        self.upstream = upstream
        self.detail = detail


class UpstreamUnavailable(UpstreamError):
    """Down, too slow, or answering nonsense to a read. Nothing happened; try again later."""


class RateLimited(UpstreamUnavailable):
    """Asked too often. `retry_after`: seconds, None when the vendor did not say."""

    kind: ClassVar[Kind] = "limited"

    def __init__(self, upstream: str, detail: str, retry_after: float | None = None) -> None:
        super().__init__(upstream, detail)
        self.retry_after = retry_after


class CircuitOpen(UpstreamUnavailable):
    """Not asked at all: it kept failing, and its breaker is open."""


class OutcomeUnknown(UpstreamError):
    """A write whose answer never came. It may have happened: verify, or repeat with the same key only."""


class UpstreamRefused(UpstreamError):
    """A definite no. status: HTTP. code: the vendor's own, None when it gave none."""

    kind: ClassVar[Kind] = "refused"

    def __init__(self, upstream: str, detail: str, *, status: int, code: int | str | None = None) -> None:
        super().__init__(upstream, detail)
        self.status = status
        self.code = code


class CredentialsRefused(UpstreamRefused):
    """Our token or secret is not accepted. Only staff can mend it."""

    kind: ClassVar[Kind] = "credentials"


class NotFound(UpstreamRefused):
    """There is no such thing at the vendor."""


class Conflict(UpstreamRefused):
    """The vendor has something already that stands in the way."""


class ContractError(UpstreamError):
    """An answer of a shape we do not know. `detail` is the place and the type found, never the body."""

    kind: ClassVar[Kind] = "strange"
