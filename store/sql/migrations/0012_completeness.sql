-- What is missing of a record and why, and how the rest of it arrived. All of it follows from what ingest and imports
-- stored; analytics brings it up to date with the overviews.
CREATE TABLE tag_gap (
    tag_gap_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unit_procedure_id integer NOT NULL REFERENCES unit_procedure,
    tag_id integer NOT NULL REFERENCES tag,
    after_time timestamptz,          -- the last reading before the hole this is a part of; null: there was none
    before_time timestamptz,         -- the first reading after it; null: there is none
    from_time timestamptz NOT NULL,
    to_time timestamptz,             -- null: it lasts
    missing bigint CHECK (missing > 0),  -- readings; null while it lasts
    interval_s double precision NOT NULL CHECK (interval_s > 0),  -- by which they were owed
    cause text NOT NULL CHECK (cause IN (
        'out_of_service', 'calibration', 'quarantined', 'broker_loss', 'host_offline', 'edge_offline', 'tag_silent')),
    evidence jsonb NOT NULL DEFAULT '{}',  -- the rows the cause rests on, by table
    found_time timestamptz NOT NULL,
    filled_time timestamptz,         -- since when it is otherwise: filled, split, ended, or explained by something else
    CHECK ((to_time IS NULL) = (missing IS NULL)),
    CHECK (from_time < to_time)
);
CREATE UNIQUE INDEX tag_gap_now ON tag_gap (tag_id, unit_procedure_id, from_time) WHERE filled_time IS NULL;
CREATE INDEX tag_gap_reach ON tag_gap (tag_id, coalesce(before_time, 'infinity')) WHERE filled_time IS NULL;
CREATE INDEX tag_gap_procedure ON tag_gap (unit_procedure_id, tag_id, from_time);
-- The interval of a unit procedure up to which its gaps were derived; where it differs, they are derived anew.
CREATE TABLE gap_scope (
    unit_procedure_id integer PRIMARY KEY REFERENCES unit_procedure,
    during tstzrange NOT NULL
);
-- How far the plant's time is known to be complete: nothing from before it should still be on its way.
CREATE TABLE gap_horizon (
    always boolean PRIMARY KEY DEFAULT true CHECK (always),
    reached timestamptz NOT NULL,
    plant_time timestamptz NOT NULL,  -- of the tick it comes from
    host_time timestamptz NOT NULL,
    rate double precision NOT NULL,
    tag_version_id integer NOT NULL   -- the newest one taken into account
);

-- How many readings of a tag there are by ten minutes of source time, and how they arrived.
CREATE TABLE arrival (
    tag_id integer NOT NULL REFERENCES tag,
    bucket timestamptz NOT NULL,
    readings integer NOT NULL,
    late integer NOT NULL,      -- after screens had begun to show the tag as silent
    imported integer NOT NULL,  -- entered as history: when they arrived says nothing
    bad integer NOT NULL,
    PRIMARY KEY (tag_id, bucket)
);
-- The same of times between two clocks, by unit or position: how many readings fall into each bin.
CREATE TABLE arrival_lag (
    unit_id integer NOT NULL REFERENCES unit,
    position_id integer REFERENCES position,
    bucket timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('received', 'committed')),  -- source → received, received → committed
    bin smallint NOT NULL,
    readings integer NOT NULL,
    least_us bigint NOT NULL,
    most_us bigint NOT NULL,
    UNIQUE NULLS NOT DISTINCT (unit_id, position_id, bucket, kind, bin)
);
-- Readings of a block that came after later ones of their tag.
CREATE TABLE out_of_order (
    tag_id integer NOT NULL REFERENCES tag,
    chain_id smallint NOT NULL,
    block_seq bigint NOT NULL,
    first_time timestamptz NOT NULL,
    last_time timestamptz NOT NULL,
    readings integer NOT NULL,
    PRIMARY KEY (tag_id, chain_id, block_seq)
);

GRANT INSERT, UPDATE (filled_time) ON tag_gap TO batchwitness_analytics;
GRANT INSERT, UPDATE ON gap_scope, gap_horizon, arrival, arrival_lag TO batchwitness_analytics;
GRANT INSERT ON out_of_order TO batchwitness_analytics;
GRANT SELECT ON tag_gap, gap_horizon, arrival, arrival_lag, out_of_order, reading_again, publisher_unit, listening
    TO batchwitness_readonly;
GRANT SELECT ON tag_gap, gap_scope, gap_horizon, arrival, arrival_lag, out_of_order TO batchwitness_retain;
