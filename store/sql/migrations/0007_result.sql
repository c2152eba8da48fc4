-- Results as laboratories report them. Append-only: a corrected result is a new row, and what was known when stays visible.
CREATE TABLE qc_result (
    qc_result_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    result text NOT NULL,
    batch text NOT NULL,
    batch_id integer REFERENCES batch,  -- null: pending assignment, no batch of that name is known yet
    specimen text,
    attribute text NOT NULL,
    method text NOT NULL,
    value_text text NOT NULL,
    value_number double precision,
    censored text CHECK (censored IN ('<', '>')),
    unit_of_measure text NOT NULL,
    sampled_at timestamptz,
    measured_at timestamptz NOT NULL,
    status text NOT NULL CHECK (status IN ('preliminary', 'final', 'corrected', 'invalidated')),
    replaces text,
    stated_by text NOT NULL,
    received_time timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    chain_id smallint NOT NULL,
    block_seq bigint NOT NULL,
    entry integer NOT NULL,
    digest bytea NOT NULL UNIQUE,
    FOREIGN KEY (chain_id, block_seq) REFERENCES block
);
CREATE INDEX qc_result_batch ON qc_result (batch, attribute, known_at);
CREATE INDEX qc_result_result ON qc_result (result, known_at);

GRANT INSERT, UPDATE (batch_id) ON qc_result TO batchwitness_ingest;

-- What is valid now: the newest statement of each result of a batch, unless it was invalidated or another result of the
-- batch replaced it. A preliminary statement that comes late never takes the place of one that was not preliminary.
CREATE VIEW qc_result_now AS
SELECT newest.*
FROM (
    SELECT DISTINCT ON (batch, attribute, result) * FROM qc_result
    ORDER BY batch, attribute, result, status = 'preliminary', known_at DESC
) AS newest
WHERE newest.status <> 'invalidated'
    AND NOT EXISTS (
        SELECT FROM qc_result AS later
        WHERE later.replaces = newest.result AND later.result <> newest.result AND later.batch = newest.batch
            AND later.attribute = newest.attribute
    );
