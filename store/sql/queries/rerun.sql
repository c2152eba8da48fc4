-- corrections: The corrections in a stretch of the intake.
SELECT intake.ordinal, correction.correction_id
FROM intake JOIN correction ON correction.chain_id = intake.chain_id AND correction.block_seq = intake.seq
WHERE intake.ordinal > %(after)s AND intake.ordinal <= %(until)s
ORDER BY intake.ordinal;

-- interval_at: When and whose a unit procedure was, by the events and corrections up to an ordinal of the intake.
SELECT unit_procedure.unit_id, unit_procedure.position_id, batch.batch_id, batch.name, batch.process_version_id,
    lower(coalesce(corrected.new_during, told.new_during)),
    CASE WHEN truly.is_known THEN truly.ended ELSE coalesce(event_end.source_time, upper(told.new_during)) END,
    truly.is_known IS TRUE
FROM unit_procedure
CROSS JOIN LATERAL (
    SELECT new_during, new_batch_id FROM interval_revision
    WHERE interval_revision.unit_procedure_id = unit_procedure.unit_procedure_id
    ORDER BY interval_revision_id LIMIT 1
) AS told
LEFT JOIN LATERAL (
    SELECT interval_revision.new_during, interval_revision.new_batch_id
    FROM interval_revision JOIN correction USING (correction_id)
    JOIN intake ON intake.chain_id = correction.chain_id AND intake.seq = correction.block_seq
    WHERE interval_revision.unit_procedure_id = unit_procedure.unit_procedure_id AND intake.ordinal <= %(ordinal)s
    ORDER BY interval_revision_id DESC LIMIT 1
) AS corrected ON true
LEFT JOIN LATERAL (
    SELECT true AS is_known, upper(interval_revision.new_during) AS ended
    FROM interval_revision JOIN correction USING (correction_id)
    JOIN intake ON intake.chain_id = correction.chain_id AND intake.seq = correction.block_seq
    WHERE interval_revision.unit_procedure_id = unit_procedure.unit_procedure_id AND intake.ordinal <= %(ordinal)s
        AND upper(interval_revision.new_during) IS DISTINCT FROM upper(interval_revision.old_during)
    ORDER BY interval_revision_id DESC LIMIT 1
) AS truly ON true
LEFT JOIN LATERAL (
    SELECT event.source_time
    FROM event JOIN intake ON intake.chain_id = event.chain_id AND intake.seq = event.block_seq
    WHERE intake.ordinal <= %(ordinal)s
        AND (event.ended_unit_procedure_id = unit_procedure.unit_procedure_id
            OR event.unit_procedure_id = unit_procedure.unit_procedure_id
                AND event.kind IN ('unit_procedure_ended', 'batch_ended', 'batch_terminated'))
    ORDER BY intake.ordinal, event.event_id LIMIT 1
) AS event_end ON true
JOIN batch ON batch.batch_id = coalesce(corrected.new_batch_id, told.new_batch_id)
WHERE unit_procedure.unit_procedure_id = %(unit_procedure_id)s;

-- phases_at: Phases of a unit procedure whose start was corrected by an ordinal: name, start as told, start in truth.
SELECT phase.name, lower(told.new_during), lower(corrected.new_during)
FROM phase
CROSS JOIN LATERAL (
    SELECT new_during FROM interval_revision
    WHERE interval_revision.phase_id = phase.phase_id ORDER BY interval_revision_id LIMIT 1
) AS told
CROSS JOIN LATERAL (
    SELECT interval_revision.new_during
    FROM interval_revision JOIN correction USING (correction_id)
    JOIN intake ON intake.chain_id = correction.chain_id AND intake.seq = correction.block_seq
    WHERE interval_revision.phase_id = phase.phase_id AND intake.ordinal <= %(ordinal)s
    ORDER BY interval_revision_id DESC LIMIT 1
) AS corrected
WHERE phase.unit_procedure_id = %(unit_procedure_id)s AND lower(told.new_during) <> lower(corrected.new_during)
ORDER BY phase.phase_id;

-- revised_at: What holds of revised readings since a time, by the corrections up to an ordinal of the intake.
SELECT DISTINCT ON (reading_revision.tag_id, reading_revision.source_time) reading_revision.tag_id,
    reading_revision.source_time, reading_revision.value, reading_revision.quality
FROM reading_revision JOIN correction USING (correction_id)
JOIN intake ON intake.chain_id = correction.chain_id AND intake.seq = correction.block_seq
WHERE reading_revision.tag_id = ANY(%(tag_ids)b::integer[]) AND reading_revision.source_time >= %(started)s
    AND intake.ordinal <= %(ordinal)s
ORDER BY reading_revision.tag_id, reading_revision.source_time, reading_revision.sequence DESC;

-- by_readings: The newest runs whose tags a correction of readings is about, with the first and last of them.
SELECT monitor.monitor_id, monitor.unit_procedure_id, min(revised.first_time), max(revised.last_time)
FROM (
    SELECT tag_id, min(source_time) AS first_time, max(source_time) AS last_time FROM reading_revision
    WHERE correction_id = %(correction_id)s GROUP BY tag_id
) AS revised
JOIN tag USING (tag_id)
JOIN unit_procedure ON unit_procedure.unit_id = tag.unit_id
    AND (tag.position_id IS NULL OR tag.position_id = unit_procedure.position_id)
JOIN monitor ON monitor.unit_procedure_id = unit_procedure.unit_procedure_id AND monitor.until_ordinal IS NULL
GROUP BY monitor.monitor_id, monitor.unit_procedure_id
ORDER BY monitor.monitor_id;

-- by_intervals: The newest runs of the unit procedures that a correction of intervals is about.
SELECT DISTINCT monitor.monitor_id
FROM interval_revision
LEFT JOIN phase USING (phase_id)
JOIN monitor ON monitor.unit_procedure_id = coalesce(interval_revision.unit_procedure_id, phase.unit_procedure_id)
    AND monitor.until_ordinal IS NULL
WHERE interval_revision.correction_id = %(correction_id)s
ORDER BY monitor.monitor_id;

-- of_procedure: The newest run of a unit procedure.
SELECT monitor_id FROM monitor WHERE unit_procedure_id = %(unit_procedure_id)s AND until_ordinal IS NULL;

-- run: A run of a monitor with all it is pinned to.
SELECT monitor.monitor_id, monitor.unit_procedure_id, monitor.run, monitor.batch_id, batch.name, unit_procedure.unit_id,
    monitor.configuration, monitor.software, monitor.started_ordinal, monitor.position, monitor.corrected_ordinal,
    monitor.reference_new_id, monitor.reference_old_id, new.model, old.model, new.digest, old.digest
FROM monitor
JOIN batch USING (batch_id)
JOIN unit_procedure USING (unit_procedure_id)
LEFT JOIN reference AS new ON new.reference_id = monitor.reference_new_id
LEFT JOIN reference AS old ON old.reference_id = monitor.reference_old_id
WHERE monitor.monitor_id = %(monitor_id)s;

-- ended_runs: The newest runs of units that have come to their end after a time, with their tags.
SELECT monitor.monitor_id,
    ARRAY(SELECT (tag ->> 'tag_id')::integer FROM jsonb_array_elements(monitor.configuration -> 'tags') AS tag),
    lower(unit_procedure.during), upper(unit_procedure.during)
FROM monitor JOIN unit_procedure USING (unit_procedure_id)
WHERE unit_procedure.unit_id = ANY(%(unit_ids)s::integer[]) AND monitor.closed AND monitor.until_ordinal IS NULL
    AND monitor.failure IS NULL AND upper(unit_procedure.during) > %(first)s;

-- note_late: Readings came for a run that had come to its end.
UPDATE monitor SET late_ordinal = %(ordinal)s WHERE monitor_id = %(monitor_id)s;

-- late_run: A run to which readings came after its end, locked, once everything up to them is derived.
SELECT monitor_id FROM monitor
WHERE late_ordinal <= %(reach)s AND until_ordinal IS NULL AND failure IS NULL
ORDER BY monitor_id LIMIT 1 FOR UPDATE SKIP LOCKED;

-- end_run: A run goes no further than what begins the next one.
UPDATE monitor SET until_ordinal = %(ordinal)s, closed = closed OR position >= %(ordinal)s
WHERE monitor_id = %(monitor_id)s;

-- insert_run: Watch a unit procedure anew, with what was corrected, by this version of the software; a revision does so beside the run that watches.
INSERT INTO monitor (batch_id, unit_procedure_id, run, corrected_ordinal, until_ordinal, beside, reference_new_id,
    reference_old_id, software, configuration, started_ordinal, position, state, cause, late_until)
VALUES (%(batch_id)s, %(unit_procedure_id)s, %(run)s, %(corrected_ordinal)s,
    CASE WHEN %(beside)s THEN %(corrected_ordinal)s::bigint END, %(beside)s, %(reference_new_id)s,
    %(reference_old_id)s, %(software)s, %(configuration)s, %(ordinal)s, %(position)s, %(state)s, %(cause)s,
    %(late_until)s);

-- newest_run: The highest number of a run of a unit procedure, revisions included.
SELECT max(run) FROM monitor WHERE unit_procedure_id = %(unit_procedure_id)s;

-- revisions: Of the revisions of the run that watches now: whether one goes on, how many failed, and at which unit time the last of these is pinned.
SELECT coalesce(bool_or(NOT revision.closed), false), count(revision.failure),
    max(revision.late_until) FILTER (WHERE revision.failure IS NOT NULL)
FROM monitor AS watching
LEFT JOIN monitor AS revision ON revision.unit_procedure_id = watching.unit_procedure_id AND revision.run > watching.run
WHERE watching.unit_procedure_id = %(unit_procedure_id)s AND watching.until_ordinal IS NULL;

-- give_up: A run that watches anew judges everything a revision would: what catches up beside it goes no further.
UPDATE monitor SET closed = true WHERE unit_procedure_id = %(unit_procedure_id)s AND beside AND NOT closed;

-- watching_at: The run that watches a unit procedure, locked, where it has come exactly so far; none while corrections are followed, which end runs too.
SELECT monitor.monitor_id FROM monitor CROSS JOIN consumer
WHERE monitor.unit_procedure_id = %(unit_procedure_id)s AND monitor.until_ordinal IS NULL
    AND monitor.position = %(position)s AND consumer.name = 'batches'
FOR UPDATE OF monitor SKIP LOCKED FOR SHARE OF consumer SKIP LOCKED;

-- take_over: A revision that has caught up is the run that watches.
UPDATE monitor SET beside = false, until_ordinal = NULL, watches_since = clock_timestamp()
WHERE monitor_id = %(monitor_id)s;

-- revised_buckets: The buckets of the overview that hold readings revised in a stretch of the intake.
SELECT DISTINCT reading_revision.tag_id, date_bin(%(width)s::interval, reading_revision.source_time, 'epoch') AS bucket
FROM intake
JOIN correction ON correction.chain_id = intake.chain_id AND correction.block_seq = intake.seq
JOIN reading_revision USING (correction_id)
WHERE intake.ordinal > %(after)s AND intake.ordinal <= %(until)s
ORDER BY reading_revision.tag_id, bucket;

-- revise_latest: The newest value of a tag as it holds, where it was revised in a stretch of the intake.
UPDATE tag_latest SET value = reading_now.value, quality = reading_now.quality
FROM intake
JOIN correction ON correction.chain_id = intake.chain_id AND correction.block_seq = intake.seq
JOIN reading_revision USING (correction_id)
JOIN reading_now ON reading_now.tag_id = reading_revision.tag_id
    AND reading_now.source_time = reading_revision.source_time
WHERE intake.ordinal > %(after)s AND intake.ordinal <= %(until)s
    AND tag_latest.tag_id = reading_revision.tag_id AND tag_latest.source_time = reading_revision.source_time;

-- same_as: The first run's alert of a unit procedure that was raised just like this one.
SELECT coalesce(alert.same_as, alert.alert_id)
FROM alert JOIN monitor USING (monitor_id)
WHERE monitor.unit_procedure_id = %(unit_procedure_id)s AND monitor.run < %(run)s AND NOT monitor.beside
    AND alert.batch_id = %(batch_id)s AND alert.kind = %(kind)s AND alert.detector = %(detector)s
    AND alert.tags = %(tags)s::text[] AND alert.raised_time = %(raised_time)s AND alert.onset_time = %(onset_time)s
    AND float8send(alert.score) = float8send(%(score)s::double precision)
    AND float8send(alert.limit_value) = float8send(%(limit_value)s::double precision)
    AND alert.sentence = %(sentence)s AND alert.reference_digest IS NOT DISTINCT FROM %(reference_digest)s
ORDER BY monitor.run DESC, alert.alert_id
LIMIT 1;

-- inputs: References that learned from batches which a correction is about.
SELECT DISTINCT reference_batch.reference_id, reference_batch.batch_id, batch.name, reference_batch.unit_procedure_id
FROM reference_batch JOIN batch USING (batch_id)
WHERE reference_batch.batch_id IN (
    SELECT unnest(ARRAY[old_batch_id, new_batch_id]) FROM interval_revision WHERE correction_id = %(correction_id)s
    UNION ALL
    SELECT unit_procedure.batch_id
    FROM interval_revision JOIN phase USING (phase_id)
    JOIN unit_procedure ON unit_procedure.unit_procedure_id = phase.unit_procedure_id
    WHERE interval_revision.correction_id = %(correction_id)s
    UNION ALL
    SELECT unit_procedure.batch_id
    FROM (
        SELECT tag_id, min(source_time) AS first_time, max(source_time) AS last_time FROM reading_revision
        WHERE correction_id = %(correction_id)s GROUP BY tag_id
    ) AS revised
    JOIN tag USING (tag_id)
    JOIN unit_procedure ON unit_procedure.unit_id = tag.unit_id
        AND (tag.position_id IS NULL OR tag.position_id = unit_procedure.position_id)
        AND unit_procedure.during && tstzrange(revised.first_time, revised.last_time, '[]')
)
ORDER BY reference_batch.batch_id, reference_batch.reference_id;

-- insert_input: What the input of a reference is after a correction.
INSERT INTO reference_input (reference_id, batch_id, correction_id, input_digest)
VALUES (%(reference_id)s, %(batch_id)s, %(correction_id)s, %(input_digest)s)
ON CONFLICT DO NOTHING;
