-- What Grafana's own rules ask: one number each, about the machine and never about an alert or a press. No macros and
-- no variables: nobody expands a dashboard's variables in a rule, and a `$` in a provisioning file is a trap.

-- @query data_old supervisor table
-- @bounded rollup
-- @columns age_s:number
-- An empty store has no age: then it is as old as can be. Events hold the accounts too: each connector states them
-- every minute, so a quiet night in a small city is not an outage.
SELECT ifNull(min(age_s), 1000000) AS age_s FROM wall.v_data_age WHERE what IN ('raw', 'events')

-- @query accounts_gap supervisor table
-- @columns minutes:number
SELECT count() AS minutes FROM supervisor.v_reconciliation_gaps WHERE minute > now() - INTERVAL 1 HOUR

-- @query accounts_unchecked supervisor table
-- @bounded rollup
-- @columns age_s:number
SELECT ifNull(age_s, 1000000) AS age_s FROM supervisor.v_accounts_checked

-- @query blind_share supervisor table
-- @bounded state
-- @columns percent:number
SELECT 100 * share AS percent FROM supervisor.v_blind_share
