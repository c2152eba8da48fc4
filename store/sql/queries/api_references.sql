-- list: All references, the newest first.
SELECT reference.reference_id AS reference, reference.name, reference.role, process_version.name AS process,
    reference.unit_kind, reference.state, encode(reference.digest, 'hex') AS digest, reference.software, reference.drafted_by,
    reference.known_at, (
        SELECT count(*) FROM reference_batch WHERE reference_batch.reference_id = reference.reference_id
    ) AS batches
FROM reference JOIN process_version USING (process_version_id)
WHERE %(reference_id)s::integer IS NULL OR reference.reference_id = %(reference_id)s
ORDER BY reference.reference_id DESC;

-- review: The review packet of a reference.
SELECT review FROM reference WHERE reference_id = %(reference_id)s;

-- decisions: Who moved a reference on, when and why.
SELECT reference_decision.state, reference_decision.actor, actor.printed_name, reference_decision.reason,
    reference_decision.known_at
FROM reference_decision LEFT JOIN actor ON actor.name = reference_decision.actor
WHERE reference_decision.reference_id = %(reference_id)s ORDER BY reference_decision.known_at;

-- changed: Batches whose readings somebody corrected since a reference learned from them.
SELECT batch.name FROM reference_input_changed JOIN batch USING (batch_id)
WHERE reference_input_changed.reference_id = %(reference_id)s ORDER BY batch.name;
