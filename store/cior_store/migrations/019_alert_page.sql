-- What the page of one alert asks. The argument is an alert's id; a reserved alert (sealed or silent) has no rows, and
-- what is left out is masked too, since a filter of the reader's may be evaluated before ours.

-- @console.v_story One alert's story, a line a transition, with the district that the alert is in now (argument
--     `alert`); nothing of a reserved one.
CREATE OR REPLACE VIEW console.v_story DEFINER = {definer} SQL SECURITY DEFINER AS
WITH
    (SELECT countIf(a.silent OR is_reserved(CAST(a.data_class, 'String'), CAST(a.type, 'String'))) > 0
        FROM ops.alert_current AS a WHERE a.alert_id = {alert:String}) AS reserved,
    (SELECT anyLast(CAST(a.district, 'String')) FROM ops.alert_current AS a FINAL
        WHERE a.alert_id = {alert:String}) AS place,
    or(reserved, l.data_class NOT IN ('public', 'restricted')) AS hidden
SELECT
    if(hidden, '', l.transition_id) AS transition_id, if(hidden, 0, l.version) AS version,
    if(hidden, 0, toUnixTimestamp64Milli(l.at)) AS at_ms, if(hidden, '', CAST(l.kind, 'String')) AS kind,
    if(hidden, '', l.actor) AS actor, CAST(l.level, 'String') AS level, CAST(l.status, 'String') AS status,
    if(hidden, '', l.detail_es) AS detail_es, if(hidden, '', l.detail_en) AS detail_en,
    if(hidden, [], CAST(l.reason_codes, 'Array(String)')) AS reason_codes, if(hidden, '', l.item_id) AS item_id,
    ifNull(place, '') AS district
FROM ops.alert_log AS l FINAL
WHERE l.alert_id = {alert:String} AND NOT hidden;

-- @console.v_told Who or what was told or switched for one alert, with the last receipt of each command (argument
--     `alert`); nothing of a reserved one.
CREATE OR REPLACE VIEW console.v_told DEFINER = {definer} SQL SECURITY DEFINER AS
WITH
    (SELECT countIf(a.silent OR is_reserved(CAST(a.data_class, 'String'), CAST(a.type, 'String'))) > 0
        FROM ops.alert_current AS a WHERE a.alert_id = {alert:String}) AS hidden,
    (SELECT anyLast(CAST(a.district, 'String')) FROM ops.alert_current AS a FINAL
        WHERE a.alert_id = {alert:String}) AS place
SELECT
    if(hidden, '', c.command_id) AS command_id, if(hidden, '', CAST(c.kind, 'String')) AS kind,
    if(hidden, '', c.target) AS target, if(hidden, '', CAST(c.step, 'String')) AS step,
    if(hidden, 0, toUnixTimestamp64Milli(c.issued)) AS issued_ms, if(hidden, '', r.last) AS outcome,
    if(hidden OR r.last = '', NULL, toUnixTimestamp64Milli(r.answered)) AS answered_ms,
    if(hidden, '', r.said) AS detail, ifNull(place, '') AS district
FROM ops.commands AS c FINAL
LEFT JOIN
(
    SELECT
        command_id, CAST(argMax(outcome, at), 'String') AS last, max(at) AS answered, argMax(detail, at) AS said
    FROM ops.receipts
    WHERE command_id IN (SELECT command_id FROM ops.commands WHERE alert_id = {alert:String})
    GROUP BY command_id
) AS r ON r.command_id = c.command_id
WHERE c.alert_id = {alert:String} AND NOT hidden;
