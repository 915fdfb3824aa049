-- The console's audience: a database of views, and nothing else in it. Its user has no right on any table; each view
-- runs as its definer (docs/adr/0013-grafana-reads-views-only.md), so a table's whole records and raw bytes are out of
-- reach, and a reserved record is told by nothing but counts and a district.
-- Windows are arguments, `since_ms` and `until_ms` in UTC milliseconds, widened to whole minutes: no question of this
-- user's can ask for less than a minute, so none finds the instant of a silent alarm.
CREATE DATABASE IF NOT EXISTS console;

-- @v_balance Accepted against stored by minute and connector instance, computed from stored rows alone, between the
--     arguments `since_s` and `until_s` (UTC seconds). Exercises count: what is lost in one is lost too.
CREATE OR REPLACE VIEW ops.v_balance AS
WITH
    toDateTime({since_s:Int64}, 'UTC') AS since, toDateTime({until_s:Int64}, 'UTC') AS until,
    outcomes AS (SELECT minute, connector, instance, raw_id, events, dead, sealed FROM ops.raw_outcomes FINAL
        WHERE minute >= since AND minute < until),
    landed AS (SELECT raw_id, uniqExact(raw_index) AS n FROM ops.event_links
        WHERE raw_id IN (SELECT raw_id FROM outcomes) GROUP BY raw_id),
    buried AS (SELECT raw_id, uniqExact(dead_id) AS n FROM ops.dead_letters
        WHERE stage IN ('decode', 'store') AND raw_id IN (SELECT raw_id FROM outcomes) GROUP BY raw_id),
    disputed AS (SELECT DISTINCT raw_id, 1 AS n FROM ops.raw_conflicts
        WHERE raw_id IN (SELECT raw_id FROM outcomes))
SELECT
    toUnixTimestamp(minute) * 1000 AS minute_ms, CAST(connector, 'String') AS connector,
    CAST(instance, 'String') AS instance,
    if(max(has) = 1, sum(claimed), NULL) AS accepted, sum(raws) AS raw_stored,
    sum(declared) AS outcomes_declared, sum(ev) AS events_stored, sum(de) AS dead_stored, min(is_exact) AS exact,
    sum(other) AS conflicts, toBool(max(told) = 0) AS reserved
FROM
(
    SELECT
        minute, connector, instance, accepted AS claimed, 1 AS has, 0 AS raws, 0 AS declared, 0 AS ev, 0 AS de,
        exact AS is_exact, 0 AS other, 1 AS told
    FROM ops.accounting FINAL WHERE minute >= since AND minute < until
    UNION ALL
    SELECT o.minute, o.connector, o.instance, 0, 0, 1, o.events + o.dead, landed.n, buried.n, true, disputed.n,
        if(o.sealed, 0, 1)
    FROM outcomes AS o
    LEFT JOIN landed ON landed.raw_id = o.raw_id
    LEFT JOIN buried ON buried.raw_id = o.raw_id
    LEFT JOIN disputed ON disputed.raw_id = o.raw_id
)
GROUP BY minute, connector, instance;

-- @console.v_balance Accepted against stored as `ops.v_balance`; where a connector has records that do not say their
--     instance in a minute, its instances are one row, so that none shows how many of them were reserved. One that
--     neither stated an account nor has an open record then is `reservada`.
CREATE OR REPLACE VIEW console.v_balance DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    minute_ms, named AS connector, shown AS instance, if(max(has) = 1, sum(claimed), NULL) AS accepted,
    sum(raws) AS raw_stored, sum(declared) AS outcomes_declared, sum(ev) AS events_stored, sum(de) AS dead_stored,
    min(is_exact) AS exact, sum(other) AS conflicts
FROM
(
    SELECT
        b.minute_ms AS minute_ms, min(b.reserved) OVER (PARTITION BY b.minute_ms, b.connector) AS hidden,
        if(hidden, 'reservada', b.connector) AS named,
        countIf(b.instance = '') OVER (PARTITION BY b.minute_ms, b.connector) > 0 AS nameless,
        if(hidden OR nameless, '', b.instance) AS shown,
        ifNull(b.accepted, 0) AS claimed, toUInt8(b.accepted IS NOT NULL) AS has, b.raw_stored AS raws,
        b.outcomes_declared AS declared, b.events_stored AS ev, b.dead_stored AS de, b.exact AS is_exact,
        b.conflicts AS other
    FROM ops.v_balance(since_s = {since_s:Int64}, until_s = {until_s:Int64}) AS b
)
GROUP BY minute_ms, connector, instance;

-- @console.v_signals Raw records of a window by source and what they became; drills in their own column only, reserved
--     records left out.
CREATE OR REPLACE VIEW console.v_signals DEFINER = {definer} SQL SECURITY DEFINER AS
WITH r.data_class NOT IN ('public', 'restricted') AS hidden
SELECT
    if(hidden, '', CAST(r.source, 'String')) AS source, countIf(NOT r.drill) AS signals,
    sumIf(r.events, NOT r.drill) AS events, sumIf(r.dead, NOT r.drill) AS dead, countIf(r.drill) AS drills,
    toUnixTimestamp64Milli(max(r.received)) AS last_ms
FROM ops.raw AS r FINAL
WHERE NOT hidden AND r.received >= toStartOfMinute(fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC'))
    AND r.received < toStartOfMinute(fromUnixTimestamp64Milli({until_ms:Int64} + 59999, 'UTC'))
GROUP BY source;

-- @console.v_dead_codes Dead letters of a window by their code; a reserved source's are `reservada`.
CREATE OR REPLACE VIEW console.v_dead_codes DEFINER = {definer} SQL SECURITY DEFINER AS
WITH d.data_class NOT IN ('public', 'restricted') AS hidden
SELECT if(hidden, 'reservada', CAST(d.code, 'String')) AS code, count() AS letters
FROM ops.dead_letters AS d FINAL
WHERE d.at >= toStartOfMinute(fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC'))
    AND d.at < toStartOfMinute(fromUnixTimestamp64Milli({until_ms:Int64} + 59999, 'UTC'))
GROUP BY code;

-- @console.v_events Events of a window by source, copies collapsed; drills and reserved ones left out.
CREATE OR REPLACE VIEW console.v_events DEFINER = {definer} SQL SECURITY DEFINER AS
WITH is_reserved(CAST(e.data_class, 'String'), CAST(e.type, 'String')) AS hidden
SELECT if(hidden, '', CAST(e.source, 'String')) AS source, count() AS events
FROM ops.events AS e FINAL
WHERE NOT hidden AND NOT e.drill
    AND e.received >= toStartOfMinute(fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC'))
    AND e.received < toStartOfMinute(fromUnixTimestamp64Milli({until_ms:Int64} + 59999, 'UTC'))
GROUP BY source;

-- @console.v_levels Alerts opened in a window by level, how many are still open, and how often each reason (of those
--     that are not reserved); drills left out.
CREATE OR REPLACE VIEW console.v_levels DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    a.level AS level, count() AS alerts, countIf(a.status NOT IN ('closed', 'merged')) AS open,
    sumMap(a.reason_codes, arrayMap(x -> toUInt64(1), a.reason_codes)) AS tally,
    arrayReverseSort(x -> (x.2, x.1), arrayZip(tally.1, tally.2)) AS reasons
FROM ops.v_alerts_discreet AS a
WHERE NOT a.drill AND a.opened >= toStartOfMinute(fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC'))
    AND a.opened < toStartOfMinute(fromUnixTimestamp64Milli({until_ms:Int64} + 59999, 'UTC'))
GROUP BY level;

-- @console.v_drills How many alerts of a window were exercises: what the statistics leave out (`drill`).
CREATE OR REPLACE VIEW console.v_drills DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT count() AS alerts
FROM ops.v_alerts_discreet AS a
WHERE a.drill AND a.opened >= toStartOfMinute(fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC'))
    AND a.opened < toStartOfMinute(fromUnixTimestamp64Milli({until_ms:Int64} + 59999, 'UTC'));

-- @console.v_p1_latency How long the alerts took that reached P1 in a window, in milliseconds: to the decision and to
--     standing in the store; zeros when there was none. No alert is named (drills and reserved alerts left out).
CREATE OR REPLACE VIEW console.v_p1_latency DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    count() AS alerts,
    ifNotFinite(quantileExact(0.5)(p.decide_ms), 0) AS decide_p50_ms,
    ifNotFinite(quantileExact(0.95)(p.decide_ms), 0) AS decide_p95_ms,
    ifNotFinite(quantileExact(0.99)(p.decide_ms), 0) AS decide_p99_ms,
    ifNotFinite(quantileExact(0.5)(p.visible_ms), 0) AS visible_p50_ms,
    ifNotFinite(quantileExact(0.95)(p.visible_ms), 0) AS visible_p95_ms,
    ifNotFinite(quantileExact(0.99)(p.visible_ms), 0) AS visible_p99_ms
FROM ops.v_p1_latency AS p
WHERE p.received >= toStartOfMinute(fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC'))
    AND p.received < toStartOfMinute(fromUnixTimestamp64Milli({until_ms:Int64} + 59999, 'UTC'))
    AND p.alert_id NOT IN (SELECT a.alert_id FROM ops.alert_current AS a
        WHERE a.silent OR is_reserved(CAST(a.data_class, 'String'), CAST(a.type, 'String')));

-- @v_false_alarms Closed alerts with a judgement, by source and type: confirmed, false, unfounded, and the Wilson 95 %
--     interval of the false share (drills and reserved alerts left out).
CREATE OR REPLACE VIEW ops.v_false_alarms AS
WITH
    1.9207294 / judged AS half, 1 + 3.8414588 / judged AS scale,
    1.959964 * sqrt(false_share * (1 - false_share) / judged + 0.9603647 / judged / judged) AS reach
SELECT
    source, type, closed_alerts, confirmed, false_alarms, unfounded, judged,
    if(judged = 0, NULL, (false_alarms + unfounded) / judged) AS false_share,
    if(judged = 0, NULL, greatest(0., (false_share + half - reach) / scale)) AS false_share_low,
    if(judged = 0, NULL, least(1., (false_share + half + reach) / scale)) AS false_share_high
FROM
(
    SELECT
        source, type, count() AS closed_alerts, countIf(disposition = 'confirmed') AS confirmed,
        countIf(disposition = 'false_alarm') AS false_alarms, countIf(disposition = 'unfounded') AS unfounded,
        confirmed + false_alarms + unfounded AS judged
    FROM
    (
        SELECT arrayJoin(sources) AS source, type, disposition
        FROM ops.v_alerts_discreet
        WHERE NOT drill AND NOT reserved AND status = 'closed'
    )
    GROUP BY source, type
);

-- @console.v_false_alarms The false-alarm ledger by source and type (drills and reserved alerts left out).
CREATE OR REPLACE VIEW console.v_false_alarms DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    f.source AS source, f.type AS type, f.closed_alerts AS closed_alerts, f.judged AS judged,
    f.confirmed AS confirmed, f.false_alarms AS false_alarms, f.unfounded AS unfounded,
    f.false_share AS false_share, f.false_share_low AS false_share_low, f.false_share_high AS false_share_high
FROM ops.v_false_alarms AS f;

-- @console.v_blind_spots Devices and sources that cannot be relied on now, one a row with what it last said; reserved
--     ones are a count by district (`devices`) and nothing else. Exercises have `drill`.
CREATE OR REPLACE VIEW console.v_blind_spots DEFINER = {definer} SQL SECURITY DEFINER AS
WITH s.data_class NOT IN ('public', 'restricted') AS hidden
SELECT
    toBool(false) AS reserved, if(hidden, '', s.subject) AS subject, if(hidden, '', CAST(s.source, 'String')) AS source,
    if(hidden, '', CAST(s.connector, 'String')) AS connector, if(hidden, '', CAST(s.health, 'String')) AS health,
    if(hidden, NULL, toUnixTimestamp64Milli(s.occurred)) AS since_ms, CAST(s.district, 'String') AS district,
    if(hidden, NULL, s.lat) AS lat, if(hidden, NULL, s.lon) AS lon, if(hidden, '', s.detail) AS detail,
    toUInt64(1) AS devices, toBool(s.drill) AS drill
FROM ops.source_health AS s FINAL
WHERE s.health IN ('silent', 'degraded', 'down') AND NOT hidden
UNION ALL
SELECT
    toBool(true), '', '', '', '', CAST(NULL, 'Nullable(Int64)'), CAST(s.district, 'String'),
    CAST(NULL, 'Nullable(Float64)'), CAST(NULL, 'Nullable(Float64)'), '', uniqExact(s.subject), toBool(s.drill)
FROM ops.source_health AS s FINAL
WHERE s.health IN ('silent', 'degraded', 'down') AND s.data_class NOT IN ('public', 'restricted')
GROUP BY s.district, s.drill;
