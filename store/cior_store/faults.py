"""Engine errors translated into the tree of ``cior_core.errors``: what to do next, never what the driver happened to
raise.

Codes are ClickHouse's own numbers (``system.errors``; upstream ``src/Common/ErrorCodes.cpp``), the same in chDB and
over HTTP.
"""

from __future__ import annotations

import re

from clickhouse_connect.driver import exceptions as driver

from cior_core.errors import (
    AccessDenied,
    CiorError,
    ConfigInvalid,
    CredentialsRefused,
    IntegrityBroken,
    PayloadRejected,
    SourceUnavailable,
)

_CREDENTIALS = frozenset({192, 193, 194, 516})
_DENIED = frozenset({164, 291, 497})
_SCHEMA = frozenset({16, 36, 42, 43, 46, 47, 48, 57, 60, 62, 63, 80, 81, 82, 115, 184, 215, 218, 344})
_DATA = frozenset(
    {6, 25, 26, 27, 32, 33, 38, 41, 53, 69, 70, 72, 117, 130, 131, 190, 321, 349, 407, 441, 467, 469, 691}
)
_DAMAGED = frozenset({40, 228, 246, 271, 354})
_CODE = re.compile(r"\bCode:\s*(\d+)")


def code_of(error: BaseException) -> int | None:
    """ClickHouse's error number when the driver or the text carries one, else None."""
    number = getattr(error, "code", None)
    if isinstance(number, int):
        return number
    found = _CODE.search(str(error))
    return int(found.group(1)) if found else None


def translate(error: Exception, *, doing: str) -> CiorError:
    """The CIOR error for a driver error met while ``doing`` something (a short phrase without data).

    The sentence names the engine's error number only: engine messages may quote rows, and rows hold personal data.
    """
    number = code_of(error)
    told = f"{doing} failed" + (
        f" with engine error {number}" if number is not None else f" ({type(error).__name__})"
    )
    if number in _CREDENTIALS:
        return CredentialsRefused(
            "store.credentials", told, cure="give the user and password of this room in the DSN"
        )
    if number in _DENIED:
        return AccessDenied(
            "store.denied", told, cure="this user has no grant for it (deploy/clickhouse/users.d)"
        )
    if number in _SCHEMA:
        return ConfigInvalid(
            "store.schema", told, cure="run the migrations of this version: `cior store migrate`"
        )
    if number in _DAMAGED:
        return IntegrityBroken(
            "store.damaged", told, cure="stop writing, copy the data folder away, then run CHECK TABLE"
        )
    if number in _DATA or (number is None and _is_data(error)):
        return PayloadRejected(
            "store.row", told, cure="one row does not fit its table: it is isolated and dead-lettered"
        )
    return SourceUnavailable(
        "store.away", told, cure="the store is retried with back-off; nothing is committed meanwhile"
    )


def _is_data(error: Exception) -> bool:
    return isinstance(
        error, driver.DataError | TypeError | ValueError | OverflowError | AttributeError | UnicodeError
    )


def opening(error: Exception, *, dsn: str) -> CiorError:
    """The CIOR error for a store that could not be opened; ``dsn`` must already be without its password."""
    text = str(error)
    if "Unable to open the chdb engine" in text or "Cannot lock file" in text:
        return ConfigInvalid(
            "store.owned_elsewhere",
            f"the embedded store {dsn} cannot be opened: another process or another path holds the engine",
            cure=(
                "an embedded store has one owner process: stop it, or ask it, or use clickhouse:// for "
                "several processes"
            ),
        )
    if isinstance(error, driver.NotSupportedError | ImportError):
        return ConfigInvalid(
            "store.no_engine", "the embedded engine is not installed", cure="pip install 'cior[embedded]'"
        )
    return translate(error, doing=f"opening {dsn}")
