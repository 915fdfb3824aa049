CREATE TABLE IF NOT EXISTS ops.alert_log
(
    transition_id String,
    alert_id String,
    area LowCardinality(String),
    version UInt64,
    at DateTime64(3, 'UTC'),
    kind LowCardinality(String),
    actor String,
    level LowCardinality(String),
    status LowCardinality(String),
    detail_es String CODEC(ZSTD(1)),
    detail_en String CODEC(ZSTD(1)),
    reason_codes Array(LowCardinality(String)),
    item_id String,
    drill Bool,
    data_class LowCardinality(String),
    body String CODEC(ZSTD(3)),
    topic LowCardinality(String),
    part UInt16,
    pos UInt64,
    stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (alert_id, version, transition_id)
SETTINGS non_replicated_deduplication_window = 10000;

-- One row an alert after merging: the highest version wins, so a late copy of an old version changes nothing. Read with FINAL.
CREATE TABLE IF NOT EXISTS ops.alert_current
(
    alert_id String,
    version UInt64,
    area LowCardinality(String),
    type LowCardinality(String),
    level LowCardinality(String),
    score Int32,
    status LowCardinality(String),
    opened DateTime64(3, 'UTC'),
    updated DateTime64(3, 'UTC'),
    first_occurred DateTime64(3, 'UTC'),
    last_occurred DateTime64(3, 'UTC'),
    first_received DateTime64(3, 'UTC'),
    cause_received DateTime64(3, 'UTC'),
    place_method LowCardinality(String),
    lat Nullable(Float64),
    lon Nullable(Float64),
    accuracy_m Nullable(Float64),
    h3_9 UInt64,
    district LowCardinality(String),
    data_class LowCardinality(String),
    life_safety Bool,
    silent Bool,
    degraded Bool,
    drill Bool,
    suppressed_by String,
    suppressed_reason String,
    suppressed_until Nullable(DateTime64(3, 'UTC')),
    assignee String,
    disposition LowCardinality(String),
    merged_into String,
    links Array(String),
    protocol LowCardinality(String),
    protocol_version UInt32,
    rules_version LowCardinality(String),
    acknowledged Nullable(DateTime64(3, 'UTC')),
    dispatched Nullable(DateTime64(3, 'UTC')),
    on_scene Nullable(DateTime64(3, 'UTC')),
    closed Nullable(DateTime64(3, 'UTC')),
    member_ids Array(String),
    sources Array(LowCardinality(String)),
    reason_codes Array(LowCardinality(String)),
    reason_points Array(Int32),
    reasons_es Array(String),
    reasons_en Array(String),
    body String CODEC(ZSTD(3)),
    topic LowCardinality(String),
    part UInt16,
    pos UInt64,
    stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(version)
ORDER BY alert_id
SETTINGS non_replicated_deduplication_window = 10000;

-- When an alert first stood here at all and first stood here as P1: what its presser waited for. Copies cannot change a minimum.
CREATE TABLE IF NOT EXISTS ops.alert_visible
(
    alert_id String,
    first_p1 AggregateFunction(argMin, Tuple(DateTime64(3, 'UTC'), DateTime64(3, 'UTC'), DateTime64(3, 'UTC')), Tuple(UInt64, DateTime64(3, 'UTC'))),
    drill SimpleAggregateFunction(max, UInt8)
)
ENGINE = AggregatingMergeTree
ORDER BY alert_id
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.alert_visible_mv TO ops.alert_visible AS
SELECT alert_id, argMinState((cause_received, updated, stored), (version, stored)) AS first_p1, toUInt8(max(drill)) AS drill
FROM ops.alert_current
WHERE level = 'P1'
GROUP BY alert_id;

CREATE TABLE IF NOT EXISTS ops.commands
(
    command_id String,
    kind LowCardinality(String),
    alert_id String,
    area LowCardinality(String),
    target String,
    issued DateTime64(3, 'UTC'),
    expires DateTime64(3, 'UTC'),
    protocol LowCardinality(String),
    step LowCardinality(String),
    drill Bool,
    body String CODEC(ZSTD(3)),
    topic LowCardinality(String),
    part UInt16,
    pos UInt64,
    stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(issued)
ORDER BY (alert_id, issued, command_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS ops.receipts
(
    command_id String,
    device String,
    at DateTime64(3, 'UTC'),
    outcome LowCardinality(String),
    detail String,
    body String CODEC(ZSTD(3)),
    topic LowCardinality(String),
    part UInt16,
    pos UInt64,
    stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (command_id, at, device, outcome)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS ops.actions
(
    action_id String,
    kind LowCardinality(String),
    actor String,
    at DateTime64(3, 'UTC'),
    area LowCardinality(String),
    alert_id String,
    target_ids Array(String),
    reason String,
    disposition LowCardinality(String),
    body String CODEC(ZSTD(3)),
    topic LowCardinality(String),
    part UInt16,
    pos UInt64,
    stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (area, at, action_id)
SETTINGS non_replicated_deduplication_window = 10000;
