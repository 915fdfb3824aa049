"""Fixtures of the evidence room: one authority and one sealed package for the file that asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from cior_evidence.packing import Package
from doubles.authorities import Authorities
from doubles.packages import ring, small_package


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
