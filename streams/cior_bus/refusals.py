"""What a broker says no to, for good: a name, a certificate, a topic, a group.

librdkafka tells some of it only to an error callback, and everything else then just times out; so every client has one
(:meth:`cior_bus.settings.BusSettings.client`).
"""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka import KafkaError

from cior_core.errors import CredentialsRefused

Refused = CredentialsRefused
# Codes of librdkafka itself (rdkafka.h): the binding names them with an underscore.
_AUTHENTICATION, _SSL = -169, -181
_NAME = ("bus.name_refused", "the broker refuses this name or its password")
_CERTIFICATE = (
    "bus.certificate_refused",
    "the TLS handshake fails: another authority signed the broker's certificate, or it names another host",
)
_LISTENER = ("bus.certificate_wanted", "this listener wants a certificate: it is the administrator's")
_WHAT = {
    _AUTHENTICATION: _NAME,
    KafkaError.SASL_AUTHENTICATION_FAILED: _NAME,
    KafkaError.UNSUPPORTED_SASL_MECHANISM: _NAME,
    _SSL: _CERTIFICATE,
    KafkaError.TOPIC_AUTHORIZATION_FAILED: (
        "bus.topic_refused_us",
        "the broker refuses a topic to this name",
    ),
    KafkaError.GROUP_AUTHORIZATION_FAILED: (
        "bus.group_refused_us",
        "the broker refuses a group to this name",
    ),
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: ("bus.cluster_refused_us", "only the administrator may do this"),
}
_CURES = {
    "bus.name_refused": "give this part its own password file, or make the users again: cior bus provision",
    "bus.certificate_wanted": "write the address of the parts' listener",
    "bus.certificate_refused": "give this part the ca.pem of the broker's authority: cior bus keys",
}
CURE = "make users and rights again with the administrator's key: cior bus provision (they stand in docs/rights.md)"
_WANTS_CERTIFICATE = ("alert bad certificate", "certificate required")
"""What the administrator's listener says to a part, in the text of a lost connection (TLS 1.3 tells it late)."""


def refusal_of(error: KafkaError | None, *, what: str = "") -> Refused | None:
    """What to tell a human; None when the broker may well answer another time. ``what``: the topic or group."""
    found = None if error is None else _WHAT.get(error.code())
    if error is not None and any(hint in error.str() for hint in _WANTS_CERTIFICATE):
        found = _LISTENER
    if found is None:
        return None
    code, sentence = found
    return Refused(code, f"{sentence}: {what}" if what else sentence, cure=_CURES.get(code, CURE))


def speaks_tls() -> Refused:
    """What a broker that speaks TLS is to a client that does not: librdkafka only sees that it hangs up."""
    return Refused(
        "bus.broker_wants_tls",
        "the broker speaks TLS, and this part was told that it does not",
        cure="write kafkas:// in the address, and give this part its keys (deploy/README.md)",
    )


def listener(on_refused: Callable[[Refused], None] | None) -> Callable[[KafkaError], None]:
    """An error callback for a client."""

    def noticed(error: KafkaError) -> None:
        refused = refusal_of(error)
        if refused is not None and on_refused is not None:
            on_refused(refused)

    return noticed
