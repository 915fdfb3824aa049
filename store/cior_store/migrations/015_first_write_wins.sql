-- First write wins (law 15). A raw record's digest is over all that it says and over its place in its connector's
-- chain (cior_core/raw_chain.py), and the server itself checks it at each insert. It belongs to the key, so that of two
-- records under one id neither replaces the other, whoever writes the second: only an equal copy is a copy. Rows from
-- before this migration have an empty digest, which no insert can have any more.
CREATE FUNCTION IF NOT EXISTS netstring AS x -> concat(toString(length(x)), ':', x, ',');

CREATE FUNCTION IF NOT EXISTS raw_content AS (raw_id, source, subject, received, payload, content_type, facts,
    connector, version, instance, events, dead, data_class, drill) -> lower(hex(SHA256(concat(
    netstring('cior.raw.v1'), netstring(raw_id), netstring(toString(source)), netstring(subject),
    netstring(toString(toUnixTimestamp64Milli(received))), netstring(lower(hex(SHA256(payload)))),
    netstring(toString(content_type)),
    netstring(arrayStringConcat(arrayMap(p -> concat(netstring(toString(p.1)), netstring(p.2)),
        arraySort(arrayZip(mapKeys(facts), mapValues(facts)))))),
    netstring(toString(connector)), netstring(toString(version)), netstring(toString(instance)),
    netstring(toString(events)), netstring(toString(dead)), netstring(toString(data_class)),
    netstring(toString(drill))))));

CREATE FUNCTION IF NOT EXISTS chain_hash AS (chain, seq, previous, void, content) -> lower(hex(SHA256(concat(
    netstring('cior.chain.v1'), netstring(toString(chain)), netstring(toString(seq)), netstring(previous),
    netstring(void), netstring(content)))));

ALTER TABLE ops.raw
    ADD COLUMN IF NOT EXISTS chain LowCardinality(String),
    ADD COLUMN IF NOT EXISTS chain_seq UInt64 CODEC(Delta, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS chain_previous String,
    ADD COLUMN IF NOT EXISTS chain_void String,
    ADD COLUMN IF NOT EXISTS digest String,
    MODIFY ORDER BY (source, received, raw_id, digest);

ALTER TABLE sealed.raw
    ADD COLUMN IF NOT EXISTS chain LowCardinality(String),
    ADD COLUMN IF NOT EXISTS chain_seq UInt64 CODEC(Delta, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS chain_previous String,
    ADD COLUMN IF NOT EXISTS chain_void String,
    ADD COLUMN IF NOT EXISTS digest String,
    MODIFY ORDER BY (source, received, raw_id, digest);

ALTER TABLE ops.raw ADD CONSTRAINT IF NOT EXISTS digest_of_all CHECK
    digest = chain_hash(chain, chain_seq, chain_previous, chain_void,
    raw_content(raw_id, source, subject, received, payload, content_type, facts, connector, connector_version,
        instance, events, dead, data_class, drill));

ALTER TABLE sealed.raw ADD CONSTRAINT IF NOT EXISTS digest_of_all CHECK
    digest = chain_hash(chain, chain_seq, chain_previous, chain_void,
    raw_content(raw_id, source, subject, received, payload, content_type, facts, connector, connector_version,
        instance, events, dead, data_class, drill));

-- Who follows a chain asks for the numbers above the last one that it knows.
ALTER TABLE ops.raw ADD INDEX IF NOT EXISTS by_chain chain_seq TYPE minmax GRANULARITY 1;
ALTER TABLE sealed.raw ADD INDEX IF NOT EXISTS by_chain chain_seq TYPE minmax GRANULARITY 1;

-- Every digest that ever came under an id, with the earliest instant at which it was stored: an equal copy that comes
-- later cannot make the first record look like the second. Of a sealed record no receipt, source or connector is here.
CREATE TABLE IF NOT EXISTS ops.raw_digests
(
    raw_id String CODEC(ZSTD(1)),
    digest String CODEC(ZSTD(1)),
    first SimpleAggregateFunction(min, Tuple(DateTime64(3, 'UTC'), UInt64))
)
ENGINE = AggregatingMergeTree
ORDER BY (raw_id, digest)
SETTINGS index_granularity = 256;

-- Rows from before: under the digest that they would have today, so that a late copy of one is a copy.
INSERT INTO ops.raw_digests (raw_id, digest, first)
SELECT raw_id, if(digest != '', digest, chain_hash(chain, chain_seq, chain_previous, chain_void,
    raw_content(raw_id, source, subject, received, payload, content_type, facts, connector, connector_version,
        instance, events, dead, data_class, drill))),
    (stored, pos)
FROM ops.raw;

INSERT INTO ops.raw_digests (raw_id, digest, first)
SELECT raw_id, if(digest != '', digest, chain_hash(chain, chain_seq, chain_previous, chain_void,
    raw_content(raw_id, source, subject, received, payload, content_type, facts, connector, connector_version,
        instance, events, dead, data_class, drill))),
    (stored, pos)
FROM sealed.raw;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.raw_digests_mv TO ops.raw_digests AS
SELECT raw_id, digest, (now64(3, 'UTC'), pos) AS first
FROM ops.raw;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.sealed_digests_mv TO ops.raw_digests AS
SELECT raw_id, digest, (now64(3, 'UTC'), pos) AS first
FROM sealed.raw;

-- Ids under which two different records stand, found as the second one was stored (cior_store/conflicts.py).
CREATE TABLE IF NOT EXISTS ops.raw_conflicts
(
    raw_id String,
    first_digest String,
    digest String,
    found DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(found)
ORDER BY (raw_id, digest)
SETTINGS non_replicated_deduplication_window = 10000;

-- The head of its clear chain that a connector instance states with its counts.
ALTER TABLE ops.accounting
    ADD COLUMN IF NOT EXISTS chain LowCardinality(String),
    ADD COLUMN IF NOT EXISTS chain_seq UInt64,
    ADD COLUMN IF NOT EXISTS chain_head String;

-- @v_raw_conflicts Ids under which a second, different raw record came: both digests, and when it was found.
CREATE OR REPLACE VIEW ops.v_raw_conflicts AS
SELECT raw_id, first_digest, digest, found
FROM ops.raw_conflicts FINAL;
