"""Fixtures of the store room's integration tests."""

from __future__ import annotations

from integration.store.engines_here import engine, engine_dsn, lite, store

__all__ = ["engine", "engine_dsn", "lite", "store"]
