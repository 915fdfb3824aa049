-- Rollups pay only where groups are far fewer than rows. All three can be rebuilt from ops.events (cior_store.rollups).
CREATE TABLE IF NOT EXISTS ops.ev_minute
(
    day Date,
    minute DateTime('UTC'),
    source LowCardinality(String),
    type LowCardinality(String),
    drill Bool,
    n UInt64
)
ENGINE = SummingMergeTree(n)
PARTITION BY day
ORDER BY (source, type, minute, drill)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.ev_minute_mv TO ops.ev_minute AS
SELECT toDate(received) AS day, toStartOfMinute(toDateTime(received, 'UTC')) AS minute, source, type, drill, count() AS n
FROM ops.events
GROUP BY day, minute, source, type, drill;

CREATE TABLE IF NOT EXISTS ops.h3_day
(
    day Date,
    h3_8 UInt64,
    type LowCardinality(String),
    drill Bool,
    n UInt64
)
ENGINE = SummingMergeTree(n)
PARTITION BY day
ORDER BY (h3_8, type, drill)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.h3_day_mv TO ops.h3_day AS
SELECT toDate(received) AS day, h3_8, type, drill, count() AS n
FROM ops.events
WHERE h3_8 != 0
GROUP BY day, h3_8, type, drill;

CREATE TABLE IF NOT EXISTS ops.kpi_hour
(
    day Date,
    hour DateTime('UTC'),
    source LowCardinality(String),
    lane LowCardinality(String),
    drill Bool,
    n SimpleAggregateFunction(sum, UInt64),
    store_delay_ms AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Int64)
)
ENGINE = AggregatingMergeTree
PARTITION BY day
ORDER BY (source, lane, hour, drill)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.kpi_hour_mv TO ops.kpi_hour AS
SELECT
    toDate(received) AS day, toStartOfHour(toDateTime(received, 'UTC')) AS hour, source, lane, drill, count() AS n,
    quantilesTDigestState(0.5, 0.95, 0.99)(toUnixTimestamp64Milli(stored) - toUnixTimestamp64Milli(received)) AS store_delay_ms
FROM ops.events
GROUP BY day, hour, source, lane, drill;
