"""Configuration of the Traccar connector. The README's table is generated from here."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from cior_connectors.builtin.traccar.reading import folded
from cior_connectors.contract import ConnectorConfig, Secret
from cior_connectors.press_types import press_types


def _default_alarms() -> dict[str, str]:
    return {
        "sos": "press",
        "panic": "press",
        "tampering": "device.tamper",
        "removing": "device.tamper",
        "gpsAntennaCut": "device.tamper",
        "jamming": "device.jamming",
        "powerCut": "device.power_cut",
        "powerOff": "device.power_cut",
        "lowBattery": "device.low_battery",
        "lowPower": "device.low_battery",
        "accident": "traffic.injury",
        "fallDown": "medical.alarm",
    }


class Button(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model's way of saying that its button was pressed: Traccar calls Teltonika's alarm button ``general``, for
    example.
    """

    model: str
    alarm: str
    means: str = "sos"


class TraccarConfig(ConnectorConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to listen, who may post, what an alarm means, where to ask for history."""

    host: Annotated[str, Meta(description="Address to listen on.", examples=["127.0.0.1"])] = "127.0.0.1"
    port: Annotated[
        int,
        Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one (tests).", examples=[8082]),
    ] = 8082
    path: Annotated[
        str,
        Meta(pattern="^/", description="Path that Traccar posts to (`forward.url`).", examples=["/traccar"]),
    ] = "/traccar"
    shared_secret: Annotated[
        Secret | None,
        Meta(
            description="Secret that Traccar sends as a header (`forward.header`).",
            examples=["env:TRACCAR_SECRET"],
        ),
    ] = None
    secret_header: Annotated[str, Meta(description="Name of that header.", examples=["X-CIOR-Token"])] = (
        "X-CIOR-Token"  # noqa: S105  a name
    )
    hmac_secret: Annotated[
        Secret | None,
        Meta(
            description="Key of an HMAC-SHA256 over the body, sent as `X-Signature-256: sha256=<hex>`.",
            examples=["file:/run/secrets/traccar"],
        ),
    ] = None
    tls_certificate: Annotated[
        str,
        Meta(
            description="PEM chain; with `tls_key` the receiver speaks HTTPS only.",
            examples=["/etc/cior/tls.pem"],
        ),
    ] = ""
    tls_key: Annotated[
        str, Meta(description="PEM key of the certificate.", examples=["/etc/cior/tls.key"])
    ] = ""
    answer_within_s: Annotated[
        float,
        Meta(
            gt=0,
            le=60,
            description="How long a POST may wait for durability before it is answered 503.",
            examples=[8.0],
        ),
    ] = 8.0
    max_connections: Annotated[
        int,
        Meta(
            ge=1,
            description="Connections at once; beyond, one that has shown no secret is closed.",
            examples=[512],
        ),
    ] = 512
    max_connections_per_peer: Annotated[
        int, Meta(ge=1, description="Of one address, those that have shown no secret.", examples=[256])
    ] = 256
    head_timeout_s: Annotated[
        float,
        Meta(
            gt=0,
            le=300,
            description="How long a connection may take to bring a whole head.",
            examples=[15.0],
        ),
    ] = 15.0
    body_timeout_s: Annotated[
        float, Meta(gt=0, le=300, description="How long a body may take to arrive.", examples=[20.0])
    ] = 20.0
    max_body_bytes: Annotated[
        int,
        Meta(
            ge=1_048_576, description="A body beyond it is not read to its end (413).", examples=[67_108_864]
        ),
    ] = 67_108_864
    device_prefix: Annotated[
        str,
        Meta(
            description="Put before Traccar's uniqueId to make the device id of the registry.",
            examples=["vehicle:"],
        ),
    ] = "vehicle:"
    stale_after_s: Annotated[
        float,
        Meta(gt=0, description="A fix older than this at the press is shown as last known.", examples=[60.0]),
    ] = 60.0
    max_age_days: Annotated[
        float,
        Meta(
            gt=0,
            description="A device time older than this is a wrong clock, not a late report.",
            examples=[30.0],
        ),
    ] = 30.0
    expected_every_s: Annotated[
        float, Meta(gt=0, description="Longest normal silence of a vehicle.", examples=[300.0])
    ] = 300.0
    default_press_type: Annotated[
        str,
        Meta(
            description="Event type of a press when the vehicle's kind says nothing.", examples=["panic.bus"]
        ),
    ] = "panic.bus"
    press_types: Annotated[
        dict[str, str],
        Meta(
            description="Event type of a press by the registered device's kind, or else Traccar's category.",
            examples=[{"bus": "panic.bus"}],
        ),
    ] = msgspec.field(default_factory=press_types)
    alarms: Annotated[
        dict[str, str],
        Meta(
            description="Meaning of Traccar's alarm words, in any case and with any separator: `press` or an event "
            "type; others become `device.notice`.",
            examples=[{"sos": "press"}],
        ),
    ] = msgspec.field(default_factory=_default_alarms)
    buttons: Annotated[
        tuple[Button, ...],
        Meta(
            description="Buttons that Traccar names otherwise, by device model.",
            examples=[[{"model": "FMB920", "alarm": "general"}]],
        ),
    ] = ()
    api_url: Annotated[
        str,
        Meta(
            description="Traccar's REST API, for history; empty: none.",
            examples=["https://traccar.example/api"],
        ),
    ] = ""
    api_token: Annotated[
        Secret | None, Meta(description="Token of a read-only Traccar user.", examples=["env:TRACCAR_TOKEN"])
    ] = None
    api_timeout_s: Annotated[
        float, Meta(gt=0, le=120, description="Limit of one REST request.", examples=[20.0])
    ] = 20.0

    def __post_init__(self) -> None:
        if self.shared_secret is None and self.hmac_secret is None:
            raise ValueError(
                "give shared_secret or hmac_secret: an open alarm line takes false alarms from anybody"
            )
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("tls_certificate and tls_key belong together")
        if self.api_url and self.api_token is None:
            raise ValueError("api_url needs api_token")
        if any(
            isinstance(secret, Secret) and len(secret.reveal()) < 16
            for secret in (self.shared_secret, self.hmac_secret)
        ):
            raise ValueError("a secret of less than 16 characters can be guessed")
        meanings: dict[str, str] = {}
        for word, meaning in self.alarms.items():
            if meanings.setdefault(folded(word), meaning) != meaning:
                raise ValueError(f"two spellings of the alarm word {word} have two meanings")

    def meaning(self, alarm: str, *, model: str) -> str:
        """``press``, an event type, or ``device.notice``.

        The word counts in any case, with any separator. A phrase that holds a known word means that word, a press
        first.
        """
        said = folded(alarm)
        for button in self.buttons:
            if folded(button.model) == folded(model) and folded(button.alarm) == said:
                said = folded(button.means)
                break
        known = {folded(word): meaning for word, meaning in self.alarms.items()}
        if said in known:
            return known[said]
        held = [known[word] for each in alarm.split() if (word := folded(each)) in known]
        return "press" if "press" in held else held[0] if held else "device.notice"

    def press_type(self, *kinds: str) -> str:
        """Event type of a press for the first of ``kinds`` that is known, in any case."""
        known = {folded(kind): code for kind, code in self.press_types.items()}
        return next(
            (known[kind] for each in kinds if (kind := folded(each)) in known), self.default_press_type
        )


def types_of(config: Any) -> tuple[str, ...]:
    """Every event type that this configuration can produce (config lint checks them against the taxonomy)."""
    assert isinstance(config, TraccarConfig)
    named = {kind for kind in config.alarms.values() if kind != "press"}
    return tuple(
        sorted({*named, *config.press_types.values(), config.default_press_type, "device.notice", "position"})
    )
