"""The key that seals: from a file, or inside a security module that never gives it away (PKCS#11)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from asn1crypto import keys, pem
from pyhanko.config.pkcs11 import TokenCriteria
from pyhanko.sign.signers.pdf_cms import Signer, SimpleSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore

from cior_core.errors import ConfigInvalid, CredentialsRefused, SourceUnavailable
from cior_evidence.seal_settings import Hsm, SealSettings, read


@contextmanager
def signer(settings: SealSettings) -> Iterator[Signer]:
    """What signs with the seal's key. Raises ``ConfigInvalid``, ``CredentialsRefused`` and ``SourceUnavailable``
    (``seal.*``): a module that is away is asked again later.
    """
    if settings.file.hsm is not None:
        with _module_signer(settings, settings.file.hsm) as made:
            yield made
    else:
        yield _file_signer(settings)


def _file_signer(settings: SealSettings) -> Signer:
    path = settings.folder / settings.file.key
    data = read(path)
    if path.stat().st_mode & 0o077:
        raise ConfigInvalid(
            "keys.readable_by_others", f"{path.name} may be read by others", cure=f"chmod 600 {path.name}"
        )
    try:
        der = pem.unarmor(data)[2] if pem.detect(data) else data
        key = keys.PrivateKeyInfo.load(der, strict=True)
        _ = key.algorithm
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigInvalid(
            "seal.key_form",
            f"{path.name} is no private key of PKCS#8 without a passphrase",
            cure="openssl pkcs8 -topk8",
        ) from error
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]  # pyhanko has types for some only
    store.register_multiple(settings.intermediates)
    return SimpleSigner(settings.certificate, key, store, embed_roots=False)


@contextmanager
def _module_signer(settings: SealSettings, hsm: Hsm) -> Iterator[Signer]:
    try:
        library = import_module("pkcs11")
        hanko = import_module("pyhanko.sign.pkcs11")
    except ImportError:
        raise ConfigInvalid(
            "seal.pkcs11", "security modules need python-pkcs11", cure="pip install 'cior[evidence-hsm]'"
        ) from None
    pin = read(settings.folder / hsm.pin_file).decode().strip()
    try:
        session = hanko.open_pkcs11_session(
            hsm.module, token_criteria=TokenCriteria(label=hsm.token), user_pin=pin
        )
    except (library.exceptions.PinIncorrect, library.exceptions.PinLocked) as error:
        raise CredentialsRefused(
            "seal.pin",
            "the security module refuses the PIN",
            cure="check the PIN file before it locks the token",
        ) from error
    except (library.exceptions.PKCS11Error, RuntimeError, LookupError) as error:
        raise SourceUnavailable(
            "seal.hsm_away",
            f"the security module does not answer: {type(error).__name__}",
            cure="connect it, then again",
        ) from error
    with session:
        yield hanko.PKCS11Signer(
            session, signing_cert=settings.certificate, ca_chain=settings.intermediates, key_label=hsm.label,
            other_certs_to_pull=None, embed_roots=False,
        )  # fmt: skip
