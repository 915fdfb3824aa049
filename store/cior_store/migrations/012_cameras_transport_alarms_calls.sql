-- What the boards of cameras, transport, community alarms and 911 ask. Every table here is a narrow copy that a copy of
-- its facts changes nothing in (bits are joined, keys replaced), partitioned by month, so a month is read as a month.
-- A sealed fact brings district and time alone: no device, no source, no type finer than reserved.

-- Minutes of each hour in which a camera's worker spoke of it (seen), had no signal (blind) or no believable picture
-- (poor), one bit a minute. Pictures are sums: a copy moves their share only by its own weight.
CREATE TABLE IF NOT EXISTS ops.camera_hour
(
    hour DateTime('UTC'),
    camera String,
    drill Bool,
    district SimpleAggregateFunction(max, String),
    seen SimpleAggregateFunction(groupBitOr, UInt64),
    blind SimpleAggregateFunction(groupBitOr, UInt64),
    poor SimpleAggregateFunction(groupBitOr, UInt64),
    pictures SimpleAggregateFunction(sum, Float64),
    open_pictures SimpleAggregateFunction(sum, Float64)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, camera, drill)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.camera_hour_mv TO ops.camera_hour AS
SELECT
    toStartOfHour(toDateTime(received, 'UTC')) AS hour, camera, drill, max(district_name) AS district,
    groupBitOr(bit) AS seen, groupBitOr(if(no_signal, bit, 0)) AS blind,
    groupBitOr(if(no_picture, bit, 0)) AS poor,
    sum(watched) AS pictures, sum(watched * share) AS open_pictures
FROM
(
    SELECT
        received, subject AS camera, drill, toString(district) AS district_name,
        bitShiftLeft(toUInt64(1), toMinute(received)) AS bit,
        JSONExtract(body, 'data', 'attributes', 'conditions', 'Array(String)') AS conditions,
        phase NOT IN ('restore', 'end', 'cancel') AND type != 'camera.health' AS began,
        has(conditions, 'signal_lost') OR (began AND type = 'camera.signal_loss') AS no_signal,
        arrayExists(x -> x != 'signal_lost', conditions) OR (began AND type != 'camera.signal_loss') AS no_picture,
        JSONExtractFloat(body, 'data', 'attributes', 'watched_fps')
            * JSONExtractFloat(body, 'data', 'attributes', 'interval_s') AS watched,
        JSONExtractFloat(body, 'data', 'attributes', 'gate_open_share') AS share
    FROM ops.events
    WHERE startsWith(type, 'camera.') AND data_class IN ('public', 'restricted')
)
GROUP BY hour, camera, drill;

-- The last health sample of each camera: what watches it, and how.
CREATE TABLE IF NOT EXISTS ops.camera_watch
(
    camera String,
    received DateTime64(3, 'UTC'),
    district LowCardinality(String),
    interval_s Float64,
    conditions Array(LowCardinality(String)),
    link LowCardinality(String),
    silent_s Float64,
    watched_fps Float64,
    gate_open_share Nullable(Float64),
    clock_offset_s Nullable(Float64),
    detector LowCardinality(String),
    detector_version LowCardinality(String),
    model LowCardinality(String),
    model_sha256 LowCardinality(String),
    disabled_rules Array(String),
    drill Bool
)
ENGINE = ReplacingMergeTree(received)
ORDER BY camera
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.camera_watch_mv TO ops.camera_watch AS
SELECT
    subject AS camera, received, district, JSONExtractFloat(said, 'interval_s') AS interval_s,
    JSONExtract(said, 'conditions', 'Array(String)') AS conditions, JSONExtractString(said, 'link') AS link,
    JSONExtractFloat(said, 'silent_s') AS silent_s, JSONExtractFloat(said, 'watched_fps') AS watched_fps,
    -- A share of no pictures is no share: 0 would look like a quiet street.
    if(watched_fps > 0, JSONExtract(said, 'gate_open_share', 'Nullable(Float64)'), NULL) AS gate_open_share,
    JSONExtract(said, 'clock_offset_s', 'Nullable(Float64)') AS clock_offset_s,
    JSONExtractString(said, 'detector') AS detector, JSONExtractString(said, 'detector_version') AS detector_version,
    JSONExtractString(said, 'model') AS model, JSONExtractString(said, 'model_sha256') AS model_sha256,
    JSONExtract(said, 'disabled_rules', 'Array(String)') AS disabled_rules, drill
FROM
(
    SELECT subject, received, district, drill, JSONExtractRaw(body, 'data', 'attributes') AS said
    FROM ops.events
    WHERE type = 'camera.health' AND data_class IN ('public', 'restricted')
);

-- The last word of every vehicle: what a fleet's trackers (traccar) say, or whatever names its line.
CREATE TABLE IF NOT EXISTS ops.vehicle_state
(
    device String,
    received DateTime64(3, 'UTC'),
    route LowCardinality(String),
    district LowCardinality(String),
    drill Bool
)
ENGINE = ReplacingMergeTree(received)
ORDER BY device
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.vehicle_state_mv TO ops.vehicle_state AS
SELECT subject AS device, received, route, district, drill
FROM ops.events
WHERE (connector = 'traccar' OR route != '' OR type IN ('panic.bus', 'panic.taxi'))
    AND health = '' AND type NOT IN ('accounting', 'panic.stop') AND NOT startsWith(type, 'source.')
    AND NOT is_reserved(data_class, type);

-- Every alert with its members, narrow and by the day it opened: which presses and calls an alert holds.
-- The highest version wins, as in ops.alert_current. A reserved one (sealed or silent) brings no member.
CREATE TABLE IF NOT EXISTS ops.alert_members
(
    alert_id String,
    version UInt64,
    status LowCardinality(String),
    disposition LowCardinality(String),
    reserved Bool,
    drill Bool,
    opened DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    acknowledged Nullable(DateTime64(3, 'UTC')),
    member_ids Array(String)
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(opened)
ORDER BY (toDate(opened), alert_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.alert_members_mv TO ops.alert_members AS
SELECT
    a.alert_id AS alert_id, a.version AS version, a.status AS status, a.disposition AS disposition,
    a.silent OR is_reserved(a.data_class, a.type) AS reserved,
    a.drill AS drill, a.opened AS opened, a.acknowledged AS acknowledged,
    if(reserved, [], a.member_ids) AS member_ids
FROM ops.alert_current AS a;

-- Presses of transport, with the line that the registry knows for the vehicle.
CREATE TABLE IF NOT EXISTS ops.transport_presses
(
    event_id String,
    type LowCardinality(String),
    device String,
    route LowCardinality(String),
    district LowCardinality(String),
    occurred DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    received DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    sealed Bool,
    drill Bool,
    INDEX by_received received TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(received)
ORDER BY (occurred, event_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.transport_presses_mv TO ops.transport_presses AS
WITH is_reserved(e.data_class, e.type) AS hidden
SELECT
    e.event_id AS event_id, if(hidden, 'reservada', e.type) AS type, if(hidden, '', e.subject) AS device,
    if(hidden, '', e.route) AS route, e.district AS district,
    if(hidden, toStartOfMinute(e.occurred), e.occurred) AS occurred,
    if(hidden, toStartOfMinute(e.received), e.received) AS received, hidden AS sealed, e.drill AS drill
FROM ops.events AS e
WHERE e.type IN ('panic.bus', 'panic.taxi', 'panic.stop') AND e.phase = 'new';

-- The last word of every alarm unit, and how often it must speak. A unit is what an alarm receiver (dc09) hears, or
-- what pressed a community alarm by any other way.
CREATE TABLE IF NOT EXISTS ops.unit_state
(
    device String,
    received DateTime64(3, 'UTC'),
    district LowCardinality(String),
    expected_every_s Float64,
    drill Bool
)
ENGINE = ReplacingMergeTree(received)
ORDER BY device
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.unit_state_mv TO ops.unit_state AS
SELECT
    subject AS device, received, district,
    JSONExtractFloat(body, 'data', 'attributes', 'expected_every_s') AS expected_every_s, drill
FROM ops.events
WHERE (connector = 'dc09' OR type IN ('panic.community', 'siren.community'))
    -- The receiver's own words are no unit's.
    AND health = '' AND type != 'accounting' AND NOT startsWith(type, 'source.')
    AND NOT is_reserved(data_class, type);

-- What alarm units said, signs of life left out: presses, troubles, silences and returns.
CREATE TABLE IF NOT EXISTS ops.alarm_signals
(
    event_id String,
    device String,
    type LowCardinality(String),
    phase LowCardinality(String),
    district LowCardinality(String),
    occurred DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    received DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    connector LowCardinality(String),
    registered Nullable(Bool),
    sealed Bool,
    drill Bool,
    INDEX by_received received TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(received)
ORDER BY (occurred, event_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.alarm_signals_mv TO ops.alarm_signals AS
WITH is_reserved(e.data_class, e.type) AS hidden
SELECT
    e.event_id AS event_id, if(hidden, '', e.subject) AS device, if(hidden, 'reservada', e.type) AS type,
    e.phase AS phase, e.district AS district, if(hidden, toStartOfMinute(e.occurred), e.occurred) AS occurred,
    if(hidden, toStartOfMinute(e.received), e.received) AS received, e.connector AS connector,
    if(hidden, NULL, e.registered) AS registered, hidden AS sealed, e.drill AS drill
FROM ops.events AS e
WHERE e.lane != 'telemetry' AND e.type NOT IN ('clock.offset', 'alert.ending')
    AND NOT startsWith(e.subject, 'connector:')
    AND (e.connector IN ('dc09', 'cior.devices') OR e.type IN ('panic.community', 'siren.community'));

-- Records of 911 desks, one row a version of an incident, by the day of the call.
-- A sealed call keeps district and times: its number is its own record, so nothing joins it to another.
CREATE TABLE IF NOT EXISTS ops.call_records
(
    day Date,
    source LowCardinality(String),
    incident String,
    event_id String,
    type LowCardinality(String),
    phase LowCardinality(String),
    native_type LowCardinality(String),
    native_status LowCardinality(String),
    merged_into String,
    district LowCardinality(String),
    occurred DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    received DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    dispatched Nullable(DateTime64(3, 'UTC')),
    on_scene Nullable(DateTime64(3, 'UTC')),
    sealed Bool,
    drill Bool
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, source, incident, event_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.call_records_mv TO ops.call_records AS
WITH
    is_reserved(e.data_class, e.type) AS hidden,
    JSONExtractRaw(e.body, 'data', 'attributes') AS said, JSONExtractString(said, 'incident') AS number
SELECT
    toDate(e.occurred) AS day, if(hidden, '', e.source) AS source,
    if(hidden OR number = '', e.event_id, number) AS incident, e.event_id AS event_id,
    if(hidden, 'reservada', e.type) AS type, e.phase AS phase, if(hidden, '', e.native_type) AS native_type,
    if(hidden, '', JSONExtractString(said, 'native_status')) AS native_status,
    if(hidden, '', JSONExtractString(said, 'merged_into')) AS merged_into, e.district AS district,
    if(hidden, toStartOfMinute(e.occurred), e.occurred) AS occurred,
    if(hidden, toStartOfMinute(e.received), e.received) AS received,
    if(hidden, NULL, fromUnixTimestamp64Milli(nullIf(JSONExtractInt(said, 'dispatched_ms'), 0), 'UTC')) AS dispatched,
    if(hidden, NULL, fromUnixTimestamp64Milli(nullIf(JSONExtractInt(said, 'on_scene_ms'), 0), 'UTC')) AS on_scene,
    hidden AS sealed, e.drill AS drill
FROM ops.events AS e
WHERE e.connector = 'cad_drop' AND e.lane != 'telemetry' AND NOT startsWith(e.type, 'source.');

-- Cameras -------------------------------------------------------------------------------------------------------------
-- States, the same numbers everywhere: 0 nobody speaks of it, 1 sees, 2 sees badly, 3 sees nothing.

-- @v_health_open The last word about each device and source that is not reserved, exercises with their `drill`. What is
--     left out is masked as well.
CREATE OR REPLACE VIEW ops.v_health_open AS
WITH x.data_class NOT IN ('public', 'restricted') AS hidden
SELECT
    if(hidden, '', x.subject) AS subject, CAST(x.source, 'String') AS source, CAST(x.type, 'String') AS type,
    CAST(x.health, 'String') AS health, x.occurred AS occurred, x.received AS received,
    CAST(x.district, 'String') AS district, x.drill AS drill
FROM ops.source_health AS x FINAL
WHERE NOT hidden;

-- @supervisor.v_cameras Every camera now: state (0 no word, 1 sees, 2 badly, 3 not), reasons, detector, clock.
CREATE OR REPLACE VIEW supervisor.v_cameras DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    s.camera AS camera, if(w.district != '', toString(w.district), toString(h.district)) AS district,
    greatest(h.received, w.received) AS last_word,
    greatest(0, dateDiff('second', last_word, now64(3, 'UTC'))) AS age_s, w.camera != '' AS sampled,
    multiIf(
        sampled AND age_s > greatest(3 * w.interval_s, 90), 0,
        sampled AND has(w.conditions, 'signal_lost'), 3, sampled AND notEmpty(w.conditions), 2, sampled, 1,
        h.health IN ('silent', 'down'), 3, h.health = 'degraded', 2, h.health = 'up', 1, 0) AS state,
    multiIf(state = 0, last_word, state > 1 AND h.health NOT IN ('', 'up'), h.occurred, NULL) AS since,
    multiIf(
        state = 0, 'no_word', state = 1, '', has(w.conditions, 'signal_lost'), 'signal_lost',
        notEmpty(w.conditions), w.conditions[1],
        transform(
            h.type, ['camera.signal_loss', 'camera.obstructed', 'camera.frozen', 'camera.tamper'],
            ['signal_lost', 'covered', 'frozen', 'tamper'], 'other')) AS reason,
    w.gate_open_share AS gate_open_share, w.watched_fps AS watched_fps, w.clock_offset_s AS clock_offset_s,
    w.detector AS detector, w.detector_version AS detector_version, w.model AS model, w.model_sha256 AS model_sha256,
    arrayStringConcat(w.disabled_rules, ', ') AS disabled_rules, toBool(w.drill OR h.drill) AS drill
FROM
(
    SELECT camera FROM ops.camera_watch
    UNION DISTINCT
    SELECT subject AS camera FROM ops.v_health_open WHERE startsWith(type, 'camera.')
) AS s
LEFT JOIN (SELECT * FROM ops.camera_watch FINAL) AS w ON w.camera = s.camera
LEFT JOIN
(
    SELECT x.subject AS subject,
        argMax(x.health, x.received) AS health, argMax(x.occurred, x.received) AS occurred,
        argMax(x.type, x.received) AS type, argMax(x.district, x.received) AS district,
        argMax(x.drill, x.received) AS drill, max(x.received) AS received
    FROM ops.v_health_open AS x
    WHERE startsWith(x.type, 'camera.')
    GROUP BY subject
) AS h ON h.subject = s.camera;

-- @wall.v_camera_states How many cameras of each district are in each state (drills left out).
CREATE OR REPLACE VIEW wall.v_camera_states DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT district, state, count() AS cameras, min(since) AS since
FROM supervisor.v_cameras
WHERE NOT drill
GROUP BY district, state;

-- @supervisor.v_camera_hours Minutes of each hour in which a camera saw, badly, not, and its pictures (no drills).
CREATE OR REPLACE VIEW supervisor.v_camera_hours DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    hour, camera, CAST(max(h.district), 'String') AS district, groupBitOr(seen) AS word, groupBitOr(blind) AS dark,
    groupBitOr(poor) AS bad, bitCount(word) AS word_min, bitCount(dark) AS blind_min,
    bitCount(bitAnd(bad, bitNot(dark))) AS poor_min, word_min - bitCount(bitAnd(word, bitOr(dark, bad))) AS up_min,
    sum(pictures) AS all_pictures, sum(open_pictures) AS gate_pictures
FROM ops.camera_hour AS h
WHERE NOT drill
GROUP BY hour, camera;

-- @supervisor.v_camera_slots The worst state of every camera in each ten minutes with a word of it (no drills).
CREATE OR REPLACE VIEW supervisor.v_camera_slots DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    hour, hour + toIntervalMinute(10 * n) AS slot, camera, district,
    multiIf(
        bitAnd(bitShiftRight(dark, 10 * n), 1023) != 0, 3,
        bitAnd(bitShiftRight(bad, 10 * n), 1023) != 0, 2, 1) AS state
FROM supervisor.v_camera_hours
ARRAY JOIN range(6) AS n
WHERE bitAnd(bitShiftRight(word, 10 * n), 1023) != 0;

-- @supervisor.v_camera_stretches Stretches of cameras a minute: accepted by the workers, stored here.
--     Exercises are in: this is about loss.
CREATE OR REPLACE VIEW supervisor.v_camera_stretches DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT minute, instance AS worker, accepted, raw_stored AS stored, verdict
FROM ops.reconciliation FINAL
WHERE connector = 'vision';

-- Transport -----------------------------------------------------------------------------------------------------------

-- @supervisor.v_transport_presses Presses of buses, taxis and stops with their line (drills left out).
CREATE OR REPLACE VIEW supervisor.v_transport_presses DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT if(sealed, '', p.event_id) AS event_id, type, device, route, district, occurred, received
FROM ops.transport_presses AS p FINAL
WHERE NOT drill;

-- @supervisor.v_transport_alerts One row an alert and line: press to acknowledgement, judgement. Bound it by `opened`.
-- What an alert has one of stands in the key: so a reader's bound by `opened` reaches the table below.
CREATE OR REPLACE VIEW supervisor.v_transport_alerts DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    a.alert_id AS alert_id, p.route AS route, a.opened AS opened, min(p.received) AS pressed,
    a.acknowledged AS acknowledged,
    dateDiff('millisecond', pressed, acknowledged) / 1000 AS acknowledge_s, a.status AS status,
    a.disposition AS disposition, count() AS presses
FROM
(
    SELECT alert_id, opened, acknowledged, status, disposition, arrayJoin(member_ids) AS member_id
    FROM ops.alert_members FINAL
    WHERE NOT drill AND NOT reserved AND status != 'merged'
) AS a
INNER JOIN (SELECT event_id, route, received FROM ops.transport_presses FINAL WHERE NOT drill AND NOT sealed) AS p
    ON p.event_id = a.member_id
GROUP BY alert_id, route, opened, acknowledged, status, disposition;

-- @supervisor.v_vehicles Every vehicle: line, last word, state (1 reports, 2 quiet, 3 silent by its supervision).
CREATE OR REPLACE VIEW supervisor.v_vehicles DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    v.device AS device, v.route AS route, v.district AS district, v.received AS last_word,
    dateDiff('second', last_word, now64(3, 'UTC')) AS age_s,
    multiIf(h.health = 'silent' AND h.received > last_word, 3, age_s <= 300, 1, 2) AS state,
    if(state = 3, h.occurred, NULL) AS silent_since, v.drill AS drill
FROM (SELECT * FROM ops.vehicle_state FINAL) AS v
LEFT JOIN (SELECT * FROM ops.v_health_open WHERE source = 'urn:cior:devices') AS h ON h.subject = v.device;

-- Community alarms ----------------------------------------------------------------------------------------------------

-- @supervisor.v_units Every alarm unit: last word, state (0 not supervised, 1 reports, 2 late, 3 silent).
--     Late: half a period over its own; silent: its supervision said so (three periods).
CREATE OR REPLACE VIEW supervisor.v_units DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    u.device AS device, u.district AS district, u.received AS last_word,
    greatest(0, dateDiff('second', last_word, now64(3, 'UTC'))) AS age_s, u.expected_every_s AS expected_every_s,
    multiIf(
        h.health = 'silent' AND h.received > last_word, 3, expected_every_s = 0, 0,
        age_s > 1.5 * expected_every_s, 2, 1) AS state,
    if(state = 3, h.occurred, NULL) AS silent_since, u.drill AS drill
FROM (SELECT * FROM ops.unit_state FINAL) AS u
LEFT JOIN (SELECT * FROM ops.v_health_open WHERE source = 'urn:cior:devices') AS h ON h.subject = u.device;

-- @wall.v_unit_states How many alarm units of each district report, are late, silent or unsupervised (no drills).
CREATE OR REPLACE VIEW wall.v_unit_states DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    district, count() AS units, countIf(state = 1) AS reporting, countIf(state = 2) AS late,
    countIf(state = 3) AS silent, countIf(state = 0) AS unsupervised
FROM supervisor.v_units
WHERE NOT drill
GROUP BY district;

-- @supervisor.v_unit_signals What alarm units said, signs of life left out; reserved ones name no unit.
CREATE OR REPLACE VIEW supervisor.v_unit_signals DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    if(sealed, '', a.event_id) AS event_id, device, type, phase, district, occurred, received, registered,
    toBool(phase = 'new' AND (sealed OR startsWith(type, 'panic.'))) AS press
FROM ops.alarm_signals AS a FINAL
WHERE NOT drill AND (connector != 'cior.devices' OR device IN (SELECT u.device FROM ops.unit_state AS u));

-- @supervisor.v_unit_bursts Signals and presses of one unit in each five minutes, five or more (drills left out).
CREATE OR REPLACE VIEW supervisor.v_unit_bursts DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    toStartOfInterval(toDateTime(received, 'UTC'), INTERVAL 5 MINUTE) AS slot, device, any(district) AS district,
    countIf(NOT startsWith(type, 'source.')) AS signals, countIf(press) AS presses
FROM supervisor.v_unit_signals
WHERE device != ''
GROUP BY slot, device
HAVING signals >= 5;

-- @supervisor.v_unit_storms Each five minutes of a district: presses, by how many units, and units gone silent.
--     Kept only when five units speak or fall silent together (drills left out).
CREATE OR REPLACE VIEW supervisor.v_unit_storms DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    toStartOfInterval(toDateTime(received, 'UTC'), INTERVAL 5 MINUTE) AS slot, district, countIf(press) AS presses,
    uniqExactIf(device, press AND device != '') AS pressing_units,
    uniqExactIf(device, type = 'source.silent' AND phase = 'new') AS silent_units
FROM supervisor.v_unit_signals
GROUP BY slot, district
HAVING pressing_units >= 5 OR silent_units >= 5;

-- @supervisor.v_unit_troubles Battery, mains, tamper and other troubles that no later word of the unit has ended.
CREATE OR REPLACE VIEW supervisor.v_unit_troubles DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT device, type, argMax(x.district, x.received) AS district, max(x.received) AS told, count() AS times
FROM supervisor.v_unit_signals AS x
WHERE device != '' AND (startsWith(type, 'device.') OR type = 'supervision.lost')
GROUP BY device, type
HAVING argMax(x.phase, x.received) NOT IN ('restore', 'end', 'cancel');

-- 911 -----------------------------------------------------------------------------------------------------------------

-- @supervisor.v_calls One row a call: last class and state, stamps where the desk gives them (no drills, tests).
CREATE OR REPLACE VIEW supervisor.v_calls DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    x.day AS day, x.source AS source, if(reserved, '', x.incident) AS incident,
    min(x.occurred) AS created, min(x.received) AS first_received,
    argMax(x.type, x.received) AS type, argMax(x.native_status, x.received) AS native_status,
    argMax(x.district, x.received) AS district, min(x.dispatched) AS dispatched, min(x.on_scene) AS on_scene,
    uniqExact(x.event_id) AS versions, max(x.merged_into) AS merged_into,
    toBool(max(x.sealed)) AS reserved,
    if(dispatched >= created, dateDiff('second', created, dispatched), NULL) AS dispatch_s,
    if(on_scene >= dispatched, dateDiff('second', dispatched, on_scene), NULL) AS travel_s,
    if(on_scene >= created, dateDiff('second', created, on_scene), NULL) AS arrive_s
FROM ops.call_records AS x
WHERE NOT drill
GROUP BY x.day, x.source, x.incident
HAVING countIf(x.phase = 'test') = 0;

-- @supervisor.v_call_days Records of 911 desks by day of the call: since when the store knows of them (no drills).
CREATE OR REPLACE VIEW supervisor.v_call_days DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT day, count() AS records
FROM ops.call_records
WHERE NOT drill
GROUP BY day;

-- @supervisor.v_call_members Members of alerts that have more than one, by the day the alert opened (drills left out).
CREATE OR REPLACE VIEW supervisor.v_call_members DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT toDate(a.opened) AS day, a.opened AS opened, a.alert_id AS alert_id, arrayJoin(a.member_ids) AS event_id
FROM ops.alert_members AS a FINAL
WHERE NOT a.drill AND NOT a.reserved AND a.status != 'merged' AND length(a.member_ids) > 1;

-- @supervisor.v_call_versions Records of calls with the number that their versions share (drills, reserved ones out).
CREATE OR REPLACE VIEW supervisor.v_call_versions DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    x.day AS day, if(x.sealed, '', x.event_id) AS event_id, x.source AS source,
    if(x.sealed, '', x.incident) AS incident
FROM ops.call_records AS x
WHERE NOT x.drill AND NOT x.sealed;

-- @supervisor.v_call_desks Each 911 desk: the receipt of its last record, and its last call.
CREATE OR REPLACE VIEW supervisor.v_call_desks DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    source, max(received) AS last_word, max(occurred) AS last_call,
    greatest(0, dateDiff('second', last_word, now64(3, 'UTC'))) AS age_s
FROM ops.call_records
WHERE NOT drill AND source != ''
GROUP BY source;

-- @supervisor.v_call_dead_letters Records of 911 desks that could not be read, by code: counts, never a byte.
CREATE OR REPLACE VIEW supervisor.v_call_dead_letters DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    toStartOfHour(toDateTime(d.at, 'UTC')) AS hour,
    if(d.data_class IN ('public', 'restricted'), toString(d.code), 'reservada') AS code, count() AS records
FROM ops.dead_letters AS d FINAL
WHERE d.connector = 'cad_drop'
GROUP BY hour, code;
