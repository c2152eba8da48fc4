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

-- started: Every batch of a process version that ever started, by name, with what became of it.
SELECT batch.name, batch.status FROM batch JOIN process_version USING (process_version_id)
WHERE process_version.name = %(process)s ORDER BY batch.name;

-- tags_of_process: The mapped tags that a process version's batches have readings of.
SELECT DISTINCT tag_now.name
FROM batch JOIN process_version USING (process_version_id) JOIN unit_procedure USING (batch_id)
JOIN tag_now ON tag_now.unit_id = unit_procedure.unit_id
    AND (tag_now.position_id IS NULL OR tag_now.position_id = unit_procedure.position_id)
WHERE process_version.name = %(process)s AND tag_now.mapped
ORDER BY tag_now.name;

-- corresponding_tags: The old tags that stand for a new one somewhere.
SELECT DISTINCT tag_old
FROM tag_correspondence JOIN manufacturing_change USING (manufacturing_change_id)
JOIN process_version ON process_version.process_version_id = manufacturing_change.from_process_version_id
WHERE process_version.name = %(process)s
ORDER BY tag_old;

-- insert: Write a reference down as a draft.
INSERT INTO reference (
    name, role, process_version_id, model, digest, software, drafted_by, review, known_at, curves
)
VALUES (
    %(name)s, %(role)s, %(process_version_id)s, %(model)s, %(digest)s, %(software)s, %(drafted_by)s, %(review)s,
    %(known_at)s, %(curves)s
)
RETURNING reference_id;

-- insert_batch: Name a batch a reference was learned from.
INSERT INTO reference_batch (reference_id, batch_id, input_digest)
VALUES (%(reference_id)s, %(batch_id)s, %(input_digest)s);

-- state: A reference as somebody decides about it.
SELECT reference_id, name, role, process_version_id, state, encode(digest, 'hex') AS digest, drafted_by, review, model
FROM reference
WHERE reference_id = %(reference_id)s FOR UPDATE;

-- in_use: The reference of the same role and process version that is in use.
SELECT reference_id FROM reference
WHERE process_version_id = %(process_version_id)s AND role = %(role)s AND state = 'in_use'
    AND reference_id <> %(reference_id)s;

-- set_state: Move a reference on in its life.
UPDATE reference SET state = %(state)s WHERE reference_id = %(reference_id)s;

-- insert_decision: Who moved a reference on, why, and which bytes they decided about.
INSERT INTO reference_decision (reference_id, state, actor, reason, known_at, digest, model_sha256)
VALUES (%(reference_id)s, %(state)s, %(actor)s, %(reason)s, %(known_at)s, decode(%(digest)s, 'hex'), %(model_sha256)s);

-- approved_as: What a reference was when it was approved.
SELECT encode(digest, 'hex'), model_sha256 FROM reference_decision
WHERE reference_id = %(reference_id)s AND state = 'approved';
