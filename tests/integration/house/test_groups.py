"""Tests beside each other: what shares a heavy engine, or a story that is told once, runs on one worker."""

from __future__ import annotations

import os

import pytest


def test_a_file_of_stories_is_given_to_one_worker(request: pytest.FixtureRequest) -> None:
    """Without it each worker starts every engine and tells every story of a file anew, and nothing says so."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("not run beside others here; `make test` does")
    assert request.node.nodeid.endswith("@test_groups")
