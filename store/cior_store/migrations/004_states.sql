-- Last state of devices and cameras, by the centre's own receipt time: a device whose clock runs ahead must not stay "latest" for ever.
CREATE TABLE IF NOT EXISTS ops.device_state
(
    device String,
    source LowCardinality(String),
    connector LowCardinality(String),
    type LowCardinality(String),
    phase LowCardinality(String),
    occurred DateTime64(3, 'UTC'),
    received DateTime64(3, 'UTC'),
    clock LowCardinality(String),
    clock_error_s Nullable(Float64),
    lat Nullable(Float64),
    lon Nullable(Float64),
    h3_9 UInt64,
    district LowCardinality(String),
    data_class LowCardinality(String),
    event_id String,
    drill Bool
)
ENGINE = ReplacingMergeTree(received)
ORDER BY (device, source)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.device_state_mv TO ops.device_state AS
SELECT subject AS device, source, connector, type, phase, occurred, received, clock, clock_error_s, lat, lon, h3_9, district, data_class, event_id, drill
FROM ops.events
WHERE health = '' AND type != 'accounting';

CREATE TABLE IF NOT EXISTS ops.camera_state
(
    camera String,
    source LowCardinality(String),
    type LowCardinality(String),
    occurred DateTime64(3, 'UTC'),
    received DateTime64(3, 'UTC'),
    health LowCardinality(String),
    detail String,
    drill Bool
)
ENGINE = ReplacingMergeTree(received)
ORDER BY camera
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.camera_state_mv TO ops.camera_state AS
SELECT subject AS camera, source, type, occurred, received, health, summary AS detail, drill
FROM ops.events
WHERE startsWith(type, 'camera.');

-- Supervision: up, degraded, down or silent, per device and source. What is not "up" is a blind spot.
CREATE TABLE IF NOT EXISTS ops.source_health
(
    subject String,
    source LowCardinality(String),
    connector LowCardinality(String),
    health LowCardinality(String),
    type LowCardinality(String),
    occurred DateTime64(3, 'UTC'),
    received DateTime64(3, 'UTC'),
    district LowCardinality(String),
    lat Nullable(Float64),
    lon Nullable(Float64),
    detail String,
    event_id String,
    drill Bool
)
ENGINE = ReplacingMergeTree(received)
ORDER BY (subject, source)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.source_health_mv TO ops.source_health AS
SELECT subject, source, connector, health, type, occurred, received, district, lat, lon, summary AS detail, event_id, drill
FROM ops.events
WHERE health != '';
