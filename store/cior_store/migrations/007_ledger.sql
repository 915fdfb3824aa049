-- Hash chains with one writer each. The writer's user has SELECT and INSERT here and nothing else: no ALTER, no TRUNCATE, no DROP.
CREATE TABLE IF NOT EXISTS ledger.evidence_ledger
(
    stream LowCardinality(String),
    seq UInt64,
    at DateTime64(3, 'UTC'),
    actor String,
    action LowCardinality(String),
    object String,
    payload String CODEC(ZSTD(3)),
    prev FixedString(32),
    hash FixedString(32),
    stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (stream, seq)
SETTINGS non_replicated_deduplication_window = 10000;
