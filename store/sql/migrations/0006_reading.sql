-- Readings. They carry no batch: that follows from the unit procedure's interval.
CREATE TABLE reading (
    tag_id integer NOT NULL,
    source_time timestamptz NOT NULL,
    value double precision NOT NULL,
    quality smallint NOT NULL,
    received_time timestamptz NOT NULL,
    chain_id smallint NOT NULL,
    block_seq bigint NOT NULL,
    PRIMARY KEY (tag_id, source_time)
);
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb') THEN
        CREATE EXTENSION IF NOT EXISTS timescaledb;
        PERFORM create_hypertable('reading', by_range('source_time', INTERVAL '7 days'), create_default_indexes => false);
        EXECUTE 'ALTER TABLE reading SET (timescaledb.compress, timescaledb.compress_segmentby = ''tag_id'', '
            'timescaledb.compress_orderby = ''source_time'')';
    END IF;
END
$$;

-- A different value for the same tag and instant: kept, counted, shown, never written over the first.
CREATE TABLE reading_conflict (
    reading_conflict_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tag_id integer NOT NULL REFERENCES tag,
    source_time timestamptz NOT NULL,
    value double precision NOT NULL,
    quality smallint NOT NULL,
    received_time timestamptz NOT NULL,
    chain_id smallint NOT NULL,
    block_seq bigint NOT NULL,
    entry integer NOT NULL
);
CREATE UNIQUE INDEX reading_conflict_once ON reading_conflict (tag_id, source_time, float8send(value), quality);

-- Readings for which the record held a value already, the same one or another; by object, as they were sent together.
CREATE TABLE reading_again (
    chain_id smallint NOT NULL,
    block_seq bigint NOT NULL,
    entry integer NOT NULL,
    unit_id integer NOT NULL REFERENCES unit,
    source_time timestamptz NOT NULL,
    tag_ids integer[] NOT NULL
);
CREATE INDEX reading_again_unit ON reading_again (unit_id, source_time);
-- What a person said of a reading instead: appended, never written over the reading. The highest sequence holds.
CREATE TABLE reading_revision (
    tag_id integer NOT NULL REFERENCES tag,
    source_time timestamptz NOT NULL,
    sequence integer NOT NULL CHECK (sequence > 0),
    kind text NOT NULL CHECK (kind IN ('corrected', 'invalidated', 'reinstated', 'settled')),
    value double precision NOT NULL,
    quality smallint NOT NULL,       -- bad for an invalidated reading
    settled_through bigint,          -- the newest reading_conflict that was decided about
    correction_id bigint NOT NULL REFERENCES correction,
    known_at timestamptz NOT NULL,   -- that of the correction
    PRIMARY KEY (tag_id, source_time, sequence)
);
CREATE INDEX reading_revision_correction ON reading_revision (correction_id);
CREATE VIEW reading_now AS
SELECT reading.tag_id, reading.source_time, coalesce(revision.value, reading.value) AS value,
    coalesce(revision.quality, reading.quality) AS quality, reading.received_time, reading.chain_id,
    reading.block_seq, reading.value AS original_value, reading.quality AS original_quality,
    revision.kind AS revised, coalesce(revision.sequence, 0) AS version
FROM reading
LEFT JOIN (
    SELECT * FROM reading_revision AS newest
    WHERE NOT EXISTS (
        SELECT FROM reading_revision AS later
        WHERE later.tag_id = newest.tag_id AND later.source_time = newest.source_time
            AND later.sequence > newest.sequence
    )
) AS revision ON revision.tag_id = reading.tag_id AND revision.source_time = reading.source_time;
-- A conflict is open until somebody decides which value holds.
CREATE VIEW reading_conflict_now AS
SELECT reading_conflict.*, EXISTS (
    SELECT FROM reading_revision
    WHERE reading_revision.tag_id = reading_conflict.tag_id
        AND reading_revision.source_time = reading_conflict.source_time
        AND reading_revision.settled_through >= reading_conflict.reading_conflict_id
) AS settled
FROM reading_conflict;

-- Which sequence numbers of a publisher are missing. A number that arrives later splits or closes its gap.
CREATE TABLE publisher (
    publisher text NOT NULL,
    boot bigint NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    last_time timestamptz,  -- source time of the last one that told it
    first_heard timestamptz NOT NULL,
    PRIMARY KEY (publisher, boot)
);
CREATE INDEX publisher_first_heard ON publisher (first_heard);
-- Whom a publisher has spoken for: what is lost of it may be missing of these units and of no other.
CREATE TABLE publisher_unit (
    publisher text NOT NULL,
    unit_id integer NOT NULL REFERENCES unit,
    found_time timestamptz NOT NULL,
    PRIMARY KEY (publisher, unit_id)
);
CREATE INDEX publisher_unit_unit ON publisher_unit (unit_id);
CREATE TABLE sequence_gap (
    sequence_gap_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    publisher text NOT NULL,
    boot bigint NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    after_time timestamptz,   -- source time of the message before the first missing one, where it told it
    before_time timestamptz,  -- and of the one after the last
    found_time timestamptz NOT NULL,
    filled_time timestamptz,
    CHECK (first_seq <= last_seq),
    FOREIGN KEY (publisher, boot) REFERENCES publisher
);
CREATE INDEX sequence_gap_found ON sequence_gap (found_time);
CREATE INDEX sequence_gap_filled ON sequence_gap (filled_time) WHERE filled_time IS NOT NULL;
CREATE INDEX sequence_gap_open ON sequence_gap (publisher, boot, first_seq) WHERE filled_time IS NULL;

GRANT INSERT ON reading, reading_conflict, reading_again, publisher_unit TO batchwitness_ingest;
GRANT INSERT ON reading_revision TO batchwitness_api;
GRANT INSERT, UPDATE ON publisher, sequence_gap TO batchwitness_ingest;
DO $$
BEGIN
    -- A block with duplicates goes through a temporary table. Everybody may make one unless somebody took it away.
    IF NOT has_database_privilege('batchwitness_ingest', current_database(), 'TEMPORARY') THEN
        EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO batchwitness_ingest', current_database());
    END IF;
END
$$;
