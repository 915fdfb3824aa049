"""Configuration of one DC-09 receiver: one strict model, read once."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from cior_connectors.builtin.dc09 import crypto
from cior_connectors.contract import ConnectorConfig, Secret
from cior_connectors.press_types import press_types
from cior_core.model import Device


def _press_types() -> dict[str, str]:
    # The panel of a siren reports that it sounds. Only here: a stranger's word must not turn a press into less.
    return press_types() | {"siren": "siren.community"}


class Account(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One panel that needs more than the defaults."""

    key: Annotated[
        Secret | None, Meta(description="Its key: 16, 24 or 32 letters, or 32, 48 or 64 hex digits.")
    ] = None
    expected_every_s: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(description="Longest normal silence, when it differs from the default.", examples=[300.0]),
    ] = None
    must_encrypt: Annotated[
        bool,
        Meta(description="It must encrypt although the registry lists it as unable (`unencrypted`)."),
    ] = False


class Dc09Config(ConnectorConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A receiver on one port, TCP and UDP. Run it inside a VPN: DC-09 encryption has no message authentication."""

    host: Annotated[str, Meta(description="Address to listen on.", examples=["10.8.0.1"])] = "127.0.0.1"
    port: Annotated[
        int,
        Meta(
            ge=0,
            le=65535,
            description="Port, the same for TCP and UDP; 0 takes a free one (tests).",
            examples=[12128],
        ),
    ] = 12128
    tcp: Annotated[bool, Meta(description="Listen on TCP.", examples=[True])] = True
    udp: Annotated[bool, Meta(description="Listen on UDP.", examples=[True])] = True
    subject_prefix: Annotated[
        str,
        Meta(
            description="Put before the account to make the device id of the registry.", examples=["panel:"]
        ),
    ] = "panel:"
    default_key: Annotated[
        Secret | None,
        Meta(
            description="Key of encrypted accounts that have none of their own.",
            examples=["0123456789ABCDEF"],
        ),
    ] = None
    accounts: Annotated[
        dict[str, Account],
        Meta(description="Panels with their own key or supervision, by account as the panel sends it."),
    ] = {}  # noqa: RUF012  msgspec copies it
    press_types: Annotated[
        dict[str, str],
        Meta(
            description="Event type of a panel's panic code by the registered device's kind; others stay private "
            "alarms.",
            examples=[{"community": "panic.community"}],
        ),
    ] = msgspec.field(default_factory=_press_types)
    expected_every_s: Annotated[
        float,
        Meta(
            gt=0, description="Longest normal silence of a panel; longer is an incident.", examples=[3600.0]
        ),
    ] = 3600.0
    resend_window_s: Annotated[
        float,
        Meta(
            gt=0, description="Same account, sequence and content within it are one press.", examples=[600.0]
        ),
    ] = 600.0
    max_frame_bytes: Annotated[
        int,
        Meta(
            ge=256,
            le=65546,
            description="Longest frame; longer input is cut and dead-lettered.",
            examples=[16384],
        ),
    ] = 16384
    max_connections: Annotated[
        int,
        Meta(
            ge=1,
            description="TCP connections at once; beyond, the longest idle stranger is closed, known panels last.",
            examples=[2000],
        ),
    ] = 2000
    max_connections_per_peer: Annotated[
        int,
        Meta(
            ge=1,
            description="Strangers of one address at once; panels that have spoken well do not count.",
            examples=[256],
        ),
    ] = 256
    max_bad_per_connection: Annotated[
        int, Meta(ge=1, description="Unreadable pieces after which a connection is closed.", examples=[8])
    ] = 8
    frame_timeout_s: Annotated[
        float, Meta(gt=0, description="How long a started frame may take to arrive.", examples=[10.0])
    ] = 10.0
    idle_timeout_s: Annotated[
        float, Meta(gt=0, description="How long a connection may stay silent.", examples=[1800.0])
    ] = 1800.0
    greeting_timeout_s: Annotated[
        float,
        Meta(
            gt=0,
            description="How long it may stay silent before it has spoken well (encrypted, or listed as unable).",
            examples=[120.0],
        ),
    ] = 120.0

    def __post_init__(self) -> None:
        if not (self.tcp or self.udp):
            raise ValueError("at least one of tcp and udp must be true")
        for secret in (self.default_key, *(account.key for account in self.accounts.values())):
            if secret is not None:
                _check_key(secret)

    def keys(self, account: str) -> tuple[bytes, ...]:
        """The key bytes to try for ``account``, likelier first; empty when it has none."""
        known = self.accounts.get(account)
        secret = known.key if known is not None and known.key is not None else self.default_key
        return crypto.keys_of(secret.reveal()) if secret is not None else ()

    def must_encrypt(self, account: str, registered: Device | None) -> bool:
        """Whether a plain message of ``account`` is not to be believed: whenever we know the panel or have a key for
        it, unless the registry lists it as unable.
        """
        known = self.accounts.get(account)
        if registered is None:
            return bool(self.keys(account)) or known is not None
        return not registered.unencrypted or (known is not None and known.must_encrypt)

    def silence_s(self, account: str) -> float:
        """Longest normal silence of ``account``."""
        known = self.accounts.get(account)
        return (
            known.expected_every_s
            if known is not None and known.expected_every_s is not None
            else self.expected_every_s
        )


def types_of(config: Any) -> tuple[str, ...]:
    """The event types that this configuration names (config lint checks them against the taxonomy)."""
    assert isinstance(config, Dc09Config)
    return tuple(sorted(set(config.press_types.values())))


def _check_key(secret: Secret | str) -> None:
    """The runtime checks once with secrets as text, before ``env:`` and ``file:`` are looked up, and once with the
    secrets themselves.
    """
    text = secret.reveal() if isinstance(secret, Secret) else secret
    if text.startswith(("env:", "file:")):
        return
    if len(text) not in (16, 24, 32, 48, 64) or not text.isascii():
        raise ValueError("a DC-09 key has 16, 24 or 32 letters, or 32, 48 or 64 hex digits")
    if len(text) in (48, 64) and not all(character in "0123456789abcdefABCDEF" for character in text):
        raise ValueError("a key of 48 or 64 characters must be hex digits")
