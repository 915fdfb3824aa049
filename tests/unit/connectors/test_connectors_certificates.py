"""A certificate that a source serves tells its end, weeks before all its devices fall silent together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from cior_bus.metrics import Metrics
from cior_connectors._runtime import metrics as m
from cior_connectors._runtime.certificates import tell_end
from cior_connectors.builtin.traccar.config import TraccarConfig
from cior_connectors.contract import Secret

SECRET = Secret("0123456789abcdef")
NOW = datetime(2026, 11, 26, 20, 0, tzinfo=UTC)


def pem(days: int) -> bytes:
    """A self-signed certificate that ends so many days after ``NOW``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "centre")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(days)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=days))
    )
    return built.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def told(file: Path) -> Metrics:
    numbers = Metrics()
    config = TraccarConfig(port=8082, shared_secret=SECRET, tls_certificate=str(file), tls_key="key.pem")
    tell_end(config, instance="norte", metrics=numbers)
    return numbers


def test_the_first_end_of_the_chain_is_told(tmp_path: Path) -> None:
    file = tmp_path / "chain.pem"
    file.write_bytes(pem(300) + pem(12))
    expected = (NOW + timedelta(days=12)).timestamp()
    assert told(file).value(m.CERTIFICATE_END, "norte") == expected


@pytest.mark.parametrize("content", [None, b"", b"no certificate at all"])
def test_an_unreadable_chain_tells_nothing_and_costs_nothing(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "chain.pem"
    if content is not None:
        file.write_bytes(content)
    assert m.CERTIFICATE_END.name not in told(file).text()


def test_a_source_without_tls_has_no_end() -> None:
    numbers = Metrics()
    tell_end(TraccarConfig(port=8082, shared_secret=SECRET), instance="norte", metrics=numbers)
    assert m.CERTIFICATE_END.name not in numbers.text()
