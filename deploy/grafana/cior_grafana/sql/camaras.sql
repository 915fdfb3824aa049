-- Cameras: what sees, what does not and since when, and with what they are watched. States as in supervisor.v_cameras:
-- 0 nobody speaks of it, 1 sees, 2 sees badly, 3 sees nothing. Exercises are left out. Cameras are called by the names of
-- the catalogue.

-- No camera at all is no row: a city whose workers never started must not read "0 blind".
-- @query camera_counts wall table
-- @columns blind:number poor:number no_word:number seeing:number cameras:number
-- @bounded state
SELECT
    sumIf(v.cameras, state = 3) AS blind, sumIf(v.cameras, state = 2) AS poor,
    sumIf(v.cameras, state = 0) AS no_word, sumIf(v.cameras, state = 1) AS seeing, sum(v.cameras) AS cameras
FROM wall.v_camera_states AS v
HAVING cameras > 0

-- @query blind_by_district wall table
-- @columns district:string blind:number poor:number no_word:number seeing:number since:time
-- @bounded state
SELECT
    district, sumIf(cameras, state = 3) AS blind, sumIf(cameras, state = 2) AS poor,
    sumIf(cameras, state = 0) AS no_word, sumIf(cameras, state = 1) AS seeing, minIf(v.since, state != 1) AS since
FROM wall.v_camera_states AS v
GROUP BY district
ORDER BY blind DESC, no_word DESC, poor DESC, district

-- @query out_now supervisor table
-- @columns state:number camera:string district:string since:time reason:string last_word:time
-- @bounded state
SELECT
    v.state AS state, if(n.label = '', v.camera, n.label) AS camera, v.district AS district, v.since AS since,
    v.reason AS reason, v.last_word AS last_word
FROM supervisor.v_cameras AS v
LEFT JOIN supervisor.v_camera_names AS n ON n.camera = v.camera
WHERE v.state != 1 AND NOT v.drill
ORDER BY indexOf([3, 0, 2], state), since, camera
LIMIT 200

-- The forty that saw least. Every camera also gets points of state 0 on the same grid of ten minutes, at most 600, so
-- that a silence is drawn and not bridged.
-- @query timeline supervisor series
-- @columns time:time camera:string state:number
WITH worst AS
(
    SELECT camera FROM supervisor.v_camera_hours
    WHERE hour >= toStartOfHour($__fromTime) AND hour <= $__toTime
    GROUP BY camera ORDER BY sum(up_min), camera LIMIT 40
)
SELECT x.time AS time, if(n.label = '', x.camera, n.label) AS camera, max(x.code) AS state
FROM
(
    SELECT $__timeInterval(slot) AS time, camera, toUInt8(state) AS code
    FROM supervisor.v_camera_slots
    WHERE hour >= toStartOfHour($__fromTime) AND hour <= $__toTime AND slot > $__fromTime - 600
        AND camera IN worst
    UNION ALL
    SELECT $__timeInterval(toDateTime(second)) AS time, camera, 0 AS code
    FROM
    (
        SELECT
            arrayJoin(range(
                toUInt32(intDiv(toUInt32($__fromTime), 600) * 600), toUInt32(least($__toTime, now())),
                toUInt32(600 * greatest(1, intDiv(toUInt32($__toTime) - toUInt32($__fromTime), 360000))))) AS second
    ) AS spine
    CROSS JOIN worst
) AS x
LEFT JOIN supervisor.v_camera_names AS n ON n.camera = x.camera
GROUP BY x.time, x.camera, n.label
ORDER BY time, camera

-- Shares of the range's minutes until now, by whole hours; what nobody spoke of is a share of its own.
-- @query availability supervisor table
-- @columns camera:string district:string up:number poor:number blind:number no_word:number gate_share:number
WITH dateDiff('minute', toStartOfHour($__fromTime), least(toStartOfHour($__toTime) + INTERVAL 1 HOUR, now())) AS span
SELECT
    if(n.label = '', h.camera, n.label) AS camera, max(h.district) AS district, sum(up_min) / span AS up, sum(poor_min) / span AS poor,
    sum(blind_min) / span AS blind, greatest(0, 1 - sum(word_min) / span) AS no_word,
    if(sum(all_pictures) > 0, sum(gate_pictures) / sum(all_pictures), NULL) AS gate_share
FROM supervisor.v_camera_hours AS h
LEFT JOIN supervisor.v_camera_names AS n ON n.camera = h.camera
WHERE h.hour >= toStartOfHour($__fromTime) AND h.hour <= $__toTime AND span > 0
GROUP BY h.camera, n.label
ORDER BY up, camera

-- @query watchers supervisor table
-- @columns camera:string detector:string version:string model:string gate_share:number watched_fps:number
-- @columns offset_s:number disabled_rules:string
-- @bounded state
SELECT
    if(n.label = '', v.camera, n.label) AS camera, detector, detector_version AS version,
    if(model_sha256 = '', model, concat(model, ' ', substring(model_sha256, 1, 8))) AS model,
    gate_open_share AS gate_share, watched_fps, clock_offset_s AS offset_s, disabled_rules
FROM supervisor.v_cameras AS v
LEFT JOIN supervisor.v_camera_names AS n ON n.camera = v.camera
WHERE v.sampled AND NOT v.drill
ORDER BY abs(coalesce(clock_offset_s, 0)) DESC, camera
LIMIT 500

-- Told by the workers against stored here, by hour: the accounts of the minutes.
-- @query stretches supervisor series
-- @columns time:time accepted:number stored:number
SELECT
    toStartOfHour(minute) AS time, toNullable(sum(v.accepted)) AS accepted, toNullable(sum(v.stored)) AS stored
FROM supervisor.v_camera_stretches AS v
WHERE $__timeFilter(minute)
GROUP BY time
ORDER BY time WITH FILL STEP toIntervalHour(1)
