-- The ledger of false alarms: what closed alerts turned out to be. No share without the number judged and its interval
-- (wilson_low and wilson_high of migration 013). An alert of two sources stands with both, so rows do not add up to the
-- total. Hours are those of units that were sent; money only where the centre gives a cost.

-- @query total wall table
-- @columns confirmed_pct:number low_pct:number high_pct:number judged:number
SELECT
    round(100 * countIf(disposition = 'confirmed') / nullIf(judged, 0), 2) AS confirmed_pct,
    round(100 * wilson_low(countIf(disposition = 'confirmed'), judged), 2) AS low_pct,
    round(100 * wilson_high(countIf(disposition = 'confirmed'), judged), 2) AS high_pct,
    count() AS judged
FROM wall.v_judged_alerts
WHERE $__timeFilter_ms(opened);

-- @query spent wall table
-- @columns hours:number cost:number sent:number
SELECT round(sum(hours)) AS hours, round(sum(cost)) AS cost, countIf(sent) AS sent
FROM wall.v_judged_alerts
WHERE $__timeFilter_ms(opened);

-- What the money is in and where its figure comes from.
-- @query cost_basis wall table
-- @columns officer_hours_per_dispatch:number officer_hour_cost:number currency:string cost_source:string
-- @bounded rollup
SELECT officer_hours_per_dispatch, officer_hour_cost, currency, cost_source
FROM wall.v_centre;

-- @query by_kind wall table
-- @columns kind:string judged:number confirmed:number false_alarms:number unfounded:number confirmed_pct:number
-- @columns low_pct:number high_pct:number sent:number hours:number cost:number
SELECT
    kind, count() AS judged, countIf(disposition = 'confirmed') AS confirmed,
    countIf(disposition = 'false_alarm') AS false_alarms, countIf(disposition = 'unfounded') AS unfounded,
    round(100 * confirmed / judged, 2) AS confirmed_pct, round(100 * wilson_low(confirmed, judged), 2) AS low_pct,
    round(100 * wilson_high(confirmed, judged), 2) AS high_pct, countIf(j.sent) AS sent, round(sum(j.hours)) AS hours,
    round(sum(j.cost)) AS cost
FROM wall.v_judged_alerts AS j
ARRAY JOIN kinds AS kind
WHERE $__timeFilter_ms(opened)
GROUP BY kind
ORDER BY judged DESC, kind
LIMIT 100;

-- @query by_source wall table
-- @columns source:string judged:number confirmed:number false_alarms:number unfounded:number confirmed_pct:number
-- @columns low_pct:number high_pct:number sent:number hours:number cost:number
SELECT
    replaceOne(source_id, 'urn:cior:', '') AS source, count() AS judged,
    countIf(disposition = 'confirmed') AS confirmed,
    countIf(disposition = 'false_alarm') AS false_alarms, countIf(disposition = 'unfounded') AS unfounded,
    round(100 * confirmed / judged, 2) AS confirmed_pct, round(100 * wilson_low(confirmed, judged), 2) AS low_pct,
    round(100 * wilson_high(confirmed, judged), 2) AS high_pct, countIf(j.sent) AS sent, round(sum(j.hours)) AS hours,
    round(sum(j.cost)) AS cost
FROM wall.v_judged_alerts AS j
ARRAY JOIN sources AS source_id
WHERE $__timeFilter_ms(opened)
GROUP BY source_id
ORDER BY judged DESC, source_id
LIMIT 200;

-- @query by_family wall table
-- @columns family:string judged:number confirmed:number false_alarms:number unfounded:number confirmed_pct:number
-- @columns low_pct:number high_pct:number sent:number hours:number cost:number
SELECT
    family, count() AS judged, countIf(disposition = 'confirmed') AS confirmed,
    countIf(disposition = 'false_alarm') AS false_alarms, countIf(disposition = 'unfounded') AS unfounded,
    round(100 * confirmed / judged, 2) AS confirmed_pct, round(100 * wilson_low(confirmed, judged), 2) AS low_pct,
    round(100 * wilson_high(confirmed, judged), 2) AS high_pct, countIf(j.sent) AS sent, round(sum(j.hours)) AS hours,
    round(sum(j.cost)) AS cost
FROM wall.v_judged_alerts AS j
WHERE $__timeFilter_ms(opened)
GROUP BY family
ORDER BY judged DESC, family
LIMIT 100;

-- Devices whose alerts were judged five times or more, the least confirmed first: a battery, a cable or a habit.
-- @query by_device supervisor table
-- @columns device:string judged:number confirmed:number false_alarms:number unfounded:number confirmed_pct:number
-- @columns low_pct:number high_pct:number sent:number
SELECT
    device, count() AS judged, countIf(disposition = 'confirmed') AS confirmed,
    countIf(disposition = 'false_alarm') AS false_alarms, countIf(disposition = 'unfounded') AS unfounded,
    round(100 * confirmed / judged, 2) AS confirmed_pct, round(100 * wilson_low(confirmed, judged), 2) AS low_pct,
    round(100 * wilson_high(confirmed, judged), 2) AS high_pct, countIf(j.sent) AS sent
FROM supervisor.v_judged_devices AS j
WHERE $__timeFilter_ms(opened)
GROUP BY device
HAVING judged >= 5
ORDER BY high_pct, judged DESC, device
LIMIT 100;

-- @query by_day wall series
-- @columns time:time confirmed:number false_alarms:number unfounded:number
SELECT
    min(day) AS time, countIf(disposition = 'confirmed') AS confirmed,
    countIf(disposition = 'false_alarm') AS false_alarms,
    countIf(disposition = 'unfounded') AS unfounded
FROM wall.v_judged_alerts
WHERE $__timeFilter_ms(opened)
GROUP BY local_day
ORDER BY time;

-- Rules of cameras, judged by incidents in which no other source had a part; a version is counted by itself.
-- @query by_camera_rule supervisor table
-- @columns camera:string rule:string version:number judged:number confirmed:number false_alarms:number
-- @columns confirmed_pct:number low_pct:number high_pct:number shared:number
SELECT
    if(n.label = '', j.camera, n.label) AS camera, rule, rule_version AS version, countIf(j.alone) AS judged,
    countIf(j.alone AND disposition = 'confirmed') AS confirmed,
    judged - confirmed AS false_alarms, round(100 * confirmed / nullIf(judged, 0), 2) AS confirmed_pct,
    round(100 * wilson_low(confirmed, judged), 2) AS low_pct,
    round(100 * wilson_high(confirmed, judged), 2) AS high_pct, countIf(NOT j.alone) AS shared
FROM supervisor.v_judged_rules AS j
LEFT JOIN supervisor.v_camera_names AS n ON n.camera = j.camera
WHERE $__timeFilter_ms(opened)
GROUP BY j.camera, n.label, rule, rule_version
ORDER BY high_pct IS NULL, high_pct, judged DESC, camera, rule, version
LIMIT 200;

-- The same by the centre's hour of the rule's first word: a shadow that comes every afternoon.
-- @query by_rule_hour supervisor table
-- @columns camera:string rule:string hour:number judged:number confirmed:number false_alarms:number
-- @columns confirmed_pct:number low_pct:number high_pct:number
SELECT
    if(n.label = '', j.camera, n.label) AS camera, rule, local_hour AS hour, count() AS judged,
    countIf(disposition = 'confirmed') AS confirmed, judged - confirmed AS false_alarms,
    round(100 * confirmed / judged, 2) AS confirmed_pct, round(100 * wilson_low(confirmed, judged), 2) AS low_pct,
    round(100 * wilson_high(confirmed, judged), 2) AS high_pct
FROM supervisor.v_judged_rules AS j
LEFT JOIN supervisor.v_camera_names AS n ON n.camera = j.camera
WHERE alone AND $__timeFilter_ms(opened)
GROUP BY j.camera, n.label, rule, local_hour
ORDER BY high_pct, judged DESC, camera, rule, hour
LIMIT 200;
