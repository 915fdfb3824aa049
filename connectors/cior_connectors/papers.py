"""The papers of a connector that is one file: what a folder holds as manifest, examples, samples and quality file.

``PAPERS = Papers(...)`` in the module is all that makes it a connector; its docstring is its README.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from cior_connectors.contract import Manifest
from cior_core.model import Device

RECEIVED_MS = 1_795_305_600_000
"""2026-11-22T00:00:00Z, the receipt instant of samples that name none."""


class Provenance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a sample's bytes come from, and the facts that came with them.

    ``origin``: ``captured`` from a device, ``published`` by someone, or ``shaped`` (a published shape with values of
    our own). ``second_press_of`` names the case whose press this one follows: another press of the same device.
    """

    origin: Literal["captured", "published", "shaped"]
    source: str
    device: str
    date: str
    anonymised_by: str
    note: str = ""
    received_ms: int = RECEIVED_MS
    subject: str = ""
    content_type: str = "application/octet-stream"
    details: dict[str, str] = {}
    second_press_of: str = ""
    device_registry: tuple[Device, ...] = ()


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A sample in the file: its bytes, where they come from, and what its events must say, as in their JSON and as much
    of it as matters.
    """

    raw: bytes
    origin: Provenance
    says: tuple[Mapping[str, Any], ...] = ()
    code: str | None = None


class Papers(msgspec.Struct, frozen=True, kw_only=True):
    """``manifest``: its ``source`` and ``config`` are ``:Name`` in the same file. ``example`` and ``invalid``: the text
    of a configuration that is taken and of one that is refused. ``quality``: as in ``quality.toml``.
    """

    manifest: Manifest
    example: str
    invalid: str
    cases: Mapping[str, Case]
    quality: str = 'checked = "done"\n[rules]\n'
