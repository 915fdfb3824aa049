-- Floods of presses of nobody known share one line on a screen; an alert's silence says how much it hid (law 16).

ALTER TABLE ops.alert_current ADD COLUMN IF NOT EXISTS line String AFTER reasons_en;

ALTER TABLE ops.alert_current ADD COLUMN IF NOT EXISTS silence_hid UInt32 AFTER line;

-- @v_alerts_open Alerts that are not closed nor merged, with level, place (empty for silent ones), reasons and age.
CREATE OR REPLACE VIEW ops.v_alerts_open AS
SELECT
    alert_id, version, area, type, level, score, status, opened, updated, first_occurred, last_occurred, lat, lon,
    accuracy_m, h3_9, district,
    life_safety, silent, degraded, drill, data_class, suppressed_by != '' AS suppressed, suppressed_by,
    suppressed_reason, suppressed_until, assignee,
    protocol, protocol_version, length(member_ids) AS members, sources, reason_codes, reason_points, reasons_es,
    reasons_en,
    line, silence_hid
FROM ops.alert_current FINAL
WHERE status NOT IN ('closed', 'merged');

-- @v_alerts_discreet Every alert in its present state as an audience may see it. A reserved one (sealed or silent) is
--     its level, status, district and times to the minute: no id, place, source, reason, points, protocol or
--     judgement, and its type is `reservada`.
CREATE OR REPLACE VIEW ops.v_alerts_discreet AS
WITH
    a.silent OR is_reserved(CAST(a.data_class, 'String'), CAST(a.type, 'String')) AS hidden
SELECT
    toBool(hidden) AS reserved,
    if(hidden, '', a.alert_id) AS alert_id,
    if(hidden, 'reservada', CAST(a.type, 'String')) AS type,
    CAST(a.level, 'String') AS level,
    CAST(a.status, 'String') AS status,
    toBool(CAST(a.status, 'String') != 'open') AS acknowledged,
    CAST(a.district, 'String') AS district,
    if(hidden, NULL, a.score) AS points,
    CAST(if(hidden, toStartOfMinute(a.opened), a.opened), 'DateTime64(3, \'UTC\')') AS opened,
    CAST(if(hidden, toStartOfMinute(a.first_occurred), a.first_occurred), 'DateTime64(3, \'UTC\')') AS first_occurred,
    CAST(if(hidden, toStartOfMinute(a.first_received), a.first_received), 'DateTime64(3, \'UTC\')') AS first_received,
    CAST(if(hidden, toStartOfMinute(a.acknowledged), a.acknowledged), 'Nullable(DateTime64(3, \'UTC\'))')
        AS acknowledged_at,
    CAST(if(hidden, toStartOfMinute(a.dispatched), a.dispatched), 'Nullable(DateTime64(3, \'UTC\'))') AS dispatched_at,
    CAST(if(hidden, toStartOfMinute(a.on_scene), a.on_scene), 'Nullable(DateTime64(3, \'UTC\'))') AS on_scene_at,
    CAST(if(hidden, toStartOfMinute(a.closed), a.closed), 'Nullable(DateTime64(3, \'UTC\'))') AS closed_at,
    if(hidden, NULL, a.lat) AS lat,
    if(hidden, NULL, a.lon) AS lon,
    if(hidden, NULL, a.accuracy_m) AS accuracy_m,
    if(hidden, 0, a.h3_9) AS h3_9,
    toBool(hidden OR a.life_safety) AS life_safety,
    toBool(NOT hidden AND a.degraded) AS degraded,
    toBool(NOT hidden AND a.suppressed_by != '') AS suppressed,
    toBool(a.drill) AS drill,
    if(hidden, '', CAST(a.disposition, 'String')) AS disposition,
    if(hidden, '', CAST(a.protocol, 'String')) AS protocol,
    if(hidden, NULL, length(a.member_ids)) AS members,
    if(hidden, [], CAST(a.sources, 'Array(String)')) AS sources,
    if(hidden, [], CAST(a.reason_codes, 'Array(String)')) AS reason_codes,
    if(hidden, [], a.reasons_es) AS reasons_es,
    if(hidden, [], a.reasons_en) AS reasons_en,
    if(hidden, '', a.line) AS line,
    if(hidden, 0, a.silence_hid) AS silence_hid
FROM ops.alert_current AS a FINAL;

-- @wall.v_open_alerts Alerts neither closed nor merged. `turn`: 1 is attended first (level, unacknowledged, points, the
--     oldest; a reserved one before others of its level, since its points are not told). `line`: the same for alerts
--     that share one, empty for one of its own; `silence_hid`: what came while it is muted. Exercises have `drill`.
CREATE OR REPLACE VIEW wall.v_open_alerts DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    row_number() OVER (ORDER BY a.level, a.acknowledged, a.points DESC NULLS FIRST, a.opened, a.alert_id) AS turn,
    a.alert_id AS alert_id, a.level AS level, a.status AS status, a.acknowledged AS acknowledged,
    a.reserved AS reserved, a.type AS type, a.district AS district, a.opened AS opened,
    greatest(0, dateDiff('second', a.opened, now64(3, 'UTC'))) AS age_s, a.points AS points,
    a.lat AS lat, a.lon AS lon, a.accuracy_m AS accuracy_m, a.life_safety AS life_safety, a.degraded AS degraded,
    a.suppressed AS suppressed, a.members AS members, a.sources AS sources, a.reasons_es AS reasons_es,
    a.reasons_en AS reasons_en, a.drill AS drill,
    a.line AS line, a.silence_hid AS silence_hid
FROM ops.v_alerts_discreet AS a
WHERE a.status NOT IN ('closed', 'merged');
