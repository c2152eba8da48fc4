-- publishers: The newest sequence numbers of publishers since their boots, locked.
SELECT publisher.publisher, publisher.boot, publisher.last_seq, publisher.last_time
FROM unnest(%(publishers)b::text[], %(boots)b::bigint[]) AS heard (publisher, boot)
JOIN publisher USING (publisher, boot)
ORDER BY publisher.publisher, publisher.boot FOR UPDATE OF publisher;

-- move_on: Move publishers on, and note for which units they speak.
WITH units AS (
    INSERT INTO publisher_unit (publisher, unit_id, found_time)
    SELECT spoken.publisher, spoken.unit_id, %(found_time)s
    FROM unnest(%(speakers)b::text[], %(unit_ids)b::integer[]) AS spoken (publisher, unit_id)
    ON CONFLICT DO NOTHING
)
INSERT INTO publisher (publisher, boot, first_seq, last_seq, last_time, first_heard)
SELECT publisher, boot, first_seq, last_seq, last_time, %(found_time)s
FROM unnest(%(publishers)b::text[], %(boots)b::bigint[], %(first_seqs)b::bigint[], %(last_seqs)b::bigint[],
    %(last_times)b::timestamptz[]) AS heard (publisher, boot, first_seq, last_seq, last_time)
ON CONFLICT (publisher, boot) DO UPDATE SET last_seq = excluded.last_seq, last_time = excluded.last_time;

-- begun: How often each publisher began to count since an instant.
SELECT publisher, count(*) FROM publisher WHERE first_heard > %(since)s GROUP BY publisher;

-- open_gaps: What is still missing of a publisher where late numbers lie.
SELECT sequence_gap_id, first_seq, last_seq, after_time, before_time FROM sequence_gap
WHERE publisher = %(publisher)s AND boot = %(boot)s AND filled_time IS NULL
    AND first_seq <= %(last_late)s AND last_seq >= %(first_late)s
ORDER BY first_seq;

-- insert_gap: A range of messages that did not arrive.
INSERT INTO sequence_gap (publisher, boot, first_seq, last_seq, after_time, before_time, found_time)
VALUES (%(publisher)s, %(boot)s, %(first_seq)s, %(last_seq)s, %(after_time)s, %(before_time)s, %(found_time)s);

-- close_gap: Messages of this range arrived after all.
UPDATE sequence_gap SET filled_time = %(found_time)s WHERE sequence_gap_id = %(sequence_gap_id)s;
