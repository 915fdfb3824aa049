"""A register of the test's own, on a file and on a server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cior_register.register import Register, RegisterLimits
from engines.registers import RegisterPlace

PATIENT = RegisterLimits(patience_s=60)


@pytest.fixture
def register(register_place: RegisterPlace) -> Iterator[Register]:
    opened = register_place.open(limits=PATIENT)
    yield opened
    opened.close()
