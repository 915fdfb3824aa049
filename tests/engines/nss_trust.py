"""Make Debian's Chromium trust an authority: its user's NSS database, written by the library that Chromium itself uses
(``libnss3``, by ctypes; its ``certutil`` is another package).
"""

from __future__ import annotations

import ctypes
import ctypes.util
import ssl
from pathlib import Path

from engines.cache import EngineAbsent

_PLACES = (Path(".pki") / "nssdb", Path(".local") / "share" / "pki" / "nssdb")
"""Below the home folder: before Chromium 139, and since."""
_TRUSTED_FOR_SERVERS = b"C,,"
_NICKNAME = b"CIOR test authority"


class _Bytes(ctypes.Structure):
    _fields_ = (("kind", ctypes.c_int), ("data", ctypes.c_char_p), ("size", ctypes.c_uint))


class _Trust(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint) for name in ("ssl", "mail", "code"))


def trust_authority(home: Path, authority: Path) -> None:
    """Chromium with this home folder believes what ``authority`` (PEM) signed. Raises ``EngineAbsent``."""
    name = ctypes.util.find_library("nss3")
    if name is None:
        raise EngineAbsent("libnss3 is not installed (Debian: it comes with chromium)")
    nss = ctypes.CDLL(name)
    der = ssl.PEM_cert_to_DER_cert(authority.read_text(encoding="ascii"))
    for place in _PLACES:
        (home / place).mkdir(parents=True)
        _write(nss, home / place, der)


def _write(nss: ctypes.CDLL, folder: Path, der: bytes) -> None:
    for function in (nss.PK11_GetInternalKeySlot, nss.CERT_FindCertByNickname, nss.CERT_GetDefaultCertDB):
        function.restype = ctypes.c_void_p
    _well(nss.NSS_InitReadWrite(f"sql:{folder}".encode()), "NSS_InitReadWrite")
    try:
        slot = ctypes.c_void_p(nss.PK11_GetInternalKeySlot())
        if nss.PK11_NeedUserInit(slot):
            _well(nss.PK11_InitPin(slot, None, b""), "PK11_InitPin")
        given = _Bytes(0, der, len(der))
        imported = nss.PK11_ImportDERCert(slot, ctypes.byref(given), ctypes.c_ulong(0), _NICKNAME, 0)
        _well(imported, "PK11_ImportDERCert")
        database = ctypes.c_void_p(nss.CERT_GetDefaultCertDB())
        found = ctypes.c_void_p(nss.CERT_FindCertByNickname(database, _NICKNAME))
        trust = _Trust()
        _well(nss.CERT_DecodeTrustString(ctypes.byref(trust), _TRUSTED_FOR_SERVERS), "CERT_DecodeTrustString")
        _well(nss.CERT_ChangeCertTrust(database, found, ctypes.byref(trust)), "CERT_ChangeCertTrust")
        nss.CERT_DestroyCertificate(found)
        nss.PK11_FreeSlot(slot)
    finally:
        nss.NSS_Shutdown()


def _well(status: int, what: str) -> None:
    if status != 0:
        raise EngineAbsent(f"{what} failed: no authority can be told to Chromium")
