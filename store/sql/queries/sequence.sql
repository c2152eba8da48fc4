-- publisher: The newest sequence number of a publisher since its boot, locked.
SELECT last_seq, last_time FROM publisher WHERE publisher = %(publisher)s AND boot = %(boot)s FOR UPDATE;

-- set_publisher: Move a publisher on.
INSERT INTO publisher (publisher, boot, first_seq, last_seq, last_time, first_heard)
VALUES (%(publisher)s, %(boot)s, %(first_seq)s, %(last_seq)s, %(last_time)s, %(found_time)s)
ON CONFLICT (publisher, boot) DO UPDATE SET last_seq = excluded.last_seq, last_time = excluded.last_time;

-- add_unit: A publisher speaks for a unit.
INSERT INTO publisher_unit (publisher, unit_id, found_time) VALUES (%(publisher)s, %(unit_id)s, %(found_time)s)
ON CONFLICT DO NOTHING;

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
