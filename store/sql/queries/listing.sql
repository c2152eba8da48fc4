-- batches: Every batch with where and when it ran, how many readings it has and how many alerts.
SELECT batch.name AS batch, process_version.name AS process, process_version.role, batch.status,
    unit.name AS unit, lower(unit_procedure.during) AS started, upper(unit_procedure.during) AS ended,
    (
        SELECT coalesce(sum(overview.count), 0)::bigint FROM overview JOIN tag USING (tag_id)
        WHERE tag.unit_id = unit_procedure.unit_id
            AND (tag.position_id IS NULL OR tag.position_id = unit_procedure.position_id)
            AND overview.resolution_s = 3600 AND overview.bucket <@ unit_procedure.during
    ) AS readings,
    (SELECT count(*) FROM alert WHERE alert.batch_id = batch.batch_id)
        + (SELECT count(*) FROM signal_batch WHERE signal_batch.batch_id = batch.batch_id) AS alerts
FROM batch
JOIN process_version USING (process_version_id)
JOIN unit_procedure USING (batch_id)
JOIN unit USING (unit_id)
ORDER BY started, batch;
