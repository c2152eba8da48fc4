-- While a batch runs, its late readings are judged by a revision: a run beside the one that watches, until it has caught up.
ALTER TABLE monitor
    -- It catches up beside the run that watches, or was given up before it took over. Its until_ordinal is the ordinal
    -- it is pinned to; that of the run which it takes over from is where it took over.
    ADD COLUMN beside boolean NOT NULL DEFAULT false,
    ADD COLUMN late_until timestamptz,  -- of a revision: unit time at that ordinal; what came late by then is in its place
    ADD COLUMN watches_since timestamptz,  -- host time at which a revision took over; null: it watched from its beginning
    ADD CHECK (NOT beside OR num_nulls(corrected_ordinal, until_ordinal, late_until) = 0 AND watches_since IS NULL);
CREATE UNIQUE INDEX monitor_beside ON monitor (unit_procedure_id) WHERE beside AND NOT closed;
GRANT UPDATE (beside, watches_since) ON monitor TO batchwitness_analytics;

-- As before; what a revision raises counts from the moment on at which it takes over.
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
    coalesce(monitor.beside OR later.closed OR later.position >= alert.intake_ordinal, false) AS superseded,
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

-- As before, of the runs that watched; of a revision that never took over nothing became.
CREATE OR REPLACE VIEW alert_outcome AS
WITH raised AS NOT MATERIALIZED (
    SELECT alert.*, monitor.unit_procedure_id, monitor.run, monitor.until_ordinal, monitor.beside,
        coalesce(alert.same_as, alert.alert_id) AS first_alert_id
    FROM alert JOIN monitor USING (monitor_id)
), changed AS NOT MATERIALIZED (
    SELECT later.alert_id, earlier.alert_id AS earlier_alert_id
    FROM raised AS later
    CROSS JOIN LATERAL (
        SELECT max(monitor.run) AS run FROM monitor
        WHERE monitor.unit_procedure_id = later.unit_procedure_id AND monitor.run < later.run AND NOT monitor.beside
    ) AS before
    CROSS JOIN LATERAL (
        SELECT earlier.alert_id FROM raised AS earlier
        WHERE earlier.unit_procedure_id = later.unit_procedure_id AND earlier.run = before.run
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
    WHERE later.same_as IS NULL AND later.run > 1 AND NOT later.beside
)
SELECT raised.alert_id, raised.batch_id, raised.run,
    CASE
        WHEN raised.beside THEN 'not_told'
        WHEN raised.until_ordinal IS NOT NULL AND NOT alert_now.superseded THEN 'recomputing'
        WHEN raised.until_ordinal IS NOT NULL THEN
            CASE
                WHEN EXISTS (SELECT FROM raised AS same WHERE same.unit_procedure_id = raised.unit_procedure_id
                    AND same.run > raised.run AND same.first_alert_id = raised.first_alert_id AND NOT same.beside)
                THEN 'raised_again'
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
        AND same.run < raised.run AND same.first_alert_id = raised.same_as AND NOT same.beside
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
