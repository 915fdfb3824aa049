-- Transport: presses by line, vehicles that speak and that do not. Exercises are left out. A reserved press has neither
-- vehicle nor line.

-- @query fleet_now supervisor table
-- @columns silent:number quiet:number reporting:number vehicles:number
-- @bounded state
SELECT
    countIf(state = 3) AS silent, countIf(state = 2) AS quiet, countIf(state = 1) AS reporting, count() AS vehicles
FROM supervisor.v_vehicles
WHERE NOT drill
HAVING vehicles > 0

-- @query presses_total supervisor table
-- @columns presses:number vehicles:number lines:number reserved:number
SELECT
    count() AS presses, uniqExactIf(device, device != '') AS vehicles, uniqExactIf(route, route != '') AS lines,
    countIf(type = 'reservada') AS reserved
FROM supervisor.v_transport_presses
WHERE $__timeFilter(received)
HAVING presses > 0

-- @query presses_by_route supervisor table
-- @columns route:string bus:number taxi:number stop:number vehicles:number last:time
SELECT
    route, countIf(type = 'panic.bus') AS bus, countIf(type = 'panic.taxi') AS taxi,
    countIf(type = 'panic.stop') AS stop, uniqExact(device) AS vehicles, max(received) AS last
FROM supervisor.v_transport_presses
WHERE $__timeFilter(received) AND type != 'reservada'
GROUP BY route
ORDER BY bus + taxi + stop DESC, route
LIMIT 100

-- @query presses_over_time supervisor series
-- @columns time:time bus:number taxi:number stop:number
SELECT
    $__timeInterval(received) AS time, countIf(type = 'panic.bus') AS bus, countIf(type = 'panic.taxi') AS taxi,
    countIf(type = 'panic.stop') AS stop
FROM supervisor.v_transport_presses
WHERE $__timeFilter(received)
GROUP BY time
ORDER BY time

-- @query fleet_by_route supervisor table
-- @columns route:string silent:number quiet:number reporting:number vehicles:number
-- @bounded state
SELECT
    route, countIf(state = 3) AS silent, countIf(state = 2) AS quiet, countIf(state = 1) AS reporting,
    count() AS vehicles
FROM supervisor.v_vehicles
WHERE NOT drill
GROUP BY route
ORDER BY silent DESC, quiet DESC, route

-- Silent by their supervision, and those that nobody supervises but nobody heard for an hour; after a week they go.
-- @query silent_vehicles supervisor table
-- @columns route:string device:string district:string last_word:time age_s:number state:number
-- @bounded state
SELECT route, device, district, last_word, age_s, state
FROM supervisor.v_vehicles
WHERE NOT drill AND (state = 3 OR (state = 2 AND age_s > 3600)) AND age_s < 7 * 86400
ORDER BY state DESC, age_s, route, device
LIMIT 300

-- From the first press of the line in the alert to somebody taking it.
-- @query acknowledge_by_route supervisor table
-- @columns route:string alerts:number not_taken:number p50_s:number p90_s:number
SELECT
    route, count() AS alerts, countIf(acknowledged IS NULL) AS not_taken,
    if(not_taken = alerts, NULL, quantileExactIf(0.5)(acknowledge_s, acknowledged IS NOT NULL)) AS p50_s,
    if(not_taken = alerts, NULL, quantileExactIf(0.9)(acknowledge_s, acknowledged IS NOT NULL)) AS p90_s
FROM supervisor.v_transport_alerts
WHERE $__timeFilter(opened)
GROUP BY route
ORDER BY alerts DESC, route
LIMIT 100

-- @query false_by_route supervisor table
-- @columns route:string judged:number confirmed:number false_alarms:number false_share:number
SELECT
    route, countIf(disposition IN ('confirmed', 'false_alarm', 'unfounded')) AS judged,
    countIf(disposition = 'confirmed') AS confirmed, judged - confirmed AS false_alarms,
    if(judged = 0, NULL, false_alarms / judged) AS false_share
FROM supervisor.v_transport_alerts
WHERE $__timeFilter(opened) AND status = 'closed'
GROUP BY route
ORDER BY judged DESC, route
LIMIT 100
