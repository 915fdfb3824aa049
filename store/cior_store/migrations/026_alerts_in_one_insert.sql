-- A press is in the store's questions as soon as its alert is inserted; two of the three materialised views of that
-- insert cost more than the insert itself. Both were one row an alert for statistics: one table now, which the sink
-- writes after the alert (cior_store.rows.alert_clock; a batch that is killed between the two comes again whole).
ALTER TABLE ops.alert_clock
    ADD COLUMN IF NOT EXISTS opened_exact DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)) AFTER devices,
    ADD COLUMN IF NOT EXISTS member_ids Array(String) AFTER opened_exact;

DROP VIEW IF EXISTS ops.alert_clock_mv;

DROP VIEW IF EXISTS ops.alert_members_mv;

-- Alerts of before; poured twice they are there once.
INSERT INTO ops.alert_clock
    (alert_id, version, type, level, district, status, disposition, counted, reserved, drill, flood, opened,
    first_occurred, first_received, acknowledged, dispatched, on_scene, sources, devices, opened_exact, member_ids)
WITH
    a.silent OR is_reserved(a.data_class, a.type) AS hidden,
    x -> CAST(if(hidden, toStartOfMinute(x), x), 'Nullable(DateTime64(3, \'UTC\'))') AS discreet
SELECT
    a.alert_id, a.version, if(hidden, 'reservada', CAST(a.type, 'String')), a.level, a.district, a.status,
    if(hidden, '', CAST(a.disposition, 'String')),
    toBool(a.status != 'merged' AND a.disposition NOT IN ('test', 'duplicate')), toBool(hidden), a.drill,
    toBool(has(a.reason_codes, 'flood.begun')), assumeNotNull(discreet(a.opened)),
    assumeNotNull(discreet(a.first_occurred)), assumeNotNull(discreet(a.first_received)), discreet(a.acknowledged),
    discreet(a.dispatched), discreet(a.on_scene), if(hidden, [], a.sources),
    if(hidden, [], arraySort(arrayDistinct(
        arrayMap(m -> JSONExtractString(m, 'subject'), JSONExtractArrayRaw(a.body, 'members'))))),
    a.opened, if(hidden, [], a.member_ids)
FROM ops.alert_current AS a FINAL;

-- @supervisor.v_transport_alerts One row an alert and line: press to acknowledgement, judgement. Bound it by `opened`.
-- What an alert has one of stands in the key: so a reader's bound by `opened` reaches the table below.
CREATE OR REPLACE VIEW supervisor.v_transport_alerts DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    a.alert_id AS alert_id, p.route AS route, a.opened AS opened, min(p.received) AS pressed,
    a.acknowledged AS acknowledged,
    dateDiff('millisecond', pressed, acknowledged) / 1000 AS acknowledge_s, a.status AS status,
    a.disposition AS disposition, count() AS presses
FROM
(
    SELECT alert_id, opened, acknowledged, status, disposition, arrayJoin(member_ids) AS member_id
    FROM ops.alert_clock FINAL
    WHERE NOT drill AND NOT reserved AND status != 'merged'
) AS a
INNER JOIN (SELECT event_id, route, received FROM ops.transport_presses FINAL WHERE NOT drill AND NOT sealed) AS p
    ON p.event_id = a.member_id
GROUP BY alert_id, route, opened, acknowledged, status, disposition;

-- @supervisor.v_call_members Members of alerts that have more than one, by the day the alert opened (drills left out).
CREATE OR REPLACE VIEW supervisor.v_call_members DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT toDate(a.opened) AS day, a.opened AS opened, a.alert_id AS alert_id, arrayJoin(a.member_ids) AS event_id
FROM ops.alert_clock AS a FINAL
WHERE NOT a.drill AND NOT a.reserved AND a.status != 'merged' AND length(a.member_ids) > 1;

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
        SELECT alert_id, opened, disposition, sources, arrayJoin(member_ids) AS member_id
        FROM ops.alert_clock FINAL
        WHERE counted AND NOT drill AND NOT reserved AND status = 'closed'
            AND disposition IN ('confirmed', 'false_alarm', 'unfounded')
    ) AS a
    INNER JOIN (SELECT * FROM ops.rule_firings FINAL WHERE NOT drill) AS f ON f.event_id = a.member_id
    GROUP BY a.alert_id, a.opened, f.camera, f.rule, f.rule_version
);

DROP TABLE IF EXISTS ops.alert_members;

-- Whether an alert was ever reserved stands beside its first P1: the question of the latency reads one table.
ALTER TABLE ops.alert_visible ADD COLUMN IF NOT EXISTS reserved SimpleAggregateFunction(max, UInt8) AFTER drill;

DROP VIEW IF EXISTS ops.alert_visible_mv;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.alert_visible_mv TO ops.alert_visible AS
WITH a.silent OR is_reserved(a.data_class, a.type) AS hidden
SELECT
    a.alert_id AS alert_id,
    argMinStateIf((a.cause_received, a.updated, a.stored), (a.version, a.stored), a.level = 'P1') AS first_p1,
    toUInt8(max(a.drill)) AS drill, toUInt8(max(hidden)) AS reserved
FROM ops.alert_current AS a
WHERE a.level = 'P1' OR hidden
GROUP BY alert_id;

INSERT INTO ops.alert_visible (alert_id, reserved)
SELECT DISTINCT alert_id, 1 FROM ops.alert_current WHERE silent OR is_reserved(data_class, type);

-- @v_p1_latency One row an alert that reached P1: from the receipt of what made it P1 to its decision and to its
--     standing in the store (drills and reserved alerts left out).
CREATE OR REPLACE VIEW ops.v_p1_latency AS
SELECT
    alert_id, argMinMerge(first_p1) AS first_seen, tupleElement(first_seen, 1) AS received,
    tupleElement(first_seen, 3) AS visible,
    toUnixTimestamp64Milli(tupleElement(first_seen, 2)) - toUnixTimestamp64Milli(tupleElement(first_seen, 1))
        AS decide_ms,
    toUnixTimestamp64Milli(tupleElement(first_seen, 3)) - toUnixTimestamp64Milli(tupleElement(first_seen, 1))
        AS visible_ms
FROM ops.alert_visible
GROUP BY alert_id
HAVING max(drill) = 0 AND max(reserved) = 0;

-- @console.v_p1_latency How long the alerts took that reached P1 in a window, in milliseconds: to the decision and to
--     standing in the store; zeros when there was none. No alert is named (drills and reserved alerts left out).
CREATE OR REPLACE VIEW console.v_p1_latency DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    alerts,
    ifNotFinite(decide[1], 0) AS decide_p50_ms, ifNotFinite(decide[2], 0) AS decide_p95_ms,
    ifNotFinite(decide[3], 0) AS decide_p99_ms, ifNotFinite(visible[1], 0) AS visible_p50_ms,
    ifNotFinite(visible[2], 0) AS visible_p95_ms, ifNotFinite(visible[3], 0) AS visible_p99_ms
FROM
(
    SELECT
        count() AS alerts, quantilesExact(0.5, 0.95, 0.99)(p.decide_ms) AS decide,
        quantilesExact(0.5, 0.95, 0.99)(p.visible_ms) AS visible
    FROM ops.v_p1_latency AS p
    WHERE p.received >= toStartOfMinute(fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC'))
        AND p.received < toStartOfMinute(fromUnixTimestamp64Milli({until_ms:Int64} + 59999, 'UTC'))
);
