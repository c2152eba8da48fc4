-- queue: Alerts below a cursor, newest first, of one batch, kind or state, or only those nobody has closed.
SELECT alert_now.alert_id AS alert, alert_now.kind, alert_now.severity, alert_now.detector, alert_now.tags, alert_now.raised_time,
    alert_now.onset_time, alert_now.ended_time, alert_now.phase_time_h, alert_now.score, alert_now.limit_value,
    alert_now.sentence, alert_now.state, alert_now.decided_by, alert_now.decided_at, alert_now.comment,
    alert_now.version, alert_now.spread_to, alert_now.run, alert_now.superseded,
    batch.name AS batch, alert_now.batches, unit.name AS unit, process_version.name AS process,
    control_limit.control_chart_id AS chart, control_limit.version AS limits_version, alert_now.software,
    alert_now.reference_digest
FROM alert_now
LEFT JOIN unit USING (unit_id)
LEFT JOIN batch USING (batch_id)
LEFT JOIN control_limit USING (control_limit_id)
LEFT JOIN control_chart USING (control_chart_id)
LEFT JOIN process_version
    ON process_version.process_version_id = coalesce(batch.process_version_id, control_chart.process_version_id)
WHERE alert_now.alert_id < %(below)s
    AND (%(batch)s::text IS NULL OR alert_now.alert_id IN (
        SELECT alert.alert_id FROM alert JOIN batch USING (batch_id) WHERE batch.name = %(batch)s
        UNION ALL
        SELECT signal_batch.alert_id FROM signal_batch JOIN batch USING (batch_id) WHERE batch.name = %(batch)s
    ))
    AND (%(kind)s::text IS NULL OR alert_now.kind = %(kind)s)
    AND (%(state)s::text IS NULL OR alert_now.state = %(state)s)
    AND (%(severity)s::text IS NULL OR alert_now.severity = %(severity)s)
    AND (NOT %(open_only)s OR alert_now.state <> 'closed')
    AND (%(superseded)s OR NOT alert_now.superseded)
ORDER BY alert_now.alert_id DESC
LIMIT %(limit)s;

-- told_after: Alerts as they stand now, in the order in which each was last told, after a number of that order.
SELECT alert_now.alert_id AS alert, alert_now.kind, alert_now.severity, alert_now.detector, alert_now.tags, alert_now.raised_time,
    alert_now.onset_time, alert_now.ended_time, alert_now.phase_time_h, alert_now.score, alert_now.limit_value,
    alert_now.sentence, alert_now.state, alert_now.decided_by, alert_now.decided_at, alert_now.comment,
    alert_now.version, alert_now.spread_to, alert_now.run, alert_now.superseded,
    batch.name AS batch, alert_now.batches, unit.name AS unit, process_version.name AS process,
    control_limit.control_chart_id AS chart, control_limit.version AS limits_version, alert_now.software,
    alert_now.reference_digest,
    alert_told.told
FROM alert_told
JOIN alert_now USING (alert_id)
LEFT JOIN unit USING (unit_id)
LEFT JOIN batch USING (batch_id)
LEFT JOIN control_limit USING (control_limit_id)
LEFT JOIN control_chart USING (control_chart_id)
LEFT JOIN process_version
    ON process_version.process_version_id = coalesce(batch.process_version_id, control_chart.process_version_id)
WHERE alert_told.told > %(after)s
ORDER BY alert_told.told
LIMIT %(limit)s;

-- detail: One alert with all its evidence, as it stands now.
SELECT alert_now.alert_id AS alert, alert_now.kind, alert_now.severity, alert_now.detector, alert_now.tags, alert_now.raised_time,
    alert_now.onset_time, alert_now.ended_time, alert_now.phase_time_h, alert_now.score, alert_now.limit_value,
    alert_now.sentence, alert_now.state, alert_now.decided_by, alert_now.decided_at, alert_now.comment,
    alert_now.version, alert_now.spread_to, alert_now.run, alert_now.superseded,
    batch.name AS batch, alert_now.batches, unit.name AS unit, process_version.name AS process,
    control_limit.control_chart_id AS chart, control_limit.version AS limits_version, alert_now.software,
    alert_now.reference_digest, alert_now.contributions, alert_now.cells, alert_now.ordinal,
    alert_now.intake_ordinal, alert_now.committed_time, reference.name AS reference,
    (SELECT count(*) FROM reference_batch WHERE reference_batch.reference_id = reference.reference_id)
        AS reference_batches,
    (SELECT count(*) FROM reference_batch JOIN batch AS of_reference USING (batch_id)
        JOIN jsonb_array_elements(reference.review -> 'batches') AS judged ON judged ->> 'batch' = of_reference.name
        WHERE reference_batch.reference_id = reference.reference_id AND NOT (judged ->> 'included')::boolean)
        AS reference_set_aside,
    (SELECT to_jsonb(newest) FROM (
        SELECT finished_time, disagreements <> '[]' AS differs FROM self_check
        WHERE self_check.monitor_id = alert_now.monitor_id
            OR self_check.control_chart_id = control_limit.control_chart_id
        ORDER BY finished_time DESC LIMIT 1) AS newest)
        AS computed_anew,
    run.cause AS run_cause, CASE WHEN run.watches_since > alert_now.committed_time THEN run.watches_since END AS told_since,
    (SELECT phase.name FROM monitor JOIN phase USING (unit_procedure_id)
        WHERE monitor.monitor_id = alert_now.monitor_id AND phase.during @> alert_now.raised_time) AS phase
FROM alert_now
LEFT JOIN unit USING (unit_id)
LEFT JOIN batch USING (batch_id)
LEFT JOIN monitor AS run ON run.monitor_id = alert_now.monitor_id
LEFT JOIN control_limit USING (control_limit_id)
LEFT JOIN control_chart USING (control_chart_id)
LEFT JOIN process_version
    ON process_version.process_version_id = coalesce(batch.process_version_id, control_chart.process_version_id)
LEFT JOIN reference ON encode(reference.digest, 'hex') = alert_now.reference_digest
WHERE alert_now.alert_id = %(alert_id)s;

-- versions: How an alert changed since it was raised.
SELECT version, ended_time, severity, detector, tags, score, limit_value, sentence, intake_ordinal, committed_time
FROM alert_update
WHERE alert_id = %(alert_id)s ORDER BY version;

-- told: An alert as it was raised and as it was told again, with the plant's time then: the tick of the block, or the last before it.
SELECT 0 AS version, raised_time AS told_time, NULL::timestamptz AS ended_time, severity, detector, tags, score,
    limit_value, sentence
FROM alert WHERE alert_id = %(alert_id)s
UNION ALL
SELECT alert_update.version, tick.plant_time, alert_update.ended_time, alert_update.severity, alert_update.detector,
    alert_update.tags, alert_update.score, alert_update.limit_value, alert_update.sentence
FROM alert_update
LEFT JOIN intake ON intake.ordinal = alert_update.intake_ordinal
LEFT JOIN LATERAL (
    SELECT block_tick.plant_time FROM block_tick
    WHERE block_tick.chain_id = intake.chain_id AND block_tick.seq <= intake.seq
    ORDER BY block_tick.seq DESC LIMIT 1
) AS tick ON true
WHERE alert_update.alert_id = %(alert_id)s
ORDER BY version;

-- decisions: What people decided about an alert, in order.
SELECT alert_decision.version, alert_decision.state, alert_decision.actor, actor.printed_name, alert_decision.comment,
    alert_decision.impact, alert_decision.cause, alert_decision.known_at
FROM alert_decision LEFT JOIN actor ON actor.name = alert_decision.actor
WHERE alert_decision.alert_id = %(alert_id)s ORDER BY alert_decision.known_at;

-- outcomes: What corrections did to alerts.
SELECT alert_id AS alert, outcome, earlier_alert_id AS earlier_alert FROM alert_outcome
WHERE alert_id = ANY(%(alert_ids)s::bigint[])
UNION ALL
SELECT alert_id, 'withdrawn', NULL FROM alert_now
WHERE alert_id = ANY(%(alert_ids)s::bigint[]) AND control_limit_id IS NOT NULL AND cells = '[]'
ORDER BY alert;

-- cell_width: How wide the cells are that the run of an alert judged, in hours; NULL before two of them have closed.
SELECT (extract(epoch FROM max(ended_time) - min(ended_time)) / 3600 / nullif(max(cell) - min(cell), 0))::float8
    AS width_h
FROM monitor_score JOIN alert USING (monitor_id)
WHERE alert.alert_id = %(alert_id)s;
