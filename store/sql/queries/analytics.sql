-- lock_consumer: How far a consumer of the intake has come, locked; nothing when another process has it.
SELECT position FROM consumer WHERE name = %(name)s FOR UPDATE SKIP LOCKED;

-- position: How far a consumer of the intake has come.
SELECT position FROM consumer WHERE name = %(name)s;

-- set_consumer: Move a consumer on.
UPDATE consumer SET position = %(position)s WHERE name = %(name)s;

-- take_blocks: Record the order in which the next blocks of all chains are taken.
INSERT INTO intake (ordinal, chain_id, seq)
SELECT %(position)s + row_number() OVER (ORDER BY fresh.committed_time, fresh.chain_id, fresh.seq), fresh.chain_id,
    fresh.seq
FROM (
    -- A host's clock may step back; a chain is taken in its own order all the same.
    SELECT max(block.committed_time) OVER (PARTITION BY block.chain_id ORDER BY block.seq) AS committed_time,
        block.chain_id, block.seq
    FROM chain
    CROSS JOIN LATERAL (
        SELECT coalesce(max(intake.seq), 0) AS seq FROM intake WHERE intake.chain_id = chain.chain_id
    ) AS taken
    JOIN block ON block.chain_id = chain.chain_id AND block.seq > taken.seq AND block.seq <= taken.seq + %(most)s
) AS fresh
ORDER BY fresh.committed_time, fresh.chain_id, fresh.seq;

-- stretch_of_readings: How far a stretch may reach that holds about so many readings, and one block at least.
SELECT max(ordinal)
FROM (
    SELECT intake.ordinal,
        sum(block.readings) OVER (ORDER BY intake.ordinal) - block.readings AS before
    FROM intake JOIN block USING (chain_id, seq)
    WHERE intake.ordinal > %(after)s AND intake.ordinal <= %(until)s
) AS reached
WHERE before < %(most_readings)s;

-- head: The last ordinal of the intake.
SELECT coalesce(max(ordinal), 0) FROM intake;

-- batch_events: What happened to batches in a stretch of the intake, with the kind of chain it came over.
SELECT intake.ordinal, chain.kind, event.event_id, event.kind, event.source_time, event.batch_id, event.unit_id,
    event.unit_procedure_id, event.note
FROM intake
JOIN chain USING (chain_id)
JOIN event ON event.chain_id = intake.chain_id AND event.block_seq = intake.seq
WHERE intake.ordinal > %(after)s AND intake.ordinal <= %(until)s AND event.batch_id IS NOT NULL
ORDER BY intake.ordinal, event.entry, event.event_id;

-- started_procedure: Where an event started a unit procedure, with the batch that it named and its process.
SELECT unit_procedure.position_id, batch.name, batch.process_version_id
FROM unit_procedure CROSS JOIN batch
WHERE unit_procedure.unit_procedure_id = %(unit_procedure_id)s AND batch.batch_id = %(batch_id)s;

-- first_ordinal: The first block before a start that holds readings from after it, else the block of the start itself.
SELECT coalesce(min(intake.ordinal), %(ordinal)s)
FROM reading JOIN tag USING (tag_id)
JOIN intake ON intake.chain_id = reading.chain_id AND intake.seq = reading.block_seq
WHERE tag.unit_id = %(unit_id)s AND (tag.position_id IS NULL OR tag.position_id = %(position_id)s)
    AND reading.source_time >= %(started)s AND intake.ordinal < %(ordinal)s;

-- tick_before: The last time that was told before a block.
SELECT block_tick.plant_time, block_tick.rate
FROM intake JOIN block_tick USING (chain_id, seq)
WHERE intake.ordinal < %(ordinal)s ORDER BY intake.ordinal DESC LIMIT 1;

-- references_in_use: The references that judge a process version in a unit now; one of its kind of unit comes before one of all.
SELECT DISTINCT ON (role) role, reference_id, model, digest FROM reference
WHERE process_version_id = %(process_version_id)s AND state = 'in_use'
    AND (unit_kind IS NULL OR unit_kind = (SELECT kind FROM unit WHERE unit_id = %(unit_id)s))
ORDER BY role, unit_kind NULLS LAST;

-- monitored_tags: The mapped tags of a unit that speak for a position.
SELECT tag_id, unit_id, position_id, name, measurand, unit_of_measure, physical_low, physical_high, reporting_mode,
    interval_s
FROM tag_now
WHERE unit_id = %(unit_id)s AND (position_id IS NULL OR position_id = %(position_id)s) AND mapped
ORDER BY name;

-- approved_ranges: The approved ranges of a process version's tags, the newest version of each.
SELECT DISTINCT ON (tag, kind) tag, low, high, kind, limit_version_id
FROM limit_version
WHERE process_version_id = %(process_version_id)s AND tag IS NOT NULL AND kind = 'proven_acceptable_range'
    AND effective_from <= now()
ORDER BY tag, kind, effective_from DESC, known_at DESC;

-- correspondences: Which old tag stands for which new one, for the change that led to a process version.
SELECT tag_new, tag_old, phase
FROM tag_correspondence JOIN manufacturing_change USING (manufacturing_change_id)
WHERE manufacturing_change.to_process_version_id = %(process_version_id)s
ORDER BY tag_new, phase;

-- insert_monitor: Begin to watch a batch.
INSERT INTO monitor (batch_id, unit_procedure_id, reference_new_id, reference_old_id, software, configuration,
    started_ordinal, position, state)
VALUES (%(batch_id)s, %(unit_procedure_id)s, %(reference_new_id)s, %(reference_old_id)s, %(software)s,
    %(configuration)s, %(ordinal)s, %(position)s, %(state)s)
ON CONFLICT (unit_procedure_id, run) DO NOTHING;

-- claim_monitor: The open run that is farthest behind, locked; those that catch up after a correction come late, revisions last.
SELECT monitor.monitor_id, monitor.unit_procedure_id, monitor.run, monitor.batch_id, batch.name,
    unit_procedure.unit_id, monitor.position, monitor.until_ordinal, monitor.beside, monitor.late_until,
    least(%(head)s, CASE WHEN monitor.beside THEN watching.position ELSE monitor.until_ordinal END)
FROM monitor
JOIN batch USING (batch_id)
JOIN unit_procedure USING (unit_procedure_id)
LEFT JOIN monitor AS watching ON monitor.beside AND watching.unit_procedure_id = monitor.unit_procedure_id
    AND watching.until_ordinal IS NULL
WHERE NOT monitor.closed AND monitor.failure IS NULL
    AND monitor.position < least(%(head)s, CASE WHEN monitor.beside THEN watching.position ELSE monitor.until_ordinal END)
    AND (monitor.beside OR NOT EXISTS (  -- any other run begins when the one before it has come to its end
        SELECT FROM monitor AS earlier
        WHERE earlier.unit_procedure_id = monitor.unit_procedure_id AND earlier.run < monitor.run
            AND NOT earlier.closed AND earlier.failure IS NULL
    ))
ORDER BY monitor.beside, monitor.position < coalesce(monitor.corrected_ordinal, 0), monitor.position, monitor.monitor_id
LIMIT 1
FOR UPDATE OF monitor SKIP LOCKED;

-- monitor_state: What a monitor knew when its position was saved.
SELECT state FROM monitor WHERE monitor_id = %(monitor_id)s;

-- unit_blocks: What a stretch of the intake holds of one unit, and the ticks in it.
SELECT intake.ordinal, block_unit.rows, block_tick.plant_time, block_tick.rate
FROM intake
LEFT JOIN block_unit ON block_unit.chain_id = intake.chain_id AND block_unit.seq = intake.seq
    AND block_unit.unit_id = %(unit_id)s
LEFT JOIN block_tick ON block_tick.chain_id = intake.chain_id AND block_tick.seq = intake.seq
WHERE intake.ordinal > %(after)s AND intake.ordinal <= %(until)s
    AND (block_unit.rows IS NOT NULL OR block_tick.plant_time IS NOT NULL)
ORDER BY intake.ordinal;

-- procedure_events: What events did to one unit procedure in a stretch of the intake, and whether by the way.
SELECT intake.ordinal, event.entry, event.kind, event.source_time, event.body ->> 'phase',
    event.ended_unit_procedure_id IS NOT DISTINCT FROM %(unit_procedure_id)s
FROM intake
JOIN event ON event.chain_id = intake.chain_id AND event.block_seq = intake.seq
WHERE intake.ordinal > %(after)s AND intake.ordinal <= %(until)s
    AND %(unit_procedure_id)s IN (event.unit_procedure_id, event.ended_unit_procedure_id)
ORDER BY intake.ordinal, event.entry, event.event_id;

-- save_monitor: What a monitor knows after a stretch of the intake.
UPDATE monitor SET position = %(position)s, closed = %(closed)s, state = %(state)s, snapshot = %(snapshot)s
WHERE monitor_id = %(monitor_id)s;

-- fail_monitor: This monitor cannot go on; the others can. A revision makes room for the next one.
UPDATE monitor SET failure = %(failure)s, closed = closed OR beside WHERE monitor_id = %(monitor_id)s;

-- alert_of_monitor: The alert a monitor raised under an ordinal, and how often it was updated.
SELECT alert.alert_id, (SELECT count(*) FROM alert_update WHERE alert_update.alert_id = alert.alert_id)
FROM alert WHERE monitor_id = %(monitor_id)s AND ordinal = %(ordinal)s;

-- insert_alert: Raise an alert.
INSERT INTO alert (monitor_id, batch_id, unit_id, ordinal, kind, severity, detector, tags, raised_time, onset_time,
    phase_time_h, score, limit_value, sentence, contributions, cells, reference_digest, software, intake_ordinal, same_as)
VALUES (%(monitor_id)s, %(batch_id)s, %(unit_id)s, %(ordinal)s, %(kind)s, %(severity)s, %(detector)s, %(tags)s,
    %(raised_time)s, %(onset_time)s, %(phase_time_h)s, %(score)s, %(limit_value)s, %(sentence)s, %(contributions)s, %(cells)s,
    %(reference_digest)s, %(software)s, %(intake_ordinal)s, %(same_as)s)
RETURNING alert_id;

-- update_alert: What became of an alert's episode.
INSERT INTO alert_update (alert_id, version, ended_time, severity, detector, tags, score, limit_value, sentence,
    contributions, cells, intake_ordinal)
VALUES (%(alert_id)s, %(version)s, %(ended_time)s, %(severity)s, %(detector)s, %(tags)s, %(score)s, %(limit_value)s, %(sentence)s,
    %(contributions)s, %(cells)s, %(intake_ordinal)s);

-- missing_end: What is needed to raise that a unit procedure was ended by the next start.
SELECT batch.batch_id, batch.name, lower(unit_procedure.during), upper(unit_procedure.during)
FROM unit_procedure JOIN batch USING (batch_id)
WHERE unit_procedure.position_id = %(position_id)s AND upper(unit_procedure.during) = %(ended)s
    AND unit_procedure.end_inferred;

-- block_rows: The readings newly stored in a stretch of the intake, with the kind of chain and the time of their commit.
SELECT intake.chain_id, intake.seq, chain.kind, block.committed_time, block_unit.unit_id, block_unit.rows
FROM intake JOIN block_unit ON block_unit.chain_id = intake.chain_id AND block_unit.seq = intake.seq
JOIN block ON block.chain_id = intake.chain_id AND block.seq = intake.seq
JOIN chain ON chain.chain_id = intake.chain_id
WHERE intake.ordinal > %(after)s AND intake.ordinal <= %(until)s
ORDER BY intake.ordinal, block_unit.unit_id;

-- block_bodies: The entries of the blocks of a stretch that brought readings, as they came.
SELECT intake.chain_id, intake.seq, block_body.raw
FROM intake JOIN block USING (chain_id, seq) JOIN block_body USING (chain_id, seq)
WHERE intake.ordinal > %(after)s AND intake.ordinal <= %(until)s AND block.readings > 0;

-- committed_time: When a block of the intake was committed.
SELECT block.committed_time FROM intake JOIN block USING (chain_id, seq) WHERE intake.ordinal = %(until)s;

-- tick_until: The last time that was told up to a block.
SELECT block_tick.plant_time, block_tick.host_time, block_tick.rate
FROM intake JOIN block_tick USING (chain_id, seq)
WHERE intake.ordinal <= %(until)s ORDER BY intake.ordinal DESC LIMIT 1;

-- insert_overview: Summaries of buckets that were never seen before; says which those were.
INSERT INTO overview (tag_id, resolution_s, bucket, count, minimum, mean, maximum, last)
SELECT fresh.tag_id, %(resolution_s)s, fresh.bucket, fresh.count, fresh.minimum, fresh.mean, fresh.maximum, fresh.last
FROM unnest(%(tag_ids)b::integer[], %(buckets)b::timestamptz[], %(counts)b::integer[], %(minima)b::double precision[],
    %(means)b::double precision[], %(maxima)b::double precision[], %(lasts)b::double precision[])
    AS fresh (tag_id, bucket, count, minimum, mean, maximum, last)
ON CONFLICT DO NOTHING
RETURNING tag_id, bucket;

-- derive_overview: Derive touched buckets anew from what holds of the readings; an absurd value is cut before it enters the mean.
INSERT INTO overview (tag_id, resolution_s, bucket, count, minimum, mean, maximum, last)
SELECT touched.tag_id, %(resolution_s)s, touched.bucket, known.count, known.minimum, known.mean, known.maximum, newest.value
FROM unnest(%(tag_ids)b::integer[], %(buckets)b::timestamptz[]) AS touched (tag_id, bucket)
CROSS JOIN LATERAL (  -- as reading_now says; revisions are few, one look-up for each reading would cost eight times this
    SELECT count(*), min(value) AS minimum, max(value) AS maximum,
        avg(greatest(-%(absurd)s::double precision, least(%(absurd)s::double precision, value))) AS mean
    FROM (
        SELECT coalesce(revision.value, reading.value) AS value
        FROM reading
        LEFT JOIN (
            SELECT DISTINCT ON (source_time) source_time, value, quality FROM reading_revision
            WHERE reading_revision.tag_id = touched.tag_id AND source_time >= touched.bucket
                AND source_time < touched.bucket + %(width)s::interval
            ORDER BY source_time, sequence DESC
        ) AS revision USING (source_time)
        WHERE reading.tag_id = touched.tag_id AND reading.source_time >= touched.bucket
            AND reading.source_time < touched.bucket + %(width)s::interval
            AND coalesce(revision.quality, reading.quality) > 0
        ORDER BY reading.source_time  -- a mean of floating point depends on the order of its sum
    ) AS held
) AS known
LEFT JOIN LATERAL (
    SELECT coalesce(revision.value, reading.value) AS value
    FROM reading
    LEFT JOIN LATERAL (
        SELECT value, quality FROM reading_revision
        WHERE reading_revision.tag_id = reading.tag_id AND reading_revision.source_time = reading.source_time
        ORDER BY sequence DESC LIMIT 1
    ) AS revision ON true
    WHERE reading.tag_id = touched.tag_id AND reading.source_time >= touched.bucket
        AND reading.source_time < touched.bucket + %(width)s::interval
        AND coalesce(revision.quality, reading.quality) > 0
    ORDER BY reading.source_time DESC LIMIT 1
) AS newest ON true
ON CONFLICT (tag_id, resolution_s, bucket) DO UPDATE SET count = excluded.count, minimum = excluded.minimum,
    mean = excluded.mean, maximum = excluded.maximum, last = excluded.last;

-- set_latest: The newest value of each tag, where it is newer than the one known.
INSERT INTO tag_latest (tag_id, source_time, value, quality)
SELECT newest.tag_id, newest.source_time, newest.value, newest.quality
FROM unnest(%(tag_ids)b::integer[], %(times)b::timestamptz[], %(values)b::double precision[], %(qualities)b::smallint[])
    AS newest (tag_id, source_time, value, quality)
ON CONFLICT (tag_id) DO UPDATE SET source_time = excluded.source_time, value = excluded.value,
    quality = excluded.quality
WHERE excluded.source_time > tag_latest.source_time;
