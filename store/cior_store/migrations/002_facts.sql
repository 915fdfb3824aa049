-- Facts as they came. Partitioned by the day of RECEIPT: a device with a wrong clock cannot shatter a batch over a hundred partitions, and
-- retention and holds speak of days the centre itself lived. Ordered by source and the fact's own time, which is what walls and searches ask.
CREATE TABLE IF NOT EXISTS ops.raw
(
    raw_id String,
    source LowCardinality(String),
    subject String CODEC(ZSTD(1)),
    received DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    payload String CODEC(ZSTD(3)),
    sha256 String,
    content_type LowCardinality(String),
    facts Map(LowCardinality(String), String),
    connector LowCardinality(String),
    connector_version LowCardinality(String),
    instance LowCardinality(String),
    events UInt32,
    dead UInt32,
    data_class LowCardinality(String),
    drill Bool,
    topic LowCardinality(String),
    part UInt16,
    pos UInt64 CODEC(DoubleDelta, ZSTD(1)),
    stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    INDEX by_id raw_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(received)
ORDER BY (source, received, raw_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS sealed.raw AS ops.raw
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(received)
ORDER BY (source, received, raw_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS ops.events
(
    event_id String,
    source LowCardinality(String),
    type LowCardinality(String),
    subject String CODEC(ZSTD(1)),
    phase LowCardinality(String),
    occurred DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    received DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    recorded Nullable(DateTime64(3, 'UTC')),
    clock LowCardinality(String),
    clock_error_s Nullable(Float64),
    place_method LowCardinality(String),
    lat Nullable(Float64),
    lon Nullable(Float64),
    accuracy_m Nullable(Float64),
    fix_age_s Nullable(Float64),
    h3_7 UInt64,
    h3_8 UInt64,
    h3_9 UInt64,
    district LowCardinality(String),
    data_class LowCardinality(String),
    life_safety Bool,
    lane LowCardinality(String),
    drill Bool,
    registered Nullable(Bool),
    native_key String,
    native_type LowCardinality(String),
    native_priority LowCardinality(String),
    connector LowCardinality(String),
    connector_version LowCardinality(String),
    instance LowCardinality(String),
    raw_id String,
    raw_sha256 String,
    raw_index UInt32,
    summary String CODEC(ZSTD(1)),
    health LowCardinality(String),
    body String CODEC(ZSTD(3)),
    topic LowCardinality(String),
    part UInt16,
    pos UInt64 CODEC(DoubleDelta, ZSTD(1)),
    stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    INDEX by_id event_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_raw raw_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_subject subject TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_type type TYPE set(100) GRANULARITY 1,
    INDEX by_occurred occurred TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(received)
ORDER BY (source, occurred, event_id)
SETTINGS non_replicated_deduplication_window = 10000;

-- Numbers of telemetry, one row a number: another key and another retention than events.
CREATE TABLE IF NOT EXISTS ops.observations
(
    metric LowCardinality(String),
    device String CODEC(ZSTD(1)),
    at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    value Float64 CODEC(Gorilla, ZSTD(1)),
    event_id String CODEC(ZSTD(1)),
    received DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    drill Bool
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(received)
ORDER BY (metric, device, at, event_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS ops.dead_letters
(
    dead_id String,
    at DateTime64(3, 'UTC'),
    stage LowCardinality(String),
    code LowCardinality(String),
    reason String,
    source LowCardinality(String),
    payload String CODEC(ZSTD(3)),
    payload_sha256 String,
    payload_bytes UInt64,
    truncated_from_bytes Nullable(UInt64),
    raw_id String,
    raw_sha256 String,
    raw_index UInt32,
    origin_topic LowCardinality(String),
    origin_part Nullable(UInt32),
    origin_pos Nullable(UInt64),
    life_safety Bool,
    data_class LowCardinality(String),
    connector LowCardinality(String),
    instance LowCardinality(String),
    topic LowCardinality(String),
    part UInt16,
    pos UInt64,
    stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    INDEX by_raw raw_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(at)
ORDER BY (source, at, dead_id)
SETTINGS non_replicated_deduplication_window = 10000;

-- The bytes of a sealed source's dead letter; the row in ops.dead_letters then has an empty payload and the digest only.
CREATE TABLE IF NOT EXISTS sealed.dead_payloads
(
    dead_id String,
    at DateTime64(3, 'UTC'),
    source LowCardinality(String),
    payload String CODEC(ZSTD(3)),
    payload_sha256 String,
    stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(at)
ORDER BY (source, at, dead_id)
SETTINGS non_replicated_deduplication_window = 10000;
