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
    SELECT count(*) FILTER (WHERE found.state <> 'closed') AS alerts, count(*) AS total
    FROM (
        SELECT alert_now.state FROM alert_now WHERE alert_now.batch_id = batch.batch_id AND NOT alert_now.superseded
        UNION ALL
        SELECT alert_now.state FROM signal_batch JOIN alert_now USING (alert_id)
        WHERE signal_batch.batch_id = batch.batch_id
    ) AS found
) AS open ON true
WHERE batch.batch_id < %(below)s
    AND (%(process)s::text IS NULL OR process_version.name = %(process)s)
    AND (%(role)s::text IS NULL OR process_version.role = %(role)s)
    AND (%(status)s::text IS NULL OR batch.status = %(status)s)
ORDER BY batch.batch_id DESC
LIMIT %(limit)s;

-- detail: One batch by its name, with when and where it was made; pseudonyms are for the caller to hide.
SELECT batch.batch_id, batch.name AS batch, product.name AS product, process_version.name AS process,
    process_version.process_version_id, process_version.role, batch.status, batch.end_reason, batch.donor,
    batch.starting_material, batch.chain_of_identity, batch.required_by, made.unit, made.started, made.ended
FROM batch
JOIN process_version USING (process_version_id)
JOIN product USING (product_id)
LEFT JOIN LATERAL (
    SELECT string_agg(DISTINCT unit.name, ', ') AS unit, min(lower(unit_procedure.during)) AS started,
        CASE WHEN bool_and(upper(unit_procedure.during) IS NOT NULL) THEN max(upper(unit_procedure.during)) END
            AS ended
    FROM unit_procedure JOIN unit USING (unit_id) WHERE unit_procedure.batch_id = batch.batch_id
) AS made ON true
WHERE batch.name = %(batch)s;

-- windows: The tags of a batch, each with the interval in which it speaks of this batch.
SELECT tag_now.tag_id, tag_now.name AS tag, coalesce(tag_now.measurand, '') AS measurand,
    coalesce(tag_now.unit_of_measure, '') AS unit_of_measure, tag_now.mapped, tag_now.reporting_mode,
    tag_now.interval_s, unit.name AS unit,
    lower(unit_procedure.during) AS started, upper(unit_procedure.during) AS ended
FROM unit_procedure
JOIN unit USING (unit_id)
JOIN tag_now ON tag_now.unit_id = unit_procedure.unit_id
    AND (tag_now.position_id IS NULL OR tag_now.position_id = unit_procedure.position_id)
WHERE unit_procedure.batch_id = %(batch_id)s
ORDER BY lower(unit_procedure.during), tag_now.tag_id;

-- windows_as_known: The tags of a batch, each with the interval in which it spoke of this batch as known at an instant.
SELECT tag_now.tag_id, tag_now.name AS tag, coalesce(tag_now.measurand, '') AS measurand,
    coalesce(tag_now.unit_of_measure, '') AS unit_of_measure, tag_now.mapped, tag_now.reporting_mode,
    tag_now.interval_s, unit.name AS unit, lower(known.new_during) AS started, upper(known.new_during) AS ended
FROM unit_procedure
CROSS JOIN LATERAL (
    SELECT new_during, new_batch_id FROM interval_revision
    WHERE interval_revision.unit_procedure_id = unit_procedure.unit_procedure_id AND known_at <= %(known_at)s
    ORDER BY interval_revision_id DESC LIMIT 1
) AS known
JOIN unit USING (unit_id)
JOIN tag_now ON tag_now.unit_id = unit_procedure.unit_id
    AND (tag_now.position_id IS NULL OR tag_now.position_id = unit_procedure.position_id)
WHERE known.new_batch_id = %(batch_id)s
ORDER BY started, tag_now.tag_id;

-- phases: The phases of a batch in order.
SELECT phase.name AS phase, lower(phase.during) AS started, upper(phase.during) AS ended, unit.name AS unit
FROM phase
JOIN unit_procedure USING (unit_procedure_id)
JOIN unit USING (unit_id)
WHERE unit_procedure.batch_id = %(batch_id)s
ORDER BY lower(phase.during), phase.phase_id;

-- references: What the batch is compared with: by its newest monitor, else what is in use for its process.
SELECT reference.role, reference.name, encode(reference.digest, 'hex') AS digest, reference.software,
    reference.state, reference.known_at,
    (SELECT count(*) FROM reference_batch WHERE reference_batch.reference_id = reference.reference_id) AS batches,
    EXISTS (SELECT FROM reference_batch
        WHERE reference_batch.reference_id = reference.reference_id AND reference_batch.batch_id = %(batch_id)s)
        AS learned_from_this,
    coalesce((SELECT jsonb_object_agg(kind, batches) FROM (
        SELECT coalesce(reference_batch.starting_material, 'not stated') AS kind, count(*) AS batches
        FROM reference_batch WHERE reference_batch.reference_id = reference.reference_id GROUP BY 1
    ) AS of_kind), '{}') AS materials,
    ARRAY(SELECT batch.name FROM reference_input_changed JOIN batch USING (batch_id)
        WHERE reference_input_changed.reference_id = reference.reference_id ORDER BY batch.name) AS changed_inputs
FROM reference
WHERE reference.reference_id IN (
    SELECT unnest(ARRAY[monitor.reference_new_id, monitor.reference_old_id])
    FROM monitor WHERE monitor.batch_id = %(batch_id)s AND monitor.until_ordinal IS NULL
) OR (reference.process_version_id = %(process_version_id)s AND reference.state = 'in_use'
    AND NOT EXISTS (SELECT FROM monitor WHERE monitor.batch_id = %(batch_id)s AND monitor.until_ordinal IS NULL))
ORDER BY reference.role, reference.reference_id;

-- newest: The newest usable reading of the batch's tags, or of one, inside its intervals and not from a clock ahead.
SELECT max(newest.source_time) AS newest
FROM unit_procedure
JOIN tag ON tag.unit_id = unit_procedure.unit_id
    AND (tag.position_id IS NULL OR tag.position_id = unit_procedure.position_id)
CROSS JOIN LATERAL (
    SELECT looked_at.source_time FROM (
        SELECT source_time, quality FROM reading_now
        WHERE reading_now.tag_id = tag.tag_id AND reading_now.source_time >= lower(unit_procedure.during)
            AND reading_now.source_time < coalesce(upper(unit_procedure.during), %(latest)s)
        ORDER BY source_time DESC LIMIT 10000
    ) AS looked_at
    WHERE looked_at.quality > 0 ORDER BY looked_at.source_time DESC LIMIT 1
) AS newest
WHERE unit_procedure.batch_id = %(batch_id)s AND (%(tag)s::text IS NULL OR tag.name = %(tag)s);

-- events: What happened to a batch, in order of time.
SELECT event.event_id AS event, event.kind, event.source_time, unit.name AS unit, event.body, event.note
FROM event JOIN unit USING (unit_id)
WHERE event.batch_id = %(batch_id)s AND event.event_id > %(above)s
ORDER BY event.event_id
LIMIT %(limit)s;

-- pending_results: Results of batches nobody knows, waiting to be assigned.
SELECT result, batch, attribute, value_text, unit_of_measure, status, known_at FROM qc_result
WHERE batch_id IS NULL ORDER BY known_at DESC LIMIT 200;

-- late: Up to when what came late for the run that watches a batch was judged, what waits by tag, how far a revision is, and how many failed.
SELECT coalesce(watching.late_until, (
        SELECT block_tick.plant_time FROM intake JOIN block_tick USING (chain_id, seq)
        WHERE intake.ordinal <= watching.corrected_ordinal ORDER BY intake.ordinal DESC LIMIT 1
    ), (
        SELECT block.committed_time FROM intake JOIN block USING (chain_id, seq)
        WHERE intake.ordinal = watching.corrected_ordinal
    )) AS judged_until,
    (SELECT jsonb_object_agg(tag ->> 'tag', tag -> 'late_readings')
        FROM jsonb_array_elements(watching.snapshot -> 'tags') AS tag
        WHERE (tag ->> 'late_readings')::bigint > 0) AS late,
    CASE WHEN revision.monitor_id IS NOT NULL THEN coalesce(
        to_timestamp((revision.snapshot ->> 'data_until_us')::bigint / 1e6), lower(unit_procedure.during)
    ) END AS revision_reached,
    (SELECT count(*) FROM monitor AS tried WHERE tried.unit_procedure_id = watching.unit_procedure_id
        AND tried.run > watching.run AND tried.failure IS NOT NULL) AS failed,
    (SELECT max(late_until) FROM monitor AS tried WHERE tried.unit_procedure_id = watching.unit_procedure_id
        AND tried.run > watching.run AND tried.failure IS NOT NULL) AS failed_begun
FROM monitor AS watching
JOIN unit_procedure USING (unit_procedure_id)
LEFT JOIN monitor AS revision ON revision.unit_procedure_id = watching.unit_procedure_id
    AND revision.beside AND NOT revision.closed AND revision.failure IS NULL
WHERE watching.batch_id = %(batch_id)s AND watching.until_ordinal IS NULL
ORDER BY watching.monitor_id DESC LIMIT 1;
