-- people: Who has an account.
SELECT name FROM actor;

-- references_in_use: Which references judge anything now.
SELECT role FROM reference WHERE state = 'in_use';

-- tags_of_process: The mapped tags that a process version's batches have readings of.
SELECT DISTINCT tag_now.name
FROM batch JOIN process_version USING (process_version_id) JOIN unit_procedure USING (batch_id)
JOIN tag_now ON tag_now.unit_id = unit_procedure.unit_id
    AND (tag_now.position_id IS NULL OR tag_now.position_id = unit_procedure.position_id)
WHERE process_version.name = %(process)s AND tag_now.mapped
ORDER BY tag_now.name;

-- corresponding_tags: The old tags that stand for a new one somewhere.
SELECT DISTINCT tag_old
FROM tag_correspondence JOIN manufacturing_change USING (manufacturing_change_id)
JOIN process_version ON process_version.process_version_id = manufacturing_change.from_process_version_id
WHERE process_version.name = %(process)s
ORDER BY tag_old;

-- new_alerts: Alerts raised since the last look.
SELECT alert_now.alert_id, batch.name, alert_now.kind, alert_now.tags, alert_now.phase_time_h, alert_now.sentence
FROM alert_now LEFT JOIN batch USING (batch_id)
WHERE alert_now.alert_id > %(after)s ORDER BY alert_now.alert_id;

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
    - least((SELECT min(position) FROM consumer), (SELECT min(position) FROM monitor WHERE NOT closed));
