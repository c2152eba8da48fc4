-- process: A process version by name.
SELECT process_version_id FROM process_version WHERE name = %(process)s;

-- completed_batches: The completed batches of a process version, or one, with the intervals of their unit procedures, of all or of one kind of unit, or of one alone.
SELECT batch.batch_id, batch.name, unit_procedure.unit_procedure_id, unit_procedure.unit_id,
    unit_procedure.position_id, lower(unit_procedure.during), upper(unit_procedure.during)
FROM batch JOIN unit_procedure USING (batch_id) JOIN process_version USING (process_version_id) JOIN unit USING (unit_id)
WHERE (%(process)s::text IS NULL OR process_version.name = %(process)s)
    AND (%(unit_kind)s::text IS NULL OR unit.kind = %(unit_kind)s)
    AND (%(unit_procedure_id)s::integer IS NULL OR unit_procedure.unit_procedure_id = %(unit_procedure_id)s)
    AND (%(batch_id)s::integer IS NULL OR batch.batch_id = %(batch_id)s)
    AND batch.status = 'completed' AND NOT upper_inf(unit_procedure.during)
ORDER BY lower(unit_procedure.during), batch.name;

-- batch_readings: The usable readings of one unit procedure: tag name, hours since its start, value.
SELECT tag.name, extract(epoch FROM reading_now.source_time - %(started)s)::double precision / 3600, reading_now.value
FROM tag JOIN reading_now USING (tag_id)
WHERE tag.unit_id = %(unit_id)s AND (tag.position_id IS NULL OR tag.position_id = %(position_id)s)
    AND reading_now.source_time >= %(started)s AND reading_now.source_time < %(ended)s AND reading_now.quality > 0
ORDER BY tag.name, reading_now.source_time;

-- batch_phases: The phases of a unit procedure that is over, in hours since its start.
SELECT phase.name,
    extract(epoch FROM lower(phase.during) - lower(unit_procedure.during))::double precision / 3600,
    extract(epoch FROM coalesce(upper(phase.during), upper(unit_procedure.during))
        - lower(unit_procedure.during))::double precision / 3600
FROM phase JOIN unit_procedure USING (unit_procedure_id)
WHERE phase.unit_procedure_id = %(unit_procedure_id)s
ORDER BY lower(phase.during);

-- started: Every batch of a process version that ever started, by name, what became of it and what it started from.
SELECT batch.batch_id, batch.name, batch.status, batch.starting_material,
    ARRAY(
        SELECT unit.name FROM unit_procedure JOIN unit USING (unit_id)
        WHERE unit_procedure.batch_id = batch.batch_id AND unit_procedure.end_inferred ORDER BY unit.name
    ) AS unstated_ends
FROM batch JOIN process_version USING (process_version_id)
WHERE process_version.name = %(process)s ORDER BY batch.name;

-- speaking_against: Alerts of a process version's batches that nobody has assessed, or whose impact is not none.
SELECT batch.name AS batch, alert_now.alert_id AS alert, assessed.impact
FROM batch
JOIN process_version USING (process_version_id)
JOIN alert_now ON alert_now.batch_id = batch.batch_id AND NOT alert_now.superseded
LEFT JOIN LATERAL (
    SELECT impact FROM alert_decision
    WHERE alert_decision.alert_id IN (alert_now.alert_id, alert_now.same_as) AND alert_decision.state = 'assessed'
    ORDER BY known_at DESC LIMIT 1
) AS assessed ON true
WHERE process_version.name = %(process)s AND (
    assessed.impact IN ('possible', 'confirmed')
    OR (alert_now.kind IN ('drift', 'range') AND alert_now.state IN ('raised', 'acknowledged'))
)
ORDER BY batch.name, alert_now.alert_id;

-- outcomes: Every batch that ever started of all process versions of the product that this one makes.
SELECT version.name AS process, batch.name AS batch, batch.status
FROM process_version AS mine
JOIN process_version AS version USING (product_id)
JOIN batch ON batch.process_version_id = version.process_version_id
WHERE mine.name = %(process)s ORDER BY version.name, batch.name;

-- judged_results: The valid final results of some batches with the specification that was in force, where there was one.
SELECT batch.name AS batch, stated.attribute, stated.value_text, stated.value_number, stated.censored,
    stated.unit_of_measure, specification.low, specification.high
FROM qc_result_now AS stated
JOIN batch USING (batch_id)
CROSS JOIN LATERAL (
    SELECT low, high FROM limit_version
    WHERE limit_version.process_version_id = batch.process_version_id
        AND limit_version.attribute = stated.attribute AND limit_version.unit_of_measure = stated.unit_of_measure
        AND limit_version.kind = 'specification_limit' AND limit_version.effective_from <= stated.measured_at
    ORDER BY limit_version.effective_from DESC, limit_version.known_at DESC LIMIT 1
) AS specification
WHERE batch.name = ANY(%(batches)s) AND stated.status IN ('final', 'corrected')
ORDER BY batch.name, stated.attribute, stated.known_at;

-- kinds_of_unit: In which kinds of units each completed batch of a process version was, in order, where it was in several units.
SELECT batch.name, array_agg(unit.kind ORDER BY lower(unit_procedure.during))
FROM batch JOIN process_version USING (process_version_id) JOIN unit_procedure USING (batch_id) JOIN unit USING (unit_id)
WHERE process_version.name = %(process)s AND batch.status = 'completed'
    AND (%(unit_kind)s::text IS NULL OR unit.kind = %(unit_kind)s)
GROUP BY batch.name HAVING count(*) > 1 ORDER BY batch.name;

-- tags_of_process: The mapped tags that a process version's batches have readings of, with their units of measure.
SELECT DISTINCT tag_now.name, tag_now.unit_of_measure
FROM batch JOIN process_version USING (process_version_id) JOIN unit_procedure USING (batch_id)
JOIN tag_now ON tag_now.unit_id = unit_procedure.unit_id
    AND (tag_now.position_id IS NULL OR tag_now.position_id = unit_procedure.position_id)
JOIN unit ON unit.unit_id = unit_procedure.unit_id
WHERE process_version.name = %(process)s AND tag_now.mapped
    AND (%(unit_kind)s::text IS NULL OR unit.kind = %(unit_kind)s)
ORDER BY tag_now.name;

-- corresponding_tags: The old tags that stand for a new one somewhere.
SELECT DISTINCT tag_old
FROM tag_correspondence JOIN manufacturing_change USING (manufacturing_change_id)
JOIN process_version ON process_version.process_version_id = manufacturing_change.from_process_version_id
WHERE process_version.name = %(process)s
ORDER BY tag_old;

-- insert: Write a reference down as a draft.
INSERT INTO reference (
    name, role, process_version_id, unit_kind, model, digest, software, drafted_by, review, known_at, curves
)
VALUES (
    %(name)s, %(role)s, %(process_version_id)s, %(unit_kind)s, %(model)s, %(digest)s, %(software)s, %(drafted_by)s,
    %(review)s, %(known_at)s, %(curves)s
)
RETURNING reference_id;

-- insert_batch: Name a batch a reference was learned from, and its unit procedure.
INSERT INTO reference_batch (reference_id, batch_id, unit_procedure_id, input_digest, starting_material)
SELECT %(reference_id)s, batch_id, %(unit_procedure_id)s, %(input_digest)s, starting_material
FROM batch WHERE batch_id = %(batch_id)s;

-- state: A reference as somebody decides about it.
SELECT reference_id, name, role, process_version_id, unit_kind, state, encode(digest, 'hex') AS digest, drafted_by, review,
    model, sha256(convert_to(review::text, 'UTF8')) AS packet_sha256
FROM reference
WHERE reference_id = %(reference_id)s FOR UPDATE;

-- in_use: The reference of the same role, process version and kind of unit that is in use.
SELECT reference_id FROM reference
WHERE process_version_id = %(process_version_id)s AND role = %(role)s AND state = 'in_use'
    AND unit_kind IS NOT DISTINCT FROM %(unit_kind)s
    AND reference_id <> %(reference_id)s;

-- set_state: Move a reference on in its life.
UPDATE reference SET state = %(state)s WHERE reference_id = %(reference_id)s;

-- insert_decision: Who moved a reference on, why, and which bytes and which packet they decided about.
INSERT INTO reference_decision (reference_id, state, actor, reason, known_at, digest, model_sha256, packet_sha256)
VALUES (%(reference_id)s, %(state)s, %(actor)s, %(reason)s, %(known_at)s, decode(%(digest)s, 'hex'), %(model_sha256)s,
    %(packet_sha256)s);

-- approved_as: What a reference was when it was approved.
SELECT encode(digest, 'hex'), model_sha256, packet_sha256 FROM reference_decision
WHERE reference_id = %(reference_id)s AND state = 'approved';
