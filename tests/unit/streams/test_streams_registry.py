"""Which registered devices a worker watches from its start."""

from __future__ import annotations

from typing import Any

import msgspec

from cior_bus.lanes import device_bucket
from cior_core.model import DataClass, Device
from cior_streams.device_table import Registry


def device(**change: Any) -> Device:
    return msgspec.convert({"id": "panel:1001", "kind": "panel", **change}, Device)


def watched(*devices: Device) -> list[str]:
    registry = Registry(devices)
    return [each.id for one in devices for each in registry.of(device_bucket(one.id))]


def test_a_registered_device_is_watched_before_its_first_word() -> None:
    assert watched(device()) == ["panel:1001"]


def test_a_sealed_device_is_never_enrolled_by_its_registered_name() -> None:
    assert watched(device(data_class=DataClass.SEALED)) == []


def test_a_device_out_of_service_is_not_missed() -> None:
    assert watched(device(enabled=False)) == []
