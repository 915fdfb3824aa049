-- One district: chosen by the variable `district`, which never protects anything.

-- The first column is the value, the second what people read.
-- @query districts wall table
-- @columns district:string name:string
-- @bounded rollup
SELECT district, name
FROM wall.v_districts
ORDER BY name;

-- @query district_now wall table
-- @columns unacknowledged:number alerts:number p1:number reserved:number
-- @bounded state
SELECT
    countIf(NOT acknowledged) AS unacknowledged, count() AS alerts, countIf(level = 'P1') AS p1,
    countIf(reserved) AS reserved
FROM wall.v_open_alerts
WHERE NOT drill AND district = ${district:singlequote}
HAVING (SELECT any(state) FROM wall.v_data_age WHERE what = 'events') = 'data';

-- @query district_waiting wall table
-- @columns oldest_s:number
-- @bounded state
SELECT ifNull(maxIf(age_s, NOT acknowledged), 0) AS oldest_s
FROM wall.v_open_alerts
WHERE NOT drill AND district = ${district:singlequote}
HAVING (SELECT any(state) FROM wall.v_data_age WHERE what = 'events') = 'data';

-- @query district_blind wall table
-- @columns devices:number
-- @bounded state
SELECT sum(devices) AS devices
FROM wall.v_blind_spots
WHERE NOT drill AND district = ${district:singlequote}
HAVING (SELECT any(state) FROM wall.v_data_age WHERE what = 'events') = 'data';

-- An exercise is shown, marked and last; no number of this board counts it. Life-safety that nobody acknowledged is
-- shown whatever its turn in the city (law 16).
-- @query district_list wall table
-- @columns level:string status:string type:string age_s:number points:number members:number drill:number
-- @bounded state
SELECT level, status, type, age_s, points, members, toUInt8(drill) AS drill
FROM wall.v_open_alerts
WHERE district = ${district:singlequote} AND (turn <= 2000 OR (life_safety AND NOT acknowledged))
ORDER BY drill, turn;

-- @query district_points wall table
-- @columns lat:latitude lon:longitude level:string type:string status:string age_s:number
-- @bounded state
SELECT lat, lon, level, type, status, age_s
FROM wall.v_open_alerts
WHERE NOT drill AND NOT reserved AND lat IS NOT NULL AND lon IS NOT NULL AND district = ${district:singlequote}
    AND (turn <= 2000 OR (life_safety AND NOT acknowledged))
ORDER BY turn DESC;

-- @query district_blind_spots wall table
-- @columns health:string kind:string device:string age_s:number devices:number
-- @bounded state
SELECT health, kind, device, age_s, devices
FROM wall.v_blind_spots
WHERE NOT drill AND district = ${district:singlequote}
ORDER BY health = 'down' DESC, age_s DESC NULLS LAST
LIMIT 100;

-- Every alert that opened, absorbed ones too: what the district asked of the room. Drills are left out by the view.
-- @query district_hours wall series
-- @columns time:time level:string alerts:number
SELECT toStartOfHour(opened) AS time, level, count() AS alerts
FROM wall.v_load
WHERE $__timeFilter(opened) AND district = ${district:singlequote}
GROUP BY time, level
ORDER BY time, level;

-- Districts of the city's own list, with open alerts or without: the exceptions first.
-- @query all_districts wall table
-- @columns district:string name:string alerts:number unacknowledged:number p1:number oldest_s:number
-- @bounded state
SELECT
    d.district AS district, d.name AS name, toUInt64(ifNull(o.alerts, 0)) AS alerts,
    toUInt64(ifNull(o.unacknowledged, 0)) AS unacknowledged, toUInt64(ifNull(o.p1, 0)) AS p1,
    o.oldest_unacknowledged_s AS oldest_s
FROM wall.v_districts AS d
LEFT JOIN wall.v_open_by_district AS o ON d.district = o.district
ORDER BY p1 DESC, unacknowledged DESC, name;

-- @query district_facts wall table
-- @columns name:string population:number population_year:string population_source:string
-- @bounded rollup
SELECT name, population, toString(population_year) AS population_year, population_source
FROM wall.v_districts
WHERE district = ${district:singlequote};
