-- The state of the machine. Accounts and gaps hold exercises too: they are of the machine.

-- Minutes of the last hour that do not balance although their time is up.
-- @query gaps_now supervisor table
-- @columns minutes:number
SELECT count() AS minutes FROM supervisor.v_reconciliation_gaps WHERE minute > now() - INTERVAL 1 HOUR

-- @query checked supervisor table
-- @bounded rollup
-- @columns age_s:number
SELECT age_s FROM supervisor.v_accounts_checked

-- @query blind supervisor table
-- @bounded state
-- @columns share:number blind:number watched:number
SELECT share, blind, watched FROM supervisor.v_blind_share

-- @query dead_now supervisor table
-- @columns letters:number life_safety:number
SELECT sum(d.letters) AS letters, sumIf(d.letters, d.life_safety) AS life_safety
FROM supervisor.v_dead_letters_hour AS d
WHERE hour >= toStartOfHour(now() - INTERVAL 1 HOUR)

-- Accepted at the door, stored as it came, and what became of it: the lines lie on each other when all is well.
-- @query accounts supervisor series
-- @columns time:time accepted:number raw_stored:number declared:number outcomes:number
SELECT
    $__timeInterval(minute) AS time, sum(a.accepted) AS accepted, sum(a.raw_stored) AS raw_stored,
    sum(a.declared) AS declared, sum(a.events_stored) + sum(a.dead_stored) AS outcomes
FROM supervisor.v_accounts_minute AS a
WHERE $__timeFilter(minute)
GROUP BY time
ORDER BY time

-- @query gaps supervisor table
-- @columns minute:time connector:string missing_raw:number missing_outcomes:number checked:time
SELECT minute, connector, missing_raw, missing_outcomes, checked
FROM supervisor.v_reconciliation_gaps
WHERE $__timeFilter(minute)
ORDER BY minute DESC
LIMIT 100

-- @query refusals supervisor series
-- @columns time:time refused:number dropped:number
SELECT $__timeInterval(minute) AS time, sum(r.refused) AS refused, sum(r.dropped) AS dropped
FROM supervisor.v_refusals_minute AS r
WHERE $__timeFilter(minute)
GROUP BY time
ORDER BY time

-- @query dead_by_reason supervisor table
-- @columns stage:string code:string source:string letters:number size_bytes:number last:time
SELECT stage, code, source, sum(d.letters) AS letters, sum(d.size_bytes) AS size_bytes, max(hour) AS last
FROM supervisor.v_dead_letters_hour AS d
WHERE $__timeFilter(hour)
GROUP BY stage, code, source
ORDER BY letters DESC, stage, code, source
LIMIT 100

-- @query store_delay supervisor series
-- @columns time:time lane:string p95_ms:number
SELECT hour AS time, lane, p95_ms
FROM supervisor.v_store_delay_hour
WHERE $__timeFilter(hour)
ORDER BY time, lane

-- @query versions supervisor table
-- @bounded rollup
-- @columns part:string name:string version:string seen:time
SELECT part, name, version, seen FROM supervisor.v_versions ORDER BY part, name, seen DESC
