"""Under whose name a process talks to the broker. Keys come from the folder that the environment names, never from an
argument; a broker without keys (``kafka://``, the embedded one) is shown none.
"""

from __future__ import annotations

import msgspec

from cior_bus.credentials import keys_folder, read_certificate, read_scram
from cior_bus.rights import User
from cior_bus.self_test import SelfTest
from cior_bus.settings import BusSettings


def as_part(dsn: str, user: User, *, client_id: str) -> BusSettings:
    """A part's settings. Raises ``ConfigInvalid`` when its keys are not there."""
    settings = BusSettings.from_dsn(dsn, client_id=client_id)
    if not settings.secured:
        return settings
    return msgspec.structs.replace(settings, credentials=read_scram(user.name, keys_folder()))


def as_tried_part(dsn: str, user: User, *, client_id: str) -> tuple[BusSettings, SelfTest]:
    """The same, and the test of its rights, which every client with these settings tells what it was refused."""
    settings = as_part(dsn, user, client_id=client_id)
    test = SelfTest(settings, user if settings.secured else None)
    return msgspec.structs.replace(settings, on_refused=test.doubt), test


def as_admin(dsn: str, *, client_id: str) -> BusSettings:
    """The administrator's settings. Raises ``ConfigInvalid`` when the certificate is not there."""
    settings = BusSettings.from_dsn(dsn, client_id=client_id)
    if not settings.secured:
        return settings
    return msgspec.structs.replace(settings, credentials=read_certificate(keys_folder()))
