-- alone: Be the only transaction that states results, or assigns waiting ones to a new batch, until this one ends.
SELECT pg_advisory_xact_lock(hashtext('qc_result'));

-- known: Whether this very statement is in the record.
SELECT 1 FROM qc_result WHERE digest = %(digest)s;

-- newest: What was stated last under this result's id.
SELECT value_text, status FROM qc_result WHERE result = %(result)s AND batch = %(batch)s AND attribute = %(attribute)s ORDER BY known_at DESC LIMIT 1;

-- contradicted: A valid result that says otherwise of the same specimen: drawn at another time, or at this time of another batch. A name that a sampling plan gives is given in every batch. A correction may say otherwise, and what it corrected may come after it.
SELECT other.result, other.batch, other.sampled_at
FROM qc_result AS other
WHERE other.specimen = %(specimen)s AND %(status)s <> 'invalidated'
    AND CASE WHEN other.batch = %(batch)s
        THEN other.sampled_at <> %(sampled_at)s AND (other.result, other.attribute) <> (%(result)s, %(attribute)s)
            AND %(status)s <> 'corrected'
            AND NOT EXISTS (
                SELECT FROM qc_result AS own
                WHERE own.result = %(result)s AND own.batch = %(batch)s AND own.attribute = %(attribute)s
                    AND own.status = 'corrected'
            )
        ELSE other.sampled_at = %(sampled_at)s
            AND NOT EXISTS (SELECT FROM sampling_plan WHERE sampling_plan.specimen = %(specimen)s)
    END
    AND EXISTS (
        SELECT FROM qc_result_now AS valid
        WHERE valid.batch = other.batch AND valid.attribute = other.attribute AND valid.result = other.result
            AND valid.qc_result_id = other.qc_result_id
    )
ORDER BY other.known_at
LIMIT 1;

-- insert: Record a statement of a result; without a batch of that name it waits for one.
INSERT INTO qc_result (result, batch, batch_id, specimen, attribute, method, value_text, value_number, censored,
    unit_of_measure, sampled_at, measured_at, status, replaces, retest_of, reason, stated_by, stated_at, reportable,
    received_time, known_at, chain_id, block_seq, entry, digest)
VALUES (%(result)s, %(batch)s, (SELECT batch_id FROM batch WHERE name = %(batch)s), %(specimen)s, %(attribute)s,
    %(method)s, %(value_text)s, %(value_number)s, %(censored)s, %(unit_of_measure)s, %(sampled_at)s, %(measured_at)s,
    %(status)s, %(replaces)s, %(retest_of)s, %(reason)s, %(stated_by)s, %(stated_at)s, %(reportable)s,
    %(received_time)s, %(known_at)s, %(chain_id)s, %(block_seq)s, %(entry)s, %(digest)s)
RETURNING qc_result_id;

-- insert_replicate: Record a measurement behind a reportable result.
INSERT INTO qc_replicate (qc_result_id, position, value_text, value_number, censored, valid, reason)
VALUES (%(qc_result_id)s, %(position)s, %(value_text)s, %(value_number)s, %(censored)s, %(valid)s, %(reason)s);
