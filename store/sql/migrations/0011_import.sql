-- What was imported from files: by whom, why, as the mapping said then; how far each file has been read.
CREATE TABLE import_run (
    import_run_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    actor text NOT NULL,
    reason text NOT NULL,
    mapping text NOT NULL,  -- the mapping file as it was
    mapping_digest bytea NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz
);
-- A file's content read in one way. The same content again changes nothing; the position moves in the transaction of
-- the block that took the rows before it.
CREATE TABLE import_file (
    import_file_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    import_run_id integer NOT NULL REFERENCES import_run,  -- the first that read it
    name text NOT NULL,
    digest bytea NOT NULL,          -- SHA-256 of the content, and of files that belong to it
    meaning_digest bytea NOT NULL,  -- SHA-256 of what the mapping says of it
    bytes bigint NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    next_offset bigint NOT NULL DEFAULT 0,  -- bytes of separated values, rows of Parquet
    next_line bigint NOT NULL DEFAULT 0,
    rows bigint NOT NULL DEFAULT 0,
    stored bigint NOT NULL DEFAULT 0,
    duplicates bigint NOT NULL DEFAULT 0,
    conflicts bigint NOT NULL DEFAULT 0,
    events bigint NOT NULL DEFAULT 0,
    results bigint NOT NULL DEFAULT 0,
    put_aside bigint NOT NULL DEFAULT 0,
    without_value bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    UNIQUE (digest, meaning_digest)
);
CREATE INDEX import_file_name ON import_file (name);
-- From a reading, event or result by its block to the lines it came from.
CREATE TABLE import_block (
    chain_id smallint NOT NULL,
    block_seq bigint NOT NULL,
    import_file_id integer NOT NULL REFERENCES import_file,
    after_line bigint NOT NULL,
    last_line bigint NOT NULL,
    PRIMARY KEY (chain_id, block_seq),
    FOREIGN KEY (chain_id, block_seq) REFERENCES block
);

GRANT INSERT, UPDATE (ended_at) ON import_run TO batchwitness_ingest;
GRANT INSERT, UPDATE (ended_at, next_offset, next_line, rows, stored, duplicates, conflicts, events, results, put_aside,
    without_value, skipped) ON import_file TO batchwitness_ingest;
GRANT INSERT ON import_block TO batchwitness_ingest;
GRANT SELECT ON import_run, import_file, import_block TO batchwitness_retain;

-- How a reading that a person wrote down came into the record: who typed it in, who checked it, from which page.
CREATE TABLE manual_entry (
    tag_id integer NOT NULL REFERENCES tag,
    source_time timestamptz NOT NULL,
    value_text text NOT NULL,  -- as written down, in the unit of measure of the page
    capture_mode text NOT NULL CHECK (capture_mode IN ('automatic', 'manual')),  -- automatic: a printout, typed in
    checked text NOT NULL CHECK (checked IN ('unchecked', 'double_entry', 'second_person', 'adjudicated')),
    entered_by text NOT NULL,
    entered_at timestamptz NOT NULL,
    checked_by text,
    checked_at timestamptz,
    page_image text,
    page_digest bytea,  -- SHA-256 of the image; null where a page is named and its image was not there
    time_resolution_s double precision NOT NULL CHECK (time_resolution_s > 0),
    value_resolution double precision CHECK (value_resolution > 0),  -- in the tag's unit of measure
    chain_id smallint NOT NULL,
    block_seq bigint NOT NULL,
    entry integer NOT NULL,
    PRIMARY KEY (tag_id, source_time),
    CHECK ((checked = 'unchecked') = (checked_by IS NULL)),
    CHECK (lower(checked_by) <> lower(entered_by)),
    FOREIGN KEY (chain_id, block_seq) REFERENCES block
);
CREATE INDEX manual_entry_block ON manual_entry (chain_id, block_seq);
-- Two people who copied the same place of a page apart from each other and did not write the same. Neither value is in
-- the record because of it; what a third person decided is a manual_entry.
CREATE TABLE entry_disagreement (
    tag_id integer NOT NULL REFERENCES tag,
    source_time timestamptz NOT NULL,
    first_text text NOT NULL,  -- empty where only the other wrote something
    first_by text NOT NULL,
    second_text text NOT NULL,
    second_by text NOT NULL,
    chain_id smallint NOT NULL,
    block_seq bigint NOT NULL,
    entry integer NOT NULL,
    PRIMARY KEY (tag_id, source_time, first_text, first_by, second_text, second_by),
    CHECK (first_text <> second_text),
    FOREIGN KEY (chain_id, block_seq) REFERENCES block
);
CREATE INDEX entry_disagreement_block ON entry_disagreement (chain_id, block_seq);

GRANT INSERT ON manual_entry, entry_disagreement TO batchwitness_ingest;
GRANT SELECT ON manual_entry, entry_disagreement TO batchwitness_retain;
