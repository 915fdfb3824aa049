-- The contract with Grafana: names v_*, described in docs/views.md (generated from the @ lines here).
-- Statistic views leave drills out; views of the present show them with their flag, because an exercise must be visible while it runs.

-- @v_alerts_open Alerts that are not closed nor merged, with level, place (empty for silent ones), reasons and age.
CREATE OR REPLACE VIEW ops.v_alerts_open AS
SELECT
    alert_id, version, area, type, level, score, status, opened, updated, first_occurred, last_occurred, lat, lon, accuracy_m, h3_9, district,
    life_safety, silent, degraded, drill, data_class, suppressed_by != '' AS suppressed, suppressed_by, suppressed_reason, suppressed_until, assignee,
    protocol, protocol_version, length(member_ids) AS members, sources, reason_codes, reason_points, reasons_es, reasons_en
FROM ops.alert_current FINAL
WHERE status NOT IN ('closed', 'merged');

-- @v_alerts Every alert in its present state, drills left out: the base of statistics.
CREATE OR REPLACE VIEW ops.v_alerts AS
SELECT
    alert_id, version, area, type, level, score, status, opened, updated, first_occurred, last_occurred, first_received, lat, lon, h3_9, district, life_safety,
    silent, degraded, data_class, assignee, disposition, merged_into, protocol, acknowledged, dispatched, on_scene, closed,
    length(member_ids) AS members, member_ids, sources, reason_codes, reasons_es, reasons_en
FROM ops.alert_current FINAL
WHERE NOT drill;

-- @v_drills Alerts of exercises only, with their response times.
CREATE OR REPLACE VIEW ops.v_drills AS
SELECT alert_id, type, level, status, opened, acknowledged, dispatched, on_scene, closed, district, disposition, length(member_ids) AS members
FROM ops.alert_current FINAL
WHERE drill;

-- @v_alert_story Every transition of every alert in order.
CREATE OR REPLACE VIEW ops.v_alert_story AS
SELECT alert_id, version, transition_id, at, kind, actor, level, status, detail_es, detail_en, reason_codes, item_id, drill
FROM ops.alert_log FINAL;

-- @v_events Events one by one, copies collapsed. Bound it by `received`.
CREATE OR REPLACE VIEW ops.v_events AS
SELECT
    event_id, source, type, subject, phase, occurred, received, clock, clock_error_s, place_method, lat, lon, accuracy_m, h3_7, h3_8, h3_9, district,
    life_safety, lane, drill, data_class, connector, instance, raw_id, summary, stored
FROM ops.events FINAL;

-- @v_events_minute Events a minute by source and type (rollup; drills left out).
CREATE OR REPLACE VIEW ops.v_events_minute AS
SELECT minute, source, type, sum(n) AS events
FROM ops.ev_minute
WHERE NOT drill
GROUP BY minute, source, type;

-- @v_events_h3_day Events a day by H3 cell of resolution 8 with the cell's centre (rollup; drills left out).
CREATE OR REPLACE VIEW ops.v_events_h3_day AS
SELECT day, h3_8, type, sum(n) AS events, tupleElement(h3ToGeo(h3_8), 1) AS lat, tupleElement(h3ToGeo(h3_8), 2) AS lon
FROM ops.h3_day
WHERE NOT drill
GROUP BY day, h3_8, type;

-- @v_kpi_hour Delay from receipt to store by source and lane, hour by hour, in milliseconds (rollup; drills left out).
CREATE OR REPLACE VIEW ops.v_kpi_hour AS
SELECT
    hour, source, lane, sum(n) AS events, quantilesTDigestMerge(0.5, 0.95, 0.99)(store_delay_ms) AS delays,
    delays[1] AS p50_ms, delays[2] AS p95_ms, delays[3] AS p99_ms
FROM ops.kpi_hour
WHERE NOT drill
GROUP BY hour, source, lane;

-- @v_p1_latency One row an alert that reached P1: from the receipt of what made it P1 to its decision and to its standing in the store (drills left out).
CREATE OR REPLACE VIEW ops.v_p1_latency AS
SELECT
    alert_id, argMinMerge(first_p1) AS first_seen, tupleElement(first_seen, 1) AS received, tupleElement(first_seen, 3) AS visible,
    toUnixTimestamp64Milli(tupleElement(first_seen, 2)) - toUnixTimestamp64Milli(tupleElement(first_seen, 1)) AS decide_ms,
    toUnixTimestamp64Milli(tupleElement(first_seen, 3)) - toUnixTimestamp64Milli(tupleElement(first_seen, 1)) AS visible_ms
FROM ops.alert_visible
GROUP BY alert_id
HAVING max(drill) = 0;

-- @v_false_alarms Closed alerts with a judgement, by source and type: confirmed, false, unfounded, and the Wilson 95 % interval of the false share (drills left out).
CREATE OR REPLACE VIEW ops.v_false_alarms AS
SELECT
    source, type, closed_alerts, confirmed, false_alarms, unfounded, judged,
    if(judged = 0, NULL, (false_alarms + unfounded) / judged) AS false_share,
    if(judged = 0, NULL, greatest(0., (false_share + 1.9207294 / judged - 1.959964 * sqrt(false_share * (1 - false_share) / judged + 0.9603647 / judged / judged)) / (1 + 3.8414588 / judged))) AS false_share_low,
    if(judged = 0, NULL, least(1., (false_share + 1.9207294 / judged + 1.959964 * sqrt(false_share * (1 - false_share) / judged + 0.9603647 / judged / judged)) / (1 + 3.8414588 / judged))) AS false_share_high
FROM
(
    SELECT
        source, type, count() AS closed_alerts, countIf(disposition = 'confirmed') AS confirmed, countIf(disposition = 'false_alarm') AS false_alarms,
        countIf(disposition = 'unfounded') AS unfounded, confirmed + false_alarms + unfounded AS judged
    FROM (SELECT arrayJoin(sources) AS source, type, disposition FROM ops.alert_current FINAL WHERE NOT drill AND status = 'closed')
    GROUP BY source, type
);

-- @v_blind_spots Devices and sources whose last word about themselves was silent, down or degraded, with the start and the reason.
CREATE OR REPLACE VIEW ops.v_blind_spots AS
SELECT subject, source, connector, health, occurred AS since, received, district, lat, lon, detail, drill
FROM ops.source_health FINAL
WHERE health IN ('silent', 'degraded', 'down');

-- @v_devices Last state of every device.
CREATE OR REPLACE VIEW ops.v_devices AS
SELECT device, source, connector, type, phase, occurred, received, clock, clock_error_s, lat, lon, h3_9, district, data_class, event_id, drill
FROM ops.device_state FINAL;

-- @v_cameras Last state of every camera.
CREATE OR REPLACE VIEW ops.v_cameras AS
SELECT camera, source, type, occurred, received, health, detail, drill
FROM ops.camera_state FINAL;

-- @v_dead_letters What could not be decoded or processed: reason and size, never the bytes.
CREATE OR REPLACE VIEW ops.v_dead_letters AS
SELECT dead_id, at, stage, code, reason, source, payload_sha256, payload_bytes, raw_id, origin_topic, origin_part, origin_pos, life_safety, data_class, connector
FROM ops.dead_letters FINAL;

-- @v_signals_by_source Raw records, events and dead letters by source and minute of receipt (drills left out; sealed records are not counted here).
CREATE OR REPLACE VIEW ops.v_signals_by_source AS
SELECT source, toStartOfMinute(toDateTime(received, 'UTC')) AS minute, count() AS signals, sum(events) AS events, sum(dead) AS dead
FROM ops.raw FINAL
WHERE NOT drill
GROUP BY source, minute;

-- @v_commands Commands with their last receipt.
CREATE OR REPLACE VIEW ops.v_commands AS
SELECT c.command_id AS command_id, c.kind AS kind, c.alert_id AS alert_id, c.target AS target, c.issued AS issued, c.expires AS expires, c.drill AS drill,
    r.outcome AS outcome, r.at AS answered
FROM (SELECT * FROM ops.commands FINAL) AS c
LEFT JOIN (SELECT command_id, argMax(x.outcome, x.at) AS outcome, max(x.at) AS at FROM ops.receipts AS x FINAL GROUP BY command_id) AS r ON c.command_id = r.command_id;

-- @v_reconciliation Each connector instance, minute by minute: accepted, stored raw, what those raw records declared, what of it is stored, and the verdict (balanced, in_flight, gap, unclaimed).
CREATE OR REPLACE VIEW ops.v_reconciliation AS
SELECT minute, connector, instance, accepted, raw_stored, outcomes_declared, events_stored, dead_stored, verdict, checked
FROM ops.reconciliation FINAL;
