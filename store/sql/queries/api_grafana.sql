-- floor_alerts: Alerts nobody has closed, of running batches or lasting on a unit, in order of time; a signal between batches is of no unit.
SELECT floor(extract(epoch FROM alert_now.raised_time) * 1000)::bigint AS time, alert_now.alert_id AS alert,
    unit.name AS unit, batch.name AS batch, alert_now.kind, alert_now.severity, alert_now.sentence,
    alert_now.state,
    CASE WHEN alert_now.state = 'raised' THEN 'Look at the unit, then acknowledge with a comment'
        ELSE 'Acknowledged by ' || coalesce(alert_now.decided_by, '?') || ': carry on by the batch record' END
        AS next_action
FROM alert_now
JOIN unit USING (unit_id)
LEFT JOIN batch USING (batch_id)
WHERE alert_now.state <> 'closed' AND NOT alert_now.superseded
    AND (batch.status = 'running' OR (alert_now.batch_id IS NULL AND alert_now.ended_time IS NULL))
ORDER BY alert_now.raised_time, alert_now.alert_id
LIMIT 1000;

-- batches: All batches for a variable and a table, newest first.
SELECT batch.name AS batch, process_version.name AS process, process_version.role, batch.status, made.unit,
    floor(extract(epoch FROM made.started) * 1000)::bigint AS started,
    floor(extract(epoch FROM made.ended) * 1000)::bigint AS ended,
    (SELECT count(*) FROM alert_now
        WHERE alert_now.batch_id = batch.batch_id AND alert_now.state <> 'closed' AND NOT alert_now.superseded)
    + (SELECT count(*) FROM signal_batch JOIN alert_now USING (alert_id)
        WHERE signal_batch.batch_id = batch.batch_id AND alert_now.state <> 'closed') AS open_alerts
FROM batch
JOIN process_version USING (process_version_id)
LEFT JOIN LATERAL (
    SELECT string_agg(DISTINCT unit.name, ', ') AS unit, min(lower(unit_procedure.during)) AS started,
        CASE WHEN bool_and(upper(unit_procedure.during) IS NOT NULL) THEN max(upper(unit_procedure.during)) END
            AS ended
    FROM unit_procedure JOIN unit USING (unit_id) WHERE unit_procedure.batch_id = batch.batch_id
) AS made ON true
ORDER BY made.started, batch.batch_id
LIMIT %(limit)s;

-- tags: The tags of batches, each name once.
SELECT tag_now.name AS tag, min(tag_now.measurand) AS measurand, min(tag_now.unit_of_measure) AS unit_of_measure
FROM batch
JOIN unit_procedure USING (batch_id)
JOIN tag_now ON tag_now.unit_id = unit_procedure.unit_id
    AND (tag_now.position_id IS NULL OR tag_now.position_id = unit_procedure.position_id)
WHERE batch.name = ANY(%(batches)s)
GROUP BY tag_now.name
ORDER BY tag_now.name
LIMIT %(limit)s;

-- alerts: Alerts of batches, or of all, that lasted at some time between two; one without an end lasts until now.
SELECT floor(extract(epoch FROM alert_now.onset_time) * 1000)::bigint AS time,
    floor(extract(epoch FROM coalesce(alert_now.ended_time, greatest(%(now)s, alert_now.raised_time))) * 1000)::bigint
        AS "timeEnd",
    concat_ws(' · ', alert_now.kind, unit.name, batch.name, array_to_string(nullif(alert_now.batches, '{}'), ', '))
        AS title,
    alert_now.sentence AS text, array_to_string(alert_now.kind || alert_now.tags, ',') AS tags,
    alert_now.alert_id AS alert, coalesce(batch.name, array_to_string(nullif(alert_now.batches, '{}'), ',')) AS batch,
    unit.name AS unit, alert_now.kind, alert_now.severity, alert_now.state, control_limit.control_chart_id AS chart
FROM alert_now
LEFT JOIN unit USING (unit_id)
LEFT JOIN batch USING (batch_id)
LEFT JOIN control_limit USING (control_limit_id)
WHERE (%(all_batches)s OR batch.name = ANY(%(batches)s) OR alert_now.batches && %(batches)s::text[])
    AND NOT alert_now.superseded
    AND alert_now.onset_time <= %(until)s
    AND coalesce(alert_now.ended_time, greatest(%(now)s, alert_now.raised_time)) >= %(since)s
ORDER BY alert_now.onset_time, alert_now.alert_id
LIMIT %(limit)s;

-- results: Every statement of every result of batches, in the order it became known.
SELECT floor(extract(epoch FROM qc_result.measured_at) * 1000)::bigint AS time, qc_result.batch, qc_result.attribute,
    qc_result.value_text, qc_result.value_number, qc_result.unit_of_measure, qc_result.status,
    floor(extract(epoch FROM qc_result.known_at) * 1000)::bigint AS known_at
FROM qc_result
WHERE qc_result.batch = ANY(%(batches)s)
ORDER BY qc_result.measured_at, qc_result.qc_result_id
LIMIT %(limit)s;

-- stream: Readings a minute as they were committed, and what was quarantined, from the newest blocks of every chain.
SELECT extract(epoch FROM minute)::bigint * 1000 AS time, sum(readings)::bigint AS readings_per_min,
    sum(quarantined)::bigint AS quarantined
FROM (
    SELECT date_trunc('minute', newest.committed_time) AS minute, newest.readings,
        (SELECT count(*) FROM quarantine
            WHERE quarantine.chain_id = newest.chain_id AND quarantine.block_seq = newest.seq
                AND quarantine.quarantine_id > (SELECT coalesce(max(quarantine_id), 0) - 20000 FROM quarantine))
            AS quarantined
    FROM chain
    CROSS JOIN LATERAL (
        SELECT block.chain_id, block.seq, block.committed_time, block.readings FROM block
        WHERE block.chain_id = chain.chain_id AND block.entries > 0 ORDER BY block.seq DESC LIMIT 3600
    ) AS newest
    WHERE newest.committed_time BETWEEN %(since)s AND %(until)s
) AS counted
GROUP BY minute
ORDER BY minute
LIMIT %(limit)s;
