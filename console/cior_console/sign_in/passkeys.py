"""Passkeys (W3C Web Authentication Level 3): made and shown with a PIN or a finger, bound to this console's own name.

User verification is required, so that a passkey is two factors by itself: what one has, and what one knows or is. A
counter that goes back tells of a copied key; keys that live in several devices always send 0, which is accepted.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.options_to_json_dict import options_to_json_dict
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from cior_console.sign_in.cross_site import Origin
from cior_core.errors import CredentialsRefused
from cior_core.model import Struct

_TIMEOUT_MS: Final = 120_000
_LONGEST_ID: Final = 1400
"""1,023 bytes (§4) in base64url."""
# What an answer of somebody's own making runs into, besides the library's own refusals.
_MALFORMED: Final = (
    WebAuthnException,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
    struct.error,
    InvalidSignature,
    UnsupportedAlgorithm,
)


class Passkey(Struct, frozen=True):
    """What is kept of one: the public half, and how often its device says it was used."""

    credential_id: bytes
    public_key: bytes
    uses: int


class Challenge(Struct, frozen=True):
    """What a browser is asked, and what its answer must hold. ``options``: JSON for ``parse…OptionsFromJSON``."""

    options: dict[str, Any]
    expected: bytes


class Passkeys:
    """The rules of one console: ``origin`` says where its pages are, ``centre`` is what people call it."""

    def __init__(self, origin: Callable[[], Origin], *, centre: str) -> None:
        self._asked, self._centre = origin, centre

    @property
    def _origin(self) -> Origin:
        return self._asked()

    def making(self, *, person_id: str, login: str, name: str, held: Sequence[bytes]) -> Challenge:
        """For ``navigator.credentials.create``; ``held`` are the ones this person has, which are not made twice."""
        options = generate_registration_options(
            rp_id=self._origin.host,
            rp_name=self._centre,
            user_id=person_id.encode(),
            user_name=login,
            user_display_name=name,
            timeout=_TIMEOUT_MS,
            attestation=AttestationConveyancePreference.NONE,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=each) for each in held],
        )
        return Challenge(options_to_json_dict(options), options.challenge)

    def made(self, answer: dict[str, Any], expected: bytes) -> Passkey:
        """What the browser made. Raises ``CredentialsRefused`` (``sign_in.passkey``)."""
        try:
            found = verify_registration_response(
                credential=answer,
                expected_challenge=expected,
                expected_rp_id=self._origin.host,
                expected_origin=str(self._origin),
                require_user_verification=True,
            )
        except _MALFORMED as error:
            raise _refused(error) from error
        return Passkey(found.credential_id, found.credential_public_key, found.sign_count)

    def asking(self, held: Sequence[bytes] = ()) -> Challenge:
        """For ``navigator.credentials.get``; without ``held`` the device offers whose keys it has (no name typed)."""
        options = generate_authentication_options(
            rp_id=self._origin.host,
            timeout=_TIMEOUT_MS,
            allow_credentials=[PublicKeyCredentialDescriptor(id=each) for each in held],
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return Challenge(options_to_json_dict(options), options.challenge)

    def shown(self, answer: dict[str, Any], expected: bytes, key: Passkey) -> int:
        """How often the device says it was used now. Raises ``CredentialsRefused`` (``sign_in.passkey``)."""
        try:
            found = verify_authentication_response(
                credential=answer,
                expected_challenge=expected,
                expected_rp_id=self._origin.host,
                expected_origin=str(self._origin),
                credential_public_key=key.public_key,
                credential_current_sign_count=key.uses,
                require_user_verification=True,
            )
        except _MALFORMED as error:
            raise _refused(error) from error
        return found.new_sign_count


def named(answer: dict[str, Any]) -> bytes:
    """Which key an answer says it is of; empty for none. Not proven yet."""
    given = answer.get("rawId")
    if not isinstance(given, str) or len(given) > _LONGEST_ID:
        return b""
    try:
        return base64url_to_bytes(given)
    except ValueError:
        return b""


def _refused(error: Exception) -> CredentialsRefused:
    return CredentialsRefused(
        "sign_in.passkey", f"this passkey's answer does not hold ({type(error).__name__})", cure="try again"
    )
