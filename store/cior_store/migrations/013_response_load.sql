-- Response times, false alarms and the operators' load: what their boards ask. Exercises never count here.

-- One narrow row an alert, by the day it opened: thirty days are read as thirty days, not as the whole table of states.
-- The highest version wins, as in ops.alert_current: a copy or a late old version changes nothing. Read with FINAL.
-- It is discreet as ops.v_alerts_discreet is: a reserved alert (sealed or silent) is `reservada`, its times are to the
-- minute, and it brings no judgement, source or device. `counted`: an incident, not absorbed, a test or a duplicate.
CREATE TABLE IF NOT EXISTS ops.alert_clock
(
    alert_id String,
    version UInt64,
    type LowCardinality(String),
    level LowCardinality(String),
    district LowCardinality(String),
    status LowCardinality(String),
    disposition LowCardinality(String),
    counted Bool,
    reserved Bool,
    drill Bool,
    flood Bool,
    opened DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    first_occurred DateTime64(3, 'UTC'),
    first_received DateTime64(3, 'UTC'),
    acknowledged Nullable(DateTime64(3, 'UTC')),
    dispatched Nullable(DateTime64(3, 'UTC')),
    on_scene Nullable(DateTime64(3, 'UTC')),
    sources Array(LowCardinality(String)),
    devices Array(String)
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(opened)
ORDER BY (toDate(opened), alert_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.alert_clock_mv TO ops.alert_clock AS
WITH
    a.silent OR is_reserved(a.data_class, a.type) AS hidden,
    x -> CAST(if(hidden, toStartOfMinute(x), x), 'Nullable(DateTime64(3, \'UTC\'))') AS discreet
SELECT
    a.alert_id AS alert_id, a.version AS version, if(hidden, 'reservada', CAST(a.type, 'String')) AS type,
    a.level AS level, a.district AS district, a.status AS status,
    if(hidden, '', CAST(a.disposition, 'String')) AS disposition,
    toBool(a.status != 'merged' AND a.disposition NOT IN ('test', 'duplicate')) AS counted,
    toBool(hidden) AS reserved, a.drill AS drill, toBool(has(a.reason_codes, 'flood.begun')) AS flood,
    assumeNotNull(discreet(a.opened)) AS opened, assumeNotNull(discreet(a.first_occurred)) AS first_occurred,
    assumeNotNull(discreet(a.first_received)) AS first_received, discreet(a.acknowledged) AS acknowledged,
    discreet(a.dispatched) AS dispatched, discreet(a.on_scene) AS on_scene, if(hidden, [], a.sources) AS sources,
    if(hidden, [], arraySort(arrayDistinct(
        arrayMap(m -> JSONExtractString(m, 'subject'), JSONExtractArrayRaw(a.body, 'members'))))) AS devices
FROM ops.alert_current AS a;

-- What could open an alert, hour by hour: first words of facts, telemetry left out. What is sealed brings no connector.
-- Rebuilt from ops.events like the other rollups (cior_store.rollups).
CREATE TABLE IF NOT EXISTS ops.candidate_hour
(
    day Date,
    hour DateTime('UTC'),
    connector LowCardinality(String),
    drill Bool,
    n UInt64
)
ENGINE = SummingMergeTree(n)
PARTITION BY day
ORDER BY (hour, connector, drill)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.candidate_hour_mv TO ops.candidate_hour AS
SELECT
    toDate(e.received) AS day, toStartOfHour(toDateTime(e.received, 'UTC')) AS hour,
    if(is_reserved(e.data_class, e.type), '', CAST(e.connector, 'String')) AS connector,
    e.drill AS drill, count() AS n
FROM ops.events AS e
WHERE e.lane != 'telemetry' AND e.phase = 'new'
GROUP BY day, hour, connector, drill;

-- Share of k among n, the bounds of Wilson's 95 % score interval (E. B. Wilson 1927); empty when n is 0.
CREATE FUNCTION IF NOT EXISTS wilson_low AS (k, n) ->
    if(n = 0, NULL,
        greatest(0., (k + 1.9207294 - 1.959964 * sqrt(k * (n - k) / nullIf(n, 0) + 0.9603647)) / (n + 3.8414588)));

CREATE FUNCTION IF NOT EXISTS wilson_high AS (k, n) ->
    if(n = 0, NULL,
        least(1., (k + 1.9207294 + 1.959964 * sqrt(k * (n - k) / nullIf(n, 0) + 0.9603647)) / (n + 3.8414588)));

-- What each type of fact belongs to, from the taxonomy in force. Each edition is whole; the latest counts.
CREATE TABLE IF NOT EXISTS ops.event_types
(
    type String,
    family LowCardinality(String),
    name_es String,
    name_en String,
    written DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(written)
ORDER BY type
SETTINGS non_replicated_deduplication_window = 10000;

-- @wall.v_event_types Every type of the taxonomy in force: its family and its names in Spanish and English.
CREATE OR REPLACE VIEW wall.v_event_types DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT type, family, name_es, name_en
FROM ops.event_types FINAL
WHERE written = (SELECT max(written) FROM ops.event_types);

-- @v_alert_clock Alerts that are no exercise with their stamps, as discreet as ops.v_alerts_discreet, and the city's
--     clock: `local` (labelled UTC), `local_day`, and `day`, the instant at which that day began. Bound it by `opened`.
CREATE OR REPLACE VIEW ops.v_alert_clock AS
WITH
    -- Only toString takes a zone that is no constant. Empty: nobody has said it yet, or a view is being made.
    (SELECT any(timezone) FROM wall.v_centre) AS said, if(said = '', 'UTC', said) AS zone,
    toDateTime(toString(toDateTime(a.opened, 'UTC'), zone), 'UTC') AS clock
SELECT
    a.opened AS opened, clock AS local, toDate(clock) AS local_day,
    toStartOfDay(clock) - toIntervalSecond(dateDiff('second', toDateTime(a.opened, 'UTC'), clock)) AS day,
    CAST(a.type, 'String') AS type, CAST(a.level, 'String') AS level, CAST(a.district, 'String') AS district,
    CAST(a.status, 'String') AS status, CAST(a.disposition, 'String') AS disposition, a.counted AS counted,
    a.reserved AS reserved, a.flood AS flood, a.first_occurred AS first_occurred, a.first_received AS first_received,
    a.acknowledged AS acknowledged, a.dispatched AS dispatched, a.on_scene AS on_scene,
    isNotNull(coalesce(a.dispatched, a.on_scene)) AS sent, CAST(a.sources, 'Array(String)') AS sources,
    a.devices AS devices
FROM ops.alert_clock AS a FINAL
WHERE NOT a.drill;

-- Response times ------------------------------------------------------------------------------------------------------

-- @wall.v_response_steps Each step of each incident's response with its seconds, or why it has none: `missing` (the
--     stamp was never set), `waiting` (to come), `wrong_clock` (it ends before it begins, or a device spoke of the
--     day before). Reserved ones have no district and no type. Drills, tests and duplicates left out. Bound: `opened`.
CREATE OR REPLACE VIEW wall.v_response_steps DEFINER = {definer} SQL SECURITY DEFINER AS
WITH (SELECT mapFromArrays(groupArray(type), groupArray(CAST(family, 'String'))) FROM wall.v_event_types) AS families
SELECT
    opened, day, local_day, level, reserved, type,
    multiIf(reserved, 'reservada', families[type] != '', families[type], splitByChar('.', type)[1]) AS family,
    if(reserved, '', c.district) AS district, step,
    multiIf(
        isNull(since) OR isNull(until), if(ended, 'missing', 'waiting'),
        until < since OR (step = 'signal_receipt' AND until > since + toIntervalDay(1)), 'wrong_clock',
        'measured') AS state,
    if(state = 'measured', dateDiff('millisecond', since, until) / 1000, NULL) AS span_s
FROM
(
    SELECT opened, day, local_day, level, reserved, type, district, step, since, until, ended
    FROM (SELECT *, status = 'closed' AS over, isNotNull(on_scene) AS arrived FROM ops.v_alert_clock WHERE counted)
    ARRAY JOIN
        CAST(range(1, 7), 'Array(Enum8(\'signal_receipt\' = 1, \'receipt_alert\' = 2, \'alert_taken\' = 3,
            \'taken_sent\' = 4, \'sent_scene\' = 5, \'receipt_scene\' = 6))') AS step,
        [first_occurred, first_received, opened, acknowledged, dispatched, first_received] AS since,
        [first_received, opened, acknowledged, dispatched, on_scene, on_scene] AS until,
        [true, true, over OR sent, over OR sent, over OR arrived, over] AS ended
) AS c;

-- False alarms --------------------------------------------------------------------------------------------------------

-- @wall.v_judged_alerts Closed incidents that somebody judged (confirmed, false_alarm, unfounded), one row each: its
--     sources and their kinds; whether a unit was sent (`sent`), its officer-hours and their cost by the centre's
--     figures, empty where it has none. Drills and reserved ones left out. Bound it by `opened`.
CREATE OR REPLACE VIEW wall.v_judged_alerts DEFINER = {definer} SQL SECURITY DEFINER AS
WITH
    (SELECT mapFromArrays(groupArray(type), groupArray(CAST(family, 'String'))) FROM wall.v_event_types) AS families,
    (SELECT maxOrNull(officer_hours_per_dispatch) FROM wall.v_centre) AS hours_each,
    (SELECT maxOrNull(officer_hour_cost) FROM wall.v_centre) AS hour_cost
SELECT
    opened, day, local_day, type, if(families[type] != '', families[type], splitByChar('.', type)[1]) AS family,
    district, sources,
    arrayDistinct(arrayMap(x -> splitByChar(':', replaceOne(x, 'urn:cior:', ''))[1], sources)) AS kinds, disposition,
    sent, if(sent, hours_each, hours_each * 0) AS hours, hours * hour_cost AS cost
FROM ops.v_alert_clock
WHERE counted AND NOT reserved AND status = 'closed' AND disposition IN ('confirmed', 'false_alarm', 'unfounded');

-- @supervisor.v_judged_devices The same by device: one row a judged incident and device of its signals. Drills and
--     reserved ones left out. Bound it by `opened`.
CREATE OR REPLACE VIEW supervisor.v_judged_devices DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT opened, type, device, disposition, sent
FROM ops.v_alert_clock
ARRAY JOIN devices AS device
WHERE counted AND NOT reserved AND status = 'closed' AND disposition IN ('confirmed', 'false_alarm', 'unfounded');

-- The operators' load -------------------------------------------------------------------------------------------------

-- @wall.v_load Every alert that opened, absorbed ones too (somebody saw them): when, by the centre's clock
--     (`local_hour` 0 to 23, `weekday` 1 is Monday), level, district, reserved or not, `flood` where it gathers many
--     devices that said the same at once. Drills left out. Bound it by `opened`.
CREATE OR REPLACE VIEW wall.v_load DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    opened, day, local_day, toHour(local) AS local_hour, toDayOfWeek(local) AS weekday, level, district, reserved,
    flood, status = 'merged' AS absorbed
FROM ops.v_alert_clock;

-- @wall.v_candidates_hour First words of facts that could open an alert, by hour and connector (rollup; what is
--     sealed has no connector; drills left out).
CREATE OR REPLACE VIEW wall.v_candidates_hour DEFINER = {definer} SQL SECURITY DEFINER AS
WITH
    (SELECT any(timezone) FROM wall.v_centre) AS said, if(said = '', 'UTC', said) AS zone,
    toDateTime(toString(hour, zone), 'UTC') AS clock
SELECT
    hour, toDate(clock) AS local_day, toStartOfDay(clock) - toIntervalSecond(dateDiff('second', hour, clock)) AS day,
    CAST(r.connector, 'String') AS connector, sum(n) AS candidates
FROM ops.candidate_hour AS r
WHERE NOT drill
GROUP BY hour, connector;

-- The one formula, for the ledgers of all time and of today too.
-- @v_false_alarms Closed alerts with a judgement, by source and type: confirmed, false, unfounded, and the Wilson 95 %
--     interval of the false share (drills left out).
CREATE OR REPLACE VIEW ops.v_false_alarms AS
SELECT
    source, type, closed_alerts, confirmed, false_alarms, unfounded, judged,
    if(judged = 0, NULL, (false_alarms + unfounded) / judged) AS false_share,
    wilson_low(false_alarms + unfounded, judged) AS false_share_low,
    wilson_high(false_alarms + unfounded, judged) AS false_share_high
FROM
(
    SELECT
        source, type, count() AS closed_alerts, countIf(disposition = 'confirmed') AS confirmed,
        countIf(disposition = 'false_alarm') AS false_alarms, countIf(disposition = 'unfounded') AS unfounded,
        confirmed + false_alarms + unfounded AS judged
    FROM
    (
        SELECT arrayJoin(sources) AS source, type, disposition
        FROM ops.alert_current FINAL WHERE NOT drill AND status = 'closed'
    )
    GROUP BY source, type
);

-- @wall.v_false_alarms_day Alerts closed today, by the centre's clock: how many, how many judged, and the share of
--     false or unfounded among these with Wilson's 95 % interval (empty when none was judged). Drills and reserved
--     ones left out.
CREATE OR REPLACE VIEW wall.v_false_alarms_day DEFINER = {definer} SQL SECURITY DEFINER AS
WITH
    (SELECT any(timezone) FROM wall.v_centre) AS said, if(said = '', 'UTC', said) AS zone,
    toDate(toDateTime(toString(now('UTC'), zone), 'UTC')) AS today
SELECT
    today AS day, closed_alerts, judged, false_alarms, if(judged = 0, NULL, false_alarms / judged) AS share,
    wilson_low(false_alarms, judged) AS share_low, wilson_high(false_alarms, judged) AS share_high
FROM
(
    SELECT
        count() AS closed_alerts, countIf(disposition IN ('confirmed', 'false_alarm', 'unfounded')) AS judged,
        countIf(disposition IN ('false_alarm', 'unfounded')) AS false_alarms
    FROM ops.v_alerts_discreet
    WHERE NOT drill AND NOT reserved AND status = 'closed'
        AND toDate(toDateTime(toString(toDateTime(coalesce(closed_at, opened), 'UTC'), zone), 'UTC')) = today
);

-- Alerts of before this version reach the tables that are filled as alerts come. Copies of a version collapse.
INSERT INTO ops.alert_current SELECT * FROM ops.alert_current FINAL;
