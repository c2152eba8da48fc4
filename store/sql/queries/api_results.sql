-- statements: Every statement of every result of a batch as known at an instant, who brought it, and the plant's time at which it arrived; that of a chain without ticks is told by the live chains.
SELECT stated.qc_result_id, stated.result, stated.specimen, stated.attribute, stated.method, stated.value_text,
    stated.value_number, stated.censored, stated.unit_of_measure, stated.sampled_at, stated.measured_at, stated.status,
    stated.replaces, stated.retest_of, stated.reason, stated.stated_by, stated.stated_at, stated.reportable,
    stated.received_time, stated.known_at, audit_event.actor AS brought_by,
    CASE WHEN chain.kind = 'import' THEN 'import' WHEN chain.name = 'api' THEN 'api' ELSE 'broker' END AS way,
    valid.qc_result_id IS NOT NULL AS current,
    CASE WHEN chain.kind = 'live' THEN coalesce(
        own.plant_time + (stated.known_at - own.host_time) * own.rate,
        other.plant_time + (stated.known_at - other.host_time) * other.rate
    ) END AS arrived,
    specification.low AS specification_low, specification.high AS specification_high,
    coalesce((
        SELECT jsonb_agg(to_jsonb(replicate) - 'qc_result_id' - 'position' ORDER BY replicate.position)
        FROM qc_replicate AS replicate WHERE replicate.qc_result_id = stated.qc_result_id
    ), '[]') AS replicates
FROM qc_result AS stated
JOIN chain USING (chain_id)
LEFT JOIN audit_event ON audit_event.known_at = stated.known_at
LEFT JOIN qc_result_known(coalesce(%(as_known_at)s::timestamptz, 'infinity')) AS valid
    ON valid.qc_result_id = stated.qc_result_id AND valid.batch = %(batch)s
LEFT JOIN LATERAL (
    SELECT plant_time, host_time, rate FROM block_tick
    WHERE block_tick.chain_id = stated.chain_id AND block_tick.seq <= stated.block_seq ORDER BY seq DESC LIMIT 1
) AS own ON true
LEFT JOIN LATERAL (
    SELECT plant_time, host_time, rate FROM block_tick
    WHERE block_tick.host_time <= stated.known_at ORDER BY host_time DESC LIMIT 1
) AS other ON true
LEFT JOIN LATERAL (
    SELECT low, high FROM limit_version
    WHERE limit_version.process_version_id = %(process_version_id)s AND limit_version.attribute = stated.attribute
        AND limit_version.unit_of_measure = stated.unit_of_measure
        AND limit_version.kind = 'specification_limit' AND limit_version.effective_from <= stated.measured_at
        AND limit_version.known_at <= coalesce(%(as_known_at)s::timestamptz, 'infinity')
    ORDER BY limit_version.effective_from DESC, limit_version.known_at DESC LIMIT 1
) AS specification ON true
WHERE stated.batch_id = %(batch_id)s
    AND stated.known_at <= coalesce(%(as_known_at)s::timestamptz, 'infinity')
ORDER BY stated.attribute, stated.known_at, stated.qc_result_id;

-- plan: The lines of the sampling plan of some batches, or of all, with the valid results that answer each, all as known at an instant. A result without a specimen answers where its attribute has one line only.
SELECT batch.name AS batch, batch.status AS batch_status, made.unit, made.started, made.ended, line.attribute,
    line.specimen, line.at_h, line.due_h, line.before_release, coalesce(answer.results, '{}') AS answers,
    coalesce(answer.answered, false) AS answered
FROM batch
CROSS JOIN LATERAL (
    SELECT string_agg(DISTINCT unit.name, ', ') AS unit, min(lower(unit_procedure.during)) AS started,
        max(upper(unit_procedure.during)) AS ended
    FROM unit_procedure JOIN unit USING (unit_id) WHERE unit_procedure.batch_id = batch.batch_id
) AS made
JOIN sampling_plan_known(coalesce(%(as_known_at)s::timestamptz, 'infinity')) AS line USING (process_version_id)
LEFT JOIN LATERAL (
    SELECT array_agg(valid.qc_result_id ORDER BY valid.known_at) AS results,
        bool_or(valid.status <> 'preliminary') AS answered
    FROM qc_result_known(coalesce(%(as_known_at)s::timestamptz, 'infinity')) AS valid
    WHERE valid.batch = batch.name AND valid.attribute = line.attribute
        AND (
            valid.specimen IN (line.specimen, batch.name || '-' || line.specimen)
            OR (valid.specimen IS NULL AND NOT EXISTS (
                SELECT FROM sampling_plan AS another
                WHERE another.process_version_id = line.process_version_id AND another.attribute = line.attribute
                    AND another.specimen <> line.specimen
                    AND another.known_at <= coalesce(%(as_known_at)s::timestamptz, 'infinity')
            ))
        )
) AS answer ON true
WHERE made.started IS NOT NULL AND (%(all_batches)s OR batch.name = ANY(%(batches)s))
    AND NOT (%(open_only)s AND coalesce(answer.answered, false))
ORDER BY made.started + make_interval(secs => line.due_h * 3600), batch.name, line.attribute, line.specimen
LIMIT %(limit)s;

-- settled: Whether no statement can become known any more that would have been known at an instant.
SELECT coalesce(%(as_known_at)s::timestamptz <= known_at, false) AS settled FROM audit_head;

-- plant_time: What time it was in the plant at an instant of the host's clock.
SELECT tick.plant_time + (%(instant)s - tick.host_time) * tick.rate AS plant_time
FROM block_tick AS tick
JOIN chain USING (chain_id)
WHERE tick.host_time <= %(instant)s AND chain.kind = 'live'
ORDER BY tick.host_time DESC
LIMIT 1;
