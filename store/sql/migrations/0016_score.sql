-- How near each run of a monitor found each tag to its limits, cell by cell: what a person sees an alert come from.
CREATE TABLE monitor_score (
    monitor_id integer NOT NULL REFERENCES monitor,
    cell integer NOT NULL CHECK (cell >= 0),
    ended_time timestamptz NOT NULL,  -- of the cell, in plant time
    tags text[] NOT NULL,             -- those that were judged
    ratio real[] NOT NULL,            -- of each the largest score over its limit; 1 and more is beyond
    layer text[] NOT NULL,            -- which gave it
    PRIMARY KEY (monitor_id, cell),
    CHECK (cardinality(tags) = cardinality(ratio) AND cardinality(tags) = cardinality(layer))
);
GRANT INSERT ON monitor_score TO batchwitness_analytics;
GRANT SELECT ON monitor_score TO batchwitness_readonly, batchwitness_retain;
