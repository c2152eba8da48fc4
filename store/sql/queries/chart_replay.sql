-- chart: The chart of control limits, with how far it has been worked off.
SELECT control_chart.control_chart_id, process_version.name, (SELECT position FROM consumer WHERE name = 'charts')
FROM control_limit
JOIN control_chart USING (control_chart_id)
JOIN process_version ON process_version.process_version_id = control_chart.process_version_id
WHERE control_limit.control_limit_id = %(control_limit_id)s;

-- charts: The charts that judge, of one batch or all, with how far they have been worked off.
SELECT control_chart.control_chart_id, process_version.name, (SELECT position FROM consumer WHERE name = 'charts')
FROM control_chart JOIN process_version USING (process_version_id)
WHERE EXISTS (SELECT FROM chart_point JOIN batch USING (batch_id)
    WHERE chart_point.control_chart_id = control_chart.control_chart_id
        AND (%(batch)s::text IS NULL OR batch.name = %(batch)s))
ORDER BY control_chart.control_chart_id;

-- points: Every value that a chart ever showed, in the order in which they were written down.
SELECT chart_point.batch_id, batch.name, chart_point.started, chart_point.value, chart_point.value_text,
    chart_point.without, chart_point.bound, chart_point.qc_result_id, chart_point.since, chart_point.until,
    chart_point.readings, chart_point.revision, chart_point.intake_ordinal
FROM chart_point JOIN batch USING (batch_id)
WHERE chart_point.control_chart_id = %(control_chart_id)s
ORDER BY chart_point.intake_ordinal, chart_point.batch_id, chart_point.revision;

-- signals: Everything that rules ever said of a chart.
SELECT batch_id, rule, side, revision, holds, control_limit_id, statistic, limit_value, points, sentence, intake_ordinal
FROM chart_signal WHERE control_chart_id = %(control_chart_id)s;

-- alerts: The alerts of a chart as they were raised, and everything that became of them.
SELECT alert.control_limit_id, alert.ordinal, told.version, told.severity, told.detector, told.score, told.limit_value,
    told.sentence, told.cells, alert.raised_time, alert.onset_time, told.ended_time, told.intake_ordinal, ARRAY(
        SELECT batch_id FROM signal_batch
        WHERE signal_batch.alert_id = alert.alert_id AND signal_batch.version = told.version ORDER BY batch_id)
FROM alert
JOIN control_limit USING (control_limit_id)
CROSS JOIN LATERAL (
    SELECT 0 AS version, alert.severity, alert.detector, alert.score, alert.limit_value, alert.sentence, alert.cells,
        NULL::timestamptz AS ended_time, alert.intake_ordinal
    UNION ALL
    SELECT alert_update.version, alert_update.severity, alert_update.detector, alert_update.score,
        alert_update.limit_value, alert_update.sentence, alert_update.cells, alert_update.ended_time,
        alert_update.intake_ordinal
    FROM alert_update WHERE alert_update.alert_id = alert.alert_id
) AS told
WHERE control_limit.control_chart_id = %(control_chart_id)s;
