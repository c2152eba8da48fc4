-- A signal between batches is an alert as well: of a version of control limits, about several batches, of no unit.
ALTER TABLE alert
    ADD COLUMN control_limit_id integer REFERENCES control_limit,
    ALTER COLUMN unit_id DROP NOT NULL,
    ALTER COLUMN phase_time_h DROP NOT NULL,
    ADD CONSTRAINT alert_signal_check CHECK (
        CASE kind
            WHEN 'signal' THEN control_limit_id IS NOT NULL
                AND num_nonnulls(monitor_id, batch_id, unit_id, phase_time_h) = 0
            -- That the record of a chart was changed is of no unit either.
            ELSE control_limit_id IS NULL AND phase_time_h IS NOT NULL AND (unit_id IS NOT NULL OR detector = 'self_check')
        END
    ),
    DROP CONSTRAINT alert_monitor_id_ordinal_unit_id_key,
    ADD CONSTRAINT alert_ordinal_key UNIQUE NULLS NOT DISTINCT (monitor_id, ordinal, unit_id, control_limit_id);
CREATE INDEX alert_control_limit ON alert (control_limit_id) WHERE control_limit_id IS NOT NULL;
-- The batches that the alert of a signal is about. It only grows: what was taken back stays among them.
CREATE TABLE signal_batch (
    alert_id bigint NOT NULL REFERENCES alert,
    batch_id integer NOT NULL REFERENCES batch,
    version integer NOT NULL CHECK (version >= 0),  -- of the alert, from which on it is about this batch
    PRIMARY KEY (alert_id, batch_id)
);
CREATE INDEX signal_batch_batch ON signal_batch (batch_id);
GRANT INSERT ON signal_batch TO batchwitness_analytics;
GRANT SELECT ON signal_batch TO batchwitness_readonly, batchwitness_retain;

-- As before; a signal that is about further batches than those that somebody decided about is raised again too, and so
-- is one that a corrected result took back since.
CREATE OR REPLACE VIEW alert_now AS
SELECT alert.alert_id, alert.monitor_id, alert.batch_id, alert.unit_id, alert.ordinal, alert.kind,
    coalesce(newest.detector, alert.detector) AS detector, coalesce(newest.tags, alert.tags) AS tags,
    alert.raised_time, alert.onset_time, newest.ended_time, alert.phase_time_h,
    coalesce(newest.score, alert.score) AS score, coalesce(newest.limit_value, alert.limit_value) AS limit_value,
    coalesce(newest.sentence, alert.sentence) AS sentence,
    coalesce(newest.contributions, alert.contributions) AS contributions,
    coalesce(newest.cells, alert.cells) AS cells,
    alert.reference_digest, alert.software, alert.intake_ordinal, alert.committed_time,
    CASE WHEN coalesce(newest.tags, alert.tags) <@ coalesce(seen.tags, decided.tags, alert.tags)
            AND NOT EXISTS (SELECT FROM signal_batch
                WHERE signal_batch.alert_id = alert.alert_id AND signal_batch.version > decision.version)
            AND NOT coalesce(alert.control_limit_id IS NOT NULL AND newest.cells = '[]'
                AND newest.version > decision.version, false)
        THEN coalesce(decision.state, 'raised') ELSE 'raised' END AS state,
    decision.actor AS decided_by, decision.comment, decision.known_at AS decided_at,
    coalesce(newest.version, 0) AS version,
    CASE WHEN decision.state IS NULL THEN '{}' ELSE ARRAY(
        (SELECT unnest(coalesce(newest.tags, alert.tags))
        EXCEPT SELECT unnest(coalesce(seen.tags, decided.tags, alert.tags)))
        UNION ALL SELECT batch.name FROM signal_batch JOIN batch USING (batch_id)
        WHERE signal_batch.alert_id = alert.alert_id AND signal_batch.version > decision.version
        ORDER BY 1
    ) END AS spread_to,  -- tags and batches it did not have when it was decided about
    alert.same_as, monitor.run,
    coalesce(later.closed OR later.position >= alert.intake_ordinal, false) AS superseded,
    CASE WHEN newest.alert_id IS NULL THEN alert.severity ELSE newest.severity END AS severity,
    alert.control_limit_id,
    ARRAY(
        SELECT batch.name FROM signal_batch JOIN batch USING (batch_id) WHERE signal_batch.alert_id = alert.alert_id
        ORDER BY signal_batch.version, batch.name
    ) AS batches  -- of a signal; empty for all others
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

-- Limits are retired by the next version or by somebody, who may also retire a draft that nobody will use.
ALTER TABLE control_limit
    DROP CONSTRAINT control_limit_check,
    ADD COLUMN retired_from timestamptz,
    ADD COLUMN retired_by text,
    ADD COLUMN retired_chain_id smallint,  -- the control entry from which on they judge no batch; null: they never did
    ADD COLUMN retired_block_seq bigint,
    ADD FOREIGN KEY (retired_chain_id, retired_block_seq) REFERENCES block;
UPDATE control_limit SET retired_from = next.used_from, retired_by = next.used_by, retired_chain_id = next.chain_id,
    retired_block_seq = next.block_seq
FROM control_limit AS next
WHERE control_limit.state = 'retired' AND next.control_chart_id = control_limit.control_chart_id
    AND next.used_from = (
        SELECT min(later.used_from) FROM control_limit AS later
        WHERE later.control_chart_id = control_limit.control_chart_id AND later.used_from > control_limit.used_from
    );
ALTER TABLE control_limit
    ADD CHECK (CASE state WHEN 'draft' THEN used_from IS NULL WHEN 'in_use' THEN used_from IS NOT NULL ELSE true END),
    ADD CHECK ((state = 'retired') = (retired_from IS NOT NULL)),
    ADD CHECK (num_nulls(retired_from, retired_by) IN (0, 2)),
    ADD CHECK (num_nulls(retired_chain_id, retired_block_seq) = CASE
        WHEN state = 'retired' AND used_from IS NOT NULL THEN 0 ELSE 2 END);
GRANT UPDATE (retired_from, retired_by, retired_chain_id, retired_block_seq) ON control_limit TO batchwitness_api;

-- Charts are computed anew at night as runs are.
ALTER TABLE self_check
    ALTER COLUMN monitor_id DROP NOT NULL,
    ADD COLUMN control_chart_id integer REFERENCES control_chart,
    ADD CHECK (num_nonnulls(monitor_id, control_chart_id) = 1);
CREATE INDEX self_check_chart ON self_check (control_chart_id, finished_time) WHERE control_chart_id IS NOT NULL;

-- A retirement is said once.
CREATE FUNCTION control_limit_retired_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'these limits were retired by % already', OLD.retired_by USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER control_limit_retired_once
    BEFORE UPDATE OF retired_from, retired_by, retired_chain_id, retired_block_seq ON control_limit
    FOR EACH ROW WHEN (OLD.retired_from IS NOT NULL)
    EXECUTE FUNCTION control_limit_retired_once();
