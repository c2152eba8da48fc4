-- queue: Alerts below a cursor, newest first, of one batch, kind or state, or only those nobody has closed.
SELECT alert_now.alert_id AS alert, alert_now.kind, alert_now.detector, alert_now.tags, alert_now.raised_time,
    alert_now.onset_time, alert_now.ended_time, alert_now.phase_time_h, alert_now.score, alert_now.limit_value,
    alert_now.sentence, alert_now.state, alert_now.decided_by, alert_now.decided_at, alert_now.comment,
    batch.name AS batch, unit.name AS unit, process_version.name AS process, alert_now.software,
    alert_now.reference_digest
FROM alert_now
JOIN unit USING (unit_id)
LEFT JOIN batch USING (batch_id)
LEFT JOIN process_version USING (process_version_id)
WHERE alert_now.alert_id < %(below)s
    AND (%(batch)s::text IS NULL OR batch.name = %(batch)s)
    AND (%(kind)s::text IS NULL OR alert_now.kind = %(kind)s)
    AND (%(state)s::text IS NULL OR alert_now.state = %(state)s)
    AND (NOT %(open_only)s OR alert_now.state <> 'closed')
ORDER BY alert_now.alert_id DESC
LIMIT %(limit)s;
