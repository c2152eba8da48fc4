-- Runs of monitors that were computed anew from the journal, and whether the record tells the same.
CREATE TABLE self_check (
    self_check_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    monitor_id integer NOT NULL REFERENCES monitor,
    position bigint NOT NULL,  -- of the intake: how far the run had come
    software text NOT NULL,
    alerts integer NOT NULL CHECK (alerts >= 0),
    steps integer NOT NULL CHECK (steps >= 0),  -- alerts raised and changes of them that were compared
    disagreements jsonb NOT NULL,               -- what the record and the journal say otherwise; empty: nothing
    started_time timestamptz NOT NULL,          -- host time
    finished_time timestamptz NOT NULL
);
CREATE INDEX self_check_monitor ON self_check (monitor_id, finished_time);
CREATE INDEX self_check_finished ON self_check (finished_time);
GRANT INSERT ON self_check TO batchwitness_analytics;
GRANT SELECT ON self_check TO batchwitness_readonly, batchwitness_retain;
