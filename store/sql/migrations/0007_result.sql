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
    censored text CHECK (censored IN ('<', '<=', '>', '>=')),
    unit_of_measure text NOT NULL,
    sampled_at timestamptz,
    measured_at timestamptz NOT NULL,
    status text NOT NULL CHECK (status IN ('preliminary', 'final', 'corrected', 'invalidated')),
    replaces text,
    retest_of text,  -- the result it repeats and stands beside
    reason text,
    stated_by text NOT NULL,
    stated_at timestamptz,  -- null: the laboratory does not tell
    reportable text NOT NULL DEFAULT 'declared'
        CHECK (reportable IN ('declared', 'mean', 'median', 'geometric_mean')),
    received_time timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    chain_id smallint NOT NULL,
    block_seq bigint NOT NULL,
    entry integer NOT NULL,
    digest bytea NOT NULL UNIQUE,
    CHECK (retest_of IS NULL OR (reason IS NOT NULL AND retest_of <> result AND retest_of IS DISTINCT FROM replaces)),
    FOREIGN KEY (chain_id, block_seq) REFERENCES block
);
CREATE INDEX qc_result_batch ON qc_result (batch, attribute, known_at);
CREATE INDEX qc_result_result ON qc_result (result, known_at);
CREATE INDEX qc_result_specimen ON qc_result (specimen) WHERE specimen IS NOT NULL;
CREATE INDEX qc_result_pending ON qc_result (batch) WHERE batch_id IS NULL;

-- The measurements behind a reportable result. They are never results themselves.
CREATE TABLE qc_replicate (
    qc_result_id bigint NOT NULL REFERENCES qc_result,
    position integer NOT NULL,
    value_text text NOT NULL,
    value_number double precision,
    censored text CHECK (censored IN ('<', '<=', '>', '>=')),
    valid boolean NOT NULL,
    reason text,
    PRIMARY KEY (qc_result_id, position),
    CHECK (valid OR reason IS NOT NULL)
);

GRANT INSERT, UPDATE (batch_id) ON qc_result TO batchwitness_ingest;
GRANT INSERT ON qc_result TO batchwitness_api;
GRANT INSERT ON qc_replicate TO batchwitness_ingest, batchwitness_api;

-- What was valid as known at an instant: of each result of a batch the statement that counts, unless that invalidates it
-- or another result of the batch replaced it. Which statement counts depends on the set of those known, not on the order
-- in which they came:
--   1. one that is not preliminary comes before one that is;
--   2. a statement made after everything that does not say when it was made had been received: the last one made;
--   3. else by standing, invalidated before corrected before final, and among equals the last one made or received.
CREATE FUNCTION qc_result_known(as_known_at timestamptz) RETURNS SETOF qc_result
LANGUAGE sql STABLE AS $$
    SELECT stated.*
    FROM (
        SELECT DISTINCT ON (batch, attribute, result) batch, attribute, result, qc_result_id
        FROM (
            SELECT batch, attribute, result, qc_result_id, status, stated_at, received_time, known_at,
                coalesce(stated_at > max(received_time) FILTER (WHERE stated_at IS NULL)
                    OVER (PARTITION BY batch, attribute, result), stated_at IS NOT NULL) AS made_after
            FROM qc_result WHERE known_at <= as_known_at
        ) AS known
        ORDER BY batch, attribute, result, status = 'preliminary', made_after DESC,
            CASE WHEN made_after THEN stated_at END DESC,
            array_position(ARRAY['invalidated', 'corrected', 'final', 'preliminary'], status),
            coalesce(stated_at, received_time) DESC, known_at DESC
    ) AS newest
    JOIN qc_result AS stated ON stated.qc_result_id = newest.qc_result_id AND stated.batch = newest.batch
        AND stated.attribute = newest.attribute AND stated.result = newest.result
    WHERE stated.status <> 'invalidated'
        AND NOT EXISTS (
            SELECT FROM qc_result AS later
            WHERE later.replaces = stated.result AND later.result <> stated.result AND later.batch = stated.batch
                AND later.attribute = stated.attribute AND later.known_at <= as_known_at
                AND (stated.stated_at > coalesce(later.stated_at, later.received_time)) IS NOT TRUE
        )
$$;
-- What is valid now.
CREATE VIEW qc_result_now AS SELECT * FROM qc_result_known('infinity');
