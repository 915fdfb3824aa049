-- Closed months in which small counts are already hidden: who may read this finds nothing finer. A hidden count is the
-- word 'hidden' in tables and a hole in lines, never 0.

-- @query told observatory table
-- @columns months:number hidden_pct:number
-- @bounded rollup
SELECT
    if(count() = 0, NULL, uniqExact(month)) AS months,
    round(100 * sum(hidden_cells) / nullIf(sum(cells), 0), 1) AS hidden_pct
FROM observatory.v_months
WHERE $__dateFilter(month);

-- @query by_family observatory series
-- @columns time:time family:string alerts:number
-- @bounded rollup
SELECT
    toDateTime(month, (SELECT if(count() = 0, 'UTC', any(timezone)) FROM observatory.v_centre)) AS time, family, alerts
FROM observatory.v_month_rates
WHERE $__dateFilter(month) AND district = 'total' AND family != 'total'
ORDER BY time, family;

-- @query city_rate observatory series
-- @columns time:time per_100k:number
-- @bounded rollup
SELECT
    toDateTime(month, (SELECT if(count() = 0, 'UTC', any(timezone)) FROM observatory.v_centre)) AS time, per_100k
FROM observatory.v_month_rates
WHERE $__dateFilter(month) AND district = 'total' AND family = 'total'
ORDER BY time;

-- What every rate is of.
-- @query population observatory table
-- @columns place:string population:number population_year:string population_source:string
-- @bounded rollup
SELECT place, population, ifNull(toString(year), '') AS population_year, population_source
FROM
(
    SELECT 0 AS turn, name AS place, population, population_year AS year, population_source FROM observatory.v_centre
    UNION ALL
    SELECT 1, name, population, population_year, population_source FROM observatory.v_districts
)
ORDER BY turn, place;

-- @query families observatory table
-- @columns month:string family:string alerts:string per_100k:number population_year:string population_source:string
-- @bounded rollup
SELECT
    formatDateTime(r.month, '%Y-%m') AS month, family, if(suppressed, 'hidden', toString(alerts)) AS alerts,
    round(per_100k, 1) AS per_100k, ifNull(toString(r.population_year), '') AS population_year, population_source
FROM observatory.v_month_rates AS r
WHERE $__dateFilter(r.month) AND district = 'total'
ORDER BY r.month DESC, family = 'total' DESC, r.alerts DESC NULLS LAST, family
LIMIT 1000;

-- @query districts observatory table
-- @columns month:string district:string alerts:string per_100k:number population:number population_year:string
-- @columns population_source:string
-- @bounded rollup
SELECT
    formatDateTime(r.month, '%Y-%m') AS month, if(d.name != '', d.name, r.district) AS district,
    if(suppressed, 'hidden', toString(alerts)) AS alerts, round(per_100k, 1) AS per_100k, r.population AS population,
    ifNull(toString(r.population_year), '') AS population_year, r.population_source AS population_source
FROM observatory.v_month_rates AS r
LEFT JOIN observatory.v_districts AS d ON d.district = r.district
WHERE $__dateFilter(r.month) AND family = 'total' AND r.district != 'total'
ORDER BY r.month DESC, r.alerts DESC NULLS LAST, district
LIMIT 1000;

-- @query outcomes observatory table
-- @columns month:string kind:string confirmed:string false_alarms:string unfounded:string judged:string
-- @bounded rollup
SELECT
    formatDateTime(c.month, '%Y-%m') AS month, category AS kind,
    anyIf(told, part = 'confirmed') AS confirmed, anyIf(told, part = 'false_alarm') AS false_alarms,
    anyIf(told, part = 'unfounded') AS unfounded, anyIf(told, part = 'total') AS judged
FROM
(
    SELECT month, category, part, if(suppressed, 'hidden', toString(n)) AS told
    FROM observatory.v_month_counts
    WHERE $__dateFilter(month) AND statistic = 'judged'
) AS c
GROUP BY c.month, category
ORDER BY c.month DESC, category = 'total' DESC, category
LIMIT 500;

-- @query reserved observatory table
-- @columns month:string alerts:string
-- @bounded rollup
SELECT formatDateTime(c.month, '%Y-%m') AS month, if(suppressed, 'hidden', toString(n)) AS alerts
FROM observatory.v_month_counts AS c
WHERE $__dateFilter(c.month) AND statistic = 'reserved'
ORDER BY c.month DESC
LIMIT 120;

-- @query response observatory table
-- @columns month:string district:string measured:number p50_s:number p90_s:number within_pct:number
-- @bounded rollup
SELECT
    formatDateTime(r.month, '%Y-%m') AS month, if(d.name != '', d.name, r.district) AS district, measured, p50_s, p90_s,
    round(100 * in_target / nullIf(measured, 0)) AS within_pct
FROM observatory.v_month_response AS r
LEFT JOIN observatory.v_districts AS d ON d.district = r.district
WHERE $__dateFilter(r.month)
ORDER BY r.month DESC, r.district = 'total' DESC, district
LIMIT 500;

-- @query concentration observatory series
-- @columns time:time top_cells_percent:number
-- @bounded rollup
SELECT
    toDateTime(month, (SELECT if(count() = 0, 'UTC', any(timezone)) FROM observatory.v_centre)) AS time,
    top_cells_percent
FROM observatory.v_concentration
WHERE $__dateFilter(month)
ORDER BY time;

-- @query months observatory table
-- @columns month:string statistic:string computed:time cells:number hidden_cells:number hidden_pct:number
-- @bounded rollup
SELECT
    formatDateTime(m.month, '%Y-%m') AS month, statistic, computed, cells, hidden_cells,
    round(100 * hidden_share, 1) AS hidden_pct
FROM observatory.v_months AS m
WHERE $__dateFilter(m.month)
ORDER BY m.month DESC, statistic
LIMIT 500;
