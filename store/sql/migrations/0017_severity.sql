-- How soon somebody has to look; null where it was raised before there was a severity.
ALTER TABLE alert ADD COLUMN severity text CHECK (severity IN ('low', 'medium', 'high'));
ALTER TABLE alert_update ADD COLUMN severity text CHECK (severity IN ('low', 'medium', 'high'));

-- As before, with the severity at the end.
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
        THEN coalesce(decision.state, 'raised') ELSE 'raised' END AS state,
    decision.actor AS decided_by, decision.comment, decision.known_at AS decided_at,
    coalesce(newest.version, 0) AS version,
    CASE WHEN decision.state IS NULL THEN '{}' ELSE ARRAY(
        SELECT unnest(coalesce(newest.tags, alert.tags))
        EXCEPT SELECT unnest(coalesce(seen.tags, decided.tags, alert.tags))
        ORDER BY 1
    ) END AS spread_to,  -- tags it did not have when it was decided about
    alert.same_as, monitor.run,
    coalesce(later.closed OR later.position >= alert.intake_ordinal, false) AS superseded,
    CASE WHEN newest.alert_id IS NULL THEN alert.severity ELSE newest.severity END AS severity
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

-- Readings that cannot be used are a kind of their own.
ALTER TABLE alert DROP CONSTRAINT alert_kind_check;
ALTER TABLE alert ADD CONSTRAINT alert_kind_check
    CHECK (kind IN ('drift', 'departure', 'range', 'silence', 'quality', 'signal'));
