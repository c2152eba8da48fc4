-- known: Whether this very statement is in the record.
SELECT 1 FROM qc_result WHERE digest = %(digest)s;

-- newest: What was stated last under this result's id.
SELECT value_text, status FROM qc_result WHERE result = %(result)s AND batch = %(batch)s AND attribute = %(attribute)s ORDER BY known_at DESC LIMIT 1;

-- insert: Record a statement of a result; without a batch of that name it waits for one.
INSERT INTO qc_result (result, batch, batch_id, specimen, attribute, method, value_text, value_number, censored,
    unit_of_measure, sampled_at, measured_at, status, replaces, stated_by, received_time, known_at, chain_id,
    block_seq, entry, digest)
VALUES (%(result)s, %(batch)s, (SELECT batch_id FROM batch WHERE name = %(batch)s), %(specimen)s, %(attribute)s,
    %(method)s, %(value_text)s, %(value_number)s, %(censored)s, %(unit_of_measure)s, %(sampled_at)s, %(measured_at)s,
    %(status)s, %(replaces)s, %(stated_by)s, %(received_time)s, %(known_at)s, %(chain_id)s, %(block_seq)s, %(entry)s,
    %(digest)s);
