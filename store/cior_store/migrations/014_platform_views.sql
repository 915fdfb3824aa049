-- What the board "Salud del sistema" and Grafana's own alert rules read: the state of the machine, never of people.
-- Accounts are of the machine too, so exercises are in them; everything else leaves drills out.

-- @supervisor.v_accounts_minute The accounts of a minute over all connectors: accepted, stored raw, declared outcomes,
--     stored events and dead letters, and how many instances balance, wait or miss something. Bound it by `minute`.
CREATE OR REPLACE VIEW supervisor.v_accounts_minute DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    r.minute AS minute, sum(r.accepted) AS accepted, sum(r.raw_stored) AS raw_stored,
    sum(r.outcomes_declared) AS declared, sum(r.events_stored) AS events_stored, sum(r.dead_stored) AS dead_stored,
    countIf(r.verdict = 'balanced') AS balanced, countIf(r.verdict = 'in_flight') AS in_flight,
    countIf(r.verdict = 'unclaimed') AS unclaimed, countIf(r.verdict = 'gap') AS gaps
FROM ops.reconciliation AS r FINAL
GROUP BY minute;

-- @supervisor.v_reconciliation_gaps Minutes of a connector whose accounts do not balance although their time is up, and
--     what is missing (outcomes: negative when there are too many).
CREATE OR REPLACE VIEW supervisor.v_reconciliation_gaps DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    r.minute AS minute, CAST(r.connector, 'String') AS connector,
    greatest(0, toInt64(r.accepted) - toInt64(r.raw_stored)) AS missing_raw,
    toInt64(r.outcomes_declared) - toInt64(r.events_stored) - toInt64(r.dead_stored) AS missing_outcomes,
    r.checked AS checked
FROM ops.reconciliation AS r FINAL
WHERE r.verdict = 'gap';

-- @supervisor.v_accounts_checked Seconds since the accounts were last checked (of the last day's minutes; empty when
--     none was).
CREATE OR REPLACE VIEW supervisor.v_accounts_checked DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT if(count() = 0, NULL, greatest(0, dateDiff('second', max(r.checked), now64(3, 'UTC')))) AS age_s
FROM ops.reconciliation AS r
WHERE r.minute > now() - INTERVAL 1 DAY;

-- @supervisor.v_refusals_minute What connectors refused at the door or dropped by rule, minute by minute: counted,
--     never silent. Bound it by `minute`.
CREATE OR REPLACE VIEW supervisor.v_refusals_minute DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    a.minute AS minute, CAST(a.connector, 'String') AS connector, sum(a.refused) AS refused, sum(a.dropped) AS dropped
FROM ops.accounting AS a FINAL
GROUP BY minute, connector;

-- @supervisor.v_dead_letters_hour Dead letters an hour by stage and reason, with their size: no bytes and no words of a
--     payload, and a sealed source has no name. Bound it by `hour`.
CREATE OR REPLACE VIEW supervisor.v_dead_letters_hour DEFINER = {definer} SQL SECURITY DEFINER AS
WITH d.data_class NOT IN ('public', 'restricted') AS hidden
SELECT
    toStartOfHour(toDateTime(d.at, 'UTC')) AS hour, CAST(d.stage, 'String') AS stage,
    if(hidden, 'reservada', CAST(d.code, 'String')) AS code, if(hidden, '', CAST(d.source, 'String')) AS source,
    toBool(hidden OR d.life_safety) AS life_safety, count() AS letters, sum(d.payload_bytes) AS size_bytes
FROM ops.dead_letters AS d FINAL
GROUP BY hour, stage, code, source, life_safety;

-- @supervisor.v_store_delay_hour From the receipt of a signal to its row in the store, hour by hour and by lane, in
--     milliseconds (rollup; drills left out). Bound it by `hour`.
CREATE OR REPLACE VIEW supervisor.v_store_delay_hour DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    k.hour AS hour, CAST(k.lane, 'String') AS lane, sum(k.n) AS events,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(k.store_delay_ms) AS delays,
    delays[1] AS p50_ms, delays[2] AS p95_ms, delays[3] AS p99_ms
FROM ops.kpi_hour AS k
WHERE NOT k.drill
GROUP BY hour, lane;

-- @supervisor.v_blind_share How many devices and sources are known, how many of them are silent, degraded or down now,
--     and that share, 0 to 1 (drills left out; reserved ones are counted and not named).
CREATE OR REPLACE VIEW supervisor.v_blind_share DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT count() AS watched, toUInt64(sum(is_blind)) AS blind, if(watched = 0, 0., blind / watched) AS share
FROM
(
    SELECT subject, source, max(is_blind) AS is_blind
    FROM
    (
        SELECT s.device AS subject, s.source AS source, 0 AS is_blind FROM ops.device_state AS s FINAL WHERE NOT s.drill
        UNION ALL
        SELECT h.subject, h.source, h.health IN ('silent', 'degraded', 'down')
        FROM ops.source_health AS h FINAL
        WHERE NOT h.drill
    )
    GROUP BY subject, source
);

-- @supervisor.v_versions What runs: versions of the connectors heard in the last hour and rule packs that decided alerts
--     in the last day, each with when it was last seen. Reserved records tell nothing here.
CREATE OR REPLACE VIEW supervisor.v_versions DEFINER = {definer} SQL SECURITY DEFINER AS
WITH r.data_class NOT IN ('public', 'restricted') AS raw_hidden
SELECT
    'connector' AS part, if(raw_hidden, '', CAST(r.connector, 'String')) AS name,
    argMax(if(raw_hidden, '', CAST(r.connector_version, 'String')), r.received) AS version, max(r.received) AS seen
FROM ops.raw AS r
WHERE r.received > now64(3, 'UTC') - INTERVAL 1 HOUR AND NOT raw_hidden
GROUP BY name
UNION ALL
SELECT 'rules', '', version, max(updated)
FROM
(
    WITH a.silent OR is_reserved(a.data_class, a.type) AS hidden
    SELECT if(hidden, '', CAST(a.rules_version, 'String')) AS version, a.updated AS updated
    FROM ops.alert_current AS a
    WHERE a.updated > now64(3, 'UTC') - INTERVAL 1 DAY AND NOT hidden
)
GROUP BY version;
