-- tag_versions: What is said of tags from when to when: one row a version, none for tags nobody has described.
SELECT tag.tag_id, tag.unit_id, tag.position_id, tag.name, version.reporting_mode, version.interval_s,
    version.capture_mode, version.effective_from,
    lead(version.effective_from) OVER (PARTITION BY tag.tag_id ORDER BY version.effective_from) AS effective_until
FROM tag
JOIN LATERAL (
    SELECT DISTINCT ON (effective_from) * FROM tag_version
    WHERE tag_version.tag_id = tag.tag_id ORDER BY effective_from, known_at DESC
) AS version ON true
WHERE tag.unit_id = ANY(%(unit_ids)s)
ORDER BY tag.tag_id, version.effective_from;

-- places: Whose tags these are.
SELECT tag_id, unit_id, position_id FROM tag WHERE tag_id = ANY(%(tag_ids)s);

-- newest: The newest reading of tags before a stretch of the intake.
SELECT tag_id, source_time FROM tag_latest WHERE tag_id = ANY(%(tag_ids)s);

-- add_arrivals: Count readings of tags by ten minutes and by how they arrived.
INSERT INTO arrival (tag_id, bucket, readings, late, imported, bad)
SELECT * FROM unnest(%(tag_ids)b::integer[], %(buckets)b::timestamptz[], %(readings)b::integer[], %(late)b::integer[],
    %(imported)b::integer[], %(bad)b::integer[])
ON CONFLICT (tag_id, bucket) DO UPDATE SET readings = arrival.readings + excluded.readings,
    late = arrival.late + excluded.late, imported = arrival.imported + excluded.imported,
    bad = arrival.bad + excluded.bad;

-- add_lags: Count readings by the bin of a length of time.
INSERT INTO arrival_lag (unit_id, position_id, bucket, kind, bin, readings, least_us, most_us)
SELECT unit_id, nullif(position_id, 0), bucket, %(kind)s, bin, readings, least_us, most_us
FROM unnest(%(unit_ids)b::integer[], %(position_ids)b::integer[], %(buckets)b::timestamptz[], %(bins)b::smallint[],
    %(readings)b::integer[], %(least_us)b::bigint[], %(most_us)b::bigint[])
    AS fresh (unit_id, position_id, bucket, bin, readings, least_us, most_us)
ON CONFLICT (unit_id, position_id, bucket, kind, bin) DO UPDATE SET
    readings = arrival_lag.readings + excluded.readings, least_us = least(arrival_lag.least_us, excluded.least_us),
    most_us = greatest(arrival_lag.most_us, excluded.most_us);

-- add_out_of_order: Readings of a block that came after later ones of their tag.
INSERT INTO out_of_order (tag_id, chain_id, block_seq, first_time, last_time, readings)
SELECT * FROM unnest(%(tag_ids)b::integer[], %(chain_ids)b::smallint[], %(block_seqs)b::bigint[],
    %(first_times)b::timestamptz[], %(last_times)b::timestamptz[], %(readings)b::integer[])
ON CONFLICT DO NOTHING;
