-- What the rules of cameras said, and what people found it to be.

-- One row an incident that a camera's rule began to tell: by which rule in which version, and the false share above
-- which whoever set it up wants to look at it again.
CREATE TABLE IF NOT EXISTS ops.rule_firings
(
    event_id String,
    camera String,
    rule LowCardinality(String),
    rule_version UInt32,
    kind LowCardinality(String),
    review_above Float64,
    occurred DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    drill Bool
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(occurred)
ORDER BY (toDate(occurred), event_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.rule_firings_mv TO ops.rule_firings AS
SELECT
    event_id, subject AS camera, JSONExtractString(said, 'rule') AS rule,
    toUInt32(JSONExtractUInt(said, 'rule_version')) AS rule_version, native_type AS kind,
    JSONExtractFloat(said, 'parameters', 'review_above') AS review_above, occurred, drill
FROM
(
    SELECT event_id, subject, native_type, occurred, drill, JSONExtractRaw(body, 'data', 'attributes') AS said
    FROM ops.events
    WHERE startsWith(type, 'vision.') AND phase = 'new' AND data_class IN ('public', 'restricted')
)
WHERE JSONHas(said, 'rule_version');

-- @supervisor.v_judged_rules One row a closed incident that somebody judged (confirmed, false_alarm, unfounded) and
--     rule of a camera that spoke in it, by its version; `local_hour` (0 to 23) is the centre's hour of the rule's first
--     word, `alone` says that no other source had a part in the incident, so that the judgement is the rule's own;
--     `review_above` is the false share above which its owner wants to look at it. Drills and reserved ones left out.
--     Bound it by `opened`.
CREATE OR REPLACE VIEW supervisor.v_judged_rules DEFINER = {definer} SQL SECURITY DEFINER AS
WITH
    (SELECT any(timezone) FROM wall.v_centre) AS said, if(said = '', 'UTC', said) AS zone
SELECT
    opened, camera, rule, rule_version, kind, disposition, alone, review_above,
    toHour(toDateTime(toString(toDateTime(began, 'UTC'), zone), 'UTC')) AS local_hour
FROM
(
    SELECT
        a.opened AS opened, f.camera AS camera, f.rule AS rule, f.rule_version AS rule_version,
        any(f.kind) AS kind, any(a.disposition) AS disposition, any(a.sources) = [concat('vision/', f.camera)] AS alone,
        max(f.review_above) AS review_above, min(f.occurred) AS began
    FROM
    (
        SELECT m.alert_id AS alert_id, c.opened AS opened, c.disposition AS disposition, c.sources AS sources,
            arrayJoin(m.member_ids) AS member_id
        FROM ops.alert_members AS m FINAL
        INNER JOIN (SELECT * FROM ops.alert_clock FINAL) AS c ON c.alert_id = m.alert_id
        WHERE c.counted AND NOT c.drill AND NOT c.reserved AND c.status = 'closed'
            AND c.disposition IN ('confirmed', 'false_alarm', 'unfounded')
    ) AS a
    INNER JOIN (SELECT * FROM ops.rule_firings FINAL WHERE NOT drill) AS f ON f.event_id = a.member_id
    GROUP BY a.alert_id, a.opened, f.camera, f.rule, f.rule_version
);

-- Incidents of before this version. Copies collapse.
INSERT INTO ops.rule_firings
SELECT
    event_id, subject, JSONExtractString(said, 'rule'), toUInt32(JSONExtractUInt(said, 'rule_version')), native_type,
    JSONExtractFloat(said, 'parameters', 'review_above'), occurred, drill
FROM
(
    SELECT event_id, subject, native_type, occurred, drill, JSONExtractRaw(body, 'data', 'attributes') AS said
    FROM ops.events FINAL
    WHERE startsWith(type, 'vision.') AND phase = 'new' AND data_class IN ('public', 'restricted')
)
WHERE JSONHas(said, 'rule_version');
