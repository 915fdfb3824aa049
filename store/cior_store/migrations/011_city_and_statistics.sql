-- The line of a vehicle, from its registration.
ALTER TABLE ops.events ADD COLUMN IF NOT EXISTS route LowCardinality(String) DEFAULT '' AFTER health;

-- What boards print about the city. Each edition is whole and has one instant; the latest counts.
CREATE TABLE IF NOT EXISTS ops.city_districts
(
    district String,
    name String,
    population Nullable(UInt64),
    population_year Nullable(UInt16),
    population_source String,
    written DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(written)
ORDER BY district
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS ops.centre_facts
(
    area String,
    name String,
    timezone String,
    population Nullable(UInt64),
    population_year Nullable(UInt16),
    population_source String,
    response_target_s UInt32,
    officer_hours_per_dispatch Float64,
    officer_hour_cost Nullable(Float64),
    currency String,
    cost_source String,
    operators Nullable(UInt32),
    written DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(written)
ORDER BY area
SETTINGS non_replicated_deduplication_window = 10000;

-- Counts of closed months, small cells already hidden: n is NULL and suppressed is set. An empty key is a total.
-- Nothing finer is written, so whoever may read this table cannot find more than is shown.
CREATE TABLE IF NOT EXISTS ops.stat_month
(
    month Date,
    statistic LowCardinality(String),
    row_key LowCardinality(String),
    column_key LowCardinality(String),
    n Nullable(UInt64),
    suppressed Bool,
    edition DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(edition)
ORDER BY (statistic, month, row_key, column_key)
SETTINGS non_replicated_deduplication_window = 10000;

-- Figures of closed months that are no counts (seconds, shares), or are rounded to the smallest count that is told.
CREATE TABLE IF NOT EXISTS ops.stat_month_figure
(
    month Date,
    figure LowCardinality(String),
    key LowCardinality(String),
    value Float64,
    edition DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(edition)
ORDER BY (figure, month, key)
SETTINGS non_replicated_deduplication_window = 10000;

-- @wall.v_districts The city's districts with name, population, its year and its source.
CREATE OR REPLACE VIEW wall.v_districts DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT district, name, population, population_year, population_source
FROM ops.city_districts FINAL
WHERE written = (SELECT max(written) FROM ops.city_districts);

-- @wall.v_centre One row: name, time zone, population, response target, officer-hours a dispatch and their cost.
CREATE OR REPLACE VIEW wall.v_centre DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    name, timezone, population, population_year, population_source, response_target_s, officer_hours_per_dispatch,
    officer_hour_cost, currency, cost_source, operators
FROM ops.centre_facts FINAL
WHERE written = (SELECT max(written) FROM ops.centre_facts);

-- @observatory.v_districts The city's districts with name, population, its year and its source.
CREATE OR REPLACE VIEW observatory.v_districts DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT district, name, population, population_year, population_source
FROM ops.city_districts FINAL
WHERE written = (SELECT max(written) FROM ops.city_districts);

-- @observatory.v_centre One row: name, time zone, population of the city and the response target in seconds.
CREATE OR REPLACE VIEW observatory.v_centre DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT name, timezone, population, population_year, population_source, response_target_s
FROM ops.centre_facts FINAL
WHERE written = (SELECT max(written) FROM ops.centre_facts);

-- @observatory.v_month_counts Counts of closed months: alerts by family and district, judged ones by kind of source and
--     outcome, reserved ones of the whole city. NULL: hidden, so that nobody is given away. Drills left out.
CREATE OR REPLACE VIEW observatory.v_month_counts DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    month, statistic, if(row_key = '', 'total', row_key) AS category, if(column_key = '', 'total', column_key) AS part,
    n, suppressed
FROM ops.stat_month FINAL
WHERE (statistic, month, edition) IN
    (SELECT statistic, month, max(edition) FROM ops.stat_month GROUP BY statistic, month);

-- @observatory.v_month_rates Alerts of closed months per 100,000 inhabitants, by family and district, with the
--     population, its year and its source; NULL where the count is hidden or the population is not known. Drills left
--     out.
CREATE OR REPLACE VIEW observatory.v_month_rates DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    c.month AS month, c.category AS family, c.part AS district, c.n AS alerts, c.suppressed AS suppressed,
    p.population AS population, p.population_year AS population_year, p.population_source AS population_source,
    c.n * 100000 / p.population AS per_100k
FROM observatory.v_month_counts AS c
LEFT JOIN
(
    SELECT district AS part, population, population_year, population_source FROM observatory.v_districts
    UNION ALL
    SELECT 'total' AS part, population, population_year, population_source FROM observatory.v_centre
) AS p ON c.part = p.part
WHERE c.statistic = 'alerts';

-- @observatory.v_month_response Closed months, by district: seconds from the first signal to somebody on scene for half
--     and nine tenths of the alerts measured (to 10 s), and those measured and in target, rounded to five. Drills left
--     out.
CREATE OR REPLACE VIEW observatory.v_month_response DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    month, if(key = '', 'total', key) AS district, maxIf(value, figure = 'measured') AS measured,
    maxIf(value, figure = 'in_target') AS in_target, maxIf(value, figure = 'response_p50_s') AS p50_s,
    maxIf(value, figure = 'response_p90_s') AS p90_s
FROM ops.stat_month_figure FINAL
WHERE figure IN ('measured', 'in_target', 'response_p50_s', 'response_p90_s') AND (month, edition) IN
    (SELECT month, max(edition) FROM ops.stat_month_figure GROUP BY month)
GROUP BY month, key;

-- @observatory.v_concentration Closed months: percent of the located alerts that fell in the busiest 5 % of the H3
--     cells (resolution 9) that had any (NULL: too few alerts), and how many were located, rounded to five. No cell is
--     told; drills left out.
CREATE OR REPLACE VIEW observatory.v_concentration DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    month, maxIf(toNullable(value), figure = 'top_cells_percent') AS top_cells_percent,
    maxIf(value, figure = 'located') AS located
FROM ops.stat_month_figure FINAL
WHERE figure IN ('top_cells_percent', 'located') AND (month, edition) IN
    (SELECT month, max(edition) FROM ops.stat_month_figure GROUP BY month)
GROUP BY month;

-- @observatory.v_months Which months are told, since when as they stand, how many cells, and the share hidden.
CREATE OR REPLACE VIEW observatory.v_months DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    month, statistic, max(edition) AS computed, count() AS cells, countIf(suppressed) AS hidden_cells,
    hidden_cells / cells AS hidden_share
FROM
(
    SELECT month, statistic, edition, suppressed FROM ops.stat_month FINAL
    WHERE (statistic, month, edition) IN
        (SELECT statistic, month, max(edition) FROM ops.stat_month GROUP BY statistic, month)
)
GROUP BY month, statistic;
