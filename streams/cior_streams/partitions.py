"""Where a key lies: murmur2, as Faust, Java clients and our producers (``murmur2_random``) all have it."""

from __future__ import annotations

from aiokafka.partitioner import murmur2


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of ``key`` among ``partitions``."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)
