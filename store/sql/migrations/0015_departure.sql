-- How each run of a monitor found its batch to lie to the old process, phase by phase, once the batch had ended.
CREATE TABLE departure (
    monitor_id integer NOT NULL REFERENCES monitor,
    phase text NOT NULL,  -- '' before the first
    tag text NOT NULL,
    declared integer NOT NULL CHECK (declared > 0),  -- matched points
    seen integer NOT NULL CHECK (seen BETWEEN 0 AND declared),
    inside integer NOT NULL CHECK (inside BETWEEN 0 AND seen),
    mean_distance double precision,  -- signed, in SD of the old process
    largest_distance double precision,
    largest_h double precision,
    intake_ordinal bigint NOT NULL,
    committed_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (monitor_id, phase, tag),
    CHECK (num_nulls(mean_distance, largest_distance, largest_h) = CASE seen WHEN 0 THEN 3 ELSE 0 END)
);
GRANT INSERT ON departure TO batchwitness_analytics;
GRANT SELECT ON departure TO batchwitness_readonly, batchwitness_retain;
