-- What each connector instance says it made durable, minute by minute; several statements about one minute add up. `exact`: counted by minute of
-- receipt. Otherwise the statement covers a window of its own that may straddle minutes, and only sums over a long time can be compared.
CREATE TABLE IF NOT EXISTS ops.accounting
(
    minute DateTime('UTC'),
    connector LowCardinality(String),
    instance LowCardinality(String),
    accepted UInt64,
    refused UInt64,
    dropped UInt64,
    exact Bool,
    at DateTime64(3, 'UTC'),
    event_id String
)
ENGINE = ReplacingMergeTree(at)
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, connector, instance, event_id)
SETTINGS non_replicated_deduplication_window = 10000;

-- What each stored raw record declares that it became. Counts only, so that sealed records take part without being readable here.
CREATE TABLE IF NOT EXISTS ops.raw_outcomes
(
    minute DateTime('UTC'),
    connector LowCardinality(String),
    instance LowCardinality(String),
    raw_id String,
    events UInt32,
    dead UInt32,
    sealed Bool
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(minute)
ORDER BY (minute, connector, instance, raw_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.raw_outcomes_mv TO ops.raw_outcomes AS
SELECT toStartOfMinute(toDateTime(received, 'UTC')) AS minute, connector, instance, raw_id, events, dead, false AS sealed
FROM ops.raw;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.sealed_outcomes_mv TO ops.raw_outcomes AS
SELECT toStartOfMinute(toDateTime(received, 'UTC')) AS minute, connector, instance, raw_id, events, dead, true AS sealed
FROM sealed.raw;

-- Every way a raw record led to a stored event. A press re-sent forty times is one event and forty links: all forty are evidence.
CREATE TABLE IF NOT EXISTS ops.event_links
(
    raw_id String,
    raw_index UInt32,
    event_id String,
    received DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    INDEX by_event event_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(received)
ORDER BY (raw_id, raw_index)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.event_links_mv TO ops.event_links AS
SELECT raw_id, raw_index, event_id, received
FROM ops.events
WHERE raw_id != '';

-- The batches a writer is about to insert, each written first: after a crash every uncommitted one is cut again as it was, under the same token.
CREATE TABLE IF NOT EXISTS ops.batch_plan
(
    topic LowCardinality(String),
    part UInt16,
    first UInt64,
    last UInt64,
    first_digest String,
    planned DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(planned)
ORDER BY (topic, part, first)
TTL toDateTime(planned) + INTERVAL 30 DAY;

-- What the check of each minute found (cior_store.reconcile writes it, walls read it). A later check of the same minute replaces the earlier.
CREATE TABLE IF NOT EXISTS ops.reconciliation
(
    minute DateTime('UTC'),
    connector LowCardinality(String),
    instance LowCardinality(String),
    accepted UInt64,
    raw_stored UInt64,
    outcomes_declared UInt64,
    events_stored UInt64,
    dead_stored UInt64,
    verdict LowCardinality(String),
    checked DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(checked)
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, connector, instance)
SETTINGS non_replicated_deduplication_window = 10000;
