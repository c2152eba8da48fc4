-- alert: An alert as it was raised, and what raised it: a run of a monitor, or control limits of a chart.
SELECT alert_id, kind, detector, ordinal, sentence, software, monitor_id, control_limit_id
FROM alert WHERE alert_id = %(alert_id)s;

-- run: A run of a monitor with how far it has come.
SELECT monitor.monitor_id, batch.name, monitor.run, monitor.software, monitor.position
FROM monitor JOIN batch USING (batch_id)
WHERE monitor.monitor_id = %(monitor_id)s;

-- runs: The runs of monitors, of one batch or of all, with how far each has come.
SELECT monitor.monitor_id, batch.name, monitor.run, monitor.software, monitor.position
FROM monitor JOIN batch USING (batch_id)
WHERE %(batch)s::text IS NULL OR batch.name = %(batch)s
ORDER BY monitor.monitor_id;

-- raised: The alerts of a run as they were raised; that its monitor failed is no part of what it saw.
SELECT alert.ordinal, alert.kind, alert.severity, alert.detector, alert.tags, alert.raised_time, alert.onset_time,
    alert.phase_time_h, alert.score, alert.limit_value, alert.sentence, alert.contributions, alert.cells, alert.reference_digest,
    alert.software
FROM alert
WHERE alert.monitor_id = %(monitor_id)s AND alert.detector <> 'monitor_failed'
ORDER BY alert.ordinal;

-- updated: What became of the alerts of a run, step by step.
SELECT alert.ordinal, alert_update.version, alert_update.ended_time, alert_update.severity, alert_update.detector,
    alert_update.tags, alert_update.score, alert_update.limit_value, alert_update.sentence, alert_update.contributions, alert_update.cells
FROM alert_update JOIN alert USING (alert_id)
WHERE alert.monitor_id = %(monitor_id)s AND alert.detector <> 'monitor_failed'
ORDER BY alert.ordinal, alert_update.version;
