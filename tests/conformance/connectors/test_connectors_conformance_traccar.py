"""Traccar through the conformance kit."""

from __future__ import annotations

from cior_connectors.builtin.traccar.peer import TraccarPeer
from cior_connectors.kit.suite import conformance

TestTraccar = conformance("cior_connectors.builtin.traccar", peer=TraccarPeer())
