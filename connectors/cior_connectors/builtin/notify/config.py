"""Configuration of the notices. The README's table is generated from here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from cior_connectors.builtin.notify.channels import Limits
from cior_connectors.contract import ConnectorConfig, Secret

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SHORTEST_SECRET = 16


class _Channel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every channel has: its name in the contacts, and how much it is asked at once."""

    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,40}$")]
    at_once: Annotated[int, Meta(ge=1, le=64)] = 4
    per_minute: Annotated[int, Meta(ge=1, le=6000)] = 120
    try_s: Annotated[float, Meta(gt=0, le=30)] = 5.0
    tries: Annotated[int, Meta(ge=1, le=100)] = 12
    authority: str = ""

    @property
    def limits(self) -> Limits:
        """As the delivery takes them."""
        return Limits(at_once=self.at_once, per_minute=self.per_minute, try_s=self.try_s, tries=self.tries)


class WebhookSection(_Channel, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service of the city's own that takes signed JSON."""

    url: Annotated[str, Meta(pattern="^https?://")]
    secret: Secret

    def __post_init__(self) -> None:
        _refuse_clear(self.url)
        if len(self.secret.reveal()) < _SHORTEST_SECRET:
            raise ValueError("a secret of less than 16 characters can be guessed")


class SmtpSection(_Channel, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mail server."""

    host: str
    port: Annotated[int, Meta(ge=1, le=65_535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: Annotated[str, Meta(pattern="^[^@\\s]+@[^@\\s]+$")]
    user: str = ""
    password: Secret | None = None

    def __post_init__(self) -> None:
        if self.security == "none" and self.host not in _LOOPBACK:
            raise ValueError(
                "mail without TLS is for a server on this machine alone: security = starttls or tls"
            )
        if bool(self.user) != (self.password is not None):
            raise ValueError("user and password belong together")


class PushSection(_Channel, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An ntfy or Matrix server."""

    url: Annotated[str, Meta(pattern="^https?://")]
    token: Secret | None = None

    def __post_init__(self) -> None:
        _refuse_clear(self.url)


class WatcherSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `cior watch` on another machine, which must be heard from."""

    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,40}$")]
    secret: Secret
    every_s: Annotated[float, Meta(gt=0)] = 60.0

    def __post_init__(self) -> None:
        if len(self.secret.reveal()) < _SHORTEST_SECRET:
            raise ValueError("a secret of less than 16 characters can be guessed")


def _refuse_clear(url: str) -> None:
    host = url.split("/")[2].rpartition("@")[2].rsplit(":", 1)[0].strip("[]")
    if url.startswith("http://") and host not in _LOOPBACK:
        raise ValueError("http:// is for this machine alone: notices travel by https://")


class NotifyConfig(ConnectorConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is on duty, how they are reached, and where their answers come in."""

    directory: Annotated[
        str,
        Meta(
            description="Duty directory: people, teams, shifts (`cior duty`).",
            examples=["/etc/cior/duty.toml"],
        ),
    ]
    contacts: Annotated[
        str,
        Meta(
            description="Addresses by person and channel; its owner alone may read it (mode 0600).",
            examples=["/etc/cior/contacts.toml"],
        ),
    ]
    zone: Annotated[
        str, Meta(description="IANA time zone of the shifts.", examples=["America/Argentina/Cordoba"])
    ] = "America/Argentina/Cordoba"
    public_url: Annotated[
        str,
        Meta(
            description="How phones reach this connector; acknowledgement links begin so. Empty: no links.",
            examples=["https://avisos.ciudad.example"],
        ),
    ] = ""
    link_valid_s: Annotated[
        int, Meta(ge=60, le=86_400, description="How long a link is good for.", examples=[3600])
    ] = 3600
    host: Annotated[str, Meta(description="Address to listen on.", examples=["127.0.0.1"])] = "127.0.0.1"
    port: Annotated[
        int,
        Meta(ge=0, le=65_535, description="Port to listen on; 0 takes a free one (tests).", examples=[8470]),
    ] = 8470
    tls_certificate: Annotated[
        str,
        Meta(description="PEM chain; with `tls_key` it speaks HTTPS only.", examples=["/etc/cior/tls.pem"]),
    ] = ""
    tls_key: Annotated[
        str, Meta(description="PEM key of the certificate.", examples=["/etc/cior/tls.key"])
    ] = ""
    webhook: Annotated[
        tuple[WebhookSection, ...],
        Meta(
            description="Channels to services of your own: name, url, secret.",
            examples=[[{"name": "sms", "url": "https://sms.example/in", "secret": "file:/etc/cior/sms"}]],
        ),
    ] = ()
    smtp: Annotated[
        tuple[SmtpSection, ...],
        Meta(
            description="Mail servers: name, host, port, security, sender, user, password.",
            examples=[[{"name": "mail", "host": "smtp.example", "sender": "cior@ciudad.example"}]],
        ),
    ] = ()
    ntfy: Annotated[
        tuple[PushSection, ...],
        Meta(
            description="ntfy servers: name, url, token.",
            examples=[[{"name": "phone", "url": "https://ntfy.ciudad.example"}]],
        ),
    ] = ()
    matrix: Annotated[
        tuple[PushSection, ...],
        Meta(
            description="Matrix home servers: name, url, token.",
            examples=[
                [{"name": "matrix", "url": "https://matrix.ciudad.example", "token": "file:/etc/cior/matrix"}]
            ],
        ),
    ] = ()
    watcher: Annotated[
        tuple[WatcherSection, ...],
        Meta(
            description="Watchers on other machines (`cior watch`): name, secret, every_s.",
            examples=[[{"name": "torre", "secret": "file:/etc/cior/torre"}]],
        ),
    ] = ()

    def __post_init__(self) -> None:
        names = [each.name for each in (*self.webhook, *self.smtp, *self.ntfy, *self.matrix)]
        if not names:
            raise ValueError("give at least one channel: webhook, smtp, ntfy or matrix")
        if len(set(names)) < len(names):
            raise ValueError("two channels have the same name: contacts could not tell them apart")
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("tls_certificate and tls_key belong together")
        if self.public_url:
            _refuse_clear(self.public_url)


def types_of(_config: Any) -> tuple[str, ...]:
    """Every event type that this configuration can produce."""
    return ("heartbeat", "source.degraded", "source.restored", "source.silent")
