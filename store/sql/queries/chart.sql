-- chart: What a chart shows.
SELECT control_chart_id, process_version_id, attribute, tag, phase, summary, scale, unit_of_measure
FROM control_chart WHERE control_chart_id = %(control_chart_id)s;

-- result_points: The newest final result of every batch of a process for an attribute, of the specimen that its sampling plan draws last, in order of the starts; as known at an ordinal of the intake, or now.
WITH occupied AS (
    SELECT coalesce(corrected.new_batch_id, told.new_batch_id) AS batch_id,
        min(lower(coalesce(corrected.new_during, told.new_during))) AS started
    FROM unit_procedure
    CROSS JOIN LATERAL (
        SELECT new_during, new_batch_id FROM interval_revision
        WHERE interval_revision.unit_procedure_id = unit_procedure.unit_procedure_id
        ORDER BY interval_revision_id LIMIT 1
    ) AS told
    LEFT JOIN LATERAL (
        SELECT interval_revision.new_during, interval_revision.new_batch_id
        FROM interval_revision JOIN correction USING (correction_id)
        LEFT JOIN intake ON intake.chain_id = correction.chain_id AND intake.seq = correction.block_seq
        WHERE interval_revision.unit_procedure_id = unit_procedure.unit_procedure_id
            AND (%(ordinal)s::bigint IS NULL OR intake.ordinal <= %(ordinal)s)
        ORDER BY interval_revision_id DESC LIMIT 1
    ) AS corrected ON true
    WHERE %(ordinal)s::bigint IS NULL OR EXISTS (
        SELECT FROM event JOIN intake ON intake.chain_id = event.chain_id AND intake.seq = event.block_seq
        WHERE event.unit_procedure_id = unit_procedure.unit_procedure_id AND intake.ordinal <= %(ordinal)s
    )
    GROUP BY 1
), instant AS (
    SELECT CASE WHEN %(ordinal)s::bigint IS NULL THEN 'infinity' ELSE coalesce(max(qc_result.known_at), '-infinity') END
        AS known_at
    FROM qc_result JOIN intake ON intake.chain_id = qc_result.chain_id AND intake.seq = qc_result.block_seq
    WHERE intake.ordinal <= %(ordinal)s
), stated AS (
    SELECT DISTINCT ON (batch.batch_id) batch.batch_id, batch.name, occupied.started, result.qc_result_id,
        result.value_text, result.value_number, result.censored
    FROM occupied
    JOIN batch USING (batch_id)
    CROSS JOIN instant
    JOIN qc_result_known(instant.known_at) AS result ON result.batch_id = batch.batch_id
    LEFT JOIN LATERAL (
        SELECT specimen FROM sampling_plan_known(instant.known_at) AS line
        WHERE line.process_version_id = batch.process_version_id AND line.attribute = %(attribute)s
        ORDER BY at_h DESC, sampling_plan_id DESC LIMIT 1
    ) AS plan ON true
    WHERE batch.process_version_id = %(process_version_id)s AND result.attribute = %(attribute)s
        AND result.status IN ('final', 'corrected') AND result.unit_of_measure = %(unit_of_measure)s
        AND (result.specimen <> ALL (ARRAY[plan.specimen, batch.name || '-' || plan.specimen])) IS NOT TRUE
    ORDER BY batch.batch_id, result.measured_at DESC, result.known_at DESC, result.result
)
SELECT batch_id, name, started, value_text, value_number, censored, qc_result_id FROM stated
ORDER BY started, name;

-- phases_of_process: The ended phases of one name of completed batches of a process, as they hold, with the tag of their unit and whether a correction at an ordinal of the intake revised readings of it there.
SELECT batch.batch_id, batch.name, lower(unit_procedure.during) AS started, lower(phase.during), upper(phase.during),
    tag.tag_id, EXISTS (
        SELECT FROM intake
        JOIN correction ON correction.chain_id = intake.chain_id AND correction.block_seq = intake.seq
        JOIN reading_revision USING (correction_id)
        WHERE intake.ordinal = %(ordinal)s AND reading_revision.tag_id = tag.tag_id
            AND reading_revision.source_time <@ phase.during
    ) AS revised
FROM phase
JOIN unit_procedure USING (unit_procedure_id)
JOIN batch USING (batch_id)
LEFT JOIN tag ON tag.name = %(tag)s AND tag.unit_id = unit_procedure.unit_id
    AND (tag.position_id IS NULL OR tag.position_id = unit_procedure.position_id)
WHERE batch.process_version_id = %(process_version_id)s AND phase.name = %(phase)s AND batch.status = 'completed'
    AND NOT upper_inf(phase.during)
ORDER BY lower(unit_procedure.during), batch.name, lower(phase.during), tag.tag_id;

-- readings: The usable readings of a tag in an interval, as they hold.
SELECT value FROM reading_now
WHERE tag_id = %(tag_id)s AND source_time >= %(started)s AND source_time < %(ended)s AND quality > 0;

-- touched: Which charts that ever had limits in use a stretch of the intake may change, in its order; of one chart or all.
SELECT DISTINCT told.ordinal, control_chart.control_chart_id
FROM (
    SELECT intake.ordinal, qc_result.attribute, NULL::integer AS process_version_id, NULL::integer AS control_chart_id
    FROM intake JOIN qc_result ON qc_result.chain_id = intake.chain_id AND qc_result.block_seq = intake.seq
    WHERE intake.ordinal > %(after)s AND intake.ordinal <= %(until)s
    UNION ALL
    SELECT intake.ordinal, NULL, NULL, NULL
    FROM intake JOIN correction ON correction.chain_id = intake.chain_id AND correction.block_seq = intake.seq
    WHERE intake.ordinal > %(after)s AND intake.ordinal <= %(until)s
    UNION ALL
    SELECT intake.ordinal, NULL, batch.process_version_id, NULL
    FROM intake JOIN event ON event.chain_id = intake.chain_id AND event.block_seq = intake.seq
    JOIN batch USING (batch_id)
    WHERE intake.ordinal > %(after)s AND intake.ordinal <= %(until)s AND event.unit_procedure_id IS NOT NULL
    UNION ALL
    SELECT intake.ordinal, NULL, NULL, control_limit.control_chart_id
    FROM intake JOIN control_limit
        ON (intake.chain_id, intake.seq) IN ((control_limit.chain_id, control_limit.block_seq),
            (control_limit.retired_chain_id, control_limit.retired_block_seq))
    WHERE intake.ordinal > %(after)s AND intake.ordinal <= %(until)s
) AS told
JOIN control_chart ON (told.attribute IS NULL OR control_chart.attribute = told.attribute)
    AND (told.process_version_id IS NULL OR control_chart.process_version_id = told.process_version_id)
    AND (told.control_chart_id IS NULL OR control_chart.control_chart_id = told.control_chart_id)
WHERE (%(control_chart_id)s::integer IS NULL OR control_chart.control_chart_id = %(control_chart_id)s)
    AND EXISTS (
        SELECT FROM control_limit
        JOIN intake ON intake.chain_id = control_limit.chain_id AND intake.seq = control_limit.block_seq
        WHERE control_limit.control_chart_id = control_chart.control_chart_id AND intake.ordinal <= told.ordinal
    )
ORDER BY told.ordinal, control_chart.control_chart_id;

-- limits_in_order: The versions of a chart's limits that were put to use by an ordinal of the intake, in that order, and where each was retired by then.
SELECT control_limit.control_limit_id, control_limit.version, control_limit.kind, control_limit.centre,
    control_limit.sigma, control_limit.n, control_limit.rules, control_limit.points, intake.ordinal, retired.ordinal
FROM control_limit
JOIN intake ON intake.chain_id = control_limit.chain_id AND intake.seq = control_limit.block_seq
LEFT JOIN intake AS retired ON retired.chain_id = control_limit.retired_chain_id
    AND retired.seq = control_limit.retired_block_seq AND retired.ordinal <= %(ordinal)s
WHERE control_limit.control_chart_id = %(control_chart_id)s AND intake.ordinal <= %(ordinal)s
ORDER BY intake.ordinal;

-- points: What batches show on a chart as last worked off, in order of their starts.
SELECT chart_point_now.batch_id, batch.name, chart_point_now.started, chart_point_now.value, chart_point_now.value_text,
    chart_point_now.without, chart_point_now.bound, chart_point_now.qc_result_id, chart_point_now.since,
    chart_point_now.until, chart_point_now.readings, chart_point_now.revision, chart_point_now.first_ordinal
FROM chart_point_now JOIN batch USING (batch_id)
WHERE chart_point_now.control_chart_id = %(control_chart_id)s
ORDER BY chart_point_now.started, batch.name;

-- insert_point: Write down what a batch shows from now on.
INSERT INTO chart_point (control_chart_id, batch_id, revision, started, value, value_text, without, bound, qc_result_id,
    since, until, readings, intake_ordinal)
VALUES (%(control_chart_id)s, %(batch_id)s, %(revision)s, %(started)s, %(value)s, %(value_text)s, %(without)s,
    %(bound)s, %(qc_result_id)s, %(since)s, %(until)s, %(readings)s, %(ordinal)s);

-- signals: What rules say of the batches of a chart as last worked off.
SELECT batch_id, rule, side, revision, holds, control_limit_id, statistic, limit_value, points, sentence
FROM chart_signal_now WHERE control_chart_id = %(control_chart_id)s;

-- insert_signal: Write down what a rule says of a batch from now on.
INSERT INTO chart_signal (control_chart_id, batch_id, rule, side, revision, holds, control_limit_id, statistic,
    limit_value, points, sentence, software, intake_ordinal)
VALUES (%(control_chart_id)s, %(batch_id)s, %(rule)s, %(side)s, %(revision)s, %(holds)s, %(control_limit_id)s,
    %(statistic)s, %(limit_value)s, %(points)s, %(sentence)s, %(software)s, %(ordinal)s);

-- plant_time_at: The plant's time at an ordinal of the intake: of the last tick up to it, else when its block was committed.
SELECT coalesce((
    SELECT block_tick.plant_time FROM intake JOIN block_tick USING (chain_id, seq)
    WHERE intake.ordinal <= %(ordinal)s ORDER BY intake.ordinal DESC LIMIT 1
), (SELECT block.committed_time FROM intake JOIN block USING (chain_id, seq) WHERE intake.ordinal = %(ordinal)s));

-- alerts: What is told of the episodes of a chart as last worked off.
SELECT alert_now.version, alert_now.control_limit_id, alert_now.ordinal, alert_now.severity, alert_now.detector,
    alert_now.score, alert_now.limit_value, alert_now.sentence,
    ARRAY(SELECT batch_id FROM signal_batch WHERE signal_batch.alert_id = alert_now.alert_id), alert_now.cells,
    alert_now.raised_time, alert_now.onset_time, alert_now.ended_time
FROM alert_now JOIN control_limit USING (control_limit_id)
WHERE control_limit.control_chart_id = %(control_chart_id)s;

-- raise_alert: Raise an alert of an episode.
INSERT INTO alert (control_limit_id, ordinal, kind, severity, detector, tags, raised_time, onset_time, score,
    limit_value, sentence, contributions, cells, software, intake_ordinal)
VALUES (%(control_limit_id)s, %(alert_ordinal)s, %(kind)s, %(severity)s, %(rule)s, %(tags)s, %(raised)s, %(onset)s,
    %(score)s, %(limit_value)s, %(sentence)s, '[]', %(evidence)s, %(software)s, %(ordinal)s);

-- update_alert: What became of an episode.
INSERT INTO alert_update (alert_id, version, ended_time, severity, detector, tags, score, limit_value, sentence,
    contributions, cells, intake_ordinal)
SELECT alert_id, %(version)s, %(ended)s, %(severity)s, %(rule)s, %(tags)s, %(score)s, %(limit_value)s, %(sentence)s,
    '[]', %(evidence)s, %(ordinal)s
FROM alert WHERE control_limit_id = %(control_limit_id)s AND ordinal = %(alert_ordinal)s;

-- insert_signal_batch: A batch that an episode is about from a version of its alert on.
INSERT INTO signal_batch (alert_id, batch_id, version)
SELECT alert_id, %(batch_id)s, %(version)s
FROM alert WHERE control_limit_id = %(control_limit_id)s AND ordinal = %(alert_ordinal)s;

-- say_failure: Say why a chart could not be judged, or that it could.
UPDATE control_chart SET failure = %(failure)s
WHERE control_chart_id = %(control_chart_id)s AND failure IS DISTINCT FROM %(failure)s;
