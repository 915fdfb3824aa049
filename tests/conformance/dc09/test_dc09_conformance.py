"""DC-09 through the conformance kit."""

from __future__ import annotations

from cior_connectors.builtin.dc09.peer import Dc09Peer
from cior_connectors.kit.suite import conformance

TestDc09 = conformance("cior_connectors.builtin.dc09", peer=Dc09Peer())
