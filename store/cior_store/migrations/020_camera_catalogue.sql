-- The cameras of the catalogue (city pack and cameras.toml) in editions like those of the districts: the latest counts.
-- An edition without any is one row with an empty id.
CREATE TABLE IF NOT EXISTS ops.city_cameras
(
    camera String,
    name String,
    district String,
    lat Float64,
    lon Float64,
    azimuth_deg Nullable(Float64),
    field_of_view_deg Nullable(Float64),
    range_m Float64,
    owner String,
    drill Bool,
    written DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(written)
ORDER BY camera
SETTINGS non_replicated_deduplication_window = 10000;

-- @v_city_cameras The camera catalogue as the sink last wrote it: names, places and where cameras look.
CREATE OR REPLACE VIEW ops.v_city_cameras AS
SELECT x.camera AS camera, x.name AS name, x.district AS district, x.lat AS lat, x.lon AS lon,
    x.azimuth_deg AS azimuth_deg, x.field_of_view_deg AS field_of_view_deg, x.range_m AS range_m, x.owner AS owner,
    x.drill AS drill
FROM ops.city_cameras AS x FINAL
WHERE x.written = (SELECT max(y.written) FROM ops.city_cameras AS y) AND x.camera != '';

-- @supervisor.v_cameras Every camera now, those of the catalogue of which nobody ever spoke among them: state (0 no word,
--     1 sees, 2 badly, 3 not), reasons, detector, clock; its name, place and owner from the catalogue.
CREATE OR REPLACE VIEW supervisor.v_cameras DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    s.camera AS camera, multiIf(w.district != '', toString(w.district), h.district != '', toString(h.district), c.district) AS district,
    nullIf(greatest(h.received, w.received), toDateTime64(0, 3, 'UTC')) AS last_word,
    greatest(0, dateDiff('second', last_word, now64(3, 'UTC'))) AS age_s, w.camera != '' AS sampled,
    multiIf(
        sampled AND age_s > greatest(3 * w.interval_s, 90), 0,
        sampled AND has(w.conditions, 'signal_lost'), 3, sampled AND notEmpty(w.conditions), 2, sampled, 1,
        h.health IN ('silent', 'down'), 3, h.health = 'degraded', 2, h.health = 'up', 1, 0) AS state,
    multiIf(state = 0, last_word, state > 1 AND h.health NOT IN ('', 'up'), h.occurred, NULL) AS since,
    multiIf(
        state = 0, 'no_word', state = 1, '', has(w.conditions, 'signal_lost'), 'signal_lost',
        notEmpty(w.conditions), w.conditions[1],
        transform(
            h.type, ['camera.signal_loss', 'camera.obstructed', 'camera.frozen', 'camera.tamper'],
            ['signal_lost', 'covered', 'frozen', 'tamper'], 'other')) AS reason,
    w.gate_open_share AS gate_open_share, w.watched_fps AS watched_fps, w.clock_offset_s AS clock_offset_s,
    w.detector AS detector, w.detector_version AS detector_version, w.model AS model, w.model_sha256 AS model_sha256,
    arrayStringConcat(w.disabled_rules, ', ') AS disabled_rules, toBool(w.drill OR h.drill OR c.drill) AS drill,
    c.name AS name, if(c.camera = '', NULL, c.lat) AS lat, if(c.camera = '', NULL, c.lon) AS lon,
    c.azimuth_deg AS azimuth_deg, c.field_of_view_deg AS field_of_view_deg,
    if(c.camera = '', NULL, c.range_m) AS range_m, c.owner AS owner
FROM
(
    SELECT camera FROM ops.camera_watch
    UNION DISTINCT
    SELECT subject AS camera FROM ops.v_health_open WHERE startsWith(type, 'camera.')
    UNION DISTINCT
    SELECT camera FROM ops.v_city_cameras
) AS s
LEFT JOIN ops.v_city_cameras AS c ON c.camera = s.camera
LEFT JOIN (SELECT * FROM ops.camera_watch FINAL) AS w ON w.camera = s.camera
LEFT JOIN
(
    SELECT x.subject AS subject,
        argMax(x.health, x.received) AS health, argMax(x.occurred, x.received) AS occurred,
        argMax(x.type, x.received) AS type, argMax(x.district, x.received) AS district,
        argMax(x.drill, x.received) AS drill, max(x.received) AS received
    FROM ops.v_health_open AS x
    WHERE startsWith(x.type, 'camera.')
    GROUP BY subject
) AS h ON h.subject = s.camera;

-- @console.v_cameras What is known of every camera's pictures now: state (0 no word, 1 sees, 2 badly, 3 not), why, and
--     since when. Exercises have `drill`.
CREATE OR REPLACE VIEW console.v_cameras DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    v.camera AS camera, toUInt8(v.state) AS state, v.reason AS reason, toUnixTimestamp64Milli(v.since) AS since_ms,
    toUnixTimestamp64Milli(v.last_word) AS last_word_ms, v.drill AS drill
FROM supervisor.v_cameras AS v;
