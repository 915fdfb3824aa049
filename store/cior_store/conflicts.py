"""First write wins (law 15): which raw ids have two different records, found as the second one is stored.

``ops.raw_digests`` has every digest that ever came under an id, clear or sealed, filled by the server itself as rows
are inserted. So a finding does not depend on which connector, topic, day or source the second record claims.
"""

from __future__ import annotations

from collections.abc import Sequence

from cior_core.model import Struct
from cior_store.engine import Store

PORTION = 5_000
"""Ids a question: a batch of ten thousand records is asked about in two."""


class Conflict(Struct, frozen=True):
    """Two different records under one id: the digest of the one that was stored first, and of another."""

    raw_id: str
    first_digest: str
    digest: str


_FIND = """
SELECT raw_id, all_digests[1] AS first_digest, arrayJoin(arraySlice(all_digests, 2)) AS digest
FROM
(
    SELECT raw_id, arrayMap(pair -> pair.2, arraySort(groupArray((at, digest)))) AS all_digests
    FROM (
        SELECT raw_id, digest, min(first) AS at FROM ops.raw_digests
        WHERE raw_id IN {ids:Array(String)} GROUP BY raw_id, digest
    )
    GROUP BY raw_id HAVING count() > 1
)
WHERE (raw_id, digest) NOT IN (SELECT raw_id, digest FROM ops.raw_conflicts WHERE raw_id IN {ids:Array(String)})
ORDER BY raw_id, digest
"""


def find(store: Store, raw_ids: Sequence[str]) -> tuple[Conflict, ...]:
    """The conflicts of these ids that nobody has :func:`record`-ed yet. Raises ``SourceUnavailable``."""
    asked = sorted(set(raw_ids))
    portions = (asked[start : start + PORTION] for start in range(0, len(asked), PORTION))
    return tuple(each for portion in portions for each in store.ask(Conflict, _FIND, {"ids": portion}))


def record(store: Store, conflicts: Sequence[Conflict], *, now_ms: int) -> None:
    """Keep them for the accounts and for people (``ops.v_raw_conflicts``); the same one twice is one."""
    rows = [(each.raw_id, each.first_digest, each.digest, now_ms) for each in conflicts]
    if rows:
        columns = ("raw_id", "first_digest", "digest", "found")
        token = f"conflicts-{conflicts[0].digest}-{len(conflicts)}-{now_ms}"
        store.insert("ops.raw_conflicts", columns, list(zip(*rows, strict=True)), token=token)


def disputed(store: Store, *, at_most: int = 1_000) -> tuple[str, ...]:
    """Ids with two different records, as they were found."""
    sql = "SELECT DISTINCT raw_id FROM ops.raw_conflicts ORDER BY raw_id LIMIT {n:UInt32}"
    return tuple(str(row["raw_id"]) for row in store.rows(sql, {"n": at_most}))
