-- page: Batches by the order they were registered in, newest first, below a cursor.
SELECT batch.batch_id, batch.name AS batch, product.name AS product, process_version.name AS process,
    process_version.role, batch.status, batch.end_reason, made.unit, made.started, made.ended,
    coalesce(open.alerts, 0) AS open_alerts, coalesce(open.total, 0) AS alerts
FROM batch
JOIN process_version USING (process_version_id)
JOIN product USING (product_id)
LEFT JOIN LATERAL (
    SELECT string_agg(DISTINCT unit.name, ', ') AS unit, min(lower(unit_procedure.during)) AS started,
        CASE WHEN bool_and(upper(unit_procedure.during) IS NOT NULL) THEN max(upper(unit_procedure.during)) END
            AS ended
    FROM unit_procedure JOIN unit USING (unit_id) WHERE unit_procedure.batch_id = batch.batch_id
) AS made ON true
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE alert_now.state <> 'closed') AS alerts, count(*) AS total
    FROM alert_now WHERE alert_now.batch_id = batch.batch_id
) AS open ON true
WHERE batch.batch_id < %(below)s
    AND (%(process)s::text IS NULL OR process_version.name = %(process)s)
    AND (%(role)s::text IS NULL OR process_version.role = %(role)s)
    AND (%(status)s::text IS NULL OR batch.status = %(status)s)
ORDER BY batch.batch_id DESC
LIMIT %(limit)s;
