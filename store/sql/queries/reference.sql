-- process: A process version by name.
SELECT process_version_id FROM process_version WHERE name = %(process)s;

-- completed_batches: The completed batches of a process version, or one, with the interval of their unit procedure.
SELECT batch.batch_id, batch.name, unit_procedure.unit_id, unit_procedure.position_id, lower(unit_procedure.during),
    upper(unit_procedure.during)
FROM batch JOIN unit_procedure USING (batch_id) JOIN process_version USING (process_version_id)
WHERE (%(process)s::text IS NULL OR process_version.name = %(process)s)
    AND (%(batch_id)s::integer IS NULL OR batch.batch_id = %(batch_id)s)
    AND batch.status = 'completed' AND NOT upper_inf(unit_procedure.during)
ORDER BY lower(unit_procedure.during), batch.name;

-- batch_readings: The usable readings of one unit procedure: tag name, hours since its start, value.
SELECT tag.name, extract(epoch FROM reading_now.source_time - %(started)s)::double precision / 3600, reading_now.value
FROM tag JOIN reading_now USING (tag_id)
WHERE tag.unit_id = %(unit_id)s AND (tag.position_id IS NULL OR tag.position_id = %(position_id)s)
    AND reading_now.source_time >= %(started)s AND reading_now.source_time < %(ended)s AND reading_now.quality > 0
ORDER BY tag.name, reading_now.source_time;

-- insert: Write a reference down as a draft.
INSERT INTO reference (name, role, process_version_id, model, digest, software, known_at, curves)
VALUES (%(name)s, %(role)s, %(process_version_id)s, %(model)s, %(digest)s, %(software)s, %(known_at)s, %(curves)s)
RETURNING reference_id;

-- insert_batch: Name a batch a reference was learned from.
INSERT INTO reference_batch (reference_id, batch_id, input_digest)
VALUES (%(reference_id)s, %(batch_id)s, %(input_digest)s);

-- state: The state of a reference, with what it would replace.
SELECT name, role, process_version_id, state, encode(digest, 'hex') FROM reference
WHERE reference_id = %(reference_id)s FOR UPDATE;

-- retire: Retire the reference in use of the same role and process version.
UPDATE reference SET state = 'retired'
WHERE process_version_id = %(process_version_id)s AND role = %(role)s AND state = 'in_use';

-- set_state: Move a reference on in its life.
UPDATE reference SET state = %(state)s WHERE reference_id = %(reference_id)s;
