-- copy: Readings straight into the table.
COPY reading (tag_id, source_time, value, quality, received_time, chain_id, block_seq) FROM STDIN (FORMAT binary);

-- create_incoming: Where a block with duplicates waits.
CREATE TEMPORARY TABLE IF NOT EXISTS incoming_reading (
    tag_id integer, source_time timestamptz, value double precision, quality smallint, received_time timestamptz,
    chain_id smallint, block_seq bigint
) ON COMMIT DELETE ROWS;

-- truncate_incoming: Make room for the next attempt inside one transaction.
TRUNCATE incoming_reading;

-- copy_incoming: Readings into the waiting table.
COPY incoming_reading (tag_id, source_time, value, quality, received_time, chain_id, block_seq)
FROM STDIN (FORMAT binary);

-- insert_incoming: Store what is new and say what that was, times in microseconds since 1970.
INSERT INTO reading (tag_id, source_time, value, quality, received_time, chain_id, block_seq)
SELECT tag_id, source_time, value, quality, received_time, chain_id, block_seq
FROM incoming_reading ORDER BY tag_id, source_time
ON CONFLICT (tag_id, source_time) DO NOTHING
RETURNING tag_id, (extract(epoch FROM source_time) * 1000000)::bigint;

-- differing: Which of these readings, by their place in the lists, are not stored bit by bit as they are.
SELECT again.ordinal
FROM unnest(%(tag_ids)b::integer[], %(source_us)b::bigint[], %(readings)b::double precision[], %(qualities)b::smallint[])
    WITH ORDINALITY AS again (tag_id, source_us, value, quality, ordinal)
WHERE NOT EXISTS (
    SELECT FROM reading
    WHERE reading.tag_id = again.tag_id
        AND reading.source_time = timestamptz 'epoch' + again.source_us * interval '1 microsecond'
        AND float8send(reading.value) = float8send(again.value) AND reading.quality = again.quality
)
ORDER BY again.ordinal;

-- insert_conflict: Keep a value that differs in any bit from the stored one of the same tag and instant, once.
INSERT INTO reading_conflict (tag_id, source_time, value, quality, received_time, chain_id, block_seq, entry)
SELECT %(tag_id)s, %(source_time)s, %(value)s, %(quality)s, %(received_time)s, %(chain_id)s, %(block_seq)s, %(entry)s
WHERE NOT EXISTS (
    SELECT FROM reading
    WHERE reading.tag_id = %(tag_id)s AND reading.source_time = %(source_time)s
        AND float8send(reading.value) = float8send(%(value)s::double precision) AND reading.quality = %(quality)s
)
ON CONFLICT DO NOTHING;

-- insert_again: Readings of one object for which the record held a value already, the same one or another.
INSERT INTO reading_again (chain_id, block_seq, entry, unit_id, source_time, tag_ids)
VALUES (%(chain_id)s, %(block_seq)s, %(entry)s, %(unit_id)s, %(source_time)s, %(tag_ids)s);
