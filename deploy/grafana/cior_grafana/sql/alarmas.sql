-- Community alarms: the units, whether they speak, and when too many do at once. Exercises are left out; a reserved
-- press counts in its district and names no unit. People are never named: a unit is its number.

-- @query units_now wall table
-- @columns silent:number late:number reporting:number unsupervised:number units:number
-- @bounded state
SELECT
    sum(v.silent) AS silent, sum(v.late) AS late, sum(v.reporting) AS reporting, sum(v.unsupervised) AS unsupervised,
    sum(v.units) AS units
FROM wall.v_unit_states AS v
HAVING units > 0

-- @query supervision wall table
-- @columns district:string silent:number late:number reporting:number unsupervised:number units:number
-- @bounded state
SELECT district, silent, late, reporting, unsupervised, units
FROM wall.v_unit_states
ORDER BY silent DESC, late DESC, district

-- @query silent_units supervisor table
-- @columns state:number device:string district:string silent_since:time last_word:time expected_every_s:number
-- @bounded state
SELECT state, device, district, silent_since, last_word, expected_every_s
FROM supervisor.v_units
WHERE state IN (2, 3) AND NOT drill
ORDER BY state DESC, last_word, device
LIMIT 300

-- @query storms supervisor table
-- @columns slot:time district:string presses:number pressing_units:number silent_units:number
SELECT slot, district, presses, pressing_units, silent_units
FROM supervisor.v_unit_storms
WHERE $__timeFilter(slot)
ORDER BY slot DESC, district
LIMIT 100

-- @query unit_bursts supervisor table
-- @columns slot:time device:string district:string signals:number presses:number
SELECT slot, device, district, signals, presses
FROM supervisor.v_unit_bursts
WHERE $__timeFilter(slot)
ORDER BY signals DESC, slot DESC
LIMIT 100

-- Days are the city's own; a day without a press of a district has no point.
-- @query presses_by_day supervisor series
-- @columns time:time district:string presses:number
SELECT
    toStartOfDay(received, (SELECT if(count() = 0, 'UTC', any(timezone)) FROM wall.v_centre)) AS time, district,
    countIf(press) AS presses
FROM supervisor.v_unit_signals
WHERE $__timeFilter(received) AND press
GROUP BY time, district
ORDER BY time, district

-- @query busiest supervisor table
-- @columns device:string district:string presses:number signals:number registered:string last:time
SELECT
    device, argMax(v.district, v.received) AS district, countIf(press) AS presses, count() AS signals,
    multiIf(max(v.registered) = 1, 'si', max(v.registered) = 0, 'no', '?') AS registered, max(v.received) AS last
FROM supervisor.v_unit_signals AS v
WHERE $__timeFilter(v.received) AND device != '' AND NOT startsWith(type, 'source.')
GROUP BY device
ORDER BY presses DESC, signals DESC, device
LIMIT 30

-- @query troubles supervisor table
-- @columns type:string device:string district:string told:time times:number
-- @bounded state
SELECT type, device, district, told, times
FROM supervisor.v_unit_troubles
ORDER BY told DESC, device
LIMIT 300
