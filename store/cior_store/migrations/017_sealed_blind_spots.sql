-- Blind spots of somebody sealed (law 17): "does not report" is never shown as "no alarms", and never tells who it is.
-- They are one row a district, their number is rounded up to the next five (one looks like five), and their since is the
-- hour. A pseudonym of supervision is on no wall.

-- @v_blind_spots Devices and sources whose last word about themselves was silent, down or degraded, with the start and
--     the reason. Reserved ones are one row a district: no name, up to how many (`detail`), since the hour.
CREATE OR REPLACE VIEW ops.v_blind_spots AS
SELECT
    CAST(subject, 'String') AS subject, CAST(source, 'String') AS source, CAST(connector, 'String') AS connector,
    CAST(health, 'String') AS health, occurred AS since, received, CAST(district, 'String') AS district, lat, lon,
    CAST(detail, 'String') AS detail, drill
FROM ops.source_health FINAL
WHERE health IN ('silent', 'degraded', 'down') AND data_class IN ('public', 'restricted')
UNION ALL
SELECT
    '', 'sealed', 'sealed', 'silent', CAST(toStartOfHour(min(s.occurred)), 'DateTime64(3, \'UTC\')'),
    CAST(toStartOfHour(min(s.received)), 'DateTime64(3, \'UTC\')'), CAST(s.district, 'String'),
    CAST(NULL, 'Nullable(Float64)'), CAST(NULL, 'Nullable(Float64)'),
    toString(intDiv(uniqExact(s.subject) + 4, 5) * 5), s.drill
FROM ops.source_health AS s FINAL
WHERE s.health IN ('silent', 'degraded', 'down') AND s.data_class NOT IN ('public', 'restricted')
GROUP BY s.district, s.drill;

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
