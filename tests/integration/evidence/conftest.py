"""Fixtures of the evidence room: one authority and one sealed package for the file that asks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from cior_evidence.packing import Package
from doubles.authorities import Authorities
from doubles.packages import ring, small_package


@pytest.fixture(scope="module", autouse=True)
def _a_key_is_proven_once() -> Iterator[None]:
    """pyhanko reads the private key anew for each signature, and cryptography then proves an RSA key: 36 ms of
    processor, more than signing. These files sign by the thousand with the same few keys, told apart by their bytes.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serialization, "load_der_private_key", _proven)
        yield


_load = serialization.load_der_private_key


@cache
def _proven(data: bytes, password: bytes | None) -> Any:
    return _load(data, password)


@pytest.fixture(scope="session")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    """A chain of RSA keys, as firma digital has. Write no files into its folder."""
    return Authorities(tmp_path_factory.mktemp("autoridades"))


@pytest.fixture(scope="session")
def footage_ring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ring of one camera. Read only."""
    return ring(tmp_path_factory.mktemp("anillo"))


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory, authorities: Authorities) -> Package:
    """A sealed package. Read only."""
    return small_package(tmp_path_factory.mktemp("paquete"), authorities)
