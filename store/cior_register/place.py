"""Where a centre's register is: its centre file, the environment, the files of passwords."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from cior_core.centre_file import EMBEDDED, Centre
from cior_core.errors import ConfigInvalid
from cior_register.deleting import Deleter
from cior_register.dsn import RegisterDsn
from cior_register.roles import SERVICE_ROLE

ADDRESS, OWNER = "CIOR_REGISTER", "CIOR_REGISTER_OWNER"
"""Environment: the service's address, and the owner's, for migrations, backups and restores."""
OF_PASSWORD = "_PASSWORD_FILE"  # noqa: S105 - the end of a variable's name
"""Behind one of these names: the file that holds the password of its address."""
FOLDER = "register"


def register_dsn(centre: Centre, *, as_owner: bool = False) -> str:
    """Where this centre's register is."""
    name = OWNER if as_owner and os.environ.get(OWNER) else ADDRESS
    dsn = os.environ.get(name, "") or centre.file.register.dsn
    if dsn == EMBEDDED:
        return f"sqlite:///{centre.data / FOLDER / 'register.db'}"
    return _with_password(dsn, os.environ.get(name + OF_PASSWORD, ""))


def _with_password(dsn: str, file: str) -> str:
    """With the password of a file, where the address has none.

    Raises ``ConfigInvalid`` (``register.password_file``).
    """
    parts = urlsplit(dsn)
    if not file or parts.scheme != "postgresql" or parts.password:
        return dsn
    try:
        password = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(
            "register.password_file",
            f"the file with the register's password cannot be read ({type(error).__name__})",
            cure=f"see {ADDRESS}{OF_PASSWORD} and {OWNER}{OF_PASSWORD}",
        ) from error
    user, _, place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user or SERVICE_ROLE}:{quote(password, safe='')}@{place}"))


def deleter_of(centre: Centre, *, actor: str, now_ms: Callable[[], int]) -> Deleter:
    """Who asks the register before it deletes. Opened when something is to be asked: a part without its address goes on
    with all else, and deletes nothing.
    """
    return Deleter(lambda: register_dsn(centre), actor=actor, now_ms=now_ms)


def refuse_wrong_address(centre: Centre) -> None:
    """Raises ``ConfigInvalid`` (``register.dsn``) before anything runs, not when a part starts again at night."""
    dsn = register_dsn(centre)
    try:
        RegisterDsn.parse(dsn)
    except ConfigInvalid as error:
        raise ConfigInvalid(error.code, f"[register] dsn: {error.sentence}", cure=error.cure) from None
