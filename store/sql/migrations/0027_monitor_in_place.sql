-- Every stretch of the journal saves a monitor anew. While its position was in an index, each save left an entry in all of
-- them, and whoever looked for the monitor that is farthest behind read the dead ones: several hundred with eight batches.
-- Now a save stays in its page, which has room for some versions of one row.
DROP INDEX monitor_open;
CREATE INDEX monitor_open ON monitor (monitor_id) WHERE NOT closed;
ALTER TABLE monitor SET (fillfactor = 20);
