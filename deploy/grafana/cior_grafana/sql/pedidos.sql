-- Judicial requests without a person or a case. The evidence room will publish them; until then everything is empty.
-- The register is small (2,500 a year in a city like Campana).

-- @query pending supervisor table
-- @columns pending:number
-- @bounded rollup
SELECT if(count() = 0, NULL, countIf(pending)) AS pending
FROM supervisor.v_requests;

-- @query overdue supervisor table
-- @columns overdue:number
-- @bounded rollup
SELECT if(count() = 0, NULL, countIf(overdue)) AS overdue
FROM supervisor.v_requests;

-- @query next_deadline supervisor table
-- @columns deadline_in_s:number
-- @bounded rollup
SELECT minIf(deadline_in_s, deadline_in_s >= 0) AS deadline_in_s
FROM supervisor.v_requests;

-- @query next_expiry supervisor table
-- @columns expiry_in_s:number
-- @bounded rollup
SELECT min(expiry_in_s) AS expiry_in_s
FROM supervisor.v_requests;

-- @query by_state supervisor table
-- @columns state:string requests:number
-- @bounded rollup
SELECT state, sum(requests) AS requests
FROM supervisor.v_requests_by_state AS s
GROUP BY state
ORDER BY requests DESC, state;

-- @query by_authority supervisor table
-- @columns authority:string requests:number pending:number overdue:number held:number held_p50_s:number
-- @columns held_p90_s:number exported:number exported_p50_s:number exported_p90_s:number delivered:number
-- @columns delivered_p50_s:number delivered_p90_s:number
SELECT
    authority, count() AS requests, countIf(r.pending) AS pending, countIf(r.overdue) AS overdue,
    count(held_after_s) AS held, quantileExact(0.5)(held_after_s) AS held_p50_s,
    quantileExact(0.9)(held_after_s) AS held_p90_s, count(exported_after_s) AS exported,
    quantileExact(0.5)(exported_after_s) AS exported_p50_s, quantileExact(0.9)(exported_after_s) AS exported_p90_s,
    count(delivered_after_s) AS delivered, quantileExact(0.5)(delivered_after_s) AS delivered_p50_s,
    quantileExact(0.9)(delivered_after_s) AS delivered_p90_s
FROM supervisor.v_requests AS r
WHERE $__timeFilter_ms(received)
GROUP BY authority
ORDER BY requests DESC, authority
LIMIT 200;

-- @query answers supervisor table
-- @columns authority_kind:string complete:number partial:number negative:number refused:number pending:number
SELECT
    authority_kind, countIf(answer = 'complete') AS complete, countIf(answer = 'partial') AS partial,
    countIf(answer = 'negative') AS negative, countIf(answer = 'refused') AS refused, countIf(r.pending) AS pending
FROM supervisor.v_requests AS r
WHERE $__timeFilter_ms(received)
GROUP BY authority_kind
ORDER BY authority_kind;

-- Both clocks of what is pending, the nearest first. Below zero: past.
-- @query clocks supervisor table
-- @columns request_id:string authority:string state:string received:time deadline_in_s:number expiry_in_s:number
-- @columns items_asked:number items_held:number
-- @bounded state
SELECT request_id, authority, state, received, deadline_in_s, expiry_in_s, items_asked, items_held
FROM supervisor.v_requests
WHERE pending
ORDER BY least(ifNull(deadline_in_s, 9000000000), ifNull(expiry_in_s, 9000000000)), received
LIMIT 100;

-- @query received_by_month supervisor series
-- @columns time:time received:number delivered:number
SELECT time, sum(came) AS received, sum(went) AS delivered
FROM
(
    SELECT toDateTime(toStartOfMonth(received), 'UTC') AS time, 1 AS came, 0 AS went
    FROM supervisor.v_requests WHERE $__timeFilter_ms(received)
    UNION ALL
    SELECT toDateTime(toStartOfMonth(assumeNotNull(delivered)), 'UTC'), 0, 1
    FROM supervisor.v_requests WHERE delivered IS NOT NULL AND $__timeFilter_ms(delivered)
)
GROUP BY time
ORDER BY time;
