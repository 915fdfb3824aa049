-- Judicial requests without personal data: one row a request after merging, the highest version wins. Read with FINAL.
CREATE TABLE IF NOT EXISTS ops.requests
(
    request_id String,
    authority_kind LowCardinality(String),
    authority LowCardinality(String),
    state LowCardinality(String),
    version UInt64,
    received DateTime64(3, 'UTC'),
    held Nullable(DateTime64(3, 'UTC')),
    exported Nullable(DateTime64(3, 'UTC')),
    delivered Nullable(DateTime64(3, 'UTC')),
    closed Nullable(DateTime64(3, 'UTC')),
    deadline Nullable(DateTime64(3, 'UTC')),
    earliest_expiry Nullable(DateTime64(3, 'UTC')),
    items_asked UInt32,
    items_held UInt32,
    items_delivered UInt32,
    answer LowCardinality(String),
    drill Bool,
    body String CODEC(ZSTD(3)),
    topic LowCardinality(String),
    part UInt16,
    pos UInt64,
    stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(version)
ORDER BY request_id
SETTINGS non_replicated_deduplication_window = 10000;

-- @v_requests Judicial requests with how long each step took in seconds, whether an answer is still pending and whether
--     that is overdue, drills left out.
CREATE OR REPLACE VIEW ops.v_requests AS
SELECT
    request_id, CAST(authority_kind, 'String') AS authority_kind, CAST(authority, 'String') AS authority,
    CAST(state, 'String') AS state, version, received, held, exported, delivered, closed, deadline, earliest_expiry,
    items_asked, items_held, items_delivered, CAST(answer, 'String') AS answer,
    toBool(state NOT IN ('entregada', 'acusada', 'cerrada', 'rechazada', 'negativa', 'caduca', 'reemplazada'))
        AS pending,
    toBool(pending AND ifNull(deadline < now64(3, 'UTC'), 0)) AS overdue,
    dateDiff('second', received, held) AS held_after_s,
    dateDiff('second', received, exported) AS exported_after_s,
    dateDiff('second', received, delivered) AS delivered_after_s
FROM ops.requests FINAL
WHERE NOT drill;

-- @supervisor.v_requests Judicial requests, one row each, without person or case: state, stamps, seconds each step
--     took, `pending` and `overdue`, and the two clocks in seconds (below 0: over) while they run: to the deadline, and
--     to the first expiry of what is asked and not yet held. Drills left out.
CREATE OR REPLACE VIEW supervisor.v_requests DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    request_id, authority_kind, authority, state, version, received, held, exported, delivered, closed, deadline,
    earliest_expiry, items_asked, items_held, items_delivered, answer, pending, overdue, held_after_s,
    exported_after_s, delivered_after_s,
    if(pending, dateDiff('second', now64(3, 'UTC'), deadline), NULL) AS deadline_in_s,
    if(pending AND held IS NULL, dateDiff('second', now64(3, 'UTC'), earliest_expiry), NULL) AS expiry_in_s
FROM ops.v_requests;

-- @supervisor.v_requests_by_authority Each authority's judicial requests: how many, pending, overdue, how answered; and
--     the seconds after which half and nine tenths were held, exported and delivered (empty where none was). Drills
--     left out.
CREATE OR REPLACE VIEW supervisor.v_requests_by_authority DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    authority_kind, authority, count() AS requests, countIf(pending) AS pending_requests,
    countIf(overdue) AS overdue_requests, countIf(answer = 'complete') AS complete,
    countIf(answer = 'partial') AS partial, countIf(answer = 'negative') AS negative,
    countIf(answer = 'refused') AS refused,
    quantileExact(0.5)(held_after_s) AS held_p50_s, quantileExact(0.9)(held_after_s) AS held_p90_s,
    quantileExact(0.5)(exported_after_s) AS exported_p50_s, quantileExact(0.9)(exported_after_s) AS exported_p90_s,
    quantileExact(0.5)(delivered_after_s) AS delivered_p50_s, quantileExact(0.9)(delivered_after_s) AS delivered_p90_s
FROM ops.v_requests
GROUP BY authority_kind, authority;

-- @supervisor.v_requests_by_state How many judicial requests of each authority stand in each state. Drills left out.
CREATE OR REPLACE VIEW supervisor.v_requests_by_state DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT authority_kind, authority, state, count() AS requests
FROM ops.v_requests
GROUP BY authority_kind, authority, state;
