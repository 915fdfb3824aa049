"""The console's door: TLS, and where people may sign in at all.

Off loopback a page without TLS has no passkeys, no WebCrypto and no ``Secure`` cookies (W3C Secure Contexts), and its
passwords cross the network in clear: there nobody signs in. The wall's token goes on as before.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
import structlog

from cior_console.sign_in.cross_site import Origin
from cior_core.errors import ConfigInvalid
from cior_core.model import Struct

log = structlog.get_logger("cior.console.tls")
_LOOK_S: Final = 300.0


class Door(Struct, frozen=True, kw_only=True):
    """Where the console listens and what browsers call it. ``origin`` empty: this machine's own name."""

    host: str
    port: int
    origin: str = ""
    certificate: Path | None = None

    def listening(self, port: int) -> Door:
        """The same, once a free port was taken."""
        return msgspec.structs.replace(self, port=port)

    def origins(self) -> frozenset[Origin]:
        """The pages that may ask. Raises ``ConfigInvalid`` (``console.origin``)."""
        if self.origin:
            return frozenset({_read(self.origin)})
        scheme = "https" if self.certificate else "http"
        return frozenset(Origin(scheme, name, self.port) for name in ("localhost", "127.0.0.1"))

    def origin_of_passkeys(self) -> Origin:
        """The one that passkeys are bound to: a name, since an address can have none."""
        return next(each for each in sorted(self.origins(), key=str, reverse=True))

    def refusal(self) -> str | None:
        """Why nobody may sign in here: the code of a sentence; None when people may."""
        if not all(each.is_secure for each in self.origins()):
            return "sign_in.no_tls"
        if not self.certificate and not is_loopback(self.host):
            return "sign_in.no_tls"  # whoever ends TLS in front of us is on this machine, or it is no TLS
        return None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens at ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def server_context(certificate: Path) -> ssl.SSLContext:
    """TLS 1.2 and later with this key and certificate. Raises ``ConfigInvalid`` (``tls.unreadable``)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    load(context, certificate)
    return context


def load(context: ssl.SSLContext, certificate: Path) -> None:
    """Take the file as it is now: from the next connection on. Raises ``ConfigInvalid`` (``tls.unreadable``)."""
    try:
        context.load_cert_chain(certificate)
    except (OSError, ssl.SSLError) as error:
        raise ConfigInvalid(
            "tls.unreadable",
            f"the console's certificate {certificate.name} cannot be read ({type(error).__name__})",
            cure="one PEM file: private key, certificate, authorities; cior tls init makes one",
        ) from error


@asynccontextmanager
async def renewed(context: ssl.SSLContext, certificate: Path) -> AsyncIterator[None]:
    """While it runs, a new certificate in the file is taken within minutes; one that cannot be read is left alone."""
    task = asyncio.create_task(_watched(context, certificate))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _watched(context: ssl.SSLContext, certificate: Path) -> None:
    seen = _written_ns(certificate)
    while True:
        await asyncio.sleep(_LOOK_S)
        now = _written_ns(certificate)
        if now in (seen, 0):
            continue
        seen = now
        try:
            load(context, certificate)
            log.info("certificate_renewed")
        except ConfigInvalid as error:
            log.warning("certificate_unreadable", code=error.code)


def _written_ns(path: Path) -> int:
    """When the file was written last; 0 while there is none."""
    return path.stat().st_mtime_ns if path.exists() else 0


def _read(text: str) -> Origin:
    found = Origin.read(text)
    if found is None:
        raise ConfigInvalid(
            "console.origin",
            f"[console] origin is no origin: {text!r}",
            cure="scheme, name and port as in the address bar: https://muro.ciudad.example:8400",
        )
    return found
