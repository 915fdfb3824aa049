-- 911: what the desks send, against the same hours of the weeks before, and how long it took. Times are those of the
-- calls. Exercises and test calls are left out; a reserved call counts and says no class.

-- @query desk_age supervisor table
-- @columns age_s:number last_call:time
-- @bounded state
SELECT min(v.age_s) AS age_s, max(v.last_call) AS last_call
FROM supervisor.v_call_desks AS v
HAVING count() > 0

-- @query calls_total supervisor table
-- @columns calls:number reserved:number edited:number joined:number
SELECT
    count() AS calls, countIf(v.reserved) AS reserved, countIf(versions > 1) AS edited,
    countIf(merged_into != '') AS joined
FROM supervisor.v_calls AS v
WHERE $__dateFilter(day) AND $__timeFilter(created)
HAVING calls > 0

-- Usual: the mean of the same hour of those of the four weeks before that the store has.
-- @query volume supervisor series
-- @columns time:time calls:number usual:number
WITH (SELECT min(day) FROM supervisor.v_call_days) AS first_day
SELECT time, if(of_now = 0, NULL, of_now) AS calls, if(weeks = 0, NULL, of_then / weeks) AS usual
FROM
(
    SELECT
        toStartOfHour(toDateTime(created, 'UTC')) + toIntervalDay(7 * week) AS time, countIf(week = 0) AS of_now,
        countIf(week > 0) AS of_then, length(arrayFilter(w -> toDate(time) - 7 * w >= first_day, [1, 2, 3, 4])) AS weeks
    FROM supervisor.v_calls
    ARRAY JOIN [0, 1, 2, 3, 4] AS week
    WHERE day >= toDate($__fromTime) - 29 AND day <= toDate($__toTime)
    GROUP BY time
)
WHERE $__timeFilter(time)
ORDER BY time WITH FILL STEP toIntervalHour(1)

-- @query by_class supervisor table
-- @columns type:string calls:number usual:number change:number
WITH (SELECT min(day) FROM supervisor.v_call_days) AS first_day,
    length(arrayFilter(w -> toDate($__fromTime) - 7 * w >= first_day, [1, 2, 3, 4])) AS weeks
SELECT
    type, countIf(week = 0) AS calls, if(weeks = 0, NULL, countIf(week BETWEEN 1 AND weeks) / weeks) AS usual,
    if(usual > 0, (calls - usual) / usual, NULL) AS change
FROM
(
    SELECT type, created + toIntervalDay(7 * week) AS shifted, week
    FROM supervisor.v_calls
    ARRAY JOIN [0, 1, 2, 3, 4] AS week
    WHERE day >= toDate($__fromTime) - 29 AND day <= toDate($__toTime)
)
WHERE $__timeFilter(shifted)
GROUP BY type
ORDER BY calls DESC, usual DESC, type
LIMIT 60

-- Only what the desk itself stamps. A call without a stamp is counted as missing and in no percentile.
-- @query response supervisor table
-- @columns type:string calls:number no_dispatch:number dispatch_p50:number dispatch_p90:number
-- @columns no_arrival:number arrive_p50:number arrive_p90:number
SELECT
    type, count() AS calls, countIf(dispatch_s IS NULL) AS no_dispatch,
    if(no_dispatch = calls, NULL, quantileExactIf(0.5)(dispatch_s, dispatch_s IS NOT NULL)) AS dispatch_p50,
    if(no_dispatch = calls, NULL, quantileExactIf(0.9)(dispatch_s, dispatch_s IS NOT NULL)) AS dispatch_p90,
    countIf(arrive_s IS NULL) AS no_arrival,
    if(no_arrival = calls, NULL, quantileExactIf(0.5)(arrive_s, arrive_s IS NOT NULL)) AS arrive_p50,
    if(no_arrival = calls, NULL, quantileExactIf(0.9)(arrive_s, arrive_s IS NOT NULL)) AS arrive_p90
FROM supervisor.v_calls
WHERE $__dateFilter(day) AND $__timeFilter(created) AND NOT reserved
GROUP BY type
ORDER BY calls DESC, type
LIMIT 60

-- Calls of one event that the centre gathered into one alert; what the desk joined itself stands above.
-- @query merges supervisor table
-- @columns alerts:number calls:number gathered:number
SELECT count() AS alerts, sum(held) AS calls, sum(held) - count() AS gathered
FROM
(
    SELECT alert_id, uniqExact(c.source, c.incident) AS held
    FROM
    (
        SELECT alert_id, event_id FROM supervisor.v_call_members WHERE $__dateFilter(day) AND $__timeFilter(opened)
    ) AS m
    INNER JOIN
    (
        SELECT event_id, source, incident FROM supervisor.v_call_versions
        WHERE day >= toDate($__fromTime) - 1 AND day <= toDate($__toTime)
    ) AS c ON c.event_id = m.event_id
    GROUP BY alert_id
    HAVING held > 1
)
HAVING alerts > 0

-- @query dead supervisor table
-- @columns code:string records:number last:time
SELECT code, sum(v.records) AS records, max(hour) AS last
FROM supervisor.v_call_dead_letters AS v
WHERE $__timeFilter(hour)
GROUP BY code
ORDER BY records DESC, code
