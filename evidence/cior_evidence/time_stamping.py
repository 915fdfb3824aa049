"""RFC 3161 time-stamps over HTTP: asked, kept as they came, and believed only when they verify.

An answer of ``openssl ts`` with two certificates is not sorted as DER wants, which rfc3161-client refuses
(``InvalidSetOrdering``); openssl, pyhanko and courts' tools take it. So the answer is kept, and read by pyhanko then.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import ssl
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import SplitResult, urlsplit

import rfc3161_client
from asn1crypto import cms, tsp
from cryptography.x509 import load_der_x509_certificate
from pyhanko.sign.general import SigningError
from pyhanko.sign.timestamps.api import TimeStamper
from pyhanko.sign.timestamps.common_utils import handle_tsp_response
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko_certvalidator import ValidationContext

from cior_core.errors import ConfigInvalid, IntegrityBroken, SourceUnavailable
from cior_core.model import Struct
from cior_evidence.seal_settings import SealSettings

MOST_BYTES: Final = 1 << 20
_QUERY: Final = "application/timestamp-query"
_AWAY: Final = "start it or wait: the package is kept as it is and sealed by the same command, later"


class Stamp(Struct, frozen=True):
    """A token that verified. ``is_der``: rfc3161-client took it, so it is strict DER."""

    response: bytes
    at_ms: int
    is_der: bool
    certificates: tuple[bytes, ...]


Ask = Callable[[bytes], bytes]
"""A time-stamp query (DER) to the answer as it came. Raises ``SourceUnavailable`` (``seal.tsa_away``)."""


class Tsa(TimeStamper):
    """The authority of the settings, for pyhanko and for us."""

    def __init__(self, settings: SealSettings, ask: Ask) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # pyhanko has types for some only
        self._settings = settings
        self._ask = ask

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """For pyhanko: the parsed answer."""
        return tsp.TimeStampResp.load(await asyncio.to_thread(self._ask, req.dump()))

    def stamp(self, data: bytes, digest: Literal["sha256", "sha512"] = "sha256") -> Stamp:
        """A token over ``data``, by this digest of it. Raises ``SourceUnavailable`` (``seal.tsa_away``,
        ``seal.tsa_refused``) and ``IntegrityBroken`` (``seal.tsa_token``).
        """
        imprint = hashlib.new(digest, data).digest()
        nonce, request = self.request_cms(imprint, digest)  # type: ignore[no-untyped-call]
        raw = self._ask(request.dump())
        token = self._token(raw, nonce)
        is_der = _verified_strictly(raw, imprint, self._settings)
        if not is_der:
            _verified(token, imprint, self._settings)
        return Stamp(response=raw, at_ms=time_of(token), is_der=is_der, certificates=certificates_of(token))

    def _token(self, raw: bytes, nonce: Any) -> cms.ContentInfo:
        try:
            return handle_tsp_response(tsp.TimeStampResp.load(raw), nonce)
        except (SigningError, OSError, ValueError, TypeError, KeyError) as error:
            raise SourceUnavailable(
                "seal.tsa_refused",
                f"the time-stamping authority gave no token: {type(error).__name__}",
                cure=_AWAY,
            ) from error


def over_http(settings: SealSettings) -> Ask:
    """Ask the authority at the settings' address."""
    url, timeout_s = urlsplit(settings.file.tsa_url), settings.file.tsa_timeout_s
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ConfigInvalid(
            "seal.tsa_url", "tsa_url is no http address", cure="http://host/ or https://host/"
        )

    def ask(query: bytes) -> bytes:
        """One request on a connection of its own."""
        with closing(_connection(url, timeout_s)) as link:
            try:
                return _answer(link, url.path or "/", query)
            except (OSError, http.client.HTTPException) as error:
                raise _away(f"does not answer: {type(error).__name__}") from error

    return ask


def _answer(link: http.client.HTTPConnection, path: str, query: bytes) -> bytes:
    link.request("POST", path, body=query, headers={"Content-Type": _QUERY})
    answer = link.getresponse()
    if answer.status != http.client.OK:
        raise _away(f"answers HTTP {answer.status}")
    return answer.read(MOST_BYTES)


def _away(why: str) -> SourceUnavailable:
    return SourceUnavailable("seal.tsa_away", f"the time-stamping authority {why}", cure=_AWAY)


def _connection(url: SplitResult, timeout_s: float) -> http.client.HTTPConnection:
    assert url.hostname is not None
    if url.scheme == "http":
        return http.client.HTTPConnection(url.hostname, url.port, timeout=timeout_s)
    context = ssl.create_default_context()
    return http.client.HTTPSConnection(url.hostname, url.port, timeout=timeout_s, context=context)


def time_of(token: cms.ContentInfo) -> int:
    """When a token says it was made, UTC ms."""
    at: datetime = token["content"]["encap_content_info"]["content"].parsed["gen_time"].native
    return round(at.timestamp() * 1000)


def certificates_of(token: cms.ContentInfo) -> tuple[bytes, ...]:
    """DER of the certificates that a token brings."""
    return tuple(each.chosen.dump() for each in token["content"]["certificates"])


def trusting(settings: SealSettings) -> ValidationContext:
    """How certificates are judged now: by the settings' roots and lists alone, nothing is fetched."""
    return ValidationContext(
        trust_roots=list(settings.roots), other_certs=[*settings.intermediates, *settings.tsa_chain],
        crls=list(settings.crls), revocation_mode="soft-fail", moment=datetime.now(UTC), allow_fetching=False,
    )  # fmt: skip


def _verified_strictly(raw: bytes, digest: bytes, settings: SealSettings) -> bool:
    """Whether rfc3161-client can read it; then it must verify."""
    try:
        response = rfc3161_client.decode_timestamp_response(raw)
    except ValueError:
        return False
    builder = rfc3161_client.VerifierBuilder()
    for root in settings.roots:
        builder = builder.add_root_certificate(load_der_x509_certificate(root.dump()))
    for each in settings.tsa_chain:
        builder = builder.add_intermediate_certificate(load_der_x509_certificate(each.dump()))
    try:
        builder.build().verify(response, digest)
    except rfc3161_client.VerificationError as error:
        raise _untrue(error) from error
    return True


def _verified(token: cms.ContentInfo, digest: bytes, settings: SealSettings) -> None:
    async def check() -> bool:
        said = await validate_tst_signed_data(token["content"], trusting(settings), lambda _: digest)
        return bool(said["intact"] and said["valid"] and said.get("trust_problem_indic") is None)

    try:
        is_sound = asyncio.run(check())
    except SignatureValidationError as error:
        raise _untrue(error) from error
    if not is_sound:
        raise _untrue(None)


def _untrue(error: Exception | None) -> IntegrityBroken:
    why = f": {error}" if error is not None else ""
    return IntegrityBroken(
        "seal.tsa_token",
        f"the time-stamp does not verify{why}",
        cure="check root and tsa_chain, or the authority",
    )
