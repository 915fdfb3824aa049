"""Where a record stands in its writer's hash chain (:mod:`cior_core.chain` says what the words mean)."""

from __future__ import annotations

import msgspec


class ChainPlace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """``seq`` from 1; ``previous``: hash of the entry before it (hex SHA-256); ``void``: earlier numbers whose entries
    never became durable, as :func:`cior_core.chain.void_text` writes them.
    """

    chain: str
    seq: int
    previous: str
    void: str = ""
