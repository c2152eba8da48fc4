-- of_batch: What people put right in a batch, newest first.
SELECT correction.correction_id AS correction, correction.kind, correction.sentence, correction.actor,
    actor.printed_name, correction.reason, correction.known_at,
    (SELECT count(*) FROM reading_revision WHERE reading_revision.correction_id = correction.correction_id) AS readings
FROM correction LEFT JOIN actor ON actor.name = correction.actor
WHERE correction.correction_id < %(below)s AND correction.correction_id IN (
    SELECT revised.correction_id
    FROM unit_procedure
    JOIN tag ON tag.unit_id = unit_procedure.unit_id
        AND (tag.position_id IS NULL OR tag.position_id = unit_procedure.position_id)
    JOIN reading_revision AS revised ON revised.tag_id = tag.tag_id
        AND revised.source_time >= lower(unit_procedure.during)
        AND revised.source_time < coalesce(upper(unit_procedure.during), 'infinity')
    WHERE unit_procedure.batch_id = %(batch_id)s
    UNION
    SELECT interval_revision.correction_id
    FROM interval_revision LEFT JOIN phase USING (phase_id)
    JOIN unit_procedure ON unit_procedure.unit_procedure_id
        = coalesce(interval_revision.unit_procedure_id, phase.unit_procedure_id)
    WHERE %(batch_id)s IN (unit_procedure.batch_id, interval_revision.old_batch_id, interval_revision.new_batch_id)
    UNION
    SELECT correction_id FROM starting_material_revision WHERE batch_id = %(batch_id)s
)
ORDER BY correction.correction_id DESC LIMIT %(limit)s;

-- revised: Which readings of a tag between two times hold by the word of a person, act by act.
SELECT correction.correction_id AS correction, newest.kind, min(newest.source_time) AS first_time,
    max(newest.source_time) AS last_time, count(*) AS readings, correction.actor, correction.reason, correction.known_at
FROM reading_revision AS newest JOIN correction USING (correction_id)
WHERE newest.tag_id = %(tag_id)s AND newest.source_time >= %(started)s AND newest.source_time < %(ended)s
    AND newest.kind <> 'reinstated'
    AND NOT EXISTS (
        SELECT FROM reading_revision AS later
        WHERE later.tag_id = newest.tag_id AND later.source_time = newest.source_time
            AND later.sequence > newest.sequence
    )
GROUP BY correction.correction_id, newest.kind
ORDER BY first_time, correction.correction_id
LIMIT 200;

-- selected: Readings of a tag between two times as they hold and as they arrived, in order of time.
SELECT source_time AS time, value, quality, original_value, original_quality, revised, version
FROM reading_now
WHERE tag_id = %(tag_id)s AND source_time >= %(since)s AND source_time < %(until)s
ORDER BY source_time LIMIT %(limit)s;

-- intervals: The unit procedures of a batch, and those it was moved away from, as known at an instant.
SELECT unit_procedure.unit_procedure_id AS unit_procedure, unit.name AS unit, position.name AS position,
    batch.name AS batch, lower(known.new_during) AS started, upper(known.new_during) AS ended,
    unit_procedure.end_inferred, known.revisions AS version
FROM unit_procedure
JOIN unit USING (unit_id)
JOIN position ON position.position_id = unit_procedure.position_id
CROSS JOIN LATERAL (
    SELECT new_during, new_batch_id, count(*) OVER () AS revisions FROM interval_revision
    WHERE interval_revision.unit_procedure_id = unit_procedure.unit_procedure_id AND known_at <= %(known_at)s
    ORDER BY interval_revision_id DESC LIMIT 1
) AS known
JOIN batch ON batch.batch_id = known.new_batch_id
WHERE known.new_batch_id = %(batch_id)s OR EXISTS (
    SELECT FROM interval_revision
    WHERE interval_revision.unit_procedure_id = unit_procedure.unit_procedure_id
        AND interval_revision.new_batch_id = %(batch_id)s AND interval_revision.known_at <= %(known_at)s
)
ORDER BY started, unit_procedure.unit_procedure_id;

-- interval_phases: The phases of unit procedures as known at an instant.
SELECT phase.unit_procedure_id AS unit_procedure, phase.phase_id, phase.name AS phase,
    lower(known.new_during) AS started, upper(known.new_during) AS ended, known.revisions AS version
FROM phase
CROSS JOIN LATERAL (
    SELECT new_during, count(*) OVER () AS revisions FROM interval_revision
    WHERE interval_revision.phase_id = phase.phase_id AND known_at <= %(known_at)s
    ORDER BY interval_revision_id DESC LIMIT 1
) AS known
WHERE phase.unit_procedure_id = ANY(%(unit_procedures)s::integer[])
ORDER BY started, phase.phase_id;

-- interval_revisions: Every value the intervals of unit procedures and their phases ever had, in order.
SELECT coalesce(interval_revision.unit_procedure_id, phase.unit_procedure_id) AS unit_procedure,
    interval_revision.phase_id, lower(interval_revision.new_during) AS started,
    upper(interval_revision.new_during) AS ended, batch.name AS batch, interval_revision.actor,
    interval_revision.reason, interval_revision.known_at, interval_revision.correction_id AS correction
FROM interval_revision
LEFT JOIN phase USING (phase_id)
LEFT JOIN batch ON batch.batch_id = interval_revision.new_batch_id
WHERE coalesce(interval_revision.unit_procedure_id, phase.unit_procedure_id) = ANY(%(unit_procedures)s::integer[])
    AND interval_revision.known_at <= %(known_at)s
ORDER BY interval_revision.interval_revision_id;

-- conflicts: Values that contradict a reading of a batch, the open ones first, with what holds now.
SELECT reading_conflict_now.reading_conflict_id AS conflict, tag.name AS tag, unit.name AS unit,
    reading_conflict_now.source_time AS time, reading_now.original_value AS stored_value,
    reading_now.original_quality AS stored_quality, reading_conflict_now.value AS other_value,
    reading_conflict_now.quality AS other_quality, reading_conflict_now.received_time, reading_conflict_now.settled,
    reading_now.value AS value_now, reading_now.version
FROM unit_procedure
JOIN unit USING (unit_id)
JOIN tag ON tag.unit_id = unit_procedure.unit_id
    AND (tag.position_id IS NULL OR tag.position_id = unit_procedure.position_id)
JOIN reading_conflict_now ON reading_conflict_now.tag_id = tag.tag_id
    AND reading_conflict_now.source_time >= lower(unit_procedure.during)
    AND reading_conflict_now.source_time < coalesce(upper(unit_procedure.during), 'infinity')
JOIN reading_now ON reading_now.tag_id = tag.tag_id AND reading_now.source_time = reading_conflict_now.source_time
WHERE unit_procedure.batch_id = %(batch_id)s
ORDER BY reading_conflict_now.settled, reading_conflict_now.source_time, reading_conflict_now.reading_conflict_id
LIMIT %(limit)s;
