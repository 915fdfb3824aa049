"""Notices through the conformance kit: the far side that speaks first is a watcher."""

from __future__ import annotations

from cior_connectors.kit.suite import conformance

TestNotify = conformance("cior_connectors.builtin.notify")
