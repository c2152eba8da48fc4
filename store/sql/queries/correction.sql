-- lock_tag: One correction of a tag's readings at a time, until its transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('readings of tag:' || %(tag_id)s::text, 0));

-- tag: A tag with the names that lead to it and what it can physically measure.
SELECT unit.name, position.name, tag_now.name, coalesce(tag_now.physical_low, '-infinity'),
    coalesce(tag_now.physical_high, 'infinity')
FROM tag_now JOIN unit USING (unit_id) LEFT JOIN position ON position.position_id = tag_now.position_id
WHERE tag_now.tag_id = %(tag_id)s;

-- selection: How many readings of a tag lie between two times, and the newest correction of any of them.
SELECT count(*), coalesce(max((
    SELECT max(correction_id) FROM reading_revision
    WHERE reading_revision.tag_id = reading.tag_id AND reading_revision.source_time = reading.source_time
)), 0)
FROM reading WHERE tag_id = %(tag_id)s AND source_time >= %(since)s AND source_time < %(until)s;

-- insert: Write down what somebody put right.
INSERT INTO correction (kind, sentence, actor, reason, known_at, chain_id, block_seq)
VALUES (%(kind)s, %(sentence)s, %(actor)s, %(reason)s, %(known_at)s, %(chain_id)s, %(block_seq)s)
RETURNING correction_id;

-- revise: What holds of the readings between two times from now on; those of which it holds already are left alone.
INSERT INTO reading_revision (tag_id, source_time, sequence, kind, value, quality, correction_id, known_at)
SELECT tag_id, source_time, version + 1, %(kind)s,
    CASE %(kind)s
        WHEN 'corrected' THEN
            coalesce(%(value)s::double precision, value * %(multiply)s::double precision + %(add)s::double precision)
        WHEN 'reinstated' THEN original_value
        ELSE value
    END,
    CASE %(kind)s WHEN 'corrected' THEN %(quality)s WHEN 'reinstated' THEN original_quality ELSE 0 END,
    %(correction_id)s, %(known_at)s
FROM reading_now
WHERE tag_id = %(tag_id)s AND source_time >= %(since)s AND source_time < %(until)s
    AND CASE %(kind)s
        WHEN 'invalidated' THEN revised IS DISTINCT FROM 'invalidated'
        WHEN 'reinstated' THEN coalesce(revised, 'reinstated') <> 'reinstated'
        ELSE true
    END;

-- beyond: How many values of a correction the tag cannot physically have, and one of them.
SELECT count(*), min(value) FROM reading_revision
WHERE correction_id = %(correction_id)s AND kind = 'corrected' AND NOT value BETWEEN %(low)s AND %(high)s;

-- conflict: Two values of one tag and instant, with what holds of it now and the newest of its conflicts.
SELECT reading_conflict.tag_id, reading_conflict.source_time, reading_conflict.value, reading_conflict.quality,
    reading_now.original_value, reading_now.original_quality, reading_now.version,
    (SELECT max(reading_conflict_id) FROM reading_conflict AS any_of_it
        WHERE any_of_it.tag_id = reading_conflict.tag_id AND any_of_it.source_time = reading_conflict.source_time),
    (SELECT settled FROM reading_conflict_now
        WHERE reading_conflict_now.reading_conflict_id = reading_conflict.reading_conflict_id)
FROM reading_conflict
JOIN reading_now ON reading_now.tag_id = reading_conflict.tag_id
    AND reading_now.source_time = reading_conflict.source_time
WHERE reading_conflict.reading_conflict_id = %(conflict_id)s;

-- settle: Which of two values holds.
INSERT INTO reading_revision (tag_id, source_time, sequence, kind, value, quality, settled_through, correction_id,
    known_at)
VALUES (%(tag_id)s, %(source_time)s, %(sequence)s, 'settled', %(value)s, %(quality)s, %(settled_through)s,
    %(correction_id)s, %(known_at)s);

-- lock_unit_procedures: Unit procedures as they stand, locked until the transaction ends.
SELECT unit_procedure.unit_procedure_id, unit_procedure.batch_id, batch.name, unit.name, position.name,
    unit_procedure.position_id, lower(unit_procedure.during), upper(unit_procedure.during),
    unit_procedure.end_inferred, unit.commissioned,
    (SELECT count(*) FROM interval_revision
        WHERE interval_revision.unit_procedure_id = unit_procedure.unit_procedure_id)
FROM unit_procedure JOIN batch USING (batch_id) JOIN unit USING (unit_id)
JOIN position ON position.position_id = unit_procedure.position_id
WHERE unit_procedure.unit_procedure_id = ANY(%(unit_procedure_ids)s)
    OR unit_procedure.unit_procedure_id IN (
        SELECT phase.unit_procedure_id FROM phase WHERE phase_id = ANY(%(phase_ids)s)
    )
ORDER BY unit_procedure.unit_procedure_id
FOR UPDATE OF unit_procedure;

-- lock_phases: The phases of unit procedures as they stand, locked until the transaction ends.
SELECT phase_id, unit_procedure_id, name, lower(during), upper(during),
    (SELECT count(*) FROM interval_revision WHERE interval_revision.phase_id = phase.phase_id)
FROM phase WHERE unit_procedure_id = ANY(%(unit_procedure_ids)s)
ORDER BY phase_id
FOR UPDATE OF phase;

-- batch: A batch by name.
SELECT batch_id, status FROM batch WHERE name = %(name)s;

-- say_who: The intervals that change from here on in this transaction change by this correction.
SELECT set_config('batchwitness.correction', %(correction_id)s::text, true);

-- say_no_more: What changes from here on is no correction.
SELECT set_config('batchwitness.correction', '', true);

-- wait_to_judge: Neighbours may overlap until all changes of a correction are made.
SET CONSTRAINTS unit_procedure_apart, phase_apart DEFERRED;

-- judge: From here on nothing may overlap.
SET CONSTRAINTS unit_procedure_apart, phase_apart IMMEDIATE;

-- set_unit_procedure: Where and whose a unit procedure is.
UPDATE unit_procedure SET during = tstzrange(%(started)s, %(ended)s), batch_id = %(batch_id)s,
    end_inferred = %(end_inferred)s
WHERE unit_procedure_id = %(unit_procedure_id)s;

-- set_phase: When a phase was.
UPDATE phase SET during = tstzrange(%(started)s, %(ended)s) WHERE phase_id = %(phase_id)s;

-- overlapping: Which unit procedures at one position overlap one of these.
SELECT batch.name, lower(mine.during), upper(mine.during), other_batch.name, lower(other.during), upper(other.during),
    unit.name, position.name
FROM unit_procedure AS mine
JOIN unit_procedure AS other ON other.position_id = mine.position_id AND other.during && mine.during
    AND other.unit_procedure_id <> mine.unit_procedure_id
JOIN batch ON batch.batch_id = mine.batch_id
JOIN batch AS other_batch ON other_batch.batch_id = other.batch_id
JOIN unit ON unit.unit_id = mine.unit_id
JOIN position ON position.position_id = mine.position_id
WHERE mine.unit_procedure_id = ANY(%(unit_procedure_ids)s)
ORDER BY mine.unit_procedure_id, other.unit_procedure_id
LIMIT 5;

-- phases_amiss: Phases of these unit procedures that reach beyond their unit procedure or overlap each other.
SELECT phase.name, lower(phase.during), upper(phase.during), other.name, batch.name
FROM phase
JOIN unit_procedure USING (unit_procedure_id)
JOIN batch USING (batch_id)
LEFT JOIN phase AS other ON other.unit_procedure_id = phase.unit_procedure_id AND other.during && phase.during
    AND other.phase_id < phase.phase_id
WHERE unit_procedure.unit_procedure_id = ANY(%(unit_procedure_ids)s)
    AND (other.phase_id IS NOT NULL OR NOT phase.during <@ unit_procedure.during)
ORDER BY lower(phase.during)
LIMIT 5;

-- running_twice: Batches that are in several places at once after a change, or are over and still somewhere.
SELECT batch.name, batch.status, count(*)
FROM unit_procedure JOIN batch USING (batch_id)
WHERE upper_inf(unit_procedure.during)
    AND batch.batch_id IN (
        SELECT changed.batch_id FROM unit_procedure AS changed
        WHERE changed.unit_procedure_id = ANY(%(unit_procedure_ids)s)
    )
GROUP BY batch.batch_id
HAVING batch.status <> 'running' OR count(*) > 1
ORDER BY batch.name;

-- lock_material: What a batch starts from, locked until the transaction ends.
SELECT batch_id, starting_material FROM batch WHERE name = %(batch)s FOR UPDATE;

-- set_material: What a batch starts from.
UPDATE batch SET starting_material = %(new)s WHERE batch_id = %(batch_id)s;

-- insert_material: What somebody said of it, and what was stated before.
INSERT INTO starting_material_revision (correction_id, batch_id, old_material, new_material)
VALUES (%(correction_id)s, %(batch_id)s, %(old)s, %(new)s);
