-- Of somebody sealed (law 17): "does not report" is never shown as "no alarms", and never tells who it is, so its count
-- is rounded up to the next five (one looks like five). A connector all of whose bytes lie in boxes is still heard of.

-- @wall.v_blind_spots What we cannot rely on now: devices whose last word was silent, down or degraded, one a row;
--     reserved ones are up to so many by district (`devices`, rounded up to the next five) and nothing else. Exercises
--     have `drill`.
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
    toUInt64(intDiv(uniqExact(s.subject) + 4, 5) * 5), toBool(s.drill)
FROM ops.source_health AS s FINAL
WHERE s.health IN ('silent', 'degraded', 'down') AND s.data_class NOT IN ('public', 'restricted')
GROUP BY s.district, s.drill;

-- @console.v_blind_spots Devices and sources that cannot be relied on now, one a row with what it last said; reserved
--     ones are up to so many by district (`devices`, rounded up to the next five) and nothing else. Exercises have
--     `drill`.
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
    CAST(NULL, 'Nullable(Float64)'), CAST(NULL, 'Nullable(Float64)'), '',
    toUInt64(intDiv(uniqExact(s.subject) + 4, 5) * 5), toBool(s.drill)
FROM ops.source_health AS s FINAL
WHERE s.health IN ('silent', 'degraded', 'down') AND s.data_class NOT IN ('public', 'restricted')
GROUP BY s.district, s.drill;

-- @console.v_signals Raw records of a window by source and what they became; drills in their own column only, reserved
--     records left out. A connector without an open record is one line: as many as it says itself that it took, to the
--     minute, drills included; what they became is not told.
CREATE OR REPLACE VIEW console.v_signals DEFINER = {definer} SQL SECURITY DEFINER AS
WITH r.data_class NOT IN ('public', 'restricted') AS hidden
SELECT
    if(hidden, '', CAST(r.source, 'String')) AS source, countIf(NOT r.drill) AS signals,
    sumIf(r.events, NOT r.drill) AS events, sumIf(r.dead, NOT r.drill) AS dead, countIf(r.drill) AS drills,
    toUnixTimestamp64Milli(max(r.received)) AS last_ms
FROM ops.raw AS r FINAL
WHERE NOT hidden AND r.received >= toStartOfMinute(fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC'))
    AND r.received < toStartOfMinute(fromUnixTimestamp64Milli({until_ms:Int64} + 59999, 'UTC'))
GROUP BY source
UNION ALL
SELECT
    concat('urn:cior:', CAST(a.connector, 'String'), ':boxed') AS source,
    sum(a.accepted) AS signals, toUInt64(0) AS events, toUInt64(0) AS dead, toUInt64(0) AS drills,
    toInt64(toUnixTimestamp(max(a.minute))) * 1000 AS last_ms
FROM ops.accounting AS a FINAL
WHERE a.accepted > 0 AND a.minute >= toStartOfMinute(fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC'))
    AND a.minute < toStartOfMinute(fromUnixTimestamp64Milli({until_ms:Int64} + 59999, 'UTC'))
    AND a.connector NOT IN (
        SELECT if(r.data_class NOT IN ('public', 'restricted'), '', CAST(r.connector, 'String')) FROM ops.raw AS r
        WHERE r.received >= toStartOfMinute(fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC'))
            AND r.received < toStartOfMinute(fromUnixTimestamp64Milli({until_ms:Int64} + 59999, 'UTC')))
GROUP BY a.connector;
