-- lock: Whether this session alone checks now.
SELECT pg_try_advisory_lock(%(key)s);

-- unlock: Others may check.
SELECT pg_advisory_unlock(%(key)s);

-- position: How far a run has come.
SELECT position FROM monitor WHERE monitor_id = %(monitor_id)s;

-- next: The run or chart that was checked longest ago or never, of this version, unless enough were checked since a time.
SELECT checkable.*, coalesce(checked.disagreed, false)
FROM (
    SELECT monitor.monitor_id, NULL::integer AS control_chart_id, batch.name, monitor.run, monitor.position,
        batch.batch_id, unit_procedure.unit_id
    FROM monitor
    JOIN batch USING (batch_id)
    JOIN unit_procedure USING (unit_procedure_id)
    WHERE monitor.software = %(software)s AND monitor.failure IS NULL AND monitor.position >= monitor.started_ordinal
    UNION ALL
    SELECT NULL, control_chart.control_chart_id, process_version.name, NULL, consumer.position, NULL, NULL
    FROM control_chart
    JOIN process_version USING (process_version_id)
    JOIN consumer ON consumer.name = 'charts'
    WHERE control_chart.failure IS NULL
        AND EXISTS (SELECT FROM chart_point WHERE chart_point.control_chart_id = control_chart.control_chart_id)
        AND NOT EXISTS (SELECT FROM chart_signal
            WHERE chart_signal.control_chart_id = control_chart.control_chart_id
                AND chart_signal.software <> %(software)s)
) AS checkable
LEFT JOIN LATERAL (
    SELECT finished_time, disagreements <> '[]' AS disagreed FROM self_check
    WHERE self_check.monitor_id = checkable.monitor_id OR self_check.control_chart_id = checkable.control_chart_id
    ORDER BY finished_time DESC LIMIT 1
) AS checked ON true
WHERE (checked.finished_time IS NULL OR checked.finished_time < %(due)s)
    AND (SELECT count(*) FROM self_check WHERE finished_time >= %(due)s) < %(most)s
ORDER BY checked.finished_time NULLS FIRST, checkable.monitor_id, checkable.control_chart_id
LIMIT 1;

-- insert: What a check found.
INSERT INTO self_check (monitor_id, control_chart_id, position, software, alerts, steps, disagreements, started_time,
    finished_time)
VALUES (%(monitor_id)s, %(control_chart_id)s, %(position)s, %(software)s, %(alerts)s, %(steps)s, %(disagreements)s,
    %(started_time)s, %(finished_time)s)
RETURNING self_check_id;

-- newest: The newest checks of runs and charts; of one batch, or all.
SELECT self_check.self_check_id AS self_check, batch.name AS batch, monitor.run, self_check.control_chart_id AS chart,
    self_check.software, self_check.alerts, self_check.steps, self_check.disagreements, self_check.started_time,
    self_check.finished_time
FROM self_check LEFT JOIN monitor USING (monitor_id) LEFT JOIN batch USING (batch_id)
WHERE self_check.self_check_id < %(below)s AND (%(batch)s::text IS NULL OR batch.name = %(batch)s)
ORDER BY self_check.self_check_id DESC
LIMIT %(limit)s;

-- differing: Runs and charts whose newest check found that record and journal disagree.
SELECT newest.what, newest.finished_time
FROM (
    SELECT DISTINCT ON (self_check.monitor_id, self_check.control_chart_id)
        coalesce(batch.name || ', run ' || monitor.run,
            'the chart of ' || coalesce(control_chart.attribute,
                concat_ws(' ', control_chart.summary, control_chart.tag, control_chart.phase))
            || ', ' || process_version.name) AS what,
        self_check.finished_time, self_check.disagreements
    FROM self_check
    LEFT JOIN monitor USING (monitor_id)
    LEFT JOIN batch USING (batch_id)
    LEFT JOIN control_chart USING (control_chart_id)
    LEFT JOIN process_version ON process_version.process_version_id = control_chart.process_version_id
    ORDER BY self_check.monitor_id, self_check.control_chart_id, self_check.finished_time DESC
) AS newest
WHERE newest.disagreements <> '[]'
ORDER BY newest.finished_time;
