-- procedures: Where and when a batch was made.
SELECT unit_procedure.unit_procedure_id, unit_procedure.unit_id, unit.name AS unit, unit_procedure.position_id,
    lower(unit_procedure.during) AS started, upper(unit_procedure.during) AS ended
FROM unit_procedure JOIN unit USING (unit_id)
WHERE unit_procedure.batch_id = %(batch_id)s
ORDER BY lower(unit_procedure.during);

-- reached: How far the plant's time is known to be complete and by which tick, and how many blocks that say more than the time wait for analysis.
SELECT gap_horizon.reached, gap_horizon.plant_time, gap_horizon.host_time, gap_horizon.rate,
    (SELECT count(*) FROM intake JOIN block USING (chain_id, seq)
        WHERE intake.ordinal > (SELECT position FROM consumer WHERE name = 'overviews')
            AND block.entries > (SELECT count(*) FROM block_tick
                WHERE block_tick.chain_id = block.chain_id AND block_tick.seq = block.seq))
    + (SELECT count(*) FROM chain
        CROSS JOIN LATERAL (
            SELECT coalesce(max(intake.seq), 0) AS seq FROM intake WHERE intake.chain_id = chain.chain_id
        ) AS taken
        JOIN block ON block.chain_id = chain.chain_id AND block.seq > taken.seq
            AND block.entries > (SELECT count(*) FROM block_tick
                WHERE block_tick.chain_id = block.chain_id AND block_tick.seq = block.seq)) AS waiting
FROM (SELECT) AS always LEFT JOIN gap_horizon ON true;

-- arrived: Readings of tags in some times and how they arrived: ten minutes at a time, both ends counted one by one.
SELECT asked.number::integer, sum(piece.readings)::bigint AS readings, sum(piece.late)::bigint AS late,
    sum(piece.imported)::bigint AS imported, sum(piece.bad)::bigint AS bad
FROM unnest(%(tag_ids)s::integer[], %(sinces)s::timestamptz[], %(untils)s::timestamptz[],
    %(wholes_from)s::timestamptz[], %(wholes_to)s::timestamptz[], %(late_after_s)s::double precision[])
    WITH ORDINALITY AS asked (tag_id, since, until, whole_from, whole_to, late_after_s, number)
CROSS JOIN LATERAL (
    -- Aggregates inside, so that each tag's own stretch of the index is read and nothing else.
    SELECT sum(readings) AS readings, sum(late) AS late, sum(imported) AS imported, sum(bad) AS bad
    FROM arrival
    WHERE arrival.tag_id = asked.tag_id AND arrival.bucket >= asked.whole_from AND arrival.bucket < asked.whole_to
    UNION ALL
    SELECT count(*), count(*) FILTER (WHERE chain.kind <> 'import' AND %(plant_time)s::timestamptz
            + (reading.received_time - %(host_time)s::timestamptz) * %(rate)s::double precision
            - reading.source_time > make_interval(secs => asked.late_after_s)),
        count(*) FILTER (WHERE chain.kind = 'import'), count(*) FILTER (WHERE reading.quality = 0)
    FROM (VALUES (asked.since, asked.whole_from), (asked.whole_to, asked.until)) AS edge (since, until)
    JOIN reading ON reading.tag_id = asked.tag_id AND reading.source_time >= edge.since
        AND reading.source_time < edge.until
    JOIN chain ON chain.chain_id = reading.chain_id
) AS piece
GROUP BY asked.number;

-- missing: What is missing of each tag of unit procedures by cause, as far as it had to come before a time.
SELECT tag_id, cause, count(*) AS gaps, sum(missing)::bigint AS missing,
    extract(epoch FROM max(to_time - from_time))::double precision AS longest_s
FROM tag_gap
WHERE filled_time IS NULL AND unit_procedure_id = ANY(%(unit_procedure_ids)s) AND to_time <= %(until)s
GROUP BY tag_id, cause;

-- lasting: Gaps of unit procedures that reach beyond a time.
SELECT unit_procedure_id, tag_id, cause, after_time, before_time, from_time, to_time FROM tag_gap
WHERE filled_time IS NULL AND unit_procedure_id = ANY(%(unit_procedure_ids)s) AND from_time < %(until)s
    AND (to_time IS NULL OR to_time > %(until)s)
ORDER BY tag_id, from_time;

-- gaps: The gaps of unit procedures as they are known now, the longest first.
SELECT tag_gap.tag_gap_id AS gap, tag.name AS tag, unit.name AS unit, tag_gap.from_time, tag_gap.to_time,
    tag_gap.missing, tag_gap.cause, tag_gap.evidence, tag_gap.found_time
FROM tag_gap JOIN tag USING (tag_id) JOIN unit ON unit.unit_id = tag.unit_id
WHERE tag_gap.filled_time IS NULL AND tag_gap.unit_procedure_id = ANY(%(unit_procedure_ids)s)
ORDER BY tag_gap.missing DESC NULLS FIRST, tag_gap.from_time, tag_gap.tag_gap_id
LIMIT %(limit)s;

-- late: The ten minutes of a batch in which a reading of a tag came late.
SELECT unit.name AS unit, tag.name AS tag, arrival.bucket
FROM unit_procedure
JOIN unit USING (unit_id)
JOIN tag ON tag.unit_id = unit_procedure.unit_id
    AND (tag.position_id IS NULL OR tag.position_id = unit_procedure.position_id)
JOIN arrival ON arrival.tag_id = tag.tag_id AND arrival.bucket >= lower(unit_procedure.during)
    AND arrival.bucket < %(until)s
WHERE unit_procedure.batch_id = %(batch_id)s AND arrival.late > 0
ORDER BY unit.name, tag.name, arrival.bucket;

-- again: How often each tag said again what the record held already, or otherwise, and what people put right of it.
SELECT asked.tag_id,
    (SELECT count(*) FROM reading_again CROSS JOIN LATERAL unnest(reading_again.tag_ids) AS said (tag_id)
        WHERE reading_again.unit_id = tag.unit_id AND reading_again.source_time >= asked.since
            AND reading_again.source_time < asked.until AND said.tag_id = asked.tag_id) AS again,
    (SELECT count(*) FROM reading_conflict WHERE reading_conflict.tag_id = asked.tag_id
        AND reading_conflict.source_time >= asked.since AND reading_conflict.source_time < asked.until) AS conflicts,
    (SELECT coalesce(sum(CASE WHEN out_of_order.first_time >= asked.since AND out_of_order.last_time < asked.until
            THEN out_of_order.readings ELSE (SELECT count(*) FROM reading WHERE reading.tag_id = asked.tag_id
                AND reading.source_time >= greatest(asked.since, out_of_order.first_time)
                AND reading.source_time < asked.until AND reading.source_time <= out_of_order.last_time
                AND reading.chain_id = out_of_order.chain_id AND reading.block_seq = out_of_order.block_seq) END), 0)
            ::bigint
        FROM out_of_order WHERE out_of_order.tag_id = asked.tag_id AND out_of_order.last_time >= asked.since
            AND out_of_order.first_time < asked.until) AS out_of_order,
    held.corrected, held.invalidated
FROM unnest(%(tag_ids)s::integer[], %(sinces)s::timestamptz[], %(untils)s::timestamptz[]) AS asked (tag_id, since, until)
JOIN tag USING (tag_id)
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE kind IN ('corrected', 'settled')) AS corrected,
        count(*) FILTER (WHERE kind = 'invalidated') AS invalidated
    FROM (
        SELECT DISTINCT ON (source_time) kind FROM reading_revision
        WHERE reading_revision.tag_id = asked.tag_id AND source_time >= asked.since AND source_time < asked.until
        ORDER BY source_time, sequence DESC
    ) AS newest
) AS held;

-- lags: How many readings of a unit or position fall into each bin of time between two clocks.
SELECT kind, bin::integer AS bin, sum(readings)::bigint AS readings, min(least_us) AS least_us, max(most_us) AS most_us
FROM (
    SELECT kind, bin, readings, least_us, most_us FROM arrival_lag
    WHERE unit_id = %(unit_id)s AND (position_id IS NULL OR position_id = %(position_id)s)
        AND bucket >= %(whole_from)s AND bucket < %(whole_to)s
    UNION ALL
    SELECT lag.kind, width_bucket(lag.us, %(edges)s::bigint[]), 1, lag.us, lag.us
    FROM tag
    CROSS JOIN (VALUES (%(started)s::timestamptz, %(whole_from)s::timestamptz),
        (%(whole_to)s::timestamptz, %(ended)s::timestamptz)) AS edge (since, until)
    CROSS JOIN LATERAL (  -- OFFSET 0 keeps it apart, so that each tag's own stretch is read and nothing else
        SELECT * FROM reading WHERE reading.tag_id = tag.tag_id AND reading.source_time >= edge.since
            AND reading.source_time < edge.until
        OFFSET 0
    ) AS reading
    JOIN chain ON chain.chain_id = reading.chain_id AND chain.kind <> 'import'
    JOIN block ON block.chain_id = reading.chain_id AND block.seq = reading.block_seq
    CROSS JOIN LATERAL (VALUES
        ('received', (extract(epoch FROM %(plant_time)s::timestamptz
            + (reading.received_time - %(host_time)s::timestamptz) * %(rate)s::double precision - reading.source_time)
            * 1000000)::bigint),
        ('committed', (extract(epoch FROM block.committed_time - reading.received_time) * 1000000)::bigint)
    ) AS lag (kind, us)
    WHERE tag.unit_id = %(unit_id)s AND (tag.position_id IS NULL OR tag.position_id = %(position_id)s)
) AS found
GROUP BY kind, bin
ORDER BY kind, bin;
