-- The copy of the register's ledger, for questions. The register is the ledger: it writes a row with the act, in one
-- transaction; what stands here came over the bus, and is checked link by link (docs/adr/0036). `digest` is that of the
-- entry as the register has it; of what was written about something sealed (`withheld`) the words stayed there.
-- One row a number, unless somebody changed something: then the other one stands beside it and is named.
CREATE TABLE IF NOT EXISTS ops.ledger
(
    seq UInt64 CODEC(Delta, ZSTD(1)),
    hash String,
    previous String,
    digest String,
    entry String CODEC(ZSTD(3)),
    withheld Bool,
    ledger_id String,
    at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    actor LowCardinality(String),
    act LowCardinality(String),
    subject String CODEC(ZSTD(1)),
    role LowCardinality(String),
    session String CODEC(ZSTD(1)),
    purpose LowCardinality(String),
    outcome LowCardinality(String),
    rule LowCardinality(String),
    reason String CODEC(ZSTD(3)),
    topic LowCardinality(String),
    part UInt16,
    pos UInt64,
    stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    INDEX by_at at TYPE minmax GRANULARITY 1,
    INDEX by_subject subject TYPE bloom_filter GRANULARITY 4,
    CONSTRAINT hash_of_all CHECK hash = chain_hash('register', seq, previous, '', digest)
        AND (withheld OR digest = lower(hex(SHA256(entry))))
)
ENGINE = ReplacingMergeTree
ORDER BY (seq, hash)
SETTINGS non_replicated_deduplication_window = 10000;

-- What an auditor asks: a database of views for a user of its own, which sees nothing else.
CREATE DATABASE IF NOT EXISTS auditor;

-- @auditor.v_ledger The copy of the ledger: who did or read what, as what, what for, when, and how it ended; with its
--     number and hash. People and alerts are identifiers; of sealed acts the reason stays in the register (`withheld`).
CREATE OR REPLACE VIEW auditor.v_ledger DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    l.seq AS seq, l.at AS at, CAST(l.actor, 'String') AS actor, CAST(l.act, 'String') AS act, l.subject AS subject,
    CAST(l.role, 'String') AS role, l.session AS session, CAST(l.purpose, 'String') AS purpose,
    CAST(l.outcome, 'String') AS outcome, CAST(l.rule, 'String') AS rule, l.reason AS reason, l.withheld AS withheld,
    l.hash AS hash, l.previous AS previous
FROM ops.ledger AS l FINAL;

-- @auditor.v_ledger_breaks Numbers at which the copy of the ledger is not whole: `removed` (the numbers from `seq` to
--     `until` are not here: lost on the way, or taken out), `changed` (does not follow from the one before) and
--     `inserted` (two rows of one number). Empty when the copy is whole. What is newer than its end it cannot know.
CREATE OR REPLACE VIEW auditor.v_ledger_breaks DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT fault, first AS seq, last AS until
FROM
(
    SELECT
        l.seq AS seq, l.previous AS previous,
        lagInFrame(l.seq, 1, 0) OVER w AS before, lagInFrame(l.hash, 1, '') OVER w AS hash_before,
        multiIf(before = l.seq, 'inserted', before + 1 < l.seq, 'removed',
            l.seq > 1 AND hash_before != l.previous, 'changed', '') AS fault,
        if(fault = 'removed', before + 1, l.seq) AS first, if(fault = 'removed', l.seq - 1, l.seq) AS last
    FROM ops.ledger AS l FINAL
    WINDOW w AS (ORDER BY l.seq, l.hash ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
)
WHERE fault != '';

-- @auditor.v_ledger_days Acts and reads by day, person, role, act and outcome.
CREATE OR REPLACE VIEW auditor.v_ledger_days DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    toDate(l.at) AS day, CAST(l.actor, 'String') AS actor, CAST(l.role, 'String') AS role,
    CAST(l.act, 'String') AS act, CAST(l.outcome, 'String') AS outcome, count() AS entries
FROM ops.ledger AS l FINAL
GROUP BY day, actor, role, act, outcome;

-- @console.v_ledger_there How many numbers of the ledger's copy stand above `after` and up to `until`, and the highest
--     of all that stand here: by that the console finds out what was lost on the way, and sends it again.
CREATE OR REPLACE VIEW console.v_ledger_there DEFINER = {definer} SQL SECURITY DEFINER AS
SELECT
    uniqExactIf(l.seq, l.seq > {after:UInt64} AND l.seq <= {until:UInt64}) AS entries,
    (SELECT max(m.seq) FROM ops.ledger AS m) AS highest
FROM ops.ledger AS l
WHERE l.seq > {after:UInt64} AND l.seq <= {until:UInt64};
