-- Charts over batches: QC results and summaries of whole batches, judged by control limits that people put to use.
CREATE TABLE control_chart (
    control_chart_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    process_version_id integer NOT NULL REFERENCES process_version,
    attribute text,
    tag text,
    phase text,
    summary text CHECK (summary IN ('mean', 'minimum', 'maximum', 'duration')),
    scale text NOT NULL CHECK (scale IN ('linear', 'log')),
    unit_of_measure text NOT NULL,
    known_at timestamptz NOT NULL,
    failure text,  -- why it could not be judged at last; null once it could
    UNIQUE NULLS NOT DISTINCT (process_version_id, attribute, tag, phase, summary),
    CHECK (num_nonnulls(attribute, summary) = 1),
    CHECK ((phase IS NULL) = (summary IS NULL)),
    CHECK ((tag IS NULL) = (summary IS NULL OR summary = 'duration'))
);
-- A version of a chart's limits: frozen from named batches as they were known when somebody drafted it.
CREATE TABLE control_limit (
    control_limit_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    control_chart_id integer NOT NULL REFERENCES control_chart,
    version integer NOT NULL CHECK (version > 0),
    kind text NOT NULL CHECK (kind IN ('initial', 'long_term')),
    state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'in_use', 'retired')),
    centre double precision NOT NULL,  -- of logarithms on a log scale
    sigma double precision NOT NULL CHECK (sigma > 0),
    n integer NOT NULL,
    autocorrelation double precision NOT NULL,  -- of neighbouring points
    rules text[] NOT NULL CHECK (cardinality(rules) > 0),
    points jsonb NOT NULL,  -- batch and value of each point it rests on
    left_out jsonb NOT NULL,  -- batch and why of each that was named and has no number
    drafted_by text NOT NULL,
    reason text NOT NULL,
    known_at timestamptz NOT NULL,
    used_from timestamptz,
    used_by text,
    chain_id smallint,  -- the control entry by which analytics learns of its use, in the recorded order
    block_seq bigint,
    UNIQUE (control_chart_id, version),
    CHECK ((state = 'draft') = (used_from IS NULL)),
    CHECK (num_nulls(used_from, used_by, chain_id, block_seq) IN (0, 4)),
    FOREIGN KEY (chain_id, block_seq) REFERENCES block
);
CREATE UNIQUE INDEX control_limit_in_use ON control_limit (control_chart_id) WHERE state = 'in_use';
CREATE UNIQUE INDEX control_limit_block ON control_limit (chain_id, block_seq);

-- Every value that a batch ever had on a chart; the highest revision holds.
CREATE TABLE chart_point (
    control_chart_id integer NOT NULL REFERENCES control_chart,
    batch_id integer NOT NULL REFERENCES batch,
    revision integer NOT NULL CHECK (revision > 0),
    started timestamptz NOT NULL,
    value double precision,
    value_text text NOT NULL,
    without text CHECK (without IN ('bound', 'no_number', 'no_logarithm', 'withdrawn')),
    bound text,
    qc_result_id bigint REFERENCES qc_result,
    since timestamptz,
    until timestamptz,
    readings integer,
    intake_ordinal bigint NOT NULL,
    committed_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (control_chart_id, batch_id, revision),
    CHECK (value IS NOT NULL OR without IS NOT NULL)
);
CREATE VIEW chart_point_now AS
SELECT chart_point.*, first.intake_ordinal AS first_ordinal
FROM chart_point
JOIN chart_point AS first ON first.control_chart_id = chart_point.control_chart_id
    AND first.batch_id = chart_point.batch_id AND first.revision = 1
WHERE NOT EXISTS (
    SELECT FROM chart_point AS later
    WHERE later.control_chart_id = chart_point.control_chart_id AND later.batch_id = chart_point.batch_id
        AND later.revision > chart_point.revision
);

-- What rules said of batches, as it was said. A later revision says what became of it when a value was corrected.
CREATE TABLE chart_signal (
    chart_signal_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    control_chart_id integer NOT NULL REFERENCES control_chart,
    batch_id integer NOT NULL REFERENCES batch,
    rule text NOT NULL,
    side text NOT NULL CHECK (side IN ('above', 'below', 'neither')),
    revision integer NOT NULL CHECK (revision > 0),
    holds boolean NOT NULL,  -- false: what was known later does not break the rule any more
    control_limit_id integer NOT NULL REFERENCES control_limit,
    statistic double precision NOT NULL,
    limit_value double precision NOT NULL,
    points integer NOT NULL,
    sentence text NOT NULL,
    software text NOT NULL,
    intake_ordinal bigint NOT NULL,
    committed_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (control_chart_id, batch_id, rule, side, revision)
);
CREATE INDEX chart_signal_batch ON chart_signal (batch_id);
CREATE VIEW chart_signal_now AS
SELECT * FROM chart_signal
WHERE NOT EXISTS (
    SELECT FROM chart_signal AS later
    WHERE later.control_chart_id = chart_signal.control_chart_id AND later.batch_id = chart_signal.batch_id
        AND later.rule = chart_signal.rule AND later.side = chart_signal.side
        AND later.revision > chart_signal.revision
);
INSERT INTO consumer (name) VALUES ('charts');

GRANT INSERT ON control_chart, control_limit TO batchwitness_api;
GRANT UPDATE (state, used_from, used_by, chain_id, block_seq) ON control_limit TO batchwitness_api;
GRANT UPDATE (failure) ON control_chart TO batchwitness_analytics;
GRANT INSERT ON chart_point, chart_signal TO batchwitness_analytics;
GRANT SELECT ON control_chart, control_limit, chart_point, chart_point_now, chart_signal, chart_signal_now
    TO batchwitness_readonly, batchwitness_retain;
