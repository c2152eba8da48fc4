-- References, monitors, alerts and overviews.
CREATE TABLE reference (
    reference_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('old', 'new')),
    process_version_id integer NOT NULL REFERENCES process_version,  -- whose batches it judges
    state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'approved', 'in_use', 'retired')),
    model bytea NOT NULL,
    curves jsonb NOT NULL DEFAULT '{}',  -- what a chart draws of the model: band of every tag by hour, matched points
    digest bytea NOT NULL UNIQUE,
    software text NOT NULL,
    drafted_by text NOT NULL,
    review jsonb NOT NULL,  -- the packet that whoever approves it has to see
    known_at timestamptz NOT NULL
);
-- What people decided about a reference: each state is reached once at most.
CREATE TABLE reference_decision (
    reference_id integer NOT NULL REFERENCES reference,
    state text NOT NULL CHECK (state IN ('approved', 'in_use', 'retired')),
    actor text NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    known_at timestamptz NOT NULL,
    PRIMARY KEY (reference_id, state)
);
CREATE UNIQUE INDEX reference_in_use ON reference (process_version_id, role) WHERE state = 'in_use';
CREATE TABLE reference_batch (
    reference_id integer NOT NULL REFERENCES reference,
    batch_id integer NOT NULL REFERENCES batch,
    input_digest bytea NOT NULL,  -- of the readings it was learned from, SHA-256
    PRIMARY KEY (reference_id, batch_id)
);
-- What became of the inputs of a reference when somebody corrected them. The reference itself stays as it is.
CREATE TABLE reference_input (
    reference_id integer NOT NULL,
    batch_id integer NOT NULL,
    correction_id bigint NOT NULL REFERENCES correction,
    input_digest bytea NOT NULL,  -- of the batch's readings as corrected
    PRIMARY KEY (reference_id, batch_id, correction_id),
    FOREIGN KEY (reference_id, batch_id) REFERENCES reference_batch
);
CREATE VIEW reference_input_changed AS
SELECT reference_batch.reference_id, reference_batch.batch_id, newest.correction_id
FROM reference_batch
CROSS JOIN LATERAL (
    SELECT * FROM reference_input
    WHERE reference_input.reference_id = reference_batch.reference_id
        AND reference_input.batch_id = reference_batch.batch_id
    ORDER BY correction_id DESC LIMIT 1
) AS newest
WHERE newest.input_digest <> reference_batch.input_digest;

-- The one order in which analytics took the blocks of all chains. A replay follows it.
CREATE TABLE intake (
    ordinal bigint PRIMARY KEY,
    chain_id smallint NOT NULL,
    seq bigint NOT NULL,
    UNIQUE (chain_id, seq),
    FOREIGN KEY (chain_id, seq) REFERENCES block
);
-- How far each consumer of the intake has come; locked while it works.
CREATE TABLE consumer (
    name text PRIMARY KEY,
    position bigint NOT NULL DEFAULT 0
);
INSERT INTO consumer (name) VALUES ('intake'), ('batches'), ('overviews');

CREATE TABLE monitor (
    monitor_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch_id integer NOT NULL REFERENCES batch,
    unit_procedure_id integer NOT NULL REFERENCES unit_procedure,
    run integer NOT NULL DEFAULT 1 CHECK (run > 0),  -- a correction of what it saw or an upgrade begins another
    corrected_ordinal bigint,  -- of the intake: corrections up to it are applied; null: none
    until_ordinal bigint,      -- of the intake: the correction or the upgrade that ended this run; null: nothing has
    reference_new_id integer REFERENCES reference,
    reference_old_id integer REFERENCES reference,
    software text NOT NULL,
    configuration jsonb NOT NULL,  -- tags, approved ranges and correspondences as they were at the start
    started_ordinal bigint NOT NULL,
    position bigint NOT NULL,      -- of the intake; everything up to it is in the state
    closed boolean NOT NULL DEFAULT false,
    failure text,  -- why it cannot go on; an alert says so
    state bytea,
    snapshot jsonb NOT NULL DEFAULT '{}',
    UNIQUE (unit_procedure_id, run)
);
CREATE UNIQUE INDEX monitor_current ON monitor (unit_procedure_id) WHERE until_ordinal IS NULL;
CREATE INDEX monitor_open ON monitor (position) WHERE NOT closed;
CREATE INDEX monitor_batch ON monitor (batch_id);

-- An alert as it was raised; what became of the episode is in alert_update, what people did about it in alert_decision.
CREATE TABLE alert (
    alert_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    monitor_id integer REFERENCES monitor,
    batch_id integer REFERENCES batch,
    unit_id integer NOT NULL REFERENCES unit,
    ordinal integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('drift', 'departure', 'range', 'silence', 'signal')),
    detector text NOT NULL,
    tags text[] NOT NULL,
    raised_time timestamptz NOT NULL,
    onset_time timestamptz NOT NULL,
    phase_time_h double precision NOT NULL,
    score double precision NOT NULL,
    limit_value double precision NOT NULL,
    sentence text NOT NULL,
    contributions jsonb NOT NULL,
    cells jsonb NOT NULL,
    reference_digest text,
    software text NOT NULL,
    intake_ordinal bigint NOT NULL,
    committed_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    same_as bigint REFERENCES alert,  -- the first run's alert that was raised just like this one, before a correction
    UNIQUE NULLS NOT DISTINCT (monitor_id, ordinal, unit_id)
);
CREATE INDEX alert_batch ON alert (batch_id, raised_time);
CREATE TABLE alert_update (
    alert_id bigint NOT NULL REFERENCES alert,
    version integer NOT NULL,
    ended_time timestamptz,
    detector text NOT NULL,
    tags text[] NOT NULL,
    score double precision NOT NULL,
    limit_value double precision NOT NULL,
    sentence text NOT NULL,
    contributions jsonb NOT NULL,
    cells jsonb NOT NULL,
    intake_ordinal bigint NOT NULL,
    committed_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (alert_id, version)
);
CREATE TABLE alert_decision (
    alert_decision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id bigint NOT NULL REFERENCES alert,
    version integer NOT NULL CHECK (version >= 0),  -- of the alert that whoever decided saw; 0: as it was raised
    state text NOT NULL CHECK (state IN ('acknowledged', 'assessed', 'closed')),
    actor text NOT NULL,
    comment text NOT NULL CHECK (comment <> ''),
    impact text CHECK (impact IN ('none', 'possible', 'confirmed')),
    cause text CHECK (
        cause IN ('equipment', 'sensor', 'material', 'procedure', 'process', 'reference', 'unknown')
    ),
    known_at timestamptz NOT NULL,
    CHECK (num_nonnulls(impact, cause) = CASE state WHEN 'assessed' THEN 2 ELSE 0 END)
);
CREATE INDEX alert_decision_alert ON alert_decision (alert_id, known_at);

-- A decision covers what its maker saw: an alert that has spread to further tags since is raised again. After a
-- correction a later run takes the place of an earlier one as far as it has come; what was decided about an alert that
-- it raises in the same way goes on.
CREATE VIEW alert_now AS
SELECT alert.alert_id, alert.monitor_id, alert.batch_id, alert.unit_id, alert.ordinal, alert.kind,
    coalesce(newest.detector, alert.detector) AS detector, coalesce(newest.tags, alert.tags) AS tags,
    alert.raised_time, alert.onset_time, newest.ended_time, alert.phase_time_h,
    coalesce(newest.score, alert.score) AS score, coalesce(newest.limit_value, alert.limit_value) AS limit_value,
    coalesce(newest.sentence, alert.sentence) AS sentence,
    coalesce(newest.contributions, alert.contributions) AS contributions,
    coalesce(newest.cells, alert.cells) AS cells,
    alert.reference_digest, alert.software, alert.intake_ordinal, alert.committed_time,
    CASE WHEN coalesce(newest.tags, alert.tags) <@ coalesce(seen.tags, decided.tags, alert.tags)
        THEN coalesce(decision.state, 'raised') ELSE 'raised' END AS state,
    decision.actor AS decided_by, decision.comment, decision.known_at AS decided_at,
    coalesce(newest.version, 0) AS version,
    CASE WHEN decision.state IS NULL THEN '{}' ELSE ARRAY(
        SELECT unnest(coalesce(newest.tags, alert.tags))
        EXCEPT SELECT unnest(coalesce(seen.tags, decided.tags, alert.tags))
        ORDER BY 1
    ) END AS spread_to,  -- tags it did not have when it was decided about
    alert.same_as, monitor.run,
    coalesce(later.closed OR later.position >= alert.intake_ordinal, false) AS superseded
FROM alert
LEFT JOIN monitor USING (monitor_id)
LEFT JOIN monitor AS later ON monitor.until_ordinal IS NOT NULL
    AND later.unit_procedure_id = monitor.unit_procedure_id AND later.until_ordinal IS NULL
LEFT JOIN LATERAL (
    SELECT * FROM alert_update WHERE alert_update.alert_id = alert.alert_id ORDER BY version DESC LIMIT 1
) AS newest ON true
LEFT JOIN LATERAL (
    SELECT * FROM alert_decision WHERE alert_decision.alert_id IN (alert.alert_id, alert.same_as)
    ORDER BY known_at DESC LIMIT 1
) AS decision ON true
LEFT JOIN alert AS decided ON decided.alert_id = decision.alert_id
LEFT JOIN alert_update AS seen ON seen.alert_id = decision.alert_id AND seen.version = decision.version;

-- What a correction did to alerts: of two runs one after the other of the same batch. A run's alert that was raised
-- otherwise is the nearest of the same kind with a tag in common.
CREATE VIEW alert_outcome AS
WITH raised AS NOT MATERIALIZED (
    SELECT alert.*, monitor.unit_procedure_id, monitor.run, monitor.until_ordinal,
        coalesce(alert.same_as, alert.alert_id) AS first_alert_id
    FROM alert JOIN monitor USING (monitor_id)
), changed AS NOT MATERIALIZED (
    SELECT later.alert_id, earlier.alert_id AS earlier_alert_id
    FROM raised AS later
    CROSS JOIN LATERAL (
        SELECT earlier.alert_id FROM raised AS earlier
        WHERE earlier.unit_procedure_id = later.unit_procedure_id AND earlier.run = later.run - 1
            AND earlier.batch_id = later.batch_id AND earlier.kind = later.kind
            AND (earlier.tags && later.tags OR earlier.tags = later.tags)
            AND NOT EXISTS (
                SELECT FROM raised AS same
                WHERE same.unit_procedure_id = later.unit_procedure_id AND same.run = later.run
                    AND same.first_alert_id = earlier.first_alert_id
            )
        ORDER BY greatest(earlier.raised_time - later.raised_time, later.raised_time - earlier.raised_time),
            earlier.alert_id
        LIMIT 1
    ) AS earlier
    WHERE later.same_as IS NULL AND later.run > 1
)
SELECT raised.alert_id, raised.batch_id, raised.run,
    CASE
        WHEN raised.until_ordinal IS NOT NULL AND NOT alert_now.superseded THEN 'recomputing'
        WHEN raised.until_ordinal IS NOT NULL THEN
            CASE
                WHEN EXISTS (SELECT FROM raised AS same WHERE same.unit_procedure_id = raised.unit_procedure_id
                    AND same.run > raised.run AND same.first_alert_id = raised.first_alert_id) THEN 'raised_again'
                WHEN EXISTS (SELECT FROM changed WHERE changed.earlier_alert_id = raised.alert_id) THEN 'replaced'
                ELSE 'no_longer_raised'
            END
        WHEN raised.run = 1 THEN 'uncorrected'
        WHEN raised.same_as IS NOT NULL THEN
            CASE WHEN before.became IS NOT DISTINCT FROM after.became THEN 'unchanged' ELSE 'changed' END
        WHEN changed.alert_id IS NOT NULL THEN 'changed'
        ELSE 'new'
    END AS outcome,
    coalesce(changed.earlier_alert_id, last.alert_id) AS earlier_alert_id
FROM raised
JOIN alert_now USING (alert_id)
LEFT JOIN changed ON changed.alert_id = raised.alert_id
LEFT JOIN LATERAL (  -- the newest earlier run that raised it in the same way
    SELECT same.alert_id, same.until_ordinal FROM raised AS same
    WHERE raised.same_as IS NOT NULL AND same.unit_procedure_id = raised.unit_procedure_id
        AND same.run < raised.run AND same.first_alert_id = raised.same_as
    ORDER BY same.run DESC LIMIT 1
) AS last ON true
LEFT JOIN LATERAL (
    SELECT array_agg((version, ended_time, detector, tags, score, limit_value)::text ORDER BY version) AS became
    FROM alert_update WHERE alert_update.alert_id = last.alert_id
) AS before ON true
LEFT JOIN LATERAL (
    SELECT array_agg((version, ended_time, detector, tags, score, limit_value)::text ORDER BY version) AS became
    FROM alert_update WHERE alert_update.alert_id = raised.alert_id AND intake_ordinal <= last.until_ordinal
) AS after ON true;

-- Summaries that are always derivable again from reading.
CREATE TABLE overview (
    tag_id integer NOT NULL REFERENCES tag,
    resolution_s integer NOT NULL,
    bucket timestamptz NOT NULL,
    count integer NOT NULL,  -- 0 where everything was invalidated
    minimum double precision,
    mean double precision,
    maximum double precision,
    last double precision,
    PRIMARY KEY (tag_id, resolution_s, bucket),
    CHECK (num_nulls(minimum, mean, maximum, last) = CASE count WHEN 0 THEN 4 ELSE 0 END)
);
CREATE TABLE tag_latest (
    tag_id integer PRIMARY KEY REFERENCES tag,
    source_time timestamptz NOT NULL,
    value double precision NOT NULL,
    quality smallint NOT NULL
);

GRANT INSERT ON reference, reference_batch TO batchwitness_analytics, batchwitness_api;
GRANT INSERT ON reference_decision TO batchwitness_api;
GRANT UPDATE (state) ON reference TO batchwitness_api;
GRANT INSERT ON intake TO batchwitness_analytics;
GRANT INSERT, UPDATE ON consumer TO batchwitness_analytics;
GRANT INSERT ON reference_input TO batchwitness_analytics;
GRANT INSERT, UPDATE (position, closed, failure, state, snapshot, until_ordinal) ON monitor TO batchwitness_analytics;
GRANT INSERT ON alert, alert_update TO batchwitness_analytics;
GRANT INSERT ON alert_decision TO batchwitness_api;
GRANT INSERT, UPDATE ON overview, tag_latest TO batchwitness_analytics;
