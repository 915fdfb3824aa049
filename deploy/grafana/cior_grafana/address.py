"""Where a Grafana is and who asks: an address without secrets, and credentials from a file or the environment.

Never from the command line, where every user of the machine reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cior_core.errors import ConfigInvalid
from cior_core.model import Struct

_SCHEMES = frozenset({"http", "https"})


class Address(Struct, frozen=True, kw_only=True):
    """A Grafana's address, as both libraries want it in parts. ``prefix`` ends in a slash or is empty."""

    protocol: str
    host: str
    port: int | None = None
    prefix: str = ""

    @property
    def shown(self) -> str:
        """The address as people write it."""
        port = f":{self.port}" if self.port else ""
        return f"{self.protocol}://{self.host}{port}/{self.prefix}".rstrip("/")

    @property
    def parts(self) -> dict[str, Any]:
        """Arguments of either library's constructor."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return {
            "protocol": self.protocol,
            "host": host,
            "port": self.port,
            "url_path_prefix": self.prefix,
        }

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read an address. Raises ``ConfigInvalid``, without repeating the address: it may hold a password."""
        parts = urlsplit(url)
        if parts.username or parts.password:
            raise ConfigInvalid(
                "grafana.address",
                "the address holds a user or a password",
                cure="take them out; CIOR_GRAFANA_TOKEN_FILE, or CIOR_GRAFANA_USER and CIOR_GRAFANA_PASSWORD_FILE",
            )
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in _SCHEMES or not parts.hostname or port == -1 or parts.query or parts.fragment:
            raise ConfigInvalid(
                "grafana.address",
                "this is not the address of a Grafana",
                cure="http(s)://host[:port][/prefix], as in http://127.0.0.1:3000",
            )
        prefix = parts.path.strip("/")
        return cls(
            protocol=parts.scheme, host=parts.hostname, port=port, prefix=f"{prefix}/" if prefix else ""
        )


def credentials(environment: Mapping[str, str]) -> str | tuple[str, str]:
    """A token, or user and password, from files or the environment. Raises ``ConfigInvalid`` when there are none."""
    token = _secret(environment, "CIOR_GRAFANA_TOKEN")
    if token:
        return token
    user, password = environment.get("CIOR_GRAFANA_USER", ""), _secret(environment, "CIOR_GRAFANA_PASSWORD")
    if user and password:
        return user, password
    raise ConfigInvalid(
        "grafana.no_credentials",
        "no token and no password were given",
        cure="CIOR_GRAFANA_TOKEN_FILE names a file with a service account's token; "
        "or CIOR_GRAFANA_USER and CIOR_GRAFANA_PASSWORD_FILE",
    )


def _secret(environment: Mapping[str, str], name: str) -> str:
    """The value of ``NAME_FILE``'s file, else of ``NAME``; line ends around it do not count."""
    path = environment.get(f"{name}_FILE", "")
    if not path:
        return environment.get(name, "").strip()
    try:
        found = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise ConfigInvalid(
            "grafana.secret_file", f"the file of {name}_FILE cannot be read ({type(error).__name__})",
            cure="a file of one line, readable by this user",
        ) from error  # fmt: skip
    if not found or "\n" in found:
        raise ConfigInvalid(
            "grafana.secret_file",
            f"the file of {name}_FILE does not hold one line",
            cure="one line, nothing else",
        )
    return found
