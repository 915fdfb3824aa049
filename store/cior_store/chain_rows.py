"""Stored raw records as entries of their chains (law 15): by falling number for who checks, rising for who signs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cior_core.chain import Head, Seen
from cior_core.chain_place import ChainPlace
from cior_core.model import DataClass, Producer, RawId, RawRecord, Struct
from cior_core.raw_chain import seen
from cior_store.engine import Store

CLEAR, SEALED = "ops.raw", "sealed.raw"
PORTION = 20_000
AT_ONCE = 200_000
"""Entries that one look follows upwards; the next look goes on from there."""


class ChainOf(Struct, frozen=True):
    """A chain as the store knows it: entries (copies counted), numbers, and the first and last receipt of them."""

    chain: str
    connector: str
    instance: str
    entries: int
    first_ms: int
    last_ms: int


class Unchained(Struct, frozen=True):
    """Records of one writer that have no place in a chain. ``beside``: since its first chained record."""

    connector: str
    instance: str
    records: int
    beside: int
    raw_ids: tuple[str, ...] = ()


def chains(store: Store, table: str) -> tuple[ChainOf, ...]:
    """Every chain in a table."""
    return store.ask(
        ChainOf,
        f"""SELECT chain, min(connector) AS connector, min(instance) AS instance, count() AS entries,
        toUnixTimestamp64Milli(min(received)) AS first_ms, toUnixTimestamp64Milli(max(received)) AS last_ms
        FROM {table} WHERE chain != '' GROUP BY chain ORDER BY chain""",
    )


def falling(store: Store, table: str, chain: str, *, portion: int = PORTION) -> Iterator[Seen]:
    """The entries of a chain from the top down, their hashes computed here from all that is stored; the payload's own
    sum is the server's (``SHA256``), because the bytes stay there.
    """
    below = 2**64 - 1
    while rows := store.rows(_FALLING.format(table=table), {"c": chain, "below": below, "n": portion}):
        yield from (seen(_record(row)) for row in rows)
        below = int(rows[-1]["chain_seq"])


_FALLING = """
SELECT raw_id, source, subject, toUnixTimestamp64Milli(received) AS received_ms, lower(hex(SHA256(payload))) AS sha256,
    content_type, facts, connector, connector_version, instance, events, dead, data_class, drill, chain, chain_seq,
    chain_previous, chain_void
FROM {table} WHERE chain = {{c:String}} AND chain_seq < {{below:UInt64}}
ORDER BY chain_seq DESC, raw_id LIMIT {{n:UInt32}} WITH TIES
"""


def _record(row: dict[str, Any]) -> RawRecord:
    """The record that a row is, without its bytes."""
    place = ChainPlace(
        chain=row["chain"], seq=row["chain_seq"], previous=row["chain_previous"], void=row["chain_void"]
    )
    return RawRecord(
        id=RawId(row["raw_id"]), source=row["source"], subject=row["subject"], received_ms=row["received_ms"],
        payload=b"", sha256=row["sha256"], content_type=row["content_type"], facts=dict(row["facts"]),
        producer=Producer(
            connector=row["connector"], version=row["connector_version"], instance=row["instance"]
        ),
        events=row["events"], dead=row["dead"], data_class=DataClass(row["data_class"]), drill=row["drill"],
        chain=place,
    )  # fmt: skip


def rising(store: Store, table: str, last: Head, *, at_most: int = AT_ONCE) -> Iterator[Seen]:
    """The entries above ``last``, with the hashes that the server checked when they were inserted."""
    sql = f"""SELECT raw_id, chain_seq, chain_previous, chain_void, digest FROM {table}
        WHERE chain = {{c:String}} AND chain_seq > {{seq:UInt64}} ORDER BY chain_seq, raw_id LIMIT {{n:UInt32}}"""
    for row in store.rows(sql, {"c": last.chain, "seq": last.seq, "n": at_most}):
        place = ChainPlace(
            chain=last.chain, seq=row["chain_seq"], previous=row["chain_previous"], void=row["chain_void"]
        )
        yield Seen(place, row["digest"], row["raw_id"])


def stated(store: Store, *, since_ms: int, until_ms: int = 2**52) -> tuple[Head, ...]:
    """The heads that connectors stated in their accounts in that time."""
    return store.ask(
        Head,
        """SELECT DISTINCT chain, chain_seq AS seq, chain_head AS hash FROM ops.accounting
        WHERE chain != '' AND chain_seq > 0 AND toUnixTimestamp64Milli(at) >= {since:Int64}
        AND toUnixTimestamp64Milli(at) <= {until:Int64}
        ORDER BY chain, seq, hash""",
        {"since": since_ms, "until": until_ms},
    )


def names(store: Store, table: str, *, since_ms: int) -> tuple[str, ...]:
    """The chains that got entries since then."""
    sql = f"""SELECT DISTINCT chain FROM {table} WHERE chain != ''
        AND received >= fromUnixTimestamp64Milli({{since:Int64}}) ORDER BY chain"""
    return tuple(str(row["chain"]) for row in store.rows(sql, {"since": since_ms}))


def top(store: Store, table: str, chain: str) -> int:
    """The highest number of a chain that is stored; 0: none."""
    return int(store.value(f"SELECT max(chain_seq) FROM {table} WHERE chain = {{c:String}}", {"c": chain}))


def unchained(store: Store, table: str) -> tuple[Unchained, ...]:
    """Records without a place, by their writer. Those of a writer that does keep a chain were put there by another, or
    its disk was full.
    """
    return store.ask(
        Unchained,
        f"""SELECT connector, instance, uniqExact(raw_id, digest) AS records,
        countIf(keeps = 1 AND received >= since) AS beside,
        groupArrayIf(20)(raw_id, keeps = 1 AND received >= since) AS raw_ids
        FROM (SELECT connector, instance, raw_id, digest, received FROM {table} WHERE chain_seq = 0) AS r
        LEFT JOIN
        (
            SELECT connector, instance, min(received) AS since, 1 AS keeps FROM {table} WHERE chain_seq > 0
            GROUP BY connector, instance
        ) AS c USING (connector, instance)
        GROUP BY connector, instance
        ORDER BY connector, instance""",
    )


def false_digests(store: Store, table: str, *, at_most: int = 100) -> Sequence[str]:
    """Ids of rows that do not have the digest that they had to have when they were inserted."""
    sql = f"""SELECT raw_id FROM {table} WHERE digest != '' AND digest != chain_hash(chain, chain_seq, chain_previous,
        chain_void, raw_content(raw_id, source, subject, received, payload, content_type, facts, connector,
        connector_version, instance, events, dead, data_class, drill)) ORDER BY raw_id LIMIT {{n:UInt32}}"""
    return [str(row["raw_id"]) for row in store.rows(sql, {"n": at_most})]
