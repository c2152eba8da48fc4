-- insert: How a reading came from paper, once, where the reading in the record is this value.
INSERT INTO manual_entry (tag_id, source_time, value_text, capture_mode, checked, entered_by, entered_at, checked_by,
    checked_at, page_image, page_digest, time_resolution_s, value_resolution, chain_id, block_seq, entry)
SELECT %(tag_id)s, %(source_time)s, %(value_text)s, %(capture_mode)s, %(checked)s, %(entered_by)s, %(entered_at)s,
    %(checked_by)s, %(checked_at)s, %(page_image)s, %(page_digest)s, %(time_resolution_s)s, %(value_resolution)s,
    %(chain_id)s, %(block_seq)s, %(entry)s
WHERE EXISTS (
    SELECT FROM reading
    WHERE reading.tag_id = %(tag_id)s AND reading.source_time = %(source_time)s
        AND float8send(reading.value) = float8send(%(value)s::double precision)
)
ON CONFLICT (tag_id, source_time) DO NOTHING;

-- insert_disagreement: Two entries of one place that are not the same, once.
INSERT INTO entry_disagreement (tag_id, source_time, first_text, first_by, second_text, second_by, chain_id, block_seq,
    entry)
VALUES (%(tag_id)s, %(source_time)s, %(first_text)s, %(first_by)s, %(second_text)s, %(second_by)s, %(chain_id)s,
    %(block_seq)s, %(entry)s)
ON CONFLICT DO NOTHING;

-- told: What is known of the paper record of a batch, or of imported files.
WITH place AS (
    SELECT tag.tag_id, unit_procedure.during
    FROM unit_procedure
    JOIN tag ON tag.unit_id = unit_procedure.unit_id
        AND (tag.position_id IS NULL OR tag.position_id = unit_procedure.position_id)
    WHERE unit_procedure.batch_id = %(batch_id)s
), block AS (
    SELECT chain_id, block_seq FROM import_block WHERE import_file_id = ANY (%(import_file_ids)b::integer[])
), entry AS (
    SELECT manual_entry.*, extract(epoch FROM manual_entry.entered_at - manual_entry.source_time) AS delay_s
    FROM manual_entry
    WHERE EXISTS (
            SELECT FROM place WHERE place.tag_id = manual_entry.tag_id AND manual_entry.source_time <@ place.during
        )
        OR (manual_entry.chain_id, manual_entry.block_seq) IN (SELECT chain_id, block_seq FROM block)
), disagreement AS (
    SELECT tag_id, source_time, bool_or(first_text <> '' AND second_text <> '') AS is_pair
    FROM entry_disagreement
    WHERE EXISTS (
            SELECT FROM place
            WHERE place.tag_id = entry_disagreement.tag_id AND entry_disagreement.source_time <@ place.during
        )
        OR (entry_disagreement.chain_id, entry_disagreement.block_seq) IN (SELECT chain_id, block_seq FROM block)
    GROUP BY tag_id, source_time
)
SELECT count(*) AS readings,
    count(*) FILTER (WHERE checked = 'double_entry') AS double_entry,
    count(*) FILTER (WHERE checked = 'second_person') AS second_person,
    count(*) FILTER (WHERE checked = 'adjudicated') AS adjudicated,
    count(*) FILTER (WHERE checked = 'unchecked') AS unchecked,
    (SELECT count(*) FROM disagreement WHERE is_pair) AS disagreements,
    (SELECT count(*) FROM disagreement WHERE NOT is_pair) AS omissions,
    (
        SELECT count(*) FROM disagreement
        WHERE NOT EXISTS (
            SELECT FROM manual_entry AS settled
            WHERE settled.tag_id = disagreement.tag_id AND settled.source_time = disagreement.source_time
        )
    ) AS unsettled,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY delay_s)::double precision AS entry_delay_median_s,
    percentile_disc(0.95) WITHIN GROUP (ORDER BY delay_s)::double precision AS entry_delay_p95_s,
    max(delay_s)::double precision AS entry_delay_longest_s,
    max(time_resolution_s) AS time_resolution_s,
    count(DISTINCT page_image) AS pages,
    count(DISTINCT page_image) FILTER (WHERE page_digest IS NULL) AS pages_without_image
FROM entry;
