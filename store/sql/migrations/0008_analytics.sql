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
    known_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX reference_in_use ON reference (process_version_id, role) WHERE state = 'in_use';
CREATE TABLE reference_batch (
    reference_id integer NOT NULL REFERENCES reference,
    batch_id integer NOT NULL REFERENCES batch,
    PRIMARY KEY (reference_id, batch_id)
);

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
    unit_procedure_id integer NOT NULL UNIQUE REFERENCES unit_procedure,
    reference_new_id integer REFERENCES reference,
    reference_old_id integer REFERENCES reference,
    software text NOT NULL,
    configuration jsonb NOT NULL,  -- tags, approved ranges and correspondences as they were at the start
    started_ordinal bigint NOT NULL,
    position bigint NOT NULL,      -- of the intake; everything up to it is in the state
    closed boolean NOT NULL DEFAULT false,
    failure text,  -- why it cannot go on; an alert says so
    state bytea,
    snapshot jsonb NOT NULL DEFAULT '{}'
);
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
    known_at timestamptz NOT NULL
);
CREATE INDEX alert_decision_alert ON alert_decision (alert_id, known_at);

-- A decision covers what its maker saw: an alert that has spread to further tags since is raised again.
CREATE VIEW alert_now AS
SELECT alert.alert_id, alert.monitor_id, alert.batch_id, alert.unit_id, alert.ordinal, alert.kind,
    coalesce(newest.detector, alert.detector) AS detector, coalesce(newest.tags, alert.tags) AS tags,
    alert.raised_time, alert.onset_time, newest.ended_time, alert.phase_time_h,
    coalesce(newest.score, alert.score) AS score, coalesce(newest.limit_value, alert.limit_value) AS limit_value,
    coalesce(newest.sentence, alert.sentence) AS sentence,
    coalesce(newest.contributions, alert.contributions) AS contributions,
    coalesce(newest.cells, alert.cells) AS cells,
    alert.reference_digest, alert.software, alert.intake_ordinal, alert.committed_time,
    CASE WHEN coalesce(newest.tags, alert.tags) <@ coalesce(seen.tags, alert.tags)
        THEN coalesce(decision.state, 'raised') ELSE 'raised' END AS state,
    decision.actor AS decided_by, decision.comment, decision.known_at AS decided_at,
    coalesce(newest.version, 0) AS version,
    CASE WHEN decision.state IS NULL THEN '{}' ELSE ARRAY(
        SELECT unnest(coalesce(newest.tags, alert.tags)) EXCEPT SELECT unnest(coalesce(seen.tags, alert.tags))
        ORDER BY 1
    ) END AS spread_to  -- tags it did not have when it was decided about
FROM alert
LEFT JOIN LATERAL (
    SELECT * FROM alert_update WHERE alert_update.alert_id = alert.alert_id ORDER BY version DESC LIMIT 1
) AS newest ON true
LEFT JOIN LATERAL (
    SELECT * FROM alert_decision WHERE alert_decision.alert_id = alert.alert_id ORDER BY known_at DESC LIMIT 1
) AS decision ON true
LEFT JOIN alert_update AS seen ON seen.alert_id = alert.alert_id AND seen.version = decision.version;

-- Summaries that are always derivable again from reading.
CREATE TABLE overview (
    tag_id integer NOT NULL REFERENCES tag,
    resolution_s integer NOT NULL,
    bucket timestamptz NOT NULL,
    count integer NOT NULL,
    minimum double precision NOT NULL,
    mean double precision NOT NULL,
    maximum double precision NOT NULL,
    last double precision NOT NULL,
    PRIMARY KEY (tag_id, resolution_s, bucket)
);
CREATE TABLE tag_latest (
    tag_id integer PRIMARY KEY REFERENCES tag,
    source_time timestamptz NOT NULL,
    value double precision NOT NULL,
    quality smallint NOT NULL
);

GRANT INSERT ON reference, reference_batch TO batchwitness_analytics, batchwitness_api;
GRANT UPDATE (state) ON reference TO batchwitness_api;
GRANT INSERT ON intake TO batchwitness_analytics;
GRANT INSERT, UPDATE ON consumer TO batchwitness_analytics;
GRANT INSERT, UPDATE (position, closed, failure, state, snapshot) ON monitor TO batchwitness_analytics;
GRANT INSERT ON alert, alert_update TO batchwitness_analytics;
GRANT INSERT ON alert_decision TO batchwitness_api;
GRANT INSERT, UPDATE ON overview, tag_latest TO batchwitness_analytics;
