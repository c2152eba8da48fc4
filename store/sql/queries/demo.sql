-- people: Who has an account.
SELECT name FROM actor;

-- references_in_use: Which references judge anything now.
SELECT role FROM reference WHERE state = 'in_use';

-- digest: The hash of a reference, as its page shows it.
SELECT encode(digest, 'hex') FROM reference WHERE reference_id = %(reference_id)s;

-- alerts_told: Alerts that were told since the last look, in that order.
SELECT alert_told.told, alert_now.alert_id, coalesce(batch.name, alert_now.batches[1]), alert_now.kind, alert_now.tags,
    alert_now.phase_time_h, alert_now.sentence
FROM alert_told JOIN alert_now USING (alert_id) LEFT JOIN batch USING (batch_id)
WHERE alert_told.told > %(after)s ORDER BY alert_told.told;

-- totals: What is in the record, and how far analytics is behind.
SELECT (SELECT count(*) FROM reading), (SELECT count(*) FROM reading_conflict),
    (SELECT count(*) FROM quarantine JOIN chain USING (chain_id) WHERE chain.name <> 'import'),
    (SELECT coalesce(sum(last_seq - first_seq + 1), 0) FROM sequence_gap WHERE filled_time IS NULL),
    (SELECT count(*) FROM batch),
    (
        SELECT count(*) FROM block
        WHERE NOT EXISTS (SELECT FROM intake WHERE intake.chain_id = block.chain_id AND intake.seq = block.seq)
    )
    + (SELECT coalesce(max(ordinal), 0) FROM intake)
    - least((SELECT min(position) FROM consumer), (SELECT min(position) FROM monitor WHERE NOT closed AND NOT beside));
