-- floor_alerts: Alerts nobody has closed, of running batches or lasting on a unit, in order of time.
SELECT floor(extract(epoch FROM alert_now.raised_time) * 1000)::bigint AS time, alert_now.alert_id AS alert,
    unit.name AS unit, batch.name AS batch, alert_now.kind, alert_now.sentence, alert_now.state,
    CASE WHEN alert_now.state = 'raised' THEN 'Look at the unit, then acknowledge with a comment'
        ELSE 'Acknowledged by ' || coalesce(alert_now.decided_by, '?') || ': carry on by the batch record' END
        AS next_action
FROM alert_now
JOIN unit USING (unit_id)
LEFT JOIN batch USING (batch_id)
WHERE alert_now.state <> 'closed'
    AND (batch.status = 'running' OR (alert_now.batch_id IS NULL AND alert_now.ended_time IS NULL))
ORDER BY alert_now.raised_time, alert_now.alert_id
LIMIT 1000;
