-- measures: Measurand and unit of measure of every tag that somebody described.
SELECT tag_id, measurand, unit_of_measure FROM tag_now WHERE mapped;

-- begin_run: Somebody imports something.
INSERT INTO import_run (actor, reason, mapping, mapping_digest) VALUES (%(actor)s, %(reason)s, %(mapping)s, %(digest)s)
RETURNING import_run_id;

-- end_run: All files of a run have been read to their ends.
UPDATE import_run SET ended_at = clock_timestamp() WHERE import_run_id = %(import_run_id)s;

-- add_file: A file that this run is the first to read in this way.
INSERT INTO import_file (import_run_id, name, digest, meaning_digest, bytes)
VALUES (%(import_run_id)s, %(name)s, %(digest)s, %(meaning_digest)s, %(bytes)s)
RETURNING import_file_id;

-- file: What became of a file's content so far, read in this way.
SELECT import_file_id, name, next_offset, next_line, ended_at, rows, stored, duplicates, conflicts, events, results,
    put_aside, without_value, skipped
FROM import_file WHERE digest = %(digest)s AND meaning_digest = %(meaning_digest)s;

-- earlier: When a file of that name was imported with other content, for the last time.
SELECT max(begun_at) FROM import_file WHERE name = %(name)s AND digest <> %(digest)s;

-- lock_file: Where reading a file goes on.
SELECT next_offset FROM import_file WHERE import_file_id = %(import_file_id)s FOR UPDATE;

-- advance_file: Move a file on by what a block took of it.
UPDATE import_file SET next_offset = %(next_offset)s, next_line = %(next_line)s, rows = rows + %(rows)s,
    stored = stored + %(stored)s, duplicates = duplicates + %(duplicates)s, conflicts = conflicts + %(conflicts)s,
    events = events + %(events)s, results = results + %(results)s, put_aside = put_aside + %(put_aside)s,
    without_value = without_value + %(without_value)s, skipped = skipped + %(skipped)s
WHERE import_file_id = %(import_file_id)s;

-- add_block: Which lines of a file a block of the journal holds.
INSERT INTO import_block (chain_id, block_seq, import_file_id, after_line, last_line)
VALUES (%(chain_id)s, %(block_seq)s, %(import_file_id)s, %(after_line)s, %(last_line)s);

-- end_file: A file has been read to its end.
UPDATE import_file SET ended_at = clock_timestamp() WHERE import_file_id = %(import_file_id)s;
