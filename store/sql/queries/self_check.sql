-- lock: Whether this session alone checks now.
SELECT pg_try_advisory_lock(%(key)s);

-- unlock: Others may check.
SELECT pg_advisory_unlock(%(key)s);

-- position: How far a run has come.
SELECT position FROM monitor WHERE monitor_id = %(monitor_id)s;

-- next: The run that was checked longest ago or never, of this version, unless enough were checked since a time.
SELECT monitor.monitor_id, batch.name, monitor.run, monitor.software, monitor.position, batch.batch_id,
    unit_procedure.unit_id, checked.disagreed
FROM monitor
JOIN batch USING (batch_id)
JOIN unit_procedure USING (unit_procedure_id)
LEFT JOIN LATERAL (
    SELECT finished_time, disagreements <> '[]' AS disagreed FROM self_check
    WHERE self_check.monitor_id = monitor.monitor_id ORDER BY finished_time DESC LIMIT 1
) AS checked ON true
WHERE monitor.software = %(software)s AND monitor.failure IS NULL AND monitor.position >= monitor.started_ordinal
    AND (checked.finished_time IS NULL OR checked.finished_time < %(due)s)
    AND (SELECT count(*) FROM self_check WHERE finished_time >= %(due)s) < %(most)s
ORDER BY checked.finished_time NULLS FIRST, monitor.monitor_id
LIMIT 1;

-- insert: What a check found.
INSERT INTO self_check (monitor_id, position, software, alerts, steps, disagreements, started_time, finished_time)
VALUES (%(monitor_id)s, %(position)s, %(software)s, %(alerts)s, %(steps)s, %(disagreements)s, %(started_time)s,
    %(finished_time)s)
RETURNING self_check_id;

-- newest: The newest checks of runs, of one batch or all.
SELECT self_check.self_check_id AS self_check, batch.name AS batch, monitor.run, self_check.software,
    self_check.alerts, self_check.steps, self_check.disagreements, self_check.started_time, self_check.finished_time
FROM self_check JOIN monitor USING (monitor_id) JOIN batch USING (batch_id)
WHERE self_check.self_check_id < %(below)s AND (%(batch)s::text IS NULL OR batch.name = %(batch)s)
ORDER BY self_check.self_check_id DESC
LIMIT %(limit)s;

-- differing: Runs whose newest check found that record and journal disagree.
SELECT batch.name AS batch, monitor.run, newest.finished_time
FROM monitor JOIN batch USING (batch_id)
CROSS JOIN LATERAL (
    SELECT finished_time, disagreements FROM self_check
    WHERE self_check.monitor_id = monitor.monitor_id ORDER BY finished_time DESC LIMIT 1
) AS newest
WHERE newest.disagreements <> '[]'
ORDER BY newest.finished_time;
