-- Maintenance silences: one row each after merging, the highest version wins. Read with FINAL. hidden: the alerts that
-- began under it; held_back: notices that did not leave; ending: expired, early or full; empty while it lasts.
CREATE TABLE IF NOT EXISTS ops.silences
(
    silence_id String,
    area LowCardinality(String),
    by String,
    reason String,
    since DateTime64(3, 'UTC'),
    until DateTime64(3, 'UTC'),
    version UInt64,
    hidden Array(String),
    held_back UInt32,
    ended Nullable(DateTime64(3, 'UTC')),
    ended_by String,
    ending LowCardinality(String),
    body String CODEC(ZSTD(3)),
    topic LowCardinality(String),
    part UInt16,
    pos UInt64,
    stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(version)
ORDER BY silence_id
SETTINGS non_replicated_deduplication_window = 10000;
