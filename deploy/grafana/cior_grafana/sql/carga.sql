-- The operators' load, against the known standard: about one alert in ten minutes for each position is good, ten are a
-- flood (EEMUA 191, ISA-18.2), 150 a day are a full day. Absorbed alerts count: somebody saw them open.

-- @query last_ten wall table
-- @columns per_operator:number alerts:number operators:number
SELECT
    alerts / (SELECT maxOrNull(operators) FROM wall.v_centre) AS per_operator, count() AS alerts,
    (SELECT maxOrNull(operators) FROM wall.v_centre) AS operators
FROM wall.v_load
WHERE opened > now64(3, 'UTC') - toIntervalMinute(10);

-- @query open_per_operator wall table
-- @columns per_operator:number alerts:number
-- @bounded state
SELECT alerts / (SELECT maxOrNull(operators) FROM wall.v_centre) AS per_operator, count() AS alerts
FROM wall.v_open_alerts
WHERE NOT drill;

-- @query today wall table
-- @columns share_pct:number alerts:number capacity:number
SELECT
    round(100 * alerts / capacity) AS share_pct, count() AS alerts,
    150 * (SELECT maxOrNull(operators) FROM wall.v_centre) AS capacity
FROM wall.v_load
WHERE opened > now64(3, 'UTC') - toIntervalDay(1);

-- Ten minutes are many in a year: the last fourteen days of the range at most.
-- @query per_ten_by_level wall series
-- @columns time:time level:string alerts:number
SELECT time, level, alerts
FROM
(
    SELECT toStartOfInterval(toDateTime(opened, 'UTC'), INTERVAL 10 MINUTE) AS time, level, count() AS alerts
    FROM wall.v_load
    WHERE $__timeFilter_ms(opened) AND opened >= $__toTime - toIntervalDay(14)
    GROUP BY time, level
    ORDER BY level, time WITH FILL
        FROM toStartOfInterval(greatest($__fromTime, $__toTime - toIntervalDay(14)), INTERVAL 10 MINUTE)
        TO $__toTime STEP 600
)
ORDER BY time, level;

-- @query per_ten_by_district wall series
-- @columns time:time district:string alerts:number
SELECT c.time AS time, if(d.name != '', d.name, c.district) AS district, c.alerts AS alerts
FROM
(
    SELECT toStartOfInterval(toDateTime(opened, 'UTC'), INTERVAL 10 MINUTE) AS time, district, count() AS alerts
    FROM wall.v_load
    WHERE $__timeFilter_ms(opened) AND opened >= $__toTime - toIntervalDay(14)
    GROUP BY time, district
    ORDER BY district, time WITH FILL
        FROM toStartOfInterval(greatest($__fromTime, $__toTime - toIntervalDay(14)), INTERVAL 10 MINUTE)
        TO $__toTime STEP 600
) AS c
LEFT JOIN wall.v_districts AS d ON d.district = c.district
ORDER BY time, district;

-- The ten minutes with the most alerts. `state` is of the room: unknown while the centre has not said its positions.
-- @query floods wall table
-- @columns time:time state:string alerts:number per_operator:number p1_p2:number gathered:number
WITH (SELECT maxOrNull(operators) FROM wall.v_centre) AS operators
SELECT
    toStartOfInterval(toDateTime(opened, 'UTC'), INTERVAL 10 MINUTE) AS time,
    multiIf(isNull(per_operator), 'unknown', per_operator >= 10, 'flood', per_operator >= 2, 'busy', 'good') AS state,
    count() AS alerts, alerts / operators AS per_operator, countIf(level IN ('P1', 'P2')) AS p1_p2,
    countIf(flood) AS gathered
FROM wall.v_load
WHERE $__timeFilter_ms(opened)
GROUP BY time
ORDER BY alerts DESC, time DESC
LIMIT 20;

-- Of a usual week of the range.
-- @query by_hour wall table
-- @columns hour:string mon:number tue:number wed:number thu:number fri:number sat:number sun:number
WITH greatest(1, dateDiff('second', $__fromTime, $__toTime) / 604800) AS weeks
SELECT
    concat(leftPad(toString(h.number), 2, '0'), ' h') AS hour, round(countIf(weekday = 1) / weeks, 1) AS mon,
    round(countIf(weekday = 2) / weeks, 1) AS tue, round(countIf(weekday = 3) / weeks, 1) AS wed,
    round(countIf(weekday = 4) / weeks, 1) AS thu, round(countIf(weekday = 5) / weeks, 1) AS fri,
    round(countIf(weekday = 6) / weeks, 1) AS sat, round(countIf(weekday = 7) / weeks, 1) AS sun
FROM numbers(24) AS h
LEFT JOIN (SELECT local_hour, weekday FROM wall.v_load WHERE $__timeFilter_ms(opened)) AS l ON l.local_hour = h.number
GROUP BY h.number
ORDER BY h.number;

-- Whole days of the city. What a machine may decide to join or defer is the gap between candidates and alerts.
-- @query candidates_by_day wall series
-- @columns time:time candidates:number alerts:number capacity:number
SELECT
    min(began) AS time, sum(candidates) AS candidates, sum(alerts) AS alerts,
    150 * (SELECT maxOrNull(operators) FROM wall.v_centre) AS capacity
FROM
(
    SELECT local_day, day AS began, candidates, 0 AS alerts FROM wall.v_candidates_hour WHERE $__timeFilter(hour)
    UNION ALL
    SELECT local_day, day, 0, 1 FROM wall.v_load WHERE $__timeFilter_ms(opened)
)
GROUP BY local_day
ORDER BY time;

-- @query by_connector wall table
-- @columns connector:string candidates:number
SELECT if(connector = '', 'reservada', connector) AS connector, sum(candidates) AS candidates
FROM wall.v_candidates_hour AS c
WHERE $__timeFilter(hour)
GROUP BY c.connector
ORDER BY candidates DESC, connector
LIMIT 50;
