"""The CAD file drop through the conformance kit."""

from __future__ import annotations

from cior_connectors.builtin.cad_drop.peer import CadDropPeer
from cior_connectors.kit.suite import conformance

TestCadDrop = conformance("cior_connectors.builtin.cad_drop", peer=CadDropPeer())
