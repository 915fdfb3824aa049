-- The city's units (patrol cars, ambulances) as the register of devices has them, in editions like the cameras of 020: the
-- latest counts. An edition without any is one row with an empty id.
CREATE TABLE IF NOT EXISTS ops.city_units
(
    unit String,
    name String,
    agency LowCardinality(String),
    kind LowCardinality(String),
    fresh_s Float64,
    drill Bool,
    written DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(written)
ORDER BY unit
SETTINGS non_replicated_deduplication_window = 10000;

-- @console.v_units Where the units of the register of devices said last that they are, and when (`seen_ms`); beyond
--     `fresh_s` that is no place to count on. Nothing else that tells its position is here, and no unit of which a reserved
--     word is known.
CREATE OR REPLACE VIEW console.v_units DEFINER = {definer} SQL SECURITY DEFINER AS
WITH
    (SELECT max(y.written) FROM ops.city_units AS y) AS latest,
    or(x.written != latest, x.unit = '', s.placed = 0, s.reserved > 0) AS hidden
SELECT
    if(hidden, '', x.unit) AS unit, if(hidden, '', x.name) AS name,
    if(hidden, '', CAST(x.agency, 'String')) AS agency, if(hidden, '', CAST(x.kind, 'String')) AS kind,
    if(hidden, 0, x.fresh_s) AS fresh_s, if(hidden, 0, s.lat) AS lat, if(hidden, 0, s.lon) AS lon,
    if(hidden, '', s.district) AS district, if(hidden, 0, s.seen_ms) AS seen_ms,
    toBool(hidden = 0 AND (x.drill OR s.drill)) AS drill
FROM ops.city_units AS x FINAL
LEFT JOIN
(
    SELECT
        d.device AS device,
        assumeNotNull(argMaxIf(d.lat, d.received, isNotNull(d.lat))) AS lat,
        assumeNotNull(argMaxIf(d.lon, d.received, isNotNull(d.lat))) AS lon,
        argMaxIf(toString(d.district), d.received, isNotNull(d.lat)) AS district,
        argMaxIf(d.drill, d.received, isNotNull(d.lat)) AS drill,
        toUnixTimestamp64Milli(maxIf(least(d.occurred, d.received), isNotNull(d.lat))) AS seen_ms,
        countIf(isNotNull(d.lat)) AS placed, countIf(is_reserved(d.data_class, d.type)) AS reserved
    FROM ops.device_state AS d FINAL
    GROUP BY d.device
) AS s ON s.device = x.unit
WHERE NOT hidden;

-- @supervisor.v_camera_names What boards call each camera of the catalogue: its name and its id, or its id alone.
CREATE OR REPLACE VIEW supervisor.v_camera_names DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT c.camera AS camera, if(c.name IN ('', c.camera), c.camera, concat(c.name, ' · ', c.camera)) AS label
FROM ops.v_city_cameras AS c;
