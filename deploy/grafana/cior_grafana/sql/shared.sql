-- Queries that several boards share. A board's own file may write one of the same name anew.

-- The age of what is stored last. Empty (not 0) when nothing is stored: the panel is grey then, never green.
-- @query data_age wall table
-- @columns age_s:number
-- @bounded state
SELECT age_s
FROM wall.v_data_age
WHERE what = 'events';
