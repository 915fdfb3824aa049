-- Response times. A median says of how many it is: what has no stamp, still waits or has a wrong clock is counted
-- beside it and never dropped. The line runs from the receipt of the first signal, by the centre's clock, to somebody
-- on scene.

-- Urgent incidents (P1 and P2), reserved ones too: the city's total.
-- @query within_target wall table
-- @columns within_pct:number measured:number incidents:number target_s:number
SELECT
    if(measured = 0, NULL, round(100 * countIf(span_s <= target_s) / measured, 1)) AS within_pct,
    countIf(state = 'measured') AS measured, count() AS incidents,
    (SELECT maxOrNull(response_target_s) FROM wall.v_centre) AS target_s
FROM wall.v_response_steps
WHERE $__timeFilter_ms(opened) AND step = 'receipt_scene' AND level IN ('P1', 'P2');

-- @query urgent_scene wall table
-- @columns p50_s:number p90_s:number
SELECT quantileExact(0.5)(span_s) AS p50_s, quantileExact(0.9)(span_s) AS p90_s
FROM wall.v_response_steps
WHERE $__timeFilter_ms(opened) AND step = 'receipt_scene' AND level IN ('P1', 'P2');

-- @query no_arrival wall table
-- @columns missing:number waiting:number
SELECT countIf(state = 'missing') AS missing, countIf(state = 'waiting') AS waiting
FROM wall.v_response_steps
WHERE $__timeFilter_ms(opened) AND step = 'receipt_scene' AND level IN ('P1', 'P2');

-- @query wrong_clocks wall table
-- @columns wrong_clock:number
SELECT countIf(state = 'wrong_clock') AS wrong_clock
FROM wall.v_response_steps
WHERE $__timeFilter_ms(opened);

-- @query steps wall table
-- @columns step:string measured:number incidents:number p50_s:number p90_s:number missing:number waiting:number
-- @columns wrong_clock:number
SELECT
    step, countIf(state = 'measured') AS measured, count() AS incidents, quantileExact(0.5)(span_s) AS p50_s,
    quantileExact(0.9)(span_s) AS p90_s, countIf(state = 'missing') AS missing, countIf(state = 'waiting') AS waiting,
    countIf(state = 'wrong_clock') AS wrong_clock
FROM wall.v_response_steps
WHERE $__timeFilter_ms(opened)
GROUP BY step
ORDER BY indexOf(
    ['signal_receipt', 'receipt_alert', 'alert_taken', 'taken_sent', 'sent_scene', 'receipt_scene'], step);

-- @query by_family wall table
-- @columns family:string incidents:number taken:number taken_p50_s:number taken_p90_s:number scene:number
-- @columns scene_p50_s:number scene_p90_s:number within_pct:number missing:number waiting:number
WITH (SELECT maxOrNull(response_target_s) FROM wall.v_centre) AS target_s
SELECT
    family, countIf(step = 'receipt_scene') AS incidents,
    countIf(step = 'alert_taken' AND state = 'measured') AS taken,
    quantileExactIf(0.5)(span_s, step = 'alert_taken') AS taken_p50_s,
    quantileExactIf(0.9)(span_s, step = 'alert_taken') AS taken_p90_s,
    countIf(step = 'receipt_scene' AND state = 'measured') AS scene,
    quantileExactIf(0.5)(span_s, step = 'receipt_scene') AS scene_p50_s,
    quantileExactIf(0.9)(span_s, step = 'receipt_scene') AS scene_p90_s,
    if(scene = 0, NULL, round(100 * countIf(step = 'receipt_scene' AND span_s <= target_s) / scene, 1)) AS within_pct,
    countIf(step = 'receipt_scene' AND state = 'missing') AS missing,
    countIf(step = 'receipt_scene' AND state = 'waiting') AS waiting
FROM wall.v_response_steps
WHERE $__timeFilter_ms(opened) AND NOT reserved AND step IN ('alert_taken', 'receipt_scene')
GROUP BY family
ORDER BY incidents DESC, family;

-- @query by_district wall table
-- @columns district:string incidents:number taken:number taken_p50_s:number taken_p90_s:number scene:number
-- @columns scene_p50_s:number scene_p90_s:number within_pct:number missing:number waiting:number
WITH (SELECT maxOrNull(response_target_s) FROM wall.v_centre) AS target_s
SELECT
    if(any(d.name) != '', any(d.name), s.district) AS district, countIf(step = 'receipt_scene') AS incidents,
    countIf(step = 'alert_taken' AND state = 'measured') AS taken,
    quantileExactIf(0.5)(span_s, step = 'alert_taken') AS taken_p50_s,
    quantileExactIf(0.9)(span_s, step = 'alert_taken') AS taken_p90_s,
    countIf(step = 'receipt_scene' AND state = 'measured') AS scene,
    quantileExactIf(0.5)(span_s, step = 'receipt_scene') AS scene_p50_s,
    quantileExactIf(0.9)(span_s, step = 'receipt_scene') AS scene_p90_s,
    if(scene = 0, NULL, round(100 * countIf(step = 'receipt_scene' AND span_s <= target_s) / scene, 1)) AS within_pct,
    countIf(step = 'receipt_scene' AND state = 'missing') AS missing,
    countIf(step = 'receipt_scene' AND state = 'waiting') AS waiting
FROM wall.v_response_steps AS s
LEFT JOIN wall.v_districts AS d ON d.district = s.district
WHERE $__timeFilter_ms(opened) AND NOT reserved AND step IN ('alert_taken', 'receipt_scene')
GROUP BY s.district
ORDER BY incidents DESC, s.district;

-- @query scene_by_day wall series
-- @columns time:time p50_s:number p90_s:number target_s:number
SELECT
    min(day) AS time, quantileExact(0.5)(span_s) AS p50_s, quantileExact(0.9)(span_s) AS p90_s,
    (SELECT maxOrNull(response_target_s) FROM wall.v_centre) AS target_s
FROM wall.v_response_steps
WHERE $__timeFilter_ms(opened) AND step = 'receipt_scene' AND level IN ('P1', 'P2')
GROUP BY local_day
ORDER BY time;

-- @query measured_by_day wall series
-- @columns time:time measured:number missing:number waiting:number
SELECT
    min(day) AS time, countIf(state = 'measured') AS measured, countIf(state = 'missing') AS missing,
    countIf(state = 'waiting') AS waiting
FROM wall.v_response_steps
WHERE $__timeFilter_ms(opened) AND step = 'receipt_scene' AND level IN ('P1', 'P2')
GROUP BY local_day
ORDER BY time;
