-- The operators' wall. Everything here is the present; drills are left out or marked. Where nothing was ever stored, the
-- numbers have no row: a city whose parts never started must not read "0 waiting".

-- @query p1_waiting wall table
-- @columns unacknowledged:number alerts:number
-- @bounded state
SELECT unacknowledged, alerts
FROM wall.v_open_by_level
WHERE level = 'P1' AND (SELECT any(state) FROM wall.v_data_age WHERE what = 'events') = 'data';

-- Nobody waits: 0, which is good news.
-- @query oldest_waiting wall table
-- @columns oldest_s:number
-- @bounded state
SELECT ifNull(max(oldest_unacknowledged_s), 0) AS oldest_s
FROM wall.v_open_by_level
HAVING (SELECT any(state) FROM wall.v_data_age WHERE what = 'events') = 'data';

-- @query open_by_level wall table
-- @columns level:string alerts:number unacknowledged:number oldest_s:number
-- @bounded state
SELECT level, alerts, unacknowledged, oldest_unacknowledged_s AS oldest_s
FROM wall.v_open_by_level
ORDER BY level;

-- An exercise is shown, marked and last; no number of this board counts it. What is beyond the first 200 is left out
-- unless it is life-safety that nobody acknowledged (law 16): no cap hides that.
-- @query open_list wall table
-- @columns level:string status:string type:string district:string age_s:number points:number members:number
-- @columns drill:number
-- @bounded state
SELECT level, status, type, district, age_s, points, members, toUInt8(drill) AS drill
FROM wall.v_open_alerts
WHERE turn <= 200 OR (life_safety AND NOT acknowledged)
ORDER BY drill, turn;

-- Reserved alerts have no point: they stand in reserved_districts.
-- @query open_points wall table
-- @columns lat:latitude lon:longitude level:string type:string status:string age_s:number
-- @bounded state
SELECT lat, lon, level, type, status, age_s
FROM wall.v_open_alerts
WHERE NOT drill AND NOT reserved AND lat IS NOT NULL AND lon IS NOT NULL
    AND (turn <= 500 OR (life_safety AND NOT acknowledged))
ORDER BY turn DESC;

-- @query reserved_districts wall table
-- @columns district:string level:string alerts:number unacknowledged:number
-- @bounded state
SELECT district, level, count() AS alerts, countIf(NOT acknowledged) AS unacknowledged
FROM wall.v_open_alerts
WHERE reserved AND NOT drill
GROUP BY district, level
ORDER BY level, district;

-- @query blind_count wall table
-- @columns devices:number
-- @bounded state
SELECT sum(devices) AS devices
FROM wall.v_blind_spots
WHERE NOT drill
HAVING (SELECT any(state) FROM wall.v_data_age WHERE what = 'events') = 'data';

-- @query blind_spots wall table
-- @columns health:string kind:string device:string district:string age_s:number devices:number
-- @bounded state
SELECT health, kind, device, district, age_s, devices
FROM wall.v_blind_spots
WHERE NOT drill
ORDER BY health = 'down' DESC, age_s DESC NULLS LAST
LIMIT 100;

-- @query false_share wall table
-- @columns share:number judged:number
-- @bounded state
SELECT share, judged
FROM wall.v_false_alarms_day;

-- @query drill wall table
-- @columns drills:number
-- @bounded state
SELECT countIf(drill) AS drills
FROM wall.v_open_alerts;
