-- Grafana's audiences: a database of views each, and nothing else in it. Their users have no right on any table, so
-- each view runs as its definer (docs/adr/0013-grafana-reads-views-only.md). {definer} is filled in by
-- cior_store.migrate: cior_views on a server, the one user that there is in the embedded engine.
--
-- What every view of an audience keeps:
--   * alerts come from ops.v_alerts_discreet, never from ops.alert_current: what is reserved is masked in one place;
--   * events come from ops.v_kinds_minute or without what `is_reserved` says; and what is left out is masked too,
--     since a filter of the reader's may be evaluated before ours;
--   * drills are left out, or shown with a column `drill`;
--   * columns are named one by one, so that a column added to a table later changes nothing here.
CREATE DATABASE IF NOT EXISTS wall;
CREATE DATABASE IF NOT EXISTS supervisor;
CREATE DATABASE IF NOT EXISTS observatory;

-- What nobody of an audience may tell apart: whatever is not said to be open, and every silent type. The one rule of
-- views, rollups and statistics (an alert may also be silent by its own flag). One function, no operator, outermost: the
-- engine writes an operator with brackets once it has started again, and the same view then has two texts.
CREATE FUNCTION IF NOT EXISTS is_reserved AS (data_class, type) ->
    or(data_class NOT IN ('public', 'restricted'), startsWith(type, 'silent.'));

-- Whether a source or camera is a sealed one. Rows from before have no word of it: there a pseudonym tells.
ALTER TABLE ops.source_health ADD COLUMN IF NOT EXISTS
    data_class LowCardinality(String) DEFAULT if(match(subject, '^p-[0-9a-f]{32}$'), 'sealed', 'restricted');

-- Views are dropped and made anew, never MODIFY QUERY: until its next start the engine names a changed view's blocks
-- otherwise than afterwards, so a batch that it was killed in is counted twice (seen with 26.7).
DROP VIEW IF EXISTS ops.source_health_mv;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.source_health_mv TO ops.source_health AS
SELECT
    subject, source, connector, health, type, occurred, received, district, lat, lon, summary AS detail, event_id,
    drill, data_class
FROM ops.events
WHERE health != '';

ALTER TABLE ops.camera_state ADD COLUMN IF NOT EXISTS
    data_class LowCardinality(String) DEFAULT if(match(camera, '^p-[0-9a-f]{32}$'), 'sealed', 'restricted');

DROP VIEW IF EXISTS ops.camera_state_mv;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.camera_state_mv TO ops.camera_state AS
SELECT subject AS camera, source, type, occurred, received, health, summary AS detail, drill, data_class
FROM ops.events
WHERE startsWith(type, 'camera.');

-- Sealed events are counted together: a count by source and minute beside a silent alert's time names its source.
DROP VIEW IF EXISTS ops.ev_minute_mv;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.ev_minute_mv TO ops.ev_minute AS
WITH is_reserved(e.data_class, e.type) AS hidden
SELECT
    toDate(e.received) AS day, toStartOfMinute(toDateTime(e.received, 'UTC')) AS minute,
    if(hidden, 'sealed', e.source) AS source, if(hidden, 'reservada', e.type) AS type, e.drill AS drill, count() AS n
FROM ops.events AS e
GROUP BY day, minute, source, type, drill;

DROP VIEW IF EXISTS ops.kpi_hour_mv;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.kpi_hour_mv TO ops.kpi_hour AS
WITH is_reserved(e.data_class, e.type) AS hidden
SELECT
    toDate(e.received) AS day, toStartOfHour(toDateTime(e.received, 'UTC')) AS hour,
    if(hidden, 'sealed', e.source) AS source, e.lane AS lane, e.drill AS drill, count() AS n,
    quantilesTDigestState(0.5, 0.95, 0.99)(
        toUnixTimestamp64Milli(e.stored) - toUnixTimestamp64Milli(e.received)) AS store_delay_ms
FROM ops.events AS e
GROUP BY day, hour, source, lane, drill;

-- @v_kinds_minute Events a minute by kind of source and type (rollup; sealed ones left out, drills flagged).
CREATE OR REPLACE VIEW ops.v_kinds_minute AS
WITH
    m.source = 'sealed' OR startsWith(m.source, 'urn:cior:sealed:') OR startsWith(m.type, 'silent.') AS hidden,
    splitByChar(':', CAST(m.source, 'String')) AS parts
SELECT
    m.day AS day, m.minute AS minute, multiIf(hidden, '', parts[1] = 'urn', parts[3], parts[1]) AS kind,
    if(hidden, '', CAST(m.type, 'String')) AS type, toBool(m.drill) AS drill, m.n AS events
FROM ops.ev_minute AS m
WHERE NOT hidden;

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
    if(hidden, [], a.reasons_en) AS reasons_en
FROM ops.alert_current AS a FINAL;

-- @wall.v_open_alerts Alerts neither closed nor merged. `turn`: 1 is attended first (level, unacknowledged, points, the
--     oldest; a reserved one before others of its level, since its points are not told). Exercises have `drill`.
CREATE OR REPLACE VIEW wall.v_open_alerts DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    row_number() OVER (ORDER BY a.level, a.acknowledged, a.points DESC NULLS FIRST, a.opened, a.alert_id) AS turn,
    a.alert_id AS alert_id, a.level AS level, a.status AS status, a.acknowledged AS acknowledged,
    a.reserved AS reserved, a.type AS type, a.district AS district, a.opened AS opened,
    greatest(0, dateDiff('second', a.opened, now64(3, 'UTC'))) AS age_s, a.points AS points,
    a.lat AS lat, a.lon AS lon, a.accuracy_m AS accuracy_m, a.life_safety AS life_safety, a.degraded AS degraded,
    a.suppressed AS suppressed, a.members AS members, a.sources AS sources, a.reasons_es AS reasons_es,
    a.reasons_en AS reasons_en, a.drill AS drill
FROM ops.v_alerts_discreet AS a
WHERE a.status NOT IN ('closed', 'merged');

-- @wall.v_open_by_level All five levels, with or without alerts: open ones, those that nobody acknowledged, the age of
--     the oldest of these (empty when there is none), and how many are reserved. Drills left out.
CREATE OR REPLACE VIEW wall.v_open_by_level DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    level, toUInt64(sum(one)) AS alerts, toUInt64(sum(waiting)) AS unacknowledged,
    max(waiting_s) AS oldest_unacknowledged_s, toUInt64(sum(hidden)) AS reserved
FROM
(
    SELECT
        arrayJoin(['P1', 'P2', 'P3', 'P4', 'P5']) AS level, 0 AS one, 0 AS waiting,
        CAST(NULL, 'Nullable(Int64)') AS waiting_s, 0 AS hidden
    UNION ALL
    SELECT level, 1, if(acknowledged, 0, 1), if(acknowledged, NULL, age_s), if(reserved, 1, 0)
    FROM wall.v_open_alerts
    WHERE NOT drill
)
GROUP BY level
ORDER BY level;

-- @wall.v_open_by_district Open alerts by district: how many, the most urgent level, how many are P1, unacknowledged
--     and reserved, and the age of the oldest unacknowledged. Drills left out.
CREATE OR REPLACE VIEW wall.v_open_by_district DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    district, count() AS alerts, min(level) AS worst, countIf(level = 'P1') AS p1,
    countIf(NOT acknowledged) AS unacknowledged, countIf(reserved) AS reserved,
    max(if(acknowledged, NULL, age_s)) AS oldest_unacknowledged_s
FROM wall.v_open_alerts
WHERE NOT drill
GROUP BY district;

-- @wall.v_blind_spots What we cannot rely on now: devices whose last word was silent, down or degraded, one a row;
--     reserved ones are a count by district (`devices`) and nothing else. Exercises have `drill`.
CREATE OR REPLACE VIEW wall.v_blind_spots DEFINER = {definer} SQL SECURITY DEFINER AS
WITH s.data_class NOT IN ('public', 'restricted') AS hidden
SELECT
    if(hidden, '', s.subject) AS device, if(hidden, 'reservada', CAST(s.connector, 'String')) AS kind,
    if(hidden, '', CAST(s.health, 'String')) AS health,
    CAST(if(hidden, NULL, s.occurred), 'Nullable(DateTime64(3, \'UTC\'))') AS since,
    if(hidden, NULL, greatest(0, dateDiff('second', s.occurred, now64(3, 'UTC')))) AS age_s,
    CAST(s.district, 'String') AS district, if(hidden, NULL, s.lat) AS lat, if(hidden, NULL, s.lon) AS lon,
    toUInt64(1) AS devices, toBool(s.drill) AS drill
FROM ops.source_health AS s FINAL
WHERE s.health IN ('silent', 'degraded', 'down') AND NOT hidden
UNION ALL
SELECT
    '', 'reservada', '', CAST(NULL, 'Nullable(DateTime64(3, \'UTC\'))'), CAST(NULL, 'Nullable(Int64)'),
    CAST(s.district, 'String'), CAST(NULL, 'Nullable(Float64)'), CAST(NULL, 'Nullable(Float64)'),
    uniqExact(s.subject), toBool(s.drill)
FROM ops.source_health AS s FINAL
WHERE s.health IN ('silent', 'degraded', 'down') AND s.data_class NOT IN ('public', 'restricted')
GROUP BY s.district, s.drill;

-- @wall.v_events_minute Events a minute by kind of source (rollup; sealed ones and drills left out). Bound it by
--     `minute`.
CREATE OR REPLACE VIEW wall.v_events_minute DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT minute, kind, sum(events) AS events
FROM ops.v_kinds_minute
WHERE NOT drill AND type != 'accounting'
GROUP BY minute, kind;

-- @wall.v_data_age Age in seconds of the newest of what is stored: `events`, `raw`, `alerts`, `accounting`, and each
--     kind of `source` (to the minute, 31 days back; a drill is a sign of life). With nothing stored `state` is `empty`
--     and the age is empty, not 0. `events` and `raw` are as old as their receipt, or as their storing when that is
--     longer ago: a receiver whose clock is ahead makes nothing young.
CREATE OR REPLACE VIEW wall.v_data_age DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    what, kind, if(stored = 0, 'empty', 'data') AS state,
    CAST(if(stored = 0, NULL, newest), 'Nullable(DateTime(\'UTC\'))') AS newest,
    if(stored = 0, NULL, greatest(0, dateDiff('second', newest, now('UTC')))) AS age_s
FROM
(
    SELECT
        'events' AS what, '' AS kind, count() AS stored,
        toDateTime(least(max(e.received), max(e.stored)), 'UTC') AS newest
    FROM ops.events AS e
    UNION ALL
    SELECT 'raw', '', count(), toDateTime(least(max(r.received), max(r.stored)), 'UTC') FROM ops.raw AS r
    UNION ALL
    SELECT 'alerts', '', count(), toDateTime(max(updated), 'UTC') FROM ops.alert_current
    UNION ALL
    SELECT 'accounting', '', count(), toDateTime(max(at), 'UTC') FROM ops.accounting
    UNION ALL
    SELECT 'source', kind, toUInt64(sum(events)), max(minute)
    FROM ops.v_kinds_minute
    WHERE day >= today() - 31
    GROUP BY kind
);

-- @wall.v_false_alarms_day Alerts closed today, by the centre's clock: how many, how many judged, and the share of
--     false or unfounded among these with Wilson's 95 % interval (empty when none was judged). Drills and reserved
--     ones left out.
CREATE OR REPLACE VIEW wall.v_false_alarms_day DEFINER = {definer} SQL SECURITY DEFINER AS
WITH
    1.9207294 / judged AS half, 1 + 3.8414588 / judged AS scale,
    1.959964 * sqrt(share * (1 - share) / judged + 0.9603647 / judged / judged) AS reach
SELECT
    day, closed_alerts, judged, false_alarms, if(judged = 0, NULL, false_alarms / judged) AS share,
    if(judged = 0, NULL, greatest(0., (share + half - reach) / scale)) AS share_low,
    if(judged = 0, NULL, least(1., (share + half + reach) / scale)) AS share_high
FROM
(
    WITH 'America/Argentina/Buenos_Aires' AS zone
    SELECT
        toDate(now(), zone) AS day, count() AS closed_alerts,
        countIf(disposition IN ('confirmed', 'false_alarm', 'unfounded')) AS judged,
        countIf(disposition IN ('false_alarm', 'unfounded')) AS false_alarms
    FROM ops.v_alerts_discreet
    WHERE NOT drill AND NOT reserved AND status = 'closed' AND toDate(closed_at, zone) = toDate(now(), zone)
);
