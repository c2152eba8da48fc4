-- Every matched point of the old process beside a run of a monitor, as it was compared: what the departure page draws.
CREATE TABLE departure_point (
    monitor_id integer NOT NULL REFERENCES monitor,
    point integer NOT NULL CHECK (point >= 0),
    point_time timestamptz NOT NULL,         -- in plant time
    tags text[] NOT NULL,                    -- those of which the old process is known there, in whatever phase
    value double precision[] NOT NULL,       -- of this batch around the point; null: nothing usable was read
    expected double precision[] NOT NULL,    -- mean of the old batches
    sd double precision[] NOT NULL,          -- of the old batches
    reach double precision[] NOT NULL,       -- half width of the 95 % prediction interval, in sd; null: too few batches
    limit_value double precision[] NOT NULL, -- distance that raises an alert, in sd; null: none does
    PRIMARY KEY (monitor_id, point),
    CHECK (cardinality(tags) = ALL (ARRAY[cardinality(value), cardinality(expected), cardinality(sd),
        cardinality(reach), cardinality(limit_value)]))
);
GRANT INSERT ON departure_point TO batchwitness_analytics;
GRANT SELECT ON departure_point TO batchwitness_readonly, batchwitness_retain;
