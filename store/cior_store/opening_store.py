"""The store as the one user that may read sealed boxes: opened when the response team opens an alert, then let go.

Its password is in a file of its own, read each time: no process keeps it, and a new one counts from the next opening.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import structlog

from cior_core.centre_file import Centre
from cior_core.errors import AccessDenied, ConfigInvalid, CredentialsRefused, SourceUnavailable
from cior_store.answers import RawRow
from cior_store.engine import Store
from cior_store.questions import Questions

log = structlog.get_logger("cior_store.opening_store")


class OpeningStore:
    """``dsn`` names the user, the file ``secret`` holds their password."""

    def __init__(self, dsn: str, secret: Path) -> None:
        self._dsn, self._secret = dsn, secret

    def sealed_raws(self, raw_ids: Sequence[str], /) -> Sequence[RawRow | None]:
        """Closed boxes. Raises ``SourceUnavailable``; ``sealed.store_refused`` when somebody must mend the user, its
        rights or the file.
        """
        try:
            with Store.open(self._with_password()) as store:
                return Questions(store).sealed_raws(raw_ids)
        except (AccessDenied, ConfigInvalid, CredentialsRefused) as error:
            log.warning("sealed_store_refused", code=error.code)
            raise SourceUnavailable(
                "sealed.store_refused", f"the store shows no sealed box ({error.code})", cure=error.cure
            ) from error

    def _with_password(self) -> str:
        try:
            password = self._secret.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise _no_secret(self._secret, type(error).__name__) from error
        if not password:
            raise _no_secret(self._secret, "it is empty")
        parts = urlsplit(self._dsn)
        user = f"{parts.username}:{quote(password, safe='')}"
        return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}"))


def opening_store(centre: Centre) -> OpeningStore | None:
    """What the centre file names; None: nobody opens boxes at this console. Raises ``ConfigInvalid``."""
    named = centre.file.console.sealed
    if named is None:
        return None
    parts = urlsplit(named.dsn)
    if not parts.username or parts.password:
        raise ConfigInvalid(
            "store.opening_dsn",
            "[console.sealed] dsn names a user, and no password",
            cure="clickhouse://cior_opening@HOST:8123, with the password in secret_file",
        )
    return OpeningStore(named.dsn, centre.beside(named.secret_file))


def _no_secret(path: Path, why: str) -> ConfigInvalid:
    return ConfigInvalid(
        "store.opening_secret",
        f"the password for sealed openings cannot be used: {path.name}: {why}",
        cure="give the console's service the file that [console.sealed] secret_file names",
    )
