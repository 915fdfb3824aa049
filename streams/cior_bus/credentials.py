"""What a client shows a broker that asks for keys, and what it demands of the broker (TLS with our own authority).

A part shows its name and a password (SCRAM-SHA-512, RFC 5802 and 7677, inside TLS); who administers the broker shows a
certificate. All of it lies in one folder of files, of which each service gets only its own (docker-compose.yml):
``ca.pem``, ``<part>.password``, ``admin.pem`` (key and certificate). Nothing of it is ever an argument of a process.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from cior_core.errors import ConfigInvalid
from cior_core.model import Struct

KEYS_FOLDER = "CIOR_BUS_KEYS"
"""The variable of the environment that names the folder."""
AUTHORITY = "CIOR_BUS_CA"
"""The variable that names the authority's certificate, where it does not lie in that folder: it is no secret."""
AUTHORITY_FILE, ADMIN_FILE, BROKER_FILE = "ca.pem", "admin.pem", "broker.pem"
MECHANISM = "SCRAM-SHA-512"


class Scram(Struct, frozen=True):
    """A part's name and password, and the authority that signed the broker's certificate."""

    user: str
    password: str
    authority_file: str

    def __repr__(self) -> str:
        return f"Scram({self.user!r}, ***)"

    def properties(self) -> dict[str, str]:
        """Librdkafka's properties."""
        return {
            "security.protocol": "sasl_ssl",
            "sasl.mechanism": MECHANISM,
            "sasl.username": self.user,
            "sasl.password": self.password,
            "ssl.ca.location": self.authority_file,
        }

    def context(self) -> ssl.SSLContext:
        """For clients that use Python's own TLS (Faust's)."""
        return ssl.create_default_context(cafile=self.authority_file)


class Certificate(Struct, frozen=True):
    """The administrator's key and certificate, one PEM file."""

    file: str
    authority_file: str

    def properties(self) -> dict[str, str]:
        """Librdkafka's properties."""
        return {
            "security.protocol": "ssl",
            "ssl.key.location": self.file,
            "ssl.certificate.location": self.file,
            "ssl.ca.location": self.authority_file,
        }


Credentials = Scram | Certificate


def keys_folder() -> Path:
    """Where this process's keys lie. Raises ``ConfigInvalid`` (``bus.no_keys_folder``)."""
    named = os.environ.get(KEYS_FOLDER, "")
    if not named:
        raise ConfigInvalid(
            "bus.no_keys_folder",
            "the broker asks for keys and nobody said where they lie",
            cure=f"set {KEYS_FOLDER} to the folder with {AUTHORITY_FILE} and this part's password",
        )
    return Path(named)


def password_file(part: str) -> str:
    """The name of the file with a part's password."""
    return f"{part}.password"


def read_scram(part: str, folder: Path) -> Scram:
    """A part's own. Raises ``ConfigInvalid`` (``bus.key_missing``)."""
    return Scram(user=part, password=read_password(part, folder), authority_file=_authority(folder))


def read_password(part: str, folder: Path) -> str:
    """Its password alone, for who makes the user. Raises ``ConfigInvalid`` (``bus.key_missing``)."""
    return _text(folder / password_file(part))


def read_certificate(folder: Path) -> Certificate:
    """The administrator's. Raises ``ConfigInvalid`` (``bus.key_missing``)."""
    _text(folder / ADMIN_FILE)
    return Certificate(file=str(folder / ADMIN_FILE), authority_file=_authority(folder))


def _authority(folder: Path) -> str:
    path = Path(os.environ.get(AUTHORITY) or folder / AUTHORITY_FILE)
    _text(path)
    return str(path)


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise _missing(path, why) from error
    if not text:
        raise _missing(path, "it is empty")
    return text


def _missing(path: Path, why: str) -> ConfigInvalid:
    return ConfigInvalid(
        "bus.key_missing",
        f"{path.name} cannot be used: {why}",
        cure=f"give this part its own {path.name} in the folder that {KEYS_FOLDER} names (deploy/README.md)",
    )
