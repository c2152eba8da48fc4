-- resolutions: The resolutions at which a tag has an overview, without reading the overview.
WITH RECURSIVE next AS (
    SELECT min(resolution_s) AS resolution_s FROM overview WHERE tag_id = %(tag_id)s
    UNION ALL
    SELECT (SELECT min(resolution_s) FROM overview
        WHERE tag_id = %(tag_id)s AND overview.resolution_s > next.resolution_s)
    FROM next WHERE next.resolution_s IS NOT NULL
)
SELECT resolution_s FROM next WHERE resolution_s IS NOT NULL ORDER BY resolution_s;

-- few: How many usable readings there are of these tags between two times, counted no further than a cap.
SELECT count(*) AS readings FROM (
    SELECT FROM reading_now
    WHERE tag_id = ANY(%(tag_ids)s) AND quality > 0 AND source_time >= %(started)s AND source_time < %(ended)s
    LIMIT %(cap)s
) AS counted;

-- readings: Usable readings of tags between two times as they hold now, in order of time, with how many were corrected.
SELECT tag_id, source_time AS time, value, value AS minimum, value AS maximum,
    (coalesce(revised, 'reinstated') <> 'reinstated')::integer AS corrected
FROM reading_now
WHERE tag_id = ANY(%(tag_ids)s) AND quality > 0 AND source_time >= %(started)s AND source_time < %(ended)s
ORDER BY source_time, tag_id
LIMIT %(limit)s;

-- steps: Readings of tags by steps of time, from the overview in whole buckets and from the readings at both ends.
WITH piece AS (
    SELECT tag_id, bucket AS time, minimum, mean * count AS sum, maximum, count
    FROM overview
    WHERE tag_id = ANY(%(tag_ids)s) AND resolution_s = %(resolution_s)s
        AND bucket >= %(whole_from)s AND bucket < %(whole_to)s
    UNION ALL
    SELECT tag_id, source_time, value, value, value, 1 FROM reading_now
    WHERE tag_id = ANY(%(tag_ids)s) AND quality > 0
        AND source_time >= %(started)s AND source_time < %(head_to)s
    UNION ALL
    SELECT tag_id, source_time, value, value, value, 1 FROM reading_now
    WHERE tag_id = ANY(%(tag_ids)s) AND quality > 0
        AND source_time >= %(tail_from)s AND source_time < %(ended)s
), step AS (
    SELECT tag_id, date_bin(make_interval(secs => %(step_s)s), time, 'epoch') AS bin, sum(sum) / sum(count) AS value,
        min(minimum) AS minimum, max(maximum) AS maximum
    FROM piece
    GROUP BY tag_id, bin
    HAVING sum(count) > 0
), revised AS (
    SELECT tag_id, date_bin(make_interval(secs => %(step_s)s), source_time, 'epoch') AS bin, count(*) AS corrected
    FROM reading_revision AS newest
    WHERE tag_id = ANY(%(tag_ids)s) AND source_time >= %(started)s AND source_time < %(ended)s
        AND kind <> 'reinstated'
        AND NOT EXISTS (
            SELECT FROM reading_revision AS later
            WHERE later.tag_id = newest.tag_id AND later.source_time = newest.source_time
                AND later.sequence > newest.sequence
        )
    GROUP BY tag_id, bin
)
SELECT tag_id, greatest(bin, %(started)s) AS time, value, minimum, maximum, coalesce(corrected, 0) AS corrected
FROM step LEFT JOIN revised USING (tag_id, bin)
ORDER BY time, tag_id
LIMIT %(limit)s;

-- as_known: Usable readings by steps as they were known at an instant, as corrected by then or as they arrived.
SELECT known.tag_id,
    CASE WHEN %(step_s)s > 0
        THEN greatest(date_bin(make_interval(secs => greatest(%(step_s)s, 1)), source_time, 'epoch'), %(started)s)
        ELSE source_time END AS time,
    avg(value) AS value, min(value) AS minimum, max(value) AS maximum, count(*) FILTER (WHERE corrected) AS corrected
FROM (
    SELECT reading.tag_id, reading.source_time, coalesce(revision.value, reading.value) AS value,
        coalesce(revision.quality, reading.quality) AS quality,
        coalesce(revision.kind, 'reinstated') <> 'reinstated' AS corrected
    FROM reading
    JOIN block ON block.chain_id = reading.chain_id AND block.seq = reading.block_seq
    LEFT JOIN LATERAL (
        SELECT * FROM reading_revision
        WHERE reading_revision.tag_id = reading.tag_id AND reading_revision.source_time = reading.source_time
            AND reading_revision.known_at <= %(known_at)s AND NOT %(original)s
        ORDER BY sequence DESC LIMIT 1
    ) AS revision ON true
    WHERE reading.tag_id = ANY(%(tag_ids)s) AND reading.source_time >= %(started)s
        AND reading.source_time < %(ended)s AND block.committed_time <= %(known_at)s
) AS known
WHERE quality > 0
GROUP BY known.tag_id, time
ORDER BY time, known.tag_id
LIMIT %(limit)s;

-- curves: The band of one tag in the new reference, and the matched points in the old one of the tag that stands for it.
SELECT reference.role, reference.name, encode(reference.digest, 'hex') AS digest, reference.software,
    (SELECT count(*) FROM reference_batch WHERE reference_batch.reference_id = reference.reference_id) AS batches,
    CASE reference.role WHEN 'new' THEN reference.curves -> 'tags' -> %(tag)s
        ELSE reference.curves -> 'points' -> matched.tag_old END AS curve,
    matched.tag_old, matched.phases, reference.curves -> 'course' AS course, watching.path, watching.started_us
FROM reference
LEFT JOIN LATERAL (
    SELECT monitor.snapshot -> 'path' AS path, (monitor.configuration ->> 'started_us')::bigint AS started_us
    FROM monitor
    WHERE monitor.batch_id = %(batch_id)s AND monitor.until_ordinal IS NULL
        AND monitor.reference_new_id = reference.reference_id
    ORDER BY monitor.monitor_id DESC LIMIT 1
) AS watching ON true
LEFT JOIN LATERAL (
    SELECT tag_correspondence.tag_old, array_agg(tag_correspondence.phase) AS phases
    FROM tag_correspondence JOIN manufacturing_change USING (manufacturing_change_id)
    WHERE reference.role = 'old' AND tag_correspondence.tag_new = %(tag)s
        AND manufacturing_change.to_process_version_id = reference.process_version_id
    GROUP BY tag_correspondence.tag_old LIMIT 1
) AS matched ON true
WHERE reference.reference_id IN (
    SELECT unnest(ARRAY[monitor.reference_new_id, monitor.reference_old_id])
    FROM monitor WHERE monitor.batch_id = %(batch_id)s AND monitor.until_ordinal IS NULL
) OR (reference.process_version_id = %(process_version_id)s AND reference.state = 'in_use'
    AND NOT EXISTS (SELECT FROM monitor WHERE monitor.batch_id = %(batch_id)s AND monitor.until_ordinal IS NULL))
ORDER BY reference.role, reference.reference_id;

-- ranges: The approved ranges of a tag in its own unit that were in force when the batch began.
SELECT kind, low, high, unit_of_measure FROM (
    SELECT DISTINCT ON (kind) kind, low, high, unit_of_measure FROM limit_version
    WHERE process_version_id = %(process_version_id)s AND tag = %(tag)s
        AND kind IN ('proven_acceptable_range', 'normal_operating_range') AND effective_from <= %(started)s
    ORDER BY kind, effective_from DESC, known_at DESC
) AS in_force
WHERE unit_of_measure = %(unit_of_measure)s
ORDER BY kind;
